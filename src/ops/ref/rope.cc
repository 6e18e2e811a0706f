#include "ops/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"

namespace hadal {
namespace {

// The pair index whose wavelength makes `turns` turns within `positions` positions.
double pair_of_turns(double turns, double positions, int rope_dim, double theta) {
  return rope_dim * std::log(positions / (turns * 2.0 * std::numbers::pi)) /
         (2.0 * std::log(theta));
}

}  // namespace

std::vector<float> rope_frequencies(const RopeFrequencyOptions& options) {
  const int pairs = options.rope_dim / 2;
  std::vector<float> frequencies(static_cast<size_t>(pairs));
  double low = 0;
  double high = 0;
  if (options.yarn_factor != 1) {
    const double positions = options.yarn_original_positions;
    low = std::floor(
        pair_of_turns(options.yarn_beta_fast, positions, options.rope_dim, options.theta));
    high = std::ceil(
        pair_of_turns(options.yarn_beta_slow, positions, options.rope_dim, options.theta));
    low = std::max(low, 0.0);
    high = std::min(high, static_cast<double>(options.rope_dim - 1));
    if (low == high) high += 0.001;  // as the reference does, against a division by zero
  }
  for (int i = 0; i < pairs; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(options.rope_dim);
    float frequency = 1.0F / std::pow(options.theta, exponent);
    if (options.yarn_factor != 1) {
      const auto ramp =
          static_cast<float>(std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0));
      frequency = frequency / options.yarn_factor * ramp + frequency * (1.0F - ramp);
    }
    frequencies[static_cast<size_t>(i)] = frequency;
  }
  return frequencies;
}

namespace ref {

void rope(OpContext& context, const RopeArgs& args) {
  const int pairs = args.rope_dim / 2;
  const auto head_dim = static_cast<size_t>(args.head_dim);
  context.threads().parallel_for(args.rows, 4, [&](int begin, int end, int thread) {
    float* cosines = context.thread_scratch(thread, 2 * static_cast<size_t>(pairs));
    float* sines = cosines + pairs;
    for (int row = begin; row < end; ++row) {
      const auto position = static_cast<float>(args.positions[row]);
      for (int i = 0; i < pairs; ++i) {
        const float angle = position * args.frequencies[i];
        cosines[i] = std::cos(angle);
        sines[i] = args.direction == RopeDirection::kForward ? std::sin(angle) : -std::sin(angle);
      }
      for (int head = 0; head < args.heads; ++head) {
        float* x = args.x +
                   (static_cast<size_t>(row) * static_cast<size_t>(args.heads) +
                    static_cast<size_t>(head)) *
                       head_dim +
                   (args.head_dim - args.rope_dim);
        for (int i = 0; i < pairs; ++i) {
          const float even = x[2 * i];
          const float odd = x[2 * i + 1];
          x[2 * i] = even * cosines[i] - odd * sines[i];
          x[2 * i + 1] = even * sines[i] + odd * cosines[i];
        }
      }
    }
  });
}

}  // namespace ref
}  // namespace hadal
