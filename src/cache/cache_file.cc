#include "cache/cache_file.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/checksum.h"
#include "base/unaligned.h"

namespace hadal {
namespace {

// No page or image comes near these; they keep sums of sizes far from overflow.
constexpr uint32_t kMaxCount = 1U << 26;
constexpr uint64_t kMaxBlockBytes = uint64_t{1} << 34;
constexpr size_t kKeyOffset = 96;
constexpr size_t kHeaderChecksumOffset = kCacheFileHeaderBytes - sizeof(Hash128);

Hash128 header_checksum(std::span<const std::byte> header) {
  return checksum(header.first(kHeaderChecksumOffset));
}

// Puts values of a header one after the other, or takes them.
template <typename Byte>
class Cursor {
 public:
  explicit Cursor(std::span<Byte> bytes) : bytes_(bytes) {}

  template <typename T>
  void put(const T& value) {
    std::memcpy(take(sizeof(T)).data(), &value, sizeof(T));
  }
  template <typename T>
  T get() {
    return load_unaligned<T>(take(sizeof(T)).data());
  }
  std::span<Byte> take(size_t count) {
    const auto taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }

 private:
  std::span<Byte> bytes_;
};

}  // namespace

uint64_t CacheFileInfo::payload_bytes() const {
  return uint64_t{tokens} * 4 + blocks * block_bytes;
}

uint64_t CacheFileInfo::file_bytes() const { return kCacheFileHeaderBytes + payload_bytes(); }

CacheFileHeader encode_header(const CacheFileInfo& info) {
  HADAL_CHECK(info.identity.numerics.size() <= CacheIdentity::kMaxNumericsBytes);
  CacheFileHeader header = {};
  Cursor<std::byte> out(header);
  std::memcpy(out.take(kCacheFileMagic.size()).data(), kCacheFileMagic.data(),
              kCacheFileMagic.size());
  out.put(kCacheFileVersion);
  out.put(static_cast<uint32_t>(info.kind));
  out.put(info.identity.model);
  out.put(info.identity.layout);
  std::memcpy(out.take(CacheIdentity::kMaxNumericsBytes).data(), info.identity.numerics.data(),
              info.identity.numerics.size());
  out.put(info.secret_check);
  out.put(info.key);
  out.put(info.parent);
  out.put(info.length);
  out.put(info.tokens);
  out.put(info.drafter_rows);
  out.put(uint32_t{0});
  out.put(info.blocks);
  out.put(uint32_t{0});
  out.put(info.block_bytes);
  out.put(info.checksum);
  const Hash128 own_checksum = header_checksum(header);
  std::memcpy(header.data() + kHeaderChecksumOffset, &own_checksum, sizeof(own_checksum));
  return header;
}

DecodedHeader decode_header(std::span<const std::byte> bytes) {
  DecodedHeader decoded;
  if (bytes.size() < kCacheFileHeaderBytes) return decoded;
  bytes = bytes.first(kCacheFileHeaderBytes);
  Cursor<const std::byte> in(bytes);
  if (std::memcmp(in.take(kCacheFileMagic.size()).data(), kCacheFileMagic.data(),
                  kCacheFileMagic.size()) != 0) {
    return decoded;
  }
  if (const auto version = in.get<uint32_t>(); version != kCacheFileVersion) {
    decoded.state = version < kCacheFileVersion ? HeaderState::kOlder : HeaderState::kNewer;
    return decoded;
  }
  if (load_unaligned<Hash128>(bytes.data() + kHeaderChecksumOffset) != header_checksum(bytes)) {
    return decoded;
  }
  CacheFileInfo& info = decoded.info;
  const auto kind = in.get<uint32_t>();
  info.kind = static_cast<CacheFileKind>(kind);
  info.identity.model = in.get<Hash128>();
  info.identity.layout = in.get<uint64_t>();
  const auto numerics = in.take(CacheIdentity::kMaxNumericsBytes);
  for (const std::byte character : numerics) {
    if (character == std::byte{0}) break;
    info.identity.numerics += static_cast<char>(character);
  }
  info.secret_check = in.get<Hash128>();
  info.key = in.get<Hash128>();
  info.parent = in.get<Hash128>();
  info.length = in.get<uint32_t>();
  info.tokens = in.get<uint32_t>();
  info.drafter_rows = in.get<uint32_t>();
  in.take(sizeof(uint32_t));
  info.blocks = in.get<uint32_t>();
  in.take(sizeof(uint32_t));
  info.block_bytes = in.get<uint64_t>();
  info.checksum = in.get<Hash128>();
  const bool plausible =
      (info.kind == CacheFileKind::kPage || info.kind == CacheFileKind::kImage) &&
      info.length < kMaxCount && info.tokens <= info.length && info.drafter_rows <= info.length &&
      info.blocks < kMaxCount && info.block_bytes < kMaxBlockBytes;
  if (plausible) decoded.state = HeaderState::kGood;
  return decoded;
}

bool is_own_file(std::span<const std::byte> head, const std::optional<CacheFileName>& name) {
  const size_t compared = std::min(head.size(), kCacheFileMagic.size());
  if (compared == 0 || std::memcmp(head.data(), kCacheFileMagic.data(), compared) == 0) return true;
  return name && head.size() >= kKeyOffset + sizeof(Hash128) &&
         load_unaligned<Hash128>(head.data() + kKeyOffset) == name->key;
}

std::string file_name(const CacheFileName& name) {
  return to_hex(name.key) + (name.kind == CacheFileKind::kPage ? ".page" : ".image");
}

std::optional<CacheFileName> parse_file_name(std::string_view text) {
  constexpr size_t kDigits = 32;
  if (text.size() < kDigits) return std::nullopt;
  CacheFileName name;
  const std::string_view suffix = text.substr(kDigits);
  if (suffix == ".image") {
    name.kind = CacheFileKind::kImage;
  } else if (suffix != ".page") {
    return std::nullopt;
  }
  for (size_t i = 0; i < kDigits; ++i) {
    const char c = text[i];
    uint64_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<uint64_t>(c - 'a') + 10;
    } else {
      return std::nullopt;
    }
    uint64_t& word = i < kDigits / 2 ? name.key.low : name.key.high;
    const size_t byte = i % (kDigits / 2) / 2;
    word |= digit << (8 * byte + (i % 2 == 0 ? 4 : 0));
  }
  return name;
}

}  // namespace hadal
