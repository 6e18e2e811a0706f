#include "plan/published_case.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "economics/catalogue_fields.h"
#include "json/fields.h"
#include "json/python_json.h"
#include "plan/plan_workload.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

// A slow tenth of requests over the middle one, in InferenceX's run 440246 of AgentX: 43.0
// over 47.9 tokens per second.
constexpr double kSlowTenth = 0.9;

// Fields of a row that may be of any type: what has another is as absent.
class Row {
 public:
  explicit Row(const ordered_json& object) : object_(object) {}

  const ordered_json* find(std::string_view key) const {
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(std::string(key));
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  std::string text(std::string_view key) const {
    const ordered_json* value = find(key);
    return value != nullptr && value->is_string() ? value->get<std::string>() : "";
  }
  std::optional<double> number(std::string_view key) const {
    const ordered_json* value = find(key);
    if (value == nullptr || !value->is_number()) return std::nullopt;
    const auto number = value->get<double>();
    return std::isfinite(number) ? std::optional(number) : std::nullopt;
  }
  std::optional<double> positive(std::string_view key) const {
    constexpr double kMost = 1e15;
    const std::optional<double> value = number(key);
    return value && *value > 0 && *value < kMost ? value : std::nullopt;
  }
  std::optional<bool> boolean(std::string_view key) const {
    const ordered_json* value = find(key);
    return value != nullptr && value->is_boolean() ? std::optional(value->get<bool>())
                                                   : std::nullopt;
  }
  // A count of devices or ranks, 1 to a million.
  std::optional<int> count(std::string_view key) const {
    constexpr double kMost = 1e6;
    const std::optional<double> value = number(key);
    if (!value || *value < 1 || *value > kMost) return std::nullopt;
    return static_cast<int>(*value);
  }
  Row inside(std::string_view key) const {
    static const ordered_json nothing = ordered_json::object();
    const ordered_json* value = find(key);
    return Row(value != nullptr && value->is_object() ? *value : nothing);
  }
  bool empty() const { return object_.empty(); }

 private:
  const ordered_json& object_;
};

// The statistic of a distribution that stands for a usual request.
std::optional<double> usual(const Row& row, std::string_view key, std::string* which = nullptr) {
  const Row statistics = row.inside(key);
  for (const std::string_view name :
       {"median", "p50", "mean", "single", "unspecified", "peak", "p90"}) {
    if (const auto value = statistics.positive(name)) {
      if (which != nullptr) *which = name;
      return value;
    }
  }
  return std::nullopt;
}

std::string model_key(const std::string& name) {
  if (name.find("4.1") != std::string::npos) return "v4.1-flash";
  if (name.find("Flash") != std::string::npos) return "flash";
  if (name.find("Pro") != std::string::npos) return "pro";
  if (name.find("V3.2") != std::string::npos) return "v3.2";
  return "";
}

class CaseReader {
 public:
  CaseReader(const ordered_json& row, const HardwareCatalogue& catalogue)
      : row_(row), topology_(row_.inside("topology")), catalogue_(catalogue) {}

  PublishedCase read() {
    c_.id = row_.text("id");
    c_.group = row_.text("group");
    c_.quality = row_.text("quality");
    c_.hardware = row_.text("sku");
    c_.engine = row_.text("engine");
    c_.date = row_.text("date");
    c_.workload = row_.text("workload");
    if (const ordered_json* flags = row_.find("flags"); flags != nullptr && flags->is_array()) {
      for (const ordered_json& flag : *flags) {
        if (flag.is_string()) c_.flags.push_back(flag.get<std::string>());
      }
    }
    c_.days = days_since_release(c_.date);
    read_measured();
    try {
      read_question();
    } catch (const Error& error) {
      c_.why_not = error.parts().what.empty() ? error.what()
                                              : error.parts().where + " " + error.parts().what;
    }
    if (!c_.why_not.empty()) c_.deployment.reset();
    return std::move(c_);
  }

 private:
  void assume(const std::string& what) { c_.assumed.push_back(what); }
  bool flagged(std::string_view flag) const {
    return std::find(c_.flags.begin(), c_.flags.end(), flag) != c_.flags.end();
  }

  void read_measured() {
    const std::optional<double> devices = row_.positive("n_gpu");
    const auto per_device = [&](std::string_view each, std::string_view all) {
      std::optional<double> value = row_.positive(each);
      if (!value && devices) {
        value = row_.positive(all);
        if (value) *value /= *devices;
      }
      return value;
    };
    c_.measured_total = per_device("total_tok_s_per_gpu", "total_tok_s");
    if (!c_.measured_total && (c_.workload == "decode-only" || c_.workload == "single-stream" ||
                               c_.workload == "decode")) {
      c_.measured_total = per_device("output_tok_s_per_gpu", "output_tok_s");
      if (c_.measured_total) c_.measured_what = "output";
    }
    if (c_.workload == "prefill-only" && devices) {
      if (const auto rate = row_.positive("prefill_tok_s")) {
        c_.measured_total = *rate / *devices;
        c_.measured_what = "prompt";
      }
    }
    std::string which;
    c_.measured_interactivity = usual(row_, "interactivity", &which);
    if (!c_.measured_interactivity) {
      constexpr double kMilliseconds = 1000;
      if (const auto tpot = usual(row_, "tpot_ms", &which)) {
        c_.measured_interactivity = kMilliseconds / *tpot;
      }
    }
    if (which == "p90") c_.tail = kSlowTenth;
  }

  void read_question() {
    if (c_.hardware.empty()) return refuse("the row names no hardware");
    Deployment deployment;
    deployment.device = find_device(catalogue_, c_.hardware);
    if (deployment.device.bytes_per_s > 0 && deployment.device.bf16_flops <= 0) {
      // A few rows take their time from the memory: any rate of operations will do that is not low.
      constexpr double kPerByte = 150;
      rateless_ = true;
      deployment.device.bf16_flops = kPerByte * deployment.device.bytes_per_s;
      deployment.device.fp8_flops = deployment.device.fp4_flops = deployment.device.bf16_flops;
    }
    if (const auto reason = deployment.device.cannot_time()) return refuse(*reason);
    if (const auto known = find_engine(c_.engine)) {
      deployment.engine = *known;
    } else {
      deployment.engine = engine_traits("vllm");
      assume("an engine like vllm, for none that is known is named");
    }
    engine_stages_ = deployment.engine.stages;
    deployment.days = c_.days;
    const std::string precision = row_.text("precision");
    deployment.weights = parameter_bytes(precision.empty() ? row_.text("weights") : precision);
    if (!read_model(deployment)) return;
    const std::string kind = topology_.text("kind");
    if (kind == "cpu-offload" || kind == "ssd-streaming" || flagged("cpu_experts") ||
        deployment.engine.experts_on_host) {
      return refuse("experts lie in the host's memory or on disk, which is not modelled");
    }
    if (kind == "cpu") return refuse("no operations per second of this processor are known");
    if (flagged("prefix_hit_far_below_theoretical")) {
      return refuse("the run lost its prefix cache for a reason that the row does not tell");
    }
    read_speculation(deployment);
    if (!read_load(kind)) return;
    constexpr double kFew = 16;
    if (rateless_ && (c_.kind != CaseKind::kDecode || c_.places > kFew)) {
      return refuse("the catalogue has no rate of operations of " + deployment.device.key +
                    ": only decoding of a few sequences can be told");
    }
    if (c_.kind == CaseKind::kReadOff) {
      deployment.serve.spread.tp = 0;  // the search finds it
      c_.read_off_any = kind != "agg" && kind != "disagg";
      if (kind == "disagg") deployment.prefill = Role();
    } else if (!read_roles(kind, deployment)) {
      return;
    }
    if (deployment.weights.experts > 0.9 && deployment.serve.spread.tp > 0 &&
        deployment.device.memory_bytes > 0 && !deployment_fit(deployment).fits()) {
      deployment.weights = {};
      assume("experts in FP4: in FP8 they would not fit");
    }
    c_.deployment = std::move(deployment);
  }

  void refuse(std::string why) { c_.why_not = std::move(why); }

  bool read_model(Deployment& deployment) {
    const std::string name = row_.text("model");
    std::string key = model_key(name);
    if (key.empty()) {
      const std::optional<int> devices = row_.count("n_gpu");
      if (name.find("V4") == std::string::npos || !devices || *devices < 8) {
        refuse("the row does not say which model");
        return false;
      }
      key = "pro";
      assume("V4-Pro, for the row names no size");
    }
    deployment.model = load_plan_model(key);
    return true;
  }

  void read_speculation(Deployment& deployment) {
    const Row spec = row_.inside("spec");
    std::string method = spec.text("method");
    std::optional<int> drafts = spec.count("draft_tokens");
    std::optional<double> yield = spec.positive("acceptance_len");
    if (method == "unknown" && c_.workload == "agentx") {
      method = "mtp";
      drafts = 3;
      yield = 2.49;
      assume("MTP with 3 drafts and 2.49 tokens a step, InferenceX's rule for AgentX");
    } else if (method == "unknown" || method.empty()) {
      method = "none";
      assume("no speculation, for the row names none");
    }
    if (method == "none") return;
    const bool block = method == "dspark";
    deployment.speculation.kind = block ? AssumedDrafter::kDspark : AssumedDrafter::kMtp;
    constexpr int kBlock = 5;
    constexpr int kMtp = 3;
    deployment.speculation.drafts = std::min(drafts.value_or(block ? kBlock : kMtp), 16);
    if (!drafts) assume(fmt::format("{} drafts", deployment.speculation.drafts));
    if (!yield) {
      yield = golden_acceptance(deployment.speculation.kind, deployment.speculation.drafts);
      deployment.speculation.adapts = block;
      assume(fmt::format("{:.2f} tokens a step (InferenceX's golden table)", *yield));
    }
    deployment.speculation.tokens_per_step = std::min(*yield, deployment.speculation.drafts + 1.0);
    if (block) use_dspark(deployment.model);
  }

  bool read_load(const std::string& kind) {
    const std::optional<double> places = row_.positive("concurrency");
    const std::optional<double> input = row_.positive("isl");
    const std::optional<double> output = row_.positive("osl");
    // Lengths even in [0.8 L, L] have a mean of 0.9 L.
    const double range = std::clamp(row_.positive("range_ratio").value_or(1), 0.0, 1.0);
    const double mean = (1 + range) / 2;
    c_.shape = {.input = input.value_or(0) * mean,
                .output = output.value_or(0) * mean,
                .hit = std::clamp(row_.number("prefix_hit").value_or(0), 0.0, 0.999)};
    c_.places = places.value_or(0);
    if (c_.workload == "agentx") {
      c_.shape = parse_plan_workload("agentx");
      if (const auto hit = row_.number("prefix_hit"))
        c_.shape.hit = std::clamp(*hit, 0.0, 0.999);
      else
        assume("a prefix hit of 95 %");
    }
    const Row speeds = row_.inside("interactivity");
    for (const auto& [key, tail] :
         {std::pair("target", 1.0), std::pair("p90_target", kSlowTenth)}) {
      const auto speed = speeds.positive(key);
      if (!speed || places) continue;
      c_.kind = CaseKind::kReadOff;
      c_.interactivity = *speed;
      c_.measured_interactivity = speed;
      c_.tail = tail;
      return true;
    }
    if (!places) {
      refuse("the row says neither how many requests there were nor at which speed it was read");
      return false;
    }
    if (c_.workload == "prefill-only" || kind == "prefill-only") {
      c_.kind = CaseKind::kPrefill;
      if (!input) refuse("the row has no length of the prompt");
      return c_.why_not.empty();
    }
    const bool decode_only = kind == "decode-only" || c_.workload == "decode-only" ||
                             c_.workload == "decode" || c_.workload == "single-stream";
    if (decode_only && !(input && output)) {
      c_.kind = CaseKind::kDecode;
      constexpr double kShallow = 2048;
      c_.context = row_.number("context").value_or(input.value_or(-1));
      if (c_.context < 0) {
        c_.context = kShallow;
        assume("a depth of 2,048 tokens");
      }
      return true;
    }
    if (!(c_.shape.input > 0 && c_.shape.output > 0)) {
      refuse("the row has no lengths of input and output");
      return false;
    }
    return true;
  }

  bool read_roles(const std::string& kind, Deployment& deployment) {
    const std::optional<int> devices = row_.count("n_gpu");
    if (kind == "disagg") {
      const Row front = topology_.inside("prefill");
      const Row back = topology_.inside("decode");
      if (front.empty() || back.empty()) {
        refuse("the row does not say which devices prefill and which decode");
        return false;
      }
      const std::optional<Role> prefill = role_of(front, std::nullopt, true, 8);
      const std::optional<Role> decode =
          role_of(back, std::nullopt, false, front.count("tp").value_or(8));
      if (!prefill || !decode) return false;
      deployment.prefill = *prefill;
      deployment.serve = *decode;
      return true;
    }
    for (const std::string_view name : {"all", "decode", "prefill"}) {
      const Row role = topology_.inside(name);
      if (role.empty() && name != "prefill") continue;
      if (role.empty() && !devices) {
        refuse("the row does not say how many devices there were");
        return false;
      }
      const std::optional<Role> found =
          role_of(role, devices, false, devices.value_or(role.count("tp").value_or(1)));
      if (!found) return false;
      deployment.serve = *found;
      return true;
    }
    return false;
  }

  // `devices`: of the role, where the role itself does not tell; `usual_tp`: of instances that
  // split attention without saying among how many.
  std::optional<Role> role_of(const Row& role, std::optional<int> devices, bool prefills,
                              int usual_tp) {
    const std::optional<int> tp = role.count("tp");
    const std::optional<int> ep = role.count("ep");
    const std::optional<int> dp = role.count("dp");
    const int pp = role.count("pp").value_or(1);
    const std::optional<int> gpus = role.count("gpus").has_value() ? role.count("gpus") : devices;
    std::optional<bool> copies = role.boolean("dp_attention");
    if (!copies && prefills) {
      copies = true;
      assume("prefill with data-parallel attention, as the recipes of such sites have it");
    }
    Role result;
    Spread& spread = result.spread;
    if (engine_stages_ && gpus) {
      spread.pp = *gpus;
      return result;
    }
    spread.pp = pp;
    spread.expert_parallel = ep.value_or(1) > 1 || copies.value_or(false);
    int stage = 0;  // devices of an instance's stage
    if (ep.value_or(1) > 1)
      stage = std::max({*ep, dp.value_or(1), copies.value_or(false) ? tp.value_or(1) : 1});
    else if (dp.value_or(1) > 1)
      stage = copies.value_or(false) || tp.value_or(1) == *dp ? *dp : *dp * tp.value_or(1);
    else
      stage = tp.value_or(std::min(usual_tp, gpus.value_or(usual_tp)));
    if (gpus && stage * pp > *gpus) stage = std::max(1, *gpus / pp);
    if (copies.value_or(false) || (ep.value_or(1) > 1 && !tp)) {
      spread.dp = dp.value_or(stage);
      spread.dp = std::min(spread.dp, stage);
      spread.tp = std::max(1, stage / spread.dp);
    } else if (dp.value_or(1) > 1) {
      spread.dp = std::min(*dp, stage);
      spread.tp = std::max(1, stage / spread.dp);
      spread.expert_parallel = true;
    } else {
      spread.tp = stage;
    }
    const int cp = std::min(role.count("cp").value_or(1), spread.tp);
    if (spread.tp % cp == 0) spread.cp = cp;
    result.workers = role.count("workers").value_or(
        gpus ? std::max(1, *gpus / std::max(1, spread.devices())) : 1);
    if (gpus && result.devices() != *gpus) {
      result.workers = std::max(1, *gpus / std::max(1, spread.devices()));
    }
    return result;
  }

  Row row_;
  Row topology_;
  const HardwareCatalogue& catalogue_;
  PublishedCase c_;
  bool rateless_ = false;
  bool engine_stages_ = false;
};

}  // namespace

std::vector<PublishedCase> read_published_cases(std::string_view text, const std::string& where,
                                                const HardwareCatalogue& catalogue) {
  const ordered_json document = parse_json_file_text(text, where);
  const FieldsSource source = catalogue_source(where);
  const ordered_json* rows = &document;
  if (document.is_object()) {
    const Fields fields(document, "", source);
    rows = &fields.at("points");
  }
  if (!rows->is_array()) {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = where,
                 .what = "holds no list of points",
                 .remedy = "give a JSON array of rows, or an object with such an array as "
                           "\"points\"; data/README.md explains the fields"});
  }
  std::vector<PublishedCase> cases;
  for (size_t i = 0; i < rows->size(); ++i) {
    const Fields fields((*rows)[i], element_path("points", i), source);
    fields.required_string("id");
    cases.push_back(CaseReader((*rows)[i], catalogue).read());
  }
  return cases;
}

}  // namespace hadal
