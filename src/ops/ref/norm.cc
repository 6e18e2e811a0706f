#include "ops/norm.h"

#include <cmath>

#include "ops/ref/dot.h"

namespace hadal::ref {

void rms_norm(OpContext& context, const RmsNormArgs& args) {
  const auto columns = static_cast<size_t>(args.columns);
  context.threads().parallel_for(args.rows, 8, [&](int begin, int end, int) {
    for (int row = begin; row < end; ++row) {
      const float* x = args.x + static_cast<size_t>(row) * columns;
      float* out = args.out + static_cast<size_t>(row) * columns;
      const float mean_square = dot(x, x, args.columns) / static_cast<float>(args.columns);
      const float factor = 1.0F / std::sqrt(mean_square + args.eps);
      for (size_t i = 0; i < columns; ++i) {
        out[i] = args.weight == nullptr ? x[i] * factor : x[i] * factor * args.weight[i];
      }
    }
  });
}

}  // namespace hadal::ref
