#include "measure/gate/canaries.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

namespace hadal {
namespace {

using Json = nlohmann::ordered_json;

// SplitMix64: the same numbers everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  size_t below(size_t n) { return static_cast<size_t>(next() % n); }
  template <size_t N>
  std::string_view of(const std::array<std::string_view, N>& words) {
    return words[below(N)];
  }

 private:
  uint64_t state_;
};

constexpr std::array<std::string_view, 8> kNames = {"Anna",  "Victor", "Rosa", "Peter",
                                                    "Maria", "Oskar",  "Nina", "Tom"};
constexpr std::array<std::string_view, 7> kCities = {"Lisbon", "Paris",  "Rome",  "Oslo",
                                                     "Madrid", "Vienna", "Berlin"};
// Not blue: the questions ask for the code of a blue door, which there is once.
constexpr std::array<std::string_view, 5> kColours = {"red", "green", "white", "black", "yellow"};
constexpr std::array<std::string_view, 5> kPets = {"owl", "cat", "dog", "horse", "fox"};
constexpr std::array<std::string_view, 5> kDays = {"Monday", "Tuesday", "Thursday", "Friday",
                                                   "Sunday"};
constexpr std::array<std::string_view, 5> kPlaces = {
    "under the stairs", "behind the door", "in the kitchen", "on the table", "in the garden"};
constexpr size_t kFactKinds = 6;
constexpr int kFirstCode = 1000;
constexpr size_t kCodes = 9000;

int code(Random& random) { return kFirstCode + static_cast<int>(random.below(kCodes)); }

std::string fact(Random& random) {
  // Each in a statement of its own: the order in which arguments are evaluated is not fixed.
  const size_t kind = random.below(kFactKinds);
  const std::string_view name = random.of(kNames);
  const std::string_view colour = random.of(kColours);
  switch (kind) {
    case 0:
      return fmt::format("The code for the {} door is {}.", colour, code(random));
    case 1:
      return fmt::format("{} lives in {}.", name, random.of(kCities));
    case 2:
      return fmt::format("{} has a {} {}.", name, colour, random.of(kPets));
    case 3:
      return fmt::format("The key is {}.", random.of(kPlaces));
    case 4:
      return fmt::format("The meeting with {} is on {}.", name, random.of(kDays));
    default:
      return "We drank tea and talked for an hour.";
  }
}

std::string facts(Random& random, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += (i == 0 ? "" : " ") + fact(random);
  return text;
}

// Cuts prompts out of the stream of tokens.
class PromptSource {
 public:
  PromptSource(const CanaryPlan& plan, Random& random)
      : plan_(plan), random_(random), distinct_(plan.stream) {
    std::sort(distinct_.begin(), distinct_.end());
    distinct_.erase(std::unique(distinct_.begin(), distinct_.end()), distinct_.end());
  }

  // `tokens` in all. Mixed, they are words without sense, rare ones as often as others, after which
  // no token is certain: small differences show in all logits. With `begun`, the first is the one
  // that texts begin with: not
  // in most prompts, or a value of it that is rounded the other way would show in all of them.
  std::vector<int32_t> take(int tokens, bool mixed, bool begun) {
    std::vector<int32_t> ids;
    if (begun && plan_.first_token) ids.push_back(*plan_.first_token);
    while (ids.size() < static_cast<size_t>(tokens)) {
      ids.push_back(mixed ? distinct_[random_.below(distinct_.size())]
                          : plan_.stream[at_++ % plan_.stream.size()]);
    }
    return ids;
  }

 private:
  const CanaryPlan& plan_;
  Random& random_;
  std::vector<int32_t> distinct_;
  size_t at_ = 0;
};

void add_scores(const CanaryPlan& plan, PromptSource& source, std::vector<Canary>& all) {
  struct Group {
    const char* name;
    int count;
    int tokens;
  };
  // "middle" crosses the windows of 64 and 128 tokens and one compressed block of 128 in many
  // prompts, so that a fault at a border shows in all of them at the same place.
  constexpr Group kGroups[] = {{"short", 24, 16}, {"middle", 12, 150}, {"long", 3, 600}};
  constexpr int kBegun = 4;  // one prompt in so many
  const int most = std::min(plan.context - 1, plan.longest_score);
  for (const Group& group : kGroups) {
    if (group.tokens > most) continue;
    for (int i = 0; i < group.count; ++i) {
      all.push_back({.id = fmt::format("{}-{}", group.name, i),
                     .group = group.name,
                     .kind = CanaryKind::kScore,
                     .prompt = source.take(group.tokens, i % 2 == 1, i % kBegun == 0)});
    }
  }
  if (most <= kGroups[2].tokens) return;
  all.push_back({.id = "long-3",
                 .group = "long",
                 .kind = CanaryKind::kScore,
                 .prompt = source.take(most, false, false)});
}

void add_continuations(const CanaryPlan& plan, PromptSource& source, std::vector<Canary>& all) {
  constexpr int kContinuation = 8;
  // Around compression by 4 and 128, windows of 64 and 128, pages of 256.
  constexpr int kLengths[] = {3,  4,   5,   7,   8,   9,   12,  15,  63,  64,
                              65, 127, 128, 129, 255, 256, 257, 511, 512, 513};
  constexpr int kShort = 16;
  for (const int length : kLengths) {
    if (length + kContinuation > plan.context) continue;
    all.push_back({.id = fmt::format("border-{}", length),
                   .group = "border",
                   .kind = CanaryKind::kGenerate,
                   .prompt = source.take(length, length % 2 == 1, length > kShort),
                   .max_tokens = kContinuation});
  }

  // Two beginnings that differ in a few tokens and two ends, and the first of all once more.
  constexpr int kBeginning = 280;
  constexpr int kEnd = 12;
  if (kBeginning + kEnd + kContinuation > plan.context) return;
  for (int family = 0; family < 2; ++family) {
    const std::vector<int32_t> first = source.take(kBeginning, false, true);
    std::vector<int32_t> second = first;
    constexpr size_t kChangedFrom = 8;
    constexpr size_t kChanged = 24;
    std::rotate(second.begin() + kChangedFrom, second.begin() + kChangedFrom + kChanged / 2,
                second.begin() + kChangedFrom + kChanged);
    const std::vector<int32_t> ends[] = {source.take(kEnd, true, false),
                                         source.take(kEnd, true, false)};
    const auto add = [&](const char* name, const std::vector<int32_t>& beginning, int end,
                         const std::string& same_as, const std::string& not_as) {
      std::vector<int32_t> prompt = beginning;
      prompt.insert(prompt.end(), ends[end].begin(), ends[end].end());
      all.push_back({.id = fmt::format("prefix-{}-{}", family, name),
                     .group = "prefix",
                     .kind = CanaryKind::kGenerate,
                     .prompt = std::move(prompt),
                     .max_tokens = kContinuation,
                     .same_as = same_as,
                     .not_as = not_as});
    };
    const std::string cold = fmt::format("prefix-{}-cold", family);
    add("cold", first, 0, "", "");
    add("other-end", first, 1, "", "");
    add("other-beginning", second, 0, "", cold);
    add("warm", first, 0, cold, "");
  }
}

Json message(const char* role, const std::string& content) {
  return {{"role", role}, {"content", content}};
}

void add_conversations(Random& random, std::vector<Canary>& all) {
  constexpr int kAnswer = 40;
  const auto add = [&](const std::string& id, const char* group, const Json& messages,
                       const std::string& expected, bool thinking = false,
                       const std::string& tools = "") {
    all.push_back({.id = id,
                   .group = group,
                   .kind = CanaryKind::kChat,
                   .messages = messages.dump(),
                   .tools = tools,
                   .thinking = thinking,
                   .max_tokens = kAnswer,
                   .expected = expected});
  };
  // A fact among notes, asked for.
  for (const int notes : {2, 4, 6, 10, 20, 40}) {
    const int secret = code(random);
    std::string text = "Here are my notes. " + facts(random, notes / 2);
    text += fmt::format(" The code for the blue door is {}. ", secret) + facts(random, notes / 2);
    add(fmt::format("chat-recall-{}", notes), "chat",
        Json::array({message("user", text + " What is the code for the blue door?")}),
        fmt::to_string(secret));
  }
  const int secret = code(random);
  const std::string notes = fmt::format("Here are my notes. The code for the blue door is {}. {}",
                                        secret, facts(random, 3));
  add("chat-turns", "chat",
      Json::array({message("user", notes), message("assistant", "I will remember that."),
                   message("user", "What is the code for the blue door?")}),
      fmt::to_string(secret));
  add("chat-system", "chat",
      Json::array({message("system", "You are a careful assistant."),
                   message("user", notes + " What is the code for the blue door?")}),
      fmt::to_string(secret));
  add("chat-hello", "chat", Json::array({message("user", "Hello!")}), "");
  add("thinking-recall", "thinking",
      Json::array({message("user", notes + "\n\nWhat is the code for the blue door?")}), "", true);
  add("thinking-sum", "thinking", Json::array({message("user", "What is 12 + 7?")}), "", true);

  const std::string tools = R"([{"type": "function", "function": {"name": "get_weather",
      "description": "Get the weather for a city", "parameters": {"type": "object",
      "properties": {"city": {"type": "string"}}, "required": ["city"]}}}])";
  const Json question = message("user", "What is the weather in Lisbon?");
  add("tools-call", "tools", Json::array({question}), "", false, tools);
  const Json call = Json::parse(R"({"role": "assistant", "content": null, "tool_calls": [
      {"id": "call_1", "type": "function",
       "function": {"name": "get_weather", "arguments": "{\"city\": \"Lisbon\"}"}}]})");
  const Json result = {{"role", "tool"},
                       {"tool_call_id", "call_1"},
                       {"content", R"({"sky": "sunny", "temperature": 24})"}};
  add("tools-result", "tools", Json::array({question, call, result}), "", false, tools);
}

}  // namespace

std::string canary_text(uint64_t seed) {
  constexpr int kFacts = 1200;
  Random random(seed);
  return facts(random, kFacts);
}

std::vector<Canary> make_canaries(const CanaryPlan& plan) {
  std::vector<Canary> all;
  Random random(plan.seed + 1);
  if (!plan.stream.empty()) {
    PromptSource source(plan, random);
    add_scores(plan, source, all);
    add_continuations(plan, source, all);
  }
  Random words(plan.seed + 2);
  add_conversations(words, all);
  return all;
}

}  // namespace hadal
