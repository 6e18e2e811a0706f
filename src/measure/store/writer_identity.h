// Who writes a run: so that others can tell a run that goes on from one whose process was killed.
#pragma once

#include <cstdint>
#include <string>

namespace hadal {

struct WriterIdentity {
  std::string host = {};
  // This start of the machine and this container: process numbers mean something only within.
  std::string process_space = {};
  int64_t process = 0;
  int64_t started = 0;  // by the kernel's clock, in its ticks; numbers are used again
};

WriterIdentity this_process();

enum class WriterState {
  kAlive,
  kGone,
  kElsewhere,  // another machine or container: this process cannot see it
};

WriterState state_of(const WriterIdentity& writer);

}  // namespace hadal
