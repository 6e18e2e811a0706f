#include "ops/cpu/known_answers.h"

#include <cstring>
#include <numeric>
#include <span>
#include <vector>

#include "ops/bf16_buffer.h"

namespace hadal::cpu {
namespace {

// A fixed sequence of values in [-1, 1).
class Sequence {
 public:
  uint32_t next_bits() {
    state_ = state_ * 1664525U + 1013904223U;
    return state_ >> 8;
  }
  std::vector<float> floats(size_t count) {
    std::vector<float> out(count);
    for (float& v : out) v = static_cast<float>(next_bits() % 4096) / 2048.0F - 1.0F;
    return out;
  }
  // Codes without NaN and scales near one.
  std::vector<std::byte> codes(size_t count) {
    std::vector<std::byte> out(count);
    for (std::byte& b : out) b = static_cast<std::byte>(next_bits() % 0x7f);
    return out;
  }
  std::vector<std::byte> bytes(size_t count) {
    std::vector<std::byte> out(count);
    for (std::byte& b : out) b = static_cast<std::byte>(next_bits() % 256);
    return out;
  }
  std::vector<std::byte> scales(size_t count) {
    std::vector<std::byte> out(count);
    for (std::byte& b : out) b = static_cast<std::byte>(120 + next_bits() % 8);
    return out;
  }

 private:
  uint32_t state_ = 2463534242U;
};

bool close(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0;
  double norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double apart = static_cast<double>(a[i]) - b[i];
    difference += apart * apart;
    norm += static_cast<double>(b[i]) * b[i];
  }
  return difference <= 1e-10 * norm;
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

constexpr int kColumns = 256;
constexpr int kFeatures = 16;

// Runs one operation on the candidate's and on the reference's context.
struct Contexts {
  explicit Contexts(const KernelTable& candidate_table)
      : candidate(threads, candidate_table), reference(threads, reference_kernels()) {}
  ThreadPool threads{1};
  OpContext candidate;
  OpContext reference;
};

std::vector<float> linear_result(OpContext& context, const WeightMatrix& weight,
                                 const std::vector<float>& x, int rows, const Int8Rows& int8,
                                 const Bf16Rows& bf16 = {}) {
  std::vector<float> out(static_cast<size_t>(rows * weight.out_features));
  ops::linear(context, {.x = x.data(),
                        .weight = weight,
                        .out = out.data(),
                        .rows = rows,
                        .x_stride = static_cast<size_t>(weight.in_features),
                        .out_stride = static_cast<size_t>(weight.out_features),
                        .x_int8 = int8,
                        .x_bf16 = bf16});
  return out;
}

struct Quantized {
  std::vector<int8_t> codes;
  std::vector<float> scales;
  std::vector<GroupStart> group_starts;
  std::vector<int32_t> block_sums;
  Int8Rows rows() const {
    return {codes.data(), scales.data(), group_starts.data(), block_sums.data(), kColumns};
  }
};

Quantized quantize(OpContext& context, const std::vector<float>& x) {
  Quantized q{std::vector<int8_t>(x.size()), std::vector<float>(x.size() / 128),
              std::vector<GroupStart>(x.size() / 32), std::vector<int32_t>(x.size() / 128)};
  ops::quantize_int8_rows(context, {.x = x.data(),
                                    .rows = static_cast<int>(x.size()) / kColumns,
                                    .columns = kColumns,
                                    .codes = q.codes.data(),
                                    .scales = q.scales.data(),
                                    .group_starts = q.group_starts.data(),
                                    .block_sums = q.block_sums.data()});
  return q;
}

std::string failed_linear(Contexts& contexts, Sequence& sequence) {
  const std::vector<std::byte> data = sequence.codes(kFeatures * kColumns * 4);
  const std::vector<std::byte> scales = sequence.scales(kFeatures * kColumns / 32);
  // Three tiles of 16 features: kernels take one or two at a time.
  constexpr int kManyFeatures = 48;
  const std::vector<std::byte> any_bytes = sequence.bytes(kManyFeatures * kColumns);
  const std::vector<std::byte> many_scales = sequence.scales(kManyFeatures * kColumns / 32);
  const std::vector<float> tile_scales = sequence.floats(kManyFeatures * kColumns / 128);
  for (const int rows : {1, 3, 13}) {
    const std::vector<float> x = sequence.floats(static_cast<size_t>(rows * kColumns));
    const Quantized q = quantize(contexts.candidate, x);
    const Quantized expected = quantize(contexts.reference, x);
    if (q.codes != expected.codes || q.group_starts != expected.group_starts ||
        q.block_sums != expected.block_sums || !same(q.scales, expected.scales)) {
      return "int8 quantisation";
    }
    WeightMatrix weight{.data = data.data(),
                        .scale = scales.data(),
                        .out_features = kFeatures,
                        .in_features = kColumns};
    const auto agrees = [&](const Int8Rows& int8, const auto& equal) {
      return equal(linear_result(contexts.candidate, weight, x, rows, int8),
                   linear_result(contexts.reference, weight, x, rows, int8));
    };
    for (const WeightFormat format :
         {WeightFormat::kF32, WeightFormat::kBf16, WeightFormat::kFp8, WeightFormat::kFp4}) {
      weight.format = format;
      if (!agrees({}, close)) return "float32 dot product";
    }
    WeightMatrix many{.format = WeightFormat::kFp4,
                      .data = any_bytes.data(),
                      .scale = many_scales.data(),
                      .out_features = kManyFeatures,
                      .in_features = kColumns};
    const auto same_bits = [&] {
      return same(linear_result(contexts.candidate, many, x, rows, q.rows()),
                  linear_result(contexts.reference, many, x, rows, q.rows()));
    };
    if (!same_bits()) return "FP4 dot product in int8";
    many.format = WeightFormat::kFp8;
    many.int8 = {.codes = reinterpret_cast<const uint8_t*>(any_bytes.data()),
                 .scales = tile_scales.data()};
    if (!same_bits()) return "int8 dot product";
  }
  return "";
}

// Every e4m3 and e2m1 code against inputs on the e4m3 grid, in bf16 and in float32.
std::string failed_bf16(Contexts& contexts, Sequence& sequence) {
  if (contexts.candidate.kernels().pack_bf16_rows == nullptr) return "";
  std::vector<std::byte> data(kFeatures * kColumns);
  for (size_t i = 0; i < data.size(); ++i) {
    const bool nan = (i & 0x7f) == 0x7f;
    data[i] = static_cast<std::byte>(nan ? 0 : i);
  }
  const std::vector<std::byte> scales = sequence.scales(kFeatures * kColumns / 32);
  for (const int rows : {1, 2, 3, 7}) {
    std::vector<float> x = sequence.floats(static_cast<size_t>(rows * kColumns));
    ops::round_activations(contexts.reference,
                           {.x = x.data(), .out = x.data(), .rows = rows, .columns = kColumns});
    Bf16Buffer buffer;
    const Bf16Rows bf16 = buffer.pack(contexts.candidate, x.data(), rows, kColumns);
    for (const WeightFormat format : {WeightFormat::kFp8, WeightFormat::kFp4}) {
      const WeightMatrix weight{.format = format,
                                .data = data.data(),
                                .scale = scales.data(),
                                .out_features = kFeatures,
                                .in_features = kColumns};
      if (!close(linear_result(contexts.candidate, weight, x, rows, {}, bf16),
                 linear_result(contexts.reference, weight, x, rows, {}))) {
        return format == WeightFormat::kFp8 ? "FP8 dot product in bf16" : "FP4 dot product in bf16";
      }
    }
  }
  return "";
}

std::string failed_elementwise(Contexts& contexts, Sequence& sequence) {
  std::vector<float> x = sequence.floats(2 * 100);
  for (float& v : x) v *= 12;
  const auto agrees = [&](const auto& run) {
    return close(run(contexts.candidate), run(contexts.reference));
  };
  const bool norm = agrees([&](OpContext& context) {
    std::vector<float> out(200);
    ops::rms_norm(context, {.x = x.data(), .out = out.data(), .rows = 2, .columns = 100, .eps = 1});
    return out;
  });
  if (!norm) return "RMS norm";
  const bool gate = agrees([&](OpContext& context) {
    std::vector<float> out(100);
    ops::swiglu(context, {.gate = x.data(),
                          .up = x.data() + 100,
                          .out = out.data(),
                          .rows = 1,
                          .width = 100,
                          .limit = 10});
    return out;
  });
  return gate ? "" : "SwiGLU";
}

// Channels that do not fill whole vectors; the step completes one group of each ratio.
std::string failed_compression(Contexts& contexts, Sequence& sequence) {
  constexpr int kChannels = 24;
  constexpr int kRows = 8;
  const std::vector<float> rows = sequence.floats(kRows * 4 * kChannels);
  const std::vector<float> frequencies{1.0F, 0.25F, 0.0625F};
  const std::vector<int32_t> positions{0, 3, 70000, 1};
  const auto rope = [&](OpContext& context) {
    std::vector<float> turns(positions.size() * 2 * 6);
    ops::rope_turns(context, {.positions = positions.data(),
                              .frequencies = frequencies.data(),
                              .turns = turns.data(),
                              .rows = 4,
                              .rope_dim = 6});
    std::vector<float> x = rows;
    RopeArgs args{
        .x = x.data(), .turns = turns.data(), .rows = 4, .heads = 2, .head_dim = 10, .rope_dim = 6};
    ops::rope(context, args);
    args.x += 4 * 2 * 10;
    args.direction = RopeDirection::kInverse;
    ops::rope(context, args);
    return x;
  };
  if (!same(rope(contexts.candidate), rope(contexts.reference))) return "RoPE";
  const auto hadamard = [&](OpContext& context) {
    std::vector<float> x = rows;
    ops::hadamard(context, {.x = x.data(), .rows = 3, .dim = 64, .round_to_fp4 = true});
    return x;
  };
  if (!same(hadamard(contexts.candidate), hadamard(contexts.reference))) return "rotation";

  const SequenceStep whole{.rows = kRows};
  const int32_t state_unit = 0;
  const StepPlan plan{
      .rows = kRows, .banks = 1, .sequences = {&whole, 1}, .state_table = {&state_unit, 1}};
  const CompletedGroup csa_groups[] = {{.group = 0, .last_row = 3}, {.group = 1, .last_row = 7}};
  const CompletedGroup hca_groups[] = {{.last_row = kRows - 1}};
  const int32_t first_hca_group[] = {0, 1};
  const CompressionPlan csa_plan{.ratio = 4, .groups = csa_groups};
  const CompressionPlan hca_plan{
      .ratio = kRows, .groups = hca_groups, .first_group = first_hca_group};
  // The first group reads no state; it only needs an address.
  const CompressorState no_state{.pool = std::as_bytes(std::span(rows)).data()};
  const auto csa = [&](OpContext& context) {
    std::vector<float> out(2 * kChannels);
    ops::csa_pool(context, {.plan = &plan,
                            .groups = &csa_plan,
                            .rows = rows.data(),
                            .state = no_state,
                            .out = out.data(),
                            .channels = kChannels});
    return out;
  };
  if (!close(csa(contexts.candidate), csa(contexts.reference))) return "CSA pooling";
  const auto hca = [&](OpContext& context) {
    std::vector<float> out(4 * kChannels);
    ops::hca_pool(context, {.plan = &plan,
                            .groups = &hca_plan,
                            .rows = rows.data(),
                            .state = no_state,
                            .out = out.data(),
                            .banks = out.data() + kChannels,
                            .channels = kChannels});
    return out;
  };
  return close(hca(contexts.candidate), hca(contexts.reference)) ? "" : "HCA pooling";
}

std::string failed_attention(Contexts& contexts, Sequence& sequence) {
  constexpr int kEntries = 70;
  constexpr int kHeads = 5;
  const SequenceStep whole{.rows = kEntries};
  std::vector<int32_t> positions(kEntries);
  std::iota(positions.begin(), positions.end(), 0);
  const std::vector<int32_t> row_sequence(kEntries);
  const StepPlan plan{.rows = kEntries,
                      .positions = positions,
                      .row_sequence = row_sequence,
                      .sequences = {&whole, 1}};
  LayerKv kv;
  kv.format = {.nope_dim = 64, .rope_dim = 32};
  kv.plan = &plan;
  kv.window = kEntries;
  std::vector<std::byte> data = sequence.codes(kEntries * kv.format.data_bytes());
  // Exponents of the bf16 part near one, so that no weight drowns the others.
  for (size_t i = 0; i < data.size(); ++i) {
    if (i % 128 >= 64 && i % 2 == 1) data[i] = static_cast<std::byte>(0x3f);
  }
  const std::vector<std::byte> scales(kEntries * kv.format.scale_bytes(), std::byte{118});
  kv.step_data = data.data();
  kv.step_scales = scales.data();
  const std::vector<float> q = sequence.floats(static_cast<size_t>(kEntries) * kHeads * 96);
  const std::vector<float> sink = sequence.floats(kHeads);
  const auto run = [&](OpContext& context) {
    std::vector<float> out(q.size());
    ops::attend(context, {.q = q.data(),
                          .sink = sink.data(),
                          .kv = kv,
                          .out = out.data(),
                          .heads = kHeads,
                          .scale = 0.1F});
    return out;
  };
  return close(run(contexts.candidate), run(contexts.reference)) ? "" : "attention";
}

}  // namespace

std::string failed_known_answer(const KernelTable& table) {
  Contexts contexts(table);
  Sequence sequence;
  for (const auto& check :
       {failed_linear, failed_bf16, failed_elementwise, failed_compression, failed_attention}) {
    if (std::string failed = check(contexts, sequence); !failed.empty()) return failed;
  }
  return "";
}

}  // namespace hadal::cpu
