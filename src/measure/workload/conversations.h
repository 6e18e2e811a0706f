// Conversations of several turns that begin with a shared system prompt: what a chat service or an
// assistant sends. Each turn's prompt is the whole conversation so far; its earlier answers are the
// planned ones, made up, and not what the server answered. So an answer's tokens are new to the
// server's cache when they come back as history, and so the expected cached tokens count them.
#pragma once

#include <string>

#include "measure/workload/workload.h"

namespace hadal {

// Uniform over the integers (or reals) from low to high.
struct TokenRange {
  int64_t low = 0;
  int64_t high = 0;
};
struct SecondsRange {
  double low = 0;
  double high = 0;
};

struct ConversationsOptions {
  int64_t sessions = 0;  // 0: as many as are asked for
  ContentSeed content = {};
  TokenRange turns = {.low = 2, .high = 6};
  int64_t system_tokens = 1024;
  // So many different system prompts, by turns; 0: each conversation has its own.
  int64_t system_prompts = 1;
  TokenRange user_tokens = {.low = 64, .high = 256};
  TokenRange answer_tokens = {.low = 64, .high = 256};
  SecondsRange think = {.low = 1, .high = 10};  // before each turn but the first
  // A conversation ends before the turn whose prompt and answer go beyond it; 0: no limit.
  int64_t context_limit = 0;
  int64_t cache_block = 0;  // expected cached tokens are rounded down to it; 0: not rounded
};

class Conversations : public Workload {
 public:
  // Throws Error kInvalidArgument for ranges that are none, and where not even a first turn fits
  // the context.
  explicit Conversations(ConversationsOptions options);

  std::string name() const override { return "conversations"; }
  std::optional<int64_t> sessions() const override;
  PlannedSession session(int64_t number, RequestPhase space) const override;
  Prompt prompt(const PlannedRequest& request, const PromptStyle& style) const override;
  std::string describe() const override;

 private:
  struct Turn {
    int64_t user_tokens = 0;
    int64_t answer_tokens = 0;
    double think = 0;
  };
  std::vector<Turn> turns_of(int64_t number, RequestPhase space) const;
  int64_t most_turns(const std::vector<Turn>& turns) const;

  ConversationsOptions options_;
};

}  // namespace hadal
