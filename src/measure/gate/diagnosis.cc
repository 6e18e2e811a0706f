#include <algorithm>
#include <fmt/format.h>

#include "base/statistics.h"
#include "measure/gate/gate_evidence.h"

namespace hadal {
namespace {

bool is_near(int position, int border) { return position >= border - 1 && position <= border + 2; }

// What begins at such a position in engines of this model.
std::string guess_of(int position) {
  constexpr int kCompression = 4;
  constexpr int kOverlap = 2 * kCompression + 1;
  constexpr int kPage = 256;
  if (position <= kOverlap) {
    return "the compression of 4 tokens (its state, positions or norm)";
  }
  for (const int window : {64, 128}) {
    if (is_near(position, window)) {
      return "the sliding window, or compressed attention where its first block is whole";
    }
  }
  for (int border = kPage; border <= 16 * kPage; border += kPage) {
    if (is_near(position, border)) return "a page of the cache, or where a chunk of a prompt ends";
  }
  return "the choice of compressed entries (indexer), or another limit that is reached there";
}

// The ratio of late to early distances, in honest spreads.
double late_to_early(const GateEvidence& evidence) {
  constexpr int kBorder = 128;
  const std::vector<CanaryAgreement> scores = evidence.agreements_of(is_score);
  std::vector<double> early = distances_between(scores, 1, kBorder);
  std::vector<double> late = distances_between(scores, 2 * kBorder, 1 << 30);
  if (early.empty() || late.empty()) return 1;
  const double e =
      median(std::move(early)) / evidence.honest_nats(is_score, {.begin = 1, .end = kBorder});
  const double l = median(std::move(late)) / evidence.honest_nats(is_score, {.begin = 2 * kBorder});
  constexpr double kLeast = 1e-3;
  return l / std::max(e, kLeast);
}

double value_of(const GateReport& report, std::string_view id) {
  const GateCheck* check = find_check(report, id);
  return check != nullptr ? check->value.value_or(0) : 0;
}

}  // namespace

std::vector<std::string> diagnose(const GateEvidence& evidence, const GateReport& report) {
  std::vector<std::string> guesses;
  if (has_failed(report, "tokens")) {
    guesses.emplace_back("another tokenizer, or another model: ids mean other words there");
    return guesses;
  }
  if (has_failed(report, "greedy")) {
    guesses.emplace_back("answers are sampled although temperature 0 was asked for");
  }
  const bool scores_failed = has_failed(report, "level.scores") ||
                             has_failed(report, "arithmetic") || has_failed(report, "slope") ||
                             has_failed(report, "departure");
  const bool departs = has_failed(report, "departure");
  if (departs) {
    const CommonDeparture common = common_departure(evidence.agreements_of(is_score));
    guesses.push_back(fmt::format("diverges from position {} on in {} of {} prompts: {}",
                                  common.position, common.departing, common.at_risk,
                                  guess_of(common.position)));
  }
  if (has_failed(report, "slope")) {
    guesses.push_back(
        fmt::format("all log-probabilities are {:.3f} times as steep: the last norm, or "
                    "a hidden size that is not the model's",
                    value_of(report, "slope")));
  }
  constexpr double kGross = 4;
  constexpr double kLater = 3;
  const double level = value_of(report, "level.scores");
  if (!departs && has_failed(report, "level.scores")) {
    if (late_to_early(evidence) > kLater) {
      guesses.emplace_back(
          "short prompts are right and long ones are not: the path of long contexts "
          "(compressed attention, indexer, rope scaling)");
    } else if (level > kGross) {
      guesses.emplace_back(
          "wrong from the first tokens on, and by much: weights in another order or "
          "shape (a matrix transposed, experts shifted), or other weights");
    } else {
      guesses.emplace_back(
          "wrong everywhere, and by little: weights or activations rounded more "
          "coarsely than the checkpoint, or a constant of the model");
    }
  } else if (!departs && has_failed(report, "arithmetic")) {
    guesses.emplace_back(
        "differs from the first tokens on, by less than roundings do: a constant of "
        "the model (rope scaling, a norm's epsilon or width, a scale), or an "
        "arithmetic that the reference does not know");
  }
  if (!scores_failed && has_failed(report, "level.continuations")) {
    guesses.emplace_back(evidence.has_scores(is_score)
                             ? "prompts are right and what follows them is not: the decoding path"
                             : "what follows prompts is wrong");
  }
  const bool shared_failed = !scores_failed && has_failed(report, "level.prefix");
  if (has_failed(report, "prefix") || has_failed(report, "warm") || shared_failed) {
    guesses.emplace_back("cached beginnings of prompts are mixed up, or their state is stale");
  }
  const bool chat_failed = has_failed(report, "chat.prompts") || has_failed(report, "level.chat") ||
                           has_failed(report, "answers");
  if (!scores_failed && chat_failed) {
    guesses.emplace_back(evidence.has_scores(is_score)
                             ? "prompts given as ids are right and conversations are not: the chat "
                               "template"
                             : "conversations are answered otherwise: the chat template, or the "
                               "model");
  }
  if (has_failed(report, "texts")) {
    guesses.emplace_back("texts differ where all roundings agree: another model, or a gross fault");
  }
  return guesses;
}

}  // namespace hadal
