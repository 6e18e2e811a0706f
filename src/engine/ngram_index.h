// Where the last tokens of one sequence stood before in it: quotations, edits and code repeat what
// came earlier, and what followed there is a guess of what follows now. Holds positions only; the
// tokens stay with the sequence. Takes at most 20 bytes for each of them and looks at a fixed
// number of candidates, whatever they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hadal {

class NgramIndex {
 public:
  // Fewer equal tokens are no sign of a repetition.
  static constexpr int kLeastMatch = 3;
  // Longer ones are not told apart.
  static constexpr int kLongestMatch = 32;

  struct Match {
    int length = 0;  // equal tokens before the end and before `next`; 0: there is no match
    int next = 0;    // the position of the token that followed them
  };

  // The longest match with the end of `tokens`, among equals the latest; but a long match that goes
  // on is kept, since a quotation of a text with repetitions goes on where it is, not where the
  // words stood last. `tokens` are those of earlier calls with others appended.
  Match find(std::span<const int32_t> tokens);

  // What followed the match, at most `most` tokens; where it reaches the end of `tokens` the
  // repetition goes on with itself.
  static std::vector<int32_t> follow(std::span<const int32_t> tokens, const Match& match, int most);

 private:
  void extend(std::span<const int32_t> tokens);
  void add(std::span<const int32_t> tokens, int end);
  static size_t hash_before(std::span<const int32_t> tokens, int end);
  static int equal_tokens(std::span<const int32_t> tokens, int candidate);

  // The n-grams of kLeastMatch tokens that end before a position, by hash: the latest position of
  // each bucket, and for each position the one before it in its bucket. 0 ends a chain.
  std::vector<int32_t> heads_;
  std::vector<int32_t> before_;  // [positions known]
  Match last_;                   // what was found last, when there were so many tokens
  int last_size_ = 0;
};

}  // namespace hadal
