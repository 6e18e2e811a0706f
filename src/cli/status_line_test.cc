#include "cli/status_line.h"

#include <gtest/gtest.h>

#include "engine/engine.h"

namespace hadal {
namespace {

TEST(StatusLineTest, SaysWhatHappenedBetweenTwoLooks) {
  EngineStatistics before;
  before.generated_tokens = 100;
  before.prompt_tokens = 1000;
  EngineStatistics now = before;
  now.generated_tokens = 173;
  now.prompt_tokens = 5000;
  now.running = 3;
  now.waiting = 12;
  now.pool.capacity = 200;
  now.pool.free = 100;
  now.pool.idle = 70;
  EXPECT_EQ(status_text(before, now, 2),
            "3 running, 12 waiting | tokens/s 36.5 out, 2000 in | cache 15% used, 35% kept");
}

TEST(StatusLineTest, AnEngineThatDidNothingYet) {
  EXPECT_EQ(status_text({}, {}, 0),
            "0 running, 0 waiting | tokens/s 0.0 out, 0 in | cache 0% used, 0% kept");
}

}  // namespace
}  // namespace hadal
