// The options of hadal serve as the server and the engine take them. What depends on the model, on
// the machine or on the log is added where the server is started.
#pragma once

#include "cli/command_line.h"
#include "engine/engine.h"
#include "server/server_options.h"

namespace hadal {

// All but the model's own name where --name is absent, and the longest body where --max-body is.
ServerOptions server_options(const ParsedLine& line);

// Context, queue, step budget and cache; without threads and model.
EngineOptions engine_options(const ParsedLine& line);

}  // namespace hadal
