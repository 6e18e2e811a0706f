#include "cli/measure_costs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "cli/measure_setup.h"
#include "economics/api_offer.h"
#include "measure/meters/power_meter.h"
#include "measure/metrics/load_text.h"
#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/metric_ids.h"

namespace hadal {

double output_rate(const PointRecord& point) {
  return metric_mean(point, metric_ids::kRateOutput).value_or(0);
}

std::optional<CostBasis> cost_basis(const ParsedLine& line) {
  CostBasis basis;
  CostReportInput& input = basis.input;
  const HardwareCatalogue& catalogue = hardware_catalogue(line);
  input.era = catalogue.era(line.get(option::kEra).value_or("")).key;
  input.tier = price_tier_of(line.value(option::kTier)).value();
  input.pue = catalogue.default_pue();
  input.gpus = line.get(option::kGpus).value_or(0);
  if (const auto hardware = line.get(option::kHardware)) {
    input.accelerator = &catalogue.accelerator(*hardware);
  }
  if (line.command != Command::kMeasureQuick) {
    input.prefill_gpus = line.get(option::kPrefillGpus).value_or(0);
    input.decode_gpus = line.get(option::kDecodeGpus).value_or(0);
  }
  if (const auto file = line.get(option::kCosts)) {
    input.own = load_deployment_costs(*file);
    if (input.gpus == 0) input.gpus = input.own->gpus;
  } else if (const auto price = line.get(option::kPrice)) {
    input.own = DeploymentCosts{
        .name = "given price", .gpus = std::max(input.gpus, 1), .rent_usd_per_gpu_hour = *price};
  } else if (input.accelerator == nullptr) {
    if (line.has(option::kApiPrice)) {
      throw Error({.code = ErrorCode::kInvalidArgument,
                   .where = "--api-price",
                   .what = "has nothing to be compared with",
                   .remedy = "say what the machine costs: --price, --costs or --hardware"});
    }
    return std::nullopt;
  }
  if (const auto api = line.get(option::kApiPrice)) {
    const ApiOffer offer =
        find_api_offer(PriceCatalogue::built_in(), *api, static_cast<int64_t>(unix_seconds()),
                       "--" + std::string(option::kApiPrice.name));
    input.api = offer.per_million;
    input.api_name = offer.name;
  }
  if (input.gpus == 0) {
    input.gpus = 1;
    basis.note = "one accelerator is assumed; --gpus says how many there are";
  }
  if (input.own) input.own->gpus = input.gpus;
  return basis;
}

std::optional<Phases> phases_of(const PointSamples& samples) {
  std::vector<RequestTimes> times;
  std::vector<RequestSpan> spans;
  for (const RequestRecord& request : samples.requests) {
    if (request.phase == RequestPhase::kWarmUp) continue;
    spans.push_back({.sent = request.sent, .ended = request.ended});
    if (request.outcome != RequestOutcome::kOk) continue;
    RequestTimes time;
    time.prefill_seconds = request.server_prefill_seconds;
    time.decode_seconds = request.server_decode_seconds;
    if (request.first_token) time.first_token_after = *request.first_token - request.sent;
    const int64_t input = request.input_tokens.value_or(request.asked_input_tokens);
    time.computed_input_tokens = std::max<int64_t>(0, input - request.cached_tokens.value_or(0));
    time.output_tokens = request.output_tokens.value_or(0);
    times.push_back(time);
  }
  if (times.empty() || !(samples.duration > 0)) return std::nullopt;
  const double idle = std::clamp(idle_seconds(spans, samples.duration), 0.0, samples.duration);
  return split_phases({.seconds = samples.duration, .idle_seconds = idle, .gpus = 1}, times);
}

std::optional<PowerDraw> measured_power(const PointRecord& point) {
  constexpr std::array kCovering = {
      std::pair(meter_class::kWall, PowerBasis::kMeasuredMachine),
      std::pair(meter_class::kNode, PowerBasis::kMeasuredMachine),
      std::pair(meter_class::kGpu, PowerBasis::kMeasuredBoards),
      std::pair(meter_class::kNpu, PowerBasis::kMeasuredBoards),
  };
  constexpr double kKilo = 1000;
  for (const auto& [covered, basis] : kCovering) {
    const auto watts = metric_mean(point, fmt::format("power.mean.{}/1", covered));
    if (!watts) continue;
    PowerDraw draw{.it_kw = *watts / kKilo, .basis = basis};
    if (const auto idle = metric_mean(point, fmt::format("power.idle.{}/1", covered))) {
      draw.idle_kw = *idle / kKilo;
    }
    return draw;
  }
  return std::nullopt;
}

std::optional<PowerDraw> provisioned_power(const PointRecord& point) {
  constexpr double kKilo = 1000;
  for (const std::string_view covered :
       {meter_class::kWall, meter_class::kNode, meter_class::kGpu, meter_class::kNpu}) {
    const auto watts = metric_mean(point, fmt::format("power.mean.{}.provisioned/1", covered));
    if (watts) return PowerDraw{.it_kw = *watts / kKilo, .basis = PowerBasis::kProvisioned};
  }
  return std::nullopt;
}

std::string point_costs(const CostBasis& basis, const PointRecord& point,
                        const std::optional<Phases>& phases) {
  const double seconds = point.window.end - point.window.begin;
  const std::optional<double> input_rate = metric_mean(point, metric_ids::kRateInput);
  if (!(seconds > 0)) return "";
  const double hits =
      std::clamp(metric_mean(point, metric_ids::kCacheHitShare).value_or(0), 0.0, 1.0);
  const double input_tokens = input_rate.value_or(0) * seconds;
  CostReportInput input = basis.input;
  input.about = load_text(point);
  input.seconds = seconds;
  input.tokens = {.computed_input = std::llround(input_tokens * (1 - hits)),
                  .cached_input = std::llround(input_tokens * hits),
                  .output = std::llround(output_rate(point) * seconds)};
  if (input.tokens.output == 0) return "";
  input.measured_power = measured_power(point);
  // A constant of --power stands back behind what a file says of the whole machine.
  if (!input.measured_power && !(input.own && input.own->it_kw)) {
    input.measured_power = provisioned_power(point);
  }
  // A site with GPUs for each is divided by their number.
  const bool has_roles = input.prefill_gpus > 0 && input.decode_gpus > 0;
  if (phases && !has_roles && phases->all() > 0) {
    // From the machine's time as it was measured to GPU-seconds of the window.
    const double factor = seconds * input.gpus / phases->all();
    input.phases = phases;
    for (double* part : {&input.phases->prefill, &input.phases->cached_input, &input.phases->decode,
                         &input.phases->shared, &input.phases->idle}) {
      *part *= factor;
    }
  }
  std::string out = cost_report(input);
  if (!basis.note.empty()) out += basis.note + "\n";
  return out;
}

std::string best_costs(const CostBasis& basis, std::span<const PointRecord> points,
                       std::span<const std::optional<Phases>> phases, int users) {
  const PointRecord* best = nullptr;
  for (const PointRecord& point : points) {
    if (point.invalid || (users > 0 && point.load.concurrency != users)) continue;
    if (output_rate(point) > (best == nullptr ? 0 : output_rate(*best))) best = &point;
  }
  if (best == nullptr) return "";
  const auto place = static_cast<size_t>(best - points.data());
  try {
    const std::string text =
        point_costs(basis, *best, place < phases.size() ? phases[place] : std::nullopt);
    if (text.empty()) return "";
    return "\n" + text +
           (best->client.limited
                ? "the client may have been the limit: the machine may do more for "
                  "this price\n"
                : "");
  } catch (const Error& error) {
    return fmt::format("\nNo costs: {}\n", error.what());
  }
}

}  // namespace hadal
