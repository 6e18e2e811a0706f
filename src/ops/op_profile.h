// Where the time goes by operation: calls and nanoseconds per operation and, of linears, per shape
// and weight format. Attached to an OpContext (context.h) it counts whatever runs through ops::;
// an operation that calls others counts as one. Without a profile nothing is measured.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include "ops/context.h"

namespace hadal {

struct OpKey {
  std::string_view op;         // a literal, for example "linear"
  std::string_view form = {};  // of linears: the format that is read, for example "fp8"
  int out_features = 0;
  int in_features = 0;

  friend bool operator==(const OpKey&, const OpKey&) = default;
};

class OpProfile {
 public:
  struct Entry {
    OpKey key;
    int64_t calls = 0;
    int64_t nanoseconds = 0;
  };

  void add(const OpKey& key, int64_t nanoseconds);
  // In the order of first use.
  const std::vector<Entry>& entries() const { return entries_; }
  void clear() { entries_.clear(); }

 private:
  std::vector<Entry> entries_;
};

// Counts its lifetime as one call of `key`, if the context has a profile.
class OpTimer {
 public:
  OpTimer(OpContext& context, const OpKey& key) : context_(context), profile_(context.profile()) {
    if (profile_ == nullptr) return;
    key_ = key;
    context_.set_profile(nullptr);
    start_ = std::chrono::steady_clock::now();
  }
  ~OpTimer() {
    if (profile_ == nullptr) return;
    const auto time = std::chrono::steady_clock::now() - start_;
    profile_->add(key_, std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
    context_.set_profile(profile_);
  }
  OpTimer(const OpTimer&) = delete;
  OpTimer& operator=(const OpTimer&) = delete;

 private:
  OpContext& context_;
  OpProfile* profile_;
  OpKey key_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace hadal
