// A fork-join pool: one caller and `threads - 1` workers share the items of a parallel_for.
// Which thread runs an item never matters to the result; operations fix their own reduction order.
#pragma once

#include <functional>
#include <memory>

namespace hadal {

class ThreadPool {
 public:
  // `threads` counts the caller: 1 runs everything inline. Must be >= 1.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;

  // Calls body(begin, end, thread) for disjoint ranges that cover [0, items), each of at most
  // `grain` items; `thread` is in [0, threads()). Returns when all are done. Not re-entrant, one
  // caller at a time. An exception of `body` is rethrown here after the others have finished.
  using Body = std::function<void(int begin, int end, int thread)>;
  void parallel_for(int items, int grain, const Body& body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The number of processors this process may run on, at least 1.
int available_processors();

}  // namespace hadal
