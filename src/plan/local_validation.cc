#include "plan/local_validation.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/statistics.h"
#include "economics/catalogue_fields.h"
#include "json/fields.h"
#include "json/python_json.h"
#include "plan/local_machine.h"

namespace hadal {
namespace {

constexpr double kMilli = 1e-3;

double at(const Fields& object, std::string_view key) { return object.number(key).value_or(0); }

StepCosts costs_of(const Fields& row) {
  return {.dense_bytes = at(row, "dense_bytes"),
          .expert_bytes = at(row, "expert_bytes"),
          .head_bytes = at(row, "head_bytes"),
          .kv_bytes = at(row, "kv_bytes"),
          .expert_macs = at(row, "expert_macs"),
          .quantised_macs = at(row, "quantised_macs"),
          .float_macs = at(row, "float_macs"),
          .head_macs = at(row, "head_macs"),
          .attention_macs = at(row, "attention_macs"),
          .indexer_macs = at(row, "indexer_macs")};
}

}  // namespace

double local_step_seconds(const StepCosts& costs, double rows, int layers,
                          const MachineRates& rates, const Constants& constants) {
  // Tiles of few rows are part empty: half the peak at four. An estimate, as kApart is.
  constexpr double kHalfRows = 4;
  const double full = std::max(rows, 1.0) / (std::max(rows, 1.0) + kHalfRows);
  const DeviceLimits limits = local_limits(rates, "", 0);
  const auto share = [&](Constant id) { return constants.get(id, DeviceFamily::kCpu); };
  const auto seconds = [&](double macs, double flops, Constant id) {
    return 2 * macs / (flops * share(id) * full);
  };
  const double reading = costs.bytes() / (limits.bytes_per_s * share(Constant::kMemoryShare));
  const double computing =
      seconds(costs.expert_macs, limits.fp4_flops, Constant::kExpertGemmShare) +
      seconds(costs.quantised_macs, limits.fp8_flops, Constant::kGemmShare) +
      seconds(costs.float_macs + costs.head_macs, limits.bf16_flops, Constant::kWideGemmShare) +
      seconds(costs.attention_macs, limits.bf16_flops, Constant::kPrefillAttentionShare) +
      seconds(costs.indexer_macs, limits.fp8_flops, Constant::kIndexerShare);
  // Cores compute while the memory is read: the longer of both, and part of the other.
  constexpr double kApart = 0.2;
  return std::max(reading, computing) + kApart * std::min(reading, computing) +
         layers * kLoopsOfALayer * limits.join_s;
}

LocalPoint read_local_point(std::string_view text, const std::string& where,
                            const Constants& constants) {
  const nlohmann::ordered_json json = parse_json_file_text(text, where);
  const FieldsSource source = catalogue_source(where);
  const Fields run(json, "", source);
  const std::string bench = run.required_string("bench");
  const MachineRates rates = read_machine_row(Fields(run.at("machine"), "machine", source));
  const Fields costs(run.at("costs_of_step"), "costs_of_step", source);
  LocalPoint point{.name = fmt::format("{} {}, {} layers, {:.0f} x {:.0f} rows after {:.0f}", bench,
                                       run.string("activations").value_or(""), at(run, "layers"),
                                       at(run, "batch"), at(run, "rows"), at(run, "context")),
                   .measured_ms = at(run, "ms_per_step"),
                   .low_ms = at(run, "ms_per_step_5"),
                   .high_ms = at(run, "ms_per_step_95")};
  if (!(point.measured_ms > 0)) run.refuse("ms_per_step", "must be there, above 0");
  point.predicted_ms = local_step_seconds(costs_of(costs), at(run, "batch") * at(run, "rows"),
                                          run.count("layers", 1).value_or(1), rates, constants) /
                       kMilli;
  return point;
}

std::string local_validation_text(const std::vector<LocalPoint>& points) {
  std::string out = fmt::format("{:<56} {:>10} {:>10} {:>22} {:>8}\n", "", "predicted", "measured",
                                "5th to 95th", "error");
  std::vector<double> errors;
  for (const LocalPoint& point : points) {
    const double error = point.predicted_ms / point.measured_ms - 1;
    errors.push_back(std::abs(error));
    out += fmt::format("{:<56} {:>7.1f} ms {:>7.1f} ms {:>8.1f} to {:>8.1f} ms {:>+6.0f} %\n",
                       point.name, point.predicted_ms, point.measured_ms, point.low_ms,
                       point.high_ms, 100 * error);
  }
  if (!errors.empty()) {
    out += fmt::format("median error {:.0f} %, worst {:.0f} %\n", 100 * median(errors),
                       100 * *std::max_element(errors.begin(), errors.end()));
  }
  return out;
}

}  // namespace hadal
