#include "measure/gate/agreement.h"

#include <cmath>
#include <gtest/gtest.h>

namespace hadal {
namespace {

TokenScore score(const std::string& text, double logprob,
                 std::vector<std::pair<std::string, double>> top = {}) {
  return {.text = text, .known = true, .logprob = logprob, .top = std::move(top)};
}

CanaryAnswer answer(std::vector<TokenScore> tokens) { return {.tokens = std::move(tokens)}; }

TEST(Agreement, TakesTheMeanDifferenceOfTheTokenAndTheLikeliest) {
  const Canary canary{.kind = CanaryKind::kScore, .prompt = {1, 2, 3}};
  const CanaryAnswer a =
      answer({{.text = "x"}, score("y", -3, {{"a", -0.5}, {"b", -1.5}}), score("z", -2)});
  const CanaryAnswer b =
      answer({{.text = "x"}, score("y", -2.4, {{"a", -0.6}, {"c", -1.5}}), score("z", -2)});
  const CanaryAgreement agreement = compare_answers(canary, 0, a, b);
  EXPECT_EQ(agreement.start, 1);
  ASSERT_EQ(agreement.distances.size(), 2U);
  EXPECT_NEAR(agreement.distances[0], (0.6 + 0.1) / 2, 1e-12);  // "b" and "c" are known to one
  EXPECT_EQ(agreement.distances[1], 0);
  EXPECT_EQ(agreement.first_bad, 1);
  EXPECT_EQ(agreement.tops, 1);
  EXPECT_EQ(agreement.same_tops, 1);
  EXPECT_EQ(agreement.foreign_tokens, 0);
}

TEST(Agreement, ComparesContinuationsUntilTheyPart) {
  const Canary canary{.kind = CanaryKind::kGenerate, .prompt = {1, 2, 3, 4}};
  const CanaryAnswer a =
      answer({score("p", -0.1), score("q", -0.6, {{"q", -0.6}, {"r", -0.9}}), score("s", -0.1)});
  const CanaryAnswer b =
      answer({score("p", -0.1), score("r", -0.7, {{"r", -0.7}, {"q", -0.8}}), score("s", -5)});
  const CanaryAgreement agreement = compare_answers(canary, 0, a, b);
  EXPECT_EQ(agreement.start, 4);
  ASSERT_EQ(agreement.distances.size(), 2U);
  EXPECT_EQ(agreement.distances[0], 0);
  EXPECT_NEAR(agreement.distances[1], 0.2, 1e-12);  // both tell "q" and "r"
  EXPECT_EQ(agreement.first_bad, 5);
}

TEST(Agreement, TokensThatArePartsOfCharactersAreNotTakenForEachOther) {
  const Canary canary{.kind = CanaryKind::kGenerate, .prompt = {1}};
  const std::string part = "\xef\xbf\xbd";
  const CanaryAnswer a = answer({score(part, -1, {{part, -1}, {"a", -2}}), score("b", -1)});
  const CanaryAnswer b = answer({score(part, -1, {{part, -3}, {"a", -2}}), score("b", -9)});
  const CanaryAgreement agreement = compare_answers(canary, 0, a, b);
  ASSERT_EQ(agreement.distances.size(), 1U);
  EXPECT_EQ(agreement.distances[0], 0);
}

TEST(Agreement, ForeignTokensAndWorldsApart) {
  const Canary canary{.kind = CanaryKind::kScore, .prompt = {1, 2}};
  const CanaryAnswer a = answer({{.text = "x"}, score("y", -1)});
  const CanaryAnswer b = answer({{.text = "v"}, score("w", kLeastLogprob)});
  const CanaryAgreement agreement = compare_answers(canary, 0, a, b);
  EXPECT_EQ(agreement.foreign_tokens, 1);
  EXPECT_EQ(agreement.distances.at(0), kFarNats);
}

TEST(Agreement, DivergenceIsThatOfTheDistributions) {
  const Canary canary{.kind = CanaryKind::kGenerate, .prompt = {1}};
  const auto top = [](double p, double q) {
    return score("a", std::log(p), {{"a", std::log(p)}, {"b", std::log(q)}});
  };
  const CanaryAgreement agreement =
      compare_answers(canary, 0, answer({top(0.5, 0.25)}), answer({top(0.4, 0.4)}));
  const double expected =
      0.5 * std::log(0.5 / 0.4) + 0.25 * std::log(0.25 / 0.4) + 0.25 * std::log(0.25 / 0.2);
  EXPECT_NEAR(agreement.divergence, expected, 1e-12);
}

TEST(Agreement, ErrorsAndAnswersWithoutScoresCompareNothing) {
  const Canary canary{.kind = CanaryKind::kScore, .prompt = {1, 2}};
  const CanaryAnswer good = answer({{.text = "x"}, score("y", -1)});
  EXPECT_FALSE(compare_answers(canary, 0, good, {.error = "refused"}).compared());
  EXPECT_FALSE(compare_answers(canary, 0, good, answer({})).compared());
}

TEST(Agreement, SelectsPositions) {
  const std::vector<CanaryAgreement> all = {{.start = 1, .distances = {1, 2, 3, 4}},
                                            {.start = 3, .distances = {5, 6}}};
  EXPECT_EQ(distances_between(all, 2, 4), (std::vector<double>{2, 3, 5}));
  EXPECT_EQ(all_distances(all).size(), 6U);
}

}  // namespace
}  // namespace hadal
