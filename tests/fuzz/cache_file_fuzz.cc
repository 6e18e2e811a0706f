// Files of the disk tier: any bytes in place of a cache file are a miss, and what is accepted is
// what the file says and was asked for. The header alone first, then whole files through the tier,
// also with the checksums put right, so that the checks behind them are reached.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <unistd.h>
#include <vector>

#include "base/checksum.h"
#include "base/error.h"
#include "cache/cache_file.h"
#include "cache/cache_secret.h"
#include "cache/disk_tier.h"

namespace {

namespace fs = std::filesystem;

constexpr size_t kBlockBytes = 64;
constexpr size_t kTokens = 4;

void require(bool condition) {
  if (!condition) {
    __builtin_trap();
  }
}

hadal::CacheGeometry tiny_geometry() {
  hadal::CacheGeometry geometry;
  geometry.page_tokens = kTokens;
  geometry.block_bytes = kBlockBytes;
  geometry.state_units = 1;
  return geometry;
}

const hadal::CacheIdentity& identity() {
  static const hadal::CacheIdentity value = {.model = {.low = 1}, .layout = 2, .numerics = "fp8"};
  return value;
}

// One tier for the whole run; its directory goes with the process.
class Tier {
 public:
  Tier() {
    std::string name = (fs::temp_directory_path() / "hadal-cache-fuzz-XXXXXX").string();
    require(::mkdtemp(name.data()) != nullptr);
    directory_ = name;
    tier_ = std::make_unique<hadal::DiskTier>(
        hadal::DiskOptions{.directory = directory_, .max_bytes = 1 << 20}, identity(),
        tiny_geometry());
    const std::array<std::byte, kBlockBytes> block = {};
    const std::byte* const blocks[] = {block.data()};
    require(tier_->store({.name = name_,
                          .parent = parent_,
                          .length = kTokens,
                          .tokens = tokens_,
                          .blocks = blocks}));
    tier_->wait_idle();
    std::ifstream file(path(), std::ios::binary);
    valid_.resize(hadal::kCacheFileHeaderBytes);
    file.read(reinterpret_cast<char*>(valid_.data()), static_cast<std::streamsize>(valid_.size()));
    require(file.good());
  }
  ~Tier() {
    tier_.reset();
    std::error_code error;
    fs::remove_all(directory_, error);
  }
  Tier(const Tier&) = delete;
  Tier& operator=(const Tier&) = delete;

  // The header of a file that is accepted.
  hadal::CacheFileInfo valid_info() const { return hadal::decode_header(valid_).info; }

  void load(std::span<const std::byte> bytes) {
    {
      std::ofstream file(path(), std::ios::binary | std::ios::trunc);
      file.write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
    }
    std::array<std::byte, kBlockBytes> block = {};
    const auto read = tier_->read({{.name = name_,
                                    .parent = parent_,
                                    .tokens = {tokens_.begin(), tokens_.end()},
                                    .blocks = {block.data()}}});
    read->wait();
    const hadal::DiskReadItem& item = read->items[0];
    if (!item.good) return;
    require(bytes.size() == hadal::kCacheFileHeaderBytes + sizeof(tokens_) + kBlockBytes);
    require(std::memcmp(bytes.data() + hadal::kCacheFileHeaderBytes, tokens_.data(),
                        sizeof(tokens_)) == 0);
    require(std::ranges::equal(bytes.last(kBlockBytes), block));
  }

 private:
  fs::path path() const { return directory_ / hadal::file_name(name_); }

  const hadal::CacheFileName name_ = {.kind = hadal::CacheFileKind::kPage,
                                      .key = {.low = 3, .high = 4}};
  const hadal::Hash128 parent_ = {.low = 5, .high = 6};
  const std::array<int32_t, kTokens> tokens_ = {1, 2, 3, 4};
  fs::path directory_;
  std::unique_ptr<hadal::DiskTier> tier_;
  std::vector<std::byte> valid_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Tier tier;
  const auto bytes = std::as_bytes(std::span(data, size));
  if (const hadal::DecodedHeader decoded = hadal::decode_header(bytes);
      decoded.state == hadal::HeaderState::kGood) {
    require(hadal::decode_header(hadal::encode_header(decoded.info)).info == decoded.info);
    require(decoded.info.file_bytes() >= hadal::kCacheFileHeaderBytes);
  }
  if (const hadal::DecodedSecret secret = hadal::decode_secret(bytes);
      secret.state == hadal::SecretState::kGood) {
    const std::string text = hadal::encode_secret(secret.secret);
    const hadal::DecodedSecret again = hadal::decode_secret(std::as_bytes(std::span(text)));
    require(again.state == hadal::SecretState::kGood);
    require(again.secret.low == secret.secret.low && again.secret.high == secret.secret.high);
  }
  hadal::parse_file_name({reinterpret_cast<const char*>(data), size});
  tier.load(bytes);

  // The numbers of the header from the input, the rest as it should be, then a payload.
  std::array<uint32_t, 4> numbers = {};
  if (size < sizeof(numbers)) return 0;
  std::memcpy(numbers.data(), data, sizeof(numbers));
  const auto payload = bytes.subspan(sizeof(numbers));
  hadal::CacheFileInfo info = tier.valid_info();
  info.length = numbers[0];
  info.tokens = numbers[1];
  info.drafter_rows = numbers[2];
  info.blocks = numbers[3];
  info.checksum = hadal::checksum(payload);
  const hadal::CacheFileHeader header = hadal::encode_header(info);
  std::vector<std::byte> file(header.begin(), header.end());
  file.insert(file.end(), payload.begin(), payload.end());
  tier.load(file);
  return 0;
}
