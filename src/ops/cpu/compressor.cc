#include "ops/compressor.h"

#include "ops/cpu/cpu_kernels.h"
#include "ops/cpu/micro_kernels.h"
#include "ops/hca_pool_loop.h"

namespace hadal::cpu {

void csa_pool(OpContext& context, const CsaPoolArgs& args) {
  const MicroKernels& micro = *context.kernels().micro;
  const int groups = static_cast<int>(args.groups->groups.size());
  context.threads().parallel_for(groups, 1, [&](int begin, int end, int) {
    for (int group = begin; group < end; ++group) {
      const CsaGroupRows rows = csa_group_rows(args, group);
      micro.pool_rows(rows.kv, rows.z, rows.count,
                      args.out + static_cast<size_t>(group) * static_cast<size_t>(args.channels),
                      args.channels);
    }
  });
}

void hca_pool(OpContext& context, const HcaPoolArgs& args) {
  const MicroKernels& micro = *context.kernels().micro;
  run_hca_pool(context, args, [&](const float* kv, const float* z, int n, const HcaState& state) {
    micro.join_softmax(kv, z, n, state.maximum, state.sum, state.weighted);
  });
}

}  // namespace hadal::cpu
