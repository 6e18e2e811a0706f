#include "ops/swiglu.h"

#include <algorithm>

#include "numeric/elementary.h"
namespace hadal::ref {

void swiglu(OpContext& context, const SwigluArgs& args) {
  const auto width = static_cast<size_t>(args.width);
  context.threads().parallel_for(args.rows, 4, [&](int begin, int end, int) {
    for (int row = begin; row < end; ++row) {
      const size_t offset = static_cast<size_t>(row) * width;
      const float weight = args.row_weights == nullptr ? 1.0F : args.row_weights[row];
      for (size_t i = offset; i < offset + width; ++i) {
        float gate = args.gate[i];
        float up = args.up[i];
        if (args.limit > 0) {
          gate = std::min(gate, args.limit);
          up = std::clamp(up, -args.limit, args.limit);
        }
        args.out[i] = gate / (1.0F + elementary::exp(-gate)) * up * weight;
      }
    }
  });
}

}  // namespace hadal::ref
