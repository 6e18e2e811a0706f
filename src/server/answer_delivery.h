// Brings generations to the client that asked for them: through an API's writer to an exchange,
// whole or streamed. The client's departure cancels them.
#pragma once

#include <memory>
#include <vector>

#include "server/answer_writer.h"
#include "server/generation.h"
#include "server/http/http_types.h"

namespace hadal {

// Returns at once; the answer follows from the engine's events, with a choice for each of
// `requests`, at least one. As many of them are with the engine at a time as it computes together;
// the first must find room there, others wait where its queue is full. Engine and tokenizer must
// outlive the exchange. What the engine refuses is an answer of the writer's.
void deliver_answer(const std::shared_ptr<Exchange>& exchange, Engine& engine,
                    const Tokenizer& tokenizer, std::vector<GenerationRequest> requests,
                    std::unique_ptr<AnswerWriter> writer, bool stream);

}  // namespace hadal
