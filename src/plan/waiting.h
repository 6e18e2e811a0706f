// What it is worth to wait before one commits to hardware whose software is young: meanwhile tokens
// are bought elsewhere, and what was not known becomes known. A tree of two steps, worked out leaf
// by leaf.
#pragma once

#include <vector>

namespace hadal {

struct WaitingInput {
  double own = 0;        // dollars per million tokens today, as predicted
  double elsewhere = 0;  // of what can be bought meanwhile, at any time and in any amount
  // All times are 1 + excess · e^(-(days + 7 · weeks) / youth_days) of the mature stack's.
  double days = 0;
  double excess = 0;
  double youth_days = 1;
  // The excess is this much less or more than assumed, and the mature cost than predicted.
  double excess_low = 1;
  double excess_high = 1;
  double cost_low = 1;
  double cost_high = 1;
  double horizon_weeks = 104;
};

struct WaitingLeaf {
  double probability = 0;
  double excess = 0;  // factor on it
  double cost = 0;    // factor on it
  double own = 0;     // mean dollars per million tokens over the horizon, if bought today
};

struct WaitingRow {
  double weeks = 0;
  double usd_per_million = 0;  // mean over the horizon: elsewhere until then, then the better
  double probability = 0;      // that owning is then the better
  double option_value = 0;     // what that saves against deciding today; negative: it costs
};

struct WaitingValue {
  double own_today = 0;  // mean over leaves and horizon
  double committed = 0;  // the better of that and of staying elsewhere, decided today
  std::vector<WaitingLeaf> leaves = {};
  std::vector<WaitingRow> rows = {};  // 4, 13, 26 and 52 weeks, as far as the horizon goes
};

// Probabilities are those with which each factor is 1 in the mean; halves where 1 is not between
// low and high. Throws nothing; costs that are not above 0 give no rows.
WaitingValue waiting_value(const WaitingInput& input);

}  // namespace hadal
