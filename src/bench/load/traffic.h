// A day of requests to a server, made up but shaped like what servers see: conversations of several
// turns under shared system prompts, some of them thinking aloud, questions about long documents,
// agents whose context grows towards a hundred thousand tokens, single completions, and clients
// that hang up. A turn follows its predecessor's answer. Knows nothing of caches and engines.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <queue>
#include <span>
#include <vector>

namespace hadal {

struct TrafficOptions {
  int requests = 100'000;
  uint64_t seed = 1;        // the same seed gives the same conversations
  double seconds = 86'400;  // in which conversations begin
};

struct TrafficRequest {
  double arrival = 0;  // seconds since the beginning of the day
  int conversation = 0;
  std::vector<int32_t> prompt = {};
  int suffix_begin = 0;  // of the prompt: what the next turn may render differently
  int answer_tokens = 0;
  int hang_up_after = 0;  // tokens of the answer after which the client is gone; 0: it stays
};

class Traffic {
 public:
  explicit Traffic(const TrafficOptions& options);

  // When the next request comes; nothing when there is none before another answer is finished.
  std::optional<double> next_arrival() const;
  // Precondition: next_arrival().
  TrafficRequest next();
  // The conversation heard `answer` (perhaps not all of it) at `now`; its next turn comes later.
  void answered(int conversation, std::span<const int32_t> answer, double now);

  int issued() const { return issued_; }
  // Nothing will come any more once all that came was answered.
  bool exhausted() const { return issued_ >= options_.requests; }

 private:
  enum class Kind { kChat, kThinking, kDocument, kAgent, kCompletion };
  // Numbers of one conversation, whatever happens in others.
  struct Random {
    uint64_t state = 0;
    uint64_t next();
    double uniform();  // in [0, 1)
    // Log-normal: half of them below `median`, two thirds within a factor of exp(spread).
    int around(double median, double spread);
  };
  struct Conversation {
    Kind kind = Kind::kChat;
    Random random;
    std::vector<int32_t> history;  // rendered up to the last message
    int turns_left = 0;
    uint64_t text = 0;  // seed of what the user writes
    int written = 0;    // messages of the user
  };
  struct Arrival {
    double seconds = 0;
    int conversation = 0;
    bool operator>(const Arrival& other) const {
      return seconds != other.seconds ? seconds > other.seconds : conversation > other.conversation;
    }
  };

  void begin_conversation();
  void write(std::vector<int32_t>& to, uint64_t text, int count) const;

  TrafficOptions options_;
  std::map<int, Conversation> open_;
  std::priority_queue<Arrival, std::vector<Arrival>, std::greater<>> arrivals_;
  int begun_ = 0;
  double next_begin_ = 0;
  int issued_ = 0;
};

}  // namespace hadal
