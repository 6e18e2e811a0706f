#include "measure/selftest/client_ceiling.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal {
namespace {

TEST(ClientCeiling, CountsEveryEventAndNeverStampsBeforeTheServerWrote) {
  const ClientCeiling ceiling = measure_client_ceiling({.streams = 20,
                                                        .events_per_second = 100,
                                                        .seconds = 0.2,
                                                        .flood_events = 10'000,
                                                        .flood_streams = 4});
  EXPECT_EQ(ceiling.paced_events, 20 * 20);
  EXPECT_GT(ceiling.flood_events_per_core_second, 0);
  EXPECT_GT(ceiling.paced_events_per_core_second, 0);
  EXPECT_GE(ceiling.added_p50, 0);
  EXPECT_GE(ceiling.added_p99, ceiling.added_p50);
  EXPECT_GE(ceiling.added_max, ceiling.added_p99);
}

TEST(ClientCeiling, MoreStreamsThanFilesAreRefusedByName) {
  try {
    measure_client_ceiling({.streams = 100'000'000});
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("ulimit -n"), std::string::npos);
  }
}

}  // namespace
}  // namespace hadal
