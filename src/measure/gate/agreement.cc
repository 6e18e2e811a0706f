#include "measure/gate/agreement.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

namespace hadal {
namespace {

// A token that holds a part of a character is written as U+FFFD, like many others.
bool is_ambiguous(std::string_view text) {
  return text.empty() || text.find("\xef\xbf\xbd") != std::string_view::npos;
}

using Pair = std::pair<double, double>;  // reference, answer

// The likeliest tokens that both tell.
std::vector<Pair> common_tops(const TokenScore& reference, const TokenScore& answer) {
  std::vector<Pair> pairs;
  for (const auto& likely : reference.top) {
    if (is_ambiguous(likely.first)) continue;
    for (const auto& other : answer.top) {
      if (other.first != likely.first) continue;
      pairs.emplace_back(likely.second, other.second);
      break;
    }
  }
  return pairs;
}

double divergence_of(const std::vector<Pair>& pairs) {
  if (pairs.empty()) return 0;
  constexpr double kLeastRest = 1e-9;
  double rest_reference = 1;
  double rest_answer = 1;
  double sum = 0;
  for (const auto& [reference, answer] : pairs) {
    const double p = std::exp(reference);
    sum += p * std::min(reference - answer, kFarNats);
    rest_reference -= p;
    rest_answer -= std::exp(answer);
  }
  rest_reference = std::max(rest_reference, kLeastRest);
  rest_answer = std::max(rest_answer, kLeastRest);
  return std::max(0.0, sum + rest_reference * std::log(rest_reference / rest_answer));
}

void add_slope(const std::vector<Pair>& pairs, CanaryAgreement& into) {
  constexpr size_t kFewest = 3;
  if (pairs.size() < kFewest) return;
  double mean_reference = 0;
  double mean_answer = 0;
  for (const auto& [reference, answer] : pairs) {
    mean_reference += reference / static_cast<double>(pairs.size());
    mean_answer += answer / static_cast<double>(pairs.size());
  }
  for (const auto& [reference, answer] : pairs) {
    into.product_sum += (reference - mean_reference) * (answer - mean_answer);
    into.square_sum += (reference - mean_reference) * (reference - mean_reference);
  }
}

void compare_position(const TokenScore& reference, const TokenScore& answer, bool same_token,
                      CanaryAgreement& into) {
  std::vector<Pair> pairs = common_tops(reference, answer);
  into.divergence += divergence_of(pairs);
  if (!reference.top.empty() && !answer.top.empty()) {
    ++into.tops;
    into.same_tops += reference.top.front().first == answer.top.front().first ? 1 : 0;
  }
  const bool is_among_tops = std::any_of(pairs.begin(), pairs.end(), [&](const Pair& pair) {
    return pair.first == reference.logprob && pair.second == answer.logprob;
  });
  if (same_token && !is_among_tops) pairs.emplace_back(reference.logprob, answer.logprob);
  add_slope(pairs, into);
  double sum = 0;
  for (const auto& [a, b] : pairs) sum += std::min(std::abs(a - b), kFarNats);
  const double distance = pairs.empty() ? kFarNats : sum / static_cast<double>(pairs.size());
  into.distances.push_back(distance);
  if (into.first_bad < 0 && distance > kSameNats) into.first_bad = into.end() - 1;
}

}  // namespace

CanaryAgreement compare_answers(const Canary& canary, size_t index, const CanaryAnswer& reference,
                                const CanaryAnswer& answer) {
  CanaryAgreement agreement{.canary = index};
  if (!reference.error.empty() || !answer.error.empty()) return agreement;
  const bool is_score = canary.kind == CanaryKind::kScore;
  const size_t length = is_score ? canary.prompt.size() : 0;
  if (is_score) {
    agreement.start = 1;
  } else if (canary.kind == CanaryKind::kGenerate) {
    agreement.start = static_cast<int>(canary.prompt.size());
  } else {
    agreement.start = std::max(reference.prompt_tokens, 0);
  }
  const size_t count = std::min(reference.tokens.size(), answer.tokens.size());
  for (size_t i = is_score ? 1 : 0; i < count; ++i) {
    const TokenScore& a = reference.tokens[i];
    const TokenScore& b = answer.tokens[i];
    if (!a.known || !b.known) break;
    const bool is_given = i < length;
    const bool is_same = is_given || a.text == b.text;
    if (is_given && a.text != b.text) ++agreement.foreign_tokens;
    compare_position(a, b, is_same, agreement);
    // What follows another token, or one that may be another, has other tokens before it.
    if (!is_given && (!is_same || is_ambiguous(a.text))) break;
  }
  return agreement;
}

std::vector<double> all_distances(const std::vector<CanaryAgreement>& agreements) {
  std::vector<double> all;
  for (const CanaryAgreement& one : agreements) {
    all.insert(all.end(), one.distances.begin(), one.distances.end());
  }
  return all;
}

std::vector<double> distances_between(const std::vector<CanaryAgreement>& agreements, int begin,
                                      int end) {
  std::vector<double> found;
  for (const CanaryAgreement& one : agreements) {
    const int first = std::max(begin, one.start);
    const int last = std::min(end, one.end());
    for (int p = first; p < last; ++p) {
      found.push_back(one.distances[static_cast<size_t>(p - one.start)]);
    }
  }
  return found;
}

}  // namespace hadal
