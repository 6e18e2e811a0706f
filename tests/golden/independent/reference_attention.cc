#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <numbers>
#include <numeric>

#include "base/check.h"
#include "number_formats.h"
#include "reference_model.h"

namespace hadal::independent {
namespace {

size_t size_of(int value) { return static_cast<size_t>(value); }

// The Walsh-Hadamard transform in natural order, orthonormal, of each `size` values.
void hadamard(std::span<double> values, size_t size) {
  const double scale = 1 / std::sqrt(static_cast<double>(size));
  std::vector<double> out(size);
  for (size_t begin = 0; begin < values.size(); begin += size) {
    for (size_t i = 0; i < size; ++i) {
      double sum = 0;
      for (size_t j = 0; j < size; ++j) {
        const double value = values[begin + j];
        sum += std::popcount(i & j) % 2 == 0 ? value : -value;
      }
      out[i] = sum * scale;
    }
    std::ranges::copy(out, values.begin() + static_cast<std::ptrdiff_t>(begin));
  }
}

}  // namespace

std::vector<float> ReferenceModel::frequencies(size_t ratio) const {
  const size_t count = size_of(config_.rope_dim) / 2;
  const float theta = ratio == 0 ? config_.rope_theta : config_.compress_rope_theta;
  const auto rope_dim = static_cast<double>(config_.rope_dim);
  std::vector<float> result(count);
  for (size_t i = 0; i < count; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(config_.rope_dim);
    result[i] = 1.0F / std::pow(theta, exponent);
  }
  if (ratio == 0 || config_.yarn.factor == 1) return result;
  // The dimension whose wave turns `turns` times within the original positions.
  const auto dimension_of = [&](float turns) {
    return rope_dim *
           std::log(config_.yarn.original_positions /
                    (static_cast<double>(turns) * 2 * std::numbers::pi)) /
           (2 * std::log(static_cast<double>(theta)));
  };
  const double low = std::max(std::floor(dimension_of(config_.yarn.beta_fast)), 0.0);
  const double high = std::min(std::ceil(dimension_of(config_.yarn.beta_slow)), rope_dim - 1);
  for (size_t i = 0; i < count; ++i) {
    const auto ramp =
        static_cast<float>(std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0));
    result[i] = result[i] / config_.yarn.factor * ramp + result[i] * (1 - ramp);
  }
  return result;
}

void ReferenceModel::rotate(std::span<double> vector, size_t position,
                            std::span<const float> frequencies, bool inverse) const {
  const std::span<double> tail = vector.last(2 * frequencies.size());
  for (size_t i = 0; i < frequencies.size(); ++i) {
    // The model forms the angle in float32, which shows at large positions.
    const auto angle = static_cast<double>(static_cast<float>(position) * frequencies[i]);
    const double cosine = std::cos(angle);
    const double sine = inverse ? -std::sin(angle) : std::sin(angle);
    const double a = tail[2 * i];
    const double b = tail[2 * i + 1];
    tail[2 * i] = a * cosine - b * sine;
    tail[2 * i + 1] = a * sine + b * cosine;
  }
}

void ReferenceModel::round_cached(std::span<double> entry) const {
  const size_t rope_dim = size_of(config_.rope_dim);
  round_to_e4m3(entry.first(entry.size() - rope_dim), 64);
  if (!rounding_.cached_rope) return;
  for (double& value : entry.last(rope_dim)) value = round_to_bf16(value);
}

Matrix ReferenceModel::compress(const std::string& prefix, const Matrix& x,
                                const CompressorShape& shape) const {
  const auto [ratio, width] = shape;
  const bool overlapping = ratio == size_of(kCsaRatio);
  const Matrix kv = linear(prefix + ".wkv", x);
  Matrix gate = linear(prefix + ".wgate", x);
  const std::vector<double> ape = values(prefix + ".ape");
  for (size_t t = 0; t < gate.rows(); ++t) {
    for (size_t c = 0; c < gate.columns(); ++c) {
      gate.row(t)[c] += ape[t % ratio * gate.columns() + c];
    }
  }
  const std::vector<float> turns = frequencies(ratio);
  Matrix out(x.rows() / ratio, width);
  for (size_t group = 0; group < out.rows(); ++group) {
    for (size_t c = 0; c < width; ++c) {
      // (token, channel) of every row that the softmax pools.
      std::vector<std::pair<size_t, size_t>> rows;
      for (size_t p = 0; p < ratio; ++p) {
        if (overlapping && group > 0) rows.emplace_back((group - 1) * ratio + p, c);
        rows.emplace_back(group * ratio + p, overlapping ? width + c : c);
      }
      double max = -HUGE_VAL;
      for (const auto& [t, channel] : rows) max = std::max(max, gate.row(t)[channel]);
      double sum = 0;
      double weighted = 0;
      for (const auto& [t, channel] : rows) {
        const double weight = std::exp(gate.row(t)[channel] - max);
        sum += weight;
        weighted += weight * kv.row(t)[channel];
      }
      out.row(group)[c] = weighted / sum;
    }
  }
  out = norm(prefix + ".norm.weight", std::move(out));
  for (size_t group = 0; group < out.rows(); ++group) {
    rotate(out.row(group), group * ratio, turns, false);
  }
  return out;
}

std::vector<std::vector<int32_t>> ReferenceModel::select_entries(
    const std::string& prefix, const Matrix& x, const Matrix& query_latent,
    std::span<const size_t> wanted) const {
  const size_t heads = size_of(config_.index_heads);
  const size_t width = size_of(config_.index_head_dim);
  const size_t ratio = size_of(kCsaRatio);
  const std::vector<float> turns = frequencies(ratio);
  Matrix keys = compress(prefix + ".compressor", x, {.ratio = ratio, .width = width});
  hadamard(keys.values(), width);
  round_to_e2m1(keys.values(), 32);

  Matrix queries = linear(prefix + ".wq_b", query_latent);
  const Matrix weights = linear(prefix + ".weights_proj", take_rows(x, wanted));
  const double scale = 1 / std::sqrt(static_cast<double>(width * heads));
  std::vector<std::vector<int32_t>> selected;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const std::span<double> query = queries.row(i);
    for (size_t h = 0; h < heads; ++h) {
      rotate(query.subspan(h * width, width), wanted[i], turns, false);
    }
    hadamard(query, width);
    round_to_e2m1(query, 32);

    std::vector<int32_t> entries((wanted[i] + 1) / ratio);
    std::vector<double> scores(entries.size());
    std::iota(entries.begin(), entries.end(), 0);
    for (size_t j = 0; j < entries.size(); ++j) {
      for (size_t h = 0; h < heads; ++h) {
        const double match = dot(query.subspan(h * width, width), keys.row(j));
        scores[j] += std::max(match, 0.0) * weights.row(i)[h] * scale;
      }
    }
    std::ranges::stable_sort(entries, std::greater<>(),
                             [&](int32_t j) { return scores[size_of(j)]; });
    entries.resize(std::min(entries.size(), size_of(config_.index_topk)));
    std::ranges::sort(entries);
    selected.push_back(std::move(entries));
  }
  return selected;
}

Matrix ReferenceModel::project_output(const std::string& prefix, const Matrix& heads) const {
  const size_t groups = size_of(config_.o_groups);
  const size_t rank = size_of(config_.o_lora_rank);
  const size_t group_width = heads.columns() / groups;
  const WeightMatrix down(checkpoint_, prefix + ".wo_a.weight");
  Matrix latent(heads.rows(), groups * rank);
  for (size_t g = 0; g < groups; ++g) {
    Matrix part(heads.rows(), group_width);
    for (size_t i = 0; i < heads.rows(); ++i) {
      std::ranges::copy(heads.row(i).subspan(g * group_width, group_width), part.row(i).begin());
    }
    // Never rounded to FP8: the model keeps this one product in the inputs' own precision.
    const Matrix answer = down.apply(part, g * rank, (g + 1) * rank, threads_);
    for (size_t i = 0; i < heads.rows(); ++i) {
      std::ranges::copy(answer.row(i), latent.row(i).subspan(g * rank, rank).begin());
    }
  }
  return linear(prefix + ".wo_b", std::move(latent));
}

Matrix ReferenceModel::attention(const std::string& prefix, size_t ratio, const Matrix& x,
                                 std::span<const size_t> wanted, LayerChoices* choices) const {
  const size_t heads = size_of(config_.heads);
  const size_t width = size_of(config_.head_dim);
  const std::vector<float> turns = frequencies(ratio);
  const Matrix query_latent =
      norm(prefix + ".q_norm.weight", linear(prefix + ".wq_a", take_rows(x, wanted)));
  Matrix queries = linear(prefix + ".wq_b", query_latent);
  Matrix window = norm(prefix + ".kv_norm.weight", linear(prefix + ".wkv", x));
  for (size_t t = 0; t < window.rows(); ++t) {
    rotate(window.row(t), t, turns, false);
    round_cached(window.row(t));
  }
  Matrix compressed;
  if (ratio != 0) {
    compressed = compress(prefix + ".compressor", x, {.ratio = ratio, .width = width});
    for (size_t j = 0; j < compressed.rows(); ++j) round_cached(compressed.row(j));
  }
  std::vector<std::vector<int32_t>> selected;
  if (ratio == size_of(kCsaRatio)) {
    selected = select_entries(prefix + ".indexer", x, query_latent, wanted);
    if (choices != nullptr) choices->entries = selected;
  }

  const std::vector<double> sinks = values(prefix + ".attn_sink");
  const double scale = 1 / std::sqrt(static_cast<double>(width));
  Matrix out(wanted.size(), heads * width);
  for (size_t i = 0; i < wanted.size(); ++i) {
    const size_t t = wanted[i];
    std::vector<std::span<const double>> visible;
    const size_t span = size_of(config_.window);
    for (size_t s = t + 1 > span ? t + 1 - span : 0; s <= t; ++s)
      visible.emplace_back(window.row(s));
    if (ratio == size_of(kCsaRatio)) {
      for (const int32_t j : selected[i]) visible.emplace_back(compressed.row(size_of(j)));
    } else if (ratio != 0) {
      for (size_t j = 0; j < (t + 1) / ratio; ++j) visible.emplace_back(compressed.row(j));
    }
    for (size_t h = 0; h < heads; ++h) {
      const std::span<double> query = queries.row(i).subspan(h * width, width);
      normalise(query);
      rotate(query, t, turns, false);
      std::vector<double> scores;
      for (const std::span<const double> key : visible) scores.push_back(dot(query, key) * scale);
      const double max = *std::ranges::max_element(scores);
      double sum = std::exp(sinks[h] - max);
      const std::span<double> answer = out.row(i).subspan(h * width, width);
      for (size_t v = 0; v < visible.size(); ++v) {
        const double weight = std::exp(scores[v] - max);
        sum += weight;
        for (size_t c = 0; c < width; ++c) answer[c] += weight * visible[v][c];
      }
      for (double& value : answer) value /= sum;
      rotate(answer, t, turns, true);
    }
  }
  return project_output(prefix, out);
}

}  // namespace hadal::independent
