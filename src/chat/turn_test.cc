#include "chat/turn.h"

#include <atomic>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "chat/openai_messages.h"
#include "checkpoint/v4/checkpoint.h"
#include "engine/engine.h"
#include "json/python_json.h"
#include "support/source_dir.h"

namespace hadal {
namespace {

constexpr char kNotes[] =
    "Here are my notes. The code for the blue door is 4821. Anna lives in Lisbon. We drank tea and "
    "talked for an hour. The key is under the stairs. Victor has a white owl. The meeting with "
    "Rosa is on Friday.";

std::filesystem::path nano_directory() { return test::source_path("models/nano"); }

const Tokenizer& tokenizer() {
  static const Tokenizer instance = Tokenizer::load(nano_directory() / "tokenizer.json");
  return instance;
}

class ChatTest : public testing::Test {
 protected:
  explicit ChatTest(const EngineOptions& options = {.threads = 1})
      : checkpoint_(Checkpoint::open(nano_directory())), engine_(checkpoint_, options) {}

  static ChatTurn turn(const nlohmann::ordered_json& messages, ThinkingMode mode) {
    const auto pieces = encode_chat_pieces(read_openai_messages(messages), {.thinking_mode = mode});
    return {.prompt = tokenize_prompt(tokenizer(), pieces),
            .thinking_mode = mode,
            .sampling = {.temperature = 0},
            .max_tokens = 200,
            .stop = {}};
  }

  ChatResult ask(const std::string& question, ThinkingMode mode = ThinkingMode::kChat,
                 std::vector<std::string> stop = {}) {
    const nlohmann::ordered_json messages = {{{"role", "user"}, {"content", question}}};
    ChatTurn request = turn(messages, mode);
    request.stop = std::move(stop);
    return run_chat(engine_, tokenizer(), request, {});
  }

  Checkpoint checkpoint_;
  Engine engine_;
};

TEST_F(ChatTest, AnswersAboutNotes) {
  const ChatResult result = ask(std::string(kNotes) + " What is the code for the blue door?");
  EXPECT_EQ(result.answer.content, "The code for the blue door is 4821.");
  EXPECT_EQ(result.answer.reasoning, "");
  EXPECT_EQ(result.reason, FinishReason::kStop);
  EXPECT_EQ(result.reasoning_tokens, 0);
}

TEST_F(ChatTest, ThinksBeforeItAnswers) {
  const ChatResult result =
      ask(std::string(kNotes) + "\n\nWhat pet does Victor have?", ThinkingMode::kThinking);
  EXPECT_EQ(result.answer.reasoning, "The notes say: Victor has a white owl.");
  EXPECT_EQ(result.answer.content, "Victor has a white owl.");
  EXPECT_GT(result.reasoning_tokens, 5);
  EXPECT_LT(result.reasoning_tokens, result.completion_tokens - 5);
}

TEST_F(ChatTest, RemembersTheTurnBefore) {
  const ChatResult first = ask(kNotes);
  EXPECT_EQ(first.answer.content, "I will remember that.");
  const nlohmann::ordered_json messages = {
      {{"role", "user"}, {"content", kNotes}},
      {{"role", "assistant"}, {"content", first.answer.content}},
      {{"role", "user"}, {"content", "Where can I find the key?"}}};
  const ChatResult second = run_chat(engine_, tokenizer(), turn(messages, ThinkingMode::kChat), {});
  EXPECT_EQ(second.answer.content, "The key is under the stairs.");
}

TEST_F(ChatTest, StopStringsCutTheContentWhereTheyBegin) {
  const std::string question = std::string(kNotes) + " What is the code for the blue door?";
  const ChatResult cut = ask(question, ThinkingMode::kChat, {"nowhere", "blue door is", "door"});
  EXPECT_EQ(cut.answer.content, "The code for the blue ");
  EXPECT_EQ(cut.reason, FinishReason::kStop);
  // What only looked like the beginning of a stop string is given back.
  const ChatResult whole = ask(question, ThinkingMode::kChat, {"4821!", "4821.x", ".."});
  EXPECT_EQ(whole.answer.content, "The code for the blue door is 4821.");
}

TEST_F(ChatTest, StopStringsDoNotCountInReasoning) {
  const ChatResult result =
      ask(std::string(kNotes) + "\n\nWhat pet does Victor have?", ThinkingMode::kThinking, {"owl"});
  EXPECT_EQ(result.answer.reasoning, "The notes say: Victor has a white owl.");
  EXPECT_EQ(result.answer.content, "Victor has a white ");
}

TEST_F(ChatTest, EventsAddUpToTheAnswerAndEndOnce) {
  const nlohmann::ordered_json messages = {
      {{"role", "user"}, {"content", std::string(kNotes) + " Where can I find the key?"}}};
  std::string content;
  int parts = 0;
  int finishes = 0;
  const ChatResult result = run_chat(engine_, tokenizer(), turn(messages, ThinkingMode::kChat),
                                     [&](const CompletionEvent& event) {
                                       content += event.text;
                                       if (event.kind == CompletionEvent::Kind::kContent) ++parts;
                                       if (event.kind == CompletionEvent::Kind::kFinish) ++finishes;
                                     });
  EXPECT_EQ(content, result.answer.content);
  EXPECT_GT(parts, 3);
  EXPECT_EQ(finishes, 1);
}

TEST_F(ChatTest, TokenLimitCutsTheAnswer) {
  const nlohmann::ordered_json messages = {
      {{"role", "user"}, {"content", std::string(kNotes) + " Where can I find the key?"}}};
  ChatTurn request = turn(messages, ThinkingMode::kChat);
  request.max_tokens = 2;
  const ChatResult result = run_chat(engine_, tokenizer(), request, {});
  EXPECT_EQ(result.reason, FinishReason::kLength);
  EXPECT_EQ(result.completion_tokens, 2);
}

TEST_F(ChatTest, AnAnswerIsAsLongAsItMustBe) {
  const nlohmann::ordered_json messages = {
      {{"role", "user"}, {"content", std::string(kNotes) + " Where can I find the key?"}}};
  ChatTurn request = turn(messages, ThinkingMode::kChat);
  request.max_tokens = 60;
  const ChatResult free = run_chat(engine_, tokenizer(), request, {});
  ASSERT_LT(free.completion_tokens, 30);
  request.min_tokens = 40;
  const ChatResult longer = run_chat(engine_, tokenizer(), request, {});
  EXPECT_GE(longer.completion_tokens, 40);
  EXPECT_TRUE(longer.answer.content.starts_with(free.answer.content));
  request.min_tokens = 0;
  request.ignore_eos = true;
  const ChatResult endless = run_chat(engine_, tokenizer(), request, {});
  EXPECT_EQ(endless.completion_tokens, 60);
  EXPECT_EQ(endless.reason, FinishReason::kLength);
  request.stop_tokens = {*tokenizer().find(" key")};
  EXPECT_LT(run_chat(engine_, tokenizer(), request, {}).completion_tokens, 10);
}

TEST_F(ChatTest, AnInterruptEndsTheAnswer) {
  std::atomic<bool> interrupted{false};
  const nlohmann::ordered_json messages = {{{"role", "user"}, {"content", kNotes}}};
  ChatTurn request = turn(messages, ThinkingMode::kChat);
  interrupted = true;
  const ChatResult result = run_chat(engine_, tokenizer(), request, {}, &interrupted);
  EXPECT_EQ(result.reason, FinishReason::kCancelled);
}

TEST_F(ChatTest, AListenerThatThrowsEndsTheRequest) {
  const nlohmann::ordered_json messages = {{{"role", "user"}, {"content", kNotes}}};
  EXPECT_THROW(run_chat(engine_, tokenizer(), turn(messages, ThinkingMode::kChat),
                        [](const CompletionEvent&) { throw std::runtime_error("full disk"); }),
               std::runtime_error);
  EXPECT_EQ(ask(kNotes).answer.content, "I will remember that.");
}

TEST(ChatToolTest, CallsTools) {
  ChatTurn turn;
  turn.stop = {"get"};
  AnswerReader reader(tokenizer(), turn);
  const std::string text =
      "Looking.\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"get_weather\">\n"
      "<｜DSML｜parameter name=\"city\" string=\"true\">Lisbon</｜DSML｜parameter>\n"
      "</｜DSML｜invoke>\n</｜DSML｜tool_calls>";
  ChatAnswer answer;
  for (const int32_t token : tokenizer().encode(text)) {
    for (const CompletionEvent& event : reader.push(token)) answer.add(event);
  }
  for (const CompletionEvent& event : reader.finish(false)) answer.add(event);
  EXPECT_EQ(answer.content, "Looking.");
  ASSERT_EQ(answer.tool_calls.size(), 1U);
  EXPECT_EQ(answer.tool_calls[0].name, "get_weather");
  EXPECT_EQ(parse_json(answer.tool_calls[0].arguments, "arguments"),
            nlohmann::ordered_json({{"city", "Lisbon"}}));
  EXPECT_EQ(reader.tool_calls(), 1);
}

// What the tokens of `ids` come to.
ChatAnswer read_tokens(const std::vector<int32_t>& ids, const ChatTurn& turn) {
  AnswerReader reader(tokenizer(), turn);
  ChatAnswer answer;
  for (const int32_t id : ids) {
    for (const CompletionEvent& event : reader.push(id)) answer.add(event);
  }
  for (const CompletionEvent& event : reader.finish(false)) answer.add(event);
  return answer;
}

TEST(AnswerReaderTest, LeavesControlTokensOut) {
  const auto ids =
      tokenizer().encode("x<｜User｜>y<｜Assistant｜>z</think><｜begin▁of▁sentence｜>w");
  EXPECT_EQ(read_tokens(ids, {}).content, "xyzw");
  ChatTurn shown;
  shown.show_special_tokens = true;
  EXPECT_EQ(read_tokens(ids, shown).content,
            "x<｜User｜>y<｜Assistant｜>z</think><｜begin▁of▁sentence｜>w");
  // Written out in ordinary tokens they are words.
  EXPECT_EQ(read_tokens(tokenizer().encode_ordinary("say </think> or <｜User｜>"), {}).content,
            "say </think> or <｜User｜>");
  ChatTurn thinking;
  thinking.thinking_mode = ThinkingMode::kThinking;
  const ChatAnswer answer =
      read_tokens(tokenizer().encode("a<｜User｜>b</think>c</think>d<think>e"), thinking);
  EXPECT_EQ(answer.reasoning, "ab");
  EXPECT_EQ(answer.content, "cde");
}

TEST(AnswerReaderTest, PlainTextIsTakenAsItComes) {
  ChatTurn plain;
  plain.plain_text = true;
  const std::string markup =
      "so</think> and \n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n</｜DSML｜invoke>\n"
      "</｜DSML｜tool_calls> \n";
  const ChatAnswer answer = read_tokens(tokenizer().encode(markup), plain);
  EXPECT_EQ(answer.content, markup);
  EXPECT_TRUE(answer.reasoning.empty() && answer.tool_calls.empty());
  // Control tokens are none of the text, and strings end it, here as well.
  const auto ids = tokenizer().encode("x<｜User｜>yz 🦉 w");
  EXPECT_EQ(read_tokens(ids, plain).content, "xyz 🦉 w");
  plain.show_special_tokens = true;
  EXPECT_EQ(read_tokens(ids, plain).content, "x<｜User｜>yz 🦉 w");
  plain.stop = {"z 🦉"};
  EXPECT_EQ(read_tokens(ids, plain).content, "x<｜User｜>y");
}

TEST(AnswerReaderTest, KeepsThinkingTagsInTheValuesOfParameters) {
  const ChatAnswer answer = read_tokens(
      tokenizer().encode(
          "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"write\">\n<｜DSML｜parameter "
          "name=\"text\" string=\"true\"><think>so</think><｜User｜></｜DSML｜parameter>\n"
          "</｜DSML｜invoke>\n</｜DSML｜tool_calls>"),
      {});
  ASSERT_EQ(answer.tool_calls.size(), 1U);
  EXPECT_EQ(answer.tool_calls[0].arguments, "{\"text\": \"<think>so</think>\"}");
}

}  // namespace
}  // namespace hadal
