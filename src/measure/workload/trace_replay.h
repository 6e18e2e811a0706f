// A recorded load (trace.h) as a workload: AgentX's replay of agents at work, and that of traces of
// requests with timestamps. The tokens are made up; what is kept are lengths, which blocks prompts
// share, who waits for whom, and pauses.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "measure/workload/trace.h"
#include "measure/workload/workload.h"

namespace hadal {

struct ReplayOptions {
  std::string name = "trace";  // "agentx", "mooncake"
  ContentSeed content = {};

  // Lengths, and places of blocks, are multiplied by this, so that traces of long contexts run on
  // small ones; above 0, at most 1.
  double length_scale = 1;
  // Requests whose input and output together (after scaling) are more are dropped and counted; what
  // waited for them waits for what they waited for. 0: no limit.
  int64_t context_limit = 0;

  // No pause of a request after what it waits for is longer, in seconds. InferenceX gives 300.
  std::optional<double> idle_gap_cap = 300;

  // Replaces the first tokens of every prompt by a marker of the session's own, the same in all its
  // requests, so that sessions which play the same record share nothing. With global blocks the
  // marker is of the pass through the trace instead.
  bool cache_bust = true;

  // The first so many sessions, one a lane, begin in the middle: at a random instant of their
  // record, from `start_min` to `start_max` of its length (pauses capped). Of each agent that goes
  // on after it the last request before it is sent as warm-up, which brings the server's cache to
  // the state of that instant, and the `warm_up_requests` that follow are warm-up as well. Later
  // sessions are played in full.
  int lanes = 0;
  double start_min = 0.25;
  double start_max = 0.75;
  int warm_up_requests = 0;

  // The server's cache shares whole blocks of so many tokens; expected tokens are rounded down to
  // them. 0: not rounded.
  int64_t cache_block = 0;

  // After the last session the first is played again, without end.
  bool recycles = true;
};

class TraceReplay : public Workload {
 public:
  // Sessions are played in the order of their recorded starts where all have one, else as they
  // stand. Throws Error kInvalidArgument for options out of range, and when no request is left.
  TraceReplay(Trace trace, ReplayOptions options);

  std::string name() const override { return options_.name; }
  std::optional<int64_t> sessions() const override;
  PlannedSession session(int64_t number, RequestPhase space) const override;
  Prompt prompt(const PlannedRequest& request, const PromptStyle& style) const override;
  std::string describe() const override;

  // Instants at which the trace's sessions began, ascending; empty where it tells none. Session n
  // belongs to instant n.
  std::vector<double> recorded_starts() const;

 private:
  struct Totals {
    int64_t requests = 0;
    int64_t warm_up_requests = 0;
    int64_t input_tokens = 0;
    int64_t output_tokens = 0;
    int64_t expected_cached_tokens = 0;
  };

  int64_t records() const { return static_cast<int64_t>(trace_.sessions.size()); }
  int64_t scaled(int64_t tokens) const;
  int64_t input_of(const TraceRequest& request) const;
  int64_t output_of(const TraceRequest& request) const;
  int64_t block_end(int64_t blocks) const;
  // Tokens of `request` that its first `blocks` blocks are, as the server's cache shares them.
  int64_t cached_tokens(int64_t blocks, const TraceRequest& request) const;
  int64_t index_of(int64_t number, RequestPhase space) const;
  bool begins_midway(int64_t number, RequestPhase space) const;
  // What of a record is sent; without index and expected tokens.
  std::vector<PlannedRequest> requests_of(int64_t number, RequestPhase space) const;
  // The phases of a record's requests when it begins midway; none: not sent.
  std::vector<std::optional<RequestPhase>> midway_phases(int64_t number,
                                                         const std::vector<double>& instants,
                                                         double& begins) const;
  void expect_cached(PlannedSession& session, RequestPhase space) const;
  void drop_beyond_context();
  void number_requests();
  void foresee();
  std::vector<ContentPiece> pieces(const PlannedRequest& request) const;

  Trace trace_;
  ReplayOptions options_;
  int64_t dropped_requests_ = 0;  // beyond the context limit
  int64_t dropped_sessions_ = 0;  // that had no others
  // Sums of requests before each session: of the first ones, some of which begin midway, and of a
  // pass of full ones.
  std::vector<int64_t> first_index_ = {};
  std::vector<int64_t> full_index_ = {};
  // Of global blocks: expected cached tokens by index, of the first sessions and of a full pass.
  std::vector<int64_t> first_expected_ = {};
  std::vector<int64_t> full_expected_ = {};
  Totals first_pass_ = {};
};

}  // namespace hadal
