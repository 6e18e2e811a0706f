#include "cli/measure_observer.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "base/error.h"
#include "cli/measure_costs.h"
#include "cli/terminal.h"
#include "measure/metrics/load_text.h"
#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/metric_ids.h"
#include "measure/run/report.h"

namespace hadal {
namespace {

constexpr double kBetweenLines = 0.25;  // seconds

std::string time_left(const LoadProgress& progress) {
  const int64_t done = progress.ok + progress.failed;
  if (!progress.expected || done == 0) return "";
  const double left =
      static_cast<double>(*progress.expected - done) * progress.elapsed / static_cast<double>(done);
  return fmt::format(", about {:.0f} s left", std::max(left, 0.0));
}

}  // namespace

MeasureWatcher::MeasureWatcher(RunStore* store, std::string label, bool quiet)
    : store_(store), label_(std::move(label)), quiet_(quiet) {}

// A store that fails must not end a measurement: it is said once, and the run goes on without it.
template <typename Action>
void MeasureWatcher::keep(Action action) {
  if (store_ == nullptr) return;
  try {
    action();
  } catch (const Error& error) {
    clear();
    write_err(fmt::format("hadal: warning: {}; the run goes on and is not kept\n", error.what()));
    store_ = nullptr;
    lost_store_ = true;
  }
}

void MeasureWatcher::begin(RunRecord& run) {
  keep([&] {
    run.id = store_->begin_run(run);
    run_id_ = run.id;
  });
}

void MeasureWatcher::gate(const RunRecord& run) {
  keep([&] { store_->record_gate(run_id_, run.gate, run.gate_json); });
}

void MeasureWatcher::end(const RunRecord& run, const std::string& reason) {
  clear();
  keep([&] { store_->finish_run(run_id_, {.state = run.state, .reason = reason}); });
  if (store_ == nullptr) return;
  write_err(fmt::format("{}kept as run {}: hadal measure runs show {}\n", label_, run_id_,
                        run_id_.substr(0, 10)));
}

void MeasureWatcher::point_begins(const Load& load, int repeat, size_t number, size_t of) {
  load_ = load;
  repeat_ = repeat;
  number_ = number;
  of_ = of;
  point_.reset();
  batches_ = 0;
}

void MeasureWatcher::progress(const Load& load, bool warm_up, const LoadProgress& progress) {
  if (quiet_ || !errors_are_terminal()) return;
  const double now = monotonic_seconds();
  if (now - last_shown_ < kBetweenLines) return;
  last_shown_ = now;
  const std::string place = of_ > 1 ? fmt::format(" ({} of {})", number_ + 1, of_) : "";
  const double rate =
      progress.elapsed > 0 ? static_cast<double>(progress.output_tokens) / progress.elapsed : 0;
  show(fmt::format("{}{}{}: {}{} done{}, {} running, {:.0f} tok/s, {:.0f} s{}", label_,
                   load_text(load), place, warm_up ? "warming up, " : "", progress.ok,
                   progress.failed > 0 ? fmt::format(", {} failed", progress.failed) : "",
                   progress.in_flight, rate, progress.elapsed, warm_up ? "" : time_left(progress)));
}

void MeasureWatcher::batch(const LoadBatch& batch) {
  keep([&] {
    if (!point_) point_ = store_->begin_point(run_id_, load_, repeat_);
    store_->append(run_id_, *point_,
                   {.number = batches_++, .requests = batch.requests, .events = batch.events});
  });
}

void MeasureWatcher::point_ends(const PointRecord& point, const PointSamples& samples) {
  phases_.push_back(phases_of(samples));
  keep([&] {
    if (!point_) point_ = store_->begin_point(run_id_, load_, repeat_);
    if (!samples.power.empty() || !samples.engine.empty()) {
      store_->append(run_id_, *point_,
                     {.number = batches_++, .power = samples.power, .engine = samples.engine});
    }
    store_->finish_point(run_id_, *point_, point, samples.duration);
  });
  if (quiet_) return;
  clear();
  const MetricValue* rate = find_metric(point.metrics, metric_ids::kRateOutput);
  const MetricValue* ttft = find_metric(point.metrics, metric_ids::kTtftFirstToken);
  write_err(fmt::format("{}{}: {} ok, {} failed, {} output tok/s, first token {}\n", label_,
                        load_text(point.load), point.requests.ok, point.requests.failed,
                        figure_text(rate == nullptr ? 0 : rate->mean.value_or(0)),
                        ttft == nullptr ? "–" : seconds_text(ttft->p50 ? ttft->p50 : ttft->mean)));
}

void MeasureWatcher::show(const std::string& text) {
  const std::string blank(shown_width_ > text.size() ? shown_width_ - text.size() : 0, ' ');
  write_err("\r" + text + blank);
  shown_width_ = text.size();
}

void MeasureWatcher::clear() {
  if (shown_width_ == 0) return;
  write_err("\r" + std::string(shown_width_, ' ') + "\r");
  shown_width_ = 0;
}

}  // namespace hadal
