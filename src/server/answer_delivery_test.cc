// The seam between generations and APIs: a dialect that is none of OpenAI's is told the same answer
// through a writer of its own.
#include "server/answer_delivery.h"

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "chat/chat_encoding.h"
#include "chat/chat_messages.h"
#include "checkpoint/v4/checkpoint.h"
#include "support/source_dir.h"

namespace hadal {
namespace {

// One line for each thing that happens.
class LineWriter final : public AnswerWriter {
 public:
  void add_prompt(int, std::vector<TokenLogprobs>) override {}
  void add_token(int, const GeneratedToken& token) override {
    if (token.logprobs) ++tokens_;
  }
  HttpResponse whole(const std::vector<AnswerChoice>& choices) override {
    std::string text;
    for (const auto& [answer, end] : choices) text += answer.content + "\n" + last_line(end);
    return {.content_type = "text/plain", .body = text};
  }
  HttpResponse refusal(const ApiError& error) override {
    return {.status = error.status, .content_type = "text/plain", .body = error.message};
  }
  HttpResponse begin() override { return {.content_type = "text/plain", .body = "begin\n"}; }
  std::string delta(int, const CompletionEvent& event, const GenerationUsage&) override {
    return event.kind == CompletionEvent::Kind::kContent ? "say " + event.text + "\n" : "";
  }
  std::string end_choice(int, const GenerationEnd& end) override { return last_line(end); }
  std::string end(const GenerationUsage&) override { return {}; }
  std::string error(const ApiError& error) override { return "error " + error.message + "\n"; }

 private:
  std::string last_line(const GenerationEnd& end) const {
    return std::string(end.reason == FinishReason::kLength ? "cut" : "end") + " after " +
           std::to_string(end.usage.completion_tokens) + ", told of " + std::to_string(tokens_) +
           "\n";
  }
  int tokens_ = 0;
};

// Keeps what it is given, until the test has it.
class KeptExchange final : public Exchange {
 public:
  const HttpRequest& request() const override { return request_; }
  void respond(HttpResponse response) override {
    keep(response.body);
    status = response.status;
    finish();
  }
  void begin_stream(HttpResponse head) override { keep(head.body); }
  void write(std::string part) override { keep(part); }
  void end() override { finish(); }
  void on_abandoned(std::function<void()> callback) override { abandoned = std::move(callback); }
  void on_break_off(std::function<void()> callback) override { break_off = std::move(callback); }
  // The engine's thread is the server's here: tasks keep their order either way.
  void post(std::function<void()> task) override {
    const std::lock_guard lock(tasks_);
    task();
  }
  void set_usage(int, int) override {}
  void set_style(AnswerStyle /*style*/) override {}

  std::string text() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [&] { return is_ended_; });
    abandoned = nullptr;
    break_off = nullptr;
    return text_;
  }

  int status = 0;
  std::function<void()> abandoned;
  std::function<void()> break_off;

 private:
  void keep(const std::string& text) {
    const std::lock_guard lock(mutex_);
    text_ += text;
  }
  void finish() {
    const std::lock_guard lock(mutex_);
    is_ended_ = true;
    ended_.notify_all();
  }

  HttpRequest request_;
  std::recursive_mutex tasks_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::string text_;
  bool is_ended_ = false;
};

class AnswerDeliveryTest : public testing::Test {
 protected:
  AnswerDeliveryTest()
      : directory_(test::source_path("models/nano")),
        tokenizer_(Tokenizer::load(directory_ / "tokenizer.json")),
        checkpoint_(Checkpoint::open(directory_)),
        engine_(checkpoint_, {.threads = 1}) {}

  ChatTurn turn(int max_tokens) const {
    ChatTurn turn;
    turn.prompt = tokenize_prompt(
        tokenizer_, encode_chat_pieces({user_message("Victor has a white owl. What pet does Victor "
                                                     "have?")},
                                       {}));
    turn.sampling.temperature = 0;
    turn.max_tokens = max_tokens;
    return turn;
  }

  std::string deliver(ChatTurn turn, bool stream) {
    const auto exchange = std::make_shared<KeptExchange>();
    deliver_answer(exchange, engine_, tokenizer_, {{.turn = std::move(turn)}},
                   std::make_unique<LineWriter>(), stream);
    return exchange->text();
  }

  std::filesystem::path directory_;
  Tokenizer tokenizer_;
  Checkpoint checkpoint_;
  Engine engine_;
};

TEST_F(AnswerDeliveryTest, AnotherDialectHearsTheSameAnswerWholeAndStreamed) {
  constexpr int kEnough = 100;
  const std::string whole = deliver(turn(kEnough), false);
  const std::string streamed = deliver(turn(kEnough), true);
  const size_t line = whole.find('\n');
  EXPECT_NE(line, 0U);
  EXPECT_TRUE(streamed.starts_with("begin\n")) << streamed;
  EXPECT_TRUE(streamed.ends_with(whole.substr(line + 1))) << streamed << whole;
  std::string said;
  for (size_t at = streamed.find("\nsay "); at != std::string::npos;
       at = streamed.find("\nsay ", at + 1)) {
    said += streamed.substr(at + 5, streamed.find('\n', at + 1) - at - 5);
  }
  EXPECT_EQ(said, whole.substr(0, line));
}

TEST_F(AnswerDeliveryTest, TokensAndTheReasonOfTheEndReachTheWriter) {
  ChatTurn request = turn(3);
  request.sampling.top_logprobs = 0;
  EXPECT_TRUE(deliver(request, false).ends_with("\ncut after 3, told of 3\n"));
}

TEST_F(AnswerDeliveryTest, SeveralGenerationsAreOneAnswer) {
  const std::string one = deliver(turn(5), false);
  for (const bool stream : {false, true}) {
    std::vector<GenerationRequest> requests;
    for (int i = 0; i < 3; ++i) requests.push_back({.turn = turn(5)});
    const auto exchange = std::make_shared<KeptExchange>();
    deliver_answer(exchange, engine_, tokenizer_, std::move(requests),
                   std::make_unique<LineWriter>(), stream);
    const std::string text = exchange->text();
    size_t ends = 0;
    for (size_t at = text.find("cut after 5"); at != std::string::npos;
         at = text.find("cut after 5", at + 1)) {
      ++ends;
    }
    EXPECT_EQ(ends, 3U) << text;
    if (!stream) {
      EXPECT_EQ(text, one + one + one);
    }
  }
}

TEST_F(AnswerDeliveryTest, OneThatIsRefusedEndsTheAnswer) {
  std::vector<GenerationRequest> requests;
  requests.push_back({.turn = turn(5)});
  requests.push_back({.turn = {}});
  const auto exchange = std::make_shared<KeptExchange>();
  deliver_answer(exchange, engine_, tokenizer_, std::move(requests), std::make_unique<LineWriter>(),
                 false);
  EXPECT_NE(exchange->text().find("has no tokens"), std::string::npos);
  EXPECT_EQ(exchange->status, 400);
}

TEST_F(AnswerDeliveryTest, WhatTheEngineRefusesIsTheWritersToSay) {
  ChatTurn request = turn(3);
  request.prompt.clear();
  const auto exchange = std::make_shared<KeptExchange>();
  deliver_answer(exchange, engine_, tokenizer_, {{.turn = request}}, std::make_unique<LineWriter>(),
                 true);
  EXPECT_NE(exchange->text(), "");
  EXPECT_EQ(exchange->status, 400);
}

}  // namespace
}  // namespace hadal
