// A golden case: a small checkpoint and the answers computed for it outside the project, with the
// measures by which they are judged.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/unaligned.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/v4/checkpoint.h"
#include "support/source_dir.h"

namespace hadal::golden {

inline std::filesystem::path data_directory() { return test::source_path("tests/golden/data"); }

class GoldenCase {
 public:
  explicit GoldenCase(const std::string& name)
      : checkpoint(Checkpoint::open(data_directory() / "model" / name / "model")),
        answers(data_directory() / "model" / name / "golden.safetensors"),
        ids(values<int32_t>("ids")) {}

  template <typename T>
  std::vector<T> values(const std::string& tensor_name) const {
    const TensorView view = answers.tensor(tensor_name);
    size_t count = 1;
    for (const int64_t extent : view.shape) count *= static_cast<size_t>(extent);
    std::vector<T> out(count);
    for (size_t i = 0; i < count; ++i) out[i] = load_unaligned<T>(view.data + i * sizeof(T));
    return out;
  }

  Checkpoint checkpoint;
  SafetensorsFile answers;
  std::vector<int32_t> ids;
};

// |actual - expected| / |expected| of each row of `columns` values.
inline std::vector<double> relative_errors(std::span<const float> actual,
                                           std::span<const float> expected, size_t columns) {
  std::vector<double> errors;
  for (size_t begin = 0; begin < expected.size(); begin += columns) {
    double difference = 0;
    double norm = 0;
    for (size_t i = begin; i < begin + columns; ++i) {
      const double d = static_cast<double>(actual[i]) - static_cast<double>(expected[i]);
      difference += d * d;
      norm += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
    }
    errors.push_back(std::sqrt(difference / norm));
  }
  return errors;
}

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// The share of rows whose arg-max agrees.
inline double argmax_agreement(std::span<const float> a, std::span<const float> b, size_t columns) {
  size_t agreeing = 0;
  for (size_t begin = 0; begin < a.size(); begin += columns) {
    const auto argmax = [&](std::span<const float> values) {
      const auto row = values.subspan(begin, columns);
      return std::max_element(row.begin(), row.end()) - row.begin();
    };
    if (argmax(a) == argmax(b)) ++agreeing;
  }
  return static_cast<double>(agreeing) /
         (static_cast<double>(a.size()) / static_cast<double>(columns));
}

// The share of rows of `columns` ids that are equal.
inline double row_agreement(std::span<const int32_t> a, std::span<const int32_t> b,
                            size_t columns) {
  size_t agreeing = 0;
  for (size_t begin = 0; begin < b.size(); begin += columns) {
    if (std::ranges::equal(a.subspan(begin, columns), b.subspan(begin, columns))) ++agreeing;
  }
  return static_cast<double>(agreeing) /
         (static_cast<double>(b.size()) / static_cast<double>(columns));
}

}  // namespace hadal::golden
