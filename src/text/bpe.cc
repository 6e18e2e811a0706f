#include "text/bpe.h"

#include <bit>
#include <queue>

#include "base/check.h"
#include "base/error.h"

namespace hadal {
namespace {

// Up to here scanning all pairs for the lowest rank beats keeping a heap.
constexpr size_t kShortPiece = 48;

uint64_t pair_key(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

size_t pair_hash(uint64_t pair) {
  pair *= 0x9E3779B97F4A7C15u;  // 2^64 over the golden ratio: spreads neighbouring ids
  return pair ^ pair >> 32;
}

}  // namespace

BpeMerges::BpeMerges() { byte_token_.fill(kNoToken); }

void BpeMerges::reserve(size_t count) {
  slots_.assign(std::bit_ceil(2 * count + 2), Merge{kFree, 0, kNoToken});
}

BpeMerges::Merge& BpeMerges::slot(uint64_t pair) {
  const size_t mask = slots_.size() - 1;
  size_t i = pair_hash(pair) & mask;
  while (slots_[i].pair != kFree && slots_[i].pair != pair) i = (i + 1) & mask;
  return slots_[i];
}

void BpeMerges::add_merge(int32_t left, int32_t right, uint32_t rank, int32_t merged) {
  HADAL_CHECK(!slots_.empty());
  slot(pair_key(left, right)) = {pair_key(left, right), rank, merged};
}

const BpeMerges::Merge* BpeMerges::find(int32_t left, int32_t right) const {
  if (slots_.empty()) return nullptr;
  const uint64_t pair = pair_key(left, right);
  const size_t mask = slots_.size() - 1;
  size_t i = pair_hash(pair) & mask;
  while (slots_[i].pair != kFree) {
    if (slots_[i].pair == pair) return &slots_[i];
    i = (i + 1) & mask;
  }
  return nullptr;
}

void BpeMerges::encode(std::string_view piece, std::vector<int32_t>& ids) const {
  const size_t begin = ids.size();
  for (const char c : piece) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte_token_[byte] == kNoToken) {
      throw Error({.code = ErrorCode::kInvalidArgument,
                   .where = "text",
                   .what = "the tokenizer has no token for byte " + std::to_string(byte),
                   .remedy = "use the tokenizer.json that was released with the model"});
    }
    ids.push_back(byte_token_[byte]);
  }
  if (piece.size() <= kShortPiece) {
    merge_short(ids, begin);
  } else {
    merge_long(ids, begin);
  }
}

void BpeMerges::merge_short(std::vector<int32_t>& ids, size_t begin) const {
  const Merge* merges[kShortPiece];  // merges[i]: of tokens i and i + 1
  size_t count = ids.size() - begin;
  int32_t* token = ids.data() + begin;
  for (size_t i = 0; i + 1 < count; ++i) merges[i] = find(token[i], token[i + 1]);
  while (count > 1) {
    size_t best = count;
    for (size_t i = 0; i + 1 < count; ++i) {
      if (merges[i] != nullptr && (best == count || merges[i]->rank < merges[best]->rank)) best = i;
    }
    if (best == count) break;
    token[best] = merges[best]->merged;
    for (size_t i = best + 1; i + 1 < count; ++i) token[i] = token[i + 1];
    for (size_t i = best + 1; i + 2 < count; ++i) merges[i] = merges[i + 1];
    --count;
    if (best + 1 < count) merges[best] = find(token[best], token[best + 1]);
    if (best > 0) merges[best - 1] = find(token[best - 1], token[best]);
  }
  ids.resize(begin + count);
}

void BpeMerges::merge_long(std::vector<int32_t>& ids, size_t begin) const {
  struct Node {
    int32_t token;
    size_t previous;
    size_t next;
  };
  struct Candidate {
    uint32_t rank;
    size_t left;
    size_t right;
    uint64_t pair;  // the tokens it was made for; stale when they have changed
    int32_t merged;
    bool operator<(const Candidate& other) const {  // std::priority_queue keeps the largest on top
      return rank != other.rank ? rank > other.rank : left > other.left;
    }
  };
  constexpr size_t kNone = ~size_t{0};
  const size_t count = ids.size() - begin;
  std::vector<Node> nodes(count);
  for (size_t i = 0; i < count; ++i) {
    nodes[i] = {ids[begin + i], i == 0 ? kNone : i - 1, i + 1 == count ? kNone : i + 1};
  }
  std::priority_queue<Candidate> queue;
  const auto propose = [&](size_t left, size_t right) {
    if (left == kNone || right == kNone) return;
    const Merge* merge = find(nodes[left].token, nodes[right].token);
    if (merge != nullptr) queue.push({merge->rank, left, right, merge->pair, merge->merged});
  };
  for (size_t i = 0; i + 1 < count; ++i) propose(i, i + 1);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Node& left = nodes[best.left];
    Node& right = nodes[best.right];
    // A node that was merged away has token kNoToken, which is in no pair.
    if (left.next != best.right || pair_key(left.token, right.token) != best.pair) continue;
    left.token = best.merged;
    left.next = right.next;
    right.token = kNoToken;
    if (left.next != kNone) nodes[left.next].previous = best.left;
    propose(left.previous, best.left);
    propose(best.left, left.next);
  }
  ids.resize(begin);
  for (size_t i = 0; i != kNone; i = nodes[i].next) ids.push_back(nodes[i].token);
}

}  // namespace hadal
