// A fork-join pool: one caller and `threads - 1` workers share the items of a parallel_for.
// Which thread runs an item never matters to the result; operations fix their own reduction order.
// Waiting threads spin for a fraction of a millisecond, then sleep: an idle pool costs nothing.
#pragma once

#include <memory>

#include "base/function_ref.h"

namespace hadal {

struct Topology;

class ThreadPool {
 public:
  // `threads` counts the caller: 1 runs everything inline. Must be >= 1. Throws Error
  // kResourceExhausted when the system refuses that many threads. Workers are kept on the
  // processors of their NUMA nodes from the start, whatever the caller is bound to.
  explicit ThreadPool(int threads);
  // The same on a machine described by `topology`, which is only read here.
  ThreadPool(int threads, const Topology& topology);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;
  // The NUMA node a thread belongs to, as an index into Topology::nodes.
  int node_of_thread(int thread) const;

  // Binds the threads, the calling one being thread 0, which alone should call parallel_for from
  // now on: a caller that wakes on the processor of a bound worker keeps it from running. A pool
  // that has a thread for every physical core gets a processor for each thread; a smaller one may
  // share the machine with others, so its threads may run anywhere on their NUMA nodes. Returns how
  // many threads were bound so; one that the system refuses to bind runs wherever it likes. The
  // caller stays bound when the pool is gone, and threads of other kinds that it starts inherit it.
  int pin();

  // Calls body(begin, end, thread) for disjoint ranges that cover [0, items), each of at most
  // `grain` items; `thread` is in [0, threads()). Returns when all are done. Not re-entrant, one
  // caller at a time. An exception of `body` is rethrown here after the others have finished.
  //
  // Each thread runs one contiguous share of [0, items), grain by grain, and then helps the other
  // threads of its NUMA node: weights are read as one stream a thread. The shares are the same in
  // every call with the same items and grain, so rows of a weight are read by the node that touched
  // them first. Let the position within the weight be the slowest index of an item. Only a node
  // none of whose threads turns up loses its items to others.
  using Body = FunctionRef<void(int begin, int end, int thread)>;
  void parallel_for(int items, int grain, Body body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The number of threads worth computing with on this machine (worthwhile_threads), at least 1.
int available_processors();

}  // namespace hadal
