#include "measure/store/sample_blobs.h"

#include <functional>
#include <gtest/gtest.h>
#include <limits>
#include <zstd.h>

#include "base/error.h"

namespace hadal {
namespace {

using Events = std::vector<std::vector<TokenStamp>>;

SampleBlob compressed(const std::string& raw) {
  SampleBlob blob{.raw_bytes = static_cast<int64_t>(raw.size()),
                  .data = std::string(ZSTD_compressBound(raw.size()), '\0')};
  blob.data.resize(ZSTD_compress(blob.data.data(), blob.data.size(), raw.data(), raw.size(), 1));
  return blob;
}

std::string word(uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8 * i) & 255);
  return bytes;
}

void expect_refused(const SampleBlob& blob) {
  try {
    decode_events(blob, "some.hadalrun");
    FAIL() << "was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidFile);
    EXPECT_EQ(error.parts().where, "some.hadalrun");
  }
}

TEST(SampleBlobsTest, GivesBackTheSameBits) {
  const Events events = {
      {{.seconds = 0.1, .tokens_so_far = 1}, {.seconds = 1.0 / 3, .tokens_so_far = 1 << 30}},
      {},
      {{.seconds = -0.0, .tokens_so_far = -1},
       {.seconds = std::numeric_limits<double>::denorm_min(), .tokens_so_far = -1},
       {.seconds = 1e308, .tokens_so_far = std::numeric_limits<int64_t>::max()}}};
  const Events back = decode_events(encode_events(events), "");
  ASSERT_EQ(back.size(), events.size());
  for (size_t i = 0; i < events.size(); ++i) {
    ASSERT_EQ(back[i].size(), events[i].size());
    for (size_t j = 0; j < events[i].size(); ++j) {
      EXPECT_EQ(back[i][j].seconds, events[i][j].seconds);
      EXPECT_EQ(back[i][j].tokens_so_far, events[i][j].tokens_so_far);
    }
  }
  EXPECT_TRUE(decode_events(encode_events({}), "").empty());
}

TEST(SampleBlobsTest, IsLaidOutAsDocumented) {
  const Events events = {
      {{.seconds = 1.5, .tokens_so_far = 2}, {.seconds = 0, .tokens_so_far = 3}}};
  const SampleBlob blob = encode_events(events);
  std::string raw(static_cast<size_t>(blob.raw_bytes), '\0');
  ASSERT_EQ(ZSTD_decompress(raw.data(), raw.size(), blob.data.data(), blob.data.size()),
            raw.size());
  // 1.5 is 0x3FF8000000000000: its two highest bytes are in the last two pairs of the times.
  EXPECT_EQ(raw, word(1) + word(2) + std::string(12, '\0') + "\xF8" + std::string(1, '\0') +
                     "\x3F" + std::string(1, '\0') + "\x02\x03" + std::string(14, '\0'));
}

// A token a hundredth of a second, as a stream has them.
TEST(SampleBlobsTest, CompressesAStream) {
  Events events(10);
  for (size_t i = 0; i < 10000; ++i) {
    events[i % 10].push_back({.seconds = 0.01 * static_cast<double>(i), .tokens_so_far = -1});
  }
  const SampleBlob blob = encode_events(events);
  EXPECT_LT(blob.data.size(), static_cast<size_t>(blob.raw_bytes) / 2);
}

TEST(SampleBlobsTest, RefusesTimesThatAreNoNumbers) {
  const Events events = {{{.seconds = std::numeric_limits<double>::quiet_NaN()}}};
  EXPECT_THROW(encode_events(events), Error);
  expect_refused(compressed(word(1) + word(1) + word(0x7FF8000000000000) + word(0)));
}

TEST(SampleBlobsTest, RefusesWhatIsDamaged) {
  const SampleBlob good = encode_events(Events{{{.seconds = 1}, {.seconds = 2}}});
  for (size_t cut = 0; cut < good.data.size(); ++cut) {
    expect_refused({.raw_bytes = good.raw_bytes, .data = good.data.substr(0, cut)});
  }
  expect_refused({.raw_bytes = good.raw_bytes - 8, .data = good.data});
  expect_refused({.raw_bytes = -1, .data = good.data});
  expect_refused(compressed(""));
  expect_refused(compressed("1234567"));
  expect_refused(compressed(word(2) + word(0)));
  expect_refused(compressed(word(~uint64_t{0})));
  expect_refused(compressed(word(1) + word(~uint64_t{0}) + word(0) + word(0)));
  // Twice 2^63 is 0 in 64 bits.
  expect_refused(compressed(word(2) + word(uint64_t{1} << 62) + word(uint64_t{1} << 62)));
  expect_refused(compressed(word(1) + word(1) + word(0)));
  expect_refused(compressed(word(1) + word(0) + word(0) + word(0)));
}

// Some kilobytes that become gigabytes.
TEST(SampleBlobsTest, RefusesABomb) {
  SampleBlob bomb = compressed(std::string(size_t{1} << 20, '\0'));
  bomb.raw_bytes = int64_t{1} << 40;
  expect_refused(bomb);
  bomb.raw_bytes = 64;
  expect_refused(bomb);
  SampleBlob large = compressed(std::string(static_cast<size_t>(kMostRawBytes) + 8, '\0'));
  expect_refused(large);
}

TEST(SampleBlobsTest, GivesBackCountersOfEnergy) {
  const std::vector<PowerSample> power = {{.watts = 300, .joules = 1e9 / 3},
                                          {.watts = 301},
                                          {.watts = 302, .joules = 0.0, .watts_from_joules = true},
                                          {.watts = 303, .watts_from_joules = true}};
  const SampleBlob blob = encode_counters(power);
  EXPECT_EQ(counted_samples(blob), 4U);
  std::vector<PowerSample> back(4);
  decode_counters(blob, back, "");
  for (size_t i = 0; i < power.size(); ++i) {
    EXPECT_EQ(back[i].joules, power[i].joules);
    EXPECT_EQ(back[i].watts_from_joules, power[i].watts_from_joules);
  }
}

TEST(SampleBlobsTest, RefusesCountersThatNobodyWrites) {
  const auto refused = [](const SampleBlob& blob, size_t samples) {
    std::vector<PowerSample> power(samples);
    EXPECT_THROW(decode_counters(blob, power, "some.hadalrun"), Error);
  };
  refused(compressed(word(0) + word(0)), 2);
  refused(compressed(word(0) + word(4)), 1);
  refused(compressed(word(0x7FF8000000000000) + word(0)), 1);
  refused({.raw_bytes = 16, .data = "no frame"}, 1);
  const std::vector<PowerSample> infinite = {{.joules = std::numeric_limits<double>::infinity()}};
  EXPECT_THROW(encode_counters(infinite), Error);
}

}  // namespace
}  // namespace hadal
