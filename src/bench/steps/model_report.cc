#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.h"
#include "bench/kernels/bench_json.h"
#include "bench/steps/model_bench.h"

namespace hadal {
namespace {

std::string_view kind_name(BenchKind kind) {
  return kind == BenchKind::kDecode ? "decode" : "prefill";
}

std::string op_name(const OpKey& key) {
  if (key.form.empty()) return std::string(key.op);
  return fmt::format("{} {} {}x{}", key.op, key.form, key.out_features, key.in_features);
}

std::string costs_text(const StepCosts& costs, double per, std::string_view unit) {
  return fmt::format(
      "{:<22}{:.1f} MB a {}: dense weights {:.1f}, experts {:.1f}, head {:.1f}, cache {:.2f}\n"
      "{:<22}{:.1f} MMAC a {}: experts {:.1f}, FP8 weights {:.1f}, other weights {:.1f}, head "
      "{:.1f}, attention {:.1f}, indexer {:.1f}\n",
      "bytes", costs.bytes() / per / kMega, unit, costs.dense_bytes / per / kMega,
      costs.expert_bytes / per / kMega, costs.head_bytes / per / kMega,
      costs.kv_bytes / per / kMega, "operations", costs.macs() / per / kMega, unit,
      costs.expert_macs / per / kMega, costs.quantised_macs / per / kMega,
      costs.float_macs / per / kMega, costs.head_macs / per / kMega,
      costs.attention_macs / per / kMega, costs.indexer_macs / per / kMega);
}

std::string roofline_text(const Roofline& limit, double seconds, double per) {
  return fmt::format(
      "{:<22}{:.2f} of it: memory {:.3f} ms, arithmetic {:.3f} ms, measured {:.3f} ms\n",
      "roofline", limit.seconds() / seconds, limit.memory_seconds / per * 1e3,
      limit.arithmetic_seconds / per * 1e3, seconds / per * 1e3);
}

nlohmann::ordered_json costs_json(const StepCosts& costs) {
  return {{"bytes", costs.bytes()},
          {"dense_bytes", costs.dense_bytes},
          {"expert_bytes", costs.expert_bytes},
          {"head_bytes", costs.head_bytes},
          {"kv_bytes", costs.kv_bytes},
          {"macs", costs.macs()},
          {"expert_macs", costs.expert_macs},
          {"quantised_macs", costs.quantised_macs},
          {"float_macs", costs.float_macs},
          {"head_macs", costs.head_macs},
          {"attention_macs", costs.attention_macs},
          {"indexer_macs", costs.indexer_macs}};
}

nlohmann::ordered_json roofline_json(const Roofline& limit, double seconds) {
  return {{"memory_ms", limit.memory_seconds * 1e3},
          {"arithmetic_ms", limit.arithmetic_seconds * 1e3},
          {"share", limit.seconds() / seconds}};
}

Roofline limit_of(const ModelReport& report, const StepCosts& costs) {
  return roofline(costs, roofline_limits(report.machine, report.isa), report.activations);
}

std::string difference_text(const ModelReport& report) {
  const LayerDifference& difference = *report.difference;
  const double layers = difference.layers;
  std::string text = fmt::format("\none layer, as the difference to {} ({} layers less)\n",
                                 difference.other, difference.layers);
  text +=
      fmt::format("{:<22}{:.3f} a step, {:.4f} a token\n", "ms", difference.seconds / layers * 1e3,
                  difference.seconds / layers / report.figures.tokens() * 1e3);
  text += costs_text(difference.costs, layers, "step");
  text += roofline_text(limit_of(report, difference.costs), difference.seconds, layers);
  return text;
}

}  // namespace

std::string model_report_text(const ModelReport& report) {
  const ModelFigures& figures = report.figures;
  const MachineRates& machine = report.machine;
  std::string text = fmt::format(
      "{} {}: {} layers, {} experts; {} {}, {} kernels, activations {}, weights {}\n",
      kind_name(figures.kind), figures.model, figures.config.layers, figures.config.routed_experts,
      machine.threads, machine.threads == 1 ? "thread" : "threads", isa_name(report.isa),
      policy_name(report.activations), weight_place_name(figures.weight_place));
  text += fmt::format("batch {}, {} new {} for each sequence after {} in the cache; median of {}\n",
                      figures.batch, figures.rows, figures.rows == 1 ? "token" : "tokens",
                      figures.context, figures.measured);
  text += fmt::format("{}: read {:.1f} GB/s{}", report.processor, machine.read_gb_per_s,
                      report.read_samples > 0 ? " between the steps" : "");
  std::string_view last;
  for (const Arithmetic arithmetic :
       {Arithmetic::kFp4Int8, Arithmetic::kInt8, Arithmetic::kFloat}) {
    const std::string_view instruction = dot_instruction(report.isa, arithmetic);
    if (instruction == last) continue;
    last = instruction;
    text += fmt::format("; {} {:.1f} GMAC/s", instruction, machine.peak(instruction));
  }
  text += "\n\n";

  text += fmt::format("{:<22}{:.2f}\n", "tokens/s", figures.tokens_per_s());
  text +=
      fmt::format("{:<22}{:.3f} (5th to 95th percentile {:.3f} to {:.3f})\n", "ms a step",
                  figures.seconds * 1e3, figures.fast_seconds * 1e3, figures.slow_seconds * 1e3);
  text += fmt::format("{:<22}{:.3f}\n", "ms a token", figures.seconds / figures.tokens() * 1e3);
  text += fmt::format(
      "{:<22}{:.3f} a step, {:.4f} a token (without embedding, head and sampling)\n", "ms a layer",
      figures.layer_seconds * 1e3, figures.layer_seconds / figures.tokens() * 1e3);
  text += fmt::format("{:<22}{:.1f} different ones a layer and step\n", "experts",
                      figures.experts_used / figures.config.layers);
  text += costs_text(figures.costs, figures.tokens(), "token");
  text += roofline_text(limit_of(report, figures.costs), figures.seconds, 1);
  if (report.difference) text += difference_text(report);

  double total = 0;
  for (const OpShare& share : figures.ops) total += share.seconds;
  text += fmt::format("\n{:<38}{:>8}{:>12}{:>8}{:>8}\n", "where the time goes, in one step",
                      "calls", "ms", "share", "GB/s");
  for (const OpShare& share : figures.ops) {
    const std::string rate =
        share.bytes > 0 ? fmt::format("{:.1f}", share.bytes / share.seconds / kGiga) : "";
    text += fmt::format("{:<38}{:>8.0f}{:>12.3f}{:>6.1f} %{:>8}\n", op_name(share.key), share.calls,
                        share.seconds * 1e3, share.seconds / total * 100, rate);
  }
  text +=
      "\nbytes: every weight that the step uses once, cached keys once a sequence; operations: "
      "multiply-adds;\nroofline: the larger of bytes / read rate and operations / peak, over the "
      "time measured\n";
  return text;
}

std::string model_report_json(const ModelReport& report) {
  const ModelFigures& figures = report.figures;
  nlohmann::ordered_json json;
  json["bench"] = kind_name(figures.kind);
  json["processor"] = report.processor;
  json["isa"] = isa_name(report.isa);
  json["activations"] = policy_name(report.activations);
  json["machine"] = machine_json(report.machine);
  json["machine"]["read_samples_between_steps"] = report.read_samples;
  json["model"] = figures.model;
  json["weights"] = weight_place_name(figures.weight_place);
  json["layers"] = figures.config.layers;
  json["routed_experts"] = figures.config.routed_experts;
  json["config"] = nlohmann::ordered_json::parse(config_to_json(figures.config));
  json["context"] = figures.context;
  json["batch"] = figures.batch;
  json["rows"] = figures.rows;
  json["steps"] = figures.measured;
  json["tokens_per_s"] = figures.tokens_per_s();
  json["ms_per_step"] = figures.seconds * 1e3;
  json["ms_per_step_5"] = figures.fast_seconds * 1e3;
  json["ms_per_step_95"] = figures.slow_seconds * 1e3;
  json["ms_per_token"] = figures.seconds / figures.tokens() * 1e3;
  json["ms_per_layer"] = figures.layer_seconds * 1e3;
  json["experts_used"] = figures.experts_used;
  json["costs_of_step"] = costs_json(figures.costs);
  json["roofline"] = roofline_json(limit_of(report, figures.costs), figures.seconds);
  if (report.difference) {
    const LayerDifference& difference = *report.difference;
    json["difference"] = {
        {"model", difference.other},
        {"layers", difference.layers},
        {"ms_of_one_layer", difference.seconds / difference.layers * 1e3},
        {"ms_of_one_layer_and_token",
         difference.seconds / difference.layers / figures.tokens() * 1e3},
        {"costs_of_all", costs_json(difference.costs)},
        {"roofline", roofline_json(limit_of(report, difference.costs), difference.seconds)}};
  }
  for (const OpShare& share : figures.ops) {
    json["ops"].push_back({{"op", op_name(share.key)},
                           {"calls", share.calls},
                           {"ms", share.seconds * 1e3},
                           {"bytes", share.bytes}});
  }
  return json.dump(2) + "\n";
}

}  // namespace hadal
