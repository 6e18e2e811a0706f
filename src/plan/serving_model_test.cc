// Closed loops: Little's law, saturation, memory, disaggregation.
#include "plan/serving_model.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

Deployment deployment(const char* model, const char* device, const Spread& spread) {
  return {.model = load_plan_model(model),
          .device = find_device(HardwareCatalogue::built_in(), device),
          .engine = engine_traits("sglang"),
          .serve = {.spread = spread}};
}

constexpr RequestShape kShape = {.input = 7373, .output = 922};

TEST(ServingModel, PlacesAreRequestsTimesTheirTime) {
  const Constants constants;
  const double steady = constants.get(Constant::kSteadyShare, DeviceFamily::kBlackwell);
  for (const double places : {1.0, 32.0, 128.0}) {
    const Prediction p = predict(deployment("pro", "b200", {.tp = 8}), constants, kShape, places);
    const double alive = p.ttft_s + kShape.output * p.tpot_s;
    EXPECT_NEAR(p.requests_per_s / steady * alive, places, 0.02 * places);
    EXPECT_NEAR(p.total_rate, p.requests_per_s * 8295, 1);
  }
}

TEST(ServingModel, MoreRequestsAreSlowerEach) {
  const Constants constants;
  double speed = 1e9;
  double rate = 0;
  for (double places = 1; places <= 256; places *= 4) {
    const Prediction p = predict(deployment("pro", "b200", {.tp = 8}), constants, kShape, places);
    EXPECT_LT(p.interactivity(), speed);
    EXPECT_GT(p.total_rate, rate);
    speed = p.interactivity();
    rate = p.total_rate;
  }
}

TEST(ServingModel, MemoryHoldsOnlySoMany) {
  const Constants constants;
  const RequestShape deep{.input = 1e6, .output = 1000};
  const Prediction p = predict(deployment("pro", "b200", {.tp = 8}), constants, deep, 4096);
  EXPECT_TRUE(p.memory_binds);
  EXPECT_LE(p.running, p.most_running * 1.0001);
  EXPECT_GT(p.ttft_s, 60);  // the others wait
}

TEST(ServingModel, PrefillDevicesLimitWhatDecodersGet) {
  const Constants constants;
  Deployment site = deployment("pro", "gb300", {.tp = 1, .dp = 8, .expert_parallel = true});
  site.prefill = Role{.spread = {.tp = 1, .dp = 4, .expert_parallel = true}, .workers = 1};
  const Prediction one = predict(site, constants, kShape, 4096);
  EXPECT_TRUE(one.prefill_binds);
  site.prefill->workers = 2;
  const Prediction two = predict(site, constants, kShape, 4096);
  EXPECT_NEAR(two.total_rate / one.total_rate, 2, 0.1);
}

TEST(ServingModel, CachedInputIsNotComputed) {
  const Constants constants;
  const Deployment d = deployment("flash", "h200", {.tp = 4});
  RequestShape cached = kShape;
  cached.hit = 0.9;
  EXPECT_GT(predict(d, constants, cached, 64).total_rate,
            1.5 * predict(d, constants, kShape, 64).total_rate);
}

TEST(ServingModel, FewerDraftsAreVerifiedUnderLoad) {
  const Constants constants;
  Deployment d = deployment("pro", "h20-141", {.tp = 1, .dp = 32, .expert_parallel = true});
  d.speculation = parse_speculation("dspark5");
  use_dspark(d.model);
  const Prediction few = predict_decode(d, constants, 4096, 32);
  const Prediction many = predict_decode(d, constants, 4096, 8192);
  const double yield_few = few.step_s / few.tpot_s;
  const double yield_many = many.step_s / many.tpot_s;
  EXPECT_GT(yield_few, yield_many);
}

}  // namespace
}  // namespace hadal
