// Comparisons of what a store gives back with what went in: every field, doubles exactly.
#pragma once

#include <gtest/gtest.h>
#include <optional>
#include <vector>

#include "measure/records.h"

namespace hadal::test {

inline void expect_equal(const RequestRecord& a, const RequestRecord& b) {
  EXPECT_EQ(a.index, b.index);
  EXPECT_EQ(a.phase, b.phase);
  EXPECT_EQ(a.session, b.session);
  EXPECT_EQ(a.turn, b.turn);
  EXPECT_EQ(a.planned, b.planned);
  EXPECT_EQ(a.sent, b.sent);
  EXPECT_EQ(a.headers, b.headers);
  EXPECT_EQ(a.first_token, b.first_token);
  EXPECT_EQ(a.first_answer_token, b.first_answer_token);
  EXPECT_EQ(a.last_token, b.last_token);
  EXPECT_EQ(a.ended, b.ended);
  EXPECT_EQ(a.asked_input_tokens, b.asked_input_tokens);
  EXPECT_EQ(a.asked_output_tokens, b.asked_output_tokens);
  EXPECT_EQ(a.expected_cached_tokens, b.expected_cached_tokens);
  EXPECT_EQ(a.input_tokens, b.input_tokens);
  EXPECT_EQ(a.cached_tokens, b.cached_tokens);
  EXPECT_EQ(a.output_tokens, b.output_tokens);
  EXPECT_EQ(a.reasoning_tokens, b.reasoning_tokens);
  EXPECT_EQ(a.tokens_estimated, b.tokens_estimated);
  EXPECT_EQ(a.server_prefill_seconds, b.server_prefill_seconds);
  EXPECT_EQ(a.server_decode_seconds, b.server_decode_seconds);
  EXPECT_EQ(a.outcome, b.outcome);
  EXPECT_EQ(a.failure, b.failure);
  EXPECT_EQ(a.failure_text, b.failure_text);
  EXPECT_EQ(a.http_status, b.http_status);
  EXPECT_EQ(a.finish_reason, b.finish_reason);
}

inline void expect_equal(const PointSamples& a, const PointSamples& b) {
  ASSERT_EQ(a.requests.size(), b.requests.size());
  for (size_t i = 0; i < a.requests.size(); ++i) expect_equal(a.requests[i], b.requests[i]);
  ASSERT_EQ(a.events.size(), b.events.size());
  for (size_t i = 0; i < a.events.size(); ++i) {
    ASSERT_EQ(a.events[i].size(), b.events[i].size());
    for (size_t j = 0; j < a.events[i].size(); ++j) {
      EXPECT_EQ(a.events[i][j].seconds, b.events[i][j].seconds);
      EXPECT_EQ(a.events[i][j].tokens_so_far, b.events[i][j].tokens_so_far);
    }
  }
  ASSERT_EQ(a.power.size(), b.power.size());
  for (size_t i = 0; i < a.power.size(); ++i) {
    EXPECT_EQ(a.power[i].seconds, b.power[i].seconds);
    EXPECT_EQ(a.power[i].watts, b.power[i].watts);
    EXPECT_EQ(a.power[i].joules, b.power[i].joules);
    EXPECT_EQ(a.power[i].watts_from_joules, b.power[i].watts_from_joules);
    EXPECT_EQ(a.power[i].meter, b.power[i].meter);
    EXPECT_EQ(a.power[i].device, b.power[i].device);
  }
  EXPECT_EQ(a.client.lag_counts, b.client.lag_counts);
  EXPECT_EQ(a.client.lag_p99, b.client.lag_p99);
  EXPECT_EQ(a.client.cpu_share, b.client.cpu_share);
  EXPECT_EQ(a.client.schedule_delay_p99, b.client.schedule_delay_p99);
  EXPECT_EQ(a.client.limited, b.client.limited);
  EXPECT_EQ(a.client.reasons, b.client.reasons);
  EXPECT_EQ(a.duration, b.duration);
}

inline void expect_equal(const std::optional<Interval>& a, const std::optional<Interval>& b) {
  ASSERT_EQ(a.has_value(), b.has_value());
  if (!a) return;
  EXPECT_EQ(a->low, b->low);
  EXPECT_EQ(a->high, b->high);
}

inline void expect_equal(const std::vector<MetricValue>& a, const std::vector<MetricValue>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].id, b[i].id);
    EXPECT_EQ(a[i].unit, b[i].unit);
    EXPECT_EQ(a[i].count, b[i].count);
    EXPECT_EQ(a[i].mean, b[i].mean);
    EXPECT_EQ(a[i].p50, b[i].p50);
    EXPECT_EQ(a[i].p90, b[i].p90);
    EXPECT_EQ(a[i].p95, b[i].p95);
    EXPECT_EQ(a[i].p99, b[i].p99);
    expect_equal(a[i].mean_ci95, b[i].mean_ci95);
    expect_equal(a[i].p50_ci95, b[i].p50_ci95);
    expect_equal(a[i].p90_ci95, b[i].p90_ci95);
    expect_equal(a[i].p95_ci95, b[i].p95_ci95);
    expect_equal(a[i].p99_ci95, b[i].p99_ci95);
  }
}

inline void expect_equal(const PointRecord& a, const PointRecord& b) {
  EXPECT_EQ(a.load.concurrency, b.load.concurrency);
  EXPECT_EQ(a.load.rate, b.load.rate);
  EXPECT_EQ(a.load.arrivals, b.load.arrivals);
  EXPECT_EQ(a.repeat, b.repeat);
  EXPECT_EQ(a.window.kind, b.window.kind);
  EXPECT_EQ(a.window.rule, b.window.rule);
  EXPECT_EQ(a.window.begin, b.window.begin);
  EXPECT_EQ(a.window.end, b.window.end);
  EXPECT_EQ(a.requests.attempted, b.requests.attempted);
  EXPECT_EQ(a.requests.ok, b.requests.ok);
  EXPECT_EQ(a.requests.failed, b.requests.failed);
  EXPECT_EQ(a.requests.cancelled, b.requests.cancelled);
  expect_equal(a.metrics, b.metrics);
  expect_equal(a.full_run_metrics, b.full_run_metrics);
  EXPECT_EQ(a.warnings, b.warnings);
  EXPECT_EQ(a.extra_json, b.extra_json);
}

inline void expect_equal_heads(const RunRecord& a, const RunRecord& b) {
  EXPECT_EQ(a.origin, b.origin);
  EXPECT_EQ(a.label, b.label);
  EXPECT_EQ(a.url, b.url);
  EXPECT_EQ(a.model, b.model);
  EXPECT_EQ(a.engine, b.engine);
  EXPECT_EQ(a.engine_version, b.engine_version);
  EXPECT_EQ(a.hardware, b.hardware);
  EXPECT_EQ(a.gpus, b.gpus);
  EXPECT_EQ(a.prefill_gpus, b.prefill_gpus);
  EXPECT_EQ(a.decode_gpus, b.decode_gpus);
  EXPECT_EQ(a.precision, b.precision);
  EXPECT_EQ(a.speculation, b.speculation);
  EXPECT_EQ(a.workload, b.workload);
  EXPECT_EQ(a.source, b.source);
  EXPECT_EQ(a.plan_json, b.plan_json);
  EXPECT_EQ(a.provenance_json, b.provenance_json);
}

}  // namespace hadal::test
