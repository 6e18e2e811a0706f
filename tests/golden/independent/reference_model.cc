#include "reference_model.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"
#include "base/unaligned.h"
#include "number_formats.h"

namespace hadal::independent {
namespace {

size_t as_count(int value) { return static_cast<size_t>(value); }

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

double softplus(double x) { return x > 20 ? x : std::log1p(std::exp(x)); }

std::vector<size_t> all_rows(size_t count) {
  std::vector<size_t> rows(count);
  std::iota(rows.begin(), rows.end(), size_t{0});
  return rows;
}

// Doubly stochastic in the limit; ends on the columns. matrix [n][n] holds logits at entry.
void sinkhorn(std::span<double> matrix, size_t n, int iterations, double eps) {
  const auto normalise_row = [&](size_t row) {
    double sum = eps;
    for (size_t k = 0; k < n; ++k) sum += matrix[row * n + k];
    for (size_t k = 0; k < n; ++k) matrix[row * n + k] /= sum;
  };
  const auto normalise_columns = [&] {
    for (size_t k = 0; k < n; ++k) {
      double sum = eps;
      for (size_t j = 0; j < n; ++j) sum += matrix[j * n + k];
      for (size_t j = 0; j < n; ++j) matrix[j * n + k] /= sum;
    }
  };
  for (size_t j = 0; j < n; ++j) {
    const std::span<double> row = matrix.subspan(j * n, n);
    const double max = *std::ranges::max_element(row);
    double sum = 0;
    for (double& value : row) sum += value = std::exp(value - max);
    for (double& value : row) value = value / sum + eps;
  }
  normalise_columns();
  for (int i = 1; i < iterations; ++i) {
    for (size_t j = 0; j < n; ++j) normalise_row(j);
    normalise_columns();
  }
}

}  // namespace

ReferenceModel::ReferenceModel(const Checkpoint& checkpoint, ThreadPool& threads, Rounding rounding)
    : checkpoint_(checkpoint),
      config_(checkpoint.config()),
      threads_(threads),
      rounding_(rounding) {}

Matrix ReferenceModel::embed(std::span<const int32_t> ids) const {
  const WeightMatrix table(checkpoint_, "embed.weight");
  Matrix streams(ids.size(), as_count(config_.hc_mult) * table.inputs());
  for (size_t i = 0; i < ids.size(); ++i) {
    for (size_t stream = 0; stream < as_count(config_.hc_mult); ++stream) {
      table.decode_row(static_cast<size_t>(ids[i]),
                       streams.row(i).subspan(stream * table.inputs(), table.inputs()));
    }
  }
  return streams;
}

Matrix ReferenceModel::linear(const std::string& name, Matrix x) const {
  const WeightMatrix weight(checkpoint_, name + ".weight");
  if (weight.quantised() && rounding_.linear_inputs) round_to_e4m3(x.values(), 128);
  return weight.apply(x, threads_);
}

void ReferenceModel::normalise(std::span<double> x) const {
  const double mean_square = dot(x, x) / static_cast<double>(x.size());
  const double factor = 1 / std::sqrt(mean_square + static_cast<double>(config_.rms_eps));
  for (double& value : x) value *= factor;
}

Matrix ReferenceModel::norm(const std::string& weight_name, Matrix x) const {
  const std::vector<double> weight = values(weight_name);
  for (size_t i = 0; i < x.rows(); ++i) {
    normalise(x.row(i));
    for (size_t c = 0; c < x.columns(); ++c) x.row(i)[c] *= weight[c];
  }
  return x;
}

ReferenceModel::Mixing ReferenceModel::mix_before(const std::string& prefix,
                                                  const Matrix& streams) const {
  const size_t n = as_count(config_.hc_mult);
  const size_t hidden = as_count(config_.hidden_size);
  const double eps = static_cast<double>(config_.hc_eps);
  const std::vector<double> base = values(prefix + "_base");
  const std::vector<double> scale = values(prefix + "_scale");
  // The norm has no weight and scales a whole row: it may be applied to the vector first.
  Matrix normalised = streams;
  for (size_t i = 0; i < normalised.rows(); ++i) normalise(normalised.row(i));
  const Matrix mixes = WeightMatrix(checkpoint_, prefix + "_fn").apply(normalised, threads_);

  Mixing mixing{.input = Matrix(streams.rows(), hidden),
                .post = Matrix(streams.rows(), n),
                .comb = Matrix(streams.rows(), n * n)};
  for (size_t i = 0; i < streams.rows(); ++i) {
    const std::span<const double> m = mixes.row(i);
    for (size_t j = 0; j < n; ++j) {
      const double pre = sigmoid(m[j] * scale[0] + base[j]) + eps;
      for (size_t c = 0; c < hidden; ++c) {
        mixing.input.row(i)[c] += pre * streams.row(i)[j * hidden + c];
      }
      mixing.post.row(i)[j] = 2 * sigmoid(m[n + j] * scale[1] + base[n + j]);
    }
    for (size_t jk = 0; jk < n * n; ++jk) {
      mixing.comb.row(i)[jk] = m[2 * n + jk] * scale[2] + base[2 * n + jk];
    }
    sinkhorn(mixing.comb.row(i), n, config_.hc_sinkhorn_iters, eps);
  }
  return mixing;
}

Matrix ReferenceModel::mix_after(const Mixing& mixing, const Matrix& output,
                                 const Matrix& streams) const {
  const size_t n = as_count(config_.hc_mult);
  const size_t hidden = as_count(config_.hidden_size);
  Matrix out(streams.rows(), streams.columns());
  for (size_t i = 0; i < streams.rows(); ++i) {
    for (size_t k = 0; k < n; ++k) {
      const std::span<double> target = out.row(i).subspan(k * hidden, hidden);
      for (size_t c = 0; c < hidden; ++c) target[c] = mixing.post.row(i)[k] * output.row(i)[c];
      for (size_t j = 0; j < n; ++j) {
        const double weight = mixing.comb.row(i)[j * n + k];
        for (size_t c = 0; c < hidden; ++c) target[c] += weight * streams.row(i)[j * hidden + c];
      }
    }
  }
  return out;
}

Matrix ReferenceModel::swiglu(const std::string& prefix, const Matrix& x,
                              std::span<const double> weights) const {
  const double limit = static_cast<double>(config_.swiglu_limit);
  const Matrix gate = linear(prefix + ".w1", x);
  Matrix hidden = linear(prefix + ".w3", x);
  for (size_t i = 0; i < hidden.rows(); ++i) {
    for (size_t c = 0; c < hidden.columns(); ++c) {
      const double g = std::min(gate.row(i)[c], limit);
      const double up = std::clamp(hidden.row(i)[c], -limit, limit);
      hidden.row(i)[c] = g * sigmoid(g) * up * weights[i];
    }
  }
  return linear(prefix + ".w2", std::move(hidden));
}

Matrix ReferenceModel::experts(const std::string& prefix, const Matrix& x,
                               std::span<const int32_t> ids, LayerChoices* choices) const {
  const size_t count = as_count(config_.routed_experts);
  const size_t chosen_count = as_count(config_.experts_per_token);
  Matrix scores = linear(prefix + ".gate", x);
  for (double& score : scores.values()) score = std::sqrt(softplus(score));

  const std::string table_name = prefix + ".gate.tid2eid";
  const bool hashed = checkpoint_.has(table_name);
  const std::vector<double> bias = hashed ? std::vector<double>{} : values(prefix + ".gate.bias");
  // rows_of[e] and weights_of[e]: the tokens that expert e works for and what its answer weighs.
  std::vector<std::vector<size_t>> rows_of(count);
  std::vector<std::vector<double>> weights_of(count);
  for (size_t i = 0; i < x.rows(); ++i) {
    std::vector<int32_t> chosen(count);
    if (hashed) {
      const TensorView& table = checkpoint_.tensor(table_name);
      chosen.resize(chosen_count);
      for (size_t k = 0; k < chosen_count; ++k) {
        const size_t index = static_cast<size_t>(ids[i]) * chosen_count + k;
        chosen[k] = static_cast<int32_t>(load_unaligned<int64_t>(table.data + 8 * index));
      }
    } else {
      std::iota(chosen.begin(), chosen.end(), 0);
      std::ranges::stable_sort(chosen, std::greater<>(), [&](int32_t e) {
        return scores.row(i)[as_count(e)] + bias[as_count(e)];
      });
      chosen.resize(chosen_count);
    }
    std::ranges::sort(chosen);
    double sum = 0;
    for (const int32_t e : chosen) sum += scores.row(i)[as_count(e)];
    for (const int32_t e : chosen) {
      rows_of[as_count(e)].push_back(i);
      weights_of[as_count(e)].push_back(scores.row(i)[as_count(e)] / sum *
                                        static_cast<double>(config_.routed_scaling_factor));
    }
    if (choices != nullptr) choices->experts.push_back(chosen);
  }

  Matrix total = swiglu(prefix + ".shared_experts", x, std::vector<double>(x.rows(), 1.0));
  for (size_t e = 0; e < count; ++e) {
    if (rows_of[e].empty()) continue;
    const Matrix answer =
        swiglu(prefix + ".experts." + std::to_string(e), take_rows(x, rows_of[e]), weights_of[e]);
    for (size_t i = 0; i < rows_of[e].size(); ++i) {
      const std::span<double> target = total.row(rows_of[e][i]);
      for (size_t c = 0; c < target.size(); ++c) target[c] += answer.row(i)[c];
    }
  }
  return total;
}

Matrix ReferenceModel::block(const std::string& prefix, size_t ratio, std::span<const int32_t> ids,
                             const Matrix& streams, std::span<const size_t> wanted,
                             LayerChoices* choices) const {
  const Mixing before_attention = mix_before(prefix + ".hc_attn", streams);
  const Matrix x = norm(prefix + ".attn_norm.weight", before_attention.input);
  const Matrix attended = attention(prefix + ".attn", ratio, x, wanted, choices);
  const Mixing wanted_mixing{.input = {},
                             .post = take_rows(before_attention.post, wanted),
                             .comb = take_rows(before_attention.comb, wanted)};
  const Matrix middle = mix_after(wanted_mixing, attended, take_rows(streams, wanted));

  std::vector<int32_t> wanted_ids;
  for (const size_t row : wanted) wanted_ids.push_back(ids[row]);
  const Mixing before_experts = mix_before(prefix + ".hc_ffn", middle);
  const Matrix answer =
      experts(prefix + ".ffn", norm(prefix + ".ffn_norm.weight", before_experts.input), wanted_ids,
              choices);
  return mix_after(before_experts, answer, middle);
}

Matrix ReferenceModel::run_layer(int layer, std::span<const int32_t> ids, const Matrix& streams,
                                 std::span<const size_t> wanted, LayerChoices* choices) const {
  HADAL_CHECK(streams.rows() == ids.size());
  const auto ratio = as_count(compress_ratio(config_.layer_kinds.at(as_count(layer))));
  return block("layers." + std::to_string(layer), ratio, ids, streams, wanted, choices);
}

Matrix ReferenceModel::head(const std::string& prefix, const Matrix& streams) const {
  const size_t hidden = as_count(config_.hidden_size);
  const std::vector<double> base = values(prefix + "hc_head_base");
  const double scale = values(prefix + "hc_head_scale")[0];
  Matrix normalised = streams;
  for (size_t i = 0; i < normalised.rows(); ++i) normalise(normalised.row(i));
  const Matrix mixes = WeightMatrix(checkpoint_, prefix + "hc_head_fn").apply(normalised, threads_);
  Matrix x(streams.rows(), hidden);
  for (size_t i = 0; i < streams.rows(); ++i) {
    for (size_t j = 0; j < as_count(config_.hc_mult); ++j) {
      const double pre =
          sigmoid(mixes.row(i)[j] * scale + base[j]) + static_cast<double>(config_.hc_eps);
      for (size_t c = 0; c < hidden; ++c) x.row(i)[c] += pre * streams.row(i)[j * hidden + c];
    }
  }
  return linear("head", norm(prefix + "norm.weight", std::move(x)));
}

Matrix ReferenceModel::logits(const Matrix& streams) const { return head("", streams); }

Matrix ReferenceModel::mtp_logits(std::span<const int32_t> ids, const Matrix& streams) const {
  const std::string prefix = "mtp.0";
  const size_t rows = ids.size() - 1;
  const size_t n = as_count(config_.hc_mult);
  const size_t hidden = as_count(config_.hidden_size);
  const WeightMatrix table(checkpoint_, "embed.weight");
  Matrix embedded(rows, hidden);
  Matrix previous(rows * n, hidden);
  for (size_t i = 0; i < rows; ++i) {
    table.decode_row(static_cast<size_t>(ids[i + 1]), embedded.row(i));
    for (size_t j = 0; j < n; ++j) {
      std::ranges::copy(streams.row(i).subspan(j * hidden, hidden),
                        previous.row(i * n + j).begin());
    }
  }
  const Matrix e = linear(prefix + ".e_proj", norm(prefix + ".enorm.weight", std::move(embedded)));
  const Matrix h = linear(prefix + ".h_proj", norm(prefix + ".hnorm.weight", std::move(previous)));
  Matrix input(rows, n * hidden);
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < n; ++j) {
      for (size_t c = 0; c < hidden; ++c) {
        input.row(i)[j * hidden + c] = e.row(i)[c] + h.row(i * n + j)[c];
      }
    }
  }
  return head(prefix + ".", block(prefix, 0, ids.subspan(1), input, all_rows(rows), nullptr));
}

}  // namespace hadal::independent
