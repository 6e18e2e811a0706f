#include "ops/rope.h"

#include <algorithm>
#include <numbers>

#include "numeric/elementary.h"

namespace hadal {
namespace {

// The pair index whose wavelength makes `turns` turns within `positions` positions.
double pair_of_turns(double turns, double positions, int rope_dim, double theta) {
  return rope_dim * elementary::log(positions / (turns * 2.0 * std::numbers::pi)) /
         (2.0 * elementary::log(theta));
}

}  // namespace

std::vector<float> rope_frequencies(const RopeFrequencyOptions& options) {
  const int pairs = options.rope_dim / 2;
  std::vector<float> frequencies(static_cast<size_t>(pairs));
  double low = 0;
  double high = 0;
  if (options.yarn_factor != 1) {
    const double positions = options.yarn_original_positions;
    low = elementary::floor(
        pair_of_turns(options.yarn_beta_fast, positions, options.rope_dim, options.theta));
    high = elementary::ceil(
        pair_of_turns(options.yarn_beta_slow, positions, options.rope_dim, options.theta));
    low = std::max(low, 0.0);
    high = std::min(high, static_cast<double>(options.rope_dim - 1));
    if (low == high) high += 0.001;  // as the reference does, against a division by zero
  }
  for (int i = 0; i < pairs; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(options.rope_dim);
    float frequency = 1.0F / elementary::pow(options.theta, exponent);
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

void rope_turns(OpContext& context, const RopeTurnsArgs& args) {
  const auto dim = static_cast<size_t>(args.rope_dim);
  context.threads().parallel_for(args.rows, 4, [&](int begin, int end, int) {
    for (auto row = static_cast<size_t>(begin); row < static_cast<size_t>(end); ++row) {
      const auto position = static_cast<float>(args.positions[row]);
      float* cosines = args.turns + row * 2 * dim;
      float* sines = cosines + dim;
      for (size_t i = 0; i < dim; i += 2) {
        const float angle = position * args.frequencies[i / 2];
        const elementary::SineCosine turn = elementary::sine_cosine(angle);
        cosines[i] = turn.cosine;
        cosines[i + 1] = turn.cosine;
        sines[i] = -turn.sine;
        sines[i + 1] = turn.sine;
      }
    }
  });
}

void rope(OpContext& context, const RopeArgs& args) {
  const auto dim = static_cast<size_t>(args.rope_dim);
  const auto heads = static_cast<size_t>(args.heads);
  const auto head_dim = static_cast<size_t>(args.head_dim);
  const float direction = args.direction == RopeDirection::kForward ? 1.0F : -1.0F;
  context.threads().parallel_for(args.rows, 4, [&](int begin, int end, int) {
    for (auto row = static_cast<size_t>(begin); row < static_cast<size_t>(end); ++row) {
      const float* cosines = args.turns + row * 2 * dim;
      const float* sines = cosines + dim;
      for (size_t head = 0; head < heads; ++head) {
        float* x = args.x + (row * heads + head) * head_dim + (head_dim - dim);
        for (size_t i = 0; i < dim; i += 2) {
          const float even = x[i];
          const float odd = x[i + 1];
          x[i] = even * cosines[i] + odd * (direction * sines[i]);
          x[i + 1] = odd * cosines[i + 1] + even * (direction * sines[i + 1]);
        }
      }
    }
  });
}

}  // namespace ref
}  // namespace hadal
