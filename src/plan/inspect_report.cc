#include "plan/inspect_report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <iterator>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "checkpoint/model_directory.h"
#include "checkpoint/shard_index.h"
#include "checkpoint/v4/config_presets.h"
#include "checkpoint/v4/memory_needs.h"

namespace hadal {
namespace {

constexpr std::array<int64_t, 3> kTokenMarks = {8'192, 131'072, 1'048'576};

// 12345 -> "12,345"
std::string grouped(int64_t value) {
  std::string text = std::to_string(value);
  for (int64_t i = static_cast<int64_t>(text.size()) - 3; i > 0; i -= 3) {
    text.insert(static_cast<size_t>(i), ",");
  }
  return text;
}

double gib(int64_t bytes) { return static_cast<double>(bytes) / (1 << 30); }
double mib(int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

// Bytes in the unit that gives a readable number.
std::string size_text(int64_t bytes) {
  if (bytes >= int64_t{1} << 30) return fmt::format("{:.2f} GiB", gib(bytes));
  if (bytes >= int64_t{1} << 20) return fmt::format("{:.2f} MiB", mib(bytes));
  if (bytes >= int64_t{1} << 10)
    return fmt::format("{:.2f} KiB", static_cast<double>(bytes) / 1024);
  return fmt::format("{} B", bytes);
}

std::string count_text(int64_t value) {
  const auto number = static_cast<double>(value);
  if (value >= 1'000'000'000'000) return fmt::format("{:.3f} trillion", number / 1e12);
  if (value >= 1'000'000'000) return fmt::format("{:.2f} billion", number / 1e9);
  if (value >= 1'000'000) return fmt::format("{:.2f} million", number / 1e6);
  return grouped(value);
}

// 3514.25 -> "3,514.3": one decimal, halves away from zero.
std::string tenths_text(double value) {
  const auto tenths = static_cast<int64_t>(std::llround(value * 10));
  return fmt::format("{}.{}", grouped(tenths / 10), tenths % 10);
}

double percent(int64_t part, int64_t whole) {
  return 100 * static_cast<double>(part) / static_cast<double>(whole);
}

// The released model that has this config, whatever its drafter; empty for any other.
std::string released_name(ModelConfig config) {
  for (const auto& [preset, name] :
       {std::pair("pro", "DeepSeek-V4-Pro"), std::pair("flash", "DeepSeek-V4-Flash")}) {
    const ModelConfig released = preset_config(preset);
    config.drafter = released.drafter;
    config.drafter_stages = released.drafter_stages;
    config.dspark = released.dspark;
    if (config_to_json(config) == config_to_json(released)) return name;
  }
  return "";
}

std::string drafter_costs(const InspectReport& report, std::string_view unit) {
  const ModelConfig& config = report.config;
  return fmt::format("; {} of weights, {} a sequence, reads {} for {}",
                     size_text(report.totals.part(Part::kMtp)),
                     size_text(drafter_state_bytes(config)),
                     size_text(drafter_read_bytes(config, report.totals)), unit);
}

std::string drafter_text(const InspectReport& report) {
  switch (report.config.drafter) {
    case DrafterKind::kNone:
      return "none";
    case DrafterKind::kMtp:
      return "MTP block" + drafter_costs(report, "a guess");
    case DrafterKind::kDspark:
      if (report.config.usable_stages() > 0) {
        return fmt::format("DSpark, {} stages, blocks of {}{}", report.config.drafter_stages,
                           report.config.dspark.block_size, drafter_costs(report, "a block"));
      }
      return fmt::format(
          "DSpark, {} stages; not used: config.json does not describe it{}",
          report.config.drafter_stages,
          report.has_weights
              ? fmt::format(" ({} tensors)", grouped(static_cast<int64_t>(report.unused_tensors)))
              : "");
  }
  return "";
}

std::string weights_text(const InspectReport& report) {
  if (!report.has_weights) {
    return "none in this directory; all figures below follow from config.json";
  }
  return fmt::format("{} shard{}, all tensors present and as config.json says{}", report.shards,
                     report.shards == 1 ? "" : "s",
                     report.verified ? "; every scale and floating-point weight is a number" : "");
}

std::string tokenizer_text(const InspectTokenizer& tokenizer) {
  if (!tokenizer.fault.empty()) {
    return fmt::format(
        "{}: hadal run, serve and text cannot use this model; {}",
        tokenizer.present ? "tokenizer.json cannot be used" : "tokenizer.json is missing",
        tokenizer.fault);
  }
  return fmt::format("{} tokens", grouped(tokenizer.tokens));
}

std::string unknown_fields_text(const ModelConfig& config) {
  std::string names;
  for (const std::string& name : config.unknown_fields) {
    names += (names.empty() ? "" : ", ") + printable(name, 60);
  }
  return "also holds fields that hadal does not know and does not use: " + printable(names, 600);
}

// Two columns: what it is, and its value.
class Section {
 public:
  Section(std::string& out, const std::string& title) : out_(out) { out_ += "\n" + title + "\n"; }
  void line(const std::string& name, const std::string& value) {
    out_ += fmt::format("  {:<20} {}\n", name, value);
  }

 private:
  std::string& out_;
};

void add_architecture(std::string& out, const InspectReport& report) {
  const ModelConfig& c = report.config;
  Section section(out, "Architecture");
  section.line("layers", fmt::format("{}: {} window only, {} CSA (ratio 4), {} HCA (ratio 128)",
                                     c.layers, c.count(LayerKind::kWindow),
                                     c.count(LayerKind::kCsa), c.count(LayerKind::kHca)));
  section.line("hidden size", fmt::format("{} in {} residual streams, {} Sinkhorn iterations",
                                          grouped(c.hidden_size), c.hc_mult, c.hc_sinkhorn_iters));
  section.line("attention", fmt::format("{} heads x {} ({} rotated), query rank {}, {} output "
                                        "groups of rank {}",
                                        c.heads, c.head_dim, c.rope_dim, grouped(c.q_lora_rank),
                                        c.o_groups, grouped(c.o_lora_rank)));
  section.line("window", fmt::format("{} tokens", grouped(c.window)));
  section.line("indexer", fmt::format("{} heads x {}, top {}", c.index_heads, c.index_head_dim,
                                      grouped(c.index_topk)));
  section.line("experts",
               fmt::format("{} routed, {} per token, {} shared, width {}; {} layer{} routed by "
                           "token id",
                           c.routed_experts, c.experts_per_token, c.shared_experts,
                           grouped(c.expert_width), c.hash_layers, c.hash_layers == 1 ? "" : "s"));
  section.line(
      "positions",
      fmt::format("rope base {}, {} in compressed layers{}", c.rope_theta, c.compress_rope_theta,
                  c.yarn.factor > 1 ? fmt::format(" with YaRN factor {} over {}", c.yarn.factor,
                                                  grouped(c.yarn.original_positions))
                                    : ""));
  section.line("vocabulary", grouped(c.vocab_size));
  section.line("context", fmt::format("{} tokens", grouped(c.max_positions)));
  section.line("drafter", drafter_text(report));
}

void add_parameters(std::string& out, const InspectReport& report) {
  const CatalogueTotals& totals = report.totals;
  Section section(out, "Parameters (FP4 counted singly, without scales)");
  section.line("model", fmt::format("{:>19}   {}", grouped(totals.parameters),
                                    count_text(totals.parameters)));
  if (totals.drafter_parameters > 0) {
    section.line("drafter", fmt::format("{:>19}   {}", grouped(totals.drafter_parameters),
                                        count_text(totals.drafter_parameters)));
  }
  section.line("active per token",
               fmt::format("{:>19}   {} ({:.2f} %)", grouped(totals.active_parameters),
                           count_text(totals.active_parameters),
                           percent(totals.active_parameters, totals.parameters)));
  section.line("one routed expert",
               fmt::format("{:>19}   {}, {}", grouped(totals.expert_parameters),
                           count_text(totals.expert_parameters), size_text(totals.expert_bytes)));
}

void add_parts(std::string& out, const InspectReport& report) {
  const CatalogueTotals& totals = report.totals;
  Section section(out, "Bytes by part");
  for (size_t i = 0; i < kPartCount; ++i) {
    const auto part = static_cast<Part>(i);
    const int64_t bytes = totals.part(part);
    if (bytes == 0) continue;
    section.line(std::string(part_name(part)),
                 fmt::format("{:>19} {:>14} {:>7.2f} %", grouped(bytes), size_text(bytes),
                             percent(bytes, totals.bytes)));
  }
  section.line("total", fmt::format("{:>19} {:>14}   in {} tensors", grouped(totals.bytes),
                                    size_text(totals.bytes), grouped(totals.tensors)));
  section.line("read per token", fmt::format("{:>19} {:>14}", grouped(totals.active_bytes),
                                             size_text(totals.active_bytes)));
}

// Sequences of `tokens` tokens that the plan's cache holds at once.
int64_t sequences_in_cache(const InspectReport& report, int64_t tokens) {
  return report.plan.cache_bytes / sequence_bytes(report.config, tokens);
}

void add_cache(std::string& out, const InspectReport& report) {
  const ModelConfig& c = report.config;
  Section section(out, "KV cache of one sequence");
  section.line("per token", tenths_text(kv_bytes_per_token(c)) + " B");
  section.line("entry, index key",
               fmt::format("{} B, {} B", kv_entry_bytes(c), index_key_bytes(c)));
  for (const int64_t tokens : kTokenMarks) {
    const int64_t bytes = kv_bytes(c, tokens);
    section.line(fmt::format("at {}", grouped(tokens)),
                 fmt::format("{:>16} B {:>12.2f} MiB {:>9.0f} B/token{}", grouped(bytes),
                             mib(bytes), static_cast<double>(bytes) / static_cast<double>(tokens),
                             tokens > c.max_positions ? "   (past the model's context)" : ""));
  }
  section.line("window, constant", size_text(kv_window_bytes(c)));
  section.line("besides",
               fmt::format("{} compressor state{}", size_text(compressor_state_bytes(c)),
                           drafter_state_bytes(c) > 0
                               ? ", " + size_text(drafter_state_bytes(c)) + " of the drafter"
                               : ""));
}

std::string verdict_text(const InspectReport& report) {
  const MemoryPlan& plan = report.plan;
  switch (plan.fit) {
    case Fit::kFits:
      return fmt::format(
          "fits: the weights stay in memory, and {} of cache {}", size_text(plan.cache_bytes),
          plan.cache_tokens >= report.config.max_positions
              ? fmt::format("hold {} at full context",
                            sequences_in_cache(report, report.config.max_positions) == 1
                                ? std::string("one sequence")
                                : grouped(sequences_in_cache(report, report.config.max_positions)) +
                                      " sequences")
              : fmt::format("hold {} tokens of one sequence", grouped(plan.cache_tokens)));
    case Fit::kNoCache:
      return fmt::format("tight: the weights fit, but only {} remain for the cache",
                         size_text(plan.cache_bytes));
    case Fit::kFromDisk:
      return fmt::format(
          "does not fit: {} of weights are read from disk over and over, about {} for each token",
          size_text(plan.weight_bytes - (plan.machine_bytes - plan.reserve_bytes)),
          size_text(plan.disk_bytes_per_token));
    case Fit::kTooSmall:
      return fmt::format("does not start: {} is too little; {}", describe(plan.bound),
                         how_to_raise(plan.bound));
  }
  return "";
}

const char* fit_name(Fit fit) {
  switch (fit) {
    case Fit::kFits:
      return "fits";
    case Fit::kNoCache:
      return "no_cache";
    case Fit::kFromDisk:
      return "from_disk";
    case Fit::kTooSmall:
      return "too_small";
  }
  return "";
}

void add_plan(std::string& out, const InspectReport& report) {
  const MemoryPlan& plan = report.plan;
  Section section(out, "Memory plan for this machine");
  section.line("limit", fmt::format("{:>12}   {}", size_text(plan.machine_bytes), plan.bound.name));
  section.line("system, scratch", fmt::format("{:>12}", size_text(plan.reserve_bytes)));
  section.line("weights, mapped", fmt::format("{:>12}", size_text(plan.weight_bytes)));
  section.line("left for the cache", fmt::format("{:>12}", size_text(plan.cache_bytes)));
  for (const int64_t mark : kTokenMarks) {
    const int64_t tokens = std::min<int64_t>(mark, report.config.max_positions);
    section.line(fmt::format("sequences of {}", grouped(tokens)),
                 fmt::format("{:>12}", grouped(sequences_in_cache(report, tokens))));
    if (tokens == report.config.max_positions) break;
  }
  out += "  " + verdict_text(report) + "\n";
  out += "  " + report.threads + "\n";
}

}  // namespace

InspectReport inspect_model(const std::filesystem::path& path, const InspectOptions& options) {
  const std::filesystem::path model_dir = resolve_model_directory(path);
  InspectReport report;
  report.directory = model_dir.string();
  report.config = load_config(model_dir);
  report.has_weights = has_weights(model_dir);
  if (report.has_weights || options.verify) {
    const Checkpoint checkpoint = Checkpoint::open(model_dir);
    if (options.verify) checkpoint.verify(options.progress);
    report.verified = options.verify;
    report.config = checkpoint.config();
    report.shards = checkpoint.shard_count();
    report.unused_tensors = checkpoint.unused_tensors().size();
    report.notes = checkpoint.notes();
    report.fingerprint = checkpoint.fingerprint();
  }
  report.totals = catalogue_totals(report.config);
  report.plan = plan_memory(report.config, report.totals, options.memory);
  report.threads = options.threads;
  return report;
}

std::string inspect_text(const InspectReport& report) {
  const std::string name = released_name(report.config);
  std::string out = fmt::format(
      "{}: {} parameters, {} active per token\n", name.empty() ? "A DeepSeek V4 model" : name,
      count_text(report.totals.parameters), count_text(report.totals.active_parameters));
  out += fmt::format("  {:<20} {}\n", "directory", printable(report.directory));
  out += fmt::format("  {:<20} {}\n", "weights", weights_text(report));
  if (report.has_weights)
    out += fmt::format("  {:<20} {}\n", "fingerprint", to_hex(report.fingerprint));
  if (report.tokenizer) {
    out += fmt::format("  {:<20} {}\n", "tokenizer", tokenizer_text(*report.tokenizer));
  }
  if (!report.config.unknown_fields.empty()) {
    out += fmt::format("  {:<20} {}\n", "config.json", unknown_fields_text(report.config));
  }
  for (const std::string& note : report.notes) out += fmt::format("  {:<20} {}\n", "note", note);
  add_architecture(out, report);
  add_parameters(out, report);
  add_parts(out, report);
  add_cache(out, report);
  add_plan(out, report);
  return out;
}

std::string inspect_json(const InspectReport& report) {
  using Json = nlohmann::ordered_json;
  const ModelConfig& c = report.config;
  const CatalogueTotals& totals = report.totals;
  Json json;
  json["directory"] = report.directory;
  json["released_model"] = released_name(c);
  json["weights"] = {
      {"present", report.has_weights},
      {"verified", report.verified},
      {"shards", report.shards},
      {"unused_tensors", report.unused_tensors},
      {"fingerprint", report.has_weights ? Json(to_hex(report.fingerprint)) : Json(nullptr)}};
  if (report.tokenizer) {
    const InspectTokenizer& tokenizer = *report.tokenizer;
    json["tokenizer"] = {
        {"present", tokenizer.present},
        {"usable", tokenizer.fault.empty()},
        {"tokens", tokenizer.tokens},
        {"fault", tokenizer.fault.empty() ? Json(nullptr) : Json(tokenizer.fault)}};
  }
  json["notes"] = report.notes;
  json["unknown_config_fields"] = c.unknown_fields;
  json["drafter"] = {{"kind", c.drafter == DrafterKind::kMtp      ? "mtp"
                              : c.drafter == DrafterKind::kDspark ? "dspark"
                                                                  : "none"},
                     {"stages", c.drafter_stages},
                     {"used", c.usable_stages() > 0},
                     {"bytes", totals.part(Part::kMtp)},
                     {"sequence_bytes", drafter_state_bytes(c)},
                     {"read_bytes", drafter_read_bytes(c, totals)}};
  if (c.dspark.block_size > 0) json["drafter"]["block_size"] = c.dspark.block_size;
  json["config"] = Json::parse(config_to_json(c));
  json["layers"] = {{"total", c.layers},
                    {"window", c.count(LayerKind::kWindow)},
                    {"csa", c.count(LayerKind::kCsa)},
                    {"hca", c.count(LayerKind::kHca)}};
  json["parameters"] = {{"model", totals.parameters},
                        {"drafter", totals.drafter_parameters},
                        {"active_per_token", totals.active_parameters},
                        {"routed_expert", totals.expert_parameters}};
  Json parts;
  for (size_t i = 0; i < kPartCount; ++i) {
    parts[std::string(part_name(static_cast<Part>(i)))] = totals.part(static_cast<Part>(i));
  }
  json["tensors"] = totals.tensors;
  json["stored_elements"] = totals.elements;
  json["bytes"] = {{"total", totals.bytes},
                   {"by_part", parts},
                   {"read_per_token", totals.active_bytes},
                   {"routed_expert", totals.expert_bytes}};
  Json marks = Json::array();
  for (const int64_t tokens : kTokenMarks) {
    marks.push_back({{"tokens", tokens},
                     {"bytes", kv_bytes(c, tokens)},
                     {"sequence_bytes", sequence_bytes(c, tokens)},
                     {"sequences_in_memory", sequences_in_cache(report, tokens)}});
  }
  json["kv_cache"] = {{"bytes_per_token", kv_bytes_per_token(c)},
                      {"entry_bytes", kv_entry_bytes(c)},
                      {"index_key_bytes", index_key_bytes(c)},
                      {"at", marks},
                      {"window_bytes", kv_window_bytes(c)},
                      {"compressor_state_bytes", compressor_state_bytes(c)},
                      {"drafter_bytes", drafter_state_bytes(c)}};
  json["threads"] = report.threads;
  json["memory_plan"] = {{"machine_bytes", report.plan.machine_bytes},
                         {"limited_by", report.plan.bound.name},
                         {"reserve_bytes", report.plan.reserve_bytes},
                         {"weight_bytes", report.plan.weight_bytes},
                         {"cache_bytes", report.plan.cache_bytes},
                         {"cache_tokens", report.plan.cache_tokens},
                         {"disk_bytes_per_token", report.plan.disk_bytes_per_token},
                         {"fit", fit_name(report.plan.fit)},
                         {"verdict", verdict_text(report)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace hadal
