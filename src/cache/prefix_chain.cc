#include "cache/prefix_chain.h"

#include <array>
#include <sys/random.h>

#include "base/check.h"
#include "base/error.h"

namespace hadal {
namespace {

// What a key stands for, hashed in front, so that keys of different kinds never meet.
enum class KeyKind : uint64_t { kSalt = 1, kPage = 2, kImage = 3 };

Hash128 hash_tokens(const SipKey& secret, KeyKind kind, const Hash128& parent,
                    std::span<const int32_t> tokens) {
  const std::array<uint64_t, 3> head = {static_cast<uint64_t>(kind), parent.low, parent.high};
  return SipHash(secret)
      .update(std::as_bytes(std::span(head)))
      .update(std::as_bytes(tokens))
      .finish();
}

}  // namespace

SipKey random_secret() {
  SipKey key;
  if (getrandom(&key, sizeof(key), 0) != static_cast<ssize_t>(sizeof(key))) {
    throw Error({.code = ErrorCode::kUnavailable,
                 .where = "the prefix index",
                 .what = "the system gives no random numbers",
                 .remedy = "check that getrandom(2) is allowed"});
  }
  return key;
}

PrefixChain::PrefixChain(const SipKey& secret, std::string_view salt, int page_tokens)
    : secret_(secret), salt_(salt), page_tokens_(page_tokens) {
  HADAL_CHECK(page_tokens > 0);
  const auto kind = static_cast<uint64_t>(KeyKind::kSalt);
  keys_.push_back(SipHash(secret)
                      .update(std::as_bytes(std::span(&kind, 1)))
                      .update(std::as_bytes(std::span(salt_)))
                      .finish());
}

void PrefixChain::cover(std::span<const int32_t> tokens) {
  const auto page = static_cast<size_t>(page_tokens_);
  while (keys_.size() <= tokens.size() / page) {
    keys_.push_back(hash_tokens(secret_, KeyKind::kPage, keys_.back(),
                                tokens.subspan((keys_.size() - 1) * page, page)));
  }
}

Hash128 PrefixChain::image_key(int pages, std::span<const int32_t> tail) const {
  return hash_tokens(secret_, KeyKind::kImage, key(pages), tail);
}

}  // namespace hadal
