#include "measure/workload/trace_replay.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/as_size.h"
#include "base/check.h"
#include "base/error.h"
#include "json/python_json.h"
#include "measure/workload/endless_cache.h"
#include "measure/workload/keys.h"
#include "numeric/elementary.h"

namespace hadal {
namespace {

// Tokens of the marker that keeps sessions apart: enough for any vocabulary.
constexpr int64_t kMarkerTokens = 8;

[[noreturn]] void refuse_replay(const std::string& what, const std::string& remedy) {
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = "trace replay",
               .what = what,
               .remedy = remedy});
}

void check_options(const ReplayOptions& options) {
  if (!(options.length_scale > 0 && options.length_scale <= 1)) {
    refuse_replay("lengths cannot be scaled by " + python_float(options.length_scale),
                  "give a scale above 0 and at most 1");
  }
  if (!(options.start_min >= 0 && options.start_min <= options.start_max &&
        options.start_max <= 1)) {
    refuse_replay("sessions cannot begin from " + python_float(options.start_min) + " to " +
                      python_float(options.start_max) + " of their records",
                  "give shares from 0 to 1, the lower first");
  }
  if (options.idle_gap_cap && !(*options.idle_gap_cap >= 0)) {
    refuse_replay("pauses cannot be capped at " + python_float(*options.idle_gap_cap) + " seconds",
                  "give 0 or more");
  }
  HADAL_CHECK(options.lanes >= 0 && options.warm_up_requests >= 0);
  HADAL_CHECK(options.context_limit >= 0 && options.cache_block >= 0);
}

// Instants of the record's requests with no pause, in which nobody's answer ran, longer than `cap`.
std::vector<double> capped_instants(const TraceSession& record, std::optional<double> cap) {
  std::vector<double> instants;
  double cut = 0;
  double busy_until = 0;
  for (const TraceRequest& request : record.requests) {
    const double idle = request.at - busy_until;
    if (cap && idle > *cap) cut += idle - *cap;
    busy_until = std::max(busy_until, request.at + request.took);
    instants.push_back(request.at - cut);
  }
  return instants;
}

// Who waited for a dropped request, in whichever way, waits for what that one waited for.
void drop_requests(TraceSession& record, const std::vector<bool>& kept) {
  std::vector<TraceRequest>& requests = record.requests;
  std::vector<int> new_place(requests.size(), -1);
  std::vector<TraceRequest> left;
  const auto tidy = [](std::vector<int>& places) {
    std::sort(places.begin(), places.end());
    places.erase(std::unique(places.begin(), places.end()), places.end());
  };
  for (size_t i = 0; i < requests.size(); ++i) {
    std::vector<int> after_end;
    std::vector<int> after_sent;
    for (const bool of_ends : {true, false}) {
      for (const int before : of_ends ? requests[i].after_end : requests[i].after_sent) {
        if (kept[as_size(before)]) {
          (of_ends ? after_end : after_sent).push_back(before);
          continue;
        }
        const TraceRequest& dropped = requests[as_size(before)];  // its own are in order already
        after_end.insert(after_end.end(), dropped.after_end.begin(), dropped.after_end.end());
        after_sent.insert(after_sent.end(), dropped.after_sent.begin(), dropped.after_sent.end());
      }
    }
    tidy(after_end);
    tidy(after_sent);
    requests[i].after_end = after_end;
    requests[i].after_sent = after_sent;
    if (!kept[i]) continue;
    new_place[i] = static_cast<int>(left.size());
    for (std::vector<int>* places : {&after_end, &after_sent}) {
      for (int& place : *places) place = new_place[as_size(place)];
    }
    left.push_back(requests[i]);
    left.back().after_end = std::move(after_end);
    left.back().after_sent = std::move(after_sent);
  }
  requests = std::move(left);
}

}  // namespace

TraceReplay::TraceReplay(Trace trace, ReplayOptions options)
    : trace_(std::move(trace)), options_(std::move(options)) {
  check_options(options_);
  drop_beyond_context();
  if (trace_.sessions.empty()) {
    refuse_replay("no request of " + trace_.name + " fits a context of " +
                      std::to_string(options_.context_limit) + " tokens",
                  "scale the lengths down, or give a server a longer context");
  }
  const bool are_timed = std::all_of(trace_.sessions.begin(), trace_.sessions.end(),
                                     [](const auto& record) { return record.starts.has_value(); });
  if (are_timed) {
    std::stable_sort(trace_.sessions.begin(), trace_.sessions.end(),
                     [](const auto& a, const auto& b) { return *a.starts < *b.starts; });
  }
  number_requests();
  foresee();
}

int64_t TraceReplay::scaled(int64_t tokens) const {
  if (options_.length_scale == 1) return tokens;
  return static_cast<int64_t>(
      elementary::floor(static_cast<double>(tokens) * options_.length_scale + 0.5));
}

int64_t TraceReplay::input_of(const TraceRequest& request) const {
  return std::max<int64_t>(1, scaled(request.input_tokens));
}

int64_t TraceReplay::output_of(const TraceRequest& request) const {
  return std::max<int64_t>(1, scaled(request.output_tokens));
}

int64_t TraceReplay::block_end(int64_t blocks) const {
  return scaled(blocks * trace_.block_tokens);
}

int64_t TraceReplay::cached_tokens(int64_t blocks, const TraceRequest& request) const {
  const int64_t tokens = std::min(block_end(blocks), input_of(request));
  return options_.cache_block == 0 ? tokens : tokens - tokens % options_.cache_block;
}

void TraceReplay::drop_beyond_context() {
  if (options_.context_limit == 0) return;
  for (TraceSession& record : trace_.sessions) {
    std::vector<bool> kept;
    for (const TraceRequest& request : record.requests) {
      kept.push_back(input_of(request) + output_of(request) <= options_.context_limit);
    }
    const auto dropped = std::count(kept.begin(), kept.end(), false);
    if (dropped == 0) continue;
    dropped_requests_ += dropped;
    drop_requests(record, kept);
  }
  dropped_sessions_ = static_cast<int64_t>(std::erase_if(
      trace_.sessions, [](const TraceSession& record) { return record.requests.empty(); }));
}

std::optional<int64_t> TraceReplay::sessions() const {
  if (options_.recycles) return std::nullopt;
  return records();
}

std::vector<double> TraceReplay::recorded_starts() const {
  std::vector<double> starts;
  for (const TraceSession& record : trace_.sessions) {
    if (!record.starts) return {};
    starts.push_back(*record.starts);
  }
  return starts;
}

bool TraceReplay::begins_midway(int64_t number, RequestPhase space) const {
  return space == RequestPhase::kMeasured && number < options_.lanes;
}

std::vector<std::optional<RequestPhase>> TraceReplay::midway_phases(
    int64_t number, const std::vector<double>& instants, double& begins) const {
  const std::vector<TraceRequest>& requests =
      trace_.sessions[static_cast<size_t>(number % records())].requests;
  RandomStream random(shape_key(options_.content, RequestPhase::kMeasured, StreamUse::kStart,
                                static_cast<uint64_t>(number)));
  const double share =
      options_.start_min + (options_.start_max - options_.start_min) * random.unit();
  begins = share * instants.back();
  std::vector<std::optional<RequestPhase>> phases(requests.size());
  std::vector<bool> goes_on(requests.size() + 1, false);  // by agent, where known
  int more_warm_up = options_.warm_up_requests;
  for (size_t i = 0; i < requests.size(); ++i) {
    if (instants[i] < begins) continue;
    phases[i] = more_warm_up > 0 ? RequestPhase::kWarmUp : RequestPhase::kMeasured;
    --more_warm_up;
    goes_on[std::min(as_size(requests[i].agent), requests.size())] = true;
  }
  for (size_t i = requests.size(); i-- > 0;) {
    if (phases[i]) continue;
    const size_t agent = std::min(as_size(requests[i].agent), requests.size());
    if (!goes_on[agent]) continue;
    phases[i] = RequestPhase::kWarmUp;
    goes_on[agent] = false;
  }
  return phases;
}

std::vector<PlannedRequest> TraceReplay::requests_of(int64_t number, RequestPhase space) const {
  const TraceSession& record = trace_.sessions[static_cast<size_t>(number % records())];
  const size_t count = record.requests.size();
  std::vector<std::optional<RequestPhase>> phases(count, space);
  const bool is_midway = begins_midway(number, space);
  std::vector<double> instants;
  double begins = 0;
  if (is_midway) {
    instants = capped_instants(record, options_.idle_gap_cap);
    phases = midway_phases(number, instants, begins);
  }
  std::vector<int> new_place(count, -1);
  std::vector<PlannedRequest> requests;
  for (size_t i = 0; i < count; ++i) {
    if (!phases[i]) continue;
    new_place[i] = static_cast<int>(requests.size());
    const TraceRequest& recorded = record.requests[i];
    PlannedRequest request{.session = number,
                           .turn = new_place[i],
                           .agent = recorded.agent,
                           .phase = *phases[i],
                           .delay = recorded.delay,
                           .input_tokens = input_of(recorded),
                           .output_tokens = output_of(recorded),
                           .source = static_cast<int64_t>(i),
                           .space = space};
    for (const int before : recorded.after_end) {
      if (phases[as_size(before)]) request.after_end.push_back(new_place[as_size(before)]);
    }
    for (const int before : recorded.after_sent) {
      if (phases[as_size(before)]) request.after_sent.push_back(new_place[as_size(before)]);
    }
    if (is_midway && request.after_end.empty() && request.after_sent.empty()) {
      request.delay = std::max(0.0, instants[i] - begins);
    }
    if (options_.idle_gap_cap) request.delay = std::min(request.delay, *options_.idle_gap_cap);
    requests.push_back(std::move(request));
  }
  return requests;
}

void TraceReplay::number_requests() {
  full_index_ = {0};
  for (const TraceSession& record : trace_.sessions) {
    full_index_.push_back(full_index_.back() + static_cast<int64_t>(record.requests.size()));
  }
  // Whole passes, as many as have sessions that begin midway.
  const int64_t passes = (options_.lanes + records() - 1) / records();
  first_index_ = {0};
  for (int64_t number = 0; number < passes * records(); ++number) {
    const auto requests = static_cast<int64_t>(requests_of(number, RequestPhase::kMeasured).size());
    first_index_.push_back(first_index_.back() + requests);
  }
}

int64_t TraceReplay::index_of(int64_t number, RequestPhase space) const {
  const auto first = static_cast<int64_t>(first_index_.size()) - 1;
  int64_t before = 0;
  if (space == RequestPhase::kMeasured) {
    if (number < first) return first_index_[static_cast<size_t>(number)];
    before = first_index_.back();
    number -= first;
  }
  return before + number / records() * full_index_.back() +
         full_index_[static_cast<size_t>(number % records())];
}

void TraceReplay::expect_cached(PlannedSession& session, RequestPhase space) const {
  const std::vector<TraceRequest>& record =
      trace_.sessions[static_cast<size_t>(session.number % records())].requests;
  const auto recorded = [&](const PlannedRequest& request) -> const TraceRequest& {
    return record[static_cast<size_t>(request.source)];
  };
  const int64_t pass = session.number / records();
  const bool was_played = !options_.cache_bust && pass > 0;
  if (trace_.blocks_are_global) {
    const bool is_first = space == RequestPhase::kMeasured &&
                          session.number + 1 < static_cast<int64_t>(first_index_.size());
    for (PlannedRequest& request : session.requests) {
      const TraceRequest& source = recorded(request);
      const int64_t in_pass =
          full_index_[static_cast<size_t>(session.number % records())] + request.turn;
      request.expected_cached_tokens =
          was_played ? cached_tokens(count_blocks(source.blocks), source)
          : is_first ? first_expected_[static_cast<size_t>(request.index)]
                     : full_expected_[static_cast<size_t>(in_pass)];
    }
    return;
  }
  EndlessCache cache;
  if (was_played) {
    for (const PlannedRequest& request : requests_of(session.number % records(), space)) {
      cache.insert(recorded(request).blocks);
    }
    for (const TraceRequest& request : record) {
      if (pass > 1) cache.insert(request.blocks);
    }
  }
  for (PlannedRequest& request : session.requests) {
    const TraceRequest& source = recorded(request);
    request.expected_cached_tokens = cached_tokens(cache.insert(source.blocks), source);
  }
}

void TraceReplay::foresee() {
  if (trace_.blocks_are_global) {
    const auto foresee_row = [&](int64_t sessions, RequestPhase space) {
      std::vector<int64_t> expected;
      EndlessCache cache;
      for (int64_t number = 0; number < sessions; ++number) {
        const std::vector<TraceRequest>& record =
            trace_.sessions[static_cast<size_t>(number % records())].requests;
        if (options_.cache_bust && number % records() == 0) cache = EndlessCache();
        for (const PlannedRequest& request : requests_of(number, space)) {
          const TraceRequest& source = record[static_cast<size_t>(request.source)];
          expected.push_back(cached_tokens(cache.insert(source.blocks), source));
        }
      }
      return expected;
    };
    first_expected_ =
        foresee_row(static_cast<int64_t>(first_index_.size()) - 1, RequestPhase::kMeasured);
    full_expected_ = foresee_row(records(), RequestPhase::kWarmUp);
  }
  for (int64_t number = 0; number < records(); ++number) {
    for (const PlannedRequest& request : session(number, RequestPhase::kMeasured).requests) {
      ++first_pass_.requests;
      if (request.phase == RequestPhase::kWarmUp) ++first_pass_.warm_up_requests;
      first_pass_.input_tokens += request.input_tokens;
      first_pass_.output_tokens += request.output_tokens;
      first_pass_.expected_cached_tokens += request.expected_cached_tokens;
    }
  }
}

PlannedSession TraceReplay::session(int64_t number, RequestPhase space) const {
  HADAL_CHECK(number >= 0);
  PlannedSession session{.number = number, .requests = requests_of(number, space)};
  if (number < records()) session.starts = trace_.sessions[static_cast<size_t>(number)].starts;
  int64_t index = index_of(number, space);
  for (PlannedRequest& request : session.requests) request.index = index++;
  expect_cached(session, space);
  return session;
}

std::vector<ContentPiece> TraceReplay::pieces(const PlannedRequest& request) const {
  const int64_t record = request.session % records();
  const int64_t pass = request.session / records();
  const TraceRequest& recorded =
      trace_.sessions[static_cast<size_t>(record)].requests[static_cast<size_t>(request.source)];
  const auto key = [&](StreamUse use, int64_t first, int64_t second) {
    return content_key(options_.content, request.space, use, static_cast<uint64_t>(first),
                       static_cast<uint64_t>(second));
  };
  // Which records share blocks of equal ids.
  const int64_t scope = trace_.blocks_are_global ? 0 : record + 1;
  const int64_t tokens = input_of(recorded);
  std::vector<ContentPiece> pieces;
  int64_t blocks = 0;
  int64_t place = 0;
  for (const BlockRun& run : recorded.blocks) {
    for (int64_t id = run.first; id < run.first + run.count && place < tokens; ++id) {
      const int64_t end = std::min(block_end(++blocks), tokens);
      if (end > place) pieces.push_back({key(StreamUse::kBlock, scope, id), end - place});
      place = end;
    }
  }
  const uint64_t own = key(StreamUse::kOwnTail, request.session, request.source);
  if (place < tokens) pieces.push_back({own, tokens - place});
  if (!options_.cache_bust) return pieces;
  // Prompts that begin with other blocks are unlike from the first token on.
  const uint64_t begins_with =
      recorded.blocks.empty() ? own : static_cast<uint64_t>(recorded.blocks.front().first);
  int64_t marker = std::min(kMarkerTokens, tokens);
  std::vector<ContentPiece> marked = {
      {key(StreamUse::kMarker, trace_.blocks_are_global ? pass : request.session,
           static_cast<int64_t>(begins_with)),
       marker}};
  for (ContentPiece& piece : pieces) {
    const int64_t covered = std::min(marker, piece.tokens);
    marker -= covered;
    piece.tokens -= covered;
    if (piece.tokens > 0) marked.push_back(piece);
  }
  return marked;
}

Prompt TraceReplay::prompt(const PlannedRequest& request, const PromptStyle& style) const {
  return make_prompt(pieces(request), style);
}

std::string TraceReplay::describe() const {
  nlohmann::ordered_json plan;
  plan["workload"] = options_.name;
  plan["kind"] = "trace_replay";
  plan["trace"] = {{"name", printable(trace_.name)},
                   {"format", trace_.format},
                   {"block_tokens", trace_.block_tokens},
                   {"block_scope", trace_.blocks_are_global ? "trace" : "session"},
                   {"sessions", records()},
                   {"remarks", trace_.remarks}};
  plan["length_scale"] = options_.length_scale;
  plan["context_limit"] = options_.context_limit;
  plan["dropped_beyond_context"] = {{"requests", dropped_requests_},
                                    {"sessions", dropped_sessions_}};
  plan["idle_gap_cap_seconds"] = options_.idle_gap_cap
                                     ? nlohmann::ordered_json(*options_.idle_gap_cap)
                                     : nlohmann::ordered_json(nullptr);
  plan["cache_bust"] = options_.cache_bust;
  plan["lanes_that_begin_midway"] = options_.lanes;
  plan["start"] = {options_.start_min, options_.start_max};
  plan["warm_up_requests_per_lane"] = options_.warm_up_requests;
  plan["recycles"] = options_.recycles;
  plan["cache_block"] = options_.cache_block;
  plan["ignore_eos"] = true;
  plan["first_pass"] = {{"requests", first_pass_.requests},
                        {"warm_up_requests", first_pass_.warm_up_requests},
                        {"input_tokens", first_pass_.input_tokens},
                        {"output_tokens", first_pass_.output_tokens},
                        {"expected_cached_tokens", first_pass_.expected_cached_tokens}};
  plan["expected_hit_rate"] = static_cast<double>(first_pass_.expected_cached_tokens) /
                              static_cast<double>(first_pass_.input_tokens);
  plan["seed"] = options_.content.seed;
  plan["salt"] = options_.content.salt;
  return dump_json(plan);
}

}  // namespace hadal
