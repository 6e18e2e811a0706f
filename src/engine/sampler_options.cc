#include "engine/sampler_options.h"

#include <algorithm>
#include <fmt/format.h>
#include <string>

#include "base/error.h"

namespace hadal {
namespace {

[[noreturn]] void refuse(const char* name, std::string what, std::string remedy) {
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = name,
               .what = std::move(what),
               .remedy = std::move(remedy)});
}

// NaN is in no range.
void check_range(const char* name, float value, float least, float most, const char* note = "") {
  if (value >= least && value <= most) return;
  refuse(name, fmt::format("is {}", value),
         fmt::format("give a number from {} to {}{}", least, most, note));
}

void check_logit_bias(const std::vector<LogitBias>& biases) {
  constexpr const char* kName = "logit_bias";
  if (biases.size() > kMostLogitBiases) {
    refuse(kName, fmt::format("names {} tokens", biases.size()),
           fmt::format("name at most {}", kMostLogitBiases));
  }
  std::vector<int32_t> tokens;
  for (const LogitBias& entry : biases) {
    if (entry.token < 0) refuse(kName, fmt::format("names token {}", entry.token), "use token ids");
    if (!(entry.bias >= -kGreatestBias && entry.bias <= kGreatestBias)) {
      refuse(kName, fmt::format("of token {} is {}", entry.token, entry.bias),
             fmt::format("give a number from {} (never) to {} (only this)", -kGreatestBias,
                         kGreatestBias));
    }
    tokens.push_back(entry.token);
  }
  std::sort(tokens.begin(), tokens.end());
  const auto twice = std::adjacent_find(tokens.begin(), tokens.end());
  if (twice != tokens.end()) refuse(kName, fmt::format("names token {} twice", *twice), "");
}

}  // namespace

void check_sampling_options(const SamplingOptions& options) {
  check_range("temperature", options.temperature, 0, 100, "; 0 is greedy");
  check_range("top_p", options.top_p, 0, 1, "; 0 allows the likeliest token alone");
  if (options.top_k < 0) {
    refuse("top_k", fmt::format("is {}", options.top_k), "give a number from 0 (no limit)");
  }
  check_range("min_p", options.min_p, 0, 1);
  check_range("repetition_penalty", options.repetition_penalty, 0.1F, 10, "; 1 is none");
  check_range("presence_penalty", options.presence_penalty, -2, 2);
  check_range("frequency_penalty", options.frequency_penalty, -2, 2);
  check_logit_bias(options.logit_bias);
  const int top = options.top_logprobs.value_or(0);
  if (top < 0 || top > kMostTopLogprobs) {
    refuse("top_logprobs", fmt::format("is {}", top),
           fmt::format("give a number from 0 to {}", kMostTopLogprobs));
  }
}

void check_sampling_options(const SamplingOptions& options, int vocab) {
  check_sampling_options(options);
  for (const LogitBias& entry : options.logit_bias) {
    if (entry.token < vocab) continue;
    refuse("logit_bias", fmt::format("names token {}", entry.token),
           fmt::format("the vocabulary ends at {}", vocab - 1));
  }
}

}  // namespace hadal
