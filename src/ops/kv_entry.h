// Writing keys into the formats of the cache (kv_cache.h). What is stored is what attention sees:
// no key is ever read before it went through this rounding.
#pragma once

#include "ops/context.h"
#include "ops/kv_cache.h"
#include "ops/row_range.h"

namespace hadal {

struct EncodeKvArgs {
  const float* x = nullptr;  // [rows, head_dim], after RoPE
  KvEntryFormat format;
  std::byte* data = nullptr;    // [rows, data_bytes]
  std::byte* scales = nullptr;  // [rows, scale_bytes]
  int rows = 0;
};

inline EncodeKvArgs rows_of(EncodeKvArgs args, RowRange range) {
  args.x += range.offset(args.format.head_dim());
  args.data += range.offset(args.format.data_bytes());
  args.scales += range.offset(args.format.scale_bytes());
  args.rows = range.count();
  return args;
}

struct EncodeIndexKeyArgs {
  const float* x = nullptr;  // [rows, dim], after RoPE and the Hadamard transform
  IndexKeyFormat format;
  std::byte* data = nullptr;    // [rows, data_bytes]
  std::byte* scales = nullptr;  // [rows, scale_bytes]
  int rows = 0;
};

inline EncodeIndexKeyArgs rows_of(EncodeIndexKeyArgs args, RowRange range) {
  args.x += range.offset(args.format.dim);
  args.data += range.offset(args.format.data_bytes());
  args.scales += range.offset(args.format.scale_bytes());
  args.rows = range.count();
  return args;
}

namespace ref {
void encode_kv(OpContext& context, const EncodeKvArgs& args);
void encode_index_key(OpContext& context, const EncodeIndexKeyArgs& args);
// One entry to float32: out [head_dim], or [dim].
void decode_kv(const KvEntryFormat& format, const KvEntry& entry, float* out);
void decode_index_key(const IndexKeyFormat& format, const KvEntry& key, float* out);
}  // namespace ref

namespace ops {
void encode_kv(OpContext& context, const EncodeKvArgs& args);
void encode_index_key(OpContext& context, const EncodeIndexKeyArgs& args);
}  // namespace ops

}  // namespace hadal
