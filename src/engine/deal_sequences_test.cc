#include <gtest/gtest.h>

#include "engine/local_executor.h"

namespace hadal {
namespace {

using Ranges = std::vector<SequenceRange>;

Ranges dealt(const std::vector<int>& rows, int threads) {
  Ranges ranges = {{7, 8}};
  deal_sequences(rows, threads, ranges);
  return ranges;
}

TEST(DealSequences, GivesEveryThreadAsManyRows) {
  EXPECT_EQ(dealt(std::vector<int>{1, 1, 1, 1}, 2), (Ranges{{0, 2}, {2, 4}}));
  EXPECT_EQ(dealt(std::vector<int>{1, 1, 1}, 2), (Ranges{{0, 2}, {2, 3}}));
  EXPECT_EQ(dealt(std::vector<int>{40, 30, 60, 10}, 2), (Ranges{{0, 2}, {2, 4}}));
  EXPECT_EQ(dealt(std::vector<int>{100, 25, 25, 25, 25}, 2), (Ranges{{0, 1}, {1, 5}}));
  EXPECT_EQ(dealt(std::vector<int>(16, 1), 4), (Ranges{{0, 4}, {4, 8}, {8, 12}, {12, 16}}));
  // Threads beyond the sequences have nothing to do.
  EXPECT_EQ(dealt(std::vector<int>{1, 1, 1}, 8), (Ranges{{0, 1}, {1, 2}, {2, 3}}));
  EXPECT_EQ(dealt(std::vector<int>{1}, 8), (Ranges{{0, 1}}));
}

TEST(DealSequences, LeavesAStepWholeThatWouldKeepThreadsWaiting) {
  EXPECT_TRUE(dealt(std::vector<int>{}, 2).empty());
  EXPECT_TRUE(dealt(std::vector<int>{9}, 2).empty());
  EXPECT_TRUE(dealt(std::vector<int>{1, 1}, 1).empty());
  EXPECT_TRUE(dealt(std::vector<int>{512, 1, 1, 1}, 2).empty());
  EXPECT_TRUE(dealt(std::vector<int>{1, 1, 1, 512}, 2).empty());
}

TEST(DealSequences, CoversEverySequenceOnceWhateverTheRows) {
  for (uint32_t seed = 1; seed <= 500; ++seed) {
    uint32_t state = seed;
    const auto next = [&](uint32_t below) {
      state = state * 1664525 + 1013904223;
      return (state >> 8) % below;
    };
    std::vector<int> rows(1 + next(20));
    for (int& count : rows) count = static_cast<int>(1 + (next(4) == 0 ? next(200) : next(3)));
    const int threads = static_cast<int>(1 + next(9));
    const Ranges ranges = dealt(rows, threads);
    if (ranges.empty()) continue;
    ASSERT_LE(ranges.size(), static_cast<size_t>(threads));
    int end = 0;
    for (const SequenceRange& range : ranges) {
      EXPECT_EQ(range.begin, end);
      EXPECT_GT(range.end, range.begin);
      end = range.end;
    }
    EXPECT_EQ(end, static_cast<int>(rows.size()));
  }
}

}  // namespace
}  // namespace hadal
