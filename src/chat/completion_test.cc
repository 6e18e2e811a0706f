#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "chat/completion_parser.h"
#include "chat/completion_stream.h"
#include "chat/text_lines.h"

namespace hadal {
namespace {

const std::string kEos = "<｜end▁of▁sentence｜>";
const std::string kOpen = "\n\n<｜DSML｜tool_calls>\n";
const std::string kClose = "</｜DSML｜tool_calls>";

std::string parameter(const std::string& name, const std::string& kind, const std::string& value) {
  return "<｜DSML｜parameter name=\"" + name + "\" string=\"" + kind + "\">" + value +
         "</｜DSML｜parameter>\n";
}

std::string invoke(const std::string& name, const std::string& parameters) {
  return "<｜DSML｜invoke name=\"" + name + "\">\n" + parameters + "</｜DSML｜invoke>\n";
}

std::string reason(const std::string& text, ThinkingMode mode = ThinkingMode::kChat) {
  return parse_completion(text, mode).malformed.value_or("");
}

// Events in one line: r(...) reasoning, c(...) content, [name:arguments] a whole call,
// [name:arguments! one that is not whole, $ the end.
std::string show(const std::vector<CompletionEvent>& events) {
  using Kind = CompletionEvent::Kind;
  std::string out;
  for (const CompletionEvent& event : events) {
    switch (event.kind) {
      case Kind::kReasoning:
        out += "r(" + event.text + ")";
        break;
      case Kind::kContent:
        out += "c(" + event.text + ")";
        break;
      case Kind::kToolCallBegin:
        out += "[" + event.text + ":";
        break;
      case Kind::kToolCallArguments:
        out += event.text;
        break;
      case Kind::kToolCallEnd:
        out += event.complete ? "]" : "!";
        break;
      case Kind::kFinish:
        out += "$";
        break;
    }
  }
  return out;
}

std::string stream(const std::string& text, ThinkingMode mode = ThinkingMode::kChat) {
  CompletionStream stream(mode);
  std::vector<CompletionEvent> events = stream.push(text);
  for (CompletionEvent& event : stream.finish()) {
    if (!events.empty() && event.kind == events.back().kind) {
      events.back().text += event.text;  // so that show() gives one text as one
    } else {
      events.push_back(std::move(event));
    }
  }
  return show(events);
}

TEST(CompletionParserTest, ReadsReasoningContentAndCalls) {
  const auto parsed = parse_completion(
      "why</think>so" + kOpen +
          invoke("f", parameter("s", "true", "a\"b\n<c>") + parameter("j", "false", "[1, 2]")) +
          invoke("g", "\n") + kClose + kEos,
      ThinkingMode::kThinking);
  ASSERT_FALSE(parsed.malformed) << *parsed.malformed;
  EXPECT_EQ(parsed.reasoning, "why");
  EXPECT_EQ(parsed.content, "so");
  ASSERT_EQ(parsed.tool_calls.size(), 2u);
  EXPECT_EQ(parsed.tool_calls[0].name, "f");
  EXPECT_EQ(parsed.tool_calls[0].arguments, R"({"s": "a\"b\n<c>", "j": [1, 2]})");
  EXPECT_EQ(parsed.tool_calls[1].arguments, "{}");
}

TEST(CompletionParserTest, RefusesWhatTheReferenceRefuses) {
  const std::string call = invoke("f", parameter("a", "true", "b"));
  EXPECT_EQ(reason("hi" + kEos), "");
  EXPECT_EQ(reason("hi" + kOpen + call + kClose), "");
  EXPECT_NE(reason("hi"), "");
  EXPECT_NE(reason("hi" + kEos + "more"), "");
  EXPECT_NE(reason("hi" + kEos, ThinkingMode::kThinking), "");
  EXPECT_NE(reason("hi</think>" + kEos), "");
  EXPECT_NE(reason("｜DSML｜" + kEos), "");
  EXPECT_NE(reason(kOpen + call + kClose + " " + kEos), "");
  EXPECT_NE(reason(kOpen + " " + call + kClose + kEos), "");
  EXPECT_NE(reason(kOpen + call + kEos), "");
  EXPECT_NE(reason(kOpen + invoke("f", parameter("a", "maybe", "b")) + kClose + kEos), "");
  EXPECT_NE(reason(kOpen + invoke("f", parameter("a", "true", "b") + parameter("a", "true", "c")) +
                   kClose + kEos),
            "");
  EXPECT_NE(reason("x" + kOpen + call + kClose + "</think>" + kEos, ThinkingMode::kThinking), "");
  EXPECT_THROW(parse_completion("\xff", ThinkingMode::kChat), Error);
}

TEST(CompletionStreamTest, GivesTextAtOnceAndHoldsBackHalfMarkers) {
  CompletionStream stream(ThinkingMode::kThinking);
  EXPECT_EQ(show(stream.push("I thi")), "r(I thi)");
  EXPECT_EQ(show(stream.push("nk</thi")), "r(nk)");
  EXPECT_EQ(show(stream.push("s")), "r(</this)");
  EXPECT_EQ(show(stream.push("</think>An")), "c(An)");
  EXPECT_EQ(show(stream.push("swer\n\n")), "c(swer)");
  EXPECT_EQ(show(stream.push("<")), "");
  EXPECT_EQ(show(stream.push("b>")), "c(\n\n<b>)");
  EXPECT_EQ(show(stream.push("\xF0\x9F\x90")), "");
  EXPECT_EQ(show(stream.push("\x8B")), "c(🐋)");
  EXPECT_EQ(show(stream.push(kEos.substr(0, 9))), "");
  EXPECT_FALSE(stream.finished());
  EXPECT_EQ(show(stream.push(kEos.substr(9) + "ignored")), "$");
  EXPECT_TRUE(stream.finished());
  EXPECT_EQ(show(stream.push("ignored")), "");
  EXPECT_EQ(show(stream.finish()), "");
}

TEST(CompletionStreamTest, StreamsTheArgumentsOfACall) {
  CompletionStream stream(ThinkingMode::kChat);
  EXPECT_EQ(show(stream.push("ok" + kOpen + "<｜DSML｜invoke name=\"f\">\n")), "c(ok)");
  EXPECT_EQ(show(stream.push("<｜DSML｜parameter name=\"a\" string=\"true\">x\"")),
            "[f:{\"a\": \"x\\\"");
  EXPECT_EQ(show(stream.push("y</｜DSML｜para")), "y");
  EXPECT_EQ(stream.tool_calls(), 1);
  EXPECT_EQ(show(stream.push("meter>\n</｜DSML｜invoke")), "\"}]");
  EXPECT_EQ(show(stream.push(">\n" + kClose)), "");
  EXPECT_EQ(show(stream.finish()), "$");
}

TEST(CompletionStreamTest, WhatIsNoCallIsContent) {
  EXPECT_EQ(stream("a" + kOpen + "oops" + kEos), "c(a" + kOpen + "oops)$");
  EXPECT_EQ(stream("a\n\n<｜DSML｜tool_calls" + kEos), "c(a\n\n<｜DSML｜tool_calls)$");
  EXPECT_EQ(stream(kOpen + "<｜DSML｜invoke nome=\"f\">\n"),
            "c(" + kOpen + "<｜DSML｜invoke nome=\"f\">\n)$");
  EXPECT_EQ(stream("why" + kOpen + "no</think>b" + kEos, ThinkingMode::kThinking),
            "r(why" + kOpen + "no)c(b)$");
  const std::string call = invoke("f", parameter("a", "true", "b"));
  const std::string shown = "[f:{\"a\": \"b\"}]";
  EXPECT_EQ(stream(kOpen + call + "Done." + kEos), shown + "c(\nDone.)$");
  EXPECT_EQ(stream(kOpen + call + kClose + "\n" + kEos), shown + "$");
  EXPECT_EQ(stream(kOpen + call + kClose + "\nDone." + kEos), shown + "c(\nDone.)$");
  EXPECT_EQ(stream(kOpen + call + kClose + kOpen + call + kClose), shown + shown + "$");
  EXPECT_EQ(stream(kOpen + call + "<｜DSML｜invoke oops" + kClose + kEos),
            shown + "c(\n<｜DSML｜invoke oops" + kClose + ")$");
}

TEST(CompletionStreamTest, CallsThatGoWrongAreNeverWhole) {
  const std::string begun = kOpen + "<｜DSML｜invoke name=\"f\">\n";
  const std::string valued = begun + "<｜DSML｜parameter name=\"a\" string=\"true\">";
  EXPECT_EQ(stream(valued + "cut o"), "[f:{\"a\": \"cut o!$");
  EXPECT_EQ(stream(valued + "cut o" + kEos), "[f:{\"a\": \"cut o!$");
  EXPECT_EQ(stream(valued + "b</｜DSML｜parameter>\n"), "[f:{\"a\": \"b\"!$");
  EXPECT_EQ(stream(valued + "b</｜DSML｜parameter>oops" + kEos), "[f:{\"a\": \"b\"!c(oops)$");
  EXPECT_EQ(stream(begun + "<｜DSML｜parameter name=\"a\" string=\"false\">[1, "),
            "[f:{\"a\": [1, !$");
  EXPECT_EQ(stream(kOpen + invoke("f", parameter("a", "true", "b") + parameter("a", "true", "c"))),
            "[f:{\"a\": \"b\"!c( name=\"a\" string=\"true\">c</｜DSML｜parameter>\n"
            "</｜DSML｜invoke>\n)$");
}

TEST(CompletionStreamTest, ValuesThatAreNotJsonBecomeStrings) {
  const auto value = [](const std::string& text) {
    return stream(kOpen + invoke("f", parameter("a", "false", text)) + kClose + kEos);
  };
  EXPECT_EQ(value("{\"k\": [1]}"), "[f:{\"a\": {\"k\": [1]}}]$");
  EXPECT_EQ(value("London"), "[f:{\"a\": \"London\"}]$");
  EXPECT_EQ(value("NaN"), "[f:{\"a\": \"NaN\"}]$");
  EXPECT_EQ(value("1} \""), "[f:{\"a\": \"1} \\\"\"}]$");
}

TEST(CompletionStreamTest, ToleratesTheReasoningsOddEnds) {
  const auto thinking = ThinkingMode::kThinking;
  EXPECT_EQ(stream("<think>why</think>so" + kEos, thinking), "r(why)c(so)$");
  EXPECT_EQ(stream("<thin", thinking), "r(<thin)$");
  EXPECT_EQ(stream("never ends", thinking), "r(never ends)$");
  EXPECT_EQ(stream("why" + kOpen + invoke("f", "\n") + kClose + kEos, thinking), "r(why)[f:{}]$");
  EXPECT_EQ(stream("", thinking), "$");
  EXPECT_EQ(stream("a\xff"
                   "b\xe6"),
            "c(a\uFFFDb\uFFFD)$");
}

// Looking at everything again with each token would take minutes here.
TEST(CompletionStreamTest, LongHeldTextIsNotQuadratic) {
  for (const std::string& start :
       {kOpen + "<｜DSML｜invoke name=\"", kOpen + "<｜DSML｜invoke",
        kOpen + invoke("f", "\n") + kClose,
        kOpen + "<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"",
        kOpen + "<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"a\" string=\"false\">"}) {
    CompletionStream stream(ThinkingMode::kChat);
    stream.push(start);
    for (int i = 0; i < 300'000; ++i) stream.push(start.ends_with(">") ? "1" : " ");
    EXPECT_EQ(show(stream.finish()).back(), '$');
  }
  const std::string many = kOpen + [] {
    std::string calls;
    for (int i = 0; i < 5'000; ++i) calls += invoke("f", parameter("a", "false", "1"));
    return calls;
  }() + kClose;
  CompletionStream stream(ThinkingMode::kChat);
  stream.push(many);
  EXPECT_EQ(stream.tool_calls(), 5'000);
}

TEST(TextLinesTest, TokenizeAndDetokenize) {
  const Tokenizer nano = Tokenizer::load(HADAL_SOURCE_DIR "/models/nano/tokenizer.json");
  const std::string ids = tokenize_line(nano, R"({"text": "The owl is <think>日本"})", 1);
  EXPECT_EQ(detokenize_line(nano, ids, 1), R"({"text": "The owl is <think>日本"})");
  EXPECT_EQ(tokenize_line(nano, R"({"text": ""})", 1), R"({"ids": []})");
}

TEST(TextLinesTest, ErrorsBeginWithTheLine) {
  const Tokenizer nano = Tokenizer::load(HADAL_SOURCE_DIR "/models/nano/tokenizer.json");
  const auto error = [](auto call) {
    try {
      call();
    } catch (const Error& caught) {
      return std::string(caught.what());
    }
    return std::string();
  };
  EXPECT_TRUE(error([&] { tokenize_line(nano, "{", 3); }).starts_with("line 3: "));
  EXPECT_TRUE(error([&] { tokenize_line(nano, "[]", 3); }).starts_with("line 3: "));
  EXPECT_TRUE(error([&] { tokenize_line(nano, "{}", 3); }).starts_with("line 3: text: "));
  EXPECT_TRUE(error([&] { tokenize_line(nano, R"({"text": 1})", 4); }).starts_with("line 4: text"));
  EXPECT_TRUE(
      error([&] { detokenize_line(nano, R"({"ids": [1, 99999]})", 5); }).starts_with("line 5: "));
  EXPECT_TRUE(error([&] {
                detokenize_line(nano, R"({"ids": [1, "a"]})", 5);
              }).starts_with("line 5: ids[1]"));
  EXPECT_TRUE(error([&] {
                detokenize_line(nano, R"({"ids": [18446744073709551615]})", 5);
              }).starts_with("line 5: ids[0]"));
  EXPECT_TRUE(error([&] {
                detokenize_line(nano, R"({"ids": [99999999999999999999999]})", 5);
              }).starts_with("line 5: ids[0]"));
  EXPECT_TRUE(error([] {
                encode_chat_line(R"({"messages": [{}], "thinking_mode": "chat"})", 6);
              }).starts_with("line 6: messages[0].role"));
  EXPECT_TRUE(error([] {
                parse_chat_line(R"({"completion": "", "thinking_mode": "x"})", 7);
              }).starts_with("line 7: thinking_mode"));
}

}  // namespace
}  // namespace hadal
