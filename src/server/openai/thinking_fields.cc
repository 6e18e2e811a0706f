#include "server/openai/thinking_fields.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace hadal {
namespace {

using nlohmann::ordered_json;

// What several fields may say; the first that says something is remembered with its name.
template <typename Value>
struct Said {
  std::optional<Value> value;
  std::string field;

  void add(const std::optional<Value>& other, const std::string& other_field) {
    if (!other.has_value()) return;
    if (!value.has_value()) {
      value = other;
      field = other_field;
    } else if (*value != *other) {
      refuse_field(other_field, "contradicts " + field + "; send one of them");
    }
  }
};

class ThinkingReader {
 public:
  ThinkingReader(const Fields& body, ReasoningEfforts efforts, UnknownFields& unknown)
      : body_(body), unknown_(unknown) {
    request_.options.efforts = efforts;
  }

  ThinkingRequest read() {
    read_thinking_field();
    on_.add(body_.boolean("enable_thinking"), "enable_thinking");
    effort_.add(body_.string("reasoning_effort"), "reasoning_effort");
    read_reasoning();
    if (const auto included = body_.boolean("include_reasoning")) {
      hidden_.add(!*included, "include_reasoning");
    }
    read_template_arguments();
    request_.options.reasoning_effort = reasoning_effort();
    request_.options.thinking_mode = is_on() ? ThinkingMode::kThinking : ThinkingMode::kChat;
    request_.hides_reasoning = hidden_.value.value_or(false);
    return request_;
  }

 private:
  // true, false, {"type": "enabled"} or {"type": "disabled"}.
  void read_thinking_field() {
    const ordered_json* value = body_.find("thinking");
    if (value == nullptr) return;
    if (value->is_boolean()) {
      on_.add(value->get<bool>(), "thinking");
      return;
    }
    const Fields fields(*value, "thinking");
    const std::string type = fields.string("type").value_or("");
    if (type != "enabled" && type != "disabled") {
      refuse_field("thinking.type", "must be \"enabled\" or \"disabled\"");
    }
    on_.add(type == "enabled", "thinking");
    refuse_budget(fields, "budget_tokens");
    effort_.add(fields.string("reasoning_effort"), "thinking.reasoning_effort");
    constexpr std::array<std::string_view, 3> kKnown = {"type", "budget_tokens",
                                                        "reasoning_effort"};
    unknown_.check(fields, kKnown);
  }

  void read_reasoning() {
    const ordered_json* value = body_.find("reasoning");
    if (value == nullptr) return;
    const Fields fields(*value, "reasoning");
    on_.add(fields.boolean("enabled"), "reasoning.enabled");
    effort_.add(fields.string("effort"), "reasoning.effort");
    hidden_.add(fields.boolean("exclude"), "reasoning.exclude");
    refuse_budget(fields, "max_tokens");
    constexpr std::array<std::string_view, 4> kKnown = {"enabled", "effort", "exclude",
                                                        "max_tokens"};
    unknown_.check(fields, kKnown);
  }

  // Those of them that DeepSeek's own encoding has.
  void read_template_arguments() {
    const ordered_json* value = body_.find("chat_template_kwargs");
    if (value == nullptr) return;
    const Fields fields(*value, "chat_template_kwargs");
    for (const char* key : {"thinking", "enable_thinking"}) {
      on_.add(fields.boolean(key), fields.path(key));
    }
    if (const auto mode = fields.string("thinking_mode")) {
      const std::string name = fields.path("thinking_mode");
      on_.add(parse_thinking_mode(*mode, name) == ThinkingMode::kThinking, name);
    }
    effort_.add(fields.string("reasoning_effort"), fields.path("reasoning_effort"));
    request_.options.drop_thinking = fields.boolean("drop_thinking").value_or(true);
    constexpr std::array<std::string_view, 5> kKnown = {
        "thinking", "enable_thinking", "thinking_mode", "reasoning_effort", "drop_thinking"};
    unknown_.check(fields, kKnown);
  }

  static void refuse_budget(const Fields& fields, const char* key) {
    if (fields.find(key) == nullptr) return;
    refuse_unsupported(fields.path(key),
                       "a limit of the reasoning alone is not supported; use reasoning_effort, or "
                       "max_tokens for reasoning and answer together");
  }

  ReasoningEffort reasoning_effort() const {
    if (!effort_.value.has_value()) return ReasoningEffort::kDefault;
    const std::string& effort = *effort_.value;
    if (effort == "none") return ReasoningEffort::kDefault;
    if (effort == "max" || effort == "xhigh") return ReasoningEffort::kMax;
    if (effort == "high") return ReasoningEffort::kHigh;
    if (effort == "minimal" || effort == "low" || effort == "medium") return ReasoningEffort::kLow;
    refuse_field(effort_.field, "must be one of none, minimal, low, medium, high, xhigh, max");
  }

  // An effort grades the thinking that a switch allows; by itself it is one.
  bool is_on() const {
    if (!effort_.value.has_value()) return on_.value.value_or(false);
    const bool wants_effort = *effort_.value != "none";
    if (!on_.value.has_value()) return wants_effort;
    if (*on_.value && !wants_effort) {
      refuse_field(effort_.field, "is \"none\", which contradicts " + on_.field);
    }
    return *on_.value;
  }

  const Fields& body_;
  UnknownFields& unknown_;
  ThinkingRequest request_;
  Said<bool> on_;
  Said<bool> hidden_;
  Said<std::string> effort_;
};

}  // namespace

ThinkingRequest read_thinking(const Fields& body, ReasoningEfforts efforts,
                              UnknownFields& unknown) {
  return ThinkingReader(body, efforts, unknown).read();
}

}  // namespace hadal
