#include "economics/inferencex_basis.h"

#include <cmath>
#include <fmt/format.h>

#include "economics/unit_costs.h"

namespace hadal {
namespace {

bool is_disaggregated(const InferenceXRun& run) { return run.prefill_gpus + run.decode_gpus > 0; }

// The GPUs that a rate is divided by.
int input_gpus(const InferenceXRun& run) {
  return run.prefill_gpus > 0 ? run.prefill_gpus : run.gpus;
}

int output_gpus(const InferenceXRun& run) {
  return run.decode_gpus > 0 ? run.decode_gpus : run.gpus;
}

std::optional<double> per_gpu(double rate, int gpus) {
  if (!std::isfinite(rate) || rate <= 0 || gpus <= 0) return std::nullopt;
  return rate / gpus;
}

// `formula` of each rate and the same price or power.
template <typename Formula>
InferenceXFigures each(const InferenceXFigures& rates, const std::optional<double>& amount,
                       Formula formula) {
  const auto apply = [&](const std::optional<double>& rate) -> std::optional<double> {
    if (!rate || !amount) return std::nullopt;
    return formula(*rate, *amount);
  };
  return {.total = apply(rates.total), .input = apply(rates.input), .output = apply(rates.output)};
}

}  // namespace

InferenceXFigures inferencex_rates(const InferenceXRun& run) {
  return {.total = per_gpu(run.input_rate + run.output_rate, run.gpus),
          .input = per_gpu(run.input_rate, input_gpus(run)),
          .output = per_gpu(run.output_rate, output_gpus(run))};
}

InferenceXCosts inferencex_costs(const InferenceXFigures& rates, const InferenceXPrices& prices) {
  return {.usd_per_million = each(rates, prices.usd_per_gpu_hour, usd_per_million_tokens),
          .tokens_per_usd = each(rates, prices.usd_per_gpu_hour, tokens_per_usd),
          .tokens_per_megawatt_second = each(rates, prices.kw_per_gpu, tokens_per_megawatt_second),
          .joules_per_token = each(rates, prices.kw_per_gpu, joules_per_token)};
}

std::optional<double> times_billed(const InferenceXRun& run) {
  const InferenceXFigures rates = inferencex_rates(run);
  if (!rates.input || !rates.output) return std::nullopt;
  // Each column, times its tokens, is the price of the GPUs it divides by.
  return static_cast<double>(input_gpus(run) + output_gpus(run)) / run.gpus;
}

std::vector<std::string> inferencex_warts(const InferenceXRun& run) {
  std::vector<std::string> warts;
  const auto times = times_billed(run);
  if (times && std::abs(*times - 1) > 1e-9) {
    warts.push_back(fmt::format(
        "input and output costs each divide the whole price: over all tokens they charge the bill "
        "{:.2f} times",
        *times));
  }
  if (is_disaggregated(run) && output_gpus(run) < run.gpus) {
    warts.push_back(fmt::format(
        "output is counted over the {} GPUs that decode, not over all {}: it reads {:.2f} times "
        "better",
        output_gpus(run), run.gpus, static_cast<double>(run.gpus) / output_gpus(run)));
  }
  if (is_disaggregated(run) && input_gpus(run) < run.gpus) {
    warts.push_back(fmt::format(
        "input is counted over the {} GPUs that prefill, not over all {}: it reads {:.2f} times "
        "better",
        input_gpus(run), run.gpus, static_cast<double>(run.gpus) / input_gpus(run)));
  }
  if (run.has_cached_input) {
    warts.emplace_back(
        "input and total count tokens from the prefix cache as if they had been computed");
  }
  warts.emplace_back("the machine is taken to be this busy at every hour that is paid");
  return warts;
}

}  // namespace hadal
