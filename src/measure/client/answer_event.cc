#include "measure/client/answer_event.h"

#include <charconv>
#include <cmath>

#include "base/error.h"
#include "json/json_reader.h"

namespace hadal {
namespace {

constexpr double kMaxCount = 9007199254740992;  // 2^53

std::optional<double> read_double(JsonReader& json) {
  if (json.peek() != JsonReader::Kind::kNumber) {
    json.skip_value();
    return std::nullopt;
  }
  const std::string_view written = json.read_number();
  double value = 0;
  const auto [end, error] = std::from_chars(written.data(), written.data() + written.size(), value);
  if (error != std::errc() || end != written.data() + written.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<int64_t> read_count(JsonReader& json) {
  const std::optional<double> value = read_double(json);
  if (!value || *value < 0 || *value > kMaxCount || std::floor(*value) != *value) {
    return std::nullopt;
  }
  return static_cast<int64_t>(*value);
}

// A string, or nothing where something else stands.
std::string read_text(JsonReader& json) {
  if (json.peek() == JsonReader::Kind::kString) return json.read_string();
  json.skip_value();
  return {};
}

// Calls use(name) for each member where an object stands; `use` looks at the name, then reads the
// value or skips it.
template <typename Use>
void each_member(JsonReader& json, Use use) {
  if (json.peek() != JsonReader::Kind::kObject) {
    json.skip_value();
    return;
  }
  std::string_view name;
  for (json.enter_object(); json.next_member(name);) use(name);
}

template <typename Use>
void each_element(JsonReader& json, Use use) {
  if (json.peek() != JsonReader::Kind::kArray) {
    json.skip_value();
    return;
  }
  size_t index = 0;
  for (json.enter_array(); json.next_element(); ++index) use(index);
}

// Of an error in any of its forms: a text, or an object with a message.
std::string read_error(JsonReader& json) {
  if (json.peek() == JsonReader::Kind::kString) return json.read_string();
  std::string message;
  each_member(json, [&](std::string_view name) {
    if (name == "message") {
      message = read_text(json);
    } else {
      json.skip_value();
    }
  });
  return message.empty() ? "an error without a message" : message;
}

AnswerUsage read_usage(JsonReader& json) {
  AnswerUsage usage;
  double drafting = 0;
  each_member(json, [&](std::string_view name) {
    if (name == "prompt_tokens") {
      usage.prompt_tokens = read_count(json);
    } else if (name == "completion_tokens") {
      usage.completion_tokens = read_count(json);
    } else if (name == "prompt_tokens_details") {
      each_member(json, [&](std::string_view detail) {
        if (detail == "cached_tokens") {
          usage.cached_tokens = read_count(json);
        } else {
          json.skip_value();
        }
      });
    } else if (name == "completion_tokens_details") {
      each_member(json, [&](std::string_view detail) {
        if (detail == "reasoning_tokens") {
          usage.reasoning_tokens = read_count(json);
        } else {
          json.skip_value();
        }
      });
    } else if (name == "hadal") {
      each_member(json, [&](std::string_view detail) {
        if (detail == "prefill_seconds") {
          usage.prefill_seconds = read_double(json);
        } else if (detail == "decode_seconds") {
          usage.decode_seconds = read_double(json);
        } else if (detail == "draft_seconds") {
          drafting = read_double(json).value_or(0);
        } else {
          json.skip_value();
        }
      });
    } else {
      json.skip_value();
    }
  });
  if (usage.decode_seconds) *usage.decode_seconds += drafting;
  return usage;
}

// Whether a call's name or arguments have text in them.
bool read_function(JsonReader& json) {
  bool found = false;
  each_member(json, [&](std::string_view name) {
    if (name == "name" || name == "arguments") {
      found |= !read_text(json).empty();
    } else {
      json.skip_value();
    }
  });
  return found;
}

// Of content: a string, or parts with text.
std::string read_content(JsonReader& json) {
  if (json.peek() != JsonReader::Kind::kArray) return read_text(json);
  std::string text;
  each_element(json, [&](size_t) {
    each_member(json, [&](std::string_view name) {
      if (name == "text") {
        text += read_text(json);
      } else {
        json.skip_value();
      }
    });
  });
  return text;
}

// `delta` of a chunk, `message` of a whole answer.
void read_message(JsonReader& json, AnswerEvent& event) {
  each_member(json, [&](std::string_view name) {
    if (name == "content") {
      event.text += read_content(json);
      event.has_answer |= !event.text.empty();
    } else if (name == "reasoning_content" || name == "reasoning") {
      // Some servers send both spellings with the same text: one of them counts.
      std::string text = read_text(json);
      event.has_reasoning |= !text.empty();
      if (event.reasoning.empty()) event.reasoning = std::move(text);
    } else if (name == "refusal") {
      event.has_answer |= !read_text(json).empty();
    } else if (name == "tool_calls") {
      each_element(json, [&](size_t) {
        each_member(json, [&](std::string_view field) {
          if (field == "function") {
            event.has_answer |= read_function(json);
          } else {
            json.skip_value();
          }
        });
      });
    } else if (name == "function_call") {
      event.has_answer |= read_function(json);
    } else {
      json.skip_value();
    }
  });
}

void read_choice(JsonReader& json, AnswerEvent& event) {
  each_member(json, [&](std::string_view name) {
    if (name == "delta" || name == "message") {
      read_message(json, event);
    } else if (name == "text") {
      event.text += read_text(json);
      event.has_answer |= !event.text.empty();
    } else if (name == "finish_reason") {
      event.finish_reason = read_text(json);
    } else {
      json.skip_value();
    }
  });
}

AnswerEvent read_object(std::string_view data, const char* where) {
  JsonReader json(data, where, ErrorCode::kInvalidArgument, {.replaces_lone_surrogates = true});
  if (json.peek() != JsonReader::Kind::kObject) json.fail("expected an object");
  AnswerEvent event;
  bool is_error = false;  // vLLM's {"object":"error","message":…} and its like
  std::string message;
  each_member(json, [&](std::string_view name) {
    if (name == "choices") {
      each_element(json, [&](size_t index) {
        if (index == 0) {
          read_choice(json, event);
        } else {
          json.skip_value();
        }
      });
    } else if (name == "usage") {
      if (json.peek() == JsonReader::Kind::kObject) {
        event.usage = read_usage(json);
      } else {
        json.skip_value();
      }
    } else if (name == "error") {
      if (json.peek() == JsonReader::Kind::kNull) {
        json.read_null();
      } else {
        event.error = read_error(json);
      }
    } else if (name == "object" || name == "type") {
      is_error |= read_text(json) == "error";
    } else if (name == "message") {
      message = read_text(json);
    } else {
      json.skip_value();
    }
  });
  json.finish();
  if (is_error && !event.error) {
    event.error = message.empty() ? "an error without a message" : message;
  }
  return event;
}

}  // namespace

AnswerEvent read_answer_event(std::string_view data) {
  constexpr std::string_view kDone = "[DONE]";
  if (data == kDone) return {.done = true};
  return read_object(data, "event");
}

AnswerEvent read_whole_answer(std::string_view body) { return read_object(body, "answer"); }

}  // namespace hadal
