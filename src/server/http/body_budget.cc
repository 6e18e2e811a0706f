#include "server/http/body_budget.h"

namespace hadal {

bool BodyBudget::take(size_t bytes) {
  size_t used = used_;
  do {
    if (bytes > limit_ || used > limit_ - bytes) return false;
  } while (!used_.compare_exchange_weak(used, used + bytes));
  return true;
}

BodyCharge& BodyCharge::operator=(BodyCharge&& other) noexcept {
  if (this == &other) return *this;
  release();
  budget_ = std::move(other.budget_);
  taken_ = std::exchange(other.taken_, 0);
  return *this;
}

bool BodyCharge::grow_to(size_t size) {
  if (budget_ == nullptr || size <= kFreeBytes + taken_) return true;
  const size_t more = size - kFreeBytes - taken_;
  if (!budget_->take(more)) return false;
  taken_ += more;
  return true;
}

void BodyCharge::release() {
  if (budget_ != nullptr && taken_ > 0) budget_->give_back(taken_);
  taken_ = 0;
}

}  // namespace hadal
