// hadal synth: a random checkpoint in the released form.
#include <chrono>
#include <fmt/format.h>

#include "checkpoint/v4/synth.h"
#include "cli/commands.h"
#include "cli/terminal.h"

namespace hadal {

int synth_command(const ParsedLine& line) {
  const std::string& directory = line.argument(argument::kDirectory);
  Progress progress("writing", "B", std::chrono::milliseconds(0));
  SynthOptions options;
  options.preset = line.argument(argument::kPreset);
  options.layers = line.get(option::kLayers).value_or(options.layers);
  options.experts = line.get(option::kExperts).value_or(options.experts);
  options.vocab = line.get(option::kVocab).value_or(options.vocab);
  options.seed = line.value(option::kSeed);
  options.drafter = line.value(option::kDrafter);
  options.tokenizer = line.get(option::kTokenizer).value_or("");
  options.progress = [&](uint64_t done, uint64_t total) { progress.update(done, total); };
  write_synthetic_checkpoint(options, directory);
  progress.finish();
  write_out(fmt::format("{} holds a random {} model with seed {}\n", directory, options.preset,
                        options.seed));
  return 0;
}

}  // namespace hadal
