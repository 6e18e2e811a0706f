#include "ops/embedding.h"

#include <algorithm>

#include "base/check.h"
#include "base/unaligned.h"
#include "numeric/bf16.h"

namespace hadal::ref {

void embed(OpContext& context, const EmbedArgs& args) {
  HADAL_CHECK(args.table.format == WeightFormat::kBf16);
  const auto hidden = static_cast<size_t>(args.table.in_features);
  context.threads().parallel_for(args.rows, 4, [&](int begin, int end, int) {
    for (int row = begin; row < end; ++row) {
      const int32_t token = args.tokens[row];
      HADAL_CHECK(token >= 0 && token < args.table.out_features);
      const std::byte* values =
          args.table.data + static_cast<size_t>(token) * hidden * sizeof(uint16_t);
      float* out = args.out + static_cast<size_t>(row) * static_cast<size_t>(args.streams) * hidden;
      for (size_t i = 0; i < hidden; ++i) {
        out[i] = bf16_decode(load_unaligned<uint16_t>(values + i * sizeof(uint16_t)));
      }
      for (int stream = 1; stream < args.streams; ++stream) {
        std::copy_n(out, hidden, out + static_cast<size_t>(stream) * hidden);
      }
    }
  });
}

}  // namespace hadal::ref
