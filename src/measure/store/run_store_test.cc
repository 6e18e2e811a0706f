#include "measure/store/run_store.h"

#include <functional>
#include <gtest/gtest.h>
#include <limits>

#include "measure/store/schema.h"
#include "measure/store/ulid.h"
#include "support/equal_records.h"
#include "support/stored_runs.h"

namespace hadal {
namespace {

using test::code_of;
using test::expect_equal;
using test::expect_equal_heads;
using test::some_point;
using test::some_run;
using test::some_samples;

class RunStoreTest : public test::StoreTest {};

INSTANTIATE_TEST_SUITE_P(Stores, RunStoreTest, testing::Values("sqlite", "postgresql"),
                         test::store_name);

// As a measurement writes it: batches of a point while it runs, its figures, the gate, the end.
TEST_P(RunStoreTest, ARunThatIsWrittenAsItGoesReadsBackTheSame) {
  RunStore store = open();
  const std::string id = store.begin_run(some_run());
  EXPECT_TRUE(ulid_time(id).has_value()) << id;
  const PointSamples samples = some_samples(10);
  const PointRecord record = some_point(4, samples.client);
  const int64_t point = store.begin_point(id, record.load, record.repeat);
  EXPECT_EQ(point, 0);
  for (size_t i = 0; i < 5; ++i) {
    store.append(id, point,
                 {.number = static_cast<int64_t>(i),
                  .requests = std::span(samples.requests).subspan(2 * i, 2),
                  .events = std::span(samples.events).subspan(2 * i, 2),
                  .power = std::span(samples.power).subspan(2 * i, 2)});
  }
  store.append(id, point, {.number = 5});
  store.finish_point(id, point, record, samples.duration);
  const Load open_loop{.rate = 2.5, .arrivals = "poisson"};
  EXPECT_EQ(store.begin_point(id, open_loop), 1);
  EXPECT_EQ(store.load(id).run.state, RunState::kRunning);
  EXPECT_TRUE(store.load(id).digests.empty());
  store.record_gate(id, GateVerdict::kFailed, R"({"first_bad": 3})");
  store.finish_run(id, {.state = RunState::kPartial, .reason = "stopped"});

  RunStore again = open();
  expect_equal(again.load_samples(id, 0), samples);
  const StoredRun stored = again.load(id);
  expect_equal_heads(stored.run, some_run());
  EXPECT_EQ(stored.run.state, RunState::kPartial);
  EXPECT_EQ(stored.run.gate, GateVerdict::kFailed);
  EXPECT_EQ(stored.run.gate_json, R"({"first_bad": 3})");
  EXPECT_EQ(stored.summary.reason, "stopped");
  EXPECT_FALSE(stored.summary.abandoned);
  ASSERT_EQ(stored.run.points.size(), 2u);
  expect_equal(stored.run.points[0], record);
  EXPECT_EQ(stored.run.points[1].load.rate, 2.5);
  EXPECT_EQ(stored.run.points[1].load.arrivals, "poisson");
  EXPECT_FALSE(stored.run.points[1].load.concurrency.has_value());
  EXPECT_EQ(stored.run.points[1].warnings.size(), 1u);
  ASSERT_FALSE(stored.digests.empty());
  EXPECT_EQ(stored.digests.back().name, "run");
  again.check(id);
}

TEST_P(RunStoreTest, ARunThatIsSavedWholeReadsBackTheSame) {
  RunStore store = open();
  const std::string id = test::save_some_run(store);
  const StoredRun stored = store.load(id);
  EXPECT_EQ(stored.run.state, RunState::kComplete);
  EXPECT_EQ(stored.run.gate, GateVerdict::kPassed);
  ASSERT_EQ(stored.run.points.size(), 2u);
  expect_equal(stored.run.points[1], some_point(2, {}));
  expect_equal(store.load_samples(id, 0), some_samples(10));
  expect_equal(store.load_samples(id, 1), some_samples(7));
  EXPECT_TRUE(stored.summary.client_limited);
  store.check(id);
}

// After an error nobody knows whether the batch arrived.
TEST_P(RunStoreTest, ABatchIsStoredOnce) {
  RunStore store = open();
  const std::string id = store.begin_run(some_run());
  store.begin_point(id, {.concurrency = 1});
  const PointSamples samples = some_samples(3);
  for (int i = 0; i < 3; ++i) store.append(id, 0, {.number = 0, .requests = samples.requests});
  store.append(id, 0, {.number = 1, .requests = std::span(samples.requests).first(1)});
  EXPECT_EQ(store.load_samples(id, 0).requests.size(), 4u);
}

TEST_P(RunStoreTest, MoreEventsThanFitOneBlobAreCutIntoSeveral) {
  RunStore store = open();
  const std::string id = store.begin_run(some_run());
  store.begin_point(id, {.concurrency = 1});
  PointSamples samples = some_samples(3);
  samples.events = std::vector<std::vector<TokenStamp>>(3, std::vector<TokenStamp>(300000));
  samples.events[2].back().seconds = 0.1;
  store.append(id, 0, {.requests = samples.requests, .events = samples.events});
  EXPECT_EQ(sql_integer(store.connection(), "SELECT COUNT(*) FROM samples"), 3);
  const PointSamples back = store.load_samples(id, 0);
  ASSERT_EQ(back.events.size(), 3u);
  EXPECT_EQ(back.events[1].size(), 300000u);
  EXPECT_EQ(back.events[2].back().seconds, 0.1);
}

TEST_P(RunStoreTest, WhatHasNoRightToExistIsAbsent) {
  RunStore store = open();
  RunRecord run = some_run();
  run.state = RunState::kComplete;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  run.points = {some_point(1, {})};
  run.points[0].metrics[0].mean = nan;
  run.points[0].metrics[0].p50_ci95 = Interval{.low = 1, .high = 1 / 0.0};
  const StoredRun stored = store.load(store.save(run, {}));
  EXPECT_FALSE(stored.run.points[0].metrics[0].mean.has_value());
  EXPECT_FALSE(stored.run.points[0].metrics[0].p50_ci95.has_value());
  EXPECT_TRUE(stored.run.points[0].metrics[0].mean_ci95.has_value());
  run.points[0].window.end = nan;
  EXPECT_EQ(code_of([&] { store.save(run, {}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(store.list().size(), 1u) << "half a run was kept";
}

TEST_P(RunStoreTest, HostileTextsAreStoredAndQuoteNothing) {
  RunStore store = open();
  RunRecord run = some_run();
  run.model = "'); DROP TABLE runs; -- \xFF";
  run.label = std::string("a\0b", 3);
  run.state = RunState::kFailed;
  const StoredRun stored = store.load(store.save(run, {}, "\xC3"));
  EXPECT_EQ(stored.run.model, "'); DROP TABLE runs; -- \uFFFD");
  EXPECT_EQ(stored.run.label,
            "a\uFFFD"
            "b");
  EXPECT_EQ(stored.summary.reason, "\uFFFD");
}

TEST_P(RunStoreTest, NothingIsChangedOrDeleted) {
  RunStore store = open();
  const std::string id = test::save_some_run(store);
  store.annotate(id, {.value = "a note"});
  const std::string before = store.load(id).digests.back().sha256;
  std::vector<TableShape> tables = run_tables();
  tables.push_back(digests_table());
  tables.push_back(writers_table());
  store.begin_run(some_run());
  for (const TableShape& table : tables) {
    const std::string column = table.columns[1].name;
    ASSERT_GT(sql_integer(store.connection(), "SELECT COUNT(*) FROM " + table.name), 0)
        << table.name;
    EXPECT_EQ(
        code_of([&] {
          store.connection().execute("UPDATE " + table.name + " SET " + column + " = " + column);
        }),
        ErrorCode::kInvalidArgument)
        << table.name;
    EXPECT_EQ(code_of([&] { store.connection().execute("DELETE FROM " + table.name); }),
              ErrorCode::kInvalidArgument)
        << table.name;
    // SQLite's own way of changing a row.
    if (!is_postgres() && table.name != "run_writers") {
      EXPECT_EQ(code_of([&] {
                  store.connection().execute("INSERT OR REPLACE INTO " + table.name +
                                             " SELECT * FROM " + table.name);
                }),
                ErrorCode::kInvalidArgument)
          << table.name;
    }
  }
  store.check(id);
  EXPECT_EQ(store.load(id).digests.back().sha256, before);
}

TEST_P(RunStoreTest, AnEndedRunTakesNoMore) {
  RunStore store = open();
  const std::string id = store.begin_run(some_run());
  store.begin_point(id, {.concurrency = 1});
  store.finish_run(id, {.state = RunState::kComplete});
  const PointSamples samples = some_samples(1);
  const auto refused = [](const std::function<void()>& call) {
    EXPECT_EQ(code_of(call), ErrorCode::kInvalidArgument);
  };
  refused([&] { store.append(id, 0, {.requests = samples.requests}); });
  refused([&] { store.begin_point(id, {.concurrency = 2}); });
  refused([&] { store.finish_point(id, 0, some_point(1, {}), 1); });
  refused([&] { store.finish_run(id, {.state = RunState::kInvalid}); });
  EXPECT_EQ(store.load(id).run.state, RunState::kComplete);
  // What is said of it afterwards is another thing.
  store.record_gate(id, GateVerdict::kPassed, "{}");
  store.annotate(id, {.value = "fine"});
  store.check(id);
}

TEST_P(RunStoreTest, OfUnknownRunsItSaysSo) {
  RunStore store = open();
  const std::string id = make_ulid();
  for (const auto& call : std::vector<std::function<void()>>{
           [&] { store.load(id); }, [&] { store.begin_point(id, {}); },
           [&] { store.finish_run(id, {}); }, [&] { store.annotate(id, {.value = "x"}); },
           [&] { store.check(id); }, [&] { store.load_samples(id, 0); },
           [&] { store.record_gate(id, GateVerdict::kPassed, ""); }, [&] { store.resolve(id); }}) {
    EXPECT_EQ(code_of(call), ErrorCode::kNotFound);
  }
}

TEST_P(RunStoreTest, CorrectionsAreAnnotationsAndTheOriginalStays) {
  RunStore store = open();
  const std::string id = test::save_some_run(store);
  store.annotate(id, {.author = "ann", .field = "hardware", .value = "h100", .reason = "typo"});
  store.annotate(id, {.author = "bob", .field = "hardware", .value = "b200", .reason = "really"});
  store.annotate(id, {.field = "gpus", .value = "16"});
  store.annotate(id, {.author = "ann", .value = "the fans were off"});
  const StoredRun stored = store.load(id);
  EXPECT_EQ(stored.run.hardware, "b200");
  EXPECT_EQ(stored.run.gpus, 16);
  EXPECT_EQ(stored.original.hardware, "h200");
  EXPECT_EQ(stored.original.gpus, 8);
  ASSERT_EQ(stored.annotations.size(), 4u);
  EXPECT_EQ(stored.annotations[0].author, "ann");
  EXPECT_EQ(stored.annotations[0].value, "h100");
  EXPECT_EQ(stored.annotations[0].reason, "typo");
  EXPECT_GT(stored.annotations[0].created_unix, 1.7e9);
  EXPECT_EQ(stored.annotations[3].value, "the fans were off");
  // Lists go by what is true now.
  EXPECT_EQ(store.list({.hardware = "b200"}).size(), 1u);
  EXPECT_EQ(store.list({.hardware = "b200"}).at(0).run.gpus, 16);
  EXPECT_TRUE(store.list({.hardware = "h200"}).empty());
  store.annotate(id, {.field = "state", .value = "invalid", .reason = "wrong model served"});
  EXPECT_EQ(store.load(id).run.state, RunState::kInvalid);
  EXPECT_EQ(store.load(id).original.state, RunState::kComplete);
  EXPECT_EQ(store.list().at(0).run.state, RunState::kInvalid);
  store.check(id);
}

TEST_P(RunStoreTest, AnnotationsOfWhatIsNotThereAreRefused) {
  RunStore store = open();
  const std::string id = test::save_some_run(store);
  const auto message = [&](const RunAnnotation& annotation) -> std::string {
    try {
      store.annotate(id, annotation);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      return error.what();
    }
    return "was taken";
  };
  EXPECT_NE(message({.field = "hardwear", .value = "x"}).find("did you mean \"hardware\""),
            std::string::npos);
  EXPECT_NE(message({.field = "gpus", .value = "many"}).find("must be a number"),
            std::string::npos);
  EXPECT_NE(message({.field = "gpus", .value = "99999999999"}).find("must be a number"),
            std::string::npos);
  EXPECT_NE(message({.field = "state", .value = "complete"}).find("invalid"), std::string::npos);
  EXPECT_NE(message({}).find("says nothing"), std::string::npos);
  EXPECT_TRUE(store.load(id).annotations.empty());
}

TEST_P(RunStoreTest, ListsTheNewestFirstAndFilters) {
  RunStore store = open();
  const auto add = [&](const std::string& model, const std::string& engine, double created) {
    RunRecord run = some_run();
    run.model = model;
    run.engine = engine;
    run.created_unix = created;
    run.state = RunState::kComplete;
    if (engine == "sglang") run.origin = "imported";
    return store.save(run, {});
  };
  const std::string second = add("DeepSeek_V4", "vllm", 2000);
  const std::string third = add("deepseekXv4", "vllm", 3000);
  const std::string first = add("llama", "sglang", 1000);
  const auto ids = [&](const RunFilter& filter) {
    std::vector<std::string> list;
    for (const RunSummary& summary : store.list(filter)) list.push_back(summary.run.id);
    return list;
  };
  using Ids = std::vector<std::string>;
  EXPECT_EQ(ids({}), (Ids{third, second, first}));
  EXPECT_EQ(ids({.most = 1}), (Ids{third}));
  EXPECT_EQ(ids({.model = "deepseek"}), (Ids{third, second}));
  EXPECT_EQ(ids({.model = "deepseek_v4"}), (Ids{second})) << "_ stands for itself";
  EXPECT_EQ(ids({.model = "%"}), Ids{});
  EXPECT_EQ(ids({.engine = "SGL"}), (Ids{first}));
  EXPECT_EQ(ids({.origin = "measured"}), (Ids{third, second}));
  EXPECT_EQ(ids({.origin = "meas"}), Ids{});
  EXPECT_EQ(ids({.from_unix = 1000, .to_unix = 3000}), (Ids{second, first}));
  EXPECT_EQ(ids({.model = "v4", .label = "tues", .from_unix = 2500}), (Ids{third}));
  EXPECT_EQ(ids({.workload = "8k1k", .label = "friday"}), Ids{});
}

TEST_P(RunStoreTest, FindsARunByTheBeginningOfItsId) {
  RunStore store = open();
  RunRecord run = some_run();
  run.state = RunState::kComplete;
  for (const char* id : {"01ARYZ6S410000000000000000", "01ARYZ6S420000000000000000"}) {
    run.id = id;
    store.save(run, {});
  }
  EXPECT_EQ(store.resolve("01ARYZ6S41"), "01ARYZ6S410000000000000000");
  EXPECT_EQ(store.resolve("01aryz6s42"), "01ARYZ6S420000000000000000");
  EXPECT_EQ(code_of([&] { store.resolve("01ARYZ6S4"); }), ErrorCode::kInvalidArgument);
  for (const char* text : {"", "%", "01_RYZ6S41", "X", "'"}) {
    EXPECT_EQ(code_of([&] { store.resolve(text); }), ErrorCode::kNotFound) << text;
  }
  run.id = "my run";
  EXPECT_EQ(code_of([&] { store.save(run, {}); }), ErrorCode::kInvalidArgument);
}

// The figures of a run can be had with a SELECT from its requests.
TEST_P(RunStoreTest, FiguresCanBeRecomputedWithASelect) {
  RunStore store = open();
  PointSamples samples;
  // Times to the first token are 0.1, 0.2, … 2.1 s in another order, and one failure.
  for (int i = 0; i < 21; ++i) {
    samples.requests.push_back({.index = i,
                                .sent = 1.0 * i,
                                .first_token = i + 0.1 * (i * 5 % 21 + 1),
                                .ended = i + 5.0,
                                .output_tokens = 10});
  }
  samples.requests.push_back({.sent = 3, .ended = 4, .outcome = RequestOutcome::kFailed});
  samples.requests.push_back(
      {.phase = RequestPhase::kWarmUp, .sent = 0, .first_token = 90, .ended = 99});
  samples.duration = 25;
  RunRecord run = some_run();
  run.state = RunState::kComplete;
  PointRecord point{.load = {.concurrency = 1}};
  point.metrics = {{.id = "ttft.first_token/1", .unit = "s", .count = 21, .mean = 1.1, .p50 = 1.1},
                   {.id = "rate.output_tokens/1", .unit = "tokens/s", .count = 21, .mean = 8.4}};
  run.points = {point};
  const std::string id = store.save(run, {&samples, 1});

  const std::string of_run = " FROM requests WHERE run_id = '" + id +
                             "' AND point = 0 AND phase = 'measured' AND outcome = 'ok'";
  const auto select = [&](const std::string& sql) {
    std::vector<SqlRow> rows = sql_rows(store.connection(), sql);
    return SqlRowReader(rows.at(0), "").real();
  };
  const auto stored = [&](const std::string& figure, const std::string& metric) {
    return select("SELECT " + figure + " FROM metrics WHERE run_id = '" + id +
                  "' AND scope = 'window' AND metric = '" + metric + "'");
  };
  EXPECT_NEAR(select("SELECT AVG(first_token - sent)" + of_run),
              stored("mean", "ttft.first_token/1"), 1e-12);
  // The eleventh of twenty-one.
  EXPECT_NEAR(select("SELECT first_token - sent" + of_run + " ORDER BY 1 LIMIT 1 OFFSET 10"),
              stored("p50", "ttft.first_token/1"), 1e-12);
  EXPECT_NEAR(select("SELECT SUM(output_tokens) / (SELECT duration FROM point_results WHERE "
                     "run_id = '" +
                     id + "' AND point = 0)" + of_run),
              stored("mean", "rate.output_tokens/1"), 1e-12);
  // The view that people will begin with.
  EXPECT_EQ(select("SELECT mean FROM figures WHERE run_id = '" + id +
                   "' AND concurrency = 1 AND hardware = 'h200' AND scope = 'window' AND metric = "
                   "'ttft.first_token/1'"),
            1.1);
}

}  // namespace
}  // namespace hadal
