#include "measure/gate/verify.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/statistics.h"
#include "measure/gate/gate_evidence.h"

namespace hadal {
namespace {

// Bounds. How each was found stands in docs/measuring.md, with the figures on both sides of it.
constexpr double kLevelBound = 1.4;            // of any honest engine, in honest spreads
constexpr double kSameEngineLevelBound = 1.0;  // of the engine that recorded the reference
constexpr double kFewPositionsBound = 2.0;     // the same over few positions
constexpr int kManyPositions = 40;
constexpr int kLeastAgreed = 8;         // positions with the very numbers of the same engine
constexpr double kAgreedShare = 0.1;    // of prompts that have so many
constexpr size_t kFewestForAgreed = 8;  // prompts
constexpr int kEarliestDeparture = 3;
constexpr int kFewestDeparting = 6;
constexpr double kDepartingShare = 0.7;
constexpr double kSlopeBound = 0.05;
constexpr double kForeignShare = 0.01;
constexpr double kGreedyShare = 0.9;
constexpr double kTextShare = 0.6;
constexpr double kRightShare = 0.6;
constexpr int kFewestRight = 3;
constexpr double kNearerBy = 0.25;
constexpr double kClearlyApart = 4;
constexpr size_t kFewestSame = 4;       // positions
constexpr double kClearlyAgreed = 0.5;  // honest spreads

class Judge {
 public:
  Judge(const Reference& reference, const EndpointTraits& traits,
        const std::vector<CanaryAnswer>& answers, const GateOptions& options)
      : evidence_(reference, traits, answers) {
    report_.traits = traits;
    report_.reference_model = reference.model;
    report_.reference_checkpoint = reference.checkpoint;
    report_.reference_recorded_unix = reference.recorded_unix;
    report_.nearest_variant = reference.variants[evidence_.nearest()].name;
    report_.assumed_spread = evidence_.assumes_spread();
    const std::string& recorder = reference.variants[evidence_.nearest()].engine;
    report_.same_engine =
        options.same_engine.value_or(recorder == "hadal" && traits.engine == "hadal");
  }

  GateReport judge() {
    check_tokens();
    check_arithmetic();
    check_level();
    check_departure();
    check_slope();
    check_continuations();
    check_greedy();
    check_warm();
    check_foreign_prefix();
    check_chat_prompts();
    check_chat_level();
    check_right_answers();
    check_texts();
    add_groups();
    finish();
    return std::move(report_);
  }

 private:
  void add(const std::string& id, bool passed, double value, double bound, std::string text) {
    report_.checks.push_back({.id = id,
                              .outcome = passed ? CheckOutcome::kPassed : CheckOutcome::kFailed,
                              .value = value,
                              .bound = bound,
                              .text = std::move(text)});
  }
  void not_checked(const std::string& id, std::string text) {
    report_.checks.push_back({.id = id, .text = std::move(text)});
  }
  double level_bound() const { return report_.same_engine ? kSameEngineLevelBound : kLevelBound; }

  // The prompt's tokens as the endpoint writes them.
  void check_tokens() {
    int foreign = 0;
    size_t all = 0;
    for (const CanaryAgreement& one : evidence_.agreements_of(is_score)) {
      foreign += one.foreign_tokens;
      all += one.distances.size();
    }
    if (all == 0) return not_checked("tokens", "whether both have one tokenizer: no prompt echoed");
    const double share = foreign / static_cast<double>(all);
    add("tokens", share <= kForeignShare, share, kForeignShare,
        fmt::format("{} of {} tokens of the prompts are other words to the endpoint", foreign,
                    all));
  }

  // The engine that recorded the reference computes the very numbers of one variant, until another
  // instruction set rounds some value the other way. A fault has other numbers from the start.
  void check_arithmetic() {
    if (!report_.same_engine) return;
    int agreed = 0;
    size_t all = 0;
    for (const CanaryAgreement& one : evidence_.agreements_of(is_score)) {
      ++all;
      agreed += one.first_bad < 0 || one.first_bad >= kLeastAgreed ? 1 : 0;
    }
    if (all < kFewestForAgreed) return check_first_numbers();
    const double share = agreed / static_cast<double>(all);
    add("arithmetic", share >= kAgreedShare, share, kAgreedShare,
        fmt::format("{} of {} prompts have the very numbers of the reference ({}) for {} positions",
                    agreed, all, report_.nearest_variant, kLeastAgreed));
  }

  // The same where prompts are not scored: the first number after short prompts.
  void check_first_numbers() {
    constexpr int kShort = 16;
    int same = 0;
    int all = 0;
    for (const CanaryAgreement& one : evidence_.agreements_of(is_continuation)) {
      if (one.start > kShort) continue;
      ++all;
      same += one.distances.front() <= kSameNats ? 1 : 0;
    }
    if (all < kFewestRight) {
      return not_checked("arithmetic",
                         "whether the numbers are the reference's own: no prompts "
                         "given as ids, with log-probabilities");
    }
    const double share = same / static_cast<double>(all);
    add("arithmetic", share >= kAgreedShare, share, kAgreedShare,
        fmt::format("{} of {} short prompts have the very numbers of the reference ({}) after them",
                    same, all, report_.nearest_variant));
  }

  void check_level() {
    const std::vector<CanaryAgreement> scores = evidence_.agreements_of(is_score);
    if (scores.empty()) {
      return not_checked("level.scores", "log-probabilities of prompts: the endpoint tells none");
    }
    constexpr int kEdges[] = {1, 16, 64, 128, 256, 512, 1024, 2048, 4096, 1 << 30};
    double worst = 0;
    Band where;
    for (size_t i = 0; i + 1 < std::size(kEdges); ++i) {
      const Band band{.begin = kEdges[i], .end = kEdges[i + 1]};
      std::vector<double> distances = distances_between(scores, band.begin, band.end);
      if (distances.size() < kManyPositions) continue;
      const double ratio = median(std::move(distances)) / evidence_.honest_nats(is_score, band);
      if (ratio > worst) {
        worst = ratio;
        where = band;
      }
    }
    add("level.scores", worst <= level_bound(), worst, level_bound(),
        fmt::format("log-probabilities of prompts lie {:.2f} honest spreads from the reference at "
                    "positions from {} on, where they do most",
                    worst, where.begin));
  }

  void check_departure() {
    const std::vector<CanaryAgreement> scores = evidence_.agreements_of(is_score);
    if (scores.empty()) return;
    const bool any_departs = std::any_of(scores.begin(), scores.end(),
                                         [](const auto& one) { return one.first_bad >= 0; });
    if (!any_departs) {
      return add("departure", true, 0, kDepartingShare,
                 fmt::format("none of {} prompts departs from the reference", scores.size()));
    }
    const CommonDeparture common = common_departure(scores);
    if (common.at_risk == 0) {
      return not_checked("departure",
                         "where prompts depart from the reference together: none is long enough");
    }
    // Right at the start any two arithmetics depart; that is for the other checks.
    const bool counts = common.position >= kEarliestDeparture &&
                        common.departing >= kFewestDeparting &&
                        common.departing >= kDepartingShare * common.at_risk;
    const double share = common.departing / static_cast<double>(common.at_risk);
    add("departure", !counts, share, kDepartingShare,
        fmt::format("{} of {} prompts that agreed until then depart from the reference at position "
                    "{}",
                    common.departing, common.at_risk, common.position));
  }

  void check_slope() {
    double product = 0;
    double square = 0;
    for (const CanaryAgreement& one : evidence_.agreements_of(is_score)) {
      product += one.product_sum;
      square += one.square_sum;
    }
    if (square == 0) return;
    const double slope = product / square;
    add("slope", std::abs(slope - 1) <= kSlopeBound, slope, 1 + kSlopeBound,
        fmt::format("log-probabilities are {:.3f} times as steep as the reference's", slope));
  }

  void check_median(const std::string& id, const GateEvidence::Filter& filter,
                    const std::string& what) {
    const std::optional<double> ratio = spreads_of(filter);
    if (!ratio)
      return not_checked(id, "log-probabilities of " + what + ": the endpoint tells none");
    const size_t positions = all_distances(evidence_.agreements_of(filter)).size();
    const double bound = positions < kManyPositions ? kFewPositionsBound : kLevelBound;
    add(id, *ratio <= bound, *ratio, bound,
        fmt::format("log-probabilities of {} lie {:.2f} honest spreads from the reference", what,
                    *ratio));
  }

  void check_continuations() {
    check_median(
        "level.continuations",
        [](const Canary& c) { return is_continuation(c) && c.group != "prefix"; }, "continuations");
    check_median(
        "level.prefix", [](const Canary& c) { return c.group == "prefix"; },
        "continuations of shared beginnings");
  }

  void check_chat_level() { check_median("level.chat", is_chat, "conversations"); }

  // At temperature 0 the likeliest token is the answer.
  void check_greedy() {
    int greedy = 0;
    int all = 0;
    for (size_t i = 0; i < evidence_.answers().size(); ++i) {
      if (is_score(evidence_.canary(i))) continue;
      for (const TokenScore& token : evidence_.answer(i).tokens) {
        if (!token.known || token.top.empty()) continue;
        ++all;
        greedy += token.logprob >= token.top.front().second - kSameNats ? 1 : 0;
      }
    }
    if (all == 0) return;
    const double share = greedy / static_cast<double>(all);
    add("greedy", share >= kGreedyShare, share, kGreedyShare,
        fmt::format("{} of {} tokens chosen at temperature 0 are the likeliest", greedy, all));
  }

  // A prompt asked a second time, from a warm cache.
  void check_warm() {
    std::vector<double> distances;
    int other = 0;
    int asked = 0;
    for (size_t i = 0; i < evidence_.answers().size(); ++i) {
      const Canary& canary = evidence_.canary(i);
      size_t cold = 0;
      if (canary.same_as.empty() || evidence_.find(canary.same_as, &cold) == nullptr) continue;
      const CanaryAnswer& first = evidence_.answer(cold);
      const CanaryAnswer& second = evidence_.answer(i);
      if (!first.error.empty() || !second.error.empty()) continue;
      ++asked;
      other += first.text == second.text ? 0 : 1;
      const CanaryAgreement agreement = compare_answers(canary, i, first, second);
      distances.insert(distances.end(), agreement.distances.begin(), agreement.distances.end());
    }
    if (asked == 0)
      return not_checked("warm", "answers from a warm cache: no prompts given as ids");
    if (distances.empty()) {
      const double share = other / static_cast<double>(asked);
      return add("warm", other < asked, share, 1,
                 fmt::format("{} of {} prompts have another text when they are asked again", other,
                             asked));
    }
    // Another batch may move the numbers of other engines a little.
    const double honest = evidence_.honest_nats(is_continuation);
    const double bound = report_.same_engine ? kSameNats / honest : 0.5;
    const double ratio = median(std::move(distances)) / honest;
    add("warm", ratio <= bound, ratio, bound,
        fmt::format(
            "prompts asked again, from a warm cache, are answered {:.2f} honest spreads from "
            "the first time; {} of {} with another text",
            ratio, other, asked));
  }

  // Whether the endpoint's own two answers lie so near to each other, where the reference's two do
  // not, that one is made of the other's cache: the very numbers; or, where another batch moves the
  // numbers, much nearer than honest engines are to each other.
  bool is_copied(std::vector<double> seen, std::vector<double> right) const {
    // A copy goes on like the other for at least as long as the right answers do; two answers may
    // be near each other for a token or two by chance.
    if (seen.size() < kFewestSame || seen.size() < right.size()) return false;
    const bool same =
        *std::max_element(seen.begin(),
                          seen.end())<kSameNats&& * std::max_element(right.begin(), right.end())>
            kClearlyApart *
        kSameNats;
    const double honest = evidence_.honest_nats(is_continuation);
    return same ||
           (median(std::move(right)) > honest && median(std::move(seen)) < kNearerBy * honest);
  }

  // A prompt that differs from an earlier one near its beginning must not get that one's answer.
  void check_foreign_prefix() {
    int foreign = 0;
    int asked = 0;
    for (size_t i = 0; i < evidence_.answers().size(); ++i) {
      const Canary& canary = evidence_.canary(i);
      size_t other = 0;
      if (canary.not_as.empty() || evidence_.find(canary.not_as, &other) == nullptr) continue;
      const CanaryAnswer& answer = evidence_.answer(i);
      if (!answer.error.empty()) continue;
      const CanaryAnswer& earlier = evidence_.answer(other);
      if (!earlier.error.empty()) continue;
      ++asked;
      const CanaryAgreement seen = compare_answers(canary, i, earlier, answer);
      const CanaryAgreement meant =
          compare_answers(canary, i, evidence_.expected(other), evidence_.expected(i));
      if (seen.compared() && meant.compared()) {
        foreign += is_copied(seen.distances, meant.distances) ? 1 : 0;
      } else {
        const std::string& right = evidence_.expected(i).text;
        const std::string& wrong = evidence_.expected(other).text;
        foreign += right != wrong && answer.text == wrong ? 1 : 0;
      }
    }
    if (asked == 0) return;
    add("prefix", foreign == 0, foreign, 0,
        fmt::format("{} of {} prompts are answered like an earlier one that begins otherwise",
                    foreign, asked));
  }

  // How many tokens a conversation becomes says whether it was written as the model expects.
  void check_chat_prompts() {
    int other = 0;
    int all = 0;
    for (size_t i = 0; i < evidence_.answers().size(); ++i) {
      if (!is_chat(evidence_.canary(i))) continue;
      const int expected = evidence_.expected(i).prompt_tokens;
      const int counted = evidence_.answer(i).prompt_tokens;
      if (expected < 0 || counted < 0 || !evidence_.answer(i).error.empty()) continue;
      ++all;
      other += expected == counted ? 0 : 1;
    }
    if (all == 0)
      return not_checked("chat.prompts", "how conversations are written: no usage told");
    const double share = other / static_cast<double>(all);
    GateCheck check{
        .id = "chat.prompts",
        .outcome = other == 0 ? CheckOutcome::kPassed : CheckOutcome::kFailed,
        .value = share,
        .bound = 0,
        .text = fmt::format("{} of {} conversations become prompts of another length", other, all)};
    // An engine that counts otherwise and answers alike has the right prompts.
    if (other > 0 && chats_agree()) {
      check.outcome = CheckOutcome::kNoted;
      report_.warnings.emplace_back(
          "the endpoint counts the tokens of conversations otherwise, and answers them alike");
    }
    report_.checks.push_back(std::move(check));
  }

  // Clearly, and no worse than prompts that need no template.
  bool chats_agree() const {
    const std::optional<double> chats = spreads_of(is_chat);
    const std::optional<double> scores = spreads_of(is_score);
    return chats && *chats <= std::max(kClearlyAgreed, scores.value_or(0));
  }

  // The median distance, in honest spreads.
  std::optional<double> spreads_of(const GateEvidence::Filter& filter) const {
    std::vector<double> distances = all_distances(evidence_.agreements_of(filter));
    if (distances.empty()) return std::nullopt;
    return median(std::move(distances)) / evidence_.honest_nats(filter);
  }

  void check_right_answers() {
    int expected = 0;
    int right = 0;
    for (size_t i = 0; i < evidence_.answers().size(); ++i) {
      const std::string& words = evidence_.canary(i).expected;
      if (words.empty() || !evidence_.answer(i).error.empty()) continue;
      if (evidence_.expected(i).text.find(words) == std::string::npos) continue;
      ++expected;
      right += evidence_.answer(i).text.find(words) == std::string::npos ? 0 : 1;
    }
    if (expected < kFewestRight) return;
    const double share = right / static_cast<double>(expected);
    add("answers", share >= kRightShare, share, kRightShare,
        fmt::format("{} of {} questions that the reference answers right are answered right", right,
                    expected));
  }

  // Where there are no log-probabilities: as far as all variants of the reference write one text,
  // any honest endpoint should, too.
  void check_texts() {
    const bool decides = !evidence_.has_scores([](const Canary&) { return true; });
    const auto& variants = evidence_.reference().variants;
    int same = 0;
    int all = 0;
    for (size_t i = 0; i < evidence_.answers().size(); ++i) {
      const CanaryAnswer& answer = evidence_.answer(i);
      if (is_score(evidence_.canary(i)) || !answer.error.empty()) continue;
      std::string common = variants.front().answers[i].text;
      for (const ReferenceVariant& variant : variants) {
        const std::string& text = variant.answers[i].text;
        const auto [end, unused] =
            std::mismatch(common.begin(), common.end(), text.begin(), text.end());
        common.erase(end, common.end());
      }
      if (common.empty()) continue;
      ++all;
      same += answer.text.starts_with(common) ? 1 : 0;
    }
    if (all == 0) return;
    const double share = same / static_cast<double>(all);
    GateCheck check{.id = "texts",
                    .outcome = CheckOutcome::kNoted,
                    .value = share,
                    .bound = {},
                    .text = fmt::format("{} of {} answers have the text that all variants of the "
                                        "reference share",
                                        same, all)};
    if (decides) {
      check.outcome = share >= kTextShare ? CheckOutcome::kPassed : CheckOutcome::kFailed;
      check.bound = kTextShare;
      report_.warnings.emplace_back(
          "the endpoint tells no log-probabilities: by texts alone only gross faults are found");
    }
    report_.checks.push_back(std::move(check));
  }

  void add_groups() {
    std::vector<std::string> names;
    for (const Canary& canary : evidence_.reference().canaries) {
      if (std::find(names.begin(), names.end(), canary.group) == names.end()) {
        names.push_back(canary.group);
      }
    }
    for (const std::string& name : names) report_.groups.push_back(group_of(name));
  }

  GateGroup group_of(const std::string& name) const {
    const auto in_group = [&](const Canary& canary) { return canary.group == name; };
    GateGroup group{.name = name};
    for (size_t i = 0; i < evidence_.answers().size(); ++i) {
      if (!in_group(evidence_.canary(i))) continue;
      ++group.canaries;
      group.answered += evidence_.answer(i).error.empty() ? 1 : 0;
    }
    const std::vector<CanaryAgreement> agreements = evidence_.agreements_of(in_group);
    const std::vector<double> distances = all_distances(agreements);
    if (distances.empty()) return group;
    group.positions = static_cast<int>(distances.size());
    const double count = group.positions;
    double sum = 0;
    for (const double distance : distances) sum += distance;
    int tops = 0;
    int same_tops = 0;
    double divergence = 0;
    std::vector<double> first_bad;
    for (const CanaryAgreement& one : agreements) {
      tops += one.tops;
      same_tops += one.same_tops;
      divergence += one.divergence;
      if (one.first_bad >= 0) first_bad.push_back(one.first_bad);
    }
    group.median_nats = median(distances);
    group.mean_nats = sum / count;
    group.divergence = divergence / count;
    if (tops > 0) group.same_top = same_tops / static_cast<double>(tops);
    group.honest_nats = evidence_.honest_nats(in_group);
    group.departing = static_cast<int>(first_bad.size());
    if (!first_bad.empty()) group.first_bad_median = static_cast<int>(median(std::move(first_bad)));
    return group;
  }

  // Errors, the verdict and what it looks like.
  void finish() {
    std::map<std::string, int> errors;
    for (const CanaryAnswer& answer : evidence_.answers()) {
      if (!answer.error.empty()) ++errors[answer.error];
    }
    for (const auto& [text, count] : errors) {
      report_.warnings.push_back(fmt::format("{} canaries: {}", count, text));
    }
    if (report_.assumed_spread) {
      report_.warnings.push_back(
          fmt::format("the reference has one variant; that honest answers lie {} nats apart is "
                      "assumed",
                      kAssumedSpread));
    }
    bool any = false;
    bool failed = false;
    for (const GateCheck& check : report_.checks) {
      any = any || check.outcome == CheckOutcome::kPassed || check.outcome == CheckOutcome::kFailed;
      failed = failed || check.outcome == CheckOutcome::kFailed;
    }
    report_.verdict = failed ? GateVerdict::kFailed
                      : any  ? GateVerdict::kPassed
                             : GateVerdict::kNotRun;
    if (failed) report_.diagnosis = diagnose(evidence_, report_);
  }

  GateEvidence evidence_;
  GateReport report_;
};

}  // namespace

GateReport judge_answers(const Reference& reference, const EndpointTraits& traits,
                         const std::vector<CanaryAnswer>& answers, const GateOptions& options) {
  if (reference.variants.empty() || answers.size() != reference.canaries.size()) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "the reference",
                 .what = fmt::format("has {} canaries and {} variants, where {} answers came",
                                     reference.canaries.size(), reference.variants.size(),
                                     answers.size())});
  }
  return Judge(reference, traits, answers, options).judge();
}

GateReport verify_endpoint(GateEndpoint& endpoint, const ProbeOptions& probe,
                           const Reference& reference, const GateOptions& options,
                           const CanaryProgress& progress) {
  const EndpointTraits traits = probe_endpoint(endpoint, probe);
  const std::vector<CanaryAnswer> answers =
      ask_canaries(endpoint, traits, reference.canaries, progress);
  GateReport report = judge_answers(reference, traits, answers, options);
  report.endpoint = endpoint.name();
  return report;
}

}  // namespace hadal
