#include "base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <linux/futex.h>
#include <mutex>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/check.h"
#include "base/error.h"
#include "base/topology.h"

namespace hadal {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

// How long a worker spins for the next loop. The gaps within a step of the model are a few
// microseconds; waking a sleeping thread takes tens of them.
constexpr microseconds kLongestSpin{200};
// What a worker that had given up spinning tries again with once a loop found it asleep.
constexpr microseconds kFirstSpin{20};
// How long the caller spins for threads that are still running items.
constexpr microseconds kJoinSpin{200};
// How long the caller waits for a node of which no thread has turned up.
constexpr microseconds kNodePatience{50};

// Threads of all pools of this process that have workers.
std::atomic<int> threads_in_pools{0};

// Spinning steals time from the very threads it waits for when there are more than processors.
bool may_spin() {
  static const int processors = [] {
    const Topology& topology = system_topology();
    const int cpus = topology.cpus();
    return topology.cpu_quota > 0 ? std::min(cpus, topology.cpu_quota) : cpus;
  }();
  return threads_in_pools.load(std::memory_order_relaxed) <= processors;
}

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits until `done()`, for about `limit` at most. Returns whether it came true.
template <typename Done>
bool spin_until(const Done& done, microseconds limit) {
  if (done()) return true;
  if (limit <= microseconds::zero() || !may_spin()) return false;
  const auto look_some_times = [&] {
    for (int i = 0; i < 16; ++i) {
      pause_briefly();
      if (done()) return true;
    }
    return false;
  };
  // Most waits are over before a clock would have been read.
  if (look_some_times()) return true;
  const Clock::time_point deadline = Clock::now() + limit;
  do {
    if (look_some_times()) return true;
  } while (Clock::now() < deadline);
  return false;
}

// Sleeps while `word` holds `value`; may return early.
void futex_wait(const std::atomic<uint32_t>& word, uint32_t value) {
  static_assert(sizeof(word) == sizeof(uint32_t));
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

void futex_wake_all(const std::atomic<uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

bool bind_thread(pthread_t thread, const std::vector<int>& cpus) {
  if (cpus.empty()) return false;
  const auto capacity = static_cast<size_t>(*std::max_element(cpus.begin(), cpus.end())) + 1;
  cpu_set_t* const set = CPU_ALLOC(capacity);
  if (set == nullptr) return false;
  const size_t bytes = CPU_ALLOC_SIZE(capacity);
  CPU_ZERO_S(bytes, set);
  for (const int cpu : cpus) CPU_SET_S(static_cast<size_t>(cpu), bytes, set);
  const bool bound = pthread_setaffinity_np(thread, bytes, set) == 0;
  CPU_FREE(set);
  return bound;
}

}  // namespace

// How a loop runs. The caller writes the loop's fields, opens the gate and raises `generation`.
// A worker that sees a new generation enters the gate, runs items and leaves it. The caller runs
// items too, closes the gate and waits until all who entered have left; who comes later finds it
// closed and goes back to waiting. So nobody waits for a thread that has nothing to do, however
// late the system lets it run.
//
// Memory ordering. Entering (acquire) reads the caller's opening (release) or a later value of the
// same release sequence, so the loop's fields are seen; the caller's last look at the closed gate
// (acquire) reads a value that every leaving (release) precedes in the same way, so the results are
// seen and the fields may be written again. `generation` and `sleepers`, and `gate` and
// `caller_sleeps`, are pairs of which each side writes one and then reads the other: these four
// accesses are sequentially consistent, so at least one side sees the other and no wake-up is lost.
struct ThreadPool::State {
  static constexpr uint32_t kClosed = uint32_t{1}
                                      << 31;  // of `gate`; the rest counts who is inside

  // The contiguous items of one thread, handed out by `next`, which may run past `end`. A thread
  // that is done with its own helps the others of its NUMA node.
  struct alignas(kCacheLine) Share {
    std::atomic<int64_t> next{0};
    int64_t begin = 0;
    int64_t end = 0;
  };

  // Threads [begin, end) of one NUMA node.
  struct ThreadRange {
    size_t begin = 0;
    size_t end = 0;
  };

  // Constant while there are workers.
  std::vector<std::thread> workers;
  std::vector<ThreadPlace> places;           // [threads]
  std::vector<std::vector<int>> processors;  // [threads] those that pin() binds to
  std::vector<ThreadRange> nodes;            // [nodes]
  std::vector<size_t> node_of_thread;        // [threads] among `nodes`
  std::vector<Share> shares;                 // [threads]

  // The loop under way, in the one cache line that a waiting worker looks at.
  alignas(kCacheLine) std::atomic<uint32_t> generation{0};  // written by the caller only
  std::atomic<uint32_t> gate{kClosed};
  const Body* body = nullptr;
  int grain = 1;
  std::atomic<bool> stopping{false};

  alignas(kCacheLine) std::mutex failure_mutex;
  std::exception_ptr failure;
  alignas(kCacheLine) std::atomic<int> sleepers{0};
  alignas(kCacheLine) std::atomic<uint32_t> caller_sleeps{0};

  State(int threads, const Topology& topology);
  void stop();

  void run_share(Share& share, int thread);
  void run_shares_of_node(size_t node, size_t first, int thread);
  bool untouched(const ThreadRange& node) const;
  bool all_taken() const;
  void open(int items, int new_grain, const Body& new_body);
  void announce();
  void rescue_absent_nodes();
  void close_and_join();

  void worker_loop(int thread);
  bool enter_and_run(int thread);
  void leave();
  uint32_t sleep_until_announced(uint32_t seen);
};

ThreadPool::State::State(int threads, const Topology& topology)
    : places(place_threads(topology, threads)) {
  for (size_t thread = 0; thread < places.size(); ++thread) {
    if (thread == 0 || places[thread].node != places[thread - 1].node) {
      nodes.push_back({.begin = thread});
    }
    nodes.back().end = thread + 1;
    node_of_thread.push_back(nodes.size() - 1);
  }
  shares = std::vector<Share>(places.size());

  const bool whole_machine = threads >= topology.cores() && threads <= topology.cpus();
  for (const ThreadPlace& place : places) {
    const NumaNode& node = topology.nodes[static_cast<size_t>(place.node)];
    processors.push_back(whole_machine ? std::vector<int>{place.cpu} : node.cpus);
  }

  if (threads > 1) threads_in_pools.fetch_add(threads, std::memory_order_relaxed);
  try {
    for (int i = 1; i < threads; ++i) {
      workers.emplace_back([this, i] { worker_loop(i); });
    }
  } catch (const std::exception& error) {
    stop();
    threads_in_pools.fetch_sub(threads, std::memory_order_relaxed);
    throw Error({.code = ErrorCode::kResourceExhausted,
                 .where = "the thread pool",
                 .what = "cannot start " + std::to_string(threads) + " threads: " + error.what(),
                 .remedy =
                     "use fewer threads, or raise the limit of threads or memory (ulimit -u and "
                     "-v, TasksMax= of a service)"});
  }
  // Threads inherit the binding of the thread that starts them, which may be one processor.
  for (size_t i = 0; i < workers.size(); ++i) {
    const auto node = static_cast<size_t>(places[i + 1].node);
    bind_thread(workers[i].native_handle(), topology.nodes[node].cpus);
  }
}

void ThreadPool::State::stop() {
  stopping.store(true, std::memory_order_relaxed);
  announce();
  for (std::thread& worker : workers) worker.join();
}

void ThreadPool::State::run_share(Share& share, int thread) {
  // Looking first leaves the cache line of a share that is empty to its owner.
  while (share.next.load(std::memory_order_relaxed) < share.end) {
    const int64_t begin = share.next.fetch_add(grain, std::memory_order_relaxed);
    if (begin >= share.end) return;
    try {
      (*body)(static_cast<int>(begin), static_cast<int>(std::min(begin + grain, share.end)),
              thread);
    } catch (...) {
      const std::lock_guard lock(failure_mutex);
      if (!failure) failure = std::current_exception();
    }
  }
}

// From the share of thread `first` on.
void ThreadPool::State::run_shares_of_node(size_t node, size_t first, int thread) {
  const auto [begin, end] = nodes[node];
  for (size_t share = first; share < end; ++share) run_share(shares[share], thread);
  for (size_t share = begin; share < first; ++share) run_share(shares[share], thread);
}

bool ThreadPool::State::untouched(const ThreadRange& node) const {
  const auto share = shares.begin();
  return std::all_of(share + static_cast<std::ptrdiff_t>(node.begin),
                     share + static_cast<std::ptrdiff_t>(node.end), [](const Share& s) {
                       return s.next.load(std::memory_order_relaxed) == s.begin;
                     });
}

bool ThreadPool::State::all_taken() const {
  return std::all_of(shares.begin(), shares.end(), [](const Share& share) {
    return share.next.load(std::memory_order_relaxed) >= share.end;
  });
}

void ThreadPool::State::open(int items, int new_grain, const Body& new_body) {
  HADAL_CHECK((gate.load(std::memory_order_relaxed) & kClosed) != 0);  // not called by a body
  body = &new_body;
  grain = new_grain;
  failure = nullptr;
  const int64_t grains = (static_cast<int64_t>(items) + grain - 1) / grain;
  const auto threads = static_cast<int64_t>(shares.size());
  for (size_t s = 0; s < shares.size(); ++s) {
    const auto from = [&](size_t share) {
      return std::min<int64_t>(items, grains * static_cast<int64_t>(share) / threads * grain);
    };
    shares[s].begin = from(s);
    shares[s].end = from(s + 1);
    shares[s].next.store(shares[s].begin, std::memory_order_relaxed);
  }
  gate.fetch_and(~kClosed, std::memory_order_release);
}

void ThreadPool::State::announce() {
  generation.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers.load(std::memory_order_seq_cst) > 0) futex_wake_all(generation);
}

// A node whose items were begun has a thread inside, which will finish them. The others are the
// caller's when nobody came: threads may be kept from running for long by other programs.
void ThreadPool::State::rescue_absent_nodes() {
  if (spin_until([this] { return all_taken(); }, kNodePatience)) return;
  for (size_t node = 0; node < nodes.size(); ++node) {
    if (untouched(nodes[node])) run_shares_of_node(node, nodes[node].begin, 0);
  }
  while (!all_taken()) sched_yield();
}

void ThreadPool::State::close_and_join() {
  const auto all_left = [this] { return gate.load(std::memory_order_seq_cst) == kClosed; };
  gate.fetch_or(kClosed, std::memory_order_acq_rel);
  while (!spin_until(all_left, kJoinSpin)) {
    caller_sleeps.store(1, std::memory_order_seq_cst);
    if (!all_left()) futex_wait(caller_sleeps, 1);
  }
  caller_sleeps.store(0, std::memory_order_relaxed);
}

void ThreadPool::State::leave() {
  const uint32_t before = gate.fetch_sub(1, std::memory_order_seq_cst);
  if (before != (kClosed | 1)) return;
  if (caller_sleeps.load(std::memory_order_seq_cst) == 0) return;
  // The caller may be in a later loop by now; waking it for nothing is harmless.
  caller_sleeps.store(0, std::memory_order_relaxed);
  futex_wake_all(caller_sleeps);
}

// Returns whether there was a loop to take part in.
bool ThreadPool::State::enter_and_run(int thread) {
  const uint32_t before = gate.fetch_add(1, std::memory_order_acquire);
  const bool open_now = (before & kClosed) == 0;
  if (open_now) {
    const auto own = static_cast<size_t>(thread);
    run_shares_of_node(node_of_thread[own], own, thread);
  }
  leave();
  return open_now;
}

// Returns the generation that follows `seen`.
uint32_t ThreadPool::State::sleep_until_announced(uint32_t seen) {
  sleepers.fetch_add(1, std::memory_order_seq_cst);
  uint32_t now = generation.load(std::memory_order_seq_cst);
  while (now == seen) {
    futex_wait(generation, seen);
    now = generation.load(std::memory_order_seq_cst);
  }
  sleepers.fetch_sub(1, std::memory_order_relaxed);
  return now;
}

void ThreadPool::State::worker_loop(int thread) {
  uint32_t seen = 0;
  microseconds patience = kLongestSpin;
  while (true) {
    uint32_t now = seen;
    const bool awake = spin_until(
        [&] {
          now = generation.load(std::memory_order_acquire);
          return now != seen;
        },
        patience);
    seen = awake ? now : sleep_until_announced(seen);
    if (stopping.load(std::memory_order_relaxed)) return;
    const bool took_part = enter_and_run(thread);
    // Spinning pays where it catches loops. It does not where they are rare, nor where this thread
    // arrives too late because other programs need the processor.
    if (took_part && awake) {
      patience = kLongestSpin;
    } else {
      patience /= 2;
      if (took_part) patience = std::max(patience, kFirstSpin);
    }
  }
}

ThreadPool::ThreadPool(int threads) : ThreadPool(threads, system_topology()) {}

ThreadPool::ThreadPool(int threads, const Topology& topology) {
  HADAL_CHECK(threads >= 1);
  state_ = std::make_unique<State>(threads, topology);
}

ThreadPool::~ThreadPool() {
  state_->stop();
  if (threads() > 1) threads_in_pools.fetch_sub(threads(), std::memory_order_relaxed);
}

int ThreadPool::threads() const { return static_cast<int>(state_->places.size()); }

int ThreadPool::node_of_thread(int thread) const {
  HADAL_CHECK(thread >= 0 && thread < threads());
  return state_->places[static_cast<size_t>(thread)].node;
}

int ThreadPool::pin() {
  int bound = bind_thread(pthread_self(), state_->processors[0]) ? 1 : 0;
  for (size_t i = 0; i < state_->workers.size(); ++i) {
    const pthread_t worker = state_->workers[i].native_handle();
    bound += bind_thread(worker, state_->processors[i + 1]) ? 1 : 0;
  }
  return bound;
}

void ThreadPool::parallel_for(int items, int grain, Body body) {
  HADAL_CHECK(grain >= 1);
  if (items <= 0) return;
  if (state_->workers.empty() || items <= grain) {
    for (int begin = 0; begin < items; begin += std::min(grain, items - begin)) {
      body(begin, begin + std::min(grain, items - begin), 0);
    }
    return;
  }
  state_->open(items, grain, body);
  state_->announce();
  state_->run_shares_of_node(0, 0, 0);
  if (state_->nodes.size() > 1) state_->rescue_absent_nodes();
  state_->close_and_join();
  if (state_->failure) std::rethrow_exception(std::exchange(state_->failure, nullptr));
}

int available_processors() { return worthwhile_threads(system_topology()); }

}  // namespace hadal
