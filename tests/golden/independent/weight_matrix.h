// Matrices in float64 and their product with a stored weight of any released type, decoded a row
// at a time. For the independent reference: plain loops, every sum in ascending order per lane.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "checkpoint/v4/checkpoint.h"

namespace hadal::independent {

// Row-major [rows, columns].
class Matrix {
 public:
  Matrix() = default;
  Matrix(size_t rows, size_t columns)
      : rows_(rows), columns_(columns), values_(rows * columns, 0.0) {}

  size_t rows() const { return rows_; }
  size_t columns() const { return columns_; }
  std::span<double> row(size_t index) { return {values_.data() + index * columns_, columns_}; }
  std::span<const double> row(size_t index) const {
    return {values_.data() + index * columns_, columns_};
  }
  std::span<double> values() { return values_; }
  std::span<const double> values() const { return values_; }

 private:
  size_t rows_ = 0;
  size_t columns_ = 0;
  std::vector<double> values_;
};

double dot(std::span<const double> a, std::span<const double> b);

// The rows of `matrix` named by `indices`, in that order.
Matrix take_rows(const Matrix& matrix, std::span<const size_t> indices);

// One weight [outputs, inputs] of a checkpoint: F32, BF16, F8_E4M3 with a scale per 128 x 128, or
// packed FP4 with a scale per 32 inputs of a row. A view; the checkpoint must outlive it.
class WeightMatrix {
 public:
  // Reads NAME and, where the type has one, the scale beside it (.weight becomes .scale).
  WeightMatrix(const Checkpoint& checkpoint, const std::string& name);

  size_t outputs() const { return outputs_; }
  size_t inputs() const { return inputs_; }
  // FP8 and FP4 weights are those whose inputs the model rounds to FP8.
  bool quantised() const { return scale_.data != nullptr; }
  // values [inputs] <- row `output`.
  void decode_row(size_t output, std::span<double> values) const;

  // x [rows, inputs] times the transpose of the weight's rows [begin, end): [rows, end - begin].
  Matrix apply(const Matrix& x, size_t begin, size_t end, ThreadPool& threads) const;
  Matrix apply(const Matrix& x, ThreadPool& threads) const {
    return apply(x, 0, outputs_, threads);
  }

 private:
  TensorView weight_;
  TensorView scale_;
  size_t outputs_ = 0;
  size_t inputs_ = 0;
};

// All elements of a F32 or BF16 tensor.
std::vector<double> read_values(const Checkpoint& checkpoint, const std::string& name);

}  // namespace hadal::independent
