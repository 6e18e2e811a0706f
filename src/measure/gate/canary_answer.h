// What an endpoint said to a canary, and how it is asked and read: OpenAI's completions with the
// log-probabilities of old (prompts as ids, echo), and chat completions. Reads what differs between
// engines; sends nothing and judges nothing.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "measure/gate/canaries.h"
#include "measure/gate/gate_endpoint.h"

namespace hadal {

struct TokenScore {
  std::string text;    // as the endpoint writes the token; an id where it writes "token_id:N"
  bool known = false;  // whether there is a log-probability: not for the first of a prompt
  double logprob = 0;  // natural logarithm; never NaN, -infinity becomes kLeastLogprob
  std::vector<std::pair<std::string, double>> top = {};  // likeliest first
};
constexpr double kLeastLogprob = -1000;

struct CanaryAnswer {
  std::string canary = {};  // its id
  std::string error = {};   // printable; empty: answered
  int prompt_tokens = -1;   // by the endpoint's count; -1: not told
  // Of kScore those of the prompt and then of the answer, otherwise those of the answer. Empty
  // where the endpoint tells no log-probabilities.
  std::vector<TokenScore> tokens = {};
  std::string text = {};  // of the answer: reasoning, content, calls; of kScore empty
};

// What the endpoint turned out to take and tell.
struct EndpointTraits {
  std::string model = {};
  std::string engine = {};   // "hadal", "vllm", "sglang", ...; empty: unknown
  std::string version = {};  // of the engine
  int context = 0;           // tokens; 0: not told
  bool takes_ids = false;    // /v1/completions with a prompt of ids
  bool echoes = false;       // and with the log-probabilities of the prompt
  bool tells_logprobs = false;
  bool takes_ignore_eos = false;
  bool chats = false;
  bool chat_tells_logprobs = false;
  bool chat_takes_thinking = false;  // chat_template_kwargs
  bool tokenizes = false;            // /tokenize
};

// As many likeliest tokens as all engines tell.
constexpr int kTopLogprobs = 5;

// The path and body that ask this canary.
struct CanaryQuestion {
  std::string path;
  std::string body;
};
CanaryQuestion question_of(const Canary& canary, const EndpointTraits& traits);

// Whatever came: errors, other JSON, no JSON end in `error`.
CanaryAnswer read_answer(const Canary& canary, const GateReply& reply);

// The words of an error in a reply, in one printable line.
std::string error_text(const GateReply& reply);

}  // namespace hadal
