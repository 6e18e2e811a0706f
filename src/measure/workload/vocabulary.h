// The token ids that random prompts are made of: a range without the ids that mean something to a
// model (begin of text, end of turn, padding).
#pragma once

#include <cstdint>
#include <vector>

#include "measure/workload/random_stream.h"

namespace hadal {

class Vocabulary {
 public:
  // Ids of [low, high) but those of `excluded` (in any order, also outside the range). Throws Error
  // kInvalidArgument when `low` is negative or fewer than 2 ids remain.
  Vocabulary(int32_t low, int32_t high, std::vector<int32_t> excluded = {});

  int64_t size() const { return size_; }
  int32_t low() const { return low_; }
  int32_t high() const { return high_; }
  // The id number `place` of [0, size()), ascending.
  int32_t at(int64_t place) const;
  int32_t draw(RandomStream& random) const {
    return at(static_cast<int64_t>(random.below(static_cast<uint64_t>(size_))));
  }

 private:
  int32_t low_;
  int32_t high_;
  std::vector<int64_t> places_of_gaps_;  // ascending: how many ids lie before each excluded one
  int64_t size_;
};

}  // namespace hadal
