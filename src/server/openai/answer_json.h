// What the answers of OpenAI's APIs have in common: the counts of usage, and events of a stream.
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "server/api_error.h"
#include "server/generation.h"

namespace hadal {

// Text is UTF-8 already; should it not be, a replacement is better than no answer.
std::string dump_answer(const nlohmann::ordered_json& value);

// With "hadal", where the engine's time went, once that is known.
nlohmann::ordered_json usage_json(const GenerationUsage& usage);

// "data: {...}\n\n".
std::string answer_event(const nlohmann::ordered_json& value);
std::string error_event(const ApiError& error);

// The head of a stream of events, which begins with `body`.
HttpResponse event_stream(std::string body);

// Since 1970.
int64_t seconds_now();

}  // namespace hadal
