#include "ops/kernel_table.h"

#include "ops/op_profile.h"

namespace hadal {

const KernelTable& reference_kernels() {
  static constexpr KernelTable kTable = {
      .name = "ref",
      .embed = ref::embed,
      .round_activations = ref::round_activations,
      .quantize_int8_rows = ref::quantize_int8_rows,
      .linear = ref::linear,
      .rms_norm = ref::rms_norm,
      .rope_turns = ref::rope_turns,
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
      .keep_tail = ref::keep_tail,
      .csa_pool = ref::csa_pool,
      .hca_pool = ref::hca_pool,
      .route = ref::route,
      .dispatch = ref::dispatch,
      .swiglu = ref::swiglu,
      .experts = ref::experts,
      .combine = ref::combine,
      .gather_rows = ref::gather_rows,
      .scale = ref::scale,
      .add = ref::add,
      .mean_rows = ref::mean_rows,
      .commit_entries = ref::commit_entries,
  };
  return kTable;
}

namespace {

// By the format that the kernel reads, which under the int8 policy is not that of the checkpoint.
OpKey linear_key(const LinearArgs& args) {
  const WeightMatrix& weight = args.weight;
  OpKey key{.op = "linear", .out_features = weight.out_features, .in_features = weight.in_features};
  const bool int8 = args.x_int8.codes != nullptr && has_int8_form(weight, args.segments);
  const bool bf16 = args.x_bf16.values != nullptr && has_bf16_form(weight, args.segments);
  switch (weight.format) {
    case WeightFormat::kF32:
      key.form = "f32";
      break;
    case WeightFormat::kBf16:
      key.form = "bf16";
      break;
    case WeightFormat::kFp8:
      key.form = int8 ? "int8" : bf16 ? "fp8 x bf16" : "fp8";
      break;
    case WeightFormat::kFp4:
      key.form = int8 ? "fp4 x int8" : bf16 ? "fp4 x bf16" : "fp4";
      break;
  }
  return key;
}

}  // namespace

namespace ops {

void embed(OpContext& context, const EmbedArgs& args) {
  const OpTimer timer(context, {.op = "embed"});
  context.kernels().embed(context, args);
}

void round_activations(OpContext& context, const RoundActivationsArgs& args) {
  const OpTimer timer(context, {.op = "round_activations"});
  context.kernels().round_activations(context, args);
}

void quantize_int8_rows(OpContext& context, const QuantizeInt8RowsArgs& args) {
  const OpTimer timer(context, {.op = "quantize_int8_rows"});
  context.kernels().quantize_int8_rows(context, args);
}

void pack_bf16_rows(OpContext& context, const PackBf16RowsArgs& args) {
  const OpTimer timer(context, {.op = "pack_bf16_rows"});
  context.kernels().pack_bf16_rows(context, args);
}

void linear(OpContext& context, const LinearArgs& args) {
  const OpTimer timer(context, context.profile() == nullptr ? OpKey{} : linear_key(args));
  context.kernels().linear(context, args);
}

void rms_norm(OpContext& context, const RmsNormArgs& args) {
  const OpTimer timer(context, {.op = "rms_norm"});
  context.kernels().rms_norm(context, args);
}

void rope_turns(OpContext& context, const RopeTurnsArgs& args) {
  const OpTimer timer(context, {.op = "rope_turns"});
  context.kernels().rope_turns(context, args);
}

void rope(OpContext& context, const RopeArgs& args) {
  const OpTimer timer(context, {.op = "rope"});
  context.kernels().rope(context, args);
}

void hyper_pre(OpContext& context, const HyperPreArgs& args) {
  const OpTimer timer(context, {.op = "hyper_pre"});
  context.kernels().hyper_pre(context, args);
}

void hyper_post(OpContext& context, const HyperPostArgs& args) {
  const OpTimer timer(context, {.op = "hyper_post"});
  context.kernels().hyper_post(context, args);
}

void hyper_head(OpContext& context, const HyperHeadArgs& args) {
  const OpTimer timer(context, {.op = "hyper_head"});
  context.kernels().hyper_head(context, args);
}

void encode_kv(OpContext& context, const EncodeKvArgs& args) {
  const OpTimer timer(context, {.op = "encode_kv"});
  context.kernels().encode_kv(context, args);
}

void encode_index_key(OpContext& context, const EncodeIndexKeyArgs& args) {
  const OpTimer timer(context, {.op = "encode_index_key"});
  context.kernels().encode_index_key(context, args);
}

void attend(OpContext& context, const AttendArgs& args) {
  const OpTimer timer(context, {.op = "attend"});
  context.kernels().attend(context, args);
}

void hadamard(OpContext& context, const HadamardArgs& args) {
  const OpTimer timer(context, {.op = "hadamard"});
  context.kernels().hadamard(context, args);
}

void choose_entries(OpContext& context, const ChooseEntriesArgs& args) {
  const OpTimer timer(context, {.op = "choose_entries"});
  context.kernels().choose_entries(context, args);
}

void add_position_bias(OpContext& context, const AddPositionBiasArgs& args) {
  const OpTimer timer(context, {.op = "add_position_bias"});
  context.kernels().add_position_bias(context, args);
}

void keep_tail(OpContext& context, const KeepTailArgs& args) {
  const OpTimer timer(context, {.op = "keep_tail"});
  context.kernels().keep_tail(context, args);
}

void csa_pool(OpContext& context, const CsaPoolArgs& args) {
  const OpTimer timer(context, {.op = "csa_pool"});
  context.kernels().csa_pool(context, args);
}

void hca_pool(OpContext& context, const HcaPoolArgs& args) {
  const OpTimer timer(context, {.op = "hca_pool"});
  context.kernels().hca_pool(context, args);
}

void route(OpContext& context, const RouteArgs& args) {
  const OpTimer timer(context, {.op = "route"});
  context.kernels().route(context, args);
}

void dispatch(OpContext& context, const DispatchArgs& args) {
  const OpTimer timer(context, {.op = "dispatch"});
  context.kernels().dispatch(context, args);
}

void swiglu(OpContext& context, const SwigluArgs& args) {
  const OpTimer timer(context, {.op = "swiglu"});
  context.kernels().swiglu(context, args);
}

void experts(OpContext& context, const ExpertsArgs& args) {
  const OpTimer timer(context, {.op = "experts"});
  context.kernels().experts(context, args);
}

void combine(OpContext& context, const CombineArgs& args) {
  const OpTimer timer(context, {.op = "combine"});
  context.kernels().combine(context, args);
}

void gather_rows(OpContext& context, const GatherRowsArgs& args) {
  const OpTimer timer(context, {.op = "gather_rows"});
  context.kernels().gather_rows(context, args);
}

void scale(OpContext& context, const ScaleArgs& args) {
  const OpTimer timer(context, {.op = "scale"});
  context.kernels().scale(context, args);
}

void add(OpContext& context, const AddArgs& args) {
  const OpTimer timer(context, {.op = "add"});
  context.kernels().add(context, args);
}

void mean_rows(OpContext& context, const MeanRowsArgs& args) {
  const OpTimer timer(context, {.op = "mean_rows"});
  context.kernels().mean_rows(context, args);
}

void commit_entries(OpContext& context, const CommitEntriesArgs& args) {
  const OpTimer timer(context, {.op = "commit_entries"});
  context.kernels().commit_entries(context, args);
}

}  // namespace ops
}  // namespace hadal
