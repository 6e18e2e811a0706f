// hadal bench decode --speculation: requests answered with and without guesses in turn, and what
// the engine did about them: rows, guesses, what was kept at each place, and the gain that it
// expected beside the one that came out. Acceptance is real: that of the model on the text given.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/load/speculation_runner.h"
#include "engine/speculation.h"
#include "model/v4/v4_model.h"

namespace hadal {

enum class SpeculatedText {
  kPrompt,  // the model answers a prompt, the likeliest token each time, to its end
  kRandom,  // it goes on after random tokens, at temperature 1
  kQuote,   // the answer repeats the prompt, held to it by a constraint; the prompt is made of
            // phrases that come again and again in other orders
};

struct DecodeSpeculationOptions {
  Speculation speculation = {};
  SpeculatedText text = SpeculatedText::kRandom;
  std::vector<int32_t> prompt = {};  // for kPrompt
  int context = 0;                   // tokens of other prompts; 0: 32
  int batch = 1;
  int tokens = 0;  // of an answer, at most; 0: 128
  int rounds = 5;  // of both ways in turn, of which the median counts
  ModelOptions model = {};
  int threads = 1;
  std::function<void(const std::string&)> progress = {};
};

struct DecodeSpeculationReport {
  std::string model = {};
  DecodeSpeculationOptions options = {};
  std::string drafter = {};  // of the model, "none" where it has none
  Isa isa = Isa::kRef;
  int context = 0;
  SpeculationRun plain = {};     // medians of the rounds, as is:
  SpeculationRun guessing = {};  // counts: of all rounds together
  double gain() const { return guessing.tokens_per_s / plain.tokens_per_s; }
  // What the engine expected, in the mean of its decisions. Nothing where it had none to make: with
  // a fixed number of guesses it sees no step without, and knows nothing of what one would take.
  std::optional<double> expected_gain() const;
};

// Throws what opening the model and starting an engine throw, and Error for texts that do not fit
// the model's context.
DecodeSpeculationReport bench_decode_speculation(const std::filesystem::path& directory,
                                                 const DecodeSpeculationOptions& options);

std::string decode_speculation_text(const DecodeSpeculationReport& report);
std::string decode_speculation_json(const DecodeSpeculationReport& report);

}  // namespace hadal
