#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "chat/completion_parser.h"
#include "chat/completion_stream.h"
#include "chat/text_lines.h"
#include "support/source_dir.h"

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

// Events in one line: r(...) reasoning, c(...) content, [name:arguments] a call, $ the end.
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
      case Kind::kToolCall:
        out += "[" + event.name + ":" + event.text + "]";
        break;
      case Kind::kFinish:
        out += "$";
        break;
    }
  }
  return out;
}

std::string stream(const std::string& text, ThinkingMode mode = ThinkingMode::kChat,
                   bool is_cut = false) {
  CompletionStream stream(mode);
  std::vector<CompletionEvent> events = stream.push(text);
  for (CompletionEvent& event : stream.finish(is_cut)) {
    if (!events.empty() && event.kind == events.back().kind &&
        event.kind != CompletionEvent::Kind::kToolCall) {
      events.back().text += event.text;  // so that show() gives one text as one
    } else {
      events.push_back(std::move(event));
    }
  }
  return show(events);
}

std::string stream_cut(const std::string& text) { return stream(text, ThinkingMode::kChat, true); }

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
  EXPECT_EQ(show(stream.push("swer \n\n")), "c(swer)");
  EXPECT_EQ(show(stream.push("<")), "");
  EXPECT_EQ(show(stream.push("b>")), "c( \n\n<b>)");
  EXPECT_EQ(show(stream.push("\xF0\x9F\x90")), "");
  EXPECT_EQ(show(stream.push("\x8B")), "c(🐋)");
  EXPECT_EQ(show(stream.push(kEos.substr(0, 9))), "");
  EXPECT_FALSE(stream.finished());
  EXPECT_EQ(show(stream.push(kEos.substr(9) + "ignored")), "$");
  EXPECT_TRUE(stream.finished());
  EXPECT_EQ(show(stream.push("ignored")), "");
  EXPECT_EQ(show(stream.finish()), "");
}

TEST(CompletionStreamTest, GivesACallWhenItIsWhole) {
  CompletionStream stream(ThinkingMode::kChat);
  EXPECT_EQ(show(stream.push("ok" + kOpen + "<｜DSML｜invoke name=\"f\">\n")), "c(ok)");
  EXPECT_EQ(show(stream.push("<｜DSML｜parameter name=\"a\" string=\"true\">x\"")), "");
  EXPECT_EQ(show(stream.push("y</｜DSML｜para")), "");
  EXPECT_EQ(stream.tool_calls(), 0);
  EXPECT_EQ(show(stream.push("meter>\n</｜DSML｜invoke>")), "[f:{\"a\": \"x\\\"y\"}]");
  EXPECT_EQ(stream.tool_calls(), 1);
  EXPECT_EQ(show(stream.push("\n" + kClose)), "");
  EXPECT_EQ(show(stream.finish()), "$");
}

TEST(CompletionStreamTest, MarkupThatIsNoCallIsLeftOutAndItsWordsAreKept) {
  EXPECT_EQ(stream("a" + kOpen + "oops" + kEos), "c(a\noops)$");
  EXPECT_EQ(stream("a\n\n<｜DSML｜tool_calls" + kEos), "c(a)$");
  EXPECT_EQ(stream(kOpen + "<｜DSML｜invoke nome=\"f\">\n"), "$");
  EXPECT_EQ(stream("The tag <｜DSML｜invoke> begins a call."), "c(The tag begins a call.)$");
  EXPECT_EQ(stream("The tag '<｜DSML｜invoke>' begins a call."),
            "c(The tag '<｜DSML｜invoke>' begins a call.)$");
  EXPECT_EQ(stream("why" + kOpen + "no</think>b" + kEos, ThinkingMode::kThinking),
            "r(why\nno)c(b)$");
  const std::string call = invoke("f", parameter("a", "true", "b"));
  const std::string shown = "[f:{\"a\": \"b\"}]";
  EXPECT_EQ(stream(kOpen + call + "Done." + kEos), shown + "c(\nDone.)$");
  EXPECT_EQ(stream(kOpen + call + kClose + "\n" + kEos), shown + "$");
  EXPECT_EQ(stream(kOpen + call + kClose + "\nDone." + kEos), shown + "c(\nDone.)$");
  EXPECT_EQ(stream(kOpen + call + kClose + kOpen + call + kClose), shown + shown + "$");
  EXPECT_EQ(stream(kOpen + call + "<｜DSML｜invoke oops" + kClose + kEos), shown + "$");
}

TEST(CompletionStreamTest, ACallThatIsNotWholeIsNoCall) {
  const std::string begun = kOpen + "<｜DSML｜invoke name=\"f\">\n";
  const std::string valued = begun + "<｜DSML｜parameter name=\"a\" string=\"true\">";
  EXPECT_EQ(stream(valued + "cut o"), "$");
  EXPECT_EQ(stream(valued + "cut o" + kEos), "$");
  EXPECT_EQ(stream(begun + "<｜DSML｜parameter name=\"a\" string=\"false\">[1, "), "$");
  EXPECT_EQ(stream(begun + "{\"a\": 1}</｜DSML｜parameter>" + kClose), "[f:{\"a\": 1}]$");
  EXPECT_EQ(stream(begun + "{\"a\": </｜DSML｜invoke>" + kClose), "$");
  EXPECT_EQ(stream(kOpen + invoke("", parameter("a", "true", "b"))), "$");
  EXPECT_EQ(stream(begun + "<｜DSML｜parameter string=\"true\">b</｜DSML｜parameter>\n" + kClose),
            "$");
  // Where the model ended by itself, its call ends too; where it was cut off, more was to come.
  EXPECT_EQ(stream(valued + "b</｜DSML｜parameter>\n"), "[f:{\"a\": \"b\"}]$");
  EXPECT_EQ(stream_cut(valued + "b</｜DSML｜parameter>\n"), "$");
  EXPECT_EQ(stream_cut(valued + "b</｜DSML｜parameter>\n</｜DSML｜inv"), "$");
  EXPECT_EQ(stream_cut(valued + "b</｜DSML｜parameter>\n</｜DSML｜invoke>"), "[f:{\"a\": \"b\"}]$");
  EXPECT_EQ(stream_cut("a < b and <｜DS"), "c(a < b and <｜DS)$");
}

TEST(CompletionStreamTest, RepairsParameters) {
  const auto read = [](const std::string& parameters) {
    return stream(kOpen + invoke("f", parameters) + kClose);
  };
  EXPECT_EQ(
      read(parameter("a", "true", "b") + parameter("c", "true", "d") + parameter("a", "true", "e")),
      "[f:{\"a\": \"e\", \"c\": \"d\"}]$");
  EXPECT_EQ(read(parameter("a", "True", "1") + parameter("b", "no", "1") + parameter("c", "", "1")),
            "[f:{\"a\": \"1\", \"b\": 1, \"c\": 1}]$");
  EXPECT_EQ(read("<｜DSML｜parameter string='true' name='a'>1</｜DSML｜parameter>"),
            "[f:{\"a\": \"1\"}]$");
  EXPECT_EQ(read("<｜DSML｜parameter name=a>1</｜DSML｜parametre>"), "[f:{\"a\": 1}]$");
  EXPECT_EQ(read("<｜DSML｜parameter name=\"a\" string=\"true\"/>"), "[f:{\"a\": \"\"}]$");
  EXPECT_EQ(read("<｜DSML｜parameter name=\"a\" string=\"true\">x</parameter>\n"),
            "[f:{\"a\": \"x\"}]$");
  EXPECT_EQ(read("<｜DSML｜parameter name=\"a\" string=\"true\">x\n  <｜DSML｜parameter name=\"b\" "
                 "string=\"true\"> y </｜DSML｜parameter></｜DSML｜parameter>"),
            "[f:{\"a\": \"x\", \"b\": \" y \"}]$");
  EXPECT_EQ(
      read("<｜DSML｜parameter name=\"o\">\n<｜DSML｜parameter name=\"b\">1</｜DSML｜parameter>\n"
           "</｜DSML｜parameter>\n<｜DSML｜parameter name=\"c\">2</｜DSML｜parameter>"),
      "[f:{\"o\": {\"b\": 1}, \"c\": 2}]$");
  EXPECT_EQ(read("```json\n{\"a\": [1]}\n```\n"), "[f:{\"a\": [1]}]$");
}

// A tool may be asked to write markup into a file: only what has no end of its own ends elsewhere.
TEST(CompletionStreamTest, AValueMayHoldMarkup) {
  const std::string text =
      "see </｜DSML｜invoke>\n</｜DSML｜tool_calls> and <｜DSML｜invoke name=\"g\">";
  const std::string shown =
      "see </｜DSML｜invoke>\\n</｜DSML｜tool_calls> and <｜DSML｜invoke name=\\\"g\\\">";
  EXPECT_EQ(stream(kOpen + invoke("f", parameter("a", "true", text) + parameter("b", "true", "c")) +
                   kClose),
            "[f:{\"a\": \"" + shown + "\", \"b\": \"c\"}]$");
  EXPECT_EQ(stream(kOpen +
                   "<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"a\" string=\"true\">b"
                   "</｜DSML｜invoke>\n" +
                   invoke("g", parameter("c", "true", "d")) + kClose),
            "[f:{\"a\": \"b\"}][g:{\"c\": \"d\"}]$");
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
  EXPECT_EQ(stream(" <think>why</think>so"), "r(why)c(so)$");
  EXPECT_EQ(stream("a <think> b"), "c(a <think> b)$");
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
  const Tokenizer nano = Tokenizer::load(test::source_path("models/nano/tokenizer.json"));
  const std::string ids = tokenize_line(nano, R"({"text": "The owl is <think>日本"})", 1);
  EXPECT_EQ(detokenize_line(nano, ids, 1), R"({"text": "The owl is <think>日本"})");
  EXPECT_EQ(tokenize_line(nano, R"({"text": ""})", 1), R"({"ids": []})");
}

TEST(TextLinesTest, ErrorsBeginWithTheLine) {
  const Tokenizer nano = Tokenizer::load(test::source_path("models/nano/tokenizer.json"));
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
