#include "engine/draft_plan.h"

#include <algorithm>

#include "base/as_size.h"

namespace hadal {
namespace {

// A prior counts as so many guesses.
constexpr double kPriorWeight = 3;
constexpr double kLeastSeconds = 1e-9;

struct Guess {
  double survival = 0;
  int offer = 0;
  int place = 0;
};

// Of a step with more and more guesses.
class Rate {
 public:
  explicit Rate(const DraftPlanArgs& args)
      : args_(args), rows_(static_cast<int>(args.offers.size())), tokens_(rows_) {}

  void add(const DraftOffer& offer, int place) {
    ++rows_;
    tokens_ += offer.survival[as_size(place)];
    if (offer.costs_passes) passes_ = std::max(passes_, place + 1);
    takes_block_ = takes_block_ || offer.costs_a_block;
  }
  double tokens_per_second() const {
    const double seconds = args_.step_seconds(rows_) + passes_ * args_.pass_seconds +
                           (takes_block_ ? args_.block_seconds : 0);
    return tokens_ / std::max(seconds, kLeastSeconds);
  }

 private:
  const DraftPlanArgs& args_;
  int rows_;
  double tokens_;
  int passes_ = 0;
  bool takes_block_ = false;
};

}  // namespace

double tokens_per_second(const DraftPlanArgs& args, std::span<const int> drafts) {
  Rate rate(args);
  for (size_t i = 0; i < drafts.size(); ++i) {
    for (int place = 0; place < drafts[i]; ++place) rate.add(args.offers[i], place);
  }
  return rate.tokens_per_second();
}

DraftPlan plan_drafts(const DraftPlanArgs& args) {
  std::vector<Guess> guesses;
  guesses.reserve(args.offers.size() * kMostDrafts);
  for (size_t i = 0; i < args.offers.size(); ++i) {
    const std::vector<double>& survival = args.offers[i].survival;
    for (size_t j = 0; j < survival.size(); ++j) {
      guesses.push_back({survival[j], static_cast<int>(i), static_cast<int>(j)});
    }
  }
  // Stable: the places of an offer stay in order.
  std::stable_sort(guesses.begin(), guesses.end(),
                   [](const Guess& a, const Guess& b) { return a.survival > b.survival; });
  Rate rate(args);
  DraftPlan plan{.drafts = std::vector<int>(args.offers.size(), 0)};
  plan.without = plan.tokens_per_second = rate.tokens_per_second();
  size_t taken = 0;
  for (size_t i = 0; i < guesses.size(); ++i) {
    rate.add(args.offers[as_size(guesses[i].offer)], guesses[i].place);
    const double with = rate.tokens_per_second();
    if (with <= plan.tokens_per_second) continue;
    plan.tokens_per_second = with;
    taken = i + 1;
  }
  if (plan.tokens_per_second < (1 + args.least_gain) * plan.without) {
    plan.tokens_per_second = plan.without;
    return plan;
  }
  for (size_t i = 0; i < taken; ++i) ++plan.drafts[as_size(guesses[i].offer)];
  return plan;
}

void AcceptanceRecord::observe(int proposed, int kept) {
  const int places = std::min({proposed, kept + 1, kMostDrafts});
  for (int depth = 0; depth < places; ++depth) {
    expect(depth, depth < kept ? 1 : 0);
  }
}

void AcceptanceRecord::expect(int depth, double probability) {
  const size_t place = as_size(depth);
  tried_[place] = memory_ * tried_[place] + 1;
  kept_[place] = memory_ * kept_[place] + probability;
}

double AcceptanceRecord::probability(int depth, double prior) const {
  const size_t place = as_size(depth);
  return (kept_[place] + kPriorWeight * prior) / (tried_[place] + kPriorWeight);
}

void ConfidenceScale::observe(std::span<const float> confidence, int kept) {
  const int places = std::min({static_cast<int>(confidence.size()), kept + 1, kMostDrafts});
  for (int depth = 0; depth < places; ++depth) {
    const size_t place = as_size(depth);
    told_[place] = AcceptanceRecord::kOfAll * told_[place] + static_cast<double>(confidence[place]);
    right_[place] = AcceptanceRecord::kOfAll * right_[place] + (depth < kept ? 1 : 0);
  }
}

double ConfidenceScale::calibrated(int depth, double confidence) const {
  // As if so much had been told before, and come true.
  constexpr double kPrior = 2;
  const size_t place = as_size(depth);
  return std::min(1.0, confidence * (right_[place] + kPrior) / (told_[place] + kPrior));
}

}  // namespace hadal
