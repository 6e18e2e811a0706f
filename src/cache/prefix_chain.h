// The keys of a token sequence's prefixes: key i stands for the salt and the tokens of the first i
// pages. Keys are hashes under a secret, so that nobody who does not hold it can make a request
// meet the cached prefix of another tenant.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/siphash.h"

namespace hadal {

// From the system's random numbers. Throws Error kUnavailable where there are none.
SipKey random_secret();

class PrefixChain {
 public:
  // Requests share prefixes only with requests of the same `salt`.
  PrefixChain(const SipKey& secret, std::string_view salt, int page_tokens);

  // Computes the keys of all full pages of `tokens`, which must begin with the tokens of earlier
  // calls. Costs only what is new.
  void cover(std::span<const int32_t> tokens);

  const std::string& salt() const { return salt_; }
  int page_tokens() const { return page_tokens_; }
  int pages() const { return static_cast<int>(keys_.size()) - 1; }
  // The key of the first `pages` pages, in [0, pages()].
  const Hash128& key(int pages) const { return keys_[static_cast<size_t>(pages)]; }
  // The key of a state image whose last `tail` tokens lie after `pages` full pages.
  Hash128 image_key(int pages, std::span<const int32_t> tail) const;

 private:
  SipKey secret_;
  std::string salt_;
  int page_tokens_;
  std::vector<Hash128> keys_;
};

}  // namespace hadal
