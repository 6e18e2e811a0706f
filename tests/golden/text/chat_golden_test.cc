// Prompts and completions against the answers of the released reference encoder.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "chat/chat_markup.h"
#include "chat/completion_parser.h"
#include "chat/completion_stream.h"
#include "chat/encode_request.h"
#include "chat/openai_messages.h"
#include "chat/text_lines.h"
#include "golden_lines.h"
#include "support/source_dir.h"
#include "text/tokenizer.h"

namespace hadal {
namespace {

TEST(ChatGoldenTest, EncodesEveryConversationExactly) {
  const auto lines = read_golden_lines("chat/encode.jsonl");
  ASSERT_GE(lines.size(), 60u);
  for (size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(encode_chat(lines[i]), lines[i]["prompt"].get<std::string>()) << "line " << i + 1;
  }
}

TEST(ChatGoldenTest, ToolsBlockIsTheReleasedText) {
  const std::string block =
      read_text_file(test::source_path("tests/golden/data/chat/tools_block.txt"), size_t{1} << 20);
  const auto request = parse_json(
      R"({"messages": [{"role": "system", "content": "S", "tools":
          [{"type": "function", "function": {"name": "f"}}]}], "thinking_mode": "chat"})",
      "request");
  std::string expected = block;
  expected.replace(expected.find("{tool_schemas}"), 14, R"({"name": "f"})");
  EXPECT_EQ(encode_chat(request), "<｜begin▁of▁sentence｜>S\n\n" + expected);
}

// Pieces change what may become a special token, and nothing else.
TEST(ChatGoldenTest, PiecesTokeniseAsTheWholePrompt) {
  const Tokenizer nano = Tokenizer::load(test::source_path("models/nano/tokenizer.json"));
  for (const auto& line : read_golden_lines("chat/encode.jsonl")) {
    const auto pieces =
        encode_chat_pieces(read_openai_messages(line["messages"]), parse_chat_options(line));
    EXPECT_EQ(tokenize_prompt(nano, pieces), nano.encode(line["prompt"].get<std::string>()));
  }
}

TEST(ChatGoldenTest, ParsesEveryCompletionExactly) {
  const auto lines = read_golden_lines("chat/parse.jsonl");
  ASSERT_GE(lines.size(), 60u);
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto answer = parse_json(parse_chat_line(dump_json(lines[i]), i + 1), "answer");
    if (lines[i].contains("malformed")) {
      EXPECT_EQ(answer["malformed"], true) << "line " << i + 1;
      EXPECT_TRUE(answer["reason"].is_string());
    } else {
      EXPECT_EQ(dump_json(answer), "{\"parsed\": " + dump_json(lines[i]["parsed"]) + "}")
          << "line " << i + 1;
    }
  }
}

struct Collected {
  ParsedCompletion completion;
  int finishes = 0;
};

void collect(const std::vector<CompletionEvent>& events, Collected& into) {
  using Kind = CompletionEvent::Kind;
  for (const CompletionEvent& event : events) {
    EXPECT_EQ(into.finishes, 0);
    auto& calls = into.completion.tool_calls;
    switch (event.kind) {
      case Kind::kReasoning:
        into.completion.reasoning += event.text;
        break;
      case Kind::kContent:
        into.completion.content += event.text;
        break;
      case Kind::kToolCall:
        EXPECT_EQ(event.tool_call, static_cast<int>(calls.size()));
        calls.push_back({.name = event.name, .arguments = event.text});
        break;
      case Kind::kFinish:
        ++into.finishes;
        break;
    }
  }
}

// However the text is cut, the events of a well-formed completion add up to the strict answer.
TEST(ChatGoldenTest, StreamedEventsAddUpToTheParsedMessage) {
  uint32_t state = 7;
  for (const auto& line : read_golden_lines("chat/parse.jsonl")) {
    if (line.contains("malformed")) continue;
    const auto text = line["completion"].get<std::string>();
    const auto mode = parse_thinking_mode(line["thinking_mode"].get<std::string>(), "line");
    for (const size_t longest : {1u, 3u, 17u, 200u, 100000u}) {
      CompletionStream stream(mode);
      Collected collected;
      for (size_t done = 0; done < text.size();) {
        state = state * 1664525 + 1013904223;
        const size_t part = 1 + (state >> 8) % longest;
        collect(stream.push(std::string_view(text).substr(done, part)), collected);
        done += part;
      }
      collect(stream.finish(), collected);
      EXPECT_EQ(collected.finishes, 1);
      EXPECT_EQ(dump_json(completion_message(collected.completion)), dump_json(line["parsed"]));
    }
  }
}

// Cut off anywhere, as by a token limit, no marker leaks into content, and a call is whole or not
// given.
TEST(ChatGoldenTest, StreamSurvivesBeingCutOffAnywhere) {
  for (const auto& line : read_golden_lines("chat/parse.jsonl")) {
    if (line.contains("malformed")) continue;
    const auto text = line["completion"].get<std::string>();
    const auto mode = parse_thinking_mode(line["thinking_mode"].get<std::string>(), "line");
    const auto& parsed = line["parsed"];
    for (size_t size = 0; size <= text.size(); ++size) {
      CompletionStream stream(mode);
      Collected collected;
      collect(stream.push(std::string_view(text).substr(0, size)), collected);
      const std::string certain = collected.completion.content;
      EXPECT_TRUE(parsed["content"].get<std::string>().starts_with(certain));
      collect(stream.finish(true), collected);
      EXPECT_EQ(collected.completion.content.find(markup::kDsml), std::string::npos);
      EXPECT_EQ(collected.finishes, 1);
      const auto& calls = collected.completion.tool_calls;
      for (size_t i = 0; i < calls.size(); ++i) {
        const auto& function = parsed["tool_calls"][i]["function"];
        EXPECT_EQ(calls[i].name, function["name"].get<std::string>());
        EXPECT_EQ(calls[i].arguments, function["arguments"].get<std::string>());
      }
    }
  }
}

TEST(ChatGoldenTest, LinesOfTheCommandLineHaveTheGoldenForms) {
  for (const auto& line : read_golden_lines("chat/encode.jsonl")) {
    EXPECT_EQ(encode_chat_line(dump_json(line), 1),
              "{\"prompt\": " + dump_json(line["prompt"]) + "}");
  }
}

}  // namespace
}  // namespace hadal
