#include "ops/kv_entry.h"

#include <algorithm>

#include "base/unaligned.h"
#include "numeric/bf16.h"
#include "numeric/block_scale.h"
#include "numeric/e2m1.h"
#include "numeric/e4m3.h"
#include "numeric/e8m0.h"

namespace hadal::ref {
namespace {

uint8_t code_at(const std::byte* codes, int index) {
  return std::to_integer<uint8_t>(codes[index]);
}

void store_rope(const KvEntryFormat& format, const float* x, std::byte* out) {
  for (int i = 0; i < format.rope_dim; ++i) {
    if (format.rope_storage == RopeStorage::kBf16) {
      store_unaligned(out + 2 * i, bf16_encode(x[i]));
    } else {
      store_unaligned(out + 4 * i, x[i]);
    }
  }
}

void load_rope(const KvEntryFormat& format, const std::byte* stored, float* out) {
  for (int i = 0; i < format.rope_dim; ++i) {
    out[i] = format.rope_storage == RopeStorage::kBf16
                 ? bf16_decode(load_unaligned<uint16_t>(stored + 2 * i))
                 : load_unaligned<float>(stored + 4 * i);
  }
}

}  // namespace

void encode_kv(OpContext& context, const EncodeKvArgs& args) {
  const KvEntryFormat& format = args.format;
  context.threads().parallel_for(args.rows, 8, [&](int begin, int end, int) {
    for (int row = begin; row < end; ++row) {
      const auto index = static_cast<size_t>(row);
      const float* x = args.x + index * static_cast<size_t>(format.head_dim());
      std::byte* data = args.data + index * format.data_bytes();
      std::byte* scales = args.scales + index * format.scale_bytes();
      std::fill_n(scales, format.scale_bytes(), std::byte{0});
      for (int group = 0; group < format.nope_dim / kKvScaleBlock; ++group) {
        auto* codes = reinterpret_cast<uint8_t*>(data + group * kKvScaleBlock);
        scales[group] = std::byte{q8_encode_group(x + group * kKvScaleBlock, codes, kKvScaleBlock)};
      }
      store_rope(format, x + format.nope_dim, data + format.nope_dim);
    }
  });
}

void encode_index_key(OpContext& context, const EncodeIndexKeyArgs& args) {
  const IndexKeyFormat& format = args.format;
  context.threads().parallel_for(args.rows, 8, [&](int begin, int end, int) {
    for (int row = begin; row < end; ++row) {
      const auto index = static_cast<size_t>(row);
      const float* x = args.x + index * static_cast<size_t>(format.dim);
      std::byte* data = args.data + index * format.data_bytes();
      std::byte* scales = args.scales + index * format.scale_bytes();
      for (int group = 0; group < format.dim / kIndexKeyBlock; ++group) {
        auto* codes = reinterpret_cast<uint8_t*>(data + group * kIndexKeyBlock / 2);
        scales[group] =
            std::byte{q4_encode_group(x + group * kIndexKeyBlock, codes, kIndexKeyBlock)};
      }
    }
  });
}

void decode_kv(const KvEntryFormat& format, const KvEntry& entry, float* out) {
  for (int group = 0; group < format.nope_dim / kKvScaleBlock; ++group) {
    const float scale = e8m0_decode(code_at(entry.scales, group));
    for (int i = group * kKvScaleBlock; i < (group + 1) * kKvScaleBlock; ++i) {
      out[i] = scale * e4m3_decode(code_at(entry.data, i));
    }
  }
  load_rope(format, entry.data + format.nope_dim, out + format.nope_dim);
}

void decode_index_key(const IndexKeyFormat& format, const KvEntry& key, float* out) {
  for (int i = 0; i < format.dim; i += 2) {
    const float scale = e8m0_decode(code_at(key.scales, i / kIndexKeyBlock));
    const uint8_t pair = code_at(key.data, i / 2);
    out[i] = scale * e2m1_decode(pair & 15);
    out[i + 1] = scale * e2m1_decode(pair >> 4);
  }
}

}  // namespace hadal::ref
