// The files of the disk tier: one page or one state image per file, behind a header that says whose
// it is and a checksum over all that follows. Encoding and checking only; who reads and writes them
// is disk_tier.h, the layout in prose docs/formats.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash128.h"

namespace hadal {

enum class CacheFileKind : uint32_t { kPage = 1, kImage = 2 };

// What the bytes of a cached block depend on beside the tokens: blocks move only between programs
// that agree in all of it.
struct CacheIdentity {
  Hash128 model;         // Checkpoint::fingerprint()
  uint64_t layout = 0;   // CacheGeometry::digest
  std::string numerics;  // everything that decides a bit of a key: policy and instruction set, such
                         // as "fp8 avx512"; at most kMaxNumericsBytes
  static constexpr size_t kMaxNumericsBytes = 40;
  bool operator==(const CacheIdentity&) const = default;
};

// What a header tells. Payload: the tokens, then the blocks, one after the other.
struct CacheFileInfo {
  CacheFileKind kind = CacheFileKind::kPage;
  CacheIdentity identity;
  Hash128 secret_check;  // of the secret that the keys are made with
  Hash128 key;           // of the page, or of the image
  Hash128 parent;        // of the pages before the page, or of those before the image's tail
  uint32_t length = 0;   // tokens from the beginning of the sequence to the end of this
  uint32_t tokens = 0;   // int32 in the payload: of the page, or the image's tail
  uint32_t drafter_rows = 0;
  uint32_t blocks = 0;
  uint64_t block_bytes = 0;
  Hash128 checksum;  // of the payload (base/checksum.h)

  uint64_t payload_bytes() const;
  uint64_t file_bytes() const;
  bool operator==(const CacheFileInfo&) const = default;
};

// What every file of the disk tier begins with.
constexpr std::string_view kCacheFileMagic = "hadal-kv";

constexpr size_t kCacheFileHeaderBytes = 256;
constexpr uint32_t kCacheFileVersion = 3;
using CacheFileHeader = std::array<std::byte, kCacheFileHeaderBytes>;

CacheFileHeader encode_header(const CacheFileInfo& info);

enum class HeaderState {
  kGood,
  kDamaged,  // not a header, or one whose own checksum or numbers are wrong
  kOlder,    // written by an older version of this format
  kNewer,
};
struct DecodedHeader {
  HeaderState state = HeaderState::kDamaged;
  CacheFileInfo info;  // where kGood: its sizes are bounded and do not overflow
};
// Takes any bytes.
DecodedHeader decode_header(std::span<const std::byte> bytes);

// A page or image as a caller has it or wants it.
struct CacheFileName {
  CacheFileKind kind = CacheFileKind::kPage;
  Hash128 key;
  auto operator<=>(const CacheFileName&) const = default;
};
std::string file_name(const CacheFileName& name);                     // "0123...cdef.page"
std::optional<CacheFileName> parse_file_name(std::string_view text);  // nothing for other files

// Whether a file that begins with these bytes is hadal's own, be it damaged: it begins as all of
// them do, or ends before that could be told; or it holds the key that it is named by. `head`: all
// of the file, or a header's length.
bool is_own_file(std::span<const std::byte> head, const std::optional<CacheFileName>& name);

}  // namespace hadal

template <>
struct std::hash<hadal::CacheFileName> {
  size_t operator()(const hadal::CacheFileName& name) const noexcept { return name.key.low; }
};
