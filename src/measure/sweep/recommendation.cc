#include "measure/sweep/recommendation.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

#include "economics/frontier.h"
#include "economics/unit_costs.h"
#include "measure/metrics/load_text.h"
#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/metric_ids.h"
#include "measure/metrics/repeats.h"
#include "measure/store/run_comparison.h"

namespace hadal {
namespace {

std::string about_run(const RunRecord& run) {
  std::string text = run.gpus > 0 ? std::to_string(run.gpus) + " x " : "";
  text += run.hardware.empty() ? "unknown hardware" : run.hardware;
  for (const std::string& part :
       {run.engine + (run.engine_version.empty() ? "" : " " + run.engine_version), run.precision,
        run.speculation}) {
    if (!part.empty()) text += " · " + part;
  }
  return text;
}

std::string configuration(const RunRecord& run) {
  std::string key;
  for (const std::string& part : {run.model, run.workload, run.hardware, std::to_string(run.gpus),
                                  run.engine, run.precision, run.speculation, run.label}) {
    key += part + '\n';
  }
  return key;
}

struct Knot {
  CurvePoint rate = {};
  std::optional<Interval> ci95 = {};
  std::optional<double> ttft = {};
};

std::optional<double> figure(const PointRecord& point, std::string_view id,
                             std::optional<double> MetricValue::*which) {
  const MetricValue* metric = find_metric(point.metrics, id);
  return metric == nullptr ? std::nullopt : metric->*which;
}

// Verified points that no other beats, ascending in interactivity. Repeats of a load are one point:
// of each alone, the luckiest would stand for all.
std::vector<Knot> knots_of(const RunRecord& run) {
  std::vector<Knot> all;
  for (const auto& [point, repeats] : combined_points(run.points)) {
    const auto user = figure(point, metric_ids::kInteractivityTpot, &MetricValue::p50);
    const MetricValue* rate = find_metric(point.metrics, metric_ids::kRateTotalPerGpu);
    if (point.client.limited || point.invalid || !user || rate == nullptr || !rate->mean) continue;
    all.push_back({.rate = {*user, *rate->mean},
                   .ci95 = rate->mean_ci95,
                   .ttft = figure(point, metric_ids::kTtftFirstToken, &MetricValue::p50)});
  }
  std::vector<CurvePoint> points;
  for (const Knot& knot : all) points.push_back(knot.rate);
  std::vector<Knot> knots;
  for (const size_t i : undominated_points(points)) knots.push_back(all[i]);
  return knots;
}

std::optional<double> bound_at(const std::vector<Knot>& knots, double x, double Interval::*end) {
  std::vector<CurvePoint> points;
  for (const Knot& knot : knots) {
    if (!knot.ci95) return std::nullopt;
    points.push_back({knot.rate.x, *knot.ci95.*end});
  }
  return SteffenCurve(std::move(points)).at(x);
}

// The slower of the points on both sides: what lies between was not measured.
std::optional<double> ttft_at(const std::vector<Knot>& knots, double x) {
  std::optional<double> slower;
  for (const Knot& knot : knots) {
    if (knot.rate.x == x) return knot.ttft;
  }
  for (size_t i = 0; i < knots.size(); ++i) {
    const bool below = knots[i].rate.x <= x && (i + 1 == knots.size() || knots[i + 1].rate.x >= x);
    const bool above = knots[i].rate.x >= x && (i == 0 || knots[i - 1].rate.x <= x);
    if (!below && !above) continue;
    if (!knots[i].ttft) return std::nullopt;
    slower = std::max(slower.value_or(0), *knots[i].ttft);
  }
  return slower;
}

// Why a run cannot be recommended; empty where it fits, and `found` is filled.
std::string misfit(const RunRecord& run, const RecommendationWish& wish, RecommendedRun& found) {
  if (run.gate != GateVerdict::kPassed) {
    return run.gate == GateVerdict::kFailed ? "its answers were wrong (the gate failed)"
                                            : "its answers were never checked (no gate)";
  }
  const std::vector<Knot> knots = knots_of(run);
  if (knots.empty()) return "it has no verified point with tokens per GPU";
  found.fastest = knots.back().rate.x;
  const double x = wish.interactivity;
  if (x > found.fastest)
    return fmt::format("its fastest is {} tokens/s a user", figure_text(found.fastest));
  // Faster than asked is as good: below its range the slowest that was measured counts.
  const double at = std::max(x, knots.front().rate.x);
  std::vector<CurvePoint> curve;
  for (const Knot& knot : knots) curve.push_back(knot.rate);
  found.rate = SteffenCurve(std::move(curve)).at(at).value();
  const auto low = bound_at(knots, at, &Interval::low);
  const auto high = bound_at(knots, at, &Interval::high);
  if (low && high) found.rate_ci95 = Interval{.low = *low, .high = *high};
  found.ttft = ttft_at(knots, at);
  if (wish.ttft && (!found.ttft || *found.ttft > *wish.ttft)) {
    return found.ttft ? fmt::format("its first token takes {} s", figure_text(*found.ttft))
                      : "its time to first token is not known";
  }
  const std::optional<double> price = wish.price ? wish.price(run) : std::nullopt;
  if (price) found.usd_per_million = usd_per_million_tokens(found.rate, *price);
  if (wish.usd_per_million &&
      (!found.usd_per_million || *found.usd_per_million > *wish.usd_per_million)) {
    return found.usd_per_million
               ? fmt::format("it costs ${} a million tokens", figure_text(*found.usd_per_million))
               : "its price is not known";
  }
  return "";
}

void compare_first_two(Recommendation& result) {
  if (result.fitting.size() < 2) return;
  const RecommendedRun& best = result.fitting[0];
  const RecommendedRun& second = result.fitting[1];
  // By cost the ratio of rates is scaled by that of the prices, which have no interval.
  double scale = 1;
  if (result.by_cost) {
    scale = *second.usd_per_million * second.rate / (*best.usd_per_million * best.rate);
  }
  result.advantage = scale * best.rate / second.rate;
  if (!best.rate_ci95 || !second.rate_ci95) return;
  const auto ci = ratio_interval(second.rate, *second.rate_ci95, best.rate, *best.rate_ci95);
  if (ci) result.advantage_ci95 = Interval{.low = scale * ci->low, .high = scale * ci->high};
}

}  // namespace

Recommendation recommend(const std::vector<RunRecord>& runs, const RecommendationWish& wish) {
  Recommendation result;
  std::set<std::string> seen;
  for (const RunRecord& run : runs) {
    if (run.state != RunState::kComplete || run.points.empty()) continue;
    if (!seen.insert(configuration(run)).second) continue;
    RecommendedRun found{.run_id = run.id, .about = about_run(run)};
    const std::string why = misfit(run, wish, found);
    if (why.empty()) {
      result.fitting.push_back(std::move(found));
    } else {
      result.unfit.push_back(found.about + ": " + why);
    }
  }
  result.by_cost =
      !result.fitting.empty() &&
      std::all_of(result.fitting.begin(), result.fitting.end(),
                  [](const RecommendedRun& run) { return run.usd_per_million.has_value(); });
  std::stable_sort(result.fitting.begin(), result.fitting.end(),
                   [&](const RecommendedRun& a, const RecommendedRun& b) {
                     return result.by_cost ? *a.usd_per_million < *b.usd_per_million
                                           : a.rate > b.rate;
                   });
  compare_first_two(result);
  return result;
}

std::string recommendation_text(const Recommendation& recommendation,
                                const RecommendationWish& wish) {
  std::string out;
  const std::string wished = figure_text(wish.interactivity) + " tokens/s for each user";
  if (recommendation.fitting.empty()) {
    out = "Not enough data for " + wished + ".\n";
    for (const std::string& why : recommendation.unfit) out += "  " + why + "\n";
    out +=
        "Run this against each server that may do, then ask again:\n"
        "  hadal measure run --url URL -w 8k1k -c 1,4,16,64 --gpus N --hardware NAME "
        "--reference FILE\n";
    return out;
  }
  const auto line = [&](const RecommendedRun& run) {
    std::string text = fmt::format("{}: {} tokens/s/GPU", run.about, figure_text(run.rate));
    if (run.rate_ci95) {
      text += fmt::format(" ({} to {})", figure_text(run.rate_ci95->low),
                          figure_text(run.rate_ci95->high));
    }
    if (run.usd_per_million)
      text += fmt::format(", ${} a million tokens", figure_text(*run.usd_per_million));
    if (run.ttft) text += fmt::format(", first token within {} s", figure_text(*run.ttft));
    return text + fmt::format("; it was measured up to {} tokens/s a user; run {}",
                              figure_text(run.fastest), run.run_id.substr(0, 10));
  };
  out = "For " + wished + ":\n  " + line(recommendation.fitting[0]) + "\n";
  if (recommendation.fitting.size() > 1) {
    out += "Second best:\n  " + line(recommendation.fitting[1]) + "\n";
    out += fmt::format("The first is {:.2f} times as good by {}", *recommendation.advantage,
                       recommendation.by_cost ? "cost" : "tokens per GPU");
    if (recommendation.advantage_ci95) {
      const Interval& ci = *recommendation.advantage_ci95;
      out += fmt::format(" (95 %: {:.2f} to {:.2f}){}", ci.low, ci.high,
                         ci.low > 1 ? "" : ": which of the two is better was not shown");
    }
    out += ".\n";
  } else {
    out += "Nothing else that was measured and verified does it.\n";
  }
  if (!recommendation.by_cost) {
    out +=
        "Ranked by tokens per GPU: without the price of every machine there is no ranking by "
        "cost.\n";
  }
  for (const std::string& why : recommendation.unfit) out += "left out: " + why + "\n";
  return out;
}

}  // namespace hadal
