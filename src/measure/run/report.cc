#include "measure/run/report.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <optional>
#include <utility>
#include <vector>

#include "measure/metrics/load_text.h"
#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/metric_ids.h"

namespace hadal {
namespace {

constexpr std::string_view kNone = "–";

// The median, or the mean where there are too few samples for one.
std::optional<double> middle(const PointRecord& point, std::string_view id) {
  const MetricValue* found = find_metric(point.metrics, id);
  if (found == nullptr) return std::nullopt;
  return found->p50 ? found->p50 : found->mean;
}

std::string number_text(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? figure_text(*value) : std::string(kNone);
}

// Display width of UTF-8 text: one for each character.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

// Columns wide enough for all rows, the first flush left and the others right.
std::string columns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string blank(widths[i] - width_of(row[i]), ' ');
      line += i == 0 ? row[i] + blank : "  " + blank + row[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace

std::string seconds_text(const std::optional<double>& seconds) {
  if (!seconds || !std::isfinite(*seconds)) return std::string(kNone);
  if (std::abs(*seconds) < 1) return fmt::format("{:.3g} ms", *seconds * 1e3);
  return fmt::format("{:.3g} s", *seconds);
}

std::string points_table(std::span<const PointRecord> points) {
  std::vector<std::vector<std::string>> rows = {{"load", "ok", "failed", "out tok/s", "in tok/s",
                                                 "TTFT", "p90", "p99", "ms/token", "tok/s/user",
                                                 "cached", ""}};
  bool client_limited = false;
  bool whole_run = false;
  for (const PointRecord& point : points) {
    const MetricValue* ttft = find_metric(point.metrics, metric_ids::kTtftFirstToken);
    const std::optional<double> tpot = middle(point, metric_ids::kTpotExclFirst);
    const std::optional<double> hits = metric_mean(point, metric_ids::kCacheHitShare);
    std::string marks;
    if (point.client.limited) marks += "c";
    if (point.window.kind != "steady") marks += "w";
    client_limited |= point.client.limited;
    whole_run |= point.window.kind != "steady";
    rows.push_back({load_text(point), std::to_string(point.requests.ok),
                    std::to_string(point.requests.failed),
                    number_text(metric_mean(point, metric_ids::kRateOutput)),
                    number_text(metric_mean(point, metric_ids::kRateInput)),
                    seconds_text(middle(point, metric_ids::kTtftFirstToken)),
                    seconds_text(ttft == nullptr ? std::nullopt : ttft->p90),
                    seconds_text(ttft == nullptr ? std::nullopt : ttft->p99),
                    tpot ? fmt::format("{:.3g}", *tpot * 1e3) : std::string(kNone),
                    tpot && *tpot > 0 ? number_text(1 / *tpot) : std::string(kNone),
                    hits ? fmt::format("{:.0f} %", 100 * *hits) : std::string(kNone), marks});
  }
  std::string out = columns(rows);
  if (client_limited) out += "c: the client may have made the server look slower\n";
  if (whole_run) out += "w: no steady stretch; figures of the whole run, ramp and drain included\n";
  for (const PointRecord& point : points) {
    for (const std::string& warning : point.warnings) {
      out += fmt::format("{}: {}\n", load_text(point), warning);
    }
  }
  return out;
}

std::string throughput_chart(std::span<const PointRecord> points) {
  struct Bar {
    int users;
    double rate;
    std::optional<double> each;
  };
  std::vector<Bar> bars;
  double most = 0;
  for (const PointRecord& point : points) {
    const std::optional<double> rate = metric_mean(point, metric_ids::kRateOutput);
    if (!point.load.concurrency || !rate || !std::isfinite(*rate)) continue;
    const std::optional<double> tpot = middle(point, metric_ids::kTpotExclFirst);
    std::optional<double> each;
    if (tpot && *tpot > 0) each = 1 / *tpot;
    bars.push_back({*point.load.concurrency, *rate, each});
    most = std::max(most, *rate);
  }
  if (bars.size() < 2 || most <= 0) return "";
  std::sort(bars.begin(), bars.end(), [](const Bar& a, const Bar& b) { return a.users < b.users; });
  constexpr double kWidth = 44;
  std::string out = "users  output tokens/s of all" + std::string(26, ' ') + "of each\n";
  for (const Bar& bar : bars) {
    // Eighths of a character, so that small differences show.
    const auto eighths = static_cast<int>(std::lround(bar.rate / most * kWidth * 8));
    static constexpr std::string_view kParts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    std::string line;
    for (int i = 0; i < eighths / 8; ++i) line += "█";
    line += kParts[eighths % 8];
    const std::string label = line + " " + number_text(bar.rate);
    constexpr size_t kColumn = 52;
    const size_t width = width_of(label);
    out +=
        fmt::format("{:>5}  {}{}{:>7}\n", bar.users, label,
                    std::string(width < kColumn ? kColumn - width : 1, ' '), number_text(bar.each));
  }
  return out;
}

std::string verdict_text(const EndpointVerdict& verdict) {
  std::string out = verdict.headline + "\n";
  if (!verdict.reasons.empty()) {
    out += fmt::format("\nWhat limits it: {}\n", limit_name(verdict.limit));
    for (const std::string& reason : verdict.reasons) out += "  - " + reason + "\n";
  }
  if (!verdict.next.empty()) {
    out += "\nWhat to try next\n";
    for (const std::string& next : verdict.next) out += "  - " + next + "\n";
  }
  return out;
}

}  // namespace hadal
