#include "measure/exchange/inferencex_row.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "json/python_json.h"
#include "measure/exchange/record_json.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

struct Family {
  std::string_view stem;
  MetricName name;
};

// Fixed-length runs: the client's own definitions. Agentic runs: those of AIPerf, whose time
// between tokens is one mean per request.
constexpr std::array kFixedFamilies = {
    Family{"ttft", metric::kTtft},
    Family{"tpot", metric::kTpot},
    Family{"itl", metric::kItl},
    Family{"e2el", metric::kE2e},
    Family{"intvty", metric::kInteractivity},
};
constexpr std::array kAgenticFamilies = {
    Family{"ttft", metric::kTtft},
    Family{"tpot", metric::kTpot},
    Family{"itl", metric::kItlPerRequest},
    Family{"e2el", metric::kE2e},
    Family{"intvty", {"inferencex.intvty/1", "tokens/s"}},
    Family{"e2e_norm_intvty", metric::kInteractivityE2e},
    Family{"full_response_itl", {"inferencex.full_response_itl/1", "s"}},
    Family{"full_response_intvty", {"inferencex.full_response_intvty/1", "tokens/s"}},
    Family{"qps", {"inferencex.requests_per_second_window/1", "requests/s"}},
    Family{"input_tokens", metric::kInputTokens},
    Family{"output_tokens_actual", metric::kOutputTokens},
    Family{"output_tokens_expected", {"inferencex.expected_output_tokens/1", "tokens"}},
};

std::optional<MetricName> family_of(std::string_view stem, bool is_agentic) {
  for (const Family& family : kAgenticFamilies) {
    if (is_agentic && family.stem == stem) return family.name;
  }
  for (const Family& family : kFixedFamilies) {
    if (!is_agentic && family.stem == stem) return family.name;
  }
  return std::nullopt;
}

bool is_latency(std::string_view stem) {
  return stem == "ttft" || stem == "tpot" || stem == "itl" || stem == "e2el";
}

constexpr std::array<std::string_view, 20> kTopology = {"tp",
                                                        "pp",
                                                        "dcp_size",
                                                        "pcp_size",
                                                        "ep",
                                                        "prefill_tp",
                                                        "prefill_pp",
                                                        "prefill_dcp_size",
                                                        "prefill_pcp_size",
                                                        "prefill_ep",
                                                        "decode_tp",
                                                        "decode_pp",
                                                        "decode_dcp_size",
                                                        "decode_pcp_size",
                                                        "decode_ep",
                                                        "num_workers",
                                                        "prefill_num_workers",
                                                        "decode_num_workers",
                                                        "prefill_hw",
                                                        "decode_hw"};
constexpr std::array<std::string_view, 3> kFlags = {"dp_attention", "prefill_dp_attention",
                                                    "decode_dp_attention"};
constexpr std::array<std::string_view, 9> kProvenance = {
    "run_url",           "curve_date",      "curve_workflow_run_id", "curve_run_started_at",
    "run_started_at",    "workflow_run_id", "offload_mode",          "kv_offloading",
    "kv_offload_backend"};

// The row taken apart: what the configuration says goes into the run, figures into the point.
class RowReader {
 public:
  RowReader(const ordered_json& row, const ordered_json& metrics, const std::string& path,
            const ImportContext& context)
      : context_(context),
        row_(row, path, context.source),
        own_metrics_(metrics, path.empty() ? "metrics" : path + ".metrics", context.source),
        metrics_(&row == &metrics ? row_ : own_metrics_) {}

  InferenceXRow read() {
    configuration();
    workload();
    load();
    point_of_time();
    gpus_ = inferencex_gpus(row_, metrics_, is_disaggregated_, is_multinode_, builder_);
    topology();
    run_.gpus = gpus_.total;
    run_.prefill_gpus = gpus_.prefill;
    run_.decode_gpus = gpus_.decode;
    figures();
    builder_.note_not_finite(row_);
    if (&metrics_ == &own_metrics_) builder_.note_not_finite(metrics_);
    keep_the_rest();
    run_.provenance_json = dump_json(keepable_json(provenance_));
    return {.run = std::move(run_), .point = builder_.finish()};
  }

 private:
  void configuration() {
    const std::optional<std::string> hardware =
        row_.has("hardware") ? row_.string("hardware") : row_.string("hw");
    run_.origin = "imported";
    run_.state = RunState::kComplete;
    run_.source = context_.run_source(ImportFormat::kInferenceX);
    run_.hardware = hardware_key(hardware.value_or(""));
    if (hardware.has_value() && *hardware != run_.hardware) {
      provenance_["hardware_as_written"] = *hardware;
    }
    run_.engine = row_.string("framework").value_or("");
    run_.precision = row_.string("precision").value_or("");
    run_.speculation =
        (row_.has("spec_method") ? row_.string("spec_method") : row_.string("spec_decoding"))
            .value_or("");
    const std::optional<std::string> model_key = row_.string("infmax_model_prefix");
    run_.model = row_.string("model").value_or(model_key.value_or(""));
    if (model_key.has_value()) provenance_["model_key"] = *model_key;
    facts_.image = row_.string("image").value_or("");
    run_.engine_version = facts_.image;
    is_disaggregated_ = row_.flag("disagg").value_or(false);
    is_multinode_ = row_.flag("is_multinode").value_or(false);
    if (is_multinode_) provenance_["is_multinode"] = true;
    if (is_disaggregated_) provenance_["disagg"] = true;
    for (const std::string_view key : kProvenance) {
      std::optional<std::string> text = row_.text(key);
      const std::optional<std::string> among_figures = metrics_.text(key);
      if (!text.has_value()) text = among_figures;
      if (text.has_value()) provenance_[std::string(key)] = *text;
    }
  }

  void workload() {
    const std::optional<std::string> kind =
        row_.has("benchmark_type") ? row_.string("benchmark_type") : row_.string("scenario_type");
    facts_.is_agentic = kind.value_or("").starts_with("agentic");
    facts_.is_disaggregated = is_disaggregated_;
    const std::optional<int64_t> input = row_.count("isl");
    const std::optional<int64_t> output = row_.count("osl");
    if (input.has_value() && output.has_value()) {
      run_.workload = workload_name(*input, *output);
      run_.plan_json = dump_json(ordered_json{{"isl", *input}, {"osl", *output}});
      facts_.output_length = static_cast<double>(*output);
    } else if (facts_.is_agentic) {
      run_.workload = "agentx";
    }
    if (kind.has_value()) provenance_["benchmark_type"] = *kind;
  }

  void load() {
    const std::optional<int64_t> concurrency = row_.count("conc");
    if (!concurrency.has_value()) {
      row_.fields().refuse("conc", "is missing: every row has its concurrency",
                           FieldFault::kMissing);
    }
    if (*concurrency > 100'000'000) row_.fields().refuse("conc", "is too large");
    builder_.point.load.concurrency = static_cast<int>(*concurrency);
    if (const auto id = row_.text("id"); id.has_value()) builder_.keep("id", *id);
    if (const auto print = row_.string("recipe_fingerprint"); print.has_value()) {
      facts_.fingerprint = *print;
      builder_.keep("recipe_fingerprint", *print);
    }
    if (const ordered_json* words = row_.value("warnings"); words != nullptr && words->is_array()) {
      builder_.point.warnings = texts_from_json(row_.fields(), "warnings");
    }
  }

  void point_of_time() {
    const std::optional<std::string> date = row_.string("date");
    if (!date.has_value()) return;
    const std::optional<double> time = parse_time(*date);
    if (!time.has_value()) row_.fields().refuse("date", "must be a date such as 2026-09-03");
    run_.created_unix = *time;
  }

  void topology() {
    ordered_json topology = ordered_json::object();
    for (const std::string_view key : kTopology) {
      std::optional<std::string> text = row_.text(key);
      if (!text.has_value()) text = metrics_.text(key);
      if (text.has_value()) topology[std::string(key)] = *row_or_metric(key);
    }
    for (const std::string_view key : kFlags) {
      bool was_string = false;
      const std::optional<bool> flag = row_.flag(key, &was_string);
      if (flag.has_value()) topology[std::string(key)] = *flag;
      if (was_string) builder_.warn("dp_attention_is_string");
    }
    if (!topology.empty()) provenance_["topology"] = std::move(topology);
    // What the file says of GPUs, right or not, stays to be seen.
    for (const char* key : {"num_prefill_gpu", "num_decode_gpu"}) {
      if (row_.has(key)) builder_.keep_fields({{key, *row_.value(key)}});
    }
  }

  const ordered_json* row_or_metric(std::string_view key) {
    return row_.has(key) ? row_.value(key) : metrics_.value(key);
  }

  void figures() {
    if (const auto seconds = metrics_.amount("duration_seconds"); seconds.has_value()) {
      builder_.point.window = {.rule = "the tool's: the whole run, ramp and drain included",
                               .end = *seconds};
    }
    add_inferencex_statistics(metrics_, facts_.is_agentic, builder_);
    cache();
    rates();
    power();
    requests();
    if (facts_.is_agentic) {
      agentic_interactivity();
    } else {
      builder_.derive_interactivity();
    }
    warn_of_inferencex_figures(metrics_, facts_, builder_);
  }

  // 1 / ITL, statistic by statistic, as its definition says. The row's own figure comes from times
  // before they were rounded and is kept beside it; it stands in where no times are given.
  void agentic_interactivity() {
    for (const char* statistic : {"mean", "p50", "p75", "p90", "p95"}) {
      const auto gap = builder_.get(metric::kItlPerRequest, statistic);
      if (gap.value_or(0) > 0) builder_.derive(metric::kInteractivityItl, statistic, 1 / *gap);
      builder_.derive(metric::kInteractivityItl, statistic,
                      builder_.get({"inferencex.intvty/1", "tokens/s"}, statistic));
    }
  }

  void cache() {
    const std::optional<double> gpu = metrics_.amount("server_gpu_cache_hit_rate");
    const std::optional<double> external =
        metrics_.fields().number("server_external_cache_hit_rate");
    const std::optional<double> cpu = metrics_.fields().number("server_cpu_cache_hit_rate");
    builder_.add(metric::kCacheHit, "mean", gpu);
    builder_.add(metric::kCacheHitTheoretical, "mean",
                 metrics_.amount("theoretical_cache_hit_rate"));
    if (gpu.has_value()) hit_share_ = *gpu + external.value_or(cpu.value_or(0));
  }

  void rates() {
    const std::optional<double> total = metrics_.amount("tput_per_gpu");
    const std::optional<double> input = metrics_.amount("input_tput_per_gpu");
    const std::optional<double> output = metrics_.amount("output_tput_per_gpu");
    builder_.add(metric::kTotalRatePerGpu, "mean", total);
    builder_.add(metric::kTotalRate, "mean", metrics_.amount("total_tput_tps"));
    builder_.add(metric::kInputRate, "mean", metrics_.amount("input_tput_tps"));
    builder_.add(metric::kOutputRate, "mean", metrics_.amount("output_tput_tps"));
    const bool by_role = is_disaggregated_ && !facts_.is_agentic;
    builder_.add(by_role ? metric::kInputRatePerPrefillGpu : metric::kInputRatePerGpu, "mean",
                 input);
    builder_.add(by_role ? metric::kOutputRatePerDecodeGpu : metric::kOutputRatePerGpu, "mean",
                 output);
    const double gpus = gpus_.total;
    if (gpus == 0) return;
    if (total) builder_.derive(metric::kTotalRate, "mean", *total * gpus);
    if (by_role) {
      if (input && gpus_.prefill > 0) {
        builder_.derive(metric::kInputRate, "mean", *input * gpus_.prefill);
      }
      if (output && gpus_.decode > 0) {
        builder_.derive(metric::kOutputRate, "mean", *output * gpus_.decode);
      }
      if (const auto rate = builder_.get(metric::kInputRate, "mean")) {
        builder_.derive(metric::kInputRatePerGpu, "mean", *rate / gpus);
      }
      if (const auto rate = builder_.get(metric::kOutputRate, "mean")) {
        builder_.derive(metric::kOutputRatePerGpu, "mean", *rate / gpus);
      }
    } else {
      if (input) builder_.derive(metric::kInputRate, "mean", *input * gpus);
      if (output) builder_.derive(metric::kOutputRate, "mean", *output * gpus);
    }
    const auto all_input = builder_.get(metric::kInputRatePerGpu, "mean");
    if (all_input && hit_share_) {
      builder_.derive(metric::kComputedInputRatePerGpu, "mean",
                      *all_input * std::max(0.0, 1 - *hit_share_));
    }
  }

  void power() {
    const std::optional<double> valid = metrics_.fields().number("power_valid");
    if (valid.has_value() && *valid == 0) {
      builder_.warn("power_marked_invalid");  // its figures stay among the fields
      return;
    }
    builder_.add(metric::kPowerPerGpu, "mean", metrics_.amount("avg_power_w"));
    builder_.add(metric::kPowerAllGpus, "mean", metrics_.amount("avg_total_gpu_power_w"));
    builder_.add(metric::kEnergy, "mean", metrics_.amount("total_gpu_energy_j"));
    builder_.add(metric::kEnergyPerRequest, "mean", metrics_.amount("joules_per_successful_query"));
    builder_.add(metric::kEnergyPerTotal, "mean", metrics_.amount("joules_per_total_token"));
    const std::optional<double> prefill = metrics_.amount("prefill_avg_power_w");
    const std::optional<double> decode = metrics_.amount("decode_avg_power_w");
    builder_.add(metric::kPowerPerPrefillGpu, "mean", prefill);
    builder_.add(metric::kPowerPerDecodeGpu, "mean", decode);
    // With power by role each of the two counts the energy of its role only.
    const bool by_role = is_disaggregated_ && prefill.has_value() && decode.has_value();
    builder_.add(by_role ? metric::kPrefillEnergyPerInput : metric::kEnergyPerInput, "mean",
                 metrics_.amount("joules_per_input_token"));
    builder_.add(by_role ? metric::kDecodeEnergyPerOutput : metric::kEnergyPerOutput, "mean",
                 metrics_.amount("joules_per_output_token"));
    if (by_role && gpus_.prefill > 0 && gpus_.decode > 0) {
      const double watts = *prefill * gpus_.prefill + *decode * gpus_.decode;
      builder_.derive(metric::kPowerAllGpus, "mean", watts);
      const auto rate = builder_.get(metric::kOutputRate, "mean");
      if (rate.value_or(0) > 0) builder_.derive(metric::kEnergyPerOutput, "mean", watts / *rate);
    }
    const auto energy = builder_.get(metric::kEnergy, "mean");
    const auto watts = builder_.get(metric::kPowerAllGpus, "mean");
    if (energy && watts.value_or(0) > 0) {
      builder_.derive(metric::kEnergyWindow, "mean", *energy / *watts);
    }
  }

  void requests() {
    RequestCounts& counts = builder_.point.requests;
    std::optional<int64_t> completed = row_.count("num_requests_successful");
    if (!completed.has_value()) completed = metrics_.count("total_requests_completed");
    const auto each = builder_.get(metric::kEnergyPerRequest, "mean");
    const auto energy = builder_.get(metric::kEnergy, "mean");
    if (!completed.has_value() && energy && each.value_or(0) > 0 && *energy / *each < 1e12) {
      completed = std::llround(*energy / *each);
    }
    counts.ok = completed.value_or(0);
    if (const ordered_json* accounts = row_.value("request_accounting");
        accounts != nullptr && accounts->is_object()) {
      TakenFields account(*accounts, row_.fields().path("request_accounting"), context_.source);
      counts.failed = account.count("records_error_dropped").value_or(0);
      builder_.keep_fields({{"request_accounting", *accounts}});
    }
    counts.cancelled = row_.count("profiling_cancelled_requests").value_or(0);
    counts.attempted = counts.ok + counts.failed + counts.cancelled;
    // Tokens per request follow from the rates over the window that the energy was taken over.
    const auto window = builder_.get(metric::kEnergyWindow, "mean");
    if (!window || counts.ok == 0 || facts_.is_agentic) return;
    const double seconds_each = *window / static_cast<double>(counts.ok);
    const auto input = builder_.get(metric::kInputRate, "mean");
    const auto output = builder_.get(metric::kOutputRate, "mean");
    if (input) builder_.derive(metric::kInputTokens, "mean", *input * seconds_each);
    if (output) builder_.derive(metric::kOutputTokens, "mean", *output * seconds_each);
  }

  void keep_the_rest() {
    row_.take("metrics");
    builder_.keep_fields(row_.rest());
    if (&metrics_ == &own_metrics_) builder_.keep_fields(metrics_.rest());
    if (!context_.repeated.empty()) note_repeated(builder_, context_.repeated);
  }

  const ImportContext& context_;
  TakenFields row_;
  TakenFields own_metrics_;
  TakenFields& metrics_;  // the row itself where all stands in one object
  PointBuilder builder_;
  RunRecord run_;
  ordered_json provenance_ = ordered_json::object();
  InferenceXFacts facts_;
  InferenceXGpus gpus_;
  bool is_disaggregated_ = false;
  bool is_multinode_ = false;
  std::optional<double> hit_share_ = {};  // of the input, from any cache of the server
};

}  // namespace

void add_inferencex_statistics(TakenFields& metrics, bool is_agentic, PointBuilder& builder) {
  for (const auto& [key, value] : metrics.fields().json().items()) {
    if (value.is_null()) continue;
    const std::optional<StatisticKey> split = split_statistic(key);
    if (!split.has_value()) continue;
    const std::optional<MetricName> family = family_of(split->stem, is_agentic);
    if (!family.has_value()) continue;
    const std::optional<double> figure = metrics.amount(key);
    if (split->stem == "intvty" && split->statistic == "std" && !is_agentic) {
      builder.warn("std_intvty_meaningless");  // the reciprocal of a standard deviation
      continue;
    }
    if (is_latency(split->stem) && split->statistic != "std" && figure == 0.0) {
      builder.warn("zero_latency_means_missing");
      continue;
    }
    builder.add(*family, split->statistic, figure);
  }
}

InferenceXRow read_inferencex_row(const ordered_json& row, const std::string& path,
                                  const ImportContext& context) {
  const Fields fields(row, path, context.source);
  if (const ordered_json* metrics = fields.object("metrics"); metrics != nullptr) {
    return RowReader(row, *metrics, path, context).read();
  }
  if (fields.object("request_metrics") != nullptr || fields.object("server_metrics") != nullptr) {
    const ordered_json flat = flatten_agentic(row);
    return RowReader(flat, flat, path, context).read();
  }
  return RowReader(row, row, path, context).read();
}

}  // namespace hadal
