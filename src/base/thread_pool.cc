#include "base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <sched.h>
#include <thread>
#include <vector>

#include "base/check.h"

namespace hadal {

struct ThreadPool::State {
  std::vector<std::thread> workers;
  std::mutex mutex;
  std::condition_variable work_ready;
  std::condition_variable work_done;
  bool stopping = false;
  uint64_t generation = 0;  // counts parallel_for calls, so that a worker joins each once
  int workers_active = 0;

  // The loop under way; written under `mutex` before `generation` is raised.
  const Body* body = nullptr;
  int items = 0;
  int grain = 1;
  std::atomic<int> next_item{0};
  std::exception_ptr failure;

  void run_items(int thread) {
    while (true) {
      const int begin = next_item.fetch_add(grain, std::memory_order_relaxed);
      if (begin >= items) return;
      try {
        (*body)(begin, std::min(begin + grain, items), thread);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
      }
    }
  }

  void worker_loop(int thread) {
    uint64_t seen = 0;
    std::unique_lock lock(mutex);
    while (true) {
      work_ready.wait(lock, [&] { return stopping || generation != seen; });
      if (stopping) return;
      seen = generation;
      lock.unlock();
      run_items(thread);
      lock.lock();
      if (--workers_active == 0) work_done.notify_one();
    }
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  HADAL_CHECK(threads >= 1);
  for (int i = 1; i < threads; ++i) {
    state_->workers.emplace_back([state = state_.get(), i] { state->worker_loop(i); });
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->work_ready.notify_all();
  for (std::thread& worker : state_->workers) worker.join();
}

int ThreadPool::threads() const { return static_cast<int>(state_->workers.size()) + 1; }

void ThreadPool::parallel_for(int items, int grain, const Body& body) {
  HADAL_CHECK(grain >= 1);
  if (items <= 0) return;
  if (state_->workers.empty() || items <= grain) {
    for (int begin = 0; begin < items; begin += grain) {
      body(begin, std::min(begin + grain, items), 0);
    }
    return;
  }
  {
    const std::lock_guard lock(state_->mutex);
    state_->body = &body;
    state_->items = items;
    state_->grain = grain;
    state_->next_item.store(0, std::memory_order_relaxed);
    state_->failure = nullptr;
    state_->workers_active = static_cast<int>(state_->workers.size());
    ++state_->generation;
  }
  state_->work_ready.notify_all();
  state_->run_items(0);
  std::unique_lock lock(state_->mutex);
  state_->work_done.wait(lock, [&] { return state_->workers_active == 0; });
  if (state_->failure) std::rethrow_exception(state_->failure);
}

int available_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

}  // namespace hadal
