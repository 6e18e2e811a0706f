#include "engine/ngram_index.h"

#include <algorithm>
#include <bit>

#include "base/as_size.h"

namespace hadal {
namespace {

constexpr size_t kLeastBuckets = 256;
// A position has so many candidates, of which the latest are looked at.
constexpr int kCandidates = 16;

}  // namespace

size_t NgramIndex::hash_before(std::span<const int32_t> tokens, int end) {
  uint64_t hash = 0;
  for (int i = end - kLeastMatch; i < end; ++i) {
    hash = (hash + static_cast<uint32_t>(tokens[as_size(i)]) + 1) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 29;
  }
  return static_cast<size_t>(hash);
}

void NgramIndex::add(std::span<const int32_t> tokens, int end) {
  int32_t& head = heads_[hash_before(tokens, end) & (heads_.size() - 1)];
  before_[as_size(end)] = head;
  head = end;
}

void NgramIndex::extend(std::span<const int32_t> tokens) {
  const int known = std::max(kLeastMatch, static_cast<int>(before_.size()));
  const int size = static_cast<int>(tokens.size());
  before_.resize(std::max(before_.size(), tokens.size()), 0);
  if (tokens.size() > heads_.size()) {
    heads_.assign(std::max(kLeastBuckets, 2 * std::bit_ceil(tokens.size())), 0);
    for (int end = kLeastMatch; end < size; ++end) add(tokens, end);
    return;
  }
  for (int end = known; end < size; ++end) add(tokens, end);
}

// Before the candidate and before the end, as far as they are told apart.
int NgramIndex::equal_tokens(std::span<const int32_t> tokens, int candidate) {
  const size_t end = tokens.size();
  int length = 0;
  while (length < std::min(candidate, kLongestMatch) &&
         tokens[as_size(candidate - 1 - length)] == tokens[end - 1 - as_size(length)]) {
    ++length;
  }
  return length;
}

NgramIndex::Match NgramIndex::find(std::span<const int32_t> tokens) {
  // The n-gram at the end itself is no candidate: positions are known up to the one before it.
  const int end = static_cast<int>(tokens.size());
  if (end <= kLeastMatch) return {};
  extend(tokens);
  Match best;
  int candidate = heads_[hash_before(tokens, end) & (heads_.size() - 1)];
  for (int i = 0; i < kCandidates && candidate > 0; ++i) {
    const int length = equal_tokens(tokens, candidate);
    if (length >= kLeastMatch && length > best.length) best = {.length = length, .next = candidate};
    candidate = before_[as_size(candidate)];
  }
  const int next = last_.next + end - last_size_;
  if (last_.length > 0) {
    const int length = equal_tokens(tokens, next);
    if (length > best.length || length == kLongestMatch) best = {.length = length, .next = next};
  }
  last_ = best;
  last_size_ = end;
  return best;
}

std::vector<int32_t> NgramIndex::follow(std::span<const int32_t> tokens, const Match& match,
                                        int most) {
  std::vector<int32_t> drafts;
  if (match.length == 0) return drafts;
  for (int i = 0; i < most; ++i) {
    const size_t from = as_size(match.next + i);
    drafts.push_back(from < tokens.size() ? tokens[from] : drafts[from - tokens.size()]);
  }
  return drafts;
}

}  // namespace hadal
