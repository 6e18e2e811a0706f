#include "plan/validation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <map>

#include <nlohmann/json.hpp>

#include "base/statistics.h"
#include "base/units.h"
#include "json/python_json.h"
#include "plan/search.h"

namespace hadal {

const double kMatureDays = 28;

namespace {

using nlohmann::ordered_json;

constexpr std::string_view kNotCounted[] = {
    "run_accuracy_broken", "submission_invalid_short_run",
    "rate_basis_unclear",  "throughput_ignores_prefill_time",
    "best_over_engines",   "conditions_thin"};

bool counts(const PublishedCase& point) {
  return std::none_of(point.flags.begin(), point.flags.end(), [](const std::string& flag) {
    return std::find(std::begin(kNotCounted), std::end(kNotCounted), flag) != std::end(kNotCounted);
  });
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : "; ") + part;
  return text;
}

void predict_point(ValidatedPoint& result, const Constants& constants) {
  const PublishedCase& point = result.point;
  const Deployment& deployment = *point.deployment;
  const double devices = deployment.devices();
  Prediction p;
  switch (point.kind) {
    case CaseKind::kServing:
      p = predict(deployment, constants, point.shape, point.places);
      result.total = p.total_rate / devices;
      result.interactivity = p.interactivity() * point.tail;
      break;
    case CaseKind::kDecode:
      p = predict_decode(deployment, constants, point.context, point.places);
      result.interactivity = p.interactivity();
      result.total = p.output_rate / devices;
      break;
    case CaseKind::kPrefill:
      result.total =
          point.shape.input / predict_prefill(deployment, constants, point.shape.input) / devices;
      return;
    case CaseKind::kReadOff: {
      std::optional<double> total;
      for (const bool apart : {false, true}) {
        if (!point.read_off_any && apart != deployment.prefill.has_value()) continue;
        Deployment kind = deployment;
        kind.prefill.reset();
        if (apart) kind.prefill = Role();
        const std::optional<double> best =
            best_total_at(kind, constants, point.shape, point.interactivity / point.tail);
        if (best && (!total || *best > *total)) total = best;
      }
      if (!total) {
        result.why =
            fmt::format("no configuration reaches {:.4g} tok/s for a user", point.interactivity);
        return;
      }
      result.total = total;
      result.interactivity = point.interactivity;
      return;
    }
  }
  if (point.kind == CaseKind::kServing) {
    result.steps = fmt::format("a step {:.1f} ms, a prompt {:.0f} ms of the machine",
                               p.step_s / kMilli, p.prefill_s / kMilli);
  } else {
    result.steps = fmt::format("a step {:.1f} ms", 1000 * p.step_s);
  }
  result.binds = p.memory_binds    ? "memory for keys"
                 : p.prefill_binds ? "prefill"
                                   : std::string(time_part_name(p.decode.longest()));
}

ErrorSummary summary(std::string name, const std::vector<const ValidatedPoint*>& points) {
  ErrorSummary result{.name = std::move(name), .points = static_cast<int>(points.size())};
  if (points.empty()) return result;
  std::vector<double> errors;
  int within = 0;
  for (const ValidatedPoint* point : points) {
    const double ratio = point->ratio().value();
    errors.push_back(std::abs(ratio - 1));
    if (ratio <= 2 && ratio >= 0.5) ++within;
  }
  result.median = median(errors);
  result.p90 = quantile(errors, 0.9);
  result.worst = *std::max_element(errors.begin(), errors.end());
  result.within_twice = static_cast<double>(within) / static_cast<double>(points.size());
  return result;
}

using KeyOf = std::string (*)(const ValidatedPoint&);

std::vector<ErrorSummary> by_key(const std::vector<const ValidatedPoint*>& points, KeyOf key) {
  std::map<std::string, std::vector<const ValidatedPoint*>> sorted;
  for (const ValidatedPoint* point : points) sorted[key(*point)].push_back(point);
  std::vector<ErrorSummary> rows;
  for (const auto& [name, list] : sorted) rows.push_back(summary(name, list));
  return rows;
}

std::optional<double> maturity_gap(const ValidatedPoint& result, const Constants& constants) {
  ValidatedPoint limit{.point = result.point};
  limit.point.deployment->engine.floor = 0;
  predict_point(limit, constants);
  return limit.ratio();
}

std::string era_of(const ValidatedPoint& result) {
  const std::string& date = result.point.date;
  constexpr size_t kMonth = 7;
  return date.size() >= kMonth ? date.substr(0, kMonth) : "undated";
}

std::string week_of(const ValidatedPoint& result) {
  constexpr double kDays = 7;
  return fmt::format("week {:2.0f}", std::floor(result.point.days / kDays));
}

std::vector<MaturityGap> gaps_by_week(const std::vector<const ValidatedPoint*>& points) {
  std::map<std::string, std::vector<double>> sorted;
  for (const ValidatedPoint* point : points) {
    if (point->gap) sorted[week_of(*point)].push_back(*point->gap);
  }
  std::vector<MaturityGap> gaps;
  for (const auto& [week, values] : sorted) {
    gaps.push_back(
        {.week = week, .points = static_cast<int>(values.size()), .median = median(values)});
  }
  return gaps;
}

// Pairs of one kind of device and workload that differ by more than 15 %: is the better one named?
void count_pairs(const std::vector<const ValidatedPoint*>& points, Validation& validation) {
  constexpr double kApart = 1.15;
  for (size_t i = 0; i < points.size(); ++i) {
    for (size_t j = i + 1; j < points.size(); ++j) {
      const PublishedCase& a = points[i]->point;
      const PublishedCase& b = points[j]->point;
      if (a.hardware != b.hardware || a.workload != b.workload || a.kind != b.kind ||
          a.shape.input != b.shape.input || a.shape.output != b.shape.output ||
          a.context != b.context || a.deployment->model.name != b.deployment->model.name) {
        continue;
      }
      if (!a.measured_total || !b.measured_total) continue;
      const double measured = *a.measured_total / *b.measured_total;
      if (measured < kApart && measured > 1 / kApart) continue;
      ++validation.pairs;
      const double predicted = *points[i]->total / *points[j]->total;
      if ((measured > 1) == (predicted > 1)) ++validation.pairs_right;
    }
  }
}

ordered_json optional_json(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json summary_json(const ErrorSummary& row) {
  return {{"name", row.name},           {"points", row.points},
          {"median_error", row.median}, {"p90_error", row.p90},
          {"worst_error", row.worst},   {"within_factor_2", row.within_twice}};
}

ordered_json rows_json(const std::vector<ErrorSummary>& rows) {
  ordered_json list = ordered_json::array();
  for (const ErrorSummary& row : rows) list.push_back(summary_json(row));
  return list;
}

std::string summary_line(const ErrorSummary& row) {
  return fmt::format("{:<28} {:>6} {:>8.1f} % {:>8.1f} % {:>8.1f} % {:>8.1f} %\n", row.name,
                     row.points, 100 * row.median, 100 * row.p90, 100 * row.worst,
                     100 * row.within_twice);
}

}  // namespace

std::optional<double> ValidatedPoint::ratio() const {
  if (total && point.measured_total) return *total / *point.measured_total;
  if (interactivity && point.measured_interactivity && point.kind != CaseKind::kReadOff) {
    return *interactivity / *point.measured_interactivity;
  }
  return std::nullopt;
}

bool is_calibration_group(const std::string& group) {
  uint32_t hash = 2166136261U;
  for (const char c : group) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return ((hash >> 16) & 1U) == 0;
}

Validation validate(std::vector<PublishedCase> cases, const Constants& constants) {
  Validation validation;
  for (PublishedCase& point : cases) {
    ValidatedPoint result{.point = std::move(point)};
    result.calibration = is_calibration_group(result.point.group);
    result.mature = result.point.days >= kMatureDays;
    if (result.point.deployment) {
      predict_point(result, constants);
      if (result.ratio()) result.gap = maturity_gap(result, constants);
    } else {
      result.why = result.point.why_not;
    }
    if (result.why.empty()) {
      std::vector<std::string> notes = result.point.assumed;
      for (std::string& note : notes) note = "assumed " + note;
      if (!result.point.measured_what.empty()) {
        notes.push_back("total: of " + result.point.measured_what + " tokens alone");
      }
      if (!result.binds.empty()) notes.push_back("binds: " + result.binds);
      if (!result.steps.empty()) notes.push_back(result.steps);
      result.why = joined(notes);
    }
    result.usable = counts(result.point) && result.ratio().has_value();
    validation.points.push_back(std::move(result));
  }
  std::vector<const ValidatedPoint*> all;
  std::vector<const ValidatedPoint*> mature;
  std::vector<const ValidatedPoint*> fitted;
  std::vector<const ValidatedPoint*> held;
  for (const ValidatedPoint& result : validation.points) {
    if (!result.usable) continue;
    all.push_back(&result);
    if (!result.mature) continue;
    mature.push_back(&result);
    (result.calibration ? fitted : held).push_back(&result);
  }
  validation.all = summary("all that are predicted", all);
  validation.calibration = summary("calibration half", fitted);
  validation.held_out = summary("held out", held);
  validation.by_hardware =
      by_key(mature, [](const ValidatedPoint& result) { return result.point.hardware; });
  validation.by_engine =
      by_key(mature, [](const ValidatedPoint& result) { return result.point.engine; });
  validation.by_era = by_key(all, era_of);
  validation.by_week = by_key(all, week_of);
  validation.gaps = gaps_by_week(all);
  count_pairs(mature, validation);
  return validation;
}

std::string validation_json(const Validation& validation) {
  ordered_json points = ordered_json::array();
  for (const ValidatedPoint& result : validation.points) {
    points.push_back(
        {{"id", result.point.id},
         {"group", result.point.group},
         {"quality", result.point.quality},
         {"predicted_total_tok_s_per_gpu", optional_json(result.total)},
         {"measured_total_tok_s_per_gpu", optional_json(result.point.measured_total)},
         {"predicted_interactivity", optional_json(result.interactivity)},
         {"measured_interactivity", optional_json(result.point.measured_interactivity)},
         {"why", result.why}});
  }
  ordered_json gaps = ordered_json::array();
  for (const MaturityGap& gap : validation.gaps) {
    gaps.push_back({{"name", gap.week}, {"points", gap.points}, {"median", gap.median}});
  }
  const double share =
      validation.pairs > 0 ? static_cast<double>(validation.pairs_right) / validation.pairs : 1;
  const ordered_json document = {
      {"points", std::move(points)},
      {"summary",
       {{"error",
         "|predicted / measured - 1| of total tokens per second and GPU, or of a user's "
         "speed where no total was measured"},
        {"mature_after_days", kMatureDays},
        {"all", summary_json(validation.all)},
        {"calibration", summary_json(validation.calibration)},
        {"held_out", summary_json(validation.held_out)},
        {"by_hardware", rows_json(validation.by_hardware)},
        {"by_engine", rows_json(validation.by_engine)},
        {"by_era", rows_json(validation.by_era)},
        {"by_week_since_release", rows_json(validation.by_week)},
        {"maturity_gap_by_week", std::move(gaps)},
        {"ordering",
         {{"pairs", validation.pairs}, {"right", validation.pairs_right}, {"share", share}}},
        {"calibration_rule",
         "whole curves: groups whose FNV-1a hash has bit 16 clear; points since day 28"}}}};
  return dump_json(document) + "\n";
}

std::string validation_text(const Validation& validation) {
  std::string out = fmt::format("{:<28} {:>6} {:>10} {:>10} {:>10} {:>10}\n", "", "points",
                                "median", "90th", "worst", "within 2x");
  const auto section = [&](std::string_view title, const std::vector<ErrorSummary>& rows) {
    out += fmt::format("\n{}\n", title);
    for (const ErrorSummary& row : rows) out += summary_line(row);
  };
  for (const ErrorSummary* row : {&validation.all, &validation.calibration, &validation.held_out}) {
    out += summary_line(*row);
  }
  section("By hardware (from day 28 on)", validation.by_hardware);
  section("By engine (from day 28 on)", validation.by_engine);
  section("By month of the measurement", validation.by_era);
  section("By week since the release of V4", validation.by_week);
  out += "\nMaturity gap: measured time over that of the hardware's limits, median by week\n";
  for (const MaturityGap& gap : validation.gaps) {
    out += fmt::format("{:<28} {:>6} {:>8.2f} times\n", gap.week, gap.points, gap.median);
  }
  out += fmt::format(
      "\nOrdering: of {} pairs on the same hardware and workload that differ by more than 15 %, "
      "the better is named in {} ({:.1f} %).\n",
      validation.pairs, validation.pairs_right,
      validation.pairs > 0 ? 100.0 * validation.pairs_right / validation.pairs : 100.0);
  std::vector<const ValidatedPoint*> outliers;
  int without = 0;
  for (const ValidatedPoint& result : validation.points) {
    if (!result.total && !result.interactivity) ++without;
    if (result.usable && result.mature && (*result.ratio() > 2 || *result.ratio() < 0.5)) {
      outliers.push_back(&result);
    }
  }
  if (!outliers.empty()) out += "\nMore than twice off:\n";
  for (const ValidatedPoint* result : outliers) {
    out += fmt::format("  {} predicted / measured {:.2f} ({})\n", result->point.id,
                       *result->ratio(), result->why);
  }
  out += fmt::format("\n{} points are not predicted; --json tells why.\n", without);
  return out;
}

}  // namespace hadal
