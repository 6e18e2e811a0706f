#include "economics/unit_costs.h"

#include <cmath>

namespace hadal {
namespace {

bool is_positive(double value) { return std::isfinite(value) && value > 0; }

}  // namespace

std::optional<double> usd_per_million_tokens(double tokens_per_gpu_second,
                                             double usd_per_gpu_hour) {
  if (!is_positive(tokens_per_gpu_second) || !std::isfinite(usd_per_gpu_hour) ||
      usd_per_gpu_hour < 0) {
    return std::nullopt;
  }
  return usd_per_gpu_hour * 1e6 / (tokens_per_gpu_second * 3600);
}

std::optional<double> tokens_per_usd(double tokens_per_gpu_second, double usd_per_gpu_hour) {
  if (!is_positive(tokens_per_gpu_second) || !is_positive(usd_per_gpu_hour)) return std::nullopt;
  return tokens_per_gpu_second * 3600 / usd_per_gpu_hour;
}

std::optional<double> tokens_per_megawatt_second(double tokens_per_gpu_second, double kw_per_gpu) {
  if (!is_positive(tokens_per_gpu_second) || !is_positive(kw_per_gpu)) return std::nullopt;
  return tokens_per_gpu_second * 1000 / kw_per_gpu;
}

std::optional<double> joules_per_token(double tokens_per_gpu_second, double kw_per_gpu) {
  if (!is_positive(tokens_per_gpu_second) || !is_positive(kw_per_gpu)) return std::nullopt;
  return kw_per_gpu * 1000 / tokens_per_gpu_second;
}

}  // namespace hadal
