#include "measure/workload/prompt_file.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"
#include "json/known_keys.h"
#include "json/python_json.h"
#include "measure/workload/keys.h"
#include "measure/workload/limits.h"
#include "measure/workload/trace_fields.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr std::array<std::string_view, 3> kPromptKeys = {"prompt", "messages", "output_tokens"};
constexpr std::array<std::string_view, 2> kMessageKeys = {"role", "content"};
constexpr std::array<std::string_view, 4> kRoles = {"system", "developer", "user", "assistant"};

WrittenPrompt read_json_prompt(std::string_view line, const FieldsSource& source) {
  const ordered_json json = parse_json(
      line, source.file, source.code, {.allows_non_finite = false, .refuses_repeated_names = true});
  const Fields fields(json, "", source);
  refuse_unknown_keys(fields, kPromptKeys);
  WrittenPrompt prompt;
  if (fields.has("prompt") == fields.has("messages")) {
    refuse_field("prompt", "or messages must be there, and not both", FieldFault::kValue, source);
  }
  if (fields.has("output_tokens")) prompt.output_tokens = read_tokens(fields, "output_tokens", 1);
  if (fields.has("prompt")) {
    prompt.text = fields.required_string("prompt");
    if (prompt.text.empty()) fields.refuse("prompt", "is empty");
    return prompt;
  }
  fields.each("messages", [&](const ordered_json& entry, const std::string& path) {
    const Fields message(entry, path, source);
    refuse_unknown_keys(message, kMessageKeys);
    prompt.messages.push_back(
        {.role = message.required_string("role"), .content = message.required_string("content")});
    if (std::find(kRoles.begin(), kRoles.end(), prompt.messages.back().role) == kRoles.end()) {
      message.refuse("role", "is none of system, developer, user and assistant");
    }
  });
  if (prompt.messages.empty()) fields.refuse("messages", "are none");
  return prompt;
}

std::string whole_text(const WrittenPrompt& prompt) {
  std::string text = prompt.text;
  for (const PromptMessage& message : prompt.messages) {
    text += message.role + '\0' + message.content + '\0';
  }
  return text;
}

}  // namespace

PromptFileForm form_of_prompt_file(std::string_view path) {
  const bool is_json = path.ends_with(".jsonl") || path.ends_with(".json");
  return is_json ? PromptFileForm::kJsonl : PromptFileForm::kPlainLines;
}

std::vector<WrittenPrompt> read_prompts(TraceLineReader& lines, PromptFileForm form) {
  std::vector<WrittenPrompt> prompts;
  std::string_view line;
  while (lines.next(line)) {
    const FieldsSource source = trace_line_source(lines);
    if (prompts.size() == kMostSessions) {
      refuse_field("", "goes beyond " + std::to_string(kMostSessions) + " prompts",
                   FieldFault::kValue, source);
    }
    if (form == PromptFileForm::kJsonl) {
      prompts.push_back(read_json_prompt(line, source));
    } else if (is_valid_utf8(line)) {
      prompts.push_back({.text = std::string(line)});
    } else {
      refuse_field("", "is not UTF-8", FieldFault::kValue, source);
    }
  }
  return prompts;
}

WrittenPrompts::WrittenPrompts(std::vector<WrittenPrompt> prompts, WrittenPromptsOptions options)
    : prompts_(std::move(prompts)), options_(std::move(options)) {
  if (prompts_.empty()) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = options_.name,
                 .what = "has no prompts",
                 .remedy = "give a file with one a line"});
  }
  std::set<std::string> seen;
  for (const WrittenPrompt& prompt : prompts_) {
    if (!seen.insert(whole_text(prompt)).second) ++repeated_;
  }
}

std::optional<int64_t> WrittenPrompts::sessions() const {
  if (options_.requests == 0) return std::nullopt;
  return options_.requests;
}

PlannedSession WrittenPrompts::session(int64_t number, RequestPhase space) const {
  const auto count = static_cast<int64_t>(prompts_.size());
  const WrittenPrompt& written = prompts_[static_cast<size_t>(number % count)];
  PlannedRequest request{.index = number, .session = number, .phase = space};
  request.output_tokens =
      written.output_tokens > 0 ? written.output_tokens : options_.output_tokens;
  request.ignore_eos = options_.ignore_eos;
  request.source = number % count;
  request.space = space;
  return {.number = number, .requests = {std::move(request)}};
}

Prompt WrittenPrompts::prompt(const PlannedRequest& request, const PromptStyle& style) const {
  const WrittenPrompt& written = prompts_[static_cast<size_t>(request.source)];
  const auto refuse = [&](const std::string& what, const std::string& remedy) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = options_.name,
                 .what = what,
                 .remedy = remedy});
  };
  if (style.form == PromptForm::kTokens) {
    refuse("written prompts have no token ids", "send them as text");
  }
  std::string mark;
  if (options_.cache_bust) {
    const uint64_t key = content_key(options_.content, request.space, StreamUse::kMarker,
                                     static_cast<uint64_t>(request.session));
    mark = fmt::format("[{:016x}]\n\n", key);
  }
  Prompt prompt{.form = style.form};
  if (style.form == PromptForm::kMessages) {
    prompt.messages = written.messages;
    if (prompt.messages.empty()) prompt.messages = {{.role = "user", .content = written.text}};
    prompt.messages.front().content.insert(0, mark);
    return prompt;
  }
  if (!written.messages.empty()) {
    refuse("prompts with messages cannot be sent as plain text", "use --api chat");
  }
  prompt.text = mark + written.text;
  return prompt;
}

std::string WrittenPrompts::describe() const {
  ordered_json plan;
  plan["workload"] = printable(options_.name);
  plan["kind"] = "written_prompts";
  plan["prompts"] = prompts_.size();
  plan["repeated_prompts"] = repeated_;
  if (options_.requests > 0) plan["requests"] = options_.requests;
  plan["output_tokens"] = options_.output_tokens;
  plan["ignore_eos"] = options_.ignore_eos;
  plan["cache_bust"] = options_.cache_bust;
  plan["seed"] = options_.content.seed;
  plan["salt"] = options_.content.salt;
  return dump_json(plan);
}

}  // namespace hadal
