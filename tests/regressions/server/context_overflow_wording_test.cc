// A prompt beyond the context was refused in words of our own ("prompt: has 9006 tokens, and the
// context holds 4096 ..."). Libraries show agents the message and not the code, and agents shorten
// the conversation only on words they know.
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <regex>
#include <string>
#include <utility>

#include "checkpoint/v4/checkpoint.h"
#include "engine/engine.h"
#include "read_request.h"
#include "server/openai/chat_handler.h"
#include "support/source_dir.h"

namespace hadal::regressions {
namespace {

class IdleExchange final : public Exchange {
 public:
  explicit IdleExchange(std::string body)
      : request_{.method = "POST", .path = "/", .headers = {}, .body = std::move(body)} {}
  const HttpRequest& request() const override { return request_; }
  void respond(HttpResponse) override {}
  void begin_stream(HttpResponse) override {}
  void write(std::string) override {}
  void end() override {}
  void on_abandoned(std::function<void()>) override {}
  void on_break_off(std::function<void()>) override {}
  void post(std::function<void()>) override {}
  void set_usage(int, int) override {}
  void set_style(AnswerStyle /*style*/) override {}

 private:
  HttpRequest request_;
};

TEST(ContextOverflowWordingTest, IsThatOfOtherServers) {
  const Checkpoint checkpoint = Checkpoint::open(test::source_path("models/nano"));
  Engine engine(checkpoint, {.threads = 1, .max_context = 64});
  std::string text;
  for (int i = 0; i < 100; ++i) text += "word ";
  const auto exchange = std::make_shared<IdleExchange>(
      R"({"messages": [{"role": "user", "content": ")" + text + "\"}]}");
  try {
    handle_chat_completion(
        exchange, {.engine = engine, .tokenizer = nano_tokenizer(), .model_names = {"nano"}});
    FAIL() << "it was taken";
  } catch (const ApiException& error) {
    EXPECT_TRUE(std::regex_match(
        error.error().message,
        std::regex("This model's maximum context length is 64 tokens\\. However, your messages "
                   "resulted in [0-9]+ tokens\\. Please reduce the length of the messages\\.")))
        << error.error().message;
    EXPECT_EQ(error.error().status, 400);
    EXPECT_EQ(error.error().code, "context_length_exceeded");
  }
}

}  // namespace
}  // namespace hadal::regressions
