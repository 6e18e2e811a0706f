// How many tokens a step of speculative decoding yields: published curves of acceptance, or a
// number that the user gives.
#pragma once

#include <string>
#include <string_view>

namespace hadal {

enum class AssumedDrafter { kNone, kMtp, kDspark };

struct AssumedSpeculation {
  AssumedDrafter kind = AssumedDrafter::kNone;
  int drafts = 0;
  double tokens_per_step = 1;  // the target's own token included
  bool adapts = false;         // fewer drafts are verified where more do not pay
  std::string source = {};     // of tokens_per_step
};

// The mean tokens of a step with `drafts` drafts, 1 to 8, as InferenceX measured them (SPEED-Bench
// coding, temperature 1, thinking, V4-Pro on B300, golden_al_distribution of 2026).
double golden_acceptance(AssumedDrafter kind, int drafts);

// "none", "mtp", "mtp3", "dspark5", "mtp3:2.49" (with tokens a step), "dspark5:.58,.45,.32" (with
// the acceptance of each position given those before). Throws Error kInvalidArgument.
AssumedSpeculation parse_speculation(std::string_view text);

}  // namespace hadal
