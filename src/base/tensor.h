// A view of a tensor that lies elsewhere (usually in a mapped checkpoint): type, shape, bytes.
// Owns nothing; the data may start at any byte, so it is read through load_unaligned only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

enum class DType { kBf16, kF32, kF8E4m3, kF8E8m0, kI8, kI32, kI64 };

// Bytes per element; a kI8 element of a packed FP4 weight holds two values.
size_t dtype_bytes(DType dtype);
// The name safetensors uses, for example "F8_E4M3".
std::string_view dtype_name(DType dtype);

struct TensorView {
  const std::byte* data = nullptr;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape = {};  // row-major, outermost first
};

// "[4, 16384]"
std::string shape_text(const std::vector<int64_t>& shape);

}  // namespace hadal
