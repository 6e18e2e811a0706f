// CHECK: invariants of our own code at the entry of an operation. Inputs of users and files are
// never CHECKed; they raise hadal::Error. A failed CHECK throws InvariantError, which the engine
// step and the command line report as an internal fault, so that no request can end the process.
#pragma once

#include <stdexcept>

namespace hadal {

class InvariantError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

[[noreturn]] void fail_check(const char* condition, const char* file, int line);

}  // namespace hadal

#define HADAL_CHECK(condition)                             \
  do {                                                     \
    if (!(condition)) {                                    \
      ::hadal::fail_check(#condition, __FILE__, __LINE__); \
    }                                                      \
  } while (false)
