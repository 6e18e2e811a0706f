// The events of many requests, or the energy counters of many power samples, as one compressed
// blob, and back. docs/measuring.md has the layout, for whoever reads it with another program.
// Blobs may come from others: nothing that one claims makes this take more memory than
// kMostRawBytes.
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

// What a blob is of, as its row in the store says.
constexpr const char* kEventsKind = "events";
constexpr const char* kCountersKind = "energy_counters";
constexpr const char* kEngineKind = "engine";  // engine_blob.h; JSON, not compressed

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

// What meters that count energy say beside watts: `joules` and `watts_from_joules` of samples one
// after the other; at most kMostCounters of them, and counters must be numbers: Error
// (kInvalidArgument) otherwise.
constexpr size_t kMostCounters = size_t{1} << 20;
SampleBlob encode_counters(std::span<const PowerSample> power);
// Fills them in again. Throws kInvalidFile, naming `where`, for whatever encode_counters would not
// write of as many samples.
void decode_counters(const SampleBlob& blob, std::span<PowerSample> power,
                     const std::string& where);
// How many samples a blob of counters is of, as its row says.
size_t counted_samples(const SampleBlob& blob);

}  // namespace hadal
