// Byte-pair merges: turns the bytes of one piece into token ids by applying the merge of the lowest
// rank, the leftmost first, until none applies. Knows ids and ranks only; tokenizer.h knows text.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace hadal {

class BpeMerges {
 public:
  static constexpr int32_t kNoToken = -1;

  BpeMerges();

  // The token of a single byte.
  void set_byte(uint8_t byte, int32_t id) { byte_token_[byte] = id; }
  // Makes room for `count` merges; call once before add_merge.
  void reserve(size_t count);
  // The pair (left, right) becomes `merged`. A later merge of the same pair replaces the former.
  void add_merge(int32_t left, int32_t right, uint32_t rank, int32_t merged);

  // Appends the tokens of `piece`. O(n log n) in its length. Throws Error (kInvalidArgument) for a
  // byte without a token.
  void encode(std::string_view piece, std::vector<int32_t>& ids) const;

 private:
  struct Merge {
    uint64_t pair;  // left << 32 | right; kFree where the slot is empty
    uint32_t rank;
    int32_t merged;
  };
  static constexpr uint64_t kFree = ~uint64_t{0};

  Merge& slot(uint64_t pair);
  const Merge* find(int32_t left, int32_t right) const;
  void merge_short(std::vector<int32_t>& ids, size_t begin) const;
  void merge_long(std::vector<int32_t>& ids, size_t begin) const;

  std::array<int32_t, 256> byte_token_;
  std::vector<Merge> slots_;  // open addressing, a power of two, at most half full
};

}  // namespace hadal
