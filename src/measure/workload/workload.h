// What is to be sent to a server, and in what order and company: the plan of a load, without
// network, threads or clock. A workload is a row of sessions; a session is a single request, a
// conversation, or an agent's work with its helpers. Whoever sends takes sessions by number (a lane
// of a closed loop takes the next when its own has ended; under open loop session n begins at
// arrival n) and walks through each (session_walk.h). When sessions begin is arrivals.h's to say.
//
// A workload is its options and its seed: the same ones give the same plan on every machine, in any
// order of asking, for ever. Warm-up sessions are drawn from a seed space of their own, so that no
// measured prompt was sent before.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "measure/records.h"
#include "measure/workload/prompt.h"

namespace hadal {

struct PlannedRequest {
  int64_t index = 0;  // in the order of the plan, of its space (measured or warm-up)
  int64_t session = 0;
  int turn = 0;   // place in `PlannedSession::requests`
  int agent = 0;  // 0: the session's own; others: helpers that it began
  RequestPhase phase = RequestPhase::kMeasured;

  // It is sent `delay` seconds after the last of these has happened, or after the session's
  // beginning where there are none. Places in `PlannedSession::requests`, all before this one.
  std::vector<int> after_end = {};   // their answers have ended
  std::vector<int> after_sent = {};  // they have been sent
  double delay = 0;

  int64_t input_tokens = 0;   // 0: not known before the server counts them
  int64_t output_tokens = 0;  // max_tokens
  bool ignore_eos = true;     // the answer is to be exactly `output_tokens` long
  // Of the input, what an endless prefix cache would have that saw the plan in its order.
  int64_t expected_cached_tokens = 0;

  int64_t source = 0;                            // the workload's own: where its content comes from
  RequestPhase space = RequestPhase::kMeasured;  // the seed space that its content is drawn from
};

struct PlannedSession {
  int64_t number = 0;
  std::optional<double> starts = {};  // recorded: seconds after the load's beginning
  std::vector<PlannedRequest> requests = {};
};

// All functions may be called from several threads at once.
class Workload {
 public:
  virtual ~Workload() = default;
  Workload() = default;
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  virtual std::string name() const = 0;
  // Measured sessions; none: as many as are asked for. Warm-up sessions have no end.
  virtual std::optional<int64_t> sessions() const = 0;
  // `number` from 0, below sessions(). `space` kWarmUp: a session that is not measured, from the
  // warm-up's seed space; kMeasured: one that is, though its first requests may be warm-up too.
  virtual PlannedSession session(int64_t number, RequestPhase space) const = 0;
  // Of a request of this workload's session(). Throws Error kInvalidArgument for a form that the
  // workload cannot take (token ids of a text).
  virtual Prompt prompt(const PlannedRequest& request, const PromptStyle& style) const = 0;
  // The resolved plan as a JSON object: every option with its value, and what came of it.
  virtual std::string describe() const = 0;
};

// What every workload of random content has in common.
struct ContentSeed {
  uint64_t seed = 0;
  // Of the repeat. Another salt gives other contents under the same lengths and times, so that no
  // repeat finds its predecessor's cache.
  uint64_t salt = 0;
};

}  // namespace hadal
