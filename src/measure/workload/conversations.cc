#include "measure/workload/conversations.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/python_json.h"
#include "measure/workload/keys.h"
#include "measure/workload/limits.h"

namespace hadal {
namespace {

constexpr int64_t kMostTurns = 4096;

[[noreturn]] void refuse_conversations(const std::string& what, const std::string& remedy) {
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = "conversations",
               .what = what,
               .remedy = remedy});
}

void check_range(const TokenRange& range, int64_t most, const std::string& name) {
  if (range.low >= 1 && range.low <= range.high && range.high <= most) return;
  refuse_conversations(
      name + " cannot be from " + std::to_string(range.low) + " to " + std::to_string(range.high),
      "give a range within 1 and " + std::to_string(most) + ", the lower first");
}

nlohmann::ordered_json pair_of(const TokenRange& range) { return {range.low, range.high}; }

}  // namespace

Conversations::Conversations(ConversationsOptions options) : options_(options) {
  check_range(options_.turns, kMostTurns, "turns");
  check_range(options_.user_tokens, kMostTokens, "tokens of a user's turn");
  check_range(options_.answer_tokens, kMostTokens, "tokens of an answer");
  const SecondsRange& think = options_.think;
  if (!(think.low >= 0 && think.low <= think.high && think.high <= kMostSeconds)) {
    refuse_conversations("think times cannot be from " + python_float(think.low) + " to " +
                             python_float(think.high) + " seconds",
                         "give a range from 0 up, the lower first");
  }
  if (options_.system_tokens < 0 || options_.system_tokens > kMostTokens) {
    refuse_conversations(
        "a system prompt cannot have " + std::to_string(options_.system_tokens) + " tokens",
        "give 0 or more");
  }
  if (options_.sessions < 0 || options_.system_prompts < 0 || options_.cache_block < 0) {
    refuse_conversations("counts cannot be negative", "give 0 or more");
  }
  const int64_t first =
      options_.system_tokens + options_.user_tokens.high + options_.answer_tokens.high;
  if (options_.context_limit > 0 && first > options_.context_limit) {
    refuse_conversations("a first turn has up to " + std::to_string(first) +
                             " tokens, and the context " + std::to_string(options_.context_limit),
                         "make the system prompt, the turns or the answers shorter");
  }
}

std::optional<int64_t> Conversations::sessions() const {
  if (options_.sessions == 0) return std::nullopt;
  return options_.sessions;
}

std::vector<Conversations::Turn> Conversations::turns_of(int64_t number, RequestPhase space) const {
  RandomStream random(
      shape_key(options_.content, space, StreamUse::kLengths, static_cast<uint64_t>(number)));
  std::vector<Turn> turns(
      static_cast<size_t>(random.between(options_.turns.low, options_.turns.high)));
  int64_t context = options_.system_tokens;
  for (size_t i = 0; i < turns.size(); ++i) {
    Turn& turn = turns[i];
    turn.user_tokens = random.between(options_.user_tokens.low, options_.user_tokens.high);
    turn.answer_tokens = random.between(options_.answer_tokens.low, options_.answer_tokens.high);
    turn.think = options_.think.low + (options_.think.high - options_.think.low) * random.unit();
    context += turn.user_tokens + turn.answer_tokens;
    if (options_.context_limit > 0 && context > options_.context_limit) {
      turns.resize(i);
      break;
    }
  }
  return turns;
}

PlannedSession Conversations::session(int64_t number, RequestPhase space) const {
  const std::vector<Turn> turns = turns_of(number, space);
  PlannedSession session{.number = number};
  // Of the first prompt the system prompt is cached when an earlier conversation had it.
  const bool is_known = options_.system_prompts > 0 && number >= options_.system_prompts;
  int64_t cached = is_known ? options_.system_tokens : 0;
  int64_t context = options_.system_tokens;
  for (size_t i = 0; i < turns.size(); ++i) {
    PlannedRequest request{.index = number * options_.turns.high + static_cast<int64_t>(i),
                           .session = number,
                           .turn = static_cast<int>(i),
                           .phase = space};
    if (i > 0) {
      request.after_end = {static_cast<int>(i) - 1};
      request.delay = turns[i].think;
    }
    request.input_tokens = context + turns[i].user_tokens;
    request.output_tokens = turns[i].answer_tokens;
    request.expected_cached_tokens =
        options_.cache_block == 0 ? cached : cached - cached % options_.cache_block;
    request.source = static_cast<int64_t>(i);
    request.space = space;
    cached = request.input_tokens;
    context = request.input_tokens + request.output_tokens;
    session.requests.push_back(std::move(request));
  }
  return session;
}

Prompt Conversations::prompt(const PlannedRequest& request, const PromptStyle& style) const {
  const std::vector<Turn> turns = turns_of(request.session, request.space);
  const auto key = [&](StreamUse use, int64_t first, size_t second) {
    return content_key(options_.content, request.space, use, static_cast<uint64_t>(first), second);
  };
  const bool is_own = options_.system_prompts == 0;
  const int64_t group = is_own ? request.session : request.session % options_.system_prompts;
  std::vector<ContentPiece> pieces;
  if (options_.system_tokens > 0) {
    pieces.push_back(
        {key(StreamUse::kSystemPrompt, group, 0), options_.system_tokens, PieceRole::kSystem});
  }
  for (size_t i = 0; i <= static_cast<size_t>(request.source); ++i) {
    pieces.push_back(
        {key(StreamUse::kUserTurn, request.session, i), turns[i].user_tokens, PieceRole::kUser});
    if (i == static_cast<size_t>(request.source)) break;
    pieces.push_back({key(StreamUse::kAnswer, request.session, i), turns[i].answer_tokens,
                      PieceRole::kAssistant});
  }
  return make_prompt(pieces, style);
}

std::string Conversations::describe() const {
  nlohmann::ordered_json plan;
  plan["workload"] = name();
  plan["kind"] = "conversations";
  if (options_.sessions > 0) plan["sessions"] = options_.sessions;
  plan["turns"] = pair_of(options_.turns);
  plan["system_tokens"] = options_.system_tokens;
  plan["system_prompts"] = options_.system_prompts;
  plan["user_tokens"] = pair_of(options_.user_tokens);
  plan["answer_tokens"] = pair_of(options_.answer_tokens);
  plan["think_seconds"] = {options_.think.low, options_.think.high};
  plan["history"] = "planned answers, not the server's";
  plan["context_limit"] = options_.context_limit;
  plan["cache_block"] = options_.cache_block;
  plan["ignore_eos"] = true;
  plan["seed"] = options_.content.seed;
  plan["salt"] = options_.content.salt;
  return dump_json(plan);
}

}  // namespace hadal
