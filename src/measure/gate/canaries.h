// The questions of the correctness gate: prompts chosen so that the usual faults of engines show.
// Short ones; ones that cross the borders of windows, pages and compressed blocks; long ones; pairs
// that share a beginning; conversations with known answers, tools and thinking. Made from a seed
// alone, so that a reference and a later check ask the same. Asks nothing itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hadal {

enum class CanaryKind {
  kScore,     // the log-probabilities of a prompt given as ids
  kGenerate,  // a greedy continuation of a prompt given as ids
  kChat,      // a greedy answer to a conversation
};

struct Canary {
  std::string id = {};
  // "short", "middle", "long", "border", "prefix", "chat", "tools", "thinking".
  std::string group = {};
  CanaryKind kind = CanaryKind::kScore;
  std::vector<int32_t> prompt = {};
  std::string messages = {};  // of kChat: a JSON array
  std::string tools = {};     // of kChat: a JSON array, or empty
  bool thinking = false;      // of kChat
  int max_tokens = 0;         // of the continuation
  std::string expected = {};  // what a right answer holds; empty: not known
  // An earlier canary with the very same prompt, whose answer must be the same (the cache is warm
  // by then); and one that differs only near the beginning, whose answer must not be given.
  std::string same_as = {};
  std::string not_as = {};
};

struct CanaryPlan {
  uint64_t seed = 1;
  int context = 4096;        // tokens of the endpoint
  int longest_score = 2048;  // tokens of the longest prompt that is scored
  // Token ids of canary_text(), as the endpoint's tokenizer has them; without them there are
  // conversations only.
  std::vector<int32_t> stream = {};
  std::optional<int32_t> first_token = {};  // what prompts begin with (BOS)
};

// Plain English, notes that people might keep.
std::string canary_text(uint64_t seed);

// Of the groups in the order above. Prompts that do not fit the context are left out.
std::vector<Canary> make_canaries(const CanaryPlan& plan);

}  // namespace hadal
