#include "measure/gate/gate_evidence.h"

#include <algorithm>
#include <limits>

#include "base/statistics.h"

namespace hadal {
namespace {

std::vector<CanaryAgreement> compare_all(const Reference& reference,
                                         const std::vector<CanaryAnswer>& expected,
                                         const std::vector<CanaryAnswer>& answers) {
  std::vector<CanaryAgreement> all;
  for (size_t i = 0; i < reference.canaries.size(); ++i) {
    all.push_back(compare_answers(reference.canaries[i], i, expected[i], answers[i]));
  }
  return all;
}

// How far apart, for choosing the nearest. Continuations end where they part, so what they agree in
// counts before how near they are.
double apartness(const std::vector<CanaryAgreement>& agreements) {
  const std::vector<double> distances = all_distances(agreements);
  if (distances.empty()) return std::numeric_limits<double>::infinity();
  double sum = 0;
  for (const double distance : distances) sum += distance;
  return sum / static_cast<double>(distances.size());
}

size_t common_text(const std::string& a, const std::string& b) {
  const auto [end, unused] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<size_t>(end - a.begin());
}

}  // namespace

GateEvidence::GateEvidence(const Reference& reference, const EndpointTraits& traits,
                           const std::vector<CanaryAnswer>& answers)
    : reference_(reference), traits_(traits), answers_(answers) {
  double least = std::numeric_limits<double>::infinity();
  size_t most_text = 0;
  for (size_t v = 0; v < reference.variants.size(); ++v) {
    const std::vector<CanaryAnswer>& expected = reference.variants[v].answers;
    std::vector<CanaryAgreement> agreements = compare_all(reference, expected, answers);
    const double apart = apartness(agreements);
    // Without log-probabilities the texts decide.
    size_t text = 0;
    for (size_t i = 0; i < answers.size(); ++i)
      text += common_text(expected[i].text, answers[i].text);
    if (v == 0 || apart < least || (apart == least && text > most_text)) {
      least = apart;
      most_text = text;
      nearest_ = v;
      agreements_ = std::move(agreements);
    }
  }
  for (size_t a = 0; a < reference.variants.size(); ++a) {
    for (size_t b = a + 1; b < reference.variants.size(); ++b) {
      pairs_.push_back(
          compare_all(reference, reference.variants[a].answers, reference.variants[b].answers));
    }
  }
}

const Canary* GateEvidence::find(std::string_view id, size_t* index) const {
  const auto found = std::find_if(reference_.canaries.begin(), reference_.canaries.end(),
                                  [&](const Canary& canary) { return canary.id == id; });
  if (found == reference_.canaries.end()) return nullptr;
  *index = static_cast<size_t>(found - reference_.canaries.begin());
  return &*found;
}

std::vector<CanaryAgreement> GateEvidence::agreements_of(const Filter& filter) const {
  std::vector<CanaryAgreement> found;
  for (const CanaryAgreement& one : agreements_) {
    if (one.compared() && filter(canary(one.canary))) found.push_back(one);
  }
  return found;
}

bool GateEvidence::has_scores(const Filter& filter) const { return !agreements_of(filter).empty(); }

double GateEvidence::honest_nats(const Filter& filter, Band band) const {
  if (pairs_.empty()) return kAssumedSpread;
  double largest = kLeastSpread;
  for (const std::vector<CanaryAgreement>& pair : pairs_) {
    std::vector<CanaryAgreement> chosen;
    for (const CanaryAgreement& one : pair) {
      if (filter(canary(one.canary))) chosen.push_back(one);
    }
    std::vector<double> distances = distances_between(chosen, band.begin, band.end);
    if (!distances.empty()) largest = std::max(largest, median(std::move(distances)));
  }
  return largest;
}

CommonDeparture common_departure(const std::vector<CanaryAgreement>& agreements) {
  // A fault that begins at a position shows there in most prompts; in the others the difference is
  // too small at first.
  constexpr int kWidth = 3;
  CommonDeparture best;
  double best_share = 0;
  for (const CanaryAgreement& candidate : agreements) {
    if (candidate.first_bad < 0) continue;
    CommonDeparture here{.position = candidate.first_bad};
    for (const CanaryAgreement& one : agreements) {
      const bool agreed_before = one.first_bad < 0 || one.first_bad >= here.position;
      if (!agreed_before || one.end() < here.position + kWidth || one.start > here.position) {
        continue;
      }
      ++here.at_risk;
      here.departing += one.first_bad >= 0 && one.first_bad < here.position + kWidth ? 1 : 0;
    }
    if (here.at_risk == 0) continue;
    const double share = here.departing / static_cast<double>(here.at_risk);
    const double weight = share * here.departing;
    if (weight > best_share) {
      best_share = weight;
      best = here;
    }
  }
  return best;
}

bool has_failed(const GateReport& report, std::string_view id) {
  const GateCheck* check = find_check(report, id);
  return check != nullptr && check->outcome == CheckOutcome::kFailed;
}

const GateCheck* find_check(const GateReport& report, std::string_view id) {
  const auto found = std::find_if(report.checks.begin(), report.checks.end(),
                                  [&](const GateCheck& check) { return check.id == id; });
  return found == report.checks.end() ? nullptr : &*found;
}

}  // namespace hadal
