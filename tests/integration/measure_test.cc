// hadal measure against hadal serve: what a user types, what is printed, kept, and left when things
// break off.
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <nlohmann/json.hpp>

#include "server_process.h"

namespace hadal::integration {
namespace {

using Json = nlohmann::json;

class Measure : public ::testing::Test {
 protected:
  std::vector<std::string> with_store(std::vector<std::string> words) const {
    words.insert(words.end(), {"--store", scratch_.path("runs.sqlite").string()});
    return words;
  }
  std::string url(const ServerProcess& server) const {
    return "http://127.0.0.1:" + std::to_string(server.port());
  }
  // A short run of two points.
  std::vector<std::string> short_run(const ServerProcess& server,
                                     const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {"measure",    "run",  "--url",   url(server),
                                      "--workload", "64:8", "--power", "none"};
    words.insert(words.end(), more.begin(), more.end());
    return with_store(std::move(words));
  }
  Outcome run(const std::vector<std::string>& words) const { return run_hadal({.words = words}); }
  // Starts a long run whose standard error goes to a file, and waits until requests are under way.
  pid_t start_long(const ServerProcess& server) const {
    const int log = open(scratch_.path("log").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const pid_t pid = start_hadal(
        short_run(server, {"--concurrency", "4", "--requests", "1000000", "--warm-up", "0"}), -1,
        log, log);
    close(log);
    // Until the store has had a batch of it.
    constexpr int kLooks = 600;
    for (int i = 0; i < kLooks && stored_requests() == 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    EXPECT_GT(stored_requests(), 0) << read_bytes(scratch_.path("log"));
    return pid;
  }
  int stored_requests() const {
    const Outcome shown = run(with_store({"measure", "runs", "show", "last", "--json"}));
    if (shown.status != 0) return 0;
    const Json points = Json::parse(shown.out)["points"];
    return points.empty() ? 0 : points[0]["requests"]["attempted"].get<int>();
  }
  Json last_run() const {
    const Outcome shown = run(with_store({"measure", "runs", "show", "last", "--json"}));
    EXPECT_EQ(shown.status, 0) << shown.err;
    return Json::parse(shown.out);
  }

  Scratch scratch_;
};

const Json& metric(const Json& point, const std::string& id) {
  static const Json none;
  for (const Json& metric : point["metrics"]) {
    if (metric["id"] == id) return metric;
  }
  return none;
}

TEST_F(Measure, ARunIsADocumentAndIsKept) {
  const ServerProcess server;
  const Outcome outcome =
      run(short_run(server, {"--concurrency", "1,3", "--requests", "12", "--warm-up", "1", "--gpus",
                             "2", "--hardware", "b200", "--launch-command", "hadal serve",
                             "--slo-ttft", "30", "--json"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json run = Json::parse(outcome.out);
  EXPECT_EQ(run["schema"], "hadal.run/1");
  EXPECT_EQ(run["verdict"]["complete"], true);
  EXPECT_EQ(run["verdict"]["gate"], "not_run");
  ASSERT_EQ(run["points"].size(), 2U);
  for (const Json& point : run["points"]) {
    EXPECT_EQ(point["requests"]["ok"], 12);
    EXPECT_EQ(point["requests"]["failed"], 0);
    EXPECT_EQ(metric(point, "tokens.output/1")["mean"], 8);
    EXPECT_EQ(metric(point, "tokens.input/1")["mean"], 64);
    EXPECT_EQ(metric(point, "cache.hit_share/1")["mean"], 0) << "no prompt was sent before";
    EXPECT_GT(metric(point, "ttft.first_token/1")["mean"].get<double>(), 0);
    EXPECT_TRUE(metric(point, "ttft.first_token/1")["p99"].is_null()) << "of twelve samples";
    EXPECT_EQ(metric(point, "goodput.share/1")["mean"], 1);
  }
  EXPECT_EQ(run["points"][1]["load"]["concurrency"], 3);
  const Json kept = last_run();
  EXPECT_EQ(kept["run_id"], run["run_id"]);
  EXPECT_EQ(kept["points"], run["points"]);
  EXPECT_EQ(kept["target"]["engine"], "hadal");
}

TEST_F(Measure, EachOptionReachesTheWireOrTheRun) {
  const ServerProcess server;
  const auto plan = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = more;
    words.push_back("--dry-run");
    const Outcome outcome = run(short_run(server, words));
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return Json::parse(outcome.out);
  };
  const Json plain = plan({"--seed", "7"});
  EXPECT_EQ(plan({"--seed", "7"}), plain);
  const std::vector<std::vector<std::string>> changes = {
      {"--seed", "8"},
      {"--seed", "7", "--concurrency", "5"},
      {"--seed", "7", "--rate", "3"},
      {"--seed", "7", "--requests", "9"},
      {"--seed", "7", "--duration", "4"},
      {"--seed", "7", "--warm-up", "2"},
      {"--seed", "7", "--repeats", "2"},
      {"--seed", "7", "--timeout", "5"},
      {"--seed", "7", "--slo-ttft", "1"},
      {"--seed", "7", "--slo-tpot", "1"},
      {"--seed", "7", "--slo-e2e", "1"},
      {"--seed", "7", "--max-failures", "0.5"},
      {"--seed", "7", "--context", "1000"},
      {"--seed", "7", "--client-threads", "2"},
      {"--seed", "7", "--api", "chat"},
      {"--seed", "7", "--rate", "3", "--arrivals", "constant"}};
  std::set<std::string> plans = {plain.dump()};
  for (const auto& change : changes) {
    EXPECT_TRUE(plans.insert(plan(change).dump()).second) << change.back() << " changes nothing";
  }
}

TEST_F(Measure, InterruptedItKeepsWhatItHas) {
  const ServerProcess server;
  const pid_t pid = start_long(server);
  kill(pid, SIGINT);
  EXPECT_EQ(wait_for_end(pid), 3) << read_bytes(scratch_.path("log"));
  const Json run = last_run();
  EXPECT_EQ(run["verdict"]["complete"], false);
  ASSERT_EQ(run["points"].size(), 1U);
  EXPECT_GT(run["points"][0]["requests"]["ok"].get<int>(), 0);
  EXPECT_NE(read_bytes(scratch_.path("log")).find("interrupted"), std::string::npos);
}

TEST_F(Measure, KilledItLosesAtMostALastBatch) {
  const ServerProcess server;
  const pid_t pid = start_long(server);
  kill(pid, SIGKILL);
  EXPECT_EQ(wait_for_end(pid), 128 + SIGKILL);
  const Json run = last_run();
  EXPECT_EQ(run["verdict"]["complete"], false);
  ASSERT_EQ(run["points"].size(), 1U);
  EXPECT_GT(run["points"][0]["requests"]["ok"].get<int>(), 0);
}

TEST_F(Measure, AServerThatDiesLeavesAPartialRun) {
  const ServerProcess server;
  const pid_t pid = start_long(server);
  server.signal(SIGKILL);
  EXPECT_EQ(wait_for_end(pid), 3) << read_bytes(scratch_.path("log"));
  EXPECT_NE(read_bytes(scratch_.path("log")).find("the server stopped answering"),
            std::string::npos);
  EXPECT_GT(last_run()["points"][0]["requests"]["failed"].get<int>(), 0);
}

TEST_F(Measure, QuickSpeaksPlainly) {
  const ServerProcess server;
  const Outcome outcome = run(with_store({"measure", "quick", "--url", url(server), "--duration",
                                          "5", "--power", "none", "--context", "512"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  for (const char* words : {"user", "What limits it", "What to try next", "$ per million tokens",
                            "$1 an hour for the whole machine is assumed", "simple questions"}) {
    EXPECT_NE(outcome.out.find(words), std::string::npos) << words << "\n" << outcome.out;
  }
  EXPECT_EQ(last_run()["workload"], "256:128");
}

TEST_F(Measure, TwoServersAreComparedInTurns) {
  const ServerProcess server;
  const Outcome outcome =
      run(with_store({"measure", "compare", "--a", url(server), "--b", url(server), "--workload",
                      "32:8", "--concurrency", "2", "--requests", "8", "--blocks", "3", "--json"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json comparison = Json::parse(outcome.out);
  EXPECT_EQ(comparison["blocks"], 3);
  EXPECT_FALSE(comparison["metrics"].empty());
}

TEST_F(Measure, WhatWasKeptGoesOutAndComesBack) {
  const ServerProcess server;
  ASSERT_EQ(run(short_run(server, {"--concurrency", "2", "--requests", "8", "--gpus", "1"})).status,
            0);
  for (const std::string format : {"json", "csv", "jsonl", "inferencex", "benchmark-report"}) {
    const std::string file = scratch_.path("run." + format).string();
    const Outcome written = run(
        with_store({"measure", "runs", "export", "last", "--format", format, "--output", file}));
    EXPECT_EQ(written.status, 0) << format << written.err;
    const Outcome read = run(
        {"measure", "runs", "import", file, "--store", scratch_.path(format + ".sqlite").string()});
    EXPECT_EQ(read.status, 0) << format << read.err;
    EXPECT_NE(read.out.find("1 points"), std::string::npos) << format << read.out;
  }
  const std::string bundle = scratch_.path("run.hadalrun").string();
  ASSERT_EQ(run(with_store({"measure", "runs", "bundle", "last", bundle})).status, 0);
  EXPECT_EQ(run({"measure", "runs", "check", bundle}).status, 0);
  const std::string other = scratch_.path("other.sqlite").string();
  EXPECT_EQ(run({"measure", "runs", "import", bundle, "--store", other}).status, 0);
  const Outcome note = run(with_store({"measure", "runs", "annotate", "last", "two cards in truth",
                                       "--field", "gpus", "--value", "2"}));
  EXPECT_EQ(note.status, 0) << note.err;
  EXPECT_EQ(last_run()["target"]["gpus"], 2);
  const Outcome gauges = run(
      with_store({"measure", "runs", "export", "last", "--format", "opencost", "--price", "2.5"}));
  EXPECT_NE(gauges.out.find("llm_total_cost"), std::string::npos) << gauges.err;
}

TEST_F(Measure, WhatCannotBeMeasuredIsRefusedWithTheNextStep) {
  const auto refusal = [&](const std::vector<std::string>& words) {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.status, 2) << outcome.out;
    return outcome.err;
  };
  const std::string nobody = "http://127.0.0.1:" + std::to_string(free_port());
  EXPECT_NE(refusal({"measure", "quick", "--url", nobody}).find("start the server"),
            std::string::npos);
  EXPECT_NE(refusal({"measure", "run"}).find("--url: is missing"), std::string::npos);
  const ServerProcess server;
  EXPECT_NE(refusal({"measure", "run", "--url", url(server), "--model", "other"})
                .find("there is no model other"),
            std::string::npos);
  EXPECT_NE(refusal({"measure", "run", "--url", url(server), "--workload", "9000:10"}).find("9000"),
            std::string::npos);
  EXPECT_NE(refusal({"measure", "run", "--url", url(server), "--concurrency", "2,x"})
                .find("--concurrency"),
            std::string::npos);
  EXPECT_NE(refusal({"measure", "run", "--url", url(server), "--hardware", "b20"}).find("b200"),
            std::string::npos);
  EXPECT_NE(refusal({"measure", "run", "--url", url(server), "--power", "nvlm"}).find("nvml"),
            std::string::npos);
  write_bytes(scratch_.path("headers"), "X-Team: a\rX-Injected: b\n");
  EXPECT_NE(refusal({"measure", "run", "--url", url(server), "--headers",
                     scratch_.path("headers").string()})
                .find("control character"),
            std::string::npos);
  write_bytes(scratch_.path("no.sqlite"), "this is no database, it is a text of some length ....");
  EXPECT_NE(refusal({"measure", "runs", "list", "--store", scratch_.path("no.sqlite").string()})
                .find("no.sqlite"),
            std::string::npos);
}

TEST_F(Measure, CostsStandSideBySide) {
  const Outcome costs =
      run({"measure", "costs", "--hardware", "b200", "--gpus", "8", "--era", "2026-06", "--tier",
           "hyperscaler", "--input-rate", "500", "--output-rate", "150"});
  ASSERT_EQ(costs.status, 0) << costs.err;
  // 1.95 $/h over 650 tokens/s: 0.833 $ a million.
  EXPECT_NE(costs.out.find("0.833"), std::string::npos) << costs.out;
  EXPECT_EQ(run({"measure", "costs", "--published"}).status, 0);
  EXPECT_NE(run({"measure", "costs"}).out.find("mi355x"), std::string::npos);
  write_bytes(scratch_.path("own.toml"), "[[accelerators]]\nkey = \"shed\"\nname = \"A shed\"\n");
  EXPECT_NE(run({"measure", "costs", "--catalogue", scratch_.path("own.toml").string()})
                .out.find("A shed"),
            std::string::npos)
      << run({"measure", "costs", "--catalogue", scratch_.path("own.toml").string()}).err;
}

}  // namespace
}  // namespace hadal::integration
