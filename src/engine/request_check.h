// What an engine refuses of a request before it takes it.
#pragma once

#include <string>

#include "base/function_ref.h"
#include "engine/request.h"

namespace hadal {

struct RequestLimits {
  int vocab = 0;
  int context = 0;                   // tokens of prompt and answer
  FunctionRef<std::string()> holds;  // what decides that, for a message
};

// The most tokens that its answer can have. Throws Error as Engine::submit says.
int check_request(const GenerateRequest& request, const RequestLimits& limits);

}  // namespace hadal
