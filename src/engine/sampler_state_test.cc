#include "engine/sampler_state.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <memory>
#include <vector>

#include "base/error.h"
#include "engine/sampler.h"
#include "support/floats.h"

namespace hadal {
namespace {

using test::kInfinity;

// Allows tokens that come after the last one in the order of their ids, and remembers what it was
// told.
class Ascending : public TokenConstraint {
 public:
  explicit Ascending(int vocab) : vocab_(vocab) {}
  void fill_mask(std::span<uint64_t> mask) override {
    for (int id = taken.empty() ? 0 : taken.back() + 1; id < vocab_; ++id) {
      mask[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64);
    }
  }
  void advance(int32_t token) override { taken.push_back(token); }
  void rollback(int count) override { taken.resize(taken.size() - static_cast<size_t>(count)); }

  std::vector<int32_t> taken;

 private:
  int vocab_;
};

std::vector<float> applied(SamplerState& state, std::vector<float> logits) {
  state.apply(logits);
  return logits;
}

TEST(SamplerStateTest, PlainOptionsChangeNothing) {
  const std::vector<int32_t> prompt{0, 1};
  SamplerState state({.temperature = 0.5F, .top_k = 3, .seed = 9}, prompt);
  state.advance(1);
  EXPECT_FALSE(state.changes_logits());
  EXPECT_EQ(applied(state, {1, 2, 3}), (std::vector<float>{1, 2, 3}));
}

TEST(SamplerStateTest, EarlyBansEndWhereTheySayAlsoAfterARollback) {
  SamplerState state({}, {}, nullptr, {.early = {1, -4, 900}, .early_until = 2});
  const std::vector<float> logits{1, 2, 3};
  const std::vector<float> banned{1, -kInfinity, 3};
  EXPECT_EQ(applied(state, logits), banned);
  state.advance(0);
  EXPECT_EQ(applied(state, logits), banned);
  state.advance(2);
  EXPECT_FALSE(state.changes_logits());
  EXPECT_EQ(applied(state, logits), logits);
  state.rollback(1);
  EXPECT_TRUE(state.changes_logits());
  EXPECT_EQ(applied(state, logits), banned);
}

TEST(SamplerStateTest, BansAreStrongerThanABiasAndWeakerThanAConstraint) {
  const TokenBans bans{.always = {2}, .early = {2}, .early_until = 1};
  SamplerState biased({.logit_bias = {{.token = 2, .bias = 100}}}, {}, nullptr, bans);
  EXPECT_EQ(applied(biased, {1, 2, 3}), (std::vector<float>{1, 2, -kInfinity}));
  // Only token 2 may follow token 1: a text that is complete can only end.
  SamplerState complete({}, {}, std::make_shared<Ascending>(3), bans);
  EXPECT_EQ(applied(complete, {1, 2, 3}), (std::vector<float>{1, 2, -kInfinity}));
  complete.advance(1);
  EXPECT_EQ(applied(complete, {1, 2, 3}), (std::vector<float>{-kInfinity, -kInfinity, 3}));
  SamplerState none({}, {}, nullptr, {.always = {0, 1, 2}});
  std::vector<float> logits{1, 2, 3};
  EXPECT_THROW(none.apply(logits), Error);
}

TEST(SamplerStateTest, PenaltiesCountAsTheirDefinitionsSay) {
  const std::vector<int32_t> prompt{0, 1, 1};
  const std::vector<float> logits{2, -2, 4, 6, -8};
  SamplerState frequency({.frequency_penalty = 0.5F}, prompt);
  SamplerState presence({.presence_penalty = -0.25F}, prompt);
  SamplerState repetition({.repetition_penalty = 2}, prompt);
  SamplerState all({.repetition_penalty = 2, .presence_penalty = 0.25F, .frequency_penalty = 0.5F},
                   prompt);
  for (SamplerState* state : {&frequency, &presence, &repetition, &all}) {
    for (const int32_t token : {3, 4, 3}) state->advance(token);
  }
  // The prompt counts for the repetition penalty only.
  EXPECT_EQ(applied(frequency, logits), (std::vector<float>{2, -2, 4, 5, -8.5F}));
  EXPECT_EQ(applied(presence, logits), (std::vector<float>{2, -2, 4, 6.25F, -7.75F}));
  EXPECT_EQ(applied(repetition, logits), (std::vector<float>{1, -4, 4, 3, -16}));
  EXPECT_EQ(applied(all, logits), (std::vector<float>{1, -4, 4, 1.75F, -16.75F}));
}

TEST(SamplerStateTest, RollbackForgetsExactlyWhatWasAdvanced) {
  const std::vector<int32_t> prompt{0};
  const SamplingOptions options{.repetition_penalty = 1.5F, .frequency_penalty = 1};
  const std::vector<float> logits{1, 2, 3, 4};
  SamplerState straight(options, prompt);
  SamplerState drafted(options, prompt);
  for (const int32_t token : {1, 2}) straight.advance(token);
  for (const int32_t token : {1, 0, 3, 3}) drafted.advance(token);
  drafted.rollback(3);
  drafted.rollback(0);
  drafted.advance(2);
  EXPECT_EQ(applied(drafted, logits), applied(straight, logits));
  drafted.rollback(2);
  SamplerState fresh(options, prompt);
  EXPECT_EQ(applied(drafted, logits), applied(fresh, logits));
}

TEST(SamplerStateTest, BiasAddsBansAndForces) {
  SamplerState added({.logit_bias = {{.token = 1, .bias = 1.5F}, {.token = 2, .bias = -99}}}, {});
  EXPECT_EQ(applied(added, {0, 1, 2}), (std::vector<float>{0, 2.5F, -97}));
  SamplerState banned({.logit_bias = {{.token = 1, .bias = -100}}}, {});
  EXPECT_EQ(applied(banned, {0, 1, 2}), (std::vector<float>{0, -kInfinity, 2}));
  // Several forced tokens compete with each other, however small their logits.
  SamplerState forced({.logit_bias = {{.token = 1, .bias = 100}, {.token = 3, .bias = 100}}}, {});
  EXPECT_EQ(applied(forced, {900, 1, 900, 2}),
            (std::vector<float>{-kInfinity, 101, -kInfinity, 102}));
  // What the model itself never says stays so.
  EXPECT_EQ(applied(forced, {900, -kInfinity, 900, 2}),
            (std::vector<float>{-kInfinity, -kInfinity, -kInfinity, 102}));
  EXPECT_EQ(applied(forced, {900, -kInfinity, 800, -kInfinity}),
            (std::vector<float>{900, -kInfinity, 800, -kInfinity}));
}

TEST(SamplerStateTest, ConstraintsMaskAdvanceAndRollBack) {
  for (const int vocab : {3, 64, 65, 200}) {
    const auto constraint = std::make_shared<Ascending>(vocab);
    SamplerState state({}, {}, constraint);
    EXPECT_TRUE(state.changes_logits());
    const std::vector<float> ones(static_cast<size_t>(vocab), 1);
    EXPECT_EQ(applied(state, ones), ones);
    state.advance(0);
    state.advance(1);
    const std::vector<float> masked = applied(state, ones);
    EXPECT_EQ(std::count(masked.begin(), masked.end(), -kInfinity), 2);
    EXPECT_EQ(masked[2], 1);
    state.rollback(1);
    EXPECT_EQ(applied(state, ones)[1], 1);
    EXPECT_EQ(constraint->taken, std::vector<int32_t>{0});
  }
}

TEST(SamplerStateTest, AConstraintIsStrongerThanABias) {
  const auto constraint = std::make_shared<Ascending>(4);
  SamplerState state({.logit_bias = {{.token = 0, .bias = 100}, {.token = 2, .bias = -100}}}, {},
                     constraint);
  EXPECT_EQ(applied(state, {1, 2, 3, 4})[0], 101);
  EXPECT_EQ(applied(state, {1, 2, 3, 4})[1], -kInfinity);
  state.advance(0);
  EXPECT_EQ(applied(state, {1, 2, 3, 4}), (std::vector<float>{-kInfinity, 2, -kInfinity, 4}));
}

TEST(SamplerStateTest, ARequestThatLeavesNoTokenIsToldSo) {
  SamplerState bans({.logit_bias = {{.token = 0, .bias = -100}, {.token = 1, .bias = -100}}}, {});
  SamplerState dead_end({}, {}, std::make_shared<Ascending>(2));
  dead_end.advance(1);
  Sampler sampler;
  for (SamplerState* state : {&bans, &dead_end}) {
    try {
      sampler.sample(std::vector<float>{1, 2}, *state, 0);
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument) << error.what();
    }
    // But logits without any token are the model's fault.
    try {
      sampler.sample(std::vector<float>{-kInfinity, -kInfinity}, *state, 0);
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInternal) << error.what();
    }
  }
}

TEST(SamplerStateTest, ExtremeLogitsStayFinite) {
  const std::vector<int32_t> prompt{0, 1};
  SamplerState state({.repetition_penalty = 0.1F, .logit_bias = {{.token = 0, .bias = 99}}},
                     prompt);
  for (const float logit : applied(state, {3e38F, -3e38F, 3e38F}))
    EXPECT_TRUE(std::isfinite(logit));
  SamplerState stretched({.repetition_penalty = 10}, prompt);
  for (const float logit : applied(stretched, {3e38F, -3e38F})) EXPECT_TRUE(std::isfinite(logit));
}

TEST(SamplerStateTest, ConstrainedSamplingDrawsAsAmongTheAllowedAlone) {
  // The noise of a token does not depend on the mask: the choice under a mask is that of logits
  // where the rest is -inf.
  std::vector<float> logits(300);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>((i * 31) % 17) / 4;
  const auto constraint = std::make_shared<Ascending>(300);
  SamplerState state({.top_p = 0.8F, .seed = 3}, {}, constraint);
  Sampler sampler;
  int32_t last = -1;
  for (uint64_t position = 0; last < 280; ++position) {
    const int32_t token = sampler.sample(logits, state, position).token;
    EXPECT_EQ(token, sampler.sample(logits, state.options(), position));
    EXPECT_GT(token, last);
    last = token;
    state.advance(token);
    for (int32_t i = 0; i <= token; ++i) logits[static_cast<size_t>(i)] = -kInfinity;
  }
}

TEST(SamplerStateTest, LogprobsAreTheModelsOwn) {
  const std::vector<float> logits{std::log(0.1F), std::log(0.4F), -kInfinity, std::log(0.2F),
                                  std::log(0.3F)};
  // Temperature, penalties and bias change the choice and not the report.
  const std::vector<int32_t> prompt{1};
  SamplerState state({.temperature = 0,
                      .repetition_penalty = 3,
                      .logit_bias = {{.token = 0, .bias = 100}},
                      .top_logprobs = 20},
                     prompt);
  Sampler sampler;
  const SampledToken sampled = sampler.sample(logits, state, 0);
  EXPECT_EQ(sampled.token, 0);
  ASSERT_TRUE(sampled.logprobs.has_value());
  EXPECT_NEAR(sampled.logprobs->logprob, std::log(0.1), 1e-5);
  ASSERT_EQ(sampled.logprobs->top.size(), 4U);
  const std::vector<int32_t> order{1, 4, 3, 0};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(sampled.logprobs->top[i].token, order[i]);
    EXPECT_NEAR(std::exp(sampled.logprobs->top[i].logprob), 0.4 - 0.1 * static_cast<double>(i),
                1e-5);
  }
  SamplerState silent({}, {});
  EXPECT_FALSE(sampler.sample(logits, silent, 0).logprobs.has_value());
  SamplerState chosen_only({.top_logprobs = 0}, {});
  EXPECT_TRUE(sampler.sample(logits, chosen_only, 0).logprobs->top.empty());
}

TEST(SamplerStateTest, LogprobsAgreeWithTheDefinitionOnWideVocabularies) {
  std::vector<float> logits(5000);
  for (size_t i = 0; i < logits.size(); ++i) {
    logits[i] = 9 * std::sin(static_cast<float>(i * i % 7919));
  }
  double total = 0;
  for (const float logit : logits) total += std::exp(static_cast<double>(logit));
  std::vector<size_t> order(logits.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return logits[a] > logits[b]; });
  const TokenLogprobs found = compute_logprobs(logits, 17, 20);
  EXPECT_NEAR(found.logprob, static_cast<double>(logits[17]) - std::log(total), 1e-5);
  ASSERT_EQ(found.top.size(), 20U);
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(found.top[i].token, static_cast<int32_t>(order[i]));
    EXPECT_NEAR(found.top[i].logprob, static_cast<double>(logits[order[i]]) - std::log(total),
                1e-5);
  }
}

TEST(SamplerStateTest, LogprobsOfLogitsAllAlike) {
  const TokenLogprobs found = compute_logprobs(std::vector<float>(1024, -7), 1000, 3);
  EXPECT_NEAR(found.logprob, -std::log(1024.0), 1e-6);
  ASSERT_EQ(found.top.size(), 3U);
  EXPECT_EQ(found.top[2].token, 2);
}

}  // namespace
}  // namespace hadal
