#include "plan/search.h"

#include <algorithm>
#include <cmath>

namespace hadal {
namespace {

bool divides(const PlanModel& model, int tp) {
  if (model.heads % tp != 0) return false;
  return model.o_groups == 0 || model.o_groups % tp == 0;
}

bool fits(const Deployment& base, const Spread& spread) {
  Deployment trial = base;
  trial.serve.spread = spread;
  trial.prefill.reset();
  return base.device.memory_bytes <= 0 || deployment_fit(trial).fits();
}

// Devices of one host, which split attention even where nothing but its bus joins them.
constexpr int kHost = 8;

// Prefill instances per decode instance that are tried.
constexpr int kFronts[] = {1, 2, 3, 4, 6, 8, 12};

// Of the engine's own chunk.
constexpr double kOtherChunks[] = {0.125, 0.25, 0.5, 2};

}  // namespace

std::vector<Spread> possible_spreads(const Deployment& base, int most) {
  std::vector<Spread> spreads;
  const auto add = [&](const Spread& spread) {
    if (fits(base, spread)) spreads.push_back(spread);
  };
  for (int devices = 1; devices <= (base.device.joined ? most : 1); devices *= 2) {
    if (base.engine.stages) {
      add({.pp = devices});
      continue;
    }
    if (divides(base.model, devices) && devices <= std::max(kHost, base.device.domain)) {
      add({.tp = devices});
    }
    if (devices > 1) add({.dp = devices, .expert_parallel = true});
  }
  return spreads;
}

std::vector<Spread> dealing_spreads(const Deployment& base, int most) {
  std::vector<Spread> spreads;
  if (!base.engine.deals_prompts || !base.device.joined) return spreads;
  for (int devices = 2; devices <= std::min(most, std::max(kHost, base.device.domain));
       devices *= 2) {
    const Spread spread{.tp = devices, .cp = devices, .expert_parallel = true};
    if (fits(base, spread)) spreads.push_back(spread);
  }
  return spreads;
}

std::vector<PlanCandidate> all_candidates(const Deployment& base, const Constants& constants,
                                          const RequestShape& shape, const SearchLimits& limits) {
  std::vector<PlanCandidate> found;
  const std::vector<Spread> spreads = possible_spreads(base, limits.most_devices);
  // Engines of stages have one sequence at a time.
  const double most_places = base.engine.stages ? 1 : limits.most_places;
  const bool apart = limits.disaggregate && base.device.joined && !base.engine.stages;
  const auto add = [&](const Deployment& deployment) {
    double last = 0;
    for (double places = 1;;) {
      PlanCandidate candidate{.deployment = deployment, .places = places};
      candidate.prediction = predict(deployment, constants, shape, places);
      const bool full = candidate.prediction.memory_binds;
      // More requests that only wait are no other deployment.
      const double rate = candidate.prediction.total_rate;
      const bool saturated = places > 1 && rate < 1.03 * last;
      last = rate;
      if (!saturated) found.push_back(std::move(candidate));
      if (full || saturated || places >= most_places) break;
      places = std::min(2 * places, most_places);
    }
  };
  std::vector<Spread> fronts = spreads;
  const std::vector<Spread> dealing = dealing_spreads(base, limits.most_devices);
  fronts.insert(fronts.end(), dealing.begin(), dealing.end());
  const double fresh = std::max(1.0, shape.input * (1 - shape.hit));
  for (const Spread& spread : spreads) {
    Deployment deployment = base;
    deployment.prefill.reset();
    deployment.serve = {.spread = spread};
    if (limits.aggregate) add(deployment);
    for (const double part : kOtherChunks) {
      // Where both chunks hold the whole prompt they are the same to it.
      if (!limits.aggregate || !limits.other_chunks ||
          std::min(1.0, part) * base.engine.chunk >= fresh) {
        continue;
      }
      Deployment chunked = deployment;
      chunked.engine.chunk = part * base.engine.chunk;
      if (fits(chunked, spread)) add(chunked);
    }
    if (!apart) continue;
    for (const Spread& front : fronts) {
      if (front.ranks() > spread.ranks()) continue;
      for (const int workers : kFronts) {
        deployment.prefill = Role{.spread = front, .workers = workers};
        if (deployment.devices() <= limits.most_devices) add(deployment);
      }
    }
  }
  return found;
}

std::optional<double> best_total_at(const Deployment& base, const Constants& constants,
                                    const RequestShape& shape, double interactivity) {
  const bool apart = base.prefill.has_value();
  const int most = apart ? std::min(72, std::max(16, base.device.domain)) : 8;
  std::vector<PlanCandidate> candidates = all_candidates(
      base, constants, shape, {.most_devices = most, .disaggregate = apart, .aggregate = !apart});
  std::optional<double> best;
  const PlanCandidate* before = nullptr;
  for (const PlanCandidate& candidate : candidates) {
    // Candidates of one deployment follow each other, by the number of requests.
    const bool continues = before != nullptr && candidate.places > before->places;
    const double speed = candidate.prediction.interactivity();
    std::optional<double> total;
    if (speed >= interactivity) {
      total = candidate.total_per_device();
    } else if (continues && before->prediction.interactivity() >= interactivity) {
      const double slow = before->prediction.interactivity();
      const double part = (slow - interactivity) / (slow - speed);
      total = before->total_per_device() +
              part * (candidate.total_per_device() - before->total_per_device());
    }
    if (total && (!best || *total > *best)) best = total;
    before = &candidate;
  }
  return best;
}

}  // namespace hadal
