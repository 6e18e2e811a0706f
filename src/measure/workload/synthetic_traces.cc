#include "measure/workload/synthetic_traces.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "measure/workload/keys.h"
#include "measure/workload/limits.h"
#include "measure/workload/mooncake_trace.h"

namespace hadal {
namespace {

void require(bool is_sound, const std::string& what) {
  if (is_sound) return;
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = "synthetic trace",
               .what = what,
               .remedy = "give counts and ranges from 1 up, the lower first"});
}

bool is_range(const TokenRange& range) {
  return range.low >= 1 && range.low <= range.high && range.high <= kMostTokens / 64;
}

int64_t draw(RandomStream& random, const TokenRange& range) {
  return random.between(range.low, range.high);
}

double draw(RandomStream& random, const SecondsRange& range) {
  return range.low + (range.high - range.low) * random.unit();
}

// One play, written down as it goes.
class AgentPlay {
 public:
  AgentPlay(const AgentTraceOptions& options, int number)
      : options_(options),
        random_(stream_key({options.seed, static_cast<uint64_t>(StreamUse::kSynthetic),
                            static_cast<uint64_t>(number)})) {
    session_.id = "play-" + std::to_string(number);
  }

  TraceSession play();

 private:
  // An agent's conversation so far.
  struct Context {
    int agent = 0;
    int64_t tokens = 0;
    std::vector<BlockRun> blocks = {};
  };
  void grow(Context& context, int64_t tokens);
  // The place of a request sent at `at` with the context as it is; the answer joins the context.
  int send(Context& context, double at, std::vector<int> after, double delay);
  double end_of(int place) const;
  // Gives back the place of its last request.
  int run_helper(const Context& parent, int begun_by);

  static constexpr int64_t kBlock = 64;
  const AgentTraceOptions& options_;
  RandomStream random_;
  TraceSession session_;
  int64_t next_id_ = 0;
  int agents_ = 0;
};

void AgentPlay::grow(Context& context, int64_t tokens) {
  context.tokens += tokens;
  while (count_blocks(context.blocks) < context.tokens / kBlock) {
    append_block(context.blocks, next_id_++);
  }
}

int AgentPlay::send(Context& context, double at, std::vector<int> after, double delay) {
  TraceRequest request{.at = at,
                       .input_tokens = context.tokens,
                       .output_tokens = draw(random_, options_.answer_tokens),
                       .blocks = context.blocks,
                       .agent = context.agent,
                       .after_end = std::move(after),
                       .delay = delay};
  request.took = options_.seconds_to_first_token +
                 options_.seconds_per_token * static_cast<double>(request.output_tokens);
  const int64_t answered = request.output_tokens;
  session_.requests.push_back(std::move(request));
  grow(context, answered);
  return static_cast<int>(session_.requests.size()) - 1;
}

double AgentPlay::end_of(int place) const {
  const TraceRequest& request = session_.requests[static_cast<size_t>(place)];
  return request.at + request.took;
}

int AgentPlay::run_helper(const Context& parent, int begun_by) {
  Context context{.agent = ++agents_};
  // The same tools and rules, another task.
  const int64_t shared = options_.system_tokens / 2 / kBlock;
  for (const BlockRun& run : parent.blocks) {
    const int64_t left = shared - count_blocks(context.blocks);
    if (left <= 0) break;
    context.blocks.push_back({.first = run.first, .count = std::min(run.count, left)});
  }
  context.tokens = count_blocks(context.blocks) * kBlock;
  const int64_t turns = draw(random_, options_.helper_turns);
  int last = begun_by;
  for (int64_t turn = 0; turn < turns; ++turn) {
    grow(context, draw(random_, options_.added_tokens));
    const double think = draw(random_, options_.think);
    last = send(context, end_of(last) + think, {last}, think);
  }
  return last;
}

TraceSession AgentPlay::play() {
  Context context;
  grow(context, std::max<int64_t>(options_.system_tokens, 1));
  const int64_t turns = draw(random_, options_.turns);
  int last = -1;
  for (int64_t turn = 0; turn < turns; ++turn) {
    if (turn == 0) {
      last = send(context, 0, {}, 0);
      continue;
    }
    std::vector<int> after = {last};
    double ended = end_of(last);
    if (random_.unit() < options_.helper_share) {
      const int helper = run_helper(context, last);
      if (random_.unit() < options_.joined_share) {
        after.push_back(helper);
        ended = std::max(ended, end_of(helper));
      }
    }
    grow(context, draw(random_, options_.added_tokens));
    constexpr double kLongPause = 600;
    const double think =
        random_.unit() < options_.long_pause_share ? kLongPause : draw(random_, options_.think);
    last = send(context, ended + think, std::move(after), think);
  }
  // By time; what each waits for was sent, and so comes, before it.
  std::vector<int> order(session_.requests.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  const auto at = [&](int place) { return session_.requests[static_cast<size_t>(place)].at; };
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return at(a) < at(b); });
  std::vector<int> place_of(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    place_of[static_cast<size_t>(order[i])] = static_cast<int>(i);
  }
  std::vector<TraceRequest> sorted;
  for (const int place : order) {
    sorted.push_back(std::move(session_.requests[static_cast<size_t>(place)]));
    std::vector<int>& after = sorted.back().after_end;
    for (int& before : after) before = place_of[static_cast<size_t>(before)];
    std::sort(after.begin(), after.end());
  }
  session_.requests = std::move(sorted);
  return std::move(session_);
}

}  // namespace

Trace make_agent_trace(const AgentTraceOptions& options) {
  require(options.plays >= 1 && options.plays <= static_cast<int>(kMostSessions),
          "a number of plays that cannot be");
  require(is_range(options.turns) && options.turns.high <= 1024 && is_range(options.helper_turns) &&
              options.helper_turns.high <= 64,
          "a range of turns is none");
  require(is_range(options.added_tokens) && is_range(options.answer_tokens) &&
              options.system_tokens >= 0 && options.system_tokens <= kMostTokens / 64,
          "a range of tokens is none");
  require(options.think.low >= 0 && options.think.low <= options.think.high &&
              options.think.high <= 86400 && options.seconds_to_first_token >= 0 &&
              options.seconds_per_token >= 0,
          "a range of seconds is none");
  Trace trace{.name = "synthetic agents", .format = "synthetic"};
  for (int number = 0; number < options.plays; ++number) {
    trace.sessions.push_back(AgentPlay(options, number).play());
  }
  return trace;
}

Trace make_request_trace(const RequestTraceOptions& options) {
  require(options.requests >= 1 && options.requests <= static_cast<int>(kMostSessions) &&
              options.prefixes >= 1,
          "a number of requests or prefixes that cannot be");
  require(is_range(options.input_tokens) && is_range(options.output_tokens) &&
              options.prefix_tokens >= 0 && options.prefix_tokens <= kMostTokens / 64,
          "a range of tokens is none");
  require(options.rate > 0 && options.rate <= 1e6, "a rate that is none");
  RandomStream random(stream_key({options.seed, static_cast<uint64_t>(StreamUse::kSynthetic)}));
  const int64_t prefix_blocks = options.prefix_tokens / kMooncakeBlock;
  int64_t next_id = prefix_blocks * options.prefixes;
  Trace trace{.name = "synthetic requests",
              .format = "synthetic",
              .block_tokens = kMooncakeBlock,
              .blocks_are_global = true};
  double now = 0;
  for (int number = 0; number < options.requests; ++number) {
    now += random.exponential() / options.rate;
    TraceRequest request;
    request.input_tokens = draw(random, options.input_tokens);
    request.output_tokens = draw(random, options.output_tokens);
    const auto prefix = static_cast<int64_t>(random.below(static_cast<uint64_t>(options.prefixes)));
    const int64_t blocks = (request.input_tokens + kMooncakeBlock - 1) / kMooncakeBlock;
    for (int64_t block = 0; block < blocks; ++block) {
      // Only full blocks of a prefix are the prefix's.
      const bool is_shared =
          block < prefix_blocks && (block + 1) * kMooncakeBlock <= request.input_tokens;
      append_block(request.blocks, is_shared ? prefix * prefix_blocks + block : next_id++);
    }
    trace.sessions.push_back({.starts = now, .requests = {std::move(request)}});
  }
  return trace;
}

}  // namespace hadal
