// How many guesses a step checks, for each of its sequences: those that make the most tokens a
// second, as far as acceptance and the cost of rows are known. A pure function, with the record of
// what was accepted that it is fed from.
//
// A step of b rows that takes T(b) seconds gives a sequence one token, and one more for each of its
// guesses that is kept. Guesses are kept from the first on, so that the j-th survives with the
// product of the first j probabilities; whether one is checked changes nothing in what is sampled,
// so that the best number may be sought freely.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/function_ref.h"
#include "engine/speculation.h"

namespace hadal {

// Of one sequence of the step to come.
struct DraftOffer {
  // [guesses that can be had]: with what probability the first so many are all kept; not
  // increasing.
  std::vector<double> survival = {};
  bool costs_passes = false;   // each guess takes a pass of a drafter, shared by all sequences
  bool costs_a_block = false;  // all together take one, the same
};

struct DraftPlanArgs {
  std::span<const DraftOffer> offers;  // one for each sequence that decodes
  // Of a step in which they have so many rows together; not negative.
  FunctionRef<double(int rows)> step_seconds;
  double pass_seconds = 0;   // one pass of the drafter
  double block_seconds = 0;  // of one that makes all guesses at once
  // By what share guesses must gain on none to be made at all: what is estimated from noisy
  // measurements and looks a little better is as often a little worse.
  double least_gain = 0;
};

// How many guesses of each offer to check, and what that is expected to come to.
struct DraftPlan {
  std::vector<int> drafts;  // [offers]
  double tokens_per_second = 0;
  double without = 0;  // the same with no guesses at all
};

// Of all ways to take the likeliest guesses first, the one with most tokens a second; where two are
// equal, the one with fewer guesses.
DraftPlan plan_drafts(const DraftPlanArgs& args);

// What so many guesses of each offer, at most as many as it has, are expected to come to.
double tokens_per_second(const DraftPlanArgs& args, std::span<const int> drafts);

// How often guesses were kept, by their place among those of a step, older ones fading.
class AcceptanceRecord {
 public:
  // What it keeps of its past with every step: how long a text that has become another one counts.
  static constexpr double kOfOneSequence = 0.95;
  static constexpr double kOfAll = 0.99;
  explicit AcceptanceRecord(double memory = kOfOneSequence) : memory_(memory) {}

  void observe(int proposed, int kept);
  // Of guesses that were made and not checked: that the guess at place `depth` is kept where those
  // before it are, as told by who made it.
  void expect(int depth, double probability);
  // That the guess at place `depth` (from 0) is kept where those before it were: what was seen
  // here, and `prior` in so far as that is little.
  double probability(int depth, double prior) const;

 private:
  double memory_;
  std::array<double, kMostDrafts> tried_ = {};
  std::array<double, kMostDrafts> kept_ = {};
};

// How far to trust a drafter that tells how likely each guess is right: by place, how often guesses
// were right over what was told of them.
class ConfidenceScale {
 public:
  // Of guesses of which the first `kept` were right.
  void observe(std::span<const float> confidence, int kept);
  double calibrated(int depth, double confidence) const;

 private:
  std::array<double, kMostDrafts> told_ = {};
  std::array<double, kMostDrafts> right_ = {};
};

}  // namespace hadal
