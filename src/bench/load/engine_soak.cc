#include "bench/load/engine_soak.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/statistics.h"
#include "bench/load/engine_client.h"
#include "bench/random_bits.h"
#include "bench/timing.h"
#include "checkpoint/v4/checkpoint.h"
#include "model/v4/cache_layout.h"

namespace hadal {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kKinds = 24;    // different requests
constexpr int kFamilies = 4;  // with a common beginning

// Request `kind`: its beginning is that of its family, the rest its own.
GenerateRequest request_of(const ModelConfig& config, int kind, int longest_prompt) {
  const int shared = longest_prompt / 3 * (kind % kFamilies) / kFamilies;
  const int own = 1 + static_cast<int>(scrambled(static_cast<uint64_t>(kind)) %
                                       static_cast<uint64_t>(longest_prompt - shared));
  std::vector<int32_t> prompt =
      made_up_prompt(config, shared, static_cast<uint64_t>(kind % kFamilies));
  const std::vector<int32_t> rest = made_up_prompt(config, own, 1000 + static_cast<uint64_t>(kind));
  prompt.insert(prompt.end(), rest.begin(), rest.end());
  GenerateRequest request =
      made_up_request(std::move(prompt), 8 + 6 * kind, static_cast<uint64_t>(kind));
  request.priority = kind % 5 == 0 ? 1 : 0;  // others make way for these
  return request;
}

struct Slot {
  int kind = 0;
  size_t hang_up_after = 0;  // tokens; 0: never
  std::unique_ptr<PendingAnswer> answer;
};

class Soak {
 public:
  Soak(const Checkpoint& checkpoint, const ModelOptions& model, int threads,
       const SoakOptions& options)
      : checkpoint_(checkpoint), model_(model), threads_(threads), options_(options) {
    const CacheLayout layout = make_cache_layout(checkpoint.config());
    constexpr size_t kUsualBlocks = 64;
    figures_.kv_memory =
        options.kv_memory > 0 ? options.kv_memory : kUsualBlocks * layout.block_bytes;
    // On the average half as long as the longest, `running` of them at once.
    const auto blocks = static_cast<int64_t>(figures_.kv_memory / layout.block_bytes);
    const int64_t tokens = blocks * layout.page_tokens * options.oversubscription;
    const int64_t room = (blocks - layout.state_units - 2) * layout.page_tokens - 64;
    longest_prompt_ = static_cast<int>(std::max<int64_t>(
        8, std::min({2 * tokens / options.running, room,
                     static_cast<int64_t>(checkpoint.config().max_positions) - 64})));
  }

  SoakFigures run();

 private:
  void submit(Engine& engine, Slot& slot);
  void settle(Slot& slot);
  void check_alone();

  const Checkpoint& checkpoint_;
  const ModelOptions& model_;
  const int threads_;
  const SoakOptions& options_;
  int longest_prompt_ = 0;
  uint64_t draws_ = 0;
  std::vector<int32_t> answers_[kKinds];  // the first whole one of each kind
  SoakFigures figures_;
};

void Soak::submit(Engine& engine, Slot& slot) {
  slot.kind = static_cast<int>(scrambled(++draws_) % kKinds);
  slot.hang_up_after = scrambled(++draws_) % 8 == 0 ? 1 + scrambled(++draws_) % 8 : 0;
  slot.answer = std::make_unique<PendingAnswer>(
      engine, request_of(checkpoint_.config(), slot.kind, longest_prompt_));
}

// A request has ended.
void Soak::settle(Slot& slot) {
  const EngineAnswer answer = slot.answer->finish();
  slot.answer.reset();
  ++figures_.finished;
  if (answer.finish.reason == FinishReason::kCancelled) {
    ++figures_.cancelled;
    return;
  }
  std::vector<int32_t>& first = answers_[slot.kind];
  if (first.empty()) {
    first = answer.tokens;
  } else if (first != answer.tokens) {
    ++figures_.wrong_answers;
  }
}

void Soak::check_alone() {
  Engine engine(checkpoint_, {.threads = threads_,
                              .model = model_,
                              .kv_memory = figures_.kv_memory,
                              .reuse_prefixes = false});
  for (int kind = 0; kind < kKinds; ++kind) {
    if (answers_[kind].empty()) continue;
    PendingAnswer alone(engine, request_of(checkpoint_.config(), kind, longest_prompt_));
    ++figures_.checked_answers;
    if (alone.finish().tokens != answers_[kind]) ++figures_.wrong_answers;
  }
}

SoakFigures Soak::run() {
  {
    Engine engine(checkpoint_, {.threads = threads_,
                                .model = model_,
                                .max_running = options_.running,
                                .kv_memory = figures_.kv_memory});
    const size_t at_start = anonymous_memory();
    const Clock::time_point begin = Clock::now();
    std::vector<Slot> slots(static_cast<size_t>(options_.running) + 4);
    std::vector<double> memory;  // bytes beyond the start, in time
    double next_look = 0;
    const double look_seconds = std::min(1.0, options_.seconds / 40);
    while (true) {
      const double passed = std::chrono::duration<double>(Clock::now() - begin).count();
      if (passed >= options_.seconds &&
          figures_.finished - figures_.cancelled >= options_.least_answers) {
        break;
      }
      if (passed >= next_look) {
        next_look += look_seconds;
        const size_t now = anonymous_memory();
        const size_t beyond = now > at_start ? now - at_start : 0;
        memory.push_back(static_cast<double>(beyond));
        figures_.peak_bytes = std::max(figures_.peak_bytes, beyond);
        if (options_.progress) options_.progress(passed, figures_.finished, beyond);
      }
      for (Slot& slot : slots) {
        if (slot.answer == nullptr) {
          submit(engine, slot);
        } else if (slot.answer->poll()) {
          settle(slot);
        } else if (slot.hang_up_after > 0 &&
                   slot.answer->so_far().tokens.size() >= slot.hang_up_after) {
          slot.answer->cancel();
        }
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    for (Slot& slot : slots) {
      if (slot.answer == nullptr) continue;
      slot.answer->cancel();
      settle(slot);
    }
    figures_.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    engine.shutdown(Engine::Shutdown::kDrain);
    const EngineStatistics statistics = engine.statistics();
    figures_.preemptions = statistics.preemptions;
    figures_.evictions = statistics.prefix.evicted_pages + statistics.prefix.evicted_images;
    const int64_t prompt = statistics.prefix.looked_up_tokens;
    figures_.hit_rate = prompt == 0 ? 0
                                    : static_cast<double>(statistics.prefix.hit_tokens) /
                                          static_cast<double>(prompt);
    const auto part = [&](size_t from, size_t to) {
      return median({memory.begin() + static_cast<std::ptrdiff_t>(from),
                     memory.begin() + static_cast<std::ptrdiff_t>(to)});
    };
    const size_t looks = memory.size();
    if (looks >= 4) {
      figures_.growth_bytes =
          static_cast<int64_t>(part(looks - looks / 4, looks) - part(looks / 4, looks / 2));
    }
  }
  check_alone();
  return figures_;
}

}  // namespace

SoakFigures soak_engine(const Checkpoint& checkpoint, const ModelOptions& model, int threads,
                        const SoakOptions& options) {
  return Soak(checkpoint, model, threads, options).run();
}

}  // namespace hadal
