#include "ops/attention.h"

#include <algorithm>

#include "base/as_size.h"
#include "ops/cpu/cpu_kernels.h"
#include "ops/cpu/micro_kernels.h"
#include "ops/kv_entry.h"
#include "ops/visible_entries.h"

namespace hadal::cpu {
namespace {

constexpr int kBlockEntries = 64;

// Heads [head_begin, head_end) of one row.
void attend_row(const AttendArgs& args, const MicroKernels& micro, int row, int head_begin,
                int head_end, float* scratch) {
  const KvEntryFormat& format = args.kv.format;
  const size_t dim = as_size(format.head_dim());
  const size_t offset = (as_size(row) * as_size(args.heads) + as_size(head_begin)) * dim;
  const AttendRowArgs heads{.q = args.q + offset,
                            .sink = args.sink + head_begin,
                            .out = args.out + offset,
                            .heads = head_end - head_begin,
                            .dim = format.head_dim(),
                            .scale = args.scale};
  float* keys = scratch;
  float* state = keys + kBlockEntries * dim;
  const VisibleEntries visible(args, row);
  for (int begin = 0; begin < visible.count(); begin += kBlockEntries) {
    const int count = std::min(kBlockEntries, visible.count() - begin);
    for (int i = 0; i < count; ++i) {
      const KvEntry entry = visible[begin + i];
      micro.decode_kv(entry.data, entry.scales, format.nope_dim, format.rope_dim,
                      keys + as_size(i) * dim);
    }
    micro.attend_block(heads, keys, count, begin == 0, state);
  }
  micro.attend_finish(heads, state);
}

}  // namespace

void attend(OpContext& context, const AttendArgs& args) {
  const KvEntryFormat& format = args.kv.format;
  if (format.rope_storage != RopeStorage::kBf16 || format.head_dim() % 16 != 0) {
    return ref::attend(context, args);
  }
  const MicroKernels& micro = *context.kernels().micro;
  const RowRange range = args.rows();
  const int rows = range.count();
  // Few rows: the heads of a row are shared out too, at the price of decoding its keys once each.
  const int threads = context.threads().threads();
  const int parts = rows >= 2 * threads ? 1 : std::min(threads, args.heads);
  const size_t scratch_floats =
      kBlockEntries * as_size(format.head_dim()) + 2 * as_size(args.heads);
  context.threads().parallel_for(rows * parts, 1, [&](int begin, int end, int thread) {
    float* scratch = context.thread_scratch(thread, scratch_floats);
    for (int task = begin; task < end; ++task) {
      const int part = task % parts;
      attend_row(args, micro, range.begin + task / parts, args.heads * part / parts,
                 args.heads * (part + 1) / parts, scratch);
    }
  });
}

}  // namespace hadal::cpu
