// One request and its answer, before or after a load: a probe, a question.
#pragma once

#include "measure/client/answer_stream.h"
#include "measure/run/endpoint.h"

namespace hadal {

// `timeout` in seconds. A failure is in the record; nothing is thrown for it.
FinishedAnswer ask_once(const Endpoint& endpoint, const Prompt& prompt, const BodyOptions& body,
                        double timeout);

}  // namespace hadal
