// For measurements alone: guesses are kept as often as is wished, whatever the model would have
// sampled, so that the speed of an acceptance can be known before there is a drafter that has it.
// The answers are worth nothing. Nothing but hadal bench speculation makes engines so, and all that
// they report says it; beside it the planner's fleets draw from it, which have no model at all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

struct SimulatedAcceptance {
  double length = 0;                  // mean tokens a step, for however many guesses; 0: see below
  std::vector<double> survival = {};  // with what probability the first j + 1 guesses are all kept

  // That guess `depth` of `drafts` is kept where those before it were.
  double probability(int depth, int drafts) const;
  // Whether it is; the same arguments always say the same.
  bool keeps(uint64_t seed, uint64_t position, int depth, int drafts) const;
};

// A mean number of tokens a step from 1 on ("2.27"), or the survival by place ("0.79,0.48,0.22"),
// not increasing. Throws Error kInvalidArgument naming `where`.
SimulatedAcceptance parse_simulated_acceptance(std::string_view text, const std::string& where);
std::string simulated_acceptance_text(const SimulatedAcceptance& simulated);

}  // namespace hadal
