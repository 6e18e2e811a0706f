// How much memory the bodies of all requests may hold together, so that many clients with large
// bodies cannot exhaust it. Usable from any thread; waiting for room is the caller's business.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace hadal {

class BodyBudget {
 public:
  explicit BodyBudget(size_t limit) : limit_(limit) {}

  // False when `bytes` more are not to be had.
  bool take(size_t bytes);
  void give_back(size_t bytes) { used_ -= bytes; }
  size_t used() const { return used_; }

 private:
  const size_t limit_;
  std::atomic<size_t> used_{0};
};

// What one body has taken, given back at its end.
class BodyCharge {
 public:
  // Of each body free, so that large bodies cannot keep ordinary requests out.
  static constexpr size_t kFreeBytes = size_t{64} << 10;

  BodyCharge() = default;  // of a body that nobody counts
  explicit BodyCharge(std::shared_ptr<BodyBudget> budget) : budget_(std::move(budget)) {}
  BodyCharge(BodyCharge&& other) noexcept { *this = std::move(other); }
  BodyCharge& operator=(BodyCharge&& other) noexcept;
  ~BodyCharge() { release(); }

  // False, with nothing changed, when the budget does not hold a body of `size` bytes.
  bool grow_to(size_t size);
  void release();

 private:
  std::shared_ptr<BodyBudget> budget_;
  size_t taken_ = 0;
};

}  // namespace hadal
