#include "engine/simulated_acceptance.h"

#include <gtest/gtest.h>
#include <string>

#include "base/error.h"
#include "engine/speculator.h"
#include "support/engine_requests.h"

namespace hadal {
namespace {

TEST(SimulatedAcceptance, IsReadAsItIsWritten) {
  for (const char* text : {"1.79", "2.27", "9", "0.79,0.48,0.22", "1,1,0", "0"}) {
    EXPECT_EQ(simulated_acceptance_text(parse_simulated_acceptance(text, "x")), text);
  }
  for (const char* text : {"", "x", "-1", "9.5", "0.5,0.6", "1.5,1", "0.5,", "nan", "inf",
                           "0.5;0.4", "1,1,1,1,1,1,1,1,1"}) {
    EXPECT_THROW(parse_simulated_acceptance(text, "--simulate-acceptance"), Error) << text;
  }
}

TEST(SimulatedAcceptance, KeepsAsManyAsItSays) {
  for (const char* text : {"1.79", "2.49", "0.79,0.48,0.22"}) {
    const SimulatedAcceptance simulated = parse_simulated_acceptance(text, "x");
    int tokens = 0;
    constexpr int kSteps = 40'000;
    for (int step = 0; step < kSteps; ++step) {
      int kept = 0;
      while (kept < 3 && simulated.keeps(5, static_cast<uint64_t>(4 * step + kept), kept, 3)) {
        ++kept;
      }
      tokens += kept + 1;
    }
    const double expected = simulated.length > 0 ? simulated.length : 1 + 0.79 + 0.48 + 0.22;
    EXPECT_NEAR(static_cast<double>(tokens) / kSteps, expected, 0.02) << text;
  }
}

// An engine keeps guesses so, and says that it does.
TEST(SimulatedAcceptance, DrivesAnEngine) {
  Engine engine(test::nano(), {.threads = 1,
                               .speculation = {.kind = SpeculationKind::kLookup, .drafts = 3},
                               .simulated = SimulatedAcceptance{.survival = {1, 1, 0}}});
  const test::Outcome outcome = test::run(engine, test::greedy(test::make_prompt(30), 31));
  EXPECT_EQ(outcome.tokens.size(), 31U);
  const SpeculationCounts counts = engine.statistics().speculation;
  EXPECT_TRUE(counts.simulated);
  EXPECT_EQ(counts.accepted_at[0], counts.drafts);
  EXPECT_EQ(counts.accepted_tokens, 2 * counts.drafts);
}

}  // namespace
}  // namespace hadal
