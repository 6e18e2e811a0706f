// Looking for values that are not numbers in tensors as they are stored.
#pragma once

#include <cstdint>
#include <optional>

#include "base/tensor.h"

namespace hadal {

// Bytes that the tensor takes.
uint64_t tensor_bytes(const TensorView& tensor);

// Whether the dtype has NaNs at all: packed FP4 and integers have none.
bool may_hold_nan(DType dtype);

// The index of the first NaN, or nothing.
std::optional<uint64_t> find_nan(const TensorView& tensor);

}  // namespace hadal
