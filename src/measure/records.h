// What a measurement leaves behind, as plain data: requests, points of load, runs. Everything in
// measure/ speaks of them: the client fills them, metrics sum them up, the store keeps them,
// imports make them from files of others. Knows no format and computes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

enum class RequestPhase { kWarmUp, kMeasured };

enum class RequestOutcome {
  kOk,
  kFailed,     // `failure` says of which class
  kCancelled,  // by us: the run was cut short. In no statistic but the count
};

// One request. Times are seconds on the point's own clock, which is monotonic and starts with the
// point; what did not happen has none.
struct RequestRecord {
  int64_t index = 0;  // in the order of the plan
  RequestPhase phase = RequestPhase::kMeasured;
  int64_t session = -1;  // of conversations and traces; -1: none
  int turn = 0;          // within the session

  std::optional<double> planned = {};             // open loop: when it was to be sent
  double sent = 0;                                // written to a connection that stands
  std::optional<double> headers = {};             // the answer's first bytes
  std::optional<double> first_token = {};         // of any kind: text, reasoning, tool call
  std::optional<double> first_answer_token = {};  // not reasoning
  std::optional<double> last_token = {};
  double ended = 0;

  int64_t asked_input_tokens = 0;             // what the workload meant to send
  int64_t asked_output_tokens = 0;            // max_tokens
  int64_t expected_cached_tokens = 0;         // of the input, that an endless cache would have
  std::optional<int64_t> input_tokens = {};   // by the server's usage
  std::optional<int64_t> cached_tokens = {};  // of them, from the server's cache
  std::optional<int64_t> output_tokens = {};  // by the server's usage, or estimated
  std::optional<int64_t> reasoning_tokens = {};
  bool tokens_estimated = false;  // the server sent no usage; output_tokens counts events
  std::optional<double> server_prefill_seconds = {};  // where a server tells them (hadal does)
  std::optional<double> server_decode_seconds = {};

  RequestOutcome outcome = RequestOutcome::kOk;
  // "connect", "tls", "timeout", "http_429", "redirect", "stream_error", "truncated", "garbage",
  // "empty", ...
  std::string failure = {};
  std::string failure_text = {};  // one line, printable
  int http_status = 0;
  std::string finish_reason = {};
  bool done_missing = false;  // the stream ended without [DONE]
};

// An event of a streamed answer that carried text, reasoning or part of a tool call.
struct TokenStamp {
  double seconds = 0;  // on the point's clock
  // Tokens of the answer so far by the server's usage (continuous_usage_stats); -1: not told.
  int64_t tokens_so_far = -1;
};

struct PowerSample {
  double seconds = 0;  // on the point's clock
  double watts = 0;
  // Of a meter that counts energy: since any moment, the same for all samples of the device.
  std::optional<double> joules = {};
  // The meter shows no power: `watts` is the mean since the sample before, by its counter.
  bool watts_from_joules = false;
  std::string meter = {};   // "nvml", "rapl", "ipmi", ...; "constant": given, not measured
  std::string device = {};  // "gpu0", "package-1", "node", ...
};

// What engines say of themselves at /metrics, under one set of names. Those that count go up for
// the life of the engine; a share is from 0 to 1.
inline constexpr std::string_view kEngineFigures[] = {
    "running",          "waiting",          "cache_use",   "prompt_tokens", "cached_tokens",
    "looked_up_tokens", "generated_tokens", "preemptions", "drafts",        "accepted_tokens"};

struct EngineSample {
  double seconds = 0;                              // on the point's clock
  std::vector<std::optional<double>> values = {};  // by place in kEngineFigures
};

// How late the client itself was.
struct ClientLoad {
  // Events of streams by how long they may have lain unread, at most: bounds in seconds are
  // kLagBounds, the last class is beyond them.
  static constexpr double kLagBounds[] = {0.0001, 0.0002, 0.0005, 0.001, 0.002,
                                          0.005,  0.01,   0.02,   0.05,  0.1};
  std::vector<int64_t> lag_counts = {};
  double lag_p99 = 0;                             // seconds
  double cpu_share = 0;                           // of one core, of the busiest thread
  std::optional<double> schedule_delay_p99 = {};  // open loop: seconds behind the plan
  bool limited = false;                           // the client may have made the server look slower
  std::vector<std::string> reasons = {};
};

// What was asked of the server at a point: one of the two.
struct Load {
  std::optional<int> concurrency = {};
  // Arrivals per second: of requests, or of sessions where requests belong to them.
  std::optional<double> rate = {};
  std::string arrivals = "closed";  // "closed", "constant", "poisson", "gamma", ...
};

struct Interval {
  double low = 0;
  double high = 0;
};

// One figure; `id` names its definition (docs/measuring.md), version included. What has no right to
// exist (a percentile of too few samples) is absent.
struct MetricValue {
  std::string id = {};    // "ttft.first_token/1"
  std::string unit = {};  // "s", "tokens/s", ...
  int64_t count = 0;      // samples
  std::optional<double> mean = {};
  std::optional<double> p50 = {};
  std::optional<double> p90 = {};
  std::optional<double> p95 = {};
  std::optional<double> p99 = {};
  // 95 % intervals of the figures above.
  std::optional<Interval> mean_ci95 = {};
  std::optional<Interval> p50_ci95 = {};
  std::optional<Interval> p90_ci95 = {};
  std::optional<Interval> p95_ci95 = {};
  std::optional<Interval> p99_ci95 = {};
};

struct Window {
  std::string kind = "full";  // "steady" or "full"
  std::string rule = {};      // in words
  double begin = 0;           // seconds on the point's clock
  double end = 0;
};

struct FailureCount {
  std::string failure = {};  // its class, as RequestRecord has it
  int64_t count = 0;
};

struct RequestCounts {
  int64_t attempted = 0;
  int64_t ok = 0;
  int64_t failed = 0;
  int64_t cancelled = 0;
  std::vector<FailureCount> failures = {};  // of the failed, the most frequent first
};

// Everything measured at one load, before it is summed up.
struct PointSamples {
  std::vector<RequestRecord> requests = {};
  std::vector<std::vector<TokenStamp>> events = {};  // by place in `requests`
  std::vector<PowerSample> power = {};
  std::vector<EngineSample> engine = {};
  ClientLoad client = {};
  double duration = 0;  // seconds, from the first request sent to the last ended
};

struct PointRecord {
  Load load = {};
  int repeat = 0;
  Window window = {};  // that of `metrics`
  RequestCounts requests = {};
  std::vector<MetricValue> metrics = {};
  std::vector<MetricValue> full_run_metrics = {};  // ramp and drain included
  ClientLoad client = {};
  bool invalid = false;  // so many requests failed that no figure is to be relied upon
  std::vector<std::string> warnings = {};
  std::string extra_json = {};  // an object: what an import keeps of a foreign definition; or empty
};

enum class RunState { kRunning, kComplete, kPartial, kFailed, kInvalid };

enum class GateVerdict { kNotRun, kPassed, kFailed };

struct RunRecord {
  std::string id = {};              // a ULID: sorts by time
  double created_unix = 0;          // seconds
  std::string origin = "measured";  // "measured", "imported", "published"
  RunState state = RunState::kRunning;
  GateVerdict gate = GateVerdict::kNotRun;
  std::string label = {};  // the user's own word for it
  // What people look for. Empty: unknown.
  std::string url = {};
  std::string model = {};
  std::string engine = {};  // "vllm", "hadal", ...
  std::string engine_version = {};
  std::string hardware = {};  // a key of data/hardware.json
  int gpus = 0;               // accelerators used; 0: unknown. Never derived from tp × ep
  int prefill_gpus = 0;       // disaggregated: of them; 0: not disaggregated or unknown
  int decode_gpus = 0;
  std::string precision = {};
  std::string speculation = {};
  std::string workload = {};         // "8k1k", "agentx", ...
  std::string source = {};           // of an import: format and file
  std::string plan_json = {};        // the resolved plan, an object
  std::string provenance_json = {};  // machine fingerprint, launch command, constants' era, commit
  std::string gate_json = {};        // the gate's report; empty: not run
  std::vector<PointRecord> points = {};
};

}  // namespace hadal
