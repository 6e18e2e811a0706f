#include "engine/speculator.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/as_size.h"
#include "base/check.h"

namespace hadal {
namespace {

// Before anything was seen. Judged, and soon outweighed.
constexpr std::array<double, kDraftSources> kFirstAcceptance = {0.6, 0.2, 0.5, 0.8};

// From so many equal tokens on.
constexpr int kMatch = 6;
constexpr int kLongMatch = 12;

// A plan that gives no guesses is overruled after so many steps, then after twice as many, up to
// the most: its grounds may have changed, and only guesses tell. The first trials come soon, for
// the plan then rests on what is taken for granted of any drafter. Steps count, not the sequences
// in them, since a trial costs passes of a drafter however many do without: at the most, with the
// few rows of a trial, less than one step in a hundred.
constexpr int kFirstPatience = 1;
constexpr int kMostPatience = 256;
constexpr int kTrialDrafts = 2;

// The model's drafter rests for so many steps after trials in vain have reached the most patience.
// Its state takes one more layer in each step, a fortieth of V4's; waking up takes a window of
// steps, eight trials some 260 more: beside a rest of that length a sixth of all steps.
constexpr int kRest = 2048;
// Steps between looks at whether a change of the load should end a rest.
constexpr int kLook = 8;
// Estimates of what steps take are hardly more exact.
constexpr double kLeastGain = 0.02;

size_t place(DraftSource source) { return static_cast<size_t>(source); }

DraftSource source_of(const NgramIndex::Match& match) {
  if (match.length >= kLongMatch) return DraftSource::kLongMatch;
  return match.length >= kMatch ? DraftSource::kMatch : DraftSource::kShortMatch;
}

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// Of a step of so many rows of decoding, each after as many tokens.
struct StepSeconds {
  const StepCost& cost;
  double context = 0;

  double operator()(int rows) const {
    StepShape shape;
    shape.add_decode(rows, static_cast<int>(context));
    return cost.predict(shape);
  }
};

}  // namespace

Speculator::Speculator(const Speculation& speculation, const ModelDrafter& model, bool invents)
    : speculation_(speculation), model_(model), invents_(invents) {
  HADAL_CHECK(model_.most_drafts <= kMostDrafts);
  acceptance_.fill(AcceptanceRecord(AcceptanceRecord::kOfAll));
  patience_.fill(kFirstPatience);
}

int Speculator::most_drafts() const {
  switch (speculation_.kind) {
    case SpeculationKind::kOff:
      return 0;
    case SpeculationKind::kAuto:
      return kMostDrafts;
    case SpeculationKind::kMtp:
    case SpeculationKind::kDspark:
      return speculation_.drafts > 0 ? std::min(speculation_.drafts, model_.most_drafts)
                                     : model_.most_drafts;
    case SpeculationKind::kLookup:
      break;
  }
  return speculation_.drafts > 0 ? speculation_.drafts : kMostDrafts;
}

int Speculator::expected_drafts(int64_t sequence) const {
  const auto found = records_.find(sequence);
  return found == records_.end() ? 0 : static_cast<int>(found->second.drafts.size());
}

std::vector<int32_t> Speculator::propose(const DraftRequest& request) {
  const auto found = records_.find(request.sequence);
  if (found == records_.end()) return {};
  Record& record = found->second;
  std::vector<int32_t> drafts = std::exchange(record.drafts, {});
  if (record.tokens != request.tokens.size()) return {};
  record.proposed_by = record.source;
  if (static_cast<int>(drafts.size()) > request.most) drafts.resize(as_size(request.most));
  return drafts;
}

void Speculator::observe(const DraftOutcome& outcome) {
  const auto found = records_.find(outcome.sequence);
  if (found == records_.end()) return;
  const size_t source = place(found->second.proposed_by);
  found->second.acceptance[source].observe(outcome.proposed, outcome.kept);
  acceptance_[source].observe(outcome.proposed, outcome.kept);
  std::vector<float>& confidence = found->second.confidence;
  if (found->second.proposed_by != DraftSource::kModel || confidence.empty()) return;
  const size_t checked = std::min(confidence.size(), as_size(outcome.proposed));
  scale_.observe(std::span<const float>(confidence).first(checked), outcome.kept);
}

void Speculator::forget(int64_t sequence) { records_.erase(sequence); }

// The survival of `count` guesses of a source.
void Speculator::fill(const Record& record, DraftSource source, int count,
                      DraftOffer& offer) const {
  offer.survival.clear();
  offer.costs_passes = source == DraftSource::kModel && model_.pass_for_each;
  offer.costs_a_block = source == DraftSource::kModel && !model_.pass_for_each;
  double survival = 1;
  for (int depth = 0; depth < count; ++depth) {
    const double everywhere =
        acceptance_[place(source)].probability(depth, kFirstAcceptance[place(source)]);
    survival *= record.acceptance[place(source)].probability(depth, everywhere);
    offer.survival.push_back(survival);
  }
}

Speculator::Choice Speculator::choose(const SpeculationTarget& target, Record& record,
                                      DraftOffer& offer) const {
  const SpeculationKind kind = target.speculation.kind;
  Choice choice;
  offer = {};
  const int room = std::min(target.room, most_drafts());
  if (kind == SpeculationKind::kOff || room <= 0) return choice;
  const int limit = target.speculation.drafts;
  const int most = limit > 0 ? std::min(limit, room) : room;
  if (kind != SpeculationKind::kLookup && model_.most_drafts > 0 && target.known_to_model) {
    fill(record, DraftSource::kModel, std::min(most, model_.most_drafts), offer);
  }
  if (kind == SpeculationKind::kMtp || kind == SpeculationKind::kDspark) return choice;
  const NgramIndex::Match match = record.index.find(target.tokens);
  if (match.length == 0) {
    if (!invents_ || !offer.survival.empty()) return choice;
    fill(record, DraftSource::kShortMatch, most, offer);
    choice.source = DraftSource::kShortMatch;
    choice.drafts.assign(as_size(most), target.tokens.back());
    return choice;
  }
  DraftOffer other;
  fill(record, source_of(match), most, other);
  if (sum(other.survival) < sum(offer.survival)) return choice;
  offer = std::move(other);
  choice.source = source_of(match);
  choice.drafts = NgramIndex::follow(target.tokens, match, most);
  return choice;
}

// How many guesses a source that offers some gets after all, for one of so many targets.
int Speculator::probe(DraftSource source, int planned, int offered, int targets) {
  int& declined = declined_[place(source)];
  int& patience = patience_[place(source)];
  if (planned > 0) {
    ++statistics_.planned;
    declined = 0;
    patience = kFirstPatience;
    return planned;
  }
  ++statistics_.declined;
  if (++declined <= patience * targets) return 0;
  declined = 0;
  patience = std::min(2 * patience, kMostPatience);
  ++statistics_.probes;
  return std::min(kTrialDrafts, offered);
}

// Whether any target would be given guesses of the model, by what is known of them.
bool Speculator::model_would_pay(std::span<const SpeculationTarget> targets, const StepCost& cost) {
  for (size_t i = 0; i < targets.size(); ++i) {
    SpeculationTarget target = targets[i];
    target.known_to_model = true;
    const Choice choice = choose(target, records_[target.sequence], offers_[i]);
    if (choice.source != DraftSource::kModel) offers_[i] = {};
  }
  const StepSeconds seconds{.cost = cost, .context = context_};
  const std::vector<int> drafts = plan_drafts(plan_args(seconds)).drafts;
  return std::ranges::any_of(drafts, [](int count) { return count > 0; });
}

// Before a plan for the targets.
void Speculator::rest_or_wake(std::span<const SpeculationTarget> targets, const StepCost& cost) {
  if (model_.most_drafts == 0 || speculation_.drafts > 0 || targets.empty()) return;
  int& patience = patience_[place(DraftSource::kModel)];
  if (!rests_) {
    rests_ = patience == kMostPatience;
    rested_ = 0;
    return;
  }
  ++statistics_.rests;
  ++rested_;
  if (rested_ < kRest && (rested_ % kLook != 0 || !model_would_pay(targets, cost))) return;
  rests_ = false;
  patience = kFirstPatience;
  declined_[place(DraftSource::kModel)] = 0;
}

DraftPlanArgs Speculator::plan_args(FunctionRef<double(int)> step_seconds) const {
  return {.offers = offers_,
          .step_seconds = step_seconds,
          .pass_seconds = drafter_seconds_,
          .block_seconds = drafter_seconds_,
          .least_gain = kLeastGain};
}

const std::vector<int>& Speculator::plan(std::span<const SpeculationTarget> targets,
                                         const StepCost& cost) {
  choices_.resize(targets.size());
  offers_.resize(targets.size());
  wanted_.assign(targets.size(), 0);
  given_.assign(targets.size(), -1);
  context_ = 0;
  for (const SpeculationTarget& target : targets) {
    context_ += static_cast<double>(target.tokens.size()) / static_cast<double>(targets.size());
  }
  rest_or_wake(targets, cost);
  for (size_t i = 0; i < targets.size(); ++i) {
    Record& record = records_[targets[i].sequence];
    choices_[i] = choose(targets[i], record, offers_[i]);
    record.drafts.clear();
    record.confidence.clear();
  }
  const StepSeconds seconds{.cost = cost, .context = context_};
  DraftPlan plan = plan_drafts(plan_args(seconds));
  bool any = false;
  for (size_t i = 0; i < targets.size(); ++i) {
    Choice& choice = choices_[i];
    const int offered = static_cast<int>(offers_[i].survival.size());
    if (offered == 0) continue;
    any = true;
    const int count = speculation_.drafts > 0 ? offered
                                              : probe(choice.source, plan.drafts[i], offered,
                                                      static_cast<int>(targets.size()));
    if (choice.source == DraftSource::kModel) {
      // One pass makes all guesses: how many are checked is settled when it is known how likely
      // they are.
      choice.probes = plan.drafts[i] == 0;
      plan.drafts[i] = count;
      wanted_[i] = model_.tells_confidence && count > 0 ? offered : count;
      continue;
    }
    Record& record = records_[targets[i].sequence];
    choice.drafts.resize(as_size(count));
    record.drafts = std::move(choice.drafts);
    record.tokens = targets[i].tokens.size();
    record.source = choice.source;
    plan.drafts[i] = count;
  }
  if (any) {
    ++statistics_.plans;
    statistics_.gain += tokens_per_second(plan_args(seconds), plan.drafts) / plan.without;
  }
  return wanted_;
}

void Speculator::give(size_t index, int64_t sequence, size_t tokens, std::vector<int32_t> drafts,
                      std::vector<float> confidence) {
  Record& record = records_[sequence];
  record.drafts = std::move(drafts);
  record.confidence = std::move(confidence);
  record.tokens = tokens;
  record.source = DraftSource::kModel;
  given_[index] = sequence;
}

void Speculator::settle(const StepCost& cost) {
  if (!model_.tells_confidence) return;
  for (size_t i = 0; i < given_.size(); ++i) {
    DraftOffer& offer = offers_[i];
    // What it took to make them is spent.
    offer.costs_a_block = false;
    if (choices_[i].source != DraftSource::kModel || given_[i] < 0) {
      if (choices_[i].source == DraftSource::kModel) offer.survival.clear();
      continue;
    }
    const Record& record = records_[given_[i]];
    offer.survival.clear();
    double survival = 1;
    for (size_t j = 0; j < record.confidence.size(); ++j) {
      survival *= scale_.calibrated(static_cast<int>(j), static_cast<double>(record.confidence[j]));
      offer.survival.push_back(survival);
    }
  }
  const StepSeconds seconds{.cost = cost, .context = context_};
  const DraftPlan plan = plan_drafts(plan_args(seconds));
  for (size_t i = 0; i < given_.size(); ++i) {
    if (given_[i] < 0 || speculation_.drafts > 0) continue;
    Record& record = records_[given_[i]];
    const int least = choices_[i].probes ? kTrialDrafts : 0;
    const size_t count = as_size(std::max(plan.drafts[i], least));
    if (count >= record.drafts.size()) continue;
    record.drafts.resize(count);
    // Guesses that are never checked must not keep the good name of those that once were, or blocks
    // would be made for nothing for ever.
    const size_t model = place(DraftSource::kModel);
    for (size_t j = count; j < record.confidence.size(); ++j) {
      const int depth = static_cast<int>(j);
      const double told = scale_.calibrated(depth, static_cast<double>(record.confidence[j]));
      record.acceptance[model].expect(depth, told);
      acceptance_[model].expect(depth, told);
    }
  }
}

void Speculator::measured(int asked, double seconds) {
  if (asked == 0) return;
  drafter_times_[drafter_measured_++ % drafter_times_.size()] =
      model_.pass_for_each ? seconds / asked : seconds;
  auto times = drafter_times_;
  const size_t count = std::min(times.size(), drafter_measured_);
  // Of an even number the lower one: the first pass of all reads its weights from disk, and after
  // one more that must not be what passes take.
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>((count - 1) / 2);
  std::nth_element(times.begin(), middle, times.begin() + static_cast<std::ptrdiff_t>(count));
  drafter_seconds_ = *middle;
}

}  // namespace hadal
