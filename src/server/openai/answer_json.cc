#include "server/openai/answer_json.h"

#include <chrono>
#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

namespace hadal {

using nlohmann::ordered_json;

namespace {

// Further digits say nothing.
double to_nanoseconds(double seconds) {
  constexpr double kPerSecond = 1e9;
  return std::round(seconds * kPerSecond) / kPerSecond;
}

}  // namespace

std::string dump_answer(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

ordered_json usage_json(const GenerationUsage& usage) {
  ordered_json json = {
      {"prompt_tokens", usage.prompt_tokens},
      {"completion_tokens", usage.completion_tokens},
      {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
      {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
      {"completion_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}}};
  if (usage.seconds) {
    json["hadal"] = {{"queue_seconds", to_nanoseconds(usage.seconds->queue)},
                     {"prefill_seconds", to_nanoseconds(usage.seconds->prefill)},
                     {"decode_seconds", to_nanoseconds(usage.seconds->decode)}};
    if (usage.drafted_tokens > 0 || usage.seconds->draft > 0) {
      json["hadal"]["draft_seconds"] = to_nanoseconds(usage.seconds->draft);
      json["hadal"]["draft_tokens"] = usage.drafted_tokens;
      json["hadal"]["accepted_draft_tokens"] = usage.kept_drafts;
    }
  }
  return json;
}

std::string answer_event(const ordered_json& value) {
  return "data: " + dump_answer(value) + "\n\n";
}

std::string error_event(const ApiError& error) {
  const std::string body = api_error_body(error);
  return "data: " + body.substr(0, body.find('\n')) + "\n\n";
}

HttpResponse event_stream(std::string body) {
  return {.content_type = "text/event-stream",
          .headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}},
          .body = std::move(body)};
}

int64_t seconds_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

}  // namespace hadal
