#include "measure/dashboard/view_csv.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "economics/frontier.h"
#include "measure/dashboard/view_axis.h"
#include "measure/exchange/csv_table.h"
#include "measure/exchange/point_columns.h"
#include "measure/metrics/level_changes.h"
#include "measure/store/run_comparison.h"

namespace hadal {
namespace {

using Cells = std::vector<std::string>;

constexpr int kTiers = 8;  // of a comparison, from end to end of the common range
constexpr std::string_view kSeriesColumns[] = {"hardware",    "gpus",   "engine", "precision",
                                               "speculation", "layout", "label"};

// Texts that a spreadsheet would take for a formula are disarmed: names come from servers.
std::string text_cell(std::string text) {
  if (!text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos) {
    text.insert(0, 1, '\'');
  }
  return text;
}

std::string figure_cell(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? number_cell(*value) : "";
}

void add_series_columns(Cells& cells) {
  cells.emplace_back("origin");
  cells.insert(cells.end(), std::begin(kSeriesColumns), std::end(kSeriesColumns));
}

void add_series(Cells& cells, const ViewRun& run) {
  cells.emplace_back(run.published() ? "published" : "own");
  for (const std::string_view column : kSeriesColumns) cells.push_back(text_cell(run.text(column)));
}

// One place of a list that is joined by "~", as the page joins it.
bool is_chosen(const std::string& list, const std::string& value) {
  return ("~" + list + "~").find("~" + value + "~") != std::string::npos;
}

// The model and workload of most points, own runs before others'.
const ViewRun* main_subject(const std::vector<const ViewRun*>& runs) {
  std::map<std::pair<std::string, std::string>, std::pair<double, const ViewRun*>> weights;
  constexpr size_t kCounted = 10;
  for (const ViewRun* run : runs) {
    auto& [weight, first] = weights[{run->text("model"), run->text("workload")}];
    if (first == nullptr) first = run;
    const double kind = !run->published() ? 1000 : run->text("workload") == "8k1k" ? 3 : 1;
    weight += kind * static_cast<double>(std::min(run->points.size(), kCounted));
  }
  const ViewRun* best = nullptr;
  double most = -1;
  for (const auto& [key, entry] : weights) {
    if (entry.first > most) std::tie(most, best) = entry;
  }
  return best;
}

std::vector<const ViewRun*> selected(const ViewQuery& query, const std::vector<ViewRun>& all) {
  std::vector<const ViewRun*> runs;
  for (const ViewRun& run : all) {
    if (run.published() && query_text(query, "others") == "0") continue;
    bool fits = true;
    for (const char* filter : {"hardware", "engine", "precision", "speculation"}) {
      const std::string wanted = query_text(query, filter);
      const std::string own = run.text(filter);
      fits = fits && (wanted.empty() || is_chosen(wanted, own.empty() ? "unknown" : own));
    }
    if (fits) runs.push_back(&run);
  }
  std::vector<const ViewRun*> every;
  for (const ViewRun& run : all) every.push_back(&run);
  const ViewRun* main = main_subject(every);
  if (main == nullptr) return {};
  const auto model = query.find("model");
  if (model != query.end()) {
    std::erase_if(every, [&](const ViewRun* run) { return run->text("model") != model->second; });
    main = main_subject(every);
    if (main == nullptr) return {};
  }
  const auto workload = query.find("workload");
  const std::string asked = workload == query.end() ? main->text("workload") : workload->second;
  std::erase_if(runs, [&](const ViewRun* run) {
    return run->text("model") != main->text("model") || run->text("workload") != asked;
  });
  return runs;
}

struct DrawnPoint {
  const ViewRun* run = nullptr;
  const ViewPoint* point = nullptr;
  ViewFigure x = {};
  ViewFigure raw = {};  // before it is converted
  ViewFigure y = {};
  bool verified = false;  // or published
  bool on_frontier = false;
};

struct Drawing {
  ViewAxis x;
  ViewAxis y;
  std::string statistic = {};
  ViewPrices prices;
  bool count_unverified = false;

  explicit Drawing(const ViewQuery& query)
      : x(view_axis(query, "x", "interactivity.tpot/1")),
        y(view_axis(query, "y", "rate.total_tokens_per_gpu/1")),
        statistic(query.contains("p") ? query_text(query, "p") : "p50"),
        prices(query),
        count_unverified(query_text(query, "unverified") == "1") {}

  std::vector<DrawnPoint> points(const std::vector<const ViewRun*>& runs) const {
    std::vector<DrawnPoint> drawn;
    for (const ViewRun* run : runs) {
      for (const ViewPoint& point : run->points) {
        const auto at_x = view_figure(*run, point, x.metric, x.single ? "mean" : statistic);
        const auto raw = view_figure(*run, point, y.metric, y.single ? "mean" : statistic);
        const auto at_y = raw ? prices.convert(y, *raw, run->text("hardware")) : std::nullopt;
        if (!at_x || !at_y) continue;
        drawn.push_back({.run = run,
                         .point = &point,
                         .x = *at_x,
                         .raw = *raw,
                         .y = *at_y,
                         .verified = view_doubts(*run, point).empty()});
      }
    }
    std::vector<size_t> places;
    std::vector<CurvePoint> eligible;
    for (size_t i = 0; i < drawn.size(); ++i) {
      if (!drawn[i].verified && !count_unverified) continue;
      places.push_back(i);
      eligible.push_back({drawn[i].x.value, drawn[i].y.value});
    }
    for (const size_t i : undominated_points(eligible, x.better, y.better)) {
      drawn[places[i]].on_frontier = true;
    }
    return drawn;
  }
};

// Throughput (or what else the axis is made of) between the points of a frontier; converted after
// it was read off.
class ReadOff {
 public:
  ReadOff(const Drawing& drawing, const std::vector<DrawnPoint>& points) : drawing_(drawing) {
    std::vector<const DrawnPoint*> knots;
    for (const DrawnPoint& point : points) {
      if (point.on_frontier) knots.push_back(&point);
    }
    std::stable_sort(knots.begin(), knots.end(), [](const DrawnPoint* a, const DrawnPoint* b) {
      return a->x.value < b->x.value;
    });
    if (knots.empty()) return;
    hardware_ = knots.front()->run->text("hardware");
    const auto through = [&](auto value_of) -> std::optional<SteffenCurve> {
      std::vector<CurvePoint> curve;
      for (const DrawnPoint* knot : knots) {
        const std::optional<double> y = value_of(knot->raw);
        if (!y) return std::nullopt;
        if (curve.empty() || curve.back().x != knot->x.value) curve.push_back({knot->x.value, *y});
      }
      return SteffenCurve(std::move(curve));
    };
    value_ = through([](const ViewFigure& f) { return std::optional(f.value); });
    low_ = through([](const ViewFigure& f) { return f.low; });
    high_ = through([](const ViewFigure& f) { return f.high; });
  }

  bool empty() const { return !value_; }
  double first() const { return value_->first_x(); }
  double last() const { return value_->last_x(); }

  std::optional<ViewFigure> at(double x) const {
    if (!value_) return std::nullopt;
    const std::optional<double> value = value_->at(x);
    if (!value) return std::nullopt;
    const ViewFigure raw{.value = *value,
                         .low = low_ ? low_->at(x) : std::nullopt,
                         .high = high_ ? high_->at(x) : std::nullopt};
    return drawing_.prices.convert(drawing_.y, raw, hardware_);
  }
  // At least as interactive as asked: on the curve, or at its nearest end.
  std::optional<ViewFigure> at_least(double x) const {
    if (!value_) return std::nullopt;
    const bool higher = drawing_.x.better == Better::kHigher;
    if (higher ? x < first() : x > last()) return at(higher ? first() : last());
    return at(x);
  }

 private:
  const Drawing& drawing_;
  std::string hardware_;
  std::optional<SteffenCurve> value_;
  std::optional<SteffenCurve> low_;
  std::optional<SteffenCurve> high_;
};

// A series' newest day that has points, or all.
std::vector<const ViewRun*> runs_shown(const ViewSeries& series, bool all) {
  if (all) return series.runs;
  std::vector<const ViewRun*> runs;
  for (const ViewRun* run : series.runs) {
    if (runs.empty() ? !run->points.empty() : run->day == runs.front()->day) runs.push_back(run);
  }
  return runs;
}

std::string frontier_csv(const ViewQuery& query, const std::vector<ViewRun>& all) {
  const Drawing drawing(query);
  std::string out;
  Cells header;
  add_series_columns(header);
  header.insert(header.end(),
                {"day", "load", drawing.x.id, "statistic", drawing.y.id, drawing.y.id + " low",
                 drawing.y.id + " high", "on_frontier", "standing", "run", "point"});
  append_csv_line(out, header);
  for (const ViewSeries& series : view_series(selected(query, all))) {
    for (const DrawnPoint& p :
         drawing.points(runs_shown(series, query_text(query, "runs") == "all"))) {
      Cells cells;
      add_series(cells, *p.run);
      std::string standing;
      for (const std::string& doubt : view_doubts(*p.run, *p.point)) {
        standing += (standing.empty() ? "" : "; ") + doubt;
      }
      if (standing.empty()) standing = p.run->published() ? "third-party" : "verified";
      cells.insert(cells.end(), {p.run->day, p.point->load, figure_cell(p.x.value), p.x.statistic,
                                 figure_cell(p.y.value), figure_cell(p.y.low),
                                 figure_cell(p.y.high), p.on_frontier && p.verified ? "yes" : "no",
                                 standing, text_cell(p.run->id), std::to_string(p.point->number)});
      append_csv_line(out, cells);
    }
  }
  return out;
}

// What one day of a series came to.
struct HistoryDay {
  std::string day = {};
  std::vector<const ViewRun*> runs = {};  // of that day, the earliest first
  std::optional<ViewFigure> figure = {};
  std::string gap = {};  // why there is no figure
};

std::string gap_of(const HistoryDay& day, bool has_points, bool has_verified) {
  for (const ViewRun* run : day.runs) {
    if (!run->reason.empty()) return run->reason;
  }
  if (!has_points) return "no point was measured";
  return has_verified ? "lies outside what was measured" : "no point is verified";
}

std::vector<HistoryDay> history_days(const Drawing& drawing, const ViewSeries& series, double at,
                                     bool or_faster) {
  std::map<std::string, std::vector<const ViewRun*>> by_day;
  for (const ViewRun* run : series.runs) {
    if (!run->day.empty()) by_day[run->day].insert(by_day[run->day].begin(), run);
  }
  std::vector<HistoryDay> days;
  for (auto& [name, runs] : by_day) {
    HistoryDay day{.day = name, .runs = std::move(runs)};
    const std::vector<DrawnPoint> points = drawing.points(day.runs);
    const ReadOff curve(drawing, points);
    day.figure = or_faster ? curve.at_least(at) : curve.at(at);
    if (!day.figure) day.gap = gap_of(day, !points.empty(), !curve.empty());
    days.push_back(std::move(day));
  }
  return days;
}

// What the noise is, and what changed by more, of the days that have a figure.
LevelFindings findings_of(const std::vector<HistoryDay>& days) {
  std::vector<double> values;
  for (const HistoryDay& day : days) {
    if (day.figure && day.figure->value > 0) values.push_back(day.figure->value);
  }
  return find_level_changes(values);
}

std::string history_csv(const ViewQuery& query, const std::vector<ViewRun>& all) {
  const Drawing drawing(query);
  constexpr double kMost = 1e18;
  const std::optional<double> asked = query_number(query, "at", -kMost, kMost);
  if (!asked) {
    refuse_query("at", "is missing", "say at which " + drawing.x.id + " the days are read");
  }
  const double at = *asked;
  std::string out;
  Cells header;
  add_series_columns(header);
  header.insert(header.end(),
                {"day", drawing.x.id, drawing.y.id, drawing.y.id + " low", drawing.y.id + " high",
                 "level", "noise_ratio", "change_ratio", "engine_version", "runs", "gap"});
  append_csv_line(out, header);
  for (const ViewSeries& series : view_series(selected(query, all))) {
    const std::vector<HistoryDay> days =
        history_days(drawing, series, at, query_text(query, "orfaster") == "1");
    if (days.size() < 2) continue;
    const LevelFindings findings = findings_of(days);
    size_t counted = 0;  // of the days that the findings are of
    for (const HistoryDay& day : days) {
      const bool counts = day.figure && day.figure->value > 0;
      std::optional<double> level;
      std::optional<double> change;
      if (counts && counted < findings.level.size()) level = findings.level[counted];
      for (const LevelChange& of : findings.changes) {
        if (counts && of.at == counted) change = of.ratio;
      }
      counted += counts ? 1 : 0;
      std::string ids;
      for (const ViewRun* run : day.runs) ids += (ids.empty() ? "" : " ") + run->id;
      Cells cells;
      add_series(cells, *day.runs.back());
      cells.insert(
          cells.end(),
          {day.day, figure_cell(at), day.figure ? figure_cell(day.figure->value) : "",
           figure_cell(day.figure ? day.figure->low : std::nullopt),
           figure_cell(day.figure ? day.figure->high : std::nullopt), figure_cell(level),
           figure_cell(findings.noise_ratio), figure_cell(change),
           text_cell(day.runs.back()->text("engine_version")), text_cell(ids), text_cell(day.gap)});
      append_csv_line(out, cells);
    }
  }
  return out;
}

// The runs of the day of the run that is named.
std::vector<const ViewRun*> subject(const ViewQuery& query, std::string_view name,
                                    const std::vector<ViewRun>& all) {
  const std::string id = query_text(query, name);
  if (id.empty())
    refuse_query(name, "is missing", "name the two runs that are compared as a and b");
  std::vector<const ViewRun*> every;
  for (const ViewRun& run : all) every.push_back(&run);
  for (const ViewSeries& series : view_series(every)) {
    const auto found = std::find_if(series.runs.begin(), series.runs.end(),
                                    [&](const ViewRun* run) { return run->id == id; });
    if (found == series.runs.end()) continue;
    std::vector<const ViewRun*> runs;
    for (const ViewRun* run : series.runs) {
      if (run->day == (*found)->day) runs.push_back(run);
    }
    return runs;
  }
  throw Error({.code = ErrorCode::kNotFound,
               .where = std::string(name),
               .what = "'" + printable(id, 40) + "' is no run that is known here"});
}

std::string compare_csv(const ViewQuery& query, const std::vector<ViewRun>& all) {
  const Drawing drawing(query);
  const std::vector<DrawnPoint> points_a = drawing.points(subject(query, "a", all));
  const std::vector<DrawnPoint> points_b = drawing.points(subject(query, "b", all));
  const ReadOff a(drawing, points_a);
  const ReadOff b(drawing, points_b);
  std::string out;
  append_csv_line(out, {drawing.x.id, "a", "b", "ratio", "ratio_low", "ratio_high"});
  if (a.empty() || b.empty()) return out;
  const double from = std::max(a.first(), b.first());
  const double to = std::min(a.last(), b.last());
  if (!(to > from)) return out;
  for (int i = 0; i <= kTiers; ++i) {
    const double x = i == kTiers ? to : from + ((to - from) * i) / kTiers;
    const auto of_a = a.at(x);
    const auto of_b = b.at(x);
    if (!of_a || !of_b || !(of_a->value > 0) || !(of_b->value > 0)) continue;
    std::optional<Interval> interval;
    if (of_a->low && of_a->high && of_b->low && of_b->high) {
      interval = ratio_interval(of_a->value, {.low = *of_a->low, .high = *of_a->high}, of_b->value,
                                {.low = *of_b->low, .high = *of_b->high});
    }
    append_csv_line(
        out, {figure_cell(x), figure_cell(of_a->value), figure_cell(of_b->value),
              figure_cell(of_b->value / of_a->value), interval ? figure_cell(interval->low) : "",
              interval ? figure_cell(interval->high) : ""});
  }
  return out;
}

constexpr std::string_view kTotalRate = "rate.total_tokens_per_gpu/1";

const std::vector<ViewAxis>& cost_axes() {
  static const std::vector<ViewAxis> axes = [] {
    std::vector<ViewAxis> list;
    for (const char* id :
         {"cost.usd_per_million.total/1", "cost.usd_per_million.input.inferencex/1",
          "cost.usd_per_million.output.inferencex/1", "cost.usd_per_million.output/1",
          "cost.tokens_per_usd.total/1", "power.tokens_per_mw.total/1",
          "energy.joules_per_token.provisioned/1"}) {
      list.push_back(view_axis({{"y", id}}, "y", id));
    }
    return list;
  }();
  return axes;
}

std::string cost_csv(const ViewQuery& query, const std::vector<ViewRun>& all) {
  const ViewPrices prices(query);
  std::string out;
  Cells header;
  add_series_columns(header);
  header.insert(header.end(),
                {"day", "load", std::string(kTotalRate), "usd_per_gpu_hour_worked", "kw_per_gpu"});
  for (const ViewAxis& axis : cost_axes()) header.push_back(axis.id);
  header.insert(header.end(), {"run", "point"});
  append_csv_line(out, header);
  for (const ViewSeries& series : view_series(selected(query, all))) {
    for (const ViewRun* run : runs_shown(series, query_text(query, "runs") == "all")) {
      for (const ViewPoint& point : run->points) {
        const auto rate = view_figure(*run, point, kTotalRate, "mean");
        if (!rate) continue;
        const std::string hardware = run->text("hardware");
        Cells cells;
        add_series(cells, *run);
        cells.insert(cells.end(), {run->day, point.load, figure_cell(rate->value),
                                   figure_cell(prices.usd_per_gpu_hour(hardware)),
                                   figure_cell(prices.kw_per_gpu_of(hardware))});
        for (const ViewAxis& axis : cost_axes()) {
          const auto raw = view_figure(*run, point, axis.metric, "mean");
          const auto value = raw ? prices.convert(axis, *raw, hardware) : std::nullopt;
          cells.push_back(value ? figure_cell(value->value) : "");
        }
        cells.insert(cells.end(), {text_cell(run->id), std::to_string(point.number)});
        append_csv_line(out, cells);
      }
    }
  }
  return out;
}

using Maker = std::string (*)(const ViewQuery&, const std::vector<ViewRun>&);
constexpr std::pair<std::string_view, Maker> kViews[] = {{"frontier", frontier_csv},
                                                         {"history", history_csv},
                                                         {"compare", compare_csv},
                                                         {"cost", cost_csv}};

}  // namespace

bool is_view_with_csv(std::string_view name) {
  return std::any_of(std::begin(kViews), std::end(kViews),
                     [&](const auto& view) { return view.first == name; });
}

std::vector<std::string> view_metrics(std::string_view name, const ViewQuery& query) {
  if (name != "cost") {
    const Drawing drawing(query);
    if (drawing.x.metric == drawing.y.metric) return {drawing.x.metric};
    return {drawing.x.metric, drawing.y.metric};
  }
  std::vector<std::string> metrics = {std::string(kTotalRate)};
  for (const ViewAxis& axis : cost_axes()) {
    if (std::find(metrics.begin(), metrics.end(), axis.metric) == metrics.end()) {
      metrics.push_back(axis.metric);
    }
  }
  return metrics;
}

std::string view_csv(std::string_view name, const ViewQuery& query,
                     const std::vector<ViewRun>& runs) {
  for (const auto& [view, make] : kViews) {
    if (view == name) return make(query, runs);
  }
  refuse_query("view", "'" + printable(name, 40) + "' has no CSV");
}

}  // namespace hadal
