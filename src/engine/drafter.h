// Who guesses the next tokens of a sequence, so that one step can check several at once. Guesses
// never enter a sequence's tokens, its pages, images or keys: they live in a step, and what the
// engine keeps of them is what it would have sampled without. So a drafter changes how fast an
// answer comes, never what it says.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hadal {

// A sequence that is about to sample; views that last as long as the call.
struct DraftRequest {
  int64_t sequence = 0;             // the same number for the same sequence, as long as it runs
  std::span<const int32_t> tokens;  // all known ones
  int most = 0;                     // drafts wanted, at most
};

// What became of drafts.
struct DraftOutcome {
  int64_t sequence = 0;
  int proposed = 0;
  int kept = 0;  // of the first of them
};

class Drafter {
 public:
  virtual ~Drafter() = default;

  // The most drafts it proposes for a sequence in one step.
  virtual int most_drafts() const = 0;
  // About how many it will propose next for this sequence, for the cost of the step.
  virtual int expected_drafts(int64_t sequence) const {
    static_cast<void>(sequence);
    return most_drafts();
  }
  // Tokens that may follow `request.tokens`, in order, at most request.most; none is a valid
  // answer.
  virtual std::vector<int32_t> propose(const DraftRequest& request) = 0;
  virtual void observe(const DraftOutcome& outcome) = 0;
  // The sequence has ended or made way.
  virtual void forget(int64_t sequence) = 0;
};

// Proposes nothing.
class NoDrafter final : public Drafter {
 public:
  int most_drafts() const override { return 0; }
  std::vector<int32_t> propose(const DraftRequest&) override { return {}; }
  void observe(const DraftOutcome&) override {}
  void forget(int64_t) override {}
};

}  // namespace hadal
