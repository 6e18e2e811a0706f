// Which deployments fit: those that published runs used did, and some are known not to.
#include "plan/memory_fit.h"

#include <gtest/gtest.h>

#include "plan/search.h"

namespace hadal {
namespace {

struct KnownFit {
  const char* model;
  const char* device;
  int devices;
  bool dp;
  bool fits;
};

// That ran: InferenceX's recipes of August 2026 and published rows. That cannot: less memory than
// the checkpoint has bytes, or nothing left for keys.
constexpr KnownFit kKnown[] = {
    {"pro", "b200", 8, false, true},
    {"pro", "b200", 8, true, true},
    {"pro", "b300", 4, false, true},
    {"pro", "b300", 4, true, true},
    {"pro", "b300", 8, false, true},
    {"pro", "b300", 8, true, true},
    {"pro", "gb200", 8, false, true},
    {"pro", "gb200", 8, true, true},
    {"pro", "gb300", 4, false, true},
    {"pro", "gb300", 4, true, true},
    {"pro", "gb300", 32, true, true},
    {"pro", "h200", 8, false, true},
    {"pro", "h200", 8, true, true},
    {"pro", "mi300x", 8, false, true},
    {"pro", "mi325x", 8, false, true},
    {"pro", "mi325x", 4, false, true},
    {"pro", "mi355x", 4, false, true},
    {"pro", "mi355x", 4, true, true},
    {"pro", "mi355x", 8, false, true},
    {"pro", "mi355x", 8, true, true},
    {"pro", "h20-141", 32, true, true},
    {"pro", "b200", 4, false, false},
    {"pro", "h100", 8, false, false},
    {"pro", "a100-80", 8, false, false},
    {"pro", "h200", 4, false, false},
    {"pro", "rtx-pro-6000", 8, false, false},
    {"flash", "h200", 4, false, true},
    {"flash", "b200", 8, true, true},
    {"flash", "b200", 1, false, true},
    {"flash", "mi325x", 1, false, true},
    {"flash", "gb300", 4, false, true},
    {"flash", "a100-80", 4, false, true},
    {"flash", "rtx-pro-6000", 4, false, true},
    {"flash", "rtx-pro-6000", 2, false, true},
    {"flash", "dgx-spark-gb10", 2, false, true},
    {"flash", "h200", 1, false, false},
    {"flash", "h100", 1, false, false},
    {"flash", "h100", 2, false, false},
    {"flash", "rtx-5090", 4, false, false},
    {"flash", "dgx-spark-gb10", 1, false, false},
};

TEST(MemoryFit, TellsWhatRanFromWhatCannot) {
  int right = 0;
  for (const KnownFit& known : kKnown) {
    const PlanModel model = load_plan_model(known.model);
    const DeviceLimits device = find_device(HardwareCatalogue::built_in(), known.device);
    const Spread spread = known.dp ? Spread{.dp = known.devices, .expert_parallel = true}
                                   : Spread{.tp = known.devices};
    const MemoryFit fit = memory_fit(model, {}, device, spread);
    if (fit.fits() == known.fits) {
      ++right;
    } else {
      ADD_FAILURE() << known.model << " on " << known.devices << " x " << known.device << ": "
                    << fit.cache / 1e9 << " GB for keys";
    }
  }
  EXPECT_GE(right, 0.95 * std::size(kKnown));
}

TEST(MemoryFit, PartsAddUpToTheDevice) {
  const DeviceLimits device = find_device(HardwareCatalogue::built_in(), "b300");
  const MemoryFit fit = memory_fit(load_plan_model("pro"), {}, device, {.tp = 8});
  EXPECT_NEAR(fit.weights + fit.context + fit.links + fit.workspace + fit.kept_free + fit.cache,
              device.memory_bytes, 1);
  // 864.7 GB less the drafter and embedding shares, an eighth each.
  EXPECT_NEAR(fit.weights, 850e9 / 8, 3e9);
}

TEST(MemoryFit, SequencesTakeWhatTheirBytesSay) {
  const PlanModel model = load_plan_model("flash");
  const DeviceLimits device = find_device(HardwareCatalogue::built_in(), "b200");
  const MemoryFit fit = memory_fit(model, {}, device, {.tp = 8});
  EXPECT_NEAR(fit.sequences(model, 1e6) * model.sequence_bytes(1e6), fit.cache, 1);
  // Blocks of vLLM's are larger than what is in them, and a step of a prompt has some of its own.
  const MemoryFit vllm =
      memory_fit(model, {}, device, {.tp = 8}, {.engine = engine_traits("vllm")});
  EXPECT_NEAR(
      vllm.sequences(model, 1e6) * pool_request_bytes(model, vllm.layout, vllm.setting, 1e6),
      vllm.cache - pool_step_bytes(model, vllm.layout, vllm.setting), 1);
  EXPECT_LT(vllm.sequences(model, 8192), 0.6 * fit.sequences(model, 8192));
}

// vllm-project/recipes#381: eight H200 in DP with Pro did not start with 800,000 tokens at most.
TEST(MemoryFit, VllmDoesNotStartWithoutRoomForOneRequest) {
  const PlanModel pro = load_plan_model("pro");
  const DeviceLimits h200 = find_device(HardwareCatalogue::built_in(), "h200");
  EngineTraits engine = engine_traits("vllm@0.20");
  engine.chunk = 8192;
  MemoryFit fit = memory_fit(pro, {}, h200, {.dp = 8, .expert_parallel = true}, {.engine = engine});
  fit.setting.longest = 800000;
  EXPECT_LT(pool_tokens(pro, fit.layout, fit.setting, fit.cache), 800000);
}

struct KnownPool {
  const char* model;
  const char* device;
  ParameterBytes weights;
  Spread spread;
  const char* engine;
  double share;    // of the device, as it was set
  double rows;     // of a step
  double longest;  // 0: does not matter
  bool drafter;
  double ratio;   // of SGLang's windows
  double tokens;  // that the engine printed, of one attention copy
};

constexpr ParameterBytes kFp8{.experts = 1, .dense = 1};
constexpr double kMillion = 1048576;

// Start-up logs, whose settings are all known: vLLM 0.25.0 with Flash-0731 on eight B200
// (vllm#51454, "20.43x" and "156.9x" of eight copies), SGLang in May 2026 with Flash-Base in FP8 on
// eight H20, twice, and 0.5.13 with Pro on eight MI355X.
const KnownPool kPools[] = {
    {"flash", "b200", {}, {.tp = 8}, "vllm", 0.95, 8192, kMillion, false, 0, 20.43 * kMillion},
    {"flash",
     "b200",
     {},
     {.dp = 8, .expert_parallel = true},
     "vllm",
     0.95,
     8192,
     kMillion,
     false,
     0,
     156.9 / 8 * kMillion},
    {"flash", "h20-96", kFp8, {.tp = 8}, "sglang@0.5.12", 0.88, 8192, 0, true, 0.1, 3080960},
    {"flash", "h20-96", kFp8, {.tp = 8}, "sglang@0.5.12", 0.6, 8192, 0, true, 0.1, 1317632},
    {"pro",
     "mi355x",
     {},
     {.dp = 8, .expert_parallel = true},
     "sglang@0.5.13",
     0.85,
     8192,
     0,
     true,
     0.15,
     3441920},
};

TEST(MemoryFit, PoolsAreWithinATenthOfThoseThatEnginesPrinted) {
  for (const KnownPool& known : kPools) {
    const PlanModel model = load_plan_model(known.model);
    const DeviceLimits device = find_device(HardwareCatalogue::built_in(), known.device);
    EngineTraits engine = engine_traits(known.engine);
    engine.memory_share = known.share;
    engine.chunk = known.rows;
    if (known.ratio > 0) engine.pool.window_share = known.ratio;
    MemoryFit fit = memory_fit(model, known.weights, device, known.spread,
                               {.engine = engine, .drafter = known.drafter});
    fit.setting.longest = known.longest;
    const double tokens = pool_tokens(model, fit.layout, fit.setting, fit.cache);
    EXPECT_NEAR(tokens / known.tokens, 1, 0.1)
        << known.model << " on " << known.device << ", " << known.engine << " at " << known.share
        << ": " << tokens << ", weights " << fit.weights / 1e9 << ", keys " << fit.cache / 1e9;
  }
}

}  // namespace
}  // namespace hadal
