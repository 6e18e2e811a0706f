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

TEST(MemoryFit, AWorkOfKeysHoldsWhatItsBytesSay) {
  const PlanModel model = load_plan_model("flash");
  const DeviceLimits device = find_device(HardwareCatalogue::built_in(), "b200");
  const MemoryFit fit = memory_fit(model, {}, device, {.tp = 8});
  EXPECT_NEAR(fit.sequences(model, 1e6) * model.sequence_bytes(1e6), fit.cache, 1);
}

}  // namespace
}  // namespace hadal
