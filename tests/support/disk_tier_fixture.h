// For tests of the disk tier: a tier of tiny pages in a directory of its own, whose every byte can
// be told from every other.
#pragma once

#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <string>
#include <unistd.h>
#include <vector>

#include "cache/disk_tier.h"
#include "cache/prefix_chain.h"
#include "support/temporary_directory.h"

namespace hadal::testing_disk {

namespace fs = std::filesystem;

constexpr int kPage = 4;
constexpr uint64_t kFileBytes = kCacheFileHeaderBytes + 4 * kPage + 4096;  // of a page

inline CacheGeometry tiny_geometry() {
  CacheGeometry geometry;
  geometry.page_tokens = kPage;
  geometry.block_bytes = 4096;
  geometry.state_units = 2;
  return geometry;
}

inline const CacheIdentity kIdentity = {.model = {.low = 11}, .layout = 22, .numerics = "fp8 ref"};

// The tokens of a whole sequence, recognisable by its number.
inline std::vector<int32_t> sequence_tokens(int number, int pages) {
  std::vector<int32_t> tokens;
  for (int i = 0; i < pages * kPage; ++i) tokens.push_back(number * 1000 + i);
  return tokens;
}

// What block `part` of a file holds: every byte depends on the file and on its place.
inline std::vector<std::byte> contents(const Hash128& key, uint32_t part) {
  std::vector<std::byte> bytes(tiny_geometry().block_bytes);
  std::mt19937_64 random(key.low ^ part);
  for (size_t i = 0; i < bytes.size(); i += 8) {
    const uint64_t word = random();
    std::memcpy(bytes.data() + i, &word, 8);
  }
  return bytes;
}

inline std::string read_file(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline void flip_bit(const fs::path& file, std::streamoff offset) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(offset);
  const int byte = stream.get();
  stream.seekp(offset);
  stream.put(static_cast<char>(byte ^ 0x10));
}

class DiskTierTest : public testing::Test {
 protected:
  DiskOptions options() {
    return {.directory = directory_ / "kv",
            .max_bytes = 64 << 20,
            .log = [this](const std::string& line) {
              const std::lock_guard lock(log_mutex_);
              log_.push_back(line);
            }};
  }
  std::unique_ptr<DiskTier> open() { return open(options()); }
  std::unique_ptr<DiskTier> open(const DiskOptions& disk_options,
                                 const CacheIdentity& identity = kIdentity) {
    return std::make_unique<DiskTier>(disk_options, identity, tiny_geometry());
  }
  size_t log_lines() {
    const std::lock_guard lock(log_mutex_);
    return log_.size();
  }
  fs::path path(const CacheFileName& name) { return directory_ / "kv" / file_name(name); }

  static PrefixChain chain_of(const DiskTier& tier, const std::vector<int32_t>& tokens) {
    PrefixChain chain(tier.secret(), "", kPage);
    chain.cover(tokens);
    return chain;
  }
  static CacheFileName page_name(const PrefixChain& chain, int index) {
    return {.kind = CacheFileKind::kPage, .key = chain.key(index + 1)};
  }

  static bool store_page(DiskTier& tier, const std::vector<int32_t>& tokens, int index) {
    const PrefixChain chain = chain_of(tier, tokens);
    const CacheFileName name = page_name(chain, index);
    const std::vector<std::byte> block = contents(name.key, 0);
    const std::byte* const blocks[] = {block.data()};
    return tier.store(
        {.name = name,
         .parent = chain.key(index),
         .length = (index + 1) * kPage,
         .tokens = std::span(tokens).subspan(static_cast<size_t>(index * kPage), kPage),
         .blocks = blocks});
  }
  // An image one token after the last full page of `tokens`.
  static CacheFileName store_image(DiskTier& tier, const std::vector<int32_t>& tokens) {
    const PrefixChain chain = chain_of(tier, tokens);
    const int pages = chain.pages();
    const std::vector<int32_t> tail = {5};
    const CacheFileName name{.kind = CacheFileKind::kImage, .key = chain.image_key(pages, tail)};
    const std::vector<std::vector<std::byte>> parts = {contents(name.key, 0), contents(name.key, 1),
                                                       contents(name.key, 2)};
    const std::byte* const blocks[] = {parts[0].data(), parts[1].data(), parts[2].data()};
    EXPECT_TRUE(tier.store({.name = name,
                            .parent = chain.key(pages),
                            .length = pages * kPage + 1,
                            .drafter_rows = pages * kPage,
                            .tokens = tail,
                            .blocks = blocks}));
    return name;
  }

  // Whether the page is there and right; a page that is there and wrong fails the test.
  static bool load_page(DiskTier& tier, const std::vector<int32_t>& tokens, int index) {
    const PrefixChain chain = chain_of(tier, tokens);
    const CacheFileName name = page_name(chain, index);
    std::vector<std::byte> block(tiny_geometry().block_bytes);
    const auto begin = tokens.begin() + index * kPage;
    const auto read = tier.read({{.name = name,
                                  .parent = chain.key(index),
                                  .tokens = {begin, begin + kPage},
                                  .blocks = {block.data()}}});
    read->wait();
    if (!read->items[0].good) return false;
    EXPECT_EQ(block, contents(name.key, 0));
    EXPECT_EQ(read->items[0].length, (index + 1) * kPage);
    return true;
  }

  test::TemporaryDirectory scratch_;
  fs::path directory_ = scratch_.path();
  std::mutex log_mutex_;
  std::vector<std::string> log_;
};

}  // namespace hadal::testing_disk
