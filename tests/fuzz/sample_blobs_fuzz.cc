// Blobs of events and of energy counters: any bytes, compressed or not, are refused with an Error
// or give samples that are written as bytes of the same number.
#include <cstddef>
#include <cstdint>
#include <string>
#include <zstd.h>

#include "base/error.h"
#include "measure/store/sample_blobs.h"

namespace {

void read_counters(const hadal::SampleBlob& blob) {
  if (blob.raw_bytes > 1 << 20) return;  // samples take more memory than their counters
  std::vector<hadal::PowerSample> power(hadal::counted_samples(blob));
  try {
    hadal::decode_counters(blob, power, "a.hadalrun");
  } catch (const hadal::Error&) {
    return;
  }
  if (hadal::encode_counters(power).raw_bytes != blob.raw_bytes) __builtin_trap();
}

void read(const hadal::SampleBlob& blob) {
  read_counters(blob);
  std::vector<std::vector<hadal::TokenStamp>> events;
  try {
    events = hadal::decode_events(blob, "a.hadalrun");
  } catch (const hadal::Error&) {
    return;
  }
  if (hadal::encode_events(events).raw_bytes != blob.raw_bytes) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  // As what a row holds, its size by the frame's own word.
  read({.raw_bytes = static_cast<int64_t>(ZSTD_getFrameContentSize(bytes.data(), bytes.size())),
        .data = bytes});
  // As what is in the frame, which mutations would never reach through the compression.
  hadal::SampleBlob blob{.raw_bytes = static_cast<int64_t>(size),
                         .data = std::string(ZSTD_compressBound(size), '\0')};
  blob.data.resize(ZSTD_compress(blob.data.data(), blob.data.size(), bytes.data(), size, 1));
  read(blob);
  return 0;
}
