// Which of the measured configurations to use for a wish: so many tokens per second for each user,
// perhaps a time to first token and a budget. Reads what was measured and verified, off the curves
// between its points and never beyond them; says where that is not enough.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "measure/records.h"

namespace hadal {

struct RecommendationWish {
  double interactivity = 0;                    // tokens per second of a user, of the median request
  std::optional<double> ttft = {};             // seconds at most, of the median request
  std::optional<double> usd_per_million = {};  // at most, of all tokens
  // USD of a GPU and hour for a run; none where unknown.
  std::function<std::optional<double>(const RunRecord&)> price = {};
};

struct RecommendedRun {
  std::string run_id = {};
  std::string about = {};  // "8 x b200 · vllm 0.26 · fp4"
  double rate = 0;         // total tokens per second and GPU at the wish, interpolated
  std::optional<Interval> rate_ci95 = {};
  std::optional<double> ttft = {};  // seconds, the slower of the measured neighbours
  std::optional<double> usd_per_million = {};
  double fastest = 0;  // the greatest interactivity that was measured
};

struct Recommendation {
  std::vector<RecommendedRun> fitting = {};  // the best first
  std::vector<std::string> unfit = {};       // and why, a sentence each
  // The best one's figure over the second's, better than 1, with its interval: holding 1 means that
  // which is better was not shown.
  std::optional<double> advantage = {};
  std::optional<Interval> advantage_ci95 = {};
  bool by_cost = false;  // ranked by dollars; else by tokens per GPU
};

// `runs`: the newest first; of runs of one configuration the newest complete one counts.
Recommendation recommend(const std::vector<RunRecord>& runs, const RecommendationWish& wish);

std::string recommendation_text(const Recommendation& recommendation,
                                const RecommendationWish& wish);

}  // namespace hadal
