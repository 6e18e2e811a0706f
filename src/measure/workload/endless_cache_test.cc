#include "measure/workload/endless_cache.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>

#include "measure/workload/random_stream.h"

namespace hadal {
namespace {

std::vector<BlockRun> runs_of(const std::vector<int64_t>& ids) {
  std::vector<BlockRun> runs;
  for (const int64_t id : ids) append_block(runs, id);
  return runs;
}

TEST(EndlessCache, CountsTheLongestEarlierBeginning) {
  EndlessCache cache;
  EXPECT_EQ(cache.insert({}), 0);
  EXPECT_EQ(cache.insert(runs_of({1, 2, 3, 4, 5})), 0);
  EXPECT_EQ(cache.insert(runs_of({1, 2, 3, 4, 5})), 5);
  EXPECT_EQ(cache.insert(runs_of({1, 2, 3})), 3);
  EXPECT_EQ(cache.insert(runs_of({1, 2, 9, 4, 5})), 2);
  EXPECT_EQ(cache.insert(runs_of({1, 2, 9, 4, 6})), 4);
  EXPECT_EQ(cache.insert(runs_of({1, 2, 3, 4, 5, 6})), 5);
  EXPECT_EQ(cache.insert(runs_of({2, 3, 4})), 0);  // known blocks behind another beginning
}

// Against the plain way: every beginning of every prompt, written down.
TEST(EndlessCache, AgreesWithAListOfAllBeginnings) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    RandomStream random(seed);
    EndlessCache cache;
    std::set<std::vector<int64_t>> beginnings;
    std::vector<std::vector<int64_t>> prompts = {{}};
    for (int i = 0; i < 60; ++i) {
      // Some earlier prompt's beginning and then something else.
      std::vector<int64_t> ids = prompts[random.below(prompts.size())];
      ids.resize(random.below(ids.size() + 1));
      for (uint64_t more = random.below(8); more > 0; --more) {
        ids.push_back(static_cast<int64_t>(random.below(6)));
      }
      size_t known = 0;
      while (known < ids.size() &&
             beginnings.contains(
                 {ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(known) + 1})) {
        ++known;
      }
      ASSERT_EQ(cache.insert(runs_of(ids)), static_cast<int64_t>(known));
      for (size_t length = 1; length <= ids.size(); ++length) {
        beginnings.insert({ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(length)});
      }
      prompts.push_back(std::move(ids));
    }
  }
}

}  // namespace
}  // namespace hadal
