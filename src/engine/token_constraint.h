// Which tokens may come next, as a grammar or a schema knows it: a mask before each choice, and the
// chosen tokens back. One object belongs to one request.
#pragma once

#include <cstdint>
#include <span>

namespace hadal {

// Called on the engine's threads, one at a time. What a member throws ends the request.
class TokenConstraint {
 public:
  TokenConstraint() = default;
  virtual ~TokenConstraint() = default;
  TokenConstraint(const TokenConstraint&) = delete;
  TokenConstraint& operator=(const TokenConstraint&) = delete;

  // Bit `id % 64` of mask[id / 64]: whether token id may come next. The mask has ceil(vocab / 64)
  // words, all zero when passed. At least one token must be allowed; the end is a token too.
  virtual void fill_mask(std::span<uint64_t> mask) = 0;
  // The token that came next. Always one that the last mask allowed.
  virtual void advance(int32_t token) = 0;
  // Takes the last `count` advances back.
  virtual void rollback(int count) = 0;
};

}  // namespace hadal
