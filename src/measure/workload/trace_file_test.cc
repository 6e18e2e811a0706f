#include "measure/workload/trace_file.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>

#include "base/error.h"
#include "measure/workload/limits.h"
#include "measure/workload/synthetic_traces.h"
#include "support/source_dir.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

std::string written(const Trace& trace) {
  std::string text;
  write_hadal_trace(trace, [&](std::string_view line) { text += line; });
  return text;
}

std::string trace_refusal(const std::string& text) {
  try {
    read_trace_text(text, "mine");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

const std::string kHeader = "{\"schema\": \"hadal.trace/1\", \"block_tokens\": 16}\n";

std::string session_of(std::string requests) {
  std::erase(requests, '\n');
  return kHeader + "{\"requests\": [" + requests + "]}\n";
}

TEST(TraceFile, WhatIsWrittenReadsBackEqual) {
  for (const Trace& trace : {make_agent_trace({.seed = 3, .plays = 5}),
                             make_request_trace({.seed = 3, .requests = 40})}) {
    const std::string text = written(trace);
    const Trace read = read_trace_text(text, "mine");
    EXPECT_EQ(read.sessions, trace.sessions);
    EXPECT_EQ(read.name, trace.name);
    EXPECT_EQ(read.block_tokens, trace.block_tokens);
    EXPECT_EQ(read.blocks_are_global, trace.blocks_are_global);
    EXPECT_EQ(read.format, kTraceSchema);
    EXPECT_EQ(written(read), text);
  }
}

TEST(TraceFile, AnyTraceCanBeConverted) {
  const std::filesystem::path testdata = test::source_path("src/measure/workload/testdata");
  for (const char* name : {"weka_excerpt.jsonl", "mooncake_head60.jsonl"}) {
    const Trace trace = read_trace(testdata / name);
    const Trace read = read_trace_text(written(trace), "mine");
    EXPECT_EQ(read.sessions, trace.sessions) << name;
    EXPECT_EQ(trace_totals(read).prefix_hits, trace_totals(trace).prefix_hits);
  }
}

TEST(TraceFile, OnlyLengthsAreNeeded) {
  const Trace trace = read_trace_text(session_of(R"({"in": 40, "out": 2},
      {"in": 90, "out": 2, "blocks": [[0, 2], 2, 9], "after": [0], "delay": 1.5, "agent": 3})"),
                                      "mine");
  EXPECT_EQ(trace.name, "mine");
  const TraceRequest& request = trace.sessions.at(0).requests.at(1);
  EXPECT_EQ(request.blocks, (std::vector<BlockRun>{{0, 3}, {9, 1}}));
  EXPECT_EQ(request.after_end, std::vector<int>{0});
  EXPECT_EQ(request.delay, 1.5);
  EXPECT_EQ(request.agent, 3);
}

TEST(TraceFile, SlipsAreNamed) {
  EXPECT_NE(trace_refusal(session_of(R"({"in": 4, "out": 2, "dealy": 1})"))
                .find("mine line 2: requests[0].dealy is not a known key; did you mean \"delay\"?"),
            std::string::npos);
  EXPECT_NE(trace_refusal("{\"schema\": \"hadal.trace/2\"}\n").find("hadal.trace/1"),
            std::string::npos);
  EXPECT_NE(trace_refusal(kHeader + "{\"requests\": []}").find("are none"), std::string::npos);
  EXPECT_NE(trace_refusal(kHeader).find("has no requests"), std::string::npos);
  EXPECT_NE(
      trace_refusal(session_of(R"({"in": 4, "out": 2, "after": [0]})")).find("before this one"),
      std::string::npos);
  EXPECT_NE(
      trace_refusal(session_of(R"({"in": 4, "out": 2}, {"in": 4, "out": 2, "after": [0, 0]})"))
          .find("twice"),
      std::string::npos);
  EXPECT_NE(trace_refusal(session_of(R"({"in": 4, "out": 2, "blocks": [[0, 2]]})"))
                .find("blocks are more than the prompt holds, 1"),
            std::string::npos);
  EXPECT_NE(trace_refusal(session_of(R"({"in": 4, "out": 2, "blocks": [[0, -1]]})")), "");
  EXPECT_NE(
      trace_refusal(session_of(R"({"in": 40, "out": 2, "blocks": [[4611686018427387903, 2]]})")),
      "");
  EXPECT_EQ(
      trace_refusal(session_of(R"({"in": 40, "out": 2, "blocks": [[4611686018427387903, 1]]})")),
      "");
  EXPECT_NE(
      trace_refusal(session_of(R"({"at": 5, "in": 4, "out": 2}, {"at": 4, "in": 4, "out": 2})"))
          .find("before"),
      std::string::npos);
  EXPECT_NE(trace_refusal(session_of(R"({"in": 4, "out": 2, "delay": NaN})")), "");
  EXPECT_NE(trace_refusal(session_of(R"({"in": 4, "in": 4, "out": 2})")).find("twice"),
            std::string::npos);
  EXPECT_NE(trace_refusal("hello\n"), "");
  EXPECT_NE(trace_refusal("[1]\n").find("no trace that hadal knows"), std::string::npos);
  EXPECT_NE(trace_refusal("").find("no trace that hadal knows"), std::string::npos);
  EXPECT_NE(trace_refusal("\xff\xfe"), "");
  std::string many;
  for (size_t i = 0; i <= kMostRequestsOfSession; ++i) many += "{\"in\": 1, \"out\": 1},";
  many.pop_back();
  EXPECT_NE(trace_refusal(session_of(many)).find("16384 requests of a session"), std::string::npos);
}

TEST(MooncakeTrace, ReadsARealOne) {
  const Trace trace =
      read_trace(test::source_path("src/measure/workload/testdata/mooncake_head60.jsonl"));
  EXPECT_EQ(trace.format, "mooncake");
  EXPECT_EQ(trace.block_tokens, 512);
  EXPECT_TRUE(trace.blocks_are_global);
  const TraceTotals totals = trace_totals(trace);
  EXPECT_EQ(totals.requests, 60);
  EXPECT_EQ(totals.input_tokens, 765163);
  EXPECT_EQ(totals.output_tokens, 11203);
  EXPECT_EQ(totals.blocks, 1533);
  EXPECT_EQ(totals.prefix_hits, 62);  // 4.04 %
  EXPECT_EQ(trace.sessions.front().starts, 0);
  EXPECT_DOUBLE_EQ(trace.sessions.back().starts.value(), 17.245);
}

TEST(MooncakeTrace, SortsAndTells) {
  const std::string line = R"("input_length": 600, "output_length": 5, "hash_ids": [1, 2])";
  const Trace trace = read_trace_text(
      "{\"timestamp\": 3000, \"a\": 1, " + line + "}\r\n\n{\"timestamp\": 1000, " + line + "}",
      "mine");
  EXPECT_EQ(trace.sessions[0].starts, 1);
  EXPECT_EQ(trace.sessions[1].starts, 3);
  EXPECT_EQ(trace.remarks, (std::vector<std::string>{
                               "lines were not in the order of their timestamps; they are now",
                               "unknown field a was not used"}));
  EXPECT_NE(trace_refusal(
                R"({"timestamp": 0, "input_length": 512, "output_length": 5, "hash_ids": [1, 2]})")
                .find("hash_ids has 2 blocks, and the prompt only 1"),
            std::string::npos);
  EXPECT_NE(
      trace_refusal(R"({"input_length": 512, "output_length": 5})").find("timestamp is missing"),
      std::string::npos);
}

TEST(TraceLineReader, ReadsFilesOfAnySizeByLines) {
  const test::TemporaryDirectory directory;
  const std::filesystem::path path = directory.path() / "lines";
  std::vector<std::string> expected;
  {
    std::ofstream file(path, std::ios::binary);
    for (size_t i = 0; i < 40; ++i) {
      expected.emplace_back(i * i * 1700 + 1, static_cast<char>('a' + i % 26));
      file << expected.back() << (i % 3 == 0 ? "\r\n\n" : "\n");
    }
    file << "the end";
  }
  expected.emplace_back("the end");
  TraceLineReader lines(path);
  std::vector<std::string> read;
  std::string_view line;
  while (lines.next(line)) read.emplace_back(line);
  EXPECT_EQ(read, expected);
  EXPECT_EQ(lines.line_number(), 55);
  EXPECT_FALSE(lines.next(line));
  EXPECT_THROW(TraceLineReader(directory.path() / "none"), Error);
  EXPECT_THROW(TraceLineReader{directory.path()}, Error);
}

}  // namespace
}  // namespace hadal
