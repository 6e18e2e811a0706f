// Names that are told once each, however often and on however many threads they come up.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace hadal {

class ToldNames {
 public:
  // `tell` may be null. It is called under a lock.
  explicit ToldNames(std::function<void(const std::string&)> tell) : tell_(std::move(tell)) {}

  // After kMost different names nothing more is remembered or told.
  void add(const std::vector<std::string>& names) {
    if (!tell_) return;
    const std::lock_guard lock(mutex_);
    for (const std::string& name : names) {
      if (told_.size() < kMost && told_.insert(name).second) tell_(name);
    }
  }

  static constexpr size_t kMost = 256;

 private:
  const std::function<void(const std::string&)> tell_;
  std::mutex mutex_;
  std::set<std::string> told_;
};

}  // namespace hadal
