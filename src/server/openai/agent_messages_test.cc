// Conversations as agents send them: what becomes of their messages and tools in the prompt, and
// that refusals name what the caller sent.
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "server/api_error.h"
#include "server/openai/chat_reader.h"
#include "support/nano_tokenizer.h"

namespace hadal {
namespace {

using test::nano_tokenizer;

ChatCompletionRequest read_agent(const std::string& messages, const std::string& fields = "") {
  return read_chat_completion_request(
      R"({"messages": )" + messages + (fields.empty() ? "" : ", " + fields) + "}",
      {.model_names = {"nano"}, .vocab_size = 2048}, nano_tokenizer());
}

// What follows the beginning of the text.
std::string prompt(const std::string& messages, const std::string& fields = "") {
  const std::string text = nano_tokenizer().decode(read_agent(messages, fields).turn.prompt);
  const std::string begin = "<｜begin▁of▁sentence｜>";
  EXPECT_TRUE(text.starts_with(begin));
  return text.substr(begin.size());
}

// The field that the refusal names; empty when there was none.
std::string refused(const std::string& messages, const std::string& fields = "") {
  try {
    read_agent(messages, fields);
  } catch (const ApiException& error) {
    EXPECT_EQ(error.error().status, 400);
    EXPECT_TRUE(error.error().message.starts_with(error.error().param)) << error.what();
    return error.error().param;
  } catch (const Error& error) {
    EXPECT_EQ(api_error_of(error).status, 400);
    return error.parts().where;
  }
  return "";
}

constexpr char kCall[] =
    R"({"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function",
        "function": {"name": "shot", "arguments": "{}"}}]})";
constexpr char kShownCall[] =
    "\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"shot\">\n\n</｜DSML｜invoke>\n"
    "</｜DSML｜tool_calls><｜end▁of▁sentence｜>";

std::string after_call(const std::string& message) {
  return R"([{"role": "user", "content": "u"}, )" + std::string(kCall) + ", " + message + "]";
}

std::string result_of(const std::string& content) {
  return prompt(
      after_call(R"({"role": "tool", "tool_call_id": "c1", "content": )" + content + "}"));
}

std::string shown_result(const std::string& text) {
  return "<｜User｜>u<｜Assistant｜></think>" + std::string(kShownCall) +
         "<｜User｜><tool_result>" + text + "</tool_result><｜Assistant｜></think>";
}

TEST(AgentMessagesTest, ResultsOfToolsInEveryShape) {
  const std::vector<std::pair<std::string, std::string>> shapes{
      {R"("plain")", "plain"},
      {R"("")", ""},
      {R"(null)", ""},
      {R"([])", ""},
      {R"([{"type": "text", "text": "done"},
           {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}])",
       "done\n\n[Unsupported image_url]"},
      {R"([{"type": "input_text", "text": "a"}, {"type": "output_text", "text": "b"}])", "a\n\nb"},
      {R"(["a", "b", ""])", "a\n\nb\n\n"},
      {R"(42)", "42"},
      {R"(1e2)", "100.0"},
      {R"(123456789012345678901234567890)", "123456789012345678901234567890"},
      {R"(true)", "true"},
      {R"({"sky": "sunny", "t": [24, null]})", R"({"sky": "sunny", "t": [24, null]})"},
      {R"({"type": "text", "text": "one part"})", "one part"},
      {R"({"type": "weather", "sky": "sunny"})", R"({"type": "weather", "sky": "sunny"})"},
      {R"({"type": "image", "source": {"data": "AAAA"}})", "[Unsupported image]"},
      {R"([{"a": 1}, 7, null, ["x"]])", "{\"a\": 1}\n\n7\n\nnull\n\n[\"x\"]"},
      {R"([{"type": "text"}, {"type": "text", "text": null}])", "\n\n"},
      {R"([{"type": 5, "text": "x"}])", R"({"type": 5, "text": "x"})"},
      {R"([{"type": "input_audio"}, {"type": "file"}])",
       "[Unsupported input_audio]\n\n[Unsupported file]"},
  };
  for (const auto& [content, text] : shapes) {
    EXPECT_EQ(result_of(content), shown_result(text)) << content;
  }
  EXPECT_EQ(prompt(after_call(R"({"role": "tool", "tool_call_id": "c1"})")), shown_result(""));
}

TEST(AgentMessagesTest, PicturesEndNoSessionButAreNotAnsweredAbout) {
  const std::string picture = R"({"role": "user", "content": [{"type": "text", "text": "see"},
      {"type": "image_url", "image_url": {"url": "data:,"}}]})";
  EXPECT_EQ(refused("[" + picture + "]"), "messages[0].content[1].type");
  EXPECT_EQ(refused(R"([{"role": "system", "content": "s"}, )" + picture + "]",
                    R"("tools": [{"function": {"name": "f"}}])"),
            "messages[1].content[1].type");
  // In the history, and where an agent puts what a tool showed into a user's message.
  EXPECT_EQ(prompt("[" + picture + R"(, {"role": "user", "content": "and?"}])"),
            "<｜User｜>see\n\n[Unsupported image_url]\n\nand?<｜Assistant｜></think>");
  EXPECT_EQ(prompt("[" + picture + R"(, {"role": "assistant", "content": "a"},
                   {"role": "user", "content": "and?"}])"),
            "<｜User｜>see\n\n[Unsupported image_url]<｜Assistant｜></think>a"
            "<｜end▁of▁sentence｜><｜User｜>and?<｜Assistant｜></think>");
  EXPECT_EQ(
      refused(after_call(R"({"role": "tool", "tool_call_id": "c1", "content": "ok"}, )" + picture)),
      "");
  EXPECT_EQ(refused(R"([{"role": "system", "content": [{"type": "image"}]}])"),
            "messages[0].content[0].type");
}

TEST(AgentMessagesTest, FunctionsOfOldBecomeTools) {
  const std::string functions = R"([{"name": "f", "parameters": {"type": "object"}}])";
  const std::string tools = R"([{"type": "function", "function": {"name": "f",
      "parameters": {"type": "object"}}}])";
  const std::string user = R"({"role": "user", "content": "u"})";
  EXPECT_EQ(prompt("[" + user + "]", R"("functions": )" + functions),
            prompt("[" + user + "]", R"("tools": )" + tools));
  const ChatCompletionRequest request =
      read_agent("[" + user + "]", R"("functions": )" + functions + R"(, "function_call": "auto")");
  EXPECT_TRUE(request.legacy_functions);
  EXPECT_TRUE(request.one_call);
  EXPECT_FALSE(read_agent("[" + user + "]", R"("tools": )" + tools).legacy_functions);
  EXPECT_EQ(prompt("[" + user + "]", R"("function_call": "none", "functions": )" + functions),
            prompt("[" + user + "]"));

  const std::string old = R"([{"role": "user", "content": "u"},
      {"role": "assistant", "content": null, "function_call": {"name": "shot", "arguments": "{}"}},
      {"role": "function", "name": "shot", "content": "done"}])";
  EXPECT_EQ(prompt(old), shown_result("done"));
  EXPECT_EQ(prompt(old, R"("functions": )" + functions),
            prompt(after_call(R"({"role": "tool", "tool_call_id": "c1", "content": "done"})"),
                   R"("tools": )" + tools));

  EXPECT_EQ(refused("[" + user + "]", R"("functions": {})"), "functions");
  EXPECT_EQ(refused("[" + user + "]", R"("functions": [{"name": "f"}, {"parameters": {}}])"),
            "functions[1].name");
  EXPECT_EQ(refused("[" + user + "]", R"("functions": [{"name": "f", "parameters": "x"}])"),
            "functions[0].parameters");
  EXPECT_EQ(refused("[" + user + "]", R"("functions": [], "tools": [])"), "functions");
  EXPECT_EQ(
      refused("[" + user + "]", R"("function_call": {"name": "f"}, "functions": )" + functions),
      "function_call");
  EXPECT_EQ(
      refused(R"([{"role": "assistant", "function_call": {"arguments": "{}"}}, )" + user + "]"),
      "messages[0].function_call.name");
  EXPECT_EQ(refused(R"([{"role": "assistant", "function_call": {"name": "f", "arguments": 5}}, )" +
                    user + "]"),
            "messages[0].function_call.arguments");
  EXPECT_EQ(refused(R"([{"role": "assistant", "function_call": {"name": "f"}, "tool_calls": [
                        {"function": {"name": "f", "arguments": "{}"}}]}, )" +
                    user + "]"),
            "messages[0].function_call");
}

TEST(AgentMessagesTest, ReasoningInEveryForm) {
  const auto assistant = [](const std::string& fields) {
    return prompt(R"([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", )" +
                      fields + R"(}, {"role": "user", "content": "c"}])",
                  R"("thinking": true, "chat_template_kwargs": {"drop_thinking": false})");
  };
  const auto with = [](const std::string& reasoning) {
    return "<｜User｜>a<｜Assistant｜><think>" + reasoning +
           "</think>b<｜end▁of▁sentence｜><｜User｜>c<｜Assistant｜><think>";
  };
  EXPECT_EQ(assistant(R"("reasoning_content": "R")"), with("R"));
  EXPECT_EQ(assistant(R"("reasoning": "R")"), with("R"));
  EXPECT_EQ(assistant(R"("reasoning_details": [{"type": "reasoning.text", "text": "R", "index": 0},
                         {"type": "reasoning.encrypted", "data": "zzz"},
                         {"type": "reasoning.summary", "summary": "S"}])"),
            with("RS"));
  EXPECT_EQ(assistant(R"("reasoning_content": "R", "reasoning": "other",
                         "reasoning_details": [{"text": "third"}])"),
            with("R"));
  EXPECT_EQ(assistant(R"("reasoning_content": "", "reasoning": "R")"), with("R"));
  EXPECT_EQ(assistant(R"("reasoning_content": null, "reasoning": null)"), with(""));
  EXPECT_EQ(prompt(R"([{"role": "user", "content": "a"}, {"role": "assistant", "content": [
                       {"type": "thinking", "thinking": "R"}, {"type": "text", "text": "b"}]},
                       {"role": "user", "content": "c"}])",
                   R"("thinking": true, "chat_template_kwargs": {"drop_thinking": false})"),
            with("R"));
  const auto wrong = [](const std::string& fields) {
    return refused(R"([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", )" +
                   fields + R"(}, {"role": "user", "content": "c"}])");
  };
  EXPECT_EQ(wrong(R"("reasoning": {})"), "messages[1].reasoning");
  EXPECT_EQ(wrong(R"("reasoning_details": "R")"), "messages[1].reasoning_details");
  EXPECT_EQ(wrong(R"("reasoning_details": [{"text": "a"}, 5])"),
            "messages[1].reasoning_details[1]");
  EXPECT_EQ(wrong(R"("reasoning_details": [{"text": 5}])"),
            "messages[1].reasoning_details[0].text");
}

TEST(AgentMessagesTest, TheLastMessageIsContinued) {
  const std::string user = R"([{"role": "user", "content": "u"}, )";
  EXPECT_EQ(prompt(user + R"({"role": "assistant", "content": "The ans", "prefix": true}])"),
            "<｜User｜>u<｜Assistant｜></think>The ans");
  EXPECT_EQ(prompt(user + R"({"role": "assistant", "content": "The ans"}])",
                   R"("continue_final_message": true, "add_generation_prompt": false)"),
            "<｜User｜>u<｜Assistant｜></think>The ans");
  const std::string reasoned =
      R"({"role": "assistant", "content": "The", "reasoning_content": "R", "prefix": true}])";
  const ChatCompletionRequest thought = read_agent(user + reasoned, R"("thinking": true)");
  EXPECT_TRUE(nano_tokenizer()
                  .decode(thought.turn.prompt)
                  .ends_with("<｜User｜>u<｜Assistant｜><think>R</think>The"));
  EXPECT_EQ(thought.turn.thinking_mode, ThinkingMode::kChat);  // of what is yet to come
  // Nothing to continue: the answer begins as ever.
  for (const char* empty : {R"("")", "null"}) {
    const std::string last =
        R"({"role": "assistant", "prefix": true, "content": )" + std::string(empty) + "}]";
    const ChatCompletionRequest request = read_agent(user + last, R"("thinking": true)");
    EXPECT_TRUE(nano_tokenizer()
                    .decode(request.turn.prompt)
                    .ends_with("<｜User｜>u<｜Assistant｜><think>"));
    EXPECT_EQ(request.turn.thinking_mode, ThinkingMode::kThinking);
  }
  // With tools there is one message more than the caller sent.
  const std::string tools = R"("tools": [{"function": {"name": "f"}}])";
  EXPECT_TRUE(prompt(user + R"({"role": "assistant", "content": "The", "prefix": true}])", tools)
                  .ends_with("<｜User｜>u<｜Assistant｜></think>The"));
  EXPECT_EQ(refused(user + reasoned, tools), "messages[1].reasoning_content");

  EXPECT_EQ(refused(user + R"({"role": "assistant", "content": "x", "prefix": 1}])"),
            "messages[1].prefix");
  EXPECT_EQ(refused(R"([{"role": "user", "content": "u", "prefix": true}])"), "messages[0].prefix");
  EXPECT_EQ(refused(user + R"({"role": "assistant", "content": "x", "prefix": true},
                             {"role": "user", "content": "y"}])"),
            "messages[1].prefix");
  EXPECT_EQ(refused(user + R"({"role": "assistant", "content": "x"}])"), "messages");
  EXPECT_EQ(refused(user + R"({"role": "assistant", "content": "x", "prefix": false}])"),
            "messages");
  EXPECT_EQ(refused(R"([{"role": "assistant", "content": "x", "prefix": true}])"), "messages");
  EXPECT_EQ(refused(R"([{"role": "user", "content": "u"}])", R"("continue_final_message": true)"),
            "continue_final_message");
  EXPECT_EQ(refused(R"([{"role": "user", "content": "u"}])", R"("add_generation_prompt": false)"),
            "add_generation_prompt");
  EXPECT_EQ(refused(user + R"({"role": "assistant", "content": "x"}])",
                    R"("continue_final_message": true, "add_generation_prompt": true)"),
            "continue_final_message");
  EXPECT_EQ(refused(user + R"({"role": "assistant", "content": "x", "prefix": true, "tool_calls": [
                             {"function": {"name": "f", "arguments": "{}"}}]}])"),
            "messages[1].tool_calls");
  EXPECT_EQ(refused(R"([{"role": "user", "content": "u"}])", R"("add_generation_prompt": true)"),
            "");
}

TEST(AgentMessagesTest, ConversationsOfInstructionsAloneAreAnswered) {
  EXPECT_EQ(prompt(R"([{"role": "system", "content": "Name a bird."}])"),
            "<｜User｜>Name a bird.<｜Assistant｜></think>");
  EXPECT_EQ(prompt(R"([{"role": "system", "content": "Be brief."},
                       {"role": "developer", "content": "Name a bird."}])"),
            "Be brief.<｜User｜>Name a bird.<｜Assistant｜></think>");
  EXPECT_EQ(prompt(R"([{"role": "user", "content": "u"}, {"role": "system", "content": "s"}])"),
            "<｜User｜>u\n\ns<｜Assistant｜></think>");
  const std::string tools = R"([{"function": {"name": "f", "parameters": {}}}])";
  const std::string own = prompt(R"([{"role": "system", "content": "s", "tools": )" + tools + "}]");
  EXPECT_TRUE(own.starts_with("<｜User｜>s\n\n## Tools"));
  EXPECT_TRUE(own.ends_with("<｜Assistant｜></think>"));
  // Tools of the message and of the request stand together.
  const std::string both = prompt(R"([{"role": "system", "content": "s", "tools": )" + tools +
                                      R"(}, {"role": "user", "content": "u"}])",
                                  R"("tools": [{"function": {"name": "g"}}])");
  EXPECT_NE(both.find("{\"name\": \"f\", \"parameters\": {}}\n{\"name\": \"g\"}"),
            std::string::npos);
  EXPECT_EQ(refused("[]"), "messages");
  EXPECT_EQ(refused(R"([{"role": "user", "content": "u"},
                        {"role": "latest_reminder", "content": "s"}])"),
            "messages");
}

TEST(AgentMessagesTest, OddHistoriesGoOn) {
  const std::string end = R"(, {"role": "user", "content": "v"}])";
  const std::string user = R"([{"role": "user", "content": "u"}, )";
  const auto answered = [](const std::string& text) {
    return "<｜User｜>u<｜Assistant｜></think>" + text +
           "<｜end▁of▁sentence｜><｜User｜>v<｜Assistant｜></think>";
  };
  EXPECT_EQ(prompt(user + R"({"role": "assistant", "content": null})" + end), answered(""));
  EXPECT_EQ(prompt(user + R"({"role": "assistant"})" + end), answered(""));
  EXPECT_EQ(prompt(user + R"({"role": "assistant", "content": "", "tool_calls": []})" + end),
            answered(""));
  EXPECT_EQ(prompt(user + R"({"role": "assistant", "content": null, "refusal": "No."})" + end),
            answered("No."));
  EXPECT_EQ(prompt(user + R"({"role": "assistant", "content": [
                             {"type": "refusal", "refusal": "No."}]})" +
                   end),
            answered("No."));
  for (const char* arguments : {"", R"(, "arguments": null)", R"(, "arguments": "")",
                                R"(, "arguments": " \n")", R"(, "arguments": {})"}) {
    EXPECT_EQ(prompt(user + R"({"role": "assistant", "tool_calls": [{"function": {"name": "shot")" +
                     arguments + "}}]}" + end),
              "<｜User｜>u<｜Assistant｜></think>" + std::string(kShownCall) +
                  "<｜User｜>v<｜Assistant｜></think>")
        << arguments;
  }
  // A result without a call, twice the same id, ids that are unknown: each stands in its place.
  EXPECT_EQ(prompt(R"([{"role": "tool", "tool_call_id": "x", "content": "r"}])"),
            "<｜User｜><tool_result>r</tool_result><｜Assistant｜></think>");
  const std::string doubled = prompt(user + R"({"role": "assistant", "tool_calls": [
          {"id": "a", "function": {"name": "f", "arguments": "{}"}},
          {"id": "a", "function": {"name": "g", "arguments": "{}"}}]},
          {"role": "tool", "tool_call_id": "a", "content": "1"},
          {"role": "tool", "tool_call_id": "a", "content": "2"},
          {"role": "tool", "tool_call_id": "z", "content": "3"}])");
  EXPECT_TRUE(
      doubled.ends_with("<｜User｜><tool_result>3</tool_result>\n\n<tool_result>1</tool_result>\n\n"
                        "<tool_result>2</tool_result><｜Assistant｜></think>"))
      << doubled;
  // Names as Model Context Protocol servers make them.
  EXPECT_EQ(refused(R"([{"role": "user", "content": "u"}])",
                    R"("tools": [{"function": {"name": "mcp:server/tool.name-é"}}])"),
            "");
}

TEST(AgentMessagesTest, RefusalsNameTheMessageThatTheCallerSent) {
  // A system message is put before these for the tools, old messages are joined and dropped.
  const std::string before =
      R"([{"role": "user", "content": "a"}, {"role": "user", "content": "b"},
          {"role": "assistant", "content": "c", "reasoning_content": "R"},
          {"role": "user", "content": "d"}, )";
  for (const std::string fields :
       {"", R"("tools": [{"function": {"name": "f"}}])", R"("thinking": true)",
        R"("functions": [{"name": "f"}], "thinking": true)"}) {
    EXPECT_EQ(refused(before + R"({"role": "user", "content": ["x", 5]}])", fields),
              "messages[4].content[1]");
    EXPECT_EQ(refused(before + R"({"role": "tool", "tool_call_id": 5, "content": "x"}])", fields),
              "messages[4].tool_call_id");
    EXPECT_EQ(refused(before + R"({"role": "assistant", "tool_calls": [
                        {"function": {"name": "f", "arguments": "{}"}}, {}]},
                        {"role": "user", "content": "x"}])",
                      fields),
              "messages[4].tool_calls[1].function");
    EXPECT_EQ(refused(before + R"({"role": "wizard", "content": "x"}])", fields),
              "messages[4].role");
    EXPECT_EQ(refused(before + R"({"role": "user", "content": "x", "task": "fly"}])", fields),
              "messages[4].task");
    EXPECT_EQ(refused(before + R"({"role": "system", "content": "x", "tools": [
                        {"function": {}}, {}]}, {"role": "user", "content": "x"}])",
                      fields),
              "messages[4].tools[1].function");
  }
}

}  // namespace
}  // namespace hadal
