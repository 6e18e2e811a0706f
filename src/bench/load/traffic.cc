#include "bench/load/traffic.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "base/check.h"
#include "bench/random_bits.h"

namespace hadal {
namespace {

constexpr int kVocab = 129'280;
// What a chat template puts between the last message and the answer.
constexpr int kSuffixTokens = 3;
constexpr int kChatSystems = 24;   // system prompts that all chats share
constexpr int kAgentSystems = 6;   // instructions and tools of agents
constexpr double kTurnsOfAll = 5;  // requests of a conversation, about, over all kinds

// Where the texts of several conversations come from the same place.
constexpr uint64_t kChatSystemText = uint64_t{1} << 56;
constexpr uint64_t kAgentSystemText = uint64_t{2} << 56;
constexpr uint64_t kUserText = uint64_t{3} << 56;
constexpr uint64_t kSuffixText = uint64_t{4} << 56;

}  // namespace

Traffic::Traffic(const TrafficOptions& options) : options_(options) {
  HADAL_CHECK(options.requests > 0 && options.seconds > 0);
  begin_conversation();
}

uint64_t Traffic::Random::next() { return scrambled(state++); }

double Traffic::Random::uniform() {
  constexpr double kScale = 1.0 / 9007199254740992.0;  // 2^-53
  return static_cast<double>(next() >> 11) * kScale;
}

int Traffic::Random::around(double median, double spread) {
  constexpr double kTwoPi = 6.283185307179586;
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));
  const double normal = radius * std::cos(kTwoPi * uniform());
  return std::max(1, static_cast<int>(median * std::exp(spread * normal)));
}

void Traffic::write(std::vector<int32_t>& to, uint64_t text, int count) const {
  const uint64_t begin = scrambled(text ^ options_.seed);
  for (int i = 0; i < count; ++i) {
    to.push_back(static_cast<int32_t>(scrambled(begin + static_cast<uint64_t>(i)) % kVocab));
  }
}

// Schedules the first request of one more conversation.
void Traffic::begin_conversation() {
  const int id = begun_++;
  const uint64_t text = kUserText + (static_cast<uint64_t>(id) << 20);
  Random random{scrambled(text ^ ~options_.seed)};
  Conversation conversation{.random = {}, .history = {}, .text = text};
  const double kind = random.uniform();
  if (kind < 0.40) {
    conversation.kind = Kind::kChat;
    conversation.turns_left = random.around(4, 0.7);
  } else if (kind < 0.60) {
    conversation.kind = Kind::kThinking;
    conversation.turns_left = random.around(3, 0.7);
  } else if (kind < 0.75) {
    conversation.kind = Kind::kDocument;
    conversation.turns_left = random.around(2, 0.6);
  } else if (kind < 0.83) {
    conversation.kind = Kind::kAgent;
    conversation.turns_left = random.around(20, 0.5);
  } else {
    conversation.kind = Kind::kCompletion;
    conversation.turns_left = 1;
  }
  std::vector<int32_t>& history = conversation.history;
  if (conversation.kind == Kind::kAgent) {
    const auto system = random.next() % kAgentSystems;
    write(history, kAgentSystemText + system, 6'000 + 1'500 * static_cast<int>(system));
    // The files an agent begins with; some read a whole repository.
    write(history, conversation.text++, std::min(random.around(18'000, 0.9), 100'000));
  } else if (conversation.kind != Kind::kCompletion) {
    // Few system prompts serve most chats.
    const auto system = std::min(random.next() % kChatSystems, random.next() % kChatSystems);
    write(history, kChatSystemText + system, 150 + 180 * static_cast<int>(system));
  }
  if (conversation.kind == Kind::kDocument) {
    write(history, conversation.text++, std::min(random.around(9'000, 0.8), 60'000));
  }
  // Poisson arrivals, twice as many at the busiest hour as on the average, none to speak of at
  // night.
  constexpr double kTwoPi = 6.283185307179586;
  const double hour = next_begin_ / options_.seconds;
  const double load = 1.05 - 0.95 * std::cos(kTwoPi * hour);
  const double mean = options_.seconds * kTurnsOfAll / options_.requests;
  const double begins = next_begin_;
  next_begin_ += -std::log(1 - random.uniform()) * mean / load;
  conversation.random = random;
  open_.emplace(id, std::move(conversation));
  arrivals_.push({.seconds = begins, .conversation = id});
}

std::optional<double> Traffic::next_arrival() const {
  if (exhausted() || arrivals_.empty()) return std::nullopt;
  return arrivals_.top().seconds;
}

TrafficRequest Traffic::next() {
  HADAL_CHECK(next_arrival());
  const Arrival arrival = arrivals_.top();
  arrivals_.pop();
  // One conversation is always ahead, so that arrivals never run dry.
  if (arrival.conversation == begun_ - 1) begin_conversation();
  Conversation& conversation = open_.at(arrival.conversation);
  Random& random = conversation.random;
  ++issued_;
  const bool first = conversation.written == 0;
  int message = random.around(90, 0.9);
  int answer = random.around(220, 0.7);
  if (conversation.kind == Kind::kAgent) {
    message = first ? message : std::min(random.around(700, 1.1), 20'000);  // what a tool returned
    answer = random.around(130, 0.8);
  } else if (conversation.kind == Kind::kThinking) {
    answer = random.around(600, 0.7);
  } else if (conversation.kind == Kind::kCompletion) {
    message = std::min(random.around(700, 1.2), 20'000);
  }
  write(conversation.history, conversation.text++, message);
  ++conversation.written;

  TrafficRequest request{.arrival = arrival.seconds,
                         .conversation = arrival.conversation,
                         .prompt = conversation.history,
                         .suffix_begin = static_cast<int>(conversation.history.size()),
                         .answer_tokens = std::min(answer, 4'096)};
  write(request.prompt, kSuffixText + static_cast<uint64_t>(conversation.kind), kSuffixTokens);
  if (random.uniform() < 0.04) {
    request.hang_up_after = 1 + static_cast<int>(random.uniform() * request.answer_tokens);
  }
  return request;
}

void Traffic::answered(int id, std::span<const int32_t> answer, double now) {
  const auto found = open_.find(id);
  HADAL_CHECK(found != open_.end());
  Conversation& conversation = found->second;
  constexpr size_t kLongest = 118'000;
  if (--conversation.turns_left <= 0 || conversation.history.size() > kLongest) {
    open_.erase(found);
    return;
  }
  // The next turn of a thinking conversation is rendered without the thoughts, which are the first
  // three fifths here, and with another suffix before the answer.
  std::span<const int32_t> kept = answer;
  uint64_t suffix = static_cast<uint64_t>(conversation.kind);
  if (conversation.kind == Kind::kThinking) {
    kept = answer.subspan(answer.size() * 3 / 5);
    suffix += 100;
  }
  write(conversation.history, kSuffixText + suffix, kSuffixTokens);
  conversation.history.insert(conversation.history.end(), kept.begin(), kept.end());
  const double pause = conversation.kind == Kind::kAgent ? conversation.random.around(4, 0.8)
                                                         : conversation.random.around(45, 1.0);
  arrivals_.push({.seconds = now + pause, .conversation = id});
}

}  // namespace hadal
