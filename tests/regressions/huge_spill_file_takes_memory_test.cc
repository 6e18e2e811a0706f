// A spill file of terabytes took gigabytes of memory and a minute before the server listened: every
// place in it was listed as free.
#include <gtest/gtest.h>
#include <limits>
#include <sys/resource.h>

#include "cache/block_pool.h"
#include "cache/spill_file.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

int64_t largest_kib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

TEST(HugeSpillFileTakesMemory, CostsNothingBeforeItIsUsed) {
  const test::TemporaryDirectory directory;
  const CacheGeometry geometry{.page_tokens = 128, .block_bytes = 4096, .state_units = 1};
  BlockPool pool(geometry.block_bytes, 4);
  const int64_t before = largest_kib();
  const SpillFile file({.directory = directory.path(), .max_bytes = uint64_t{900} << 40}, pool,
                       geometry);
  EXPECT_EQ(file.statistics().capacity, std::numeric_limits<int32_t>::max());
  EXPECT_EQ(file.statistics().used, 0);
  EXPECT_LT(largest_kib() - before, 256 << 10);
}

}  // namespace
}  // namespace hadal
