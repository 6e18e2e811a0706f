// The kernels in use: one function per operation. ref/ holds the scalar truth; faster variants
// replace single entries after they have reproduced a known answer.
#pragma once

#include "ops/attention.h"
#include "ops/commit.h"
#include "ops/compressor.h"
#include "ops/embedding.h"
#include "ops/experts.h"
#include "ops/hyper_connection.h"
#include "ops/indexer.h"
#include "ops/kv_entry.h"
#include "ops/linear.h"
#include "ops/norm.h"
#include "ops/rope.h"
#include "ops/rows.h"
#include "ops/swiglu.h"

namespace hadal {

namespace cpu {
struct MicroKernels;
}

template <typename Args>
using Kernel = void (*)(OpContext& context, const Args& args);

struct KernelTable {
  const char* name = "";
  const cpu::MicroKernels* micro = nullptr;  // inner loops of an instruction set; ref has none
  Kernel<EmbedArgs> embed = nullptr;
  Kernel<RoundActivationsArgs> round_activations = nullptr;
  Kernel<QuantizeInt8RowsArgs> quantize_int8_rows = nullptr;
  Kernel<PackBf16RowsArgs> pack_bf16_rows = nullptr;  // none: linears have no use for such inputs
  Kernel<LinearArgs> linear = nullptr;
  Kernel<RmsNormArgs> rms_norm = nullptr;
  Kernel<RopeTurnsArgs> rope_turns = nullptr;
  Kernel<RopeArgs> rope = nullptr;
  Kernel<HyperPreArgs> hyper_pre = nullptr;
  Kernel<HyperPostArgs> hyper_post = nullptr;
  Kernel<HyperHeadArgs> hyper_head = nullptr;
  Kernel<EncodeKvArgs> encode_kv = nullptr;
  Kernel<EncodeIndexKeyArgs> encode_index_key = nullptr;
  Kernel<AttendArgs> attend = nullptr;
  Kernel<HadamardArgs> hadamard = nullptr;
  Kernel<ChooseEntriesArgs> choose_entries = nullptr;
  Kernel<AddPositionBiasArgs> add_position_bias = nullptr;
  Kernel<KeepTailArgs> keep_tail = nullptr;
  Kernel<CsaPoolArgs> csa_pool = nullptr;
  Kernel<HcaPoolArgs> hca_pool = nullptr;
  Kernel<RouteArgs> route = nullptr;
  Kernel<DispatchArgs> dispatch = nullptr;
  Kernel<SwigluArgs> swiglu = nullptr;
  Kernel<ExpertsArgs> experts = nullptr;
  Kernel<CombineArgs> combine = nullptr;
  Kernel<GatherRowsArgs> gather_rows = nullptr;
  Kernel<ScaleArgs> scale = nullptr;
  Kernel<AddArgs> add = nullptr;
  Kernel<MeanRowsArgs> mean_rows = nullptr;
  Kernel<CommitEntriesArgs> commit_entries = nullptr;
};

const KernelTable& reference_kernels();

}  // namespace hadal
