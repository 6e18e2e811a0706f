// Several processes at one store, and those that do not come to their end.
#include <csignal>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "measure/store/run_json.h"
#include "measure/store/run_report.h"
#include "measure/store/run_store.h"
#include "measure/store/ulid.h"
#include "support/equal_records.h"
#include "support/stored_runs.h"

namespace hadal {
namespace {

using test::expect_equal;
using test::in_child;
using test::some_point;
using test::some_run;
using test::some_samples;

class RunWritersTest : public test::StoreTest {};

INSTANTIATE_TEST_SUITE_P(Stores, RunWritersTest, testing::Values("sqlite", "postgresql"),
                         test::store_name);

TEST_P(RunWritersTest, AKillLosesAtMostTheLastBatch) {
  open();
  const PointSamples samples = some_samples(10);
  EXPECT_EQ(in_child([&] {
              RunStore store = open();
              const std::string id = store.begin_run(some_run());
              store.begin_point(id, {.concurrency = 3}, 0);
              store.append(id, 0,
                           {.number = 0,
                            .requests = std::span(samples.requests).first(6),
                            .events = std::span(samples.events).first(6)});
              store.append(id, 0,
                           {.number = 1,
                            .requests = std::span(samples.requests).subspan(6),
                            .events = std::span(samples.events).subspan(6)});
              // In the middle of the third.
              store.connection().begin(SqlTransaction::kWrite);
              store.connection().execute(
                  "INSERT INTO batches SELECT run_id, point, 2, 0, 0, 0, 0 FROM points");
              ::kill(::getpid(), SIGKILL);
            }),
            -SIGKILL);
  RunStore store = open();
  const std::vector<RunSummary> runs = store.list();
  ASSERT_EQ(runs.size(), 1u);
  const std::string id = runs[0].run.id;
  EXPECT_TRUE(runs[0].abandoned);
  EXPECT_EQ(runs[0].run.state, RunState::kPartial);
  EXPECT_EQ(runs[0].points, 1);
  EXPECT_EQ(runs[0].finished_points, 0);
  const StoredRun stored = store.load(id);
  EXPECT_EQ(stored.run.state, RunState::kPartial);
  ASSERT_EQ(stored.run.points.size(), 1u);
  EXPECT_EQ(stored.run.points[0].load.concurrency, 3);
  // Of ten two were warm-up, the fifth failed, the tenth was cancelled.
  EXPECT_EQ(stored.run.points[0].requests.attempted, 8);
  EXPECT_EQ(stored.run.points[0].requests.ok, 6);
  EXPECT_EQ(stored.run.points[0].requests.failed, 1);
  EXPECT_EQ(stored.run.points[0].requests.cancelled, 1);
  const PointSamples back = store.load_samples(id, 0);
  ASSERT_EQ(back.requests.size(), 10u);
  for (size_t i = 0; i < 10; ++i) expect_equal(back.requests[i], samples.requests[i]);
  EXPECT_EQ(back.events[7][4].seconds, samples.events[7][4].seconds);
  // The next writer closes it.
  store.begin_run(some_run());
  EXPECT_EQ(sql_integer(store.connection(), "SELECT COUNT(*) FROM run_ends"), 1);
  EXPECT_FALSE(store.load(id).summary.abandoned);
  EXPECT_EQ(store.load(id).run.state, RunState::kPartial);
  EXPECT_NE(store.load(id).summary.reason.find("ended without"), std::string::npos);
  store.check(id);
}

TEST_P(RunWritersTest, APointThatIsBeingMeasuredDoesNotSayThatItsRunEnded) {
  RunStore store = open();
  const std::string id = store.begin_run(some_run());
  store.begin_point(id, {.concurrency = 3});
  const auto said = [&] { return store.load(id).run.points.at(0).warnings.at(0); };
  EXPECT_EQ(said(), "this point is being measured; it is summed up at its end");
  // Nobody knows yet whether the client was late.
  EXPECT_NE(run_to_json(store.load(id).run).find(R"("client_limited": null)"), std::string::npos);
  EXPECT_NE(runs_json(store.list()).find(R"("client_limited": null)"), std::string::npos);
  EXPECT_NE(runs_json(store.list()).find(R"("points": 1, "finished_points": 0)"), std::string::npos)
      << runs_json(store.list());
  EXPECT_NE(runs_text(store.list()).find("1 (0 summed up)"), std::string::npos);
  store.finish_run(id, {.state = RunState::kPartial, .reason = "Ctrl-C"});
  EXPECT_EQ(said(), "the run ended before this point was summed up");
}

TEST_P(RunWritersTest, ARunThatGoesOnElsewhereIsLeftAlone) {
  RunStore store = open();
  const std::string id = store.begin_run(some_run());
  const std::string silent = make_ulid();
  // Of a machine that this one cannot see: one that has just written, and one that has not for
  // long.
  for (const auto& [run, created] : {std::pair(make_ulid(), 4e9), std::pair(silent, 1e9)}) {
    const std::vector<SqlValue> values = {run, created};
    store.connection().execute(
        "INSERT INTO runs SELECT $1, $2, origin, label, url, model, engine, engine_version, "
        "hardware, gpus, prefill_gpus, decode_gpus, precision, speculation, workload, source, "
        "plan_json, provenance_json FROM runs LIMIT 1",
        values);
    store.connection().execute("INSERT INTO run_writers VALUES ($1, 'elsewhere', 'another', 1, 1)",
                               std::span(values).first(1));
  }
  EXPECT_TRUE(store.end_abandoned().empty());
  for (const RunSummary& summary : store.list()) {
    EXPECT_EQ(summary.abandoned, summary.run.id == silent);
  }
}

TEST_P(RunWritersTest, TwoProcessesWriteAtOnce) {
  constexpr int kBatches = 40;
  const auto write = [&] {
    RunStore store = open();
    const std::string id = store.begin_run(some_run());
    store.begin_point(id, {.concurrency = 1});
    const PointSamples samples = some_samples(20);
    for (int i = 0; i < kBatches; ++i) {
      store.append(id, 0, {.number = i, .requests = samples.requests, .events = samples.events});
    }
    store.finish_point(id, 0, some_point(1, {}), 1);
    store.finish_run(id, {.state = RunState::kComplete});
  };
  // The store does not exist yet: both may come to make it.
  const pid_t child = ::fork();
  if (child == 0) ::_exit(in_child(write) == 0 ? 0 : 1);
  EXPECT_EQ(in_child(write), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  RunStore store = open();
  const std::vector<RunSummary> runs = store.list();
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_NE(runs[0].run.id, runs[1].run.id);
  for (const RunSummary& summary : runs) {
    EXPECT_EQ(summary.run.state, RunState::kComplete);
    EXPECT_EQ(store.load_samples(summary.run.id, 0).requests.size(), 20u * kBatches);
    store.check(summary.run.id);
  }
}

}  // namespace
}  // namespace hadal
