// Loads from and stores to memory of any alignment: tensors in a mapped safetensors file may start
// at any byte. x86 is little-endian, as safetensors is.
#pragma once

#include <bit>
#include <cstring>

namespace hadal {

static_assert(std::endian::native == std::endian::little, "the file formats are little-endian");

template <typename T>
inline T load_unaligned(const void* address) {
  T value;
  std::memcpy(&value, address, sizeof(T));
  return value;
}

template <typename T>
inline void store_unaligned(void* address, T value) {
  std::memcpy(address, &value, sizeof(T));
}

}  // namespace hadal
