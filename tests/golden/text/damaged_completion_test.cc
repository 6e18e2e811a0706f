// Completions with tool calls as models really write them, and what other engines' tests expect of
// them (data/chat/damaged.jsonl: "or" where those disagree; what "expect" lacks is not judged).
#include <cctype>
#include <gtest/gtest.h>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "chat/completion_stream.h"
#include "chat/turn.h"
#include "golden_lines.h"
#include "support/source_dir.h"
#include "text/tokenizer.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kDsmlWord = "DSML";

struct Read {
  ChatAnswer answer;
  int finishes = 0;

  void add(const std::vector<CompletionEvent>& events) {
    for (const CompletionEvent& event : events) {
      EXPECT_EQ(finishes, 0);
      if (event.kind == CompletionEvent::Kind::kFinish) ++finishes;
      if (event.kind == CompletionEvent::Kind::kToolCall) {
        EXPECT_EQ(event.tool_call, static_cast<int>(answer.tool_calls.size()));
      }
      answer.add(event);
    }
  }
};

std::string trim(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.pop_back();
  }
  size_t begin = 0;
  while (begin < text.size() && std::isspace(static_cast<unsigned char>(text[begin])) != 0) ++begin;
  return text.substr(begin);
}

// As the server answers, with 1.0 and 1 the same.
ordered_json message_of(const Read& read, bool is_cut) {
  ordered_json message = {{"content", read.answer.content}, {"reasoning", read.answer.reasoning}};
  message["tool_calls"] = ordered_json::array();
  for (const ParsedToolCall& call : read.answer.tool_calls) {
    message["tool_calls"].push_back(
        {{"name", call.name}, {"arguments", parse_json(call.arguments, "arguments")}});
  }
  message["finish_reason"] = is_cut                           ? "length"
                             : read.answer.tool_calls.empty() ? "stop"
                                                              : "tool_calls";
  return message;
}

// What `message` has other than `expected`, as the names of the members.
std::string differences(const ordered_json& message, const ordered_json& expected, bool is_exact) {
  std::string names;
  for (const char* key : {"content", "reasoning"}) {
    const auto text = message[key].get<std::string>();
    if (!expected.contains(key)) {
      if (text.find(kDsmlWord) != std::string::npos) names += std::string(" markup in ") + key;
      continue;
    }
    const auto wanted = expected[key].get<std::string>();
    if (is_exact ? text != wanted : trim(text) != trim(wanted)) names += std::string(" ") + key;
  }
  for (const char* key : {"tool_calls", "finish_reason"}) {
    // Compared without regard to the order of members.
    if (expected.contains(key) && nlohmann::json(message[key]) != nlohmann::json(expected[key])) {
      names += std::string(" ") + key;
    }
  }
  return names;
}

void judge(const ordered_json& line, const Read& read) {
  EXPECT_EQ(read.finishes, 1);
  const ordered_json message = message_of(read, line.value("cut", false));
  const bool is_exact = line.value("exact", false);
  std::string found = differences(message, line["expect"], is_exact);
  for (const ordered_json& other : line.value("or", ordered_json::array())) {
    if (differences(message, other, is_exact).empty()) found.clear();
  }
  EXPECT_EQ(found, "") << line["name"] << "\n" << line["text"] << "\n" << message;
}

ToolSchemas tools_of(const ordered_json& line) {
  ToolSchemas schemas;
  for (const ordered_json& tool : line.value("tools", ordered_json::array())) {
    schemas.add(tool["function"]);
  }
  return schemas;
}

ThinkingMode mode_of(const ordered_json& line) {
  return line["thinking"].get<bool>() ? ThinkingMode::kThinking : ThinkingMode::kChat;
}

Read read_in_parts(const ordered_json& line, size_t longest, uint32_t seed) {
  const auto text = line["text"].get<std::string>();
  CompletionStream stream(mode_of(line), tools_of(line));
  Read read;
  for (size_t done = 0; done < text.size();) {
    seed = seed * 1664525 + 1013904223;
    const size_t part = 1 + (seed >> 8) % longest;
    read.add(stream.push(std::string_view(text).substr(done, part)));
    done += part;
  }
  read.add(stream.finish(line.value("cut", false)));
  return read;
}

void expect_same(const Read& a, const Read& b, const ordered_json& line) {
  EXPECT_EQ(a.answer.content, b.answer.content) << line["name"];
  EXPECT_EQ(a.answer.reasoning, b.answer.reasoning) << line["name"];
  ASSERT_EQ(a.answer.tool_calls.size(), b.answer.tool_calls.size()) << line["name"];
  for (size_t i = 0; i < a.answer.tool_calls.size(); ++i) {
    EXPECT_EQ(a.answer.tool_calls[i].name, b.answer.tool_calls[i].name) << line["name"];
    EXPECT_EQ(a.answer.tool_calls[i].arguments, b.answer.tool_calls[i].arguments) << line["name"];
  }
}

TEST(DamagedCompletionTest, IsReadAsOthersExpectWhateverItsTokens) {
  const Tokenizer nano = Tokenizer::load(test::source_path("models/nano/tokenizer.json"));
  const auto lines = read_golden_lines("chat/damaged.jsonl");
  ASSERT_GE(lines.size(), 105u);
  for (const ordered_json& line : lines) {
    ChatTurn turn;
    turn.thinking_mode = mode_of(line);
    turn.tools = tools_of(line);
    AnswerReader reader(nano, turn);
    Read read;
    for (const int32_t token : nano.encode(line["text"].get<std::string>())) {
      read.add(reader.push(token));
    }
    read.add(reader.finish(line.value("cut", false)));
    judge(line, read);
  }
}

TEST(DamagedCompletionTest, IsReadTheSameHoweverItIsCut) {
  for (const ordered_json& line : read_golden_lines("chat/damaged.jsonl")) {
    const Read whole = read_in_parts(line, 1, 0);
    uint32_t seed = 1;
    for (const size_t longest : {2u, 5u, 13u, 60u, 100000u}) {
      for (int round = 0; round < 4; ++round) {
        expect_same(whole, read_in_parts(line, longest, seed++), line);
      }
    }
  }
}

// Damages that models were seen to do to markup, and some they may yet do.
class Damage {
 public:
  explicit Damage(uint32_t seed) : state_(seed) {}

  std::string completion() {
    std::string text = pick({"", "Looking.", "Looking.\n", "Looking.\n\n", "4 < 5", "a\n\n\n"});
    const std::string block = pick({"tool_calls", "tool_calls", "toolcalls", "function_calls"});
    const int blocks = 1 + static_cast<int>(below(2));
    for (int i = 0; i < blocks; ++i) {
      text += pick({"\n\n", "\n", "", " ", "\n\n    "}) + tag("<", block + ">") + space();
      const int calls = 1 + static_cast<int>(below(2));
      for (int call = 0; call < calls; ++call) text += invoke();
      text += tag("</", block + ">");
    }
    return text + pick({"", "\n", "Done.", "\n\nDone.", "</think>"});
  }

 private:
  uint32_t below(uint32_t limit) {
    state_ = state_ * 1664525 + 1013904223;
    return (state_ >> 8) % limit;
  }
  std::string pick(std::initializer_list<std::string> choices) {
    return *(choices.begin() + below(static_cast<uint32_t>(choices.size())));
  }
  std::string space() { return pick({"\n", "\n", "", " ", "\n\n", "\n        "}); }

  // A tag, mostly whole; sometimes it is left out, doubled, misspelled or torn.
  std::string tag(const std::string& opening, std::string rest) {
    const std::string marker =
        pick({"｜DSML｜", "｜DSML｜", "｜DSML｜", "DSML｜", "｜DSML", "｜｜DSML｜"});
    switch (below(14)) {
      case 0:
        return "";
      case 1:
        return opening + marker + rest + opening + marker + rest;
      case 2:
        rest.erase(below(static_cast<uint32_t>(rest.size())), 1);
        break;
      case 3:
        rest.pop_back();
        break;
      case 4:
        rest.insert(below(static_cast<uint32_t>(rest.size())), pick({"x", " ", "\n", "<", ">"}));
        break;
      default:
        break;
    }
    return opening + marker + rest;
  }

  std::string invoke() {
    std::string text =
        tag("<", "invoke name=\"" + pick({"f", "get_weather", ""}) + "\">") + space();
    const uint32_t parameters = below(3);
    for (uint32_t i = 0; i < parameters; ++i) {
      text +=
          tag("<", "parameter name=\"" + pick({"a", "b", "a b"}) + "\"" +
                       pick({" string=\"true\"", " string=\"false\"", "", " string=\"\""}) + ">");
      text += pick({"1", "Lisbon", "{\"k\": [1]}", "{torn", "", "a < b", "line\nline"});
      text += tag("</", "parameter>") + space();
    }
    if (parameters == 0) text += pick({"", "{\"a\": 1}", "{torn}", "words"});
    return text + tag("</", "invoke>") + space();
  }

  uint32_t state_;
};

TEST(DamagedCompletionTest, RandomDamageLeaksNoMarkupHoweverItIsCut) {
  int with_calls = 0;
  for (uint32_t seed = 0; seed < 2000; ++seed) {
    Damage damage(seed);
    const ordered_json line = {
        {"name", "seed " + std::to_string(seed)},
        {"text", damage.completion()},
        {"thinking", seed % 2 == 0},
        {"cut", seed % 5 == 0},
    };
    const Read whole = read_in_parts(line, 100000, seed);
    const std::string shown = whole.answer.content + whole.answer.reasoning;
    EXPECT_EQ(shown.find(kDsmlWord), std::string::npos) << line << "\n" << shown;
    for (const ParsedToolCall& call : whole.answer.tool_calls) {
      EXPECT_TRUE(is_json(call.arguments) && call.arguments.starts_with('{')) << line;
      EXPECT_FALSE(call.name.empty()) << line;
    }
    for (const size_t longest : {1u, 3u, 11u, 50u}) {
      expect_same(whole, read_in_parts(line, longest, seed), line);
    }
    if (!whole.answer.tool_calls.empty()) ++with_calls;
  }
  // Most of the damage can be repaired.
  EXPECT_GT(with_calls, 1000);
}

}  // namespace
}  // namespace hadal
