// A server of OpenAI's interface as it was found: its model, engine, and what its API takes. Asked
// with a few small requests before a load, so that the load itself needs no guesses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "measure/client/http_loop.h"
#include "measure/workload/prompt.h"

namespace hadal {

enum class ApiChoice { kAuto, kChat, kCompletions };

struct EndpointOptions {
  std::string url = {};    // with or without /v1 and what may follow
  std::string model = {};  // empty: the first that the server lists
  ApiChoice api = ApiChoice::kAuto;
  std::string key = {};                   // sent as Authorization: Bearer
  std::vector<std::string> headers = {};  // "Name: value"
  bool verify_tls = true;
  std::string ca_file = {};
  double timeout = 120;                       // seconds, of each of the small requests
  std::optional<Vocabulary> vocabulary = {};  // none: found out
  std::optional<int64_t> context = {};        // none: what the server says
  bool texts_only = false;                    // prompts that somebody wrote have no token ids
};

struct Endpoint {
  std::string base = {};  // "http://127.0.0.1:8000"
  std::string model = {};
  bool is_chat = false;  // /v1/chat/completions, otherwise /v1/completions
  bool takes_token_ids = false;
  bool takes_ignore_eos = false;
  bool has_usage = false;             // stream_options.include_usage
  bool has_continuous_usage = false;  // stream_options.continuous_usage_stats
  std::string engine = {};            // "vllm", "sglang", "hadal", ...; empty: not told
  std::string engine_version = {};
  std::optional<int64_t> context = {};  // tokens of prompt and answer together
  HttpLoopOptions http = {};
  std::vector<std::string> secrets = {};  // of its headers: never to be kept or shown
  PromptStyle style = {};  // how prompts are written for it, lengths confirmed by the server
  std::vector<std::string> notes = {};  // what a reader of the run should know, in words

  std::string url() const;  // of completions
};

// "http://host:8000" of any URL that people give for it. Throws Error kInvalidArgument.
std::string base_url(std::string_view url);

// Throws Error kUnavailable where the server does not answer, is none of OpenAI's interface, lacks
// the model, or counts prompts otherwise than to within 2 %.
Endpoint probe_endpoint(const EndpointOptions& options);

struct BodyOptions {
  int64_t output_tokens = 1;
  bool ignore_eos = true;  // where the server takes it
  bool stream = true;
  double temperature = 0;
};

// The body of a request for `prompt`. JSON, UTF-8.
std::string request_body(const Endpoint& endpoint, const Prompt& prompt,
                         const BodyOptions& options);

}  // namespace hadal
