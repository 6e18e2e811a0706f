// The conversation line by line: on a terminal with an editor, help and forgiveness, from a pipe
// until its end or the first error.
#pragma once

#include <string>

#include "cli/conversation.h"

namespace hadal {

// Returns the exit status. `greeting` is shown on a terminal only. Throws Error when the lines come
// from a pipe; on a terminal errors are shown and the conversation goes on.
int chat_loop(Conversation& conversation, const std::string& greeting);

}  // namespace hadal
