// DeepSeek V4 in float64, recomputed from the equations of the model alone: whole sequences from
// position 0, plain loops, no cache. It includes nothing of src/ops or src/model, so that a mistake
// there cannot repeat itself here. The unrotated dimensions of cached keys and values, index
// queries and index keys are always rounded, as the model has it; what else is rounded is an
// option.
//
// reference_model.cc holds the block around attention; reference_attention.cc the attention.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "checkpoint/v4/checkpoint.h"
#include "weight_matrix.h"

namespace hadal::independent {

struct Rounding {
  bool linear_inputs = true;  // inputs of FP8 and FP4 linears to e4m3, in groups of 128
  bool cached_rope = false;   // the rotated dimensions of cached keys and values to bf16
};

// What a layer chose, one entry per wanted row, each ascending.
struct LayerChoices {
  std::vector<std::vector<int32_t>> entries;  // compressed entries the indexer selected; CSA only
  std::vector<std::vector<int32_t>> experts;
};

class ReferenceModel {
 public:
  // `checkpoint` and `threads` must outlive the model.
  ReferenceModel(const Checkpoint& checkpoint, ThreadPool& threads, Rounding rounding);

  // Residual streams are [tokens, streams * hidden], tokens at positions 0, 1, ...
  Matrix embed(std::span<const int32_t> ids) const;
  // The streams after layer `layer` at the positions `wanted`, ascending; the layer reads the
  // streams of every position before them. `choices` may be null.
  Matrix run_layer(int layer, std::span<const int32_t> ids, const Matrix& streams,
                   std::span<const size_t> wanted, LayerChoices* choices = nullptr) const;
  // [tokens, vocab] from the streams after the last layer.
  Matrix logits(const Matrix& streams) const;
  // [tokens - 1, vocab]: row i from the last layer's streams of token i and the embedding of
  // token i + 1.
  Matrix mtp_logits(std::span<const int32_t> ids, const Matrix& streams) const;

 private:
  // One attention layer's compressed keys/values or index keys, [groups, width].
  struct CompressorShape {
    size_t ratio = 0;
    size_t width = 0;
  };
  // The mixing of the streams around one sub-layer.
  struct Mixing {
    Matrix input;  // [rows, hidden]
    Matrix post;   // [rows, streams]
    Matrix comb;   // [rows, streams * streams]; [from][to]
  };

  // reference_model.cc
  std::vector<double> values(const std::string& name) const {
    return read_values(checkpoint_, name);
  }
  Matrix linear(const std::string& name, Matrix x) const;
  Matrix norm(const std::string& weight_name, Matrix x) const;
  void normalise(std::span<double> x) const;
  Mixing mix_before(const std::string& prefix, const Matrix& streams) const;
  Matrix mix_after(const Mixing& mixing, const Matrix& output, const Matrix& streams) const;
  Matrix block(const std::string& prefix, size_t ratio, std::span<const int32_t> ids,
               const Matrix& streams, std::span<const size_t> wanted, LayerChoices* choices) const;
  Matrix swiglu(const std::string& prefix, const Matrix& x, std::span<const double> weights) const;
  Matrix experts(const std::string& prefix, const Matrix& x, std::span<const int32_t> ids,
                 LayerChoices* choices) const;
  Matrix head(const std::string& prefix, const Matrix& streams) const;

  // reference_attention.cc
  std::vector<float> frequencies(size_t ratio) const;
  void rotate(std::span<double> vector, size_t position, std::span<const float> frequencies,
              bool inverse) const;
  void round_cached(std::span<double> entry) const;
  Matrix compress(const std::string& prefix, const Matrix& x, const CompressorShape& shape) const;
  std::vector<std::vector<int32_t>> select_entries(const std::string& prefix, const Matrix& x,
                                                   const Matrix& query_latent,
                                                   std::span<const size_t> wanted) const;
  Matrix attention(const std::string& prefix, size_t ratio, const Matrix& x,
                   std::span<const size_t> wanted, LayerChoices* choices) const;
  Matrix project_output(const std::string& prefix, const Matrix& heads) const;

  const Checkpoint& checkpoint_;
  const ModelConfig& config_;
  ThreadPool& threads_;
  Rounding rounding_;
};

}  // namespace hadal::independent
