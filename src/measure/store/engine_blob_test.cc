#include "measure/store/engine_blob.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "measure/store/run_store.h"
#include "support/stored_runs.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

std::vector<EngineSample> some_engine_samples() {
  std::vector<std::optional<double>> figures(std::size(kEngineFigures));
  figures[0] = 3;
  figures[2] = 1.0 / 3;
  return {{.seconds = 0.1, .values = figures}, {.seconds = 0.6, .values = figures}};
}

void expect_equal(const std::vector<EngineSample>& a, const std::vector<EngineSample>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].seconds, b[i].seconds);
    EXPECT_EQ(a[i].values, b[i].values);
  }
}

TEST(EngineBlob, ReadsBackWithEveryBit) {
  const std::vector<EngineSample> samples = some_engine_samples();
  expect_equal(decode_engine_samples(encode_engine_samples(samples), "x"), samples);
}

TEST(EngineBlob, FiguresOfALaterVersionAreLeftOut) {
  const auto samples =
      decode_engine_samples(R"({"names": ["new", "running"], "samples": [[1, 5, 6]]})", "x");
  ASSERT_EQ(samples.size(), 1u);
  EXPECT_EQ(samples[0].values[0], 6);
}

TEST(EngineBlob, OtherBytesAreRefused) {
  for (const char* text :
       {"", "[]", "{}", R"({"names": 1, "samples": []})",
        R"({"names": ["running"], "samples": [[NaN, 1]]})",
        R"({"names": ["running"], "samples": [[1, 1e999]]})",
        R"({"names": ["running"], "samples": [[1]]})", R"({"names": [], "samples": [["x"]]})"}) {
    EXPECT_THROW(decode_engine_samples(text, "x"), Error) << text;
  }
}

TEST(EngineBlob, LiesInTheStoreBesideTheEvents) {
  const test::TemporaryDirectory directory;
  RunStore store = RunStore::open((directory.path() / "runs.sqlite").string());
  RunRecord run = test::some_run();
  run.id = "";
  run.state = RunState::kComplete;
  run.points = {test::some_point(1, {})};
  PointSamples samples = test::some_samples(5);
  samples.engine = some_engine_samples();
  const std::string id = store.save(run, std::vector<PointSamples>{samples});
  const PointSamples back = store.load_samples(id, 0);
  expect_equal(back.engine, samples.engine);
  EXPECT_EQ(back.events.size(), 5u);
  store.check(id);
}

}  // namespace
}  // namespace hadal
