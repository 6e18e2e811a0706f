// hadal inspect: what a checkpoint is and what it needs.
#include <chrono>

#include "checkpoint/inspect_report.h"
#include "cli/commands.h"
#include "cli/terminal.h"

namespace hadal {

int inspect_command(const ParsedLine& line) {
  constexpr std::chrono::milliseconds kQuiet(500);
  Progress progress("verifying", "B", kQuiet);
  InspectOptions options;
  options.verify = line.flag("verify");
  options.progress = [&](uint64_t done, uint64_t total) { progress.update(done, total); };
  const InspectReport report = inspect_model(line.required_text("DIR"), options);
  progress.finish();
  write_out(line.flag("json") ? inspect_json(report) : inspect_text(report));
  return 0;
}

}  // namespace hadal
