// Finds out what an endpoint takes and tells, and asks it all canaries one after the other.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "measure/gate/canary_answer.h"

namespace hadal {

struct ProbeOptions {
  std::string model = {};  // empty: the first that /v1/models lists
};

// Asks a few small questions. Throws Error (kUnavailable) where nothing answers, kNotFound where
// neither completions nor chat are there.
EndpointTraits probe_endpoint(GateEndpoint& endpoint, const ProbeOptions& options);

// The ids of a text by the endpoint's own /tokenize; empty where it has none.
std::vector<int32_t> tokenize_by(GateEndpoint& endpoint, const EndpointTraits& traits,
                                 const std::string& text, bool with_special_tokens);

// Called before each question with what is done, out of how many.
using CanaryProgress = std::function<void(size_t done, size_t all)>;

// One answer for each canary, in their order. What this endpoint cannot be asked has an answer with
// an error that says so. Throws Error (kUnavailable) when the first few all get no answer at all.
std::vector<CanaryAnswer> ask_canaries(GateEndpoint& endpoint, const EndpointTraits& traits,
                                       const std::vector<Canary>& canaries,
                                       const CanaryProgress& progress = {});

}  // namespace hadal
