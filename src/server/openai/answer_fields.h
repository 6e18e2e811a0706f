// The fields by which every request for an answer says what it wants, whether it has messages or a
// prompt: the model, sampling, where the answer ends, how it is sent, when it is served.
// docs/api.md lists them. What an API has of its own is its reader's (chat_reader.h,
// completion_reader.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chat/sampling_defaults.h"
#include "chat/turn.h"
#include "json/unknown_fields.h"
#include "server/api_error.h"

namespace hadal {

// What a request is read against.
struct RequestRules {
  std::vector<std::string> model_names;                   // those served; the first is the default
  int64_t vocab_size = 0;                                 // of the model
  SamplingDefaults sampling = {};                         // of a request that does not say
  ReasoningEfforts efforts = ReasoningEfforts::kHighMax;  // of the model
  bool strict = false;  // refuse fields that this server does not know
};

// How an answer is sent.
struct AnswerForm {
  bool stream = false;
  bool include_usage = false;     // of a stream: in a last event
  bool continuous_usage = false;  // of a stream: in every event, that of its choice so far
  bool token_ids = false;         // of prompt and answer
};

// All of these throw ApiException or Error (kInvalidArgument) naming the field.

std::string read_model(const Fields& body, const std::vector<std::string>& served);
// The answer to a request for a model that is none of `served`.
ApiError model_not_found(std::string_view name, const std::vector<std::string>& served);

AnswerForm read_answer_form(const Fields& body, UnknownFields& unknown);

// A request without a seed gets a random one. The APIs ask for log-probabilities differently.
SamplingOptions read_sampling(const Fields& body, const RequestRules& rules,
                              std::optional<int> top_logprobs);

// The limit of the answer, at least `least`.
std::optional<int> read_max_tokens(const Fields& body, int least);

// What else ends the answer or keeps it from ending, and whether it shows control tokens; after
// turn.max_tokens and turn.prompt_only are known.
void read_ends(const Fields& body, int64_t vocab_size, ChatTurn& turn);

// When the request is served, and with whom it shares its prompt.
void read_service(const Fields& body, ChatTurn& turn);

}  // namespace hadal
