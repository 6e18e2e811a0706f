// The safetensors header: hostile bytes are refused with an Error, and whatever is accepted keeps
// the promises of parse_safetensors_header.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/tensor.h"
#include "checkpoint/safetensors.h"

namespace {

void require(bool condition) {
  if (!condition) {
    __builtin_trap();
  }
}

void parse(std::span<const std::byte> bytes, uint64_t file_size) {
  std::vector<std::pair<size_t, size_t>> ranges;
  try {
    for (const hadal::SafetensorsEntry& entry :
         hadal::parse_safetensors_header(bytes, file_size, "fuzz.safetensors")) {
      require(entry.begin <= entry.end && entry.end <= file_size);
      size_t size = hadal::dtype_bytes(entry.dtype);
      for (const int64_t extent : entry.shape) {
        require(extent >= 0);
        require(!__builtin_mul_overflow(size, static_cast<size_t>(extent), &size) || extent == 0);
      }
      require(size == entry.end - entry.begin);
      if (entry.begin < entry.end) {
        ranges.emplace_back(entry.begin, entry.end);
      }
    }
  } catch (const hadal::Error&) {
    return;
  }
  std::sort(ranges.begin(), ranges.end());
  for (size_t i = 1; i < ranges.size(); ++i) {
    require(ranges[i - 1].second <= ranges[i].first);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  parse(bytes, size);
  // A header that comes with no tensor data, as of a file that is larger than what was read.
  parse(bytes, uint64_t{1} << 40);
  // The input as the JSON text alone, so that the fuzzer need not find the length in front of it.
  std::vector<std::byte> file(8 + size);
  for (size_t i = 0; i < 8; ++i) {
    file[i] = static_cast<std::byte>(static_cast<uint64_t>(size) >> (8 * i));
  }
  std::copy(bytes.begin(), bytes.end(), file.begin() + 8);
  parse(file, uint64_t{1} << 40);
  return 0;
}
