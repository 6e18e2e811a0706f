#include "measure/run/comparison.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <utility>

#include <nlohmann/json.hpp>

#include "json/python_json.h"
#include "measure/metrics/metric_ids.h"

namespace hadal {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kHeadlines = {
    {{metric_ids::kRateOutput, "mean"},
     {metric_ids::kRateTotal, "mean"},
     {metric_ids::kTtftFirstToken, "p50"},
     {metric_ids::kTpotExclFirst, "p50"},
     {metric_ids::kE2e, "p50"}}};

std::string finding_text(ComparisonFinding finding) {
  switch (finding) {
    case ComparisonFinding::kNotShown:
      return "no difference shown";
    case ComparisonFinding::kFirstBetter:
      return "A is better";
    case ComparisonFinding::kSecondBetter:
      return "B is better";
    case ComparisonFinding::kDiffers:
      return "differs";
  }
  return "";
}

std::string row(const MetricComparison& comparison) {
  const std::string interval =
      comparison.ratio.ci95
          ? fmt::format("[{:.3f}, {:.3f}]", comparison.ratio.ci95->low, comparison.ratio.ci95->high)
          : "";
  return fmt::format("{:<34} {:<5} {:>10.4g} {:>10.4g}  {:>6.3f} {:<16} {}\n", comparison.id,
                     comparison.statistic, comparison.first, comparison.second,
                     comparison.ratio.ratio, interval, finding_text(comparison.finding));
}

bool is_headline(const MetricComparison& comparison) {
  return std::any_of(kHeadlines.begin(), kHeadlines.end(), [&](const auto& headline) {
    return comparison.id == headline.first && comparison.statistic == headline.second;
  });
}

}  // namespace

ComparisonOutcome compare_endpoints(const Endpoint& a, const Endpoint& b,
                                    const MeasureOptions& options, int blocks,
                                    const std::function<MeasureObserver&(bool is_b)>& observer_of,
                                    const std::atomic<bool>& stop) {
  ComparisonOutcome outcome;
  MeasureOptions block = options;
  for (int i = 0; i < blocks && !stop; ++i) {
    for (const bool second : {false, true}) {
      const bool is_b = second != (i % 2 == 1);
      // Both get the same prompts, and each block new ones.
      block.first_salt = options.first_salt + static_cast<uint64_t>(i);
      const MeasureOutcome measured = measure(is_b ? b : a, block, {}, observer_of(is_b), stop);
      MeasureOutcome& side = is_b ? outcome.b : outcome.a;
      side.points.insert(side.points.end(), measured.points.begin(), measured.points.end());
      if (measured.state == RunState::kComplete) continue;
      side.state = measured.state;
      side.reason = measured.reason;
      if (measured.state == RunState::kInvalid) continue;
      // Without one of them there is nothing to compare; the other is cut short.
      MeasureOutcome& other = is_b ? outcome.a : outcome.b;
      if (other.state == RunState::kComplete) {
        other.state = RunState::kPartial;
        other.reason = stop ? measured.reason : fmt::format("{} ended", is_b ? "B" : "A");
      }
      outcome.metrics = compare_blocks(outcome.a.points, outcome.b.points);
      return outcome;
    }
  }
  if (stop) {
    for (MeasureOutcome* side : {&outcome.a, &outcome.b}) {
      side->state = RunState::kPartial;
      side->reason = "it was interrupted";
    }
  }
  outcome.metrics = compare_blocks(outcome.a.points, outcome.b.points);
  return outcome;
}

std::string comparison_table(const ComparisonOutcome& outcome) {
  std::string out = fmt::format("{:<34} {:<5} {:>10} {:>10}  {:>6} {:<16}\n", "figure", "", "A",
                                "B", "B/A", "95 % interval");
  for (const auto& [id, statistic] : kHeadlines) {
    for (const MetricComparison& comparison : outcome.metrics) {
      if (comparison.id == id && comparison.statistic == statistic) out += row(comparison);
    }
  }
  std::string others;
  for (const MetricComparison& comparison : outcome.metrics) {
    if (!is_headline(comparison) && comparison.finding != ComparisonFinding::kNotShown) {
      others += row(comparison);
    }
  }
  if (!others.empty()) {
    out += "\nOthers that differ (one in twenty figures will seem to by chance)\n" + others;
  }
  return out;
}

std::string comparison_json(const ComparisonOutcome& outcome, const std::string& run_a,
                            const std::string& run_b) {
  using Json = nlohmann::ordered_json;
  Json metrics = Json::array();
  for (const MetricComparison& comparison : outcome.metrics) {
    Json interval = nullptr;
    if (comparison.ratio.ci95) {
      interval = {{"low", comparison.ratio.ci95->low}, {"high", comparison.ratio.ci95->high}};
    }
    metrics.push_back({{"id", comparison.id},
                       {"statistic", std::string(comparison.statistic)},
                       {"a", comparison.first},
                       {"b", comparison.second},
                       {"ratio", comparison.ratio.ratio},
                       {"ci95", std::move(interval)},
                       {"finding", finding_text(comparison.finding)}});
  }
  Json document;
  document["schema"] = "hadal.blocks/1";
  document["a"] = run_a.empty() ? Json(nullptr) : Json(run_a);
  document["b"] = run_b.empty() ? Json(nullptr) : Json(run_b);
  document["blocks"] = std::min(outcome.a.points.size(), outcome.b.points.size());
  document["complete"] =
      outcome.a.state == RunState::kComplete && outcome.b.state == RunState::kComplete;
  document["metrics"] = std::move(metrics);
  return dump_json(document);
}

}  // namespace hadal
