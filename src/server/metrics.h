// What a server tells of itself at /metrics: the engine's statistics and the counts of HTTP
// answers. docs/api.md lists the names.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace hadal {

struct EngineStatistics;

// HTTP answers by status. Used from several threads.
class AnswerCounts {
 public:
  void add(int status) {
    const std::lock_guard lock(mutex_);
    ++counts_[status];
  }
  std::map<int, int64_t> counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<int, int64_t> counts_;
};

std::string metrics_text(const EngineStatistics& statistics, const std::string& model,
                         const std::map<int, int64_t>& answers);

}  // namespace hadal
