#include "measure/store/sample_blobs.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>
#include <zstd.h>

#include "base/check.h"
#include "base/error.h"

namespace hadal {
namespace {

constexpr int kLevel = 3;
constexpr size_t kWord = 8;  // every number of a blob is one, little-endian

void append_word(std::string& out, uint64_t word) {
  for (size_t i = 0; i < kWord; ++i) out += static_cast<char>(word >> (8 * i) & 255);
}

uint64_t word_at(std::string_view bytes, size_t at) {
  uint64_t word = 0;
  for (size_t i = kWord; i-- > 0;) word = word << 8 | static_cast<unsigned char>(bytes[at + i]);
  return word;
}

// A column of numbers with all their lowest bytes first, then all second ones, and so on: bytes
// that are alike lie side by side, and compress to half.
class ByteColumn {
 public:
  ByteColumn(std::string& bytes, size_t begin, size_t count)
      : bytes_(bytes), begin_(begin), count_(count) {}

  void set(size_t row, uint64_t word) {
    for (size_t i = 0; i < kWord; ++i) {
      bytes_[begin_ + i * count_ + row] = static_cast<char>(word >> (8 * i) & 255);
    }
  }
  uint64_t at(size_t row) const {
    uint64_t word = 0;
    for (size_t i = kWord; i-- > 0;) {
      word = word << 8 | static_cast<unsigned char>(bytes_[begin_ + i * count_ + row]);
    }
    return word;
  }

 private:
  std::string& bytes_;
  size_t begin_;
  size_t count_;
};

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw Error({.code = ErrorCode::kInvalidFile,
               .where = where,
               .what = "a blob of samples " + what,
               .remedy = "it is damaged, or was not written by this program"});
}

std::string decompress(const SampleBlob& blob, const std::string& where) {
  if (blob.raw_bytes < 0 || blob.raw_bytes > kMostRawBytes) {
    refuse(where, "claims to be of " + std::to_string(blob.raw_bytes) + " bytes");
  }
  const auto size = static_cast<size_t>(blob.raw_bytes);
  if (ZSTD_getFrameContentSize(blob.data.data(), blob.data.size()) != size) {
    refuse(where, "is not of the size that its row says");
  }
  std::string raw(size, '\0');
  const size_t n = ZSTD_decompress(raw.data(), raw.size(), blob.data.data(), blob.data.size());
  if (ZSTD_isError(n) != 0 || n != size) refuse(where, "cannot be decompressed");
  return raw;
}

SampleBlob compress(const std::string& raw) {
  SampleBlob blob{.raw_bytes = static_cast<int64_t>(raw.size()),
                  .data = std::string(ZSTD_compressBound(raw.size()), '\0')};
  const size_t n =
      ZSTD_compress(blob.data.data(), blob.data.size(), raw.data(), raw.size(), kLevel);
  HADAL_CHECK(ZSTD_isError(n) == 0);
  blob.data.resize(n);
  return blob;
}

// What is known of a power sample beside its watts, in the second column of counters.
constexpr uint64_t kHasJoules = 1;
constexpr uint64_t kWattsFromJoules = 2;

}  // namespace

int64_t event_bytes(const std::vector<TokenStamp>& request) {
  return static_cast<int64_t>(kWord + 2 * kWord * request.size());
}

SampleBlob encode_events(std::span<const std::vector<TokenStamp>> requests) {
  int64_t bytes = kWord;
  size_t total = 0;
  for (const std::vector<TokenStamp>& request : requests) {
    bytes += event_bytes(request);
    total += request.size();
  }
  if (bytes > kMostRawBytes) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "events",
                 .what = "are " + std::to_string(total) + ", more than one blob holds",
                 .remedy = "append them in smaller batches"});
  }
  std::string raw;
  append_word(raw, requests.size());
  for (const std::vector<TokenStamp>& request : requests) append_word(raw, request.size());
  const size_t begin = raw.size();
  raw.resize(static_cast<size_t>(bytes));
  ByteColumn seconds(raw, begin, total);
  ByteColumn tokens(raw, begin + kWord * total, total);
  size_t row = 0;
  for (const std::vector<TokenStamp>& request : requests) {
    for (const TokenStamp& event : request) {
      if (!std::isfinite(event.seconds)) {
        throw Error({.code = ErrorCode::kInvalidArgument,
                     .where = "events",
                     .what = "have a time that is no number"});
      }
      seconds.set(row, std::bit_cast<uint64_t>(event.seconds));
      tokens.set(row, static_cast<uint64_t>(event.tokens_so_far));
      ++row;
    }
  }
  return compress(raw);
}

std::vector<std::vector<TokenStamp>> decode_events(const SampleBlob& blob,
                                                   const std::string& where) {
  std::string raw = decompress(blob, where);
  const size_t words = raw.size() / kWord;
  if (words == 0 || raw.size() % kWord != 0) refuse(where, "is too short");
  const uint64_t count = word_at(raw, 0);
  if (count > words - 1) refuse(where, "has fewer requests than it says");
  // Words that are left for events, two each.
  const uint64_t left = words - 1 - count;
  std::vector<std::vector<TokenStamp>> requests(count);
  uint64_t total = 0;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t events = word_at(raw, kWord * (i + 1));
    if (events > left) refuse(where, "has fewer events than it says");
    total += events;
    if (2 * total > left) refuse(where, "has fewer events than it says");
    requests[i].resize(events);
  }
  if (2 * total != left) refuse(where, "has more events than it says");
  const size_t begin = kWord * (count + 1);
  const ByteColumn seconds(raw, begin, total);
  const ByteColumn tokens(raw, begin + kWord * total, total);
  size_t row = 0;
  for (std::vector<TokenStamp>& request : requests) {
    for (TokenStamp& event : request) {
      event.seconds = std::bit_cast<double>(seconds.at(row));
      event.tokens_so_far = static_cast<int64_t>(tokens.at(row));
      if (!std::isfinite(event.seconds)) refuse(where, "has a time that is no number");
      ++row;
    }
  }
  return requests;
}

SampleBlob encode_counters(std::span<const PowerSample> power) {
  HADAL_CHECK(power.size() <= kMostCounters);
  std::string raw(2 * kWord * power.size(), '\0');
  ByteColumn joules(raw, 0, power.size());
  ByteColumn known(raw, kWord * power.size(), power.size());
  for (size_t i = 0; i < power.size(); ++i) {
    const PowerSample& sample = power[i];
    if (sample.joules && !std::isfinite(*sample.joules)) {
      throw Error({.code = ErrorCode::kInvalidArgument,
                   .where = "power",
                   .what = "has an energy that is no number"});
    }
    joules.set(i, std::bit_cast<uint64_t>(sample.joules.value_or(0)));
    known.set(i,
              (sample.joules ? kHasJoules : 0) | (sample.watts_from_joules ? kWattsFromJoules : 0));
  }
  return compress(raw);
}

void decode_counters(const SampleBlob& blob, std::span<PowerSample> power,
                     const std::string& where) {
  std::string raw = decompress(blob, where);
  if (raw.size() != 2 * kWord * power.size()) refuse(where, "is of other samples");
  const ByteColumn joules(raw, 0, power.size());
  const ByteColumn known(raw, kWord * power.size(), power.size());
  for (size_t i = 0; i < power.size(); ++i) {
    const uint64_t flags = known.at(i);
    const auto counted = std::bit_cast<double>(joules.at(i));
    if (flags > (kHasJoules | kWattsFromJoules)) refuse(where, "has a flag that is not known");
    if (!std::isfinite(counted)) refuse(where, "has an energy that is no number");
    if ((flags & kHasJoules) != 0) power[i].joules = counted;
    power[i].watts_from_joules = (flags & kWattsFromJoules) != 0;
  }
}

size_t counted_samples(const SampleBlob& blob) {
  return static_cast<size_t>(std::max<int64_t>(blob.raw_bytes, 0)) / (2 * kWord);
}

}  // namespace hadal
