// A meter that is a user's own command: one that prints a figure and ends, run again for each
// reading, or one that keeps running and prints a line now and then. Which of the two shows by
// itself. Lines are those of read_meter_line (meter_text.h).
#pragma once

#include <memory>
#include <string>

#include "measure/meters/power_meter.h"

namespace hadal {

struct CommandMeterArgs {
  std::string command = {};  // cut into words by command_words.h
  std::string covers = {};   // a class of meter_classes(), of lines that name no device
  // The longest silence. A command that says nothing for so long is stopped, and started again
  // with the next reading.
  double seconds = 3;
};

// Starts the command and reads it once. Throws Error: kNotFound, kDeadlineExceeded (it hangs),
// kResourceExhausted (it floods), kInvalidFile (its lines are no figures), kUnavailable (it fails).
std::unique_ptr<PowerMeter> open_command_meter(const CommandMeterArgs& args);

}  // namespace hadal
