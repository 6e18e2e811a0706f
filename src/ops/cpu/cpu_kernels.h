// The operations on vector units: tiling and threads around the inner loops of one instruction set
// (context.kernels().micro). Shapes that the inner loops do not take go to the reference.
#pragma once

#include "ops/kernel_table.h"

namespace hadal::cpu {

// The table of an instruction set: these operations over its inner loops, the reference's for the
// rest.
KernelTable vector_kernels(const MicroKernels& micro);

void quantize_int8_rows(OpContext& context, const QuantizeInt8RowsArgs& args);
void pack_bf16_rows(OpContext& context, const PackBf16RowsArgs& args);
void linear(OpContext& context, const LinearArgs& args);
void rms_norm(OpContext& context, const RmsNormArgs& args);
void swiglu(OpContext& context, const SwigluArgs& args);
void rope(OpContext& context, const RopeArgs& args);
void hyper_pre(OpContext& context, const HyperPreArgs& args);
void hyper_post(OpContext& context, const HyperPostArgs& args);
void hyper_head(OpContext& context, const HyperHeadArgs& args);
void attend(OpContext& context, const AttendArgs& args);
void hadamard(OpContext& context, const HadamardArgs& args);
void choose_entries(OpContext& context, const ChooseEntriesArgs& args);
void csa_pool(OpContext& context, const CsaPoolArgs& args);
void hca_pool(OpContext& context, const HcaPoolArgs& args);
void experts(OpContext& context, const ExpertsArgs& args);

}  // namespace hadal::cpu
