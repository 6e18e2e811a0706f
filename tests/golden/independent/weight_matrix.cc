#include "weight_matrix.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/unaligned.h"
#include "number_formats.h"

namespace hadal::independent {
namespace {

constexpr size_t kFp8ScaleBlock = 128;
constexpr size_t kFp4ScaleBlock = 32;

uint8_t byte_at(const TensorView& view, size_t index) {
  return static_cast<uint8_t>(view.data[index]);
}

double element(const TensorView& view, size_t index) {
  if (view.dtype == DType::kF32) {
    return static_cast<double>(load_unaligned<float>(view.data + 4 * index));
  }
  HADAL_CHECK(view.dtype == DType::kBf16);
  return decode_bf16(load_unaligned<uint16_t>(view.data + 2 * index));
}

// What every code of a format stands for.
template <size_t kCodes>
std::array<double, kCodes> decode_all(double (*decode)(uint8_t)) {
  std::array<double, kCodes> values{};
  for (size_t code = 0; code < kCodes; ++code) values[code] = decode(static_cast<uint8_t>(code));
  return values;
}

const std::array<double, 256> kE4m3Values = decode_all<256>(decode_e4m3);
const std::array<double, 16> kE2m1Values = decode_all<16>(decode_e2m1);

}  // namespace

double dot(std::span<const double> a, std::span<const double> b) {
  HADAL_CHECK(a.size() == b.size());
  // Several lanes, so that a compiler may use vectors without reordering a sum.
  constexpr size_t kLanes = 8;
  std::array<double, kLanes> sums{};
  size_t k = 0;
  for (; k + kLanes <= a.size(); k += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[k + lane] * b[k + lane];
  }
  double total = 0;
  for (; k < a.size(); ++k) total += a[k] * b[k];
  for (const double sum : sums) total += sum;
  return total;
}

Matrix take_rows(const Matrix& matrix, std::span<const size_t> indices) {
  Matrix out(indices.size(), matrix.columns());
  for (size_t i = 0; i < indices.size(); ++i) {
    std::ranges::copy(matrix.row(indices[i]), out.row(i).begin());
  }
  return out;
}

WeightMatrix::WeightMatrix(const Checkpoint& checkpoint, const std::string& name)
    : weight_(checkpoint.tensor(name)) {
  HADAL_CHECK(weight_.shape.size() == 2);
  outputs_ = static_cast<size_t>(weight_.shape[0]);
  inputs_ = static_cast<size_t>(weight_.shape[1]);
  if (weight_.dtype == DType::kI8) inputs_ *= 2;
  if (weight_.dtype == DType::kI8 || weight_.dtype == DType::kF8E4m3) {
    const std::string stem = name.substr(0, name.rfind(".weight"));
    scale_ = checkpoint.tensor(stem + ".scale");
  }
}

void WeightMatrix::decode_row(size_t output, std::span<double> values) const {
  HADAL_CHECK(values.size() == inputs_);
  if (weight_.dtype == DType::kI8) {
    for (size_t begin = 0; begin < inputs_; begin += kFp4ScaleBlock) {
      const size_t first = output * inputs_ + begin;
      const double scale = decode_e8m0(byte_at(scale_, first / kFp4ScaleBlock));
      for (size_t i = 0; i < kFp4ScaleBlock; i += 2) {
        const uint8_t pair = byte_at(weight_, (first + i) / 2);
        values[begin + i] = kE2m1Values[pair & 0xf] * scale;
        values[begin + i + 1] = kE2m1Values[pair >> 4] * scale;
      }
    }
  } else if (weight_.dtype == DType::kF8E4m3) {
    const size_t blocks_across = (inputs_ + kFp8ScaleBlock - 1) / kFp8ScaleBlock;
    for (size_t begin = 0; begin < inputs_; begin += kFp8ScaleBlock) {
      const size_t block = output / kFp8ScaleBlock * blocks_across + begin / kFp8ScaleBlock;
      const double scale = decode_e8m0(byte_at(scale_, block));
      const size_t end = std::min(begin + kFp8ScaleBlock, inputs_);
      for (size_t i = begin; i < end; ++i) {
        values[i] = kE4m3Values[byte_at(weight_, output * inputs_ + i)] * scale;
      }
    }
  } else {
    for (size_t i = 0; i < inputs_; ++i) values[i] = element(weight_, output * inputs_ + i);
  }
}

Matrix WeightMatrix::apply(const Matrix& x, size_t begin, size_t end, ThreadPool& threads) const {
  HADAL_CHECK(x.columns() == inputs_ && begin <= end && end <= outputs_);
  Matrix out(x.rows(), end - begin);
  threads.parallel_for(static_cast<int>(end - begin), 16, [&](int first, int last, int) {
    std::vector<double> weights(inputs_);
    for (auto column = static_cast<size_t>(first); column < static_cast<size_t>(last); ++column) {
      decode_row(begin + column, weights);
      for (size_t row = 0; row < x.rows(); ++row) out.row(row)[column] = dot(x.row(row), weights);
    }
  });
  return out;
}

std::vector<double> read_values(const Checkpoint& checkpoint, const std::string& name) {
  const TensorView& view = checkpoint.tensor(name);
  size_t count = 1;
  for (const int64_t extent : view.shape) count *= static_cast<size_t>(extent);
  std::vector<double> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = element(view, i);
  return values;
}

}  // namespace hadal::independent
