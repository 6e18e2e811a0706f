// Measuring and planning stand on their own: this links nothing of engine, model and operations.
#include <filesystem>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/statistics.h"
#include "checkpoint/v4/catalogue.h"
#include "checkpoint/v4/config_presets.h"
#include "json/python_json.h"
#include "plan/memory_plan.h"
#include "plan/step_costs.h"
#include "support/source_dir.h"
#include "text/tokenizer.h"

namespace hadal {
namespace {

TEST(MeasuringLibraries, CountTokensReadJsonSumUpAndPlan) {
  const Tokenizer tokenizer = Tokenizer::load(test::source_path("models/nano/tokenizer.json"));
  EXPECT_GT(tokenizer.encode("How many tokens are these?").size(), 2U);
  EXPECT_EQ(parse_json("{\"ttft\": 0.25}", "a result")["ttft"], 0.25);
  EXPECT_EQ(median({3, 1, 2}), 2);
  const ModelConfig config = preset_config("flash");
  const MemoryBound memory{.name = "memory", .limit_bytes = int64_t{256} << 30};
  EXPECT_EQ(plan_memory(config, catalogue_totals(config), {memory}).fit, Fit::kFits);
  EXPECT_GT(step_costs(config, {}, ActivationPolicy::kFp8).bytes(), 0);
}

}  // namespace
}  // namespace hadal
