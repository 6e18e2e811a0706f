// Brings a generation to the client that asked for it: through an API's writer to an exchange,
// whole or streamed. The client's departure cancels the generation.
#pragma once

#include <memory>

#include "server/answer_writer.h"
#include "server/generation.h"
#include "server/http/http_types.h"

namespace hadal {

// Returns at once; the answer follows from the engine's events. Engine and tokenizer must outlive
// the exchange. What the engine refuses is an answer of the writer's.
void deliver_answer(const std::shared_ptr<Exchange>& exchange, Engine& engine,
                    const Tokenizer& tokenizer, GenerationRequest request,
                    std::unique_ptr<AnswerWriter> writer, bool stream);

}  // namespace hadal
