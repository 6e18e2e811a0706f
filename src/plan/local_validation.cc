#include "plan/local_validation.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/statistics.h"
#include "base/units.h"
#include "economics/catalogue_fields.h"
#include "json/fields.h"
#include "json/python_json.h"
#include "plan/local_machine.h"

namespace hadal {
namespace {

struct Errors {
  double median = 0;
  double worst = 0;
};

Errors errors_of(const std::vector<LocalPoint>& points) {
  std::vector<double> errors;
  for (const LocalPoint& point : points) errors.push_back(std::abs(point.error()));
  return {.median = median(errors), .worst = *std::ranges::max_element(errors)};
}

}  // namespace

double LocalPoint::predicted_ms() const { return predicted.total() / kMilli; }

LocalPoint read_local_point(std::string_view text, const std::string& where,
                            const Constants& constants) {
  const nlohmann::ordered_json json = parse_json_file_text(text, where);
  const FieldsSource source = catalogue_source(where);
  const Fields run(json, "", source);
  const std::string bench = run.required_string("bench");
  const auto number = [&](std::string_view key) { return run.number(key).value_or(0); };
  const double batch = number("batch");
  const double rows = number("rows");
  const double context = number("context");
  const std::string activations = run.string("activations").value_or("");
  LocalPoint point{
      .name = fmt::format("{}: {} {} {}, {:.0f} x {:.0f} rows after {:.0f}",
                          run.string("model").value_or("a model"), bench,
                          run.string("isa").value_or(""), activations, batch, rows, context),
      .measured_ms = number("ms_per_step"),
      .low_ms = number("ms_per_step_5"),
      .high_ms = number("ms_per_step_95")};
  if (!(point.measured_ms > 0)) run.refuse("ms_per_step", "must be there, above 0");
  if (!(batch >= 1) || !(rows >= 1)) run.refuse("batch", "and rows must be there, at least 1");
  if (run.object("config") == nullptr) {
    run.refuse("config", "must be there: measure again, with this version of hadal bench");
  }
  const PlanModel model = plan_model(parse_config(run.at("config").dump(), where), "measured");
  const MachineRates rates = read_machine_row(Fields(run.at("machine"), "machine", source));
  DeviceLimits device = local_limits(rates, "", 0);
  // Other activations are multiplied as floats.
  if (activations != "int8") device.fp4_flops = device.fp8_flops = device.bf16_flops;
  const bool decodes = bench == "decode";
  const StepLoad load =
      decodes ? StepLoad{.sequences = batch, .context = context}
              : StepLoad{.prefill_rows = batch * rows, .prefill_context = context + rows / 2};
  point.predicted = step_time({.model = model, .device = device, .constants = constants}, load);
  return point;
}

std::string local_validation_text(const std::vector<LocalPoint>& points) {
  std::string out = fmt::format("{:<60} {:>12} {:>12} {:>24} {:>8}  {}\n", "", "predicted",
                                "measured", "5th to 95th", "error", "longest part");
  for (const LocalPoint& point : points) {
    out +=
        fmt::format("{:<60} {:>9.1f} ms {:>9.1f} ms {:>9.1f} to {:>9.1f} ms {:>+6.0f} %  {}\n",
                    point.name, point.predicted_ms(), point.measured_ms, point.low_ms,
                    point.high_ms, 100 * point.error(), time_part_name(point.predicted.longest()));
  }
  if (points.empty()) return out;
  const Errors errors = errors_of(points);
  return out + fmt::format("{} points: median error {:.0f} %, worst {:.0f} %\n", points.size(),
                           100 * errors.median, 100 * errors.worst);
}

std::string local_validation_json(const std::vector<LocalPoint>& points) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const LocalPoint& point : points) {
    nlohmann::ordered_json parts = nlohmann::ordered_json::object();
    for (size_t i = 0; i < kTimeParts; ++i) {
      parts[std::string(time_part_name(static_cast<TimePart>(i)))] =
          point.predicted.seconds[i] / kMilli;
    }
    rows.push_back({{"name", point.name},
                    {"predicted_ms", point.predicted_ms()},
                    {"measured_ms", point.measured_ms},
                    {"low_ms", point.low_ms},
                    {"high_ms", point.high_ms},
                    {"parts_ms", std::move(parts)}});
  }
  const Errors errors = points.empty() ? Errors{} : errors_of(points);
  return nlohmann::ordered_json{{"points", std::move(rows)},
                                {"summary",
                                 {{"points", points.size()},
                                  {"median_error", errors.median},
                                  {"worst_error", errors.worst}}}}
             .dump() +
         "\n";
}

}  // namespace hadal
