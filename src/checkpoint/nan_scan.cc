#include "checkpoint/nan_scan.h"

#include "base/unaligned.h"

namespace hadal {
namespace {

// `is_nan` is asked for whole blocks first, without branches, so that the compiler can vectorise.
template <typename T, typename IsNan>
std::optional<uint64_t> scan(const std::byte* data, uint64_t count, IsNan is_nan) {
  constexpr uint64_t kBlock = 4096;
  for (uint64_t begin = 0; begin < count; begin += kBlock) {
    const uint64_t end = begin + kBlock < count ? begin + kBlock : count;
    bool any = false;
    for (uint64_t i = begin; i < end; ++i) any |= is_nan(load_unaligned<T>(data + i * sizeof(T)));
    if (!any) continue;
    for (uint64_t i = begin; i < end; ++i) {
      if (is_nan(load_unaligned<T>(data + i * sizeof(T)))) return i;
    }
  }
  return std::nullopt;
}

}  // namespace

uint64_t tensor_bytes(const TensorView& tensor) {
  uint64_t bytes = dtype_bytes(tensor.dtype);
  for (const int64_t extent : tensor.shape) bytes *= static_cast<uint64_t>(extent);
  return bytes;
}

bool may_hold_nan(DType dtype) {
  return dtype == DType::kBf16 || dtype == DType::kF32 || dtype == DType::kF8E4m3 ||
         dtype == DType::kF8E8m0;
}

std::optional<uint64_t> find_nan(const TensorView& tensor) {
  const uint64_t count = tensor_bytes(tensor) / dtype_bytes(tensor.dtype);
  switch (tensor.dtype) {
    case DType::kF8E8m0:
      return scan<uint8_t>(tensor.data, count, [](uint8_t code) { return code == 0xff; });
    case DType::kF8E4m3:
      return scan<uint8_t>(tensor.data, count, [](uint8_t code) { return (code & 0x7f) == 0x7f; });
    case DType::kBf16:
      return scan<uint16_t>(tensor.data, count,
                            [](uint16_t code) { return (code & 0x7fff) > 0x7f80; });
    case DType::kF32:
      return scan<uint32_t>(tensor.data, count,
                            [](uint32_t code) { return (code & 0x7fffffffU) > 0x7f800000U; });
    case DType::kI8:
    case DType::kI32:
    case DType::kI64:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace hadal
