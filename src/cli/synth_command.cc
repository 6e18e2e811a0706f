// hadal synth: a random checkpoint in the released form.
#include <chrono>
#include <fmt/format.h>

#include "checkpoint/v4/synth.h"
#include "cli/commands.h"
#include "cli/terminal.h"

namespace hadal {

int synth_command(const ParsedLine& line) {
  const std::string directory = line.required_text("DIR");
  Progress progress("writing", "B", std::chrono::milliseconds(0));
  SynthOptions options;
  options.preset = line.required_text("PRESET");
  options.layers = static_cast<int>(line.integer("layers").value_or(options.layers));
  options.experts = static_cast<int>(line.integer("experts").value_or(options.experts));
  options.vocab = static_cast<int>(line.integer("vocab").value_or(options.vocab));
  options.seed =
      static_cast<uint64_t>(line.integer("seed").value_or(static_cast<int64_t>(options.seed)));
  options.tokenizer = line.text("tokenizer").value_or("");
  options.progress = [&](uint64_t done, uint64_t total) { progress.update(done, total); };
  write_synthetic_checkpoint(options, directory);
  progress.finish();
  write_out(fmt::format("{} holds a random {} model with seed {}\n", directory, options.preset,
                        options.seed));
  return 0;
}

}  // namespace hadal
