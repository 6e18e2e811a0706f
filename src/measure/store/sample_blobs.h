// The events of many requests as one compressed blob, and back. docs/measuring.md has the layout,
// for whoever reads it with another program. Blobs may come from others: nothing that one claims
// makes this take more memory than kMostRawBytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "measure/records.h"

namespace hadal {

// Of a blob before compression: four million events.
constexpr int64_t kMostRawBytes = int64_t{64} << 20;

struct SampleBlob {
  int64_t raw_bytes = 0;
  std::string data = {};  // a zstd frame
};

// Bytes before compression that events of `request` add to a blob.
int64_t event_bytes(const std::vector<TokenStamp>& request);

// The events of requests, one after the other. Together at most kMostRawBytes, and times must be
// numbers: Error (kInvalidArgument) otherwise.
SampleBlob encode_events(std::span<const std::vector<TokenStamp>> requests);

// Throws kInvalidFile, naming `where`, for whatever encode_events would not write.
std::vector<std::vector<TokenStamp>> decode_events(const SampleBlob& blob,
                                                   const std::string& where);

}  // namespace hadal
