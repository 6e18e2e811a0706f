#include "measure/sweep/sweep.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "support/stored_runs.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

// Endpoints that nobody answers at: the sweep asks them for a version, and goes on without.
constexpr const char* kSweep = R"(
name = "n"
[[endpoint]]
name = "a"
url = "http://127.0.0.1:9"
[[endpoint]]
name = "b"
url = "http://127.0.0.1:9"
gpus = 2
[[workload]]
workload = "8k1k"
[[workload]]
workload = "1k1k"
)";

class SweepTest : public testing::Test {
 protected:
  SweepTest() {
    AtomicFile file(plan_file());
    file.write(kSweep);
    file.commit();
  }
  std::filesystem::path plan_file() const { return directory_.path() / "p.toml"; }
  std::string store() const { return (directory_.path() / "s.sqlite").string(); }

  // Measures as `hadal measure run` would, with the mark where that puts it.
  std::optional<int> measure(const std::vector<std::string>& words) {
    measured_.push_back(words);
    if (fail_) return 5;
    RunStore runs = RunStore::open(store());
    RunRecord run = test::some_run();
    run.id = "";
    run.state = RunState::kComplete;
    const auto mark = std::find(words.begin(), words.end(), "--mark");
    run.plan_json = with_mark(R"({"url": "x"})", *(mark + 1));
    runs.save(run, {});
    if (stop_after_ != 0 && measured_.size() >= stop_after_) stop_ = true;
    return 0;
  }

  SweepResult sweep(SweepOptions options = {}) {
    options.store = store();
    options.logs = directory_.path();
    return run_sweep(load_sweep_plan(plan_file()), plan_file(), options,
                     {.measure = [this](const auto& words) { return measure(words); },
                      .say = [this](const std::string& line) { said_ += line + "\n"; }},
                     stop_);
  }

  test::TemporaryDirectory directory_;
  std::vector<std::vector<std::string>> measured_;
  std::string said_;
  bool fail_ = false;
  size_t stop_after_ = 0;
  std::atomic<bool> stop_ = false;
};

TEST_F(SweepTest, MeasuresTheMatrixOnce) {
  const SweepResult first = sweep();
  EXPECT_EQ(first.jobs, 4);
  EXPECT_EQ(first.measured, 4);
  EXPECT_EQ(measured_.size(), 4u);
  const SweepResult second = sweep();
  EXPECT_EQ(second.measured_before, 4);
  EXPECT_EQ(second.measured, 0);
  EXPECT_EQ(measured_.size(), 4u);
  EXPECT_EQ(sweep({.period = "2026-08-02"}).measured, 4);
}

TEST_F(SweepTest, GoesOnWhereItWasInterrupted) {
  stop_after_ = 3;
  const SweepResult first = sweep();
  EXPECT_EQ(first.measured, 3);
  EXPECT_EQ(first.left, 1);
  stop_ = false;
  stop_after_ = 0;
  const SweepResult second = sweep();
  EXPECT_EQ(second.measured_before, 3);
  EXPECT_EQ(second.measured, 1);
}

TEST_F(SweepTest, WhatFailedIsTriedAgain) {
  fail_ = true;
  EXPECT_EQ(sweep().failed, 4);
  EXPECT_NE(said_.find("n/b/1k1k: hadal measure run ended with status 5"), std::string::npos);
  fail_ = false;
  EXPECT_EQ(sweep().measured, 4);
}

TEST_F(SweepTest, ADryRunMeasuresNothing) {
  const SweepResult result = sweep({.dry_run = true});
  EXPECT_EQ(result.left, 4);
  EXPECT_TRUE(measured_.empty());
  EXPECT_NE(said_.find("to be measured: n/a/8k1k"), std::string::npos);
}

TEST_F(SweepTest, OneAtATime) {
  const SweepPlan plan = load_sweep_plan(plan_file());
  std::optional<ErrorCode> code;
  run_sweep(plan, plan_file(), {.store = store(), .logs = directory_.path()},
            {.measure =
                 [&](const auto&) {
                   try {
                     sweep();
                   } catch (const Error& error) {
                     code = error.code();
                   }
                   return std::optional(0);
                 },
             .say = [](const std::string&) {}},
            stop_);
  EXPECT_EQ(code, ErrorCode::kUnavailable);
  EXPECT_TRUE(measured_.empty());
}

TEST(SweepMark, IsTheFirstKeyOfThePlan) {
  EXPECT_EQ(with_mark(R"({"a": 1})", "x\"y"), R"({"mark": "x\"y", "a": 1})");
  EXPECT_EQ(with_mark("{}", "x"), R"({"mark": "x"})");
}

}  // namespace
}  // namespace hadal
