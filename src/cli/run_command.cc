// hadal run: one answer, or a conversation in the terminal.
#include <fmt/format.h>
#include <iostream>
#include <iterator>
#include <random>

#include "base/error.h"
#include "base/utf8.h"
#include "chat/sampling_defaults.h"
#include "cli/answer_printer.h"
#include "cli/chat_loop.h"
#include "cli/commands.h"
#include "cli/conversation.h"
#include "cli/model_setup.h"
#include "cli/terminal.h"
#include "engine/engine.h"

namespace hadal {
namespace {

constexpr int kInterrupted = 130;

void check_text(const std::string& text, const std::string& where) {
  if (is_valid_utf8(text)) return;
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = where,
               .what = "is not UTF-8",
               .remedy = "convert the text, for example with iconv"});
}

// Standard input to its end, without the last line feed.
std::string read_input() {
  // Far beyond what a context of a million tokens holds.
  constexpr size_t kMaxBytes = size_t{64} << 20;
  std::string text;
  char buffer[1 << 16];
  while (std::cin.read(buffer, sizeof(buffer)), std::cin.gcount() > 0) {
    text.append(buffer, static_cast<size_t>(std::cin.gcount()));
    if (text.size() > kMaxBytes) {
      throw Error({.code = ErrorCode::kInvalidArgument,
                   .where = "standard input",
                   .what = fmt::format("holds more than {} bytes", kMaxBytes),
                   .remedy = "give a shorter prompt"});
    }
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

// --prompt, checked.
std::string read_prompt(const std::string& option) {
  const bool from_input = option == "-";
  std::string prompt = from_input ? read_input() : option;
  const std::string where = from_input ? "standard input" : "--prompt";
  if (prompt.find_first_not_of(" \t\r\n") == std::string::npos) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = where,
                 .what = "is empty",
                 .remedy = "ask something, or leave --prompt out for a conversation"});
  }
  check_text(prompt, where);
  return prompt;
}

ConversationOptions conversation_options(const ParsedLine& line, const SamplingDefaults& defaults) {
  ConversationOptions options;
  const std::string think = line.value(option::kThink);
  if (think != "off") {
    options.chat.thinking_mode = ThinkingMode::kThinking;
    options.chat.reasoning_effort = think == "max"    ? ReasoningEffort::kMax
                                    : think == "high" ? ReasoningEffort::kHigh
                                                      : ReasoningEffort::kLow;
  }
  options.sampling = defaults.options();
  if (const auto value = line.get(option::kTemperature)) {
    options.sampling.temperature = static_cast<float>(*value);
  }
  if (const auto value = line.get(option::kTopP)) {
    options.sampling.top_p = static_cast<float>(*value);
  }
  const std::optional<uint64_t> seed = line.get(option::kSeed);
  options.sampling.seed = seed ? *seed : std::random_device()();
  options.max_tokens = line.get(option::kMaxTokens).value_or(0);
  options.system = line.get(option::kSystem).value_or("");
  check_text(options.system, "--system");
  return options;
}

int answer_once(Conversation& conversation, const std::string& prompt) {
  const InterruptGuard guard(InterruptGuard::Second::kEndsProgram);
  AnswerPrinter printer;
  const ChatResult result = conversation.say(
      prompt, [&](const CompletionEvent& event) { printer.print(event); }, &InterruptGuard::flag());
  printer.finish(result);
  return result.reason == FinishReason::kCancelled ? kInterrupted : 0;
}

}  // namespace

int run_command(const ParsedLine& line) {
  // The cheap refusals come before the model is read.
  std::optional<std::string> prompt = line.get(option::kPrompt);
  if (prompt) prompt = read_prompt(*prompt);
  conversation_options(line, {});

  const ModelDirectory directory = model_directory(line);
  const Checkpoint checkpoint = Checkpoint::open(directory.path());
  show_notes(checkpoint);
  const Tokenizer tokenizer = load_tokenizer(directory.path());
  ConversationOptions options = conversation_options(line, sampling_defaults(directory.path()));
  options.chat.efforts = model_efforts(line, directory);
  Engine engine(checkpoint, {.threads = thread_count(line),
                             .model = model_options(line, directory),
                             .max_context = line.get(option::kContext).value_or(0),
                             .max_running = 1,
                             .speculation = parse_speculation(line.value(option::kSpeculation),
                                                              "--speculation"),
                             .kv_memory = line.get(option::kKvMemory).value_or(0)});
  Conversation conversation(engine, tokenizer, options);
  if (prompt) return answer_once(conversation, *prompt);
  return chat_loop(conversation, fmt::format("{}, {} tokens of context; /help lists the commands\n",
                                             directory.name(), engine.max_context()));
}

}  // namespace hadal
