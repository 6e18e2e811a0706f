// What is odd about the figures of an InferenceX row. Each rule needs only the row itself; the
// names and the reasons stand in docs/measuring/imports.md.
#include <cmath>
#include <optional>

#include "measure/exchange/inferencex_row.h"

namespace hadal {
namespace {

// The shares where a difference is worth a word. Windows are told in whole seconds, energies and
// rates rounded to six digits.
constexpr double kWindowsDiffer = 1e-3;
constexpr double kTotalsDiffer = 1.1;
constexpr double kBimodal = 10;           // mean beyond so many medians
constexpr double kShortOutput = 0.8;      // of what the trace expects
constexpr double kHitRateFarBelow = 0.2;  // below the theoretical share
constexpr double kCollapsed = 0.5;        // of the concurrency that was asked

void warn_of_agentic(const TakenFields& metrics, PointBuilder& builder) {
  const Fields& fields = metrics.fields();
  const std::optional<double> hit = builder.get(metric::kCacheHit, "mean");
  if (hit.value_or(0) > 0 && builder.has(metric::kTotalRatePerGpu)) {
    builder.warn("total_includes_cached_input");
  }
  const std::optional<double> theoretical = builder.get(metric::kCacheHitTheoretical, "mean");
  if (hit && theoretical && *hit < *theoretical - kHitRateFarBelow) {
    builder.warn("prefix_hit_far_below_theoretical");
  }
  const std::optional<double> server_tokens = fields.number("total_prompt_tokens");
  const std::optional<double> mean_input = builder.get(metric::kInputTokens, "mean");
  const auto completed = static_cast<double>(builder.point.requests.ok);
  if (server_tokens && mean_input && *server_tokens > kTotalsDiffer * *mean_input * completed) {
    builder.warn("server_token_totals_include_warmup");
  }
  const std::optional<double> computed =
      fields.number("server_metrics.tokens.prompt_by_source.computed");
  const std::optional<double> cached =
      fields.number("server_metrics.tokens.prompt_by_source.gpu_cache_hit");
  if (server_tokens && computed && *computed + cached.value_or(0) > *server_tokens * 1.001) {
    builder.warn("server_computed_plus_cached_exceeds_prompt_total");
  }
  const std::optional<double> expected = fields.number("mean_output_tokens_expected");
  const std::optional<double> output = builder.get(metric::kOutputTokens, "mean");
  if (expected && output && *output < kShortOutput * *expected) {
    builder.warn("output_shorter_than_expected");
  }
}

void warn_of_power(const TakenFields& metrics, PointBuilder& builder) {
  const std::optional<double> window = builder.get(metric::kEnergyWindow, "mean");
  const double duration = builder.point.window.end;
  if (window && duration > 0 && *window > duration * (1 + kWindowsDiffer)) {
    builder.warn("energy_window_longer_than_rate_window");
  }
  if (metrics.has("avg_power_w") && !metrics.has("power_valid")) {
    builder.warn("power_schema_1_no_validity_flag");
  }
}

// By Little's law the requests in flight are their rate times their time. Where that is far below
// the concurrency asked for, the deployment stood still for most of the run.
void warn_of_collapse(const InferenceXFacts& facts, PointBuilder& builder) {
  const std::optional<double> rate = builder.get(metric::kOutputRate, "mean");
  std::optional<double> time = builder.get(metric::kE2e, "mean");
  if (!time.has_value()) time = builder.get(metric::kE2e, "p50");
  std::optional<double> length = builder.get(metric::kOutputTokens, "mean");
  // Lengths are uniform from 0.8 of the one asked for up to it.
  if (!length && facts.output_length) length = 0.9 * *facts.output_length;
  const std::optional<int> concurrency = builder.point.load.concurrency;
  if (!rate || !time || length.value_or(0) <= 0 || !concurrency) return;
  if (*rate / *length * *time < kCollapsed * *concurrency) {
    builder.warn("throughput_collapse_outlier");
  }
}

// A vendor's figure put through a runner: the output rate is concurrency / TPOT to the last digit,
// which leaves no time for prefill, and times that were not measured stand as 0.
void warn_of_claims(const InferenceXFacts& facts, PointBuilder& builder) {
  const std::optional<double> rate = builder.get(metric::kOutputRate, "mean");
  const std::optional<double> tpot = builder.get(metric::kTpot, "p50");
  const std::optional<int> concurrency = builder.point.load.concurrency;
  if (!builder.has(metric::kTtft) && rate && tpot && concurrency &&
      std::abs(*rate * *tpot - *concurrency) < 1e-3 * *concurrency) {
    builder.warn("not_a_measurement_vendor_figure_via_mock_runner");
  }
  const std::string& fingerprint = facts.fingerprint;
  if (facts.image.starts_with("example/") ||
      (fingerprint.size() > 8 &&
       fingerprint.find_first_not_of(fingerprint[0]) == std::string::npos)) {
    builder.warn("synthetic_not_a_measurement");
  }
}

}  // namespace

void warn_of_inferencex_figures(const TakenFields& metrics, const InferenceXFacts& facts,
                                PointBuilder& builder) {
  const Fields& fields = metrics.fields();
  const bool has_split = fields.has("output_tput_per_gpu") || fields.has("output_tput_tps");
  const bool has_total = fields.has("tput_per_gpu") || fields.has("total_tput_tps");
  if (has_total && !has_split) builder.warn("token_split_absent");
  if (!has_total) builder.warn("most_fields_absent");
  if (facts.is_disaggregated && !facts.is_agentic && has_split) {
    builder.warn("three_gpu_denominators");
  }
  if (facts.is_disaggregated && fields.has("decode_avg_power_w") &&
      fields.has("joules_per_output_token")) {
    builder.warn("energy_split_by_role");
  }
  if (!facts.is_agentic && builder.get(metric::kTpot, "p50") &&
      !builder.get(metric::kTpot, "mean") && builder.get(metric::kTtft, "p50")) {
    builder.warn("old_shape_no_means");
  }
  const std::optional<double> mean = builder.get(metric::kTtft, "mean");
  const std::optional<double> median = builder.get(metric::kTtft, "p50");
  if (mean && median && *mean > kBimodal * *median) {
    builder.warn("ttft_bimodal_mean_far_above_median");
  }
  if (facts.is_agentic) warn_of_agentic(metrics, builder);
  warn_of_power(metrics, builder);
  warn_of_collapse(facts, builder);
  warn_of_claims(facts, builder);
}

}  // namespace hadal
