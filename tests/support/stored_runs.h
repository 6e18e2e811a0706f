// Runs to store in tests, with something in every field; and the places to store them: a test of a
// store runs for SQLite and for PostgreSQL.
#pragma once

#include <cstdio>
#include <functional>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include "measure/store/postgres_connection.h"
#include "measure/store/run_store.h"
#include "support/postgres_server.h"
#include "support/temporary_directory.h"

namespace hadal::test {

// Of `count` requests; no two have the same times, and none is a round number.
inline PointSamples some_samples(int count) {
  PointSamples samples;
  for (int i = 0; i < count; ++i) {
    const double sent = 0.1 * i + 1.0 / 3;
    RequestRecord request{.index = i,
                          .phase = i < 2 ? RequestPhase::kWarmUp : RequestPhase::kMeasured,
                          .session = i % 3 - 1,
                          .turn = i / 3,
                          .sent = sent,
                          .ended = sent + 1.7 + 0.01 * i,
                          .asked_input_tokens = 1000 + i,
                          .asked_output_tokens = 100,
                          .expected_cached_tokens = 64 * i,
                          .http_status = 200,
                          .finish_reason = "length"};
    if (i % 2 == 0) request.planned = sent - 1e-4;
    std::vector<TokenStamp> events;
    if (i % 5 == 4) {
      request.outcome = i % 10 == 9 ? RequestOutcome::kCancelled : RequestOutcome::kFailed;
      request.failure = "stream_error";
      request.failure_text = "the stream ended in \"mid\xC3\xA9\", said it's ill";
    } else {
      request.headers = sent + 0.05;
      request.first_token = sent + 0.1 + 0.001 * i;
      request.first_answer_token = *request.first_token + 0.07;
      request.last_token = request.ended - 1e-3;
      request.input_tokens = 1000 + i;
      request.cached_tokens = 60 * i;
      request.output_tokens = 100 - i % 7;
      request.reasoning_tokens = 3;
      request.tokens_estimated = i % 4 == 1;
      request.server_prefill_seconds = 0.08;
      request.server_decode_seconds = 1.5;
      for (int j = 0; j < 5; ++j) {
        events.push_back(
            {.seconds = *request.first_token + 0.3 * j, .tokens_so_far = j % 2 == 0 ? -1 : 10 * j});
      }
    }
    samples.requests.push_back(std::move(request));
    samples.events.push_back(std::move(events));
    samples.power.push_back(
        {.seconds = 0.5 * i, .watts = 700.0 / 3 + i, .meter = "nvml", .device = "gpu0"});
    // The first batches of a test have a meter that counts, the later ones only watts.
    if (i < 3) samples.power.back().joules = 1e6 / 3 + 117 * i;
    samples.power.back().watts_from_joules = i == 2 || i == 3;
  }
  samples.client = {.lag_counts = {5, 4, 3, 2, 1, 0, 0, 0, 0, 0, 1},
                    .lag_p99 = 0.0007,
                    .cpu_share = 0.31,
                    .schedule_delay_p99 = 0.0011,
                    .limited = true,
                    .reasons = {"late by 1 ms"}};
  samples.duration = 12.0 / 7;
  return samples;
}

inline MetricValue some_metric(const std::string& id, double mean) {
  return {.id = id,
          .unit = "s",
          .count = 40,
          .mean = mean,
          .p50 = mean * 0.9,
          .p90 = mean * 1.5,
          .mean_ci95 = Interval{.low = mean * 0.95, .high = mean * 1.05},
          .p50_ci95 = Interval{.low = mean * 0.85, .high = mean}};
}

inline PointRecord some_point(int concurrency, const ClientLoad& client) {
  return {.load = {.concurrency = concurrency},
          .repeat = 1,
          .window = {.kind = "steady", .rule = "rates settle", .begin = 0.25, .end = 1.5},
          .requests = {.attempted = 8, .ok = 6, .failed = 1, .cancelled = 1},
          .metrics = {some_metric("ttft.first_token/1", 1.0 / concurrency),
                      some_metric("e2e/1", 2.0 * concurrency)},
          .full_run_metrics = {some_metric("ttft.first_token/1", 1.1)},
          .client = client,
          .warnings = {"tokens are estimated", "second \"warning\""},
          .extra_json = R"({"foreign": 1})"};
}

inline RunRecord some_run() {
  return {.origin = "measured",
          .label = "tuesday",
          .url = "http://127.0.0.1:8000",
          .model = "deepseek-v4-flash",
          .engine = "vllm",
          .engine_version = "0.26",
          .hardware = "h200",
          .gpus = 8,
          .prefill_gpus = 2,
          .decode_gpus = 6,
          .precision = "fp8",
          .speculation = "mtp",
          .workload = "8k1k",
          .plan_json = R"({"workload": "8k1k"})",
          .provenance_json = R"({"commit": "abc"})"};
}

// A run of two points with samples, saved whole; gives its id.
inline std::string save_some_run(RunStore& store) {
  RunRecord run = some_run();
  run.state = RunState::kComplete;
  run.gate = GateVerdict::kPassed;
  run.gate_json = R"({"agreement": 1.0})";
  const std::vector<PointSamples> samples = {some_samples(10), some_samples(7)};
  run.points = {some_point(1, samples[0].client), some_point(2, samples[1].client)};
  return store.save(run, samples);
}

// The parameter: "sqlite" or "postgresql". Skips where the latter is not installed.
class StoreTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (is_postgres() && !PostgresServer::is_installed()) {
      GTEST_SKIP() << "PostgreSQL is not installed";
    }
    ASSERT_TRUE(!is_postgres() || PostgresServer::get() != nullptr) << "the server does not start";
    place_ = new_place();
  }

  bool is_postgres() const { return std::string(GetParam()) == "postgresql"; }
  // Of an empty store.
  std::string new_place() {
    static int number = 0;
    const std::string name = "t" + std::to_string(++number);
    if (!is_postgres()) return (directory_ / (name + ".sqlite")).string();
    open_postgres(PostgresServer::get()->uri("postgres"))->execute("CREATE DATABASE " + name);
    return PostgresServer::get()->uri(name);
  }
  const std::string& place() const { return place_; }
  RunStore open() const { return RunStore::open(place_); }

  TemporaryDirectory directory_;

 private:
  std::string place_;
};

// Of the Error that `call` throws; kInternal where it throws none.
inline ErrorCode code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::kInternal;
}

// Runs `work` in another process; gives its exit status, or minus the signal that ended it.
inline int in_child(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      work();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      ::_exit(1);
    }
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

inline std::string store_name(const testing::TestParamInfo<const char*>& info) {
  return info.param;
}

}  // namespace hadal::test
