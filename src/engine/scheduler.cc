#include "engine/scheduler.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace hadal {

Scheduler::Scheduler(const CacheLayout& layout, BlockPool& pool, const SchedulerOptions& options)
    : layout_(layout), pool_(pool), options_(options) {
  HADAL_CHECK(options.max_running > 0 && options.prefill_chunk > 0);
}

Scheduler::~Scheduler() { remove_all(); }

void Scheduler::add(std::unique_ptr<Sequence> sequence) {
  HADAL_CHECK(blocks_for_sequence(layout_, sequence->token_limit) <= pool_.capacity());
  waiting_.push_back(std::move(sequence));
}

std::vector<ScheduledRows> Scheduler::next_step() {
  while (!waiting_.empty() && running() < options_.max_running) {
    Sequence& next = *waiting_.front();
    if (!reserve_sequence(pool_, layout_, next.token_limit, next.cache)) break;
    next.started = std::chrono::steady_clock::now();
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  HADAL_CHECK(waiting_.empty() || !running_.empty());

  std::vector<ScheduledRows> step;
  step.reserve(running_.size());
  for (const auto& sequence : running_) {
    const int uncomputed = static_cast<int>(sequence->tokens.size()) - sequence->cache.length;
    const int rows = std::min(uncomputed, options_.prefill_chunk);
    step.push_back({.sequence = sequence.get(), .rows = rows, .samples = rows == uncomputed});
  }
  return step;
}

std::unique_ptr<Sequence> Scheduler::take(Sequences& from, size_t index) {
  std::unique_ptr<Sequence> sequence = std::move(from[index]);
  from.erase(from.begin() + static_cast<ptrdiff_t>(index));
  release_sequence(pool_, sequence->cache);
  return sequence;
}

std::unique_ptr<Sequence> Scheduler::remove(const Sequence& sequence) {
  for (Sequences* list : {&running_, &waiting_}) {
    for (size_t i = 0; i < list->size(); ++i) {
      if ((*list)[i].get() == &sequence) return take(*list, i);
    }
  }
  HADAL_CHECK(!"the sequence belongs to the scheduler");
  return nullptr;
}

std::vector<std::unique_ptr<Sequence>> Scheduler::remove_cancelled() {
  std::vector<std::unique_ptr<Sequence>> removed;
  for (Sequences* list : {&running_, &waiting_}) {
    for (size_t i = 0; i < list->size();) {
      if ((*list)[i]->cancelled->load(std::memory_order_relaxed)) {
        removed.push_back(take(*list, i));
      } else {
        ++i;
      }
    }
  }
  return removed;
}

std::vector<std::unique_ptr<Sequence>> Scheduler::remove_all() {
  std::vector<std::unique_ptr<Sequence>> removed;
  for (Sequences* list : {&running_, &waiting_}) {
    while (!list->empty()) removed.push_back(take(*list, 0));
  }
  return removed;
}

}  // namespace hadal
