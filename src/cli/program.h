// The program from its arguments to its exit status, and the one place where the command line
// catches what commands throw.
#pragma once

#include <span>
#include <string>

namespace hadal {

// Exit statuses: 0 success, 2 something the user can mend, 1 a fault of hadal's own, 130
// interrupted, 141 standard output has no reader any more.
int run_program(std::span<const std::string> words);

}  // namespace hadal
