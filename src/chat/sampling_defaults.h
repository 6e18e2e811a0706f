// How a model is sampled where nobody says: one answer for the command line and the server. What a
// request or an option says counts first, then the model's generation_config.json, then the
// built-in ones of SamplingOptions.
#pragma once

#include <filesystem>
#include <string>

#include "engine/sampler_options.h"

namespace hadal {

struct SamplingDefaults {
  float temperature = 1;
  float top_p = 1;
  int top_k = 0;
  float min_p = 0;
  float repetition_penalty = 1;

  // As the engine takes them; the seed is the caller's.
  SamplingOptions options() const;
};

// The built-in values with those of `model_directory`/generation_config.json in their place:
// temperature, top_p, top_k, min_p and repetition_penalty, and temperature 0 where do_sample is
// false. A file or field that is missing or null says nothing; other fields are ignored. Throws
// Error (kInvalidFile) for a malformed file, a value of another type or out of its range.
SamplingDefaults sampling_defaults(const std::filesystem::path& model_directory);

// In one line, for the start of a program: "temperature 0.6, top_p 0.95".
std::string describe_sampling(const SamplingDefaults& defaults);

}  // namespace hadal
