#include "ops/stream_weights.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "base/as_size.h"
#include "numeric/elementary.h"

namespace hadal {
namespace {

// Of every value, in place.
void sigmoid(std::span<float> values) {
  for (float& x : values) x = -x;
  elementary::exp(values);
  for (float& x : values) x = 1.0F / (1.0F + x);
}

void normalize_columns(float* matrix, int n, float eps) {
  for (int k = 0; k < n; ++k) {
    float sum = 0;
    for (int j = 0; j < n; ++j) sum += matrix[j * n + k];
    for (int j = 0; j < n; ++j) matrix[j * n + k] /= sum + eps;
  }
}

void normalize_rows(float* matrix, int n, float eps) {
  for (int j = 0; j < n; ++j) {
    float sum = 0;
    for (int k = 0; k < n; ++k) sum += matrix[j * n + k];
    for (int k = 0; k < n; ++k) matrix[j * n + k] /= sum + eps;
  }
}

// The same passes over the four streams that released models have, on vectors of four: the sums
// and quotients are those above, to the bit.
using Four = float __attribute__((vector_size(16)));

void normalize_columns(Four (&rows)[4], float eps) {
  const Four sums = rows[0] + rows[1] + rows[2] + rows[3] + eps;
  for (Four& row : rows) row /= sums;
}

void transpose(Four (&rows)[4]) {
  const Four a = __builtin_shufflevector(rows[0], rows[1], 0, 4, 1, 5);
  const Four b = __builtin_shufflevector(rows[0], rows[1], 2, 6, 3, 7);
  const Four c = __builtin_shufflevector(rows[2], rows[3], 0, 4, 1, 5);
  const Four d = __builtin_shufflevector(rows[2], rows[3], 2, 6, 3, 7);
  rows[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
  rows[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
  rows[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
  rows[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

void normalize_four(float* matrix, int iterations, float eps) {
  Four rows[4];
  std::memcpy(rows, matrix, sizeof rows);
  normalize_columns(rows, eps);
  for (int i = 1; i < iterations; ++i) {
    transpose(rows);
    normalize_columns(rows, eps);
    transpose(rows);
    normalize_columns(rows, eps);
  }
  std::memcpy(matrix, rows, sizeof rows);
}

// Softmax over each row, then `iterations` column passes with row passes between them.
void sinkhorn(float* matrix, int n, int iterations, float eps) {
  for (int j = 0; j < n; ++j) {
    float* row = matrix + j * n;
    const float maximum = *std::max_element(row, row + n);
    for (int k = 0; k < n; ++k) row[k] -= maximum;
  }
  elementary::exp({matrix, as_size(n) * as_size(n)});
  for (int j = 0; j < n; ++j) {
    float* row = matrix + j * n;
    float sum = 0;
    for (int k = 0; k < n; ++k) sum += row[k];
    for (int k = 0; k < n; ++k) row[k] = row[k] / sum + eps;
  }
  if (n == 4) return normalize_four(matrix, iterations, eps);
  normalize_columns(matrix, n, eps);
  for (int i = 1; i < iterations; ++i) {
    normalize_rows(matrix, n, eps);
    normalize_columns(matrix, n, eps);
  }
}

}  // namespace

void stream_weights(const HyperPreArgs& args, const float* mixes, float* pre, float* post,
                    float* mixing) {
  const int n = args.streams;
  const float* base = args.base;
  const float* scale = args.scale;
  for (int j = 0; j < n; ++j) {
    pre[j] = mixes[j] * scale[0] + base[j];
    post[j] = mixes[n + j] * scale[1] + base[n + j];
  }
  sigmoid({pre, as_size(n)});
  sigmoid({post, as_size(n)});
  for (int j = 0; j < n; ++j) {
    pre[j] += args.hc_eps;
    post[j] *= 2.0F;
  }
  for (int i = 0; i < n * n; ++i) mixing[i] = mixes[2 * n + i] * scale[2] + base[2 * n + i];
  sinkhorn(mixing, n, args.sinkhorn_iterations, args.hc_eps);
}

void head_stream_weights(const HyperHeadArgs& args, const float* mixes, float* pre) {
  const int n = args.streams;
  for (int j = 0; j < n; ++j) pre[j] = mixes[j] * args.scale[0] + args.base[j];
  sigmoid({pre, as_size(n)});
  for (int j = 0; j < n; ++j) pre[j] += args.hc_eps;
}

}  // namespace hadal
