// The load client against a server whose every act is known.
#include "measure/selftest/scripted_server.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <memory>
#include <utility>
#include <vector>

#include "measure/client/answer_stream.h"
#include "measure/client/http_fetch.h"
#include "measure/client/http_loop.h"

namespace hadal {
namespace {

// `count` requests at once, and what came of them, in the order they were sent.
std::vector<FinishedAnswer> ask(const ScriptedServer& server, size_t count,
                                HttpLoopOptions options = {}, double timeout = 20) {
  HttpLoop loop(std::move(options));
  std::vector<FinishedAnswer> answers(count);
  std::vector<std::unique_ptr<AnswerStream>> streams;
  size_t left = count;
  for (size_t i = 0; i < count; ++i) {
    streams.push_back(
        std::make_unique<AnswerStream>(AnswerStream::Options{.origin = 0, .keep_text = true},
                                       RequestRecord{.index = static_cast<int64_t>(i)},
                                       [&answers, &left, i](FinishedAnswer&& answer) {
                                         answers[i] = std::move(answer);
                                         --left;
                                       }));
    loop.start({.url = server.url() + "/v1/chat/completions", .body = "{}", .timeout = timeout},
               *streams.back());
  }
  loop.run([&] { return left == 0; });
  return answers;
}

FinishedAnswer ask_one(ScriptedAnswer answer, HttpLoopOptions options = {}, double timeout = 20) {
  const ScriptedServer server([&](const ScriptedRequest&) { return answer; });
  return std::move(ask(server, 1, std::move(options), timeout)[0]);
}

TEST(ScriptedServer, AStreamIsStampedWhenItWasWritten) {
  const ScriptedServer server(
      [](const ScriptedRequest&) { return paced_answer(20, 0.02, 0.005, 77); });
  const FinishedAnswer answer = std::move(ask(server, 1)[0]);
  const RequestRecord& record = answer.record;
  EXPECT_EQ(record.outcome, RequestOutcome::kOk) << record.failure << record.failure_text;
  EXPECT_EQ(record.input_tokens, 77);
  EXPECT_EQ(record.output_tokens, 20);
  EXPECT_FALSE(record.tokens_estimated);
  EXPECT_FALSE(record.done_missing);
  EXPECT_EQ(record.finish_reason, "length");
  const std::vector<ServedRequest> served = server.served();
  ASSERT_EQ(served.size(), 1U);
  ASSERT_EQ(answer.events.size(), 20U);
  for (size_t i = 0; i < answer.events.size(); ++i) {
    EXPECT_GE(answer.events[i].seconds, served[0].written[i]);
  }
  EXPECT_EQ(record.first_token, answer.events.front().seconds);
  EXPECT_EQ(record.last_token, answer.events.back().seconds);
  EXPECT_LE(record.sent, served[0].received);
}

TEST(ScriptedServer, ManyStreamsAtOnceKeepApart) {
  const ScriptedServer server([](const ScriptedRequest& request) {
    return paced_answer(1 + request.index % 7, 0.001, 0.001, request.index);
  });
  const std::vector<FinishedAnswer> answers = ask(server, 200);
  int64_t tokens = 0;
  for (const FinishedAnswer& answer : answers) {
    ASSERT_EQ(answer.record.outcome, RequestOutcome::kOk) << answer.record.failure_text;
    EXPECT_EQ(*answer.record.output_tokens, 1 + *answer.record.input_tokens % 7);
    tokens += *answer.record.output_tokens;
  }
  int64_t expected = 0;
  for (int64_t i = 0; i < 200; ++i) expected += 1 + i % 7;
  EXPECT_EQ(tokens, expected);
}

TEST(ScriptedServer, EveryWayToFailHasItsName) {
  const auto failure = [](ScriptedAnswer answer) { return ask_one(std::move(answer)).record; };
  ScriptedAnswer cut = paced_answer(3, 0, 0);
  cut.events.resize(3);
  cut.end = ScriptedEnd::kCut;
  EXPECT_EQ(failure(cut).failure, "truncated");
  EXPECT_EQ(failure(cut).output_tokens, 3) << "what came is kept";
  EXPECT_TRUE(failure(cut).tokens_estimated);

  ScriptedAnswer unfinished = paced_answer(3, 0, 0);
  unfinished.events.resize(3);
  EXPECT_EQ(failure(unfinished).failure, "truncated") << "neither finish reason nor [DONE]";

  ScriptedAnswer garbage = paced_answer(1, 0, 0);
  garbage.events.insert(garbage.events.begin() + 1, {.bytes = sse_event("{oops")});
  EXPECT_EQ(failure(garbage).failure, "garbage");

  ScriptedAnswer error = paced_answer(1, 0, 0);
  error.events.insert(error.events.begin() + 1,
                      {.bytes = sse_event(R"({"error":{"message":"out of pages"}})")});
  EXPECT_EQ(failure(error).failure, "stream_error");
  EXPECT_EQ(failure(error).failure_text, "out of pages");

  ScriptedAnswer empty;
  empty.events = {{.bytes = finish_chunk()}, {.bytes = done_event()}};
  EXPECT_EQ(failure(empty).failure, "empty");

  const ScriptedAnswer busy = {
      .status = 429,
      .content_type = "application/json",
      .headers = {"Retry-After: 7"},
      .events = {{.bytes = std::make_shared<const std::string>(R"({"error":"slow down"})")}}};
  const FinishedAnswer refused = ask_one(busy);
  EXPECT_EQ(refused.record.failure, "http_429");
  EXPECT_EQ(refused.record.failure_text, "slow down");
  EXPECT_EQ(refused.retry_after, 7);

  const ScriptedAnswer moved = {.status = 307, .headers = {"Location: http://elsewhere/v1"}};
  EXPECT_EQ(failure(moved).failure, "redirect");
  EXPECT_NE(failure(moved).failure_text.find("http://elsewhere/v1"), std::string::npos);

  const ScriptedAnswer whole = {
      .content_type = "application/json",
      .events = {{.bytes = std::make_shared<const std::string>(
                      R"({"choices":[{"message":{"content":"hello"}}]})")}}};
  EXPECT_EQ(failure(whole).failure, "not_streamed");

  const ScriptedAnswer page = {
      .content_type = "text/html",
      .events = {{.bytes = std::make_shared<const std::string>("<html>")}}};
  EXPECT_EQ(failure(page).failure, "garbage");
}

TEST(ScriptedServer, SilenceEndsByTheTimeouts) {
  ScriptedAnswer silent = paced_answer(2, 0, 0);
  silent.events.resize(2);
  silent.end = ScriptedEnd::kSilence;
  EXPECT_EQ(ask_one(silent, {}, 0.1).record.failure, "timeout");
  const RequestRecord idle = ask_one(silent, {.idle_timeout = 0.1}).record;
  EXPECT_EQ(idle.failure, "timeout");
  EXPECT_EQ(idle.output_tokens, 2);
}

TEST(ScriptedServer, AMissingDoneIsSaidAndForgiven) {
  ScriptedAnswer answer = paced_answer(2, 0, 0);
  answer.events.pop_back();
  const RequestRecord record = ask_one(answer).record;
  EXPECT_EQ(record.outcome, RequestOutcome::kOk);
  EXPECT_TRUE(record.done_missing);
  EXPECT_EQ(record.output_tokens, 2);
}

TEST(ScriptedServer, FirstTokenIsTheFirstWithText) {
  ScriptedAnswer answer = paced_answer(2, 0.02, 0.02);
  answer.events.insert(
      answer.events.begin(),
      {.bytes = sse_event(R"({"choices":[{"delta":{"role":"assistant","content":""}}]})")});
  answer.events.insert(
      answer.events.begin() + 1,
      {.after = 0.02, .bytes = sse_event(R"({"choices":[{"delta":{"reasoning":"hm"}}]})")});
  const ScriptedServer server([&](const ScriptedRequest&) { return answer; });
  const FinishedAnswer got = std::move(ask(server, 1)[0]);
  const std::vector<double> written = server.served()[0].written;
  EXPECT_GE(*got.record.first_token, written[1]) << "not the event with the role alone";
  EXPECT_LT(*got.record.first_token, written[2]);
  EXPECT_GE(*got.record.first_answer_token, written[2]);
  EXPECT_EQ(got.text, " token token");
  EXPECT_EQ(got.reasoning, "hm");
}

TEST(ScriptedServer, TokensComeFromUsageAndNotFromEvents) {
  ScriptedAnswer answer;
  answer.events = {{.bytes = sse_event(R"({"choices":[{"delta":{"content":"a b c"}}],
"usage":{"prompt_tokens":4,"completion_tokens":3}})")},
                   {.bytes = sse_event(R"({"choices":[{"delta":{"content":" d e"}}],
"usage":{"prompt_tokens":4,"completion_tokens":5}})")},
                   {.bytes = finish_chunk()},
                   {.bytes = done_event()}};
  // Lines of data are joined, so the JSON above must be on one.
  for (ScriptedEvent& event : answer.events) {
    std::string bytes = *event.bytes;
    std::replace(bytes.begin(), bytes.end() - 2, '\n', ' ');
    event.bytes = std::make_shared<const std::string>(bytes);
  }
  const FinishedAnswer got = ask_one(answer);
  EXPECT_EQ(got.record.outcome, RequestOutcome::kOk) << got.record.failure_text;
  EXPECT_EQ(got.record.output_tokens, 5);
  ASSERT_EQ(got.events.size(), 2U);
  EXPECT_EQ(got.events[0].tokens_so_far, 3);
  EXPECT_EQ(got.events[1].tokens_so_far, 5);
}

TEST(ScriptedServer, LargePromptsAndEventsArriveWhole) {
  const std::string text(size_t{1} << 20, 'x');
  size_t body_bytes = 0;
  const ScriptedServer server([&](const ScriptedRequest& request) {
    body_bytes = request.body.size();
    ScriptedAnswer answer;
    answer.events = {
        {.bytes = chat_chunk(text)}, {.bytes = finish_chunk()}, {.bytes = done_event()}};
    return answer;
  });
  HttpLoop loop({});
  FinishedAnswer answer;
  bool done = false;
  AnswerStream stream({.keep_text = true}, {}, [&](FinishedAnswer&& got) {
    answer = std::move(got);
    done = true;
  });
  const std::string body(size_t{3} << 20, '7');
  loop.start({.url = server.url() + "/", .body = body}, stream);
  loop.run([&] { return done; });
  EXPECT_EQ(answer.text.size(), text.size());
  EXPECT_EQ(body_bytes, body.size());
}

TEST(HttpFetch, TellsWhyThereIsNoAnswer) {
  EXPECT_EQ(fetch({}, {.url = "http://127.0.0.1:1/"}).end.failure, "connect");
  EXPECT_EQ(fetch({}, {.url = "gopher://127.0.0.1/"}).end.failure, "url");
  const ScriptedServer server([](const ScriptedRequest& request) {
    return ScriptedAnswer{
        .content_type = "text/plain",
        .events = {{.bytes = std::make_shared<const std::string>(
                        request.method + " " + request.path + " " + request.body)}}};
  });
  EXPECT_EQ(fetch({}, {.url = server.url() + "/version"}).body, "GET /version ");
  EXPECT_EQ(fetch({}, {.url = server.url() + "/x", .body = "17"}).body, "POST /x 17");
  EXPECT_EQ(fetch({}, {.url = server.url() + "/version"}, 5).end.failure, "too_long");
  const std::string https = "https" + server.url().substr(4);
  EXPECT_EQ(fetch({}, {.url = https + "/"}).end.failure, "tls");
}

TEST(HttpLoop, TimersAndCancelling) {
  HttpLoop loop({});
  const double start = monotonic_seconds();
  std::vector<int> order;
  loop.at(start + 0.02, [&] { order.push_back(2); });
  loop.at(start + 0.01, [&] { order.push_back(1); });
  loop.at(start - 1, [&] { order.push_back(0); });
  loop.run([&] { return order.size() == 3; });
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
  EXPECT_GE(monotonic_seconds(), start + 0.02);

  ScriptedAnswer silent;
  silent.end = ScriptedEnd::kSilence;
  const ScriptedServer server([&](const ScriptedRequest&) { return silent; });
  RequestRecord record;
  bool ended = false;
  AnswerStream stream({}, {}, [&](FinishedAnswer&& answer) {
    record = answer.record;
    ended = true;
  });
  const HttpLoop::TransferId id = loop.start({.url = server.url(), .body = "{}"}, stream);
  EXPECT_EQ(loop.in_flight(), 1U);
  loop.at(monotonic_seconds() + 0.02, [&] { loop.cancel(id); });
  loop.run([&] { return ended; });
  EXPECT_EQ(record.outcome, RequestOutcome::kCancelled);
  EXPECT_EQ(loop.in_flight(), 0U);
  loop.cancel(id);
}

}  // namespace
}  // namespace hadal
