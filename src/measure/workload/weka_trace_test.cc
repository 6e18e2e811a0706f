#include "measure/workload/weka_trace.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <string>

#include "base/error.h"
#include "measure/workload/trace_file.h"
#include "support/source_dir.h"

namespace hadal {
namespace {

using Places = std::vector<int>;

Trace parse(const std::string& text) { return read_trace_text(text, "plays"); }

std::string weka_refusal(const std::string& text) {
  try {
    parse(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string play_of(std::string requests) {
  std::erase(requests, '\n');
  return R"({"id": "a", "block_size": 64, "requests": [)" + requests + "]}\n";
}

// Figures that were counted from the file by others.
TEST(WekaTrace, ReadsARealPlay) {
  const Trace trace =
      read_trace(test::source_path("src/measure/workload/testdata/weka_excerpt.jsonl"));
  EXPECT_EQ(trace.format, "weka");
  EXPECT_EQ(trace.block_tokens, 64);
  EXPECT_FALSE(trace.blocks_are_global);
  EXPECT_TRUE(trace.remarks.empty());
  const TraceTotals totals = trace_totals(trace);
  EXPECT_EQ(totals.requests, 4);
  EXPECT_EQ(totals.input_tokens, 196672);
  EXPECT_EQ(totals.output_tokens, 937);
  EXPECT_EQ(totals.blocks, 3073);
  EXPECT_EQ(totals.prefix_hits, 2018);  // 65.67 %
  const std::vector<TraceRequest>& requests = trace.sessions.at(0).requests;
  EXPECT_EQ(requests[1].blocks, (std::vector<BlockRun>{{10, 996}}));
  // The second was sent 0.249 s after the first, 1.73 s before that one's answer had ended.
  EXPECT_EQ(requests[1].after_end, Places{});
  EXPECT_EQ(requests[1].after_sent, Places{0});
  EXPECT_NEAR(requests[1].delay, 0.249, 1e-9);
  // The others wait for what had ended, and then for their think time.
  EXPECT_EQ(requests[2].after_end, (Places{0, 1}));
  EXPECT_EQ(requests[3].after_end, Places{2});
  EXPECT_GT(requests[3].delay, 0);
}

TEST(WekaTrace, ThinkTimeIsFromTheAnswersEndToTheNextRequest) {
  const Trace trace = parse(play_of(
      R"({"t": 10, "in": 100, "out": 7, "hash_ids": [5], "api_time": 2, "type": "s"},
         {"t": 15.5, "in": 200, "out": 0, "hash_ids": [5, 6, 9], "api_time": 1, "think_time": 3.5,
          "type": "n"})"));
  const std::vector<TraceRequest>& requests = trace.sessions[0].requests;
  EXPECT_EQ(requests[0].at, 0);  // the session begins with its first request
  EXPECT_EQ(requests[1].at, 5.5);
  EXPECT_EQ(requests[1].after_end, Places{0});
  EXPECT_DOUBLE_EQ(requests[1].delay, 3.5);
  EXPECT_EQ(requests[1].output_tokens, 1);
  EXPECT_EQ(requests[1].blocks, (std::vector<BlockRun>{{5, 2}, {9, 1}}));
}

// One helper is joined, one runs beside; one begins while the request that began it still runs.
std::string play_with_helpers(const std::string& first_t, const std::string& second_t) {
  return play_of(
      R"({"t": 0, "in": 640, "out": 10, "hash_ids": [], "api_time": 5, "type": "s"},
         {"t": 6, "type": "subagent", "agent_id": "x", "status": "completed", "requests": [
           {"t": )" +
      first_t + R"(, "in": 64, "out": 1, "hash_ids": [1], "api_time": 2, "type": "s"},
           {"t": )" +
      second_t + R"(, "in": 128, "out": 1, "hash_ids": [1, 2], "api_time": 20, "type": "s"}]},
         {"t": 6.5, "type": "subagent", "status": "async_launched", "duration_ms": null,
          "requests": [{"t": 6.5, "in": 64, "out": 1, "api_time": 1, "type": "s"}]},
         {"t": 40, "in": 700, "out": 10, "api_time": 5, "think_time": 9, "type": "s"},
         {"t": 42, "type": "subagent", "status": "completed", "requests": [
           {"t": 42, "in": 64, "out": 1, "api_time": 1, "type": "s"}]},
         {"t": 50, "in": 800, "out": 10, "api_time": 5, "type": "s"})");
}

TEST(WekaTrace, HelpersBeginWhereTheyWereBegunAndAreJoinedOrNot) {
  const Trace trace = parse(play_with_helpers("6", "9"));
  const std::vector<TraceRequest>& requests = trace.sessions[0].requests;
  ASSERT_EQ(requests.size(), 7U);
  EXPECT_EQ(trace_totals(trace).agents, 3);
  EXPECT_EQ(requests[1].agent, 1);
  EXPECT_EQ(requests[1].after_end, Places{0});
  EXPECT_DOUBLE_EQ(requests[1].delay, 1);
  EXPECT_EQ(requests[2].agent, 2);  // the one beside
  EXPECT_EQ(requests[2].after_end, Places{0});
  EXPECT_DOUBLE_EQ(requests[2].delay, 1.5);
  EXPECT_EQ(requests[3].after_end, Places{1});
  EXPECT_DOUBLE_EQ(requests[3].delay, 1);
  // The parent goes on 11 s after the end of the helper that it waited for; not after the other's.
  EXPECT_EQ(requests[4].agent, 0);
  EXPECT_EQ(requests[4].after_end, (Places{0, 3}));
  EXPECT_DOUBLE_EQ(requests[4].delay, 11);
  // Begun two seconds into the parent's request, which runs until 45.
  EXPECT_EQ(requests[5].after_sent, Places{4});
  EXPECT_DOUBLE_EQ(requests[5].delay, 2);
  EXPECT_EQ(requests[6].after_end, (Places{4, 5}));
  EXPECT_DOUBLE_EQ(requests[6].delay, 5);
}

TEST(WekaTrace, TimesOfHelpersCountFromThePlayOrFromTheHelper) {
  EXPECT_EQ(parse(play_with_helpers("0", "3")).sessions,
            parse(play_with_helpers("6", "9")).sessions);
}

TEST(WekaTrace, OddRecordsAreTakenAndTold) {
  const Trace trace = parse(play_of(R"({"t": 0, "in": 0, "out": 5},
                 {"t": 1, "input_length": 100, "output_length": 3, "colour": 1, "type": "s",
                  "hash_ids": [1, 340282366920938463463374607431768211456, -4, 7, 8]})") +
                            play_of(""));
  ASSERT_EQ(trace.sessions.size(), 1U);
  const TraceRequest& request = trace.sessions[0].requests.at(0);
  EXPECT_EQ(request.input_tokens, 100);
  EXPECT_EQ(count_blocks(request.blocks), 2);
  EXPECT_EQ(trace.remarks,
            (std::vector<std::string>{
                "1 requests without input were left out",
                "1 requests had more blocks than their input holds; those beyond were cut",
                "1 plays without requests were left out",
                "unknown field requests[].colour was not used"}));
}

TEST(WekaTrace, WhatCannotBeIsRefusedByLineAndField) {
  const std::string good = play_of(R"({"t": 0, "in": 5, "out": 5})");
  EXPECT_NE(weka_refusal(good + play_of(R"({"t": -1, "in": 5, "out": 5})"))
                .find("plays line 2: requests[0].t"),
            std::string::npos);
  EXPECT_NE(weka_refusal(play_of(R"({"in": 5, "out": 5})")).find("requests[0].t is missing"),
            std::string::npos);
  EXPECT_NE(weka_refusal(play_of(R"({"t": 0, "in": 99999999999, "out": 5})")), "");
  EXPECT_NE(weka_refusal(play_of(R"({"t": 1e300, "in": 5, "out": 5})")), "");
  EXPECT_NE(weka_refusal(play_of(R"({"t": 0, "in": 5, "out": 5, "hash_ids": ["a"]})")), "");
  EXPECT_NE(weka_refusal(play_of(R"({"t": 0, "in": 5, "out": 5, "type": "q"})")).find("subagent"),
            std::string::npos);
  EXPECT_NE(weka_refusal(good + R"({"block_size": 128, "requests": []})").find("block_size"),
            std::string::npos);
  EXPECT_NE(weka_refusal("{\"requests\": [1]}"), "");
  EXPECT_NE(weka_refusal("{\"requests\": "), "");
  EXPECT_NE(weka_refusal("{\"requests\": []}").find("no requests"), std::string::npos);
  std::string deep = R"({"t": 0, "in": 5, "out": 5})";
  for (int i = 0; i < 20; ++i) {
    deep = R"({"t": 0, "type": "subagent", "requests": [)" + deep + "]}";
  }
  EXPECT_NE(weka_refusal(play_of(deep)).find("deep"), std::string::npos);
}

}  // namespace
}  // namespace hadal
