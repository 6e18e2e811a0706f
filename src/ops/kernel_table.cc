#include "ops/kernel_table.h"

namespace hadal {

const KernelTable& reference_kernels() {
  static constexpr KernelTable kTable = {
      .name = "ref",
      .embed = ref::embed,
      .round_activations = ref::round_activations,
      .quantize_int8_rows = ref::quantize_int8_rows,
      .linear = ref::linear,
      .rms_norm = ref::rms_norm,
      .rope = ref::rope,
      .hyper_pre = ref::hyper_pre,
      .hyper_post = ref::hyper_post,
      .hyper_head = ref::hyper_head,
      .encode_kv = ref::encode_kv,
      .encode_index_key = ref::encode_index_key,
      .attend = ref::attend,
      .hadamard = ref::hadamard,
      .choose_entries = ref::choose_entries,
      .add_position_bias = ref::add_position_bias,
      .csa_pool = ref::csa_pool,
      .hca_pool = ref::hca_pool,
      .route = ref::route,
      .dispatch = ref::dispatch,
      .swiglu = ref::swiglu,
      .experts = ref::experts,
      .combine = ref::combine,
  };
  return kTable;
}

namespace ops {

void embed(OpContext& context, const EmbedArgs& args) { context.kernels().embed(context, args); }

void round_activations(OpContext& context, const RoundActivationsArgs& args) {
  context.kernels().round_activations(context, args);
}

void quantize_int8_rows(OpContext& context, const QuantizeInt8RowsArgs& args) {
  context.kernels().quantize_int8_rows(context, args);
}

void linear(OpContext& context, const LinearArgs& args) { context.kernels().linear(context, args); }

void rms_norm(OpContext& context, const RmsNormArgs& args) {
  context.kernels().rms_norm(context, args);
}

void rope(OpContext& context, const RopeArgs& args) { context.kernels().rope(context, args); }

void hyper_pre(OpContext& context, const HyperPreArgs& args) {
  context.kernels().hyper_pre(context, args);
}

void hyper_post(OpContext& context, const HyperPostArgs& args) {
  context.kernels().hyper_post(context, args);
}

void hyper_head(OpContext& context, const HyperHeadArgs& args) {
  context.kernels().hyper_head(context, args);
}

void encode_kv(OpContext& context, const EncodeKvArgs& args) {
  context.kernels().encode_kv(context, args);
}

void encode_index_key(OpContext& context, const EncodeIndexKeyArgs& args) {
  context.kernels().encode_index_key(context, args);
}

void attend(OpContext& context, const AttendArgs& args) { context.kernels().attend(context, args); }

void hadamard(OpContext& context, const HadamardArgs& args) {
  context.kernels().hadamard(context, args);
}

void choose_entries(OpContext& context, const ChooseEntriesArgs& args) {
  context.kernels().choose_entries(context, args);
}

void add_position_bias(OpContext& context, const AddPositionBiasArgs& args) {
  context.kernels().add_position_bias(context, args);
}

void csa_pool(OpContext& context, const CsaPoolArgs& args) {
  context.kernels().csa_pool(context, args);
}

void hca_pool(OpContext& context, const HcaPoolArgs& args) {
  context.kernels().hca_pool(context, args);
}

void route(OpContext& context, const RouteArgs& args) { context.kernels().route(context, args); }

void dispatch(OpContext& context, const DispatchArgs& args) {
  context.kernels().dispatch(context, args);
}

void swiglu(OpContext& context, const SwigluArgs& args) { context.kernels().swiglu(context, args); }

void experts(OpContext& context, const ExpertsArgs& args) {
  context.kernels().experts(context, args);
}

void combine(OpContext& context, const CombineArgs& args) {
  context.kernels().combine(context, args);
}

}  // namespace ops
}  // namespace hadal
