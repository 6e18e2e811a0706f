// What the checks of the gate look at: the answers beside the reference's nearest variant, and how
// far the variants lie from each other. Part of the gate's inside.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "measure/gate/agreement.h"
#include "measure/gate/gate_report.h"
#include "measure/gate/reference.h"

namespace hadal {

// Between the variants of one model where only one is known: more than trained models show between
// roundings of activations (0.07 nats in hadal-nano), less than models without sense (0.25).
constexpr double kAssumedSpread = 0.1;
// No spread is taken for smaller: other engines round elsewhere.
constexpr double kLeastSpread = 0.01;

// Positions [begin, end).
struct Band {
  int begin = 0;
  int end = 1 << 30;
};

class GateEvidence {
 public:
  // What is given must outlive the evidence.
  GateEvidence(const Reference& reference, const EndpointTraits& traits,
               const std::vector<CanaryAnswer>& answers);

  using Filter = std::function<bool(const Canary&)>;

  const Reference& reference() const { return reference_; }
  const EndpointTraits& traits() const { return traits_; }
  const std::vector<CanaryAnswer>& answers() const { return answers_; }
  const CanaryAnswer& answer(size_t canary) const { return answers_[canary]; }
  const Canary& canary(size_t index) const { return reference_.canaries[index]; }
  // By id; nullptr when there is none.
  const Canary* find(std::string_view id, size_t* index) const;

  // The variant whose answers are nearest.
  size_t nearest() const { return nearest_; }
  const CanaryAnswer& expected(size_t canary) const {
    return reference_.variants[nearest_].answers[canary];
  }
  // With the nearest variant; one for each canary.
  const std::vector<CanaryAgreement>& agreements() const { return agreements_; }
  std::vector<CanaryAgreement> agreements_of(const Filter& filter) const;
  bool has_scores(const Filter& filter) const;

  // The largest median distance between two variants at the positions of these canaries.
  double honest_nats(const Filter& filter, Band band = {}) const;
  bool assumes_spread() const { return pairs_.empty(); }
  // The share of canaries and the text of variants, two by two.
  const std::vector<std::vector<CanaryAgreement>>& pairs() const { return pairs_; }

 private:
  const Reference& reference_;
  const EndpointTraits& traits_;
  const std::vector<CanaryAnswer>& answers_;
  size_t nearest_ = 0;
  std::vector<CanaryAgreement> agreements_;
  std::vector<std::vector<CanaryAgreement>> pairs_;
};

// Where the canaries of a kind depart from the reference: the position at which most do, and how
// many that are, of all that still agreed before it.
struct CommonDeparture {
  int position = -1;
  int departing = 0;
  int at_risk = 0;
};
CommonDeparture common_departure(const std::vector<CanaryAgreement>& agreements);

// What the checks that failed look like, in words for people.
std::vector<std::string> diagnose(const GateEvidence& evidence, const GateReport& report);

// A failed check of this id.
bool has_failed(const GateReport& report, std::string_view id);
const GateCheck* find_check(const GateReport& report, std::string_view id);

inline bool is_score(const Canary& canary) { return canary.kind == CanaryKind::kScore; }
inline bool is_continuation(const Canary& canary) { return canary.kind == CanaryKind::kGenerate; }
inline bool is_chat(const Canary& canary) { return canary.kind == CanaryKind::kChat; }

}  // namespace hadal
