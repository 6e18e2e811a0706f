// Looks for the deployments that serve a load best: how the model is spread, how many requests at
// a time, in what chunks prompts are computed beside decoding, whether prefill has devices of its
// own and deals a prompt among them. Not tried are numbers of devices that are no power of two and
// attention that is split and copied at once; stages of layers only for engines that work so.
#pragma once

#include <optional>
#include <vector>

#include "plan/serving_model.h"

namespace hadal {

struct PlanCandidate {
  Deployment deployment;
  double places = 0;
  Prediction prediction = {};

  double total_per_device() const { return prediction.total_rate / deployment.devices(); }
};

struct SearchLimits {
  int most_devices = 8;  // of one deployment
  bool disaggregate = true;
  bool aggregate = true;
  double most_places = 16384;
  bool other_chunks = false;  // than the engine's own
};

// Spreads of one instance on up to `most` devices that divide the model's heads and groups, and
// whose weights fit: attention split among all devices, or copied on each.
std::vector<Spread> possible_spreads(const Deployment& base, int most);
// Those of context parallel prefill, where the engine has it: devices of one scale-up domain.
std::vector<Spread> dealing_spreads(const Deployment& base, int most);

// All candidates of `base` (whose roles are ignored) over doubling numbers of requests.
std::vector<PlanCandidate> all_candidates(const Deployment& base, const Constants& constants,
                                          const RequestShape& shape, const SearchLimits& limits);

// Total tokens per second and device of the best candidate at a user's speed, interpolated along
// the number of requests. `base.prefill` set: disaggregated ones alone; else aggregated ones alone.
std::optional<double> best_total_at(const Deployment& base, const Constants& constants,
                                    const RequestShape& shape, double interactivity);

}  // namespace hadal
