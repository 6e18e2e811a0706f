#include "engine/speculator.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/as_size.h"

namespace hadal {
namespace {

// Before anything was seen. Judged, and soon outweighed.
constexpr std::array<double, kDraftSources> kFirstAcceptance = {0.6, 0.2, 0.5, 0.8};

// From so many equal tokens on.
constexpr int kMatch = 6;
constexpr int kLongMatch = 12;

// A plan that gives no guesses is overruled after so many times, then after twice as many, up to
// the most: its grounds may have changed, and only guesses tell. At the most, with the few rows of
// a trial, that costs less than one step in a hundred.
constexpr int kFirstPatience = 4;
constexpr int kMostPatience = 256;
constexpr int kTrialDrafts = 2;

size_t place(DraftSource source) { return static_cast<size_t>(source); }

DraftSource source_of(const NgramIndex::Match& match) {
  if (match.length >= kLongMatch) return DraftSource::kLongMatch;
  return match.length >= kMatch ? DraftSource::kMatch : DraftSource::kShortMatch;
}

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

Speculator::Speculator(const Speculation& speculation, const ModelDrafter& model)
    : speculation_(speculation), model_(model) {
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
}

void Speculator::forget(int64_t sequence) { records_.erase(sequence); }

// The survival of `count` guesses of a source.
void Speculator::fill(const Record& record, DraftSource source, int count,
                      DraftOffer& offer) const {
  offer.survival.clear();
  offer.costs_passes = source == DraftSource::kModel && model_.pass_for_each;
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
  Choice choice{.fixed = target.speculation.drafts};
  offer = {};
  const int room = std::min(target.room, most_drafts());
  if (kind == SpeculationKind::kOff || room <= 0) return choice;
  const int most = choice.fixed > 0 ? std::min(choice.fixed, room) : room;
  if (kind != SpeculationKind::kLookup && model_.most_drafts > 0 && target.known_to_model) {
    fill(record, DraftSource::kModel, std::min(most, model_.most_drafts), offer);
  }
  if (kind == SpeculationKind::kMtp || kind == SpeculationKind::kDspark) return choice;
  const NgramIndex::Match match = record.index.find(target.tokens);
  if (match.length == 0) return choice;
  DraftOffer other;
  fill(record, source_of(match), most, other);
  if (sum(other.survival) < sum(offer.survival)) return choice;
  offer = std::move(other);
  choice.source = source_of(match);
  choice.drafts = NgramIndex::follow(target.tokens, match, most);
  return choice;
}

// How many guesses a source that offers some gets after all.
int Speculator::probe(DraftSource source, int planned, int offered) {
  int& declined = declined_[place(source)];
  int& patience = patience_[place(source)];
  if (planned > 0) {
    ++statistics_.planned;
    declined = 0;
    patience = kFirstPatience;
    return planned;
  }
  ++statistics_.declined;
  if (++declined < patience) return 0;
  declined = 0;
  patience = std::min(2 * patience, kMostPatience);
  ++statistics_.probes;
  return std::min(kTrialDrafts, offered);
}

const std::vector<int>& Speculator::plan(std::span<const SpeculationTarget> targets,
                                         const StepCost& cost) {
  choices_.resize(targets.size());
  offers_.resize(targets.size());
  wanted_.assign(targets.size(), 0);
  double context = 0;
  for (size_t i = 0; i < targets.size(); ++i) {
    Record& record = records_[targets[i].sequence];
    choices_[i] = choose(targets[i], record, offers_[i]);
    record.drafts.clear();
    context += static_cast<double>(targets[i].tokens.size()) / static_cast<double>(targets.size());
  }
  const auto seconds = [&](int rows) {
    StepShape shape;
    shape.add_decode(rows, static_cast<int>(context));
    return cost.predict(shape);
  };
  const DraftPlan plan =
      plan_drafts({.offers = offers_, .step_seconds = seconds, .pass_seconds = pass_seconds_});
  for (size_t i = 0; i < targets.size(); ++i) {
    Choice& choice = choices_[i];
    const int offered = static_cast<int>(offers_[i].survival.size());
    if (offered == 0) continue;
    const int count = choice.fixed > 0 ? offered : probe(choice.source, plan.drafts[i], offered);
    if (choice.source == DraftSource::kModel) {
      wanted_[i] = count;
      continue;
    }
    Record& record = records_[targets[i].sequence];
    choice.drafts.resize(as_size(count));
    record.drafts = std::move(choice.drafts);
    record.tokens = targets[i].tokens.size();
    record.source = choice.source;
  }
  return wanted_;
}

void Speculator::give(int64_t sequence, size_t tokens, std::vector<int32_t> drafts,
                      std::span<const float> confidence) {
  static_cast<void>(confidence);
  Record& record = records_[sequence];
  record.drafts = std::move(drafts);
  record.tokens = tokens;
  record.source = DraftSource::kModel;
}

void Speculator::measured(int passes, double seconds) {
  if (passes == 0) return;
  constexpr double kMemory = 0.9;
  const double now = seconds / passes;
  pass_seconds_ = pass_seconds_ == 0 ? now : kMemory * pass_seconds_ + (1 - kMemory) * now;
}

}  // namespace hadal
