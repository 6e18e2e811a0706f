// The drafter of an engine that speculates: decides after each step who guesses for which sequence
// and how many tokens, keeps the guesses until the next step takes them, and learns from what is
// kept. Guesses from the sequence itself it makes (ngram_index.h); those of the model's drafter it
// asks for and is given. Where those do not pay for long it lets that drafter rest: steps then
// spend nothing on its state. Knows no model and computes no step. Belongs to the engine thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/draft_plan.h"
#include "engine/drafter.h"
#include "engine/ngram_index.h"
#include "engine/speculation.h"
#include "engine/step_cost.h"
#include "model/model.h"

namespace hadal {

// Who made a guess. Long matches are repetitions, short ones often chance.
enum class DraftSource { kModel, kShortMatch, kMatch, kLongMatch };
constexpr size_t kDraftSources = 4;

// A sequence that samples in the step to come; views that last as long as the call.
struct SpeculationTarget {
  int64_t sequence = 0;
  std::span<const int32_t> tokens;  // all known ones
  // What holds for it: the request's wish, whose number is a limit, or the engine's.
  Speculation speculation = {};
  int room = 0;                 // guesses that may come before the sequence is at its end
  bool known_to_model = false;  // the state of the model's drafter is whole
};

struct SpeculatorStatistics {
  int64_t planned = 0;   // sequences and steps that the plan gave guesses
  int64_t probes = 0;    // that were given some against the plan, to see whether it still holds
  int64_t declined = 0;  // that could have had some and were given none
  int64_t plans = 0;     // steps for which anyone could have had some
  int64_t rests = 0;     // steps in which the model's drafter rested
  double gain = 0;       // expected of what was decided over no guesses, the sum of plans
};

class Speculator final : public Drafter {
 public:
  // `invents`: where nothing repeats itself, anything is guessed; for simulated acceptance.
  Speculator(const Speculation& speculation, const ModelDrafter& model, bool invents = false);

  int most_drafts() const override;
  int expected_drafts(int64_t sequence) const override;
  std::vector<int32_t> propose(const DraftRequest& request) override;
  void observe(const DraftOutcome& outcome) override;
  void forget(int64_t sequence) override;

  // Makes the guesses for the next step that need no model, and says how many are wanted of the
  // model's drafter, [targets]. After all outcomes of the step before.
  const std::vector<int>& plan(std::span<const SpeculationTarget> targets, const StepCost& cost);
  // The model's guesses for target `index` of the last plan, at most as many as were wanted;
  // `tokens`: of the sequence. `confidence` is empty, or says of each how likely it is kept where
  // those before it are.
  void give(size_t index, int64_t sequence, size_t tokens, std::vector<int32_t> drafts,
            std::vector<float> confidence);
  // After all are given: which of them are checked, where the drafter tells how likely they are.
  void settle(const StepCost& cost);
  // Whether the next step feeds the model's drafter. After a rest it knows nothing of sequences
  // until a window of them has gone by.
  bool feeds_model() const { return !rests_; }
  // What the model's drafter took, asked so many times.
  void measured(int asked, double seconds);

  const SpeculatorStatistics& statistics() const { return statistics_; }

 private:
  struct Record {
    NgramIndex index;
    std::array<AcceptanceRecord, kDraftSources> acceptance;
    std::vector<int32_t> drafts;    // for the next step
    std::vector<float> confidence;  // of each, or nothing
    size_t tokens = 0;              // of the sequence, when they were made
    DraftSource source = DraftSource::kModel;
    DraftSource proposed_by = DraftSource::kModel;
  };
  // What could be guessed for a target.
  struct Choice {
    DraftSource source = DraftSource::kModel;
    std::vector<int32_t> drafts = {};  // where it needs no model
    bool probes = false;               // against the plan
  };

  DraftPlanArgs plan_args(FunctionRef<double(int)> step_seconds) const;
  Choice choose(const SpeculationTarget& target, Record& record, DraftOffer& offer) const;
  void fill(const Record& record, DraftSource source, int count, DraftOffer& offer) const;
  int probe(DraftSource source, int planned, int offered, int targets);
  void rest_or_wake(std::span<const SpeculationTarget> targets, const StepCost& cost);
  bool model_would_pay(std::span<const SpeculationTarget> targets, const StepCost& cost);

  const Speculation speculation_;
  const ModelDrafter model_;
  const bool invents_;
  std::unordered_map<int64_t, Record> records_;
  std::array<AcceptanceRecord, kDraftSources> acceptance_;  // of all sequences
  // Since the plan last gave guesses of a source: how often it declined, and after how many steps
  // of nothing else it is overruled.
  std::array<int, kDraftSources> declined_ = {};
  std::array<int, kDraftSources> patience_;
  bool rests_ = false;
  int rested_ = 0;  // steps of this rest
  // Of a pass for each guess, or of one for all: the latest, and their median. One delay among few
  // passes would make a mean refuse guesses, and then only rare trials could mend it.
  std::array<double, 7> drafter_times_ = {};
  size_t drafter_measured_ = 0;
  double drafter_seconds_ = 0;
  double context_ = 0;  // of the targets of the last plan, in the mean
  ConfidenceScale scale_;
  std::vector<int64_t> given_;  // [targets]: the sequence that guesses were given for; -1: none
  std::vector<Choice> choices_;
  std::vector<DraftOffer> offers_;
  std::vector<int> wanted_;
  SpeculatorStatistics statistics_;
};

}  // namespace hadal
