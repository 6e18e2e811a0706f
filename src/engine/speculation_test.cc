// How speculation is asked for, and whose guesses a step gets.
#include "engine/speculation.h"

#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/engine_setup.h"
#include "engine/speculator.h"
#include "support/engine_requests.h"

namespace hadal {
namespace {

TEST(Speculation, IsReadAsItIsWritten) {
  for (const char* text : {"auto", "off", "mtp", "dspark", "lookup", "mtp:1", "lookup:8"}) {
    EXPECT_EQ(speculation_text(parse_speculation(text, "--speculation")), text);
  }
  for (const char* text : {"", "on", "mtp:", "mtp:0", "mtp:9", "mtp:2x", "auto:3", "off:1", "MTP",
                           "lookup:-1", "lookup:99999999999999999999"}) {
    try {
      parse_speculation(text, "--speculation");
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      EXPECT_NE(std::string(error.what()).find("--speculation"), std::string::npos);
    }
  }
}

TEST(Speculation, ARequestMayAskForLessThanTheEngineDoes) {
  ModelConfig config;
  config.drafter = DrafterKind::kDspark;
  config.drafter_stages = 3;
  config.dspark.block_size = 5;
  const auto effective = [&](const std::optional<Speculation>& wish, const Speculation& engine) {
    return effective_speculation(wish, engine, config);
  };
  const Speculation dspark{.kind = SpeculationKind::kDspark};
  const Speculation mtp{.kind = SpeculationKind::kMtp};
  const Speculation automatic{.kind = SpeculationKind::kAuto};
  const Speculation lookup{.kind = SpeculationKind::kLookup, .drafts = 3};
  const Speculation off{.kind = SpeculationKind::kOff};
  EXPECT_EQ(effective({}, lookup), lookup);
  EXPECT_EQ(effective(automatic, lookup), lookup);
  EXPECT_EQ(effective(off, lookup), off);
  EXPECT_EQ(effective(lookup, automatic), lookup);
  EXPECT_EQ(effective(dspark, automatic), dspark);
  EXPECT_THROW(effective(dspark, lookup), Error);
  EXPECT_THROW(effective(lookup, off), Error);
  EXPECT_THROW(effective(mtp, automatic), Error);  // the model has another drafter
}

// A step costs what its first row does, nearly.
StepCost cheap_rows() {
  StepCost cost(0.001);
  for (int i = 0; i < 100; ++i) {
    StepShape shape;
    shape.add_decode(1 + i % 9, 100);
    cost.observe(shape, 0.1 + 0.001 * shape.decode_rows);
  }
  return cost;
}

// Each row costs as much as the first.
StepCost dear_rows() {
  StepCost cost(0.001);
  for (int i = 0; i < 100; ++i) {
    StepShape shape;
    shape.add_decode(1 + i % 9, 100);
    cost.observe(shape, 0.1 * shape.decode_rows);
  }
  return cost;
}

struct Repetition {
  explicit Repetition(int size) {
    for (int i = 0; i < size; ++i) tokens.push_back(i % 20);
  }
  SpeculationTarget target(const Speculation& speculation, int room = 100) const {
    return {.sequence = 7,
            .tokens = tokens,
            .speculation = speculation,
            .room = room,
            .known_to_model = true};
  }
  std::vector<int32_t> next(int count) const {
    std::vector<int32_t> next;
    for (int i = 0; i < count; ++i) next.push_back((static_cast<int>(tokens.size()) + i) % 20);
    return next;
  }
  std::vector<int32_t> tokens;
};

TEST(Speculator, ProposesWhatFollowedBefore) {
  const Repetition text(60);
  const StepCost cost = cheap_rows();
  const Speculation lookup{.kind = SpeculationKind::kLookup, .drafts = 5};
  Speculator speculator(lookup, {});
  EXPECT_EQ(speculator.most_drafts(), 5);
  EXPECT_EQ(speculator.expected_drafts(7), 0);
  speculator.plan({{text.target(lookup)}}, cost);
  EXPECT_EQ(speculator.expected_drafts(7), 5);
  const DraftRequest request{.sequence = 7, .tokens = text.tokens, .most = 4};
  EXPECT_EQ(speculator.propose(request), text.next(4));
  EXPECT_TRUE(speculator.propose(request).empty());  // once
  // Near the end of the answer, for a request that wants none, and for a sequence that has gone on.
  speculator.plan({{text.target(lookup, 2)}}, cost);
  EXPECT_EQ(speculator.propose(request), text.next(2));
  speculator.plan({{text.target({.kind = SpeculationKind::kOff})}}, cost);
  EXPECT_TRUE(speculator.propose(request).empty());
  speculator.plan({{text.target(lookup)}}, cost);
  const Repetition longer(61);
  EXPECT_TRUE(speculator.propose({.sequence = 7, .tokens = longer.tokens, .most = 4}).empty());
}

TEST(Speculator, StopsWhereGuessesDoNotPayAndTriesAgainNowAndThen) {
  const Repetition text(60);
  const Speculation any{.kind = SpeculationKind::kAuto};
  // Kept guesses, cheap rows.
  Speculator winning(any, {});
  const StepCost cheap = cheap_rows();
  const DraftRequest request{.sequence = 7, .tokens = text.tokens, .most = 8};
  for (int i = 0; i < 100; ++i) {
    winning.plan({{text.target(any)}}, cheap);
    const int proposed = static_cast<int>(winning.propose(request).size());
    winning.observe({.sequence = 7, .proposed = proposed, .kept = proposed});
    if (i >= 50) {
      EXPECT_EQ(proposed, 8);
    }
  }
  // The same guesses are never right: hardly a row in a hundred steps.
  Speculator losing(any, {});
  int rows = 0;
  for (int i = 0; i < 2000; ++i) {
    losing.plan({{text.target(any)}}, cheap);
    const int proposed = static_cast<int>(losing.propose(request).size());
    if (proposed > 0) losing.observe({.sequence = 7, .proposed = proposed, .kept = 0});
    if (i >= 1000) rows += proposed;
  }
  EXPECT_GT(rows, 0);
  EXPECT_LT(rows, 20);
  EXPECT_GT(losing.statistics().probes, 0);
  // Always right, but a row costs as much as a step.
  Speculator dear(any, {});
  const StepCost cost = dear_rows();
  rows = 0;
  for (int i = 0; i < 2000; ++i) {
    dear.plan({{text.target(any)}}, cost);
    const int proposed = static_cast<int>(dear.propose(request).size());
    if (proposed > 0) dear.observe({.sequence = 7, .proposed = proposed, .kept = proposed});
    if (i >= 1000) rows += proposed;
  }
  EXPECT_LT(rows, 20);
}

// A request's number is a limit: it cannot have the steps of all carry rows that do not pay.
TEST(Speculator, TakesTheNumberOfARequestAsALimit) {
  const Repetition text(60);
  const Speculation wish{.kind = SpeculationKind::kLookup, .drafts = 3};
  const StepCost cheap = cheap_rows();
  const StepCost dear = dear_rows();
  Speculator speculator({.kind = SpeculationKind::kAuto}, {});
  speculator.plan({{text.target(wish)}}, cheap);
  EXPECT_EQ(speculator.expected_drafts(7), 3);
  speculator.plan({{text.target(wish)}}, dear);
  EXPECT_EQ(speculator.expected_drafts(7), 0);
}

// With many sequences trials come no more often than with one.
TEST(Speculator, TriesOncePerSteps) {
  const Repetition text(60);
  const Speculation any{.kind = SpeculationKind::kAuto};
  const StepCost cost = dear_rows();
  std::vector<SpeculationTarget> targets(16, text.target(any));
  for (size_t i = 0; i < targets.size(); ++i) targets[i].sequence = static_cast<int64_t>(i);
  Speculator speculator(any, {});
  constexpr int kSteps = 2000;
  for (int step = 0; step < kSteps; ++step) speculator.plan(targets, cost);
  EXPECT_GT(speculator.statistics().probes, 5);
  EXPECT_LT(speculator.statistics().probes, 20);
}

// Two of the model's guesses, or as many as its passes are worth.
TEST(Speculator, AsksTheModelsDrafterForWhatPays) {
  const Repetition text(10);  // repeats nothing
  const Speculation any{.kind = SpeculationKind::kAuto};
  const StepCost cheap = cheap_rows();
  Speculator speculator(any, {.most_drafts = 4, .pass_for_each = true});
  EXPECT_EQ(speculator.plan({{text.target(any)}}, cheap), std::vector<int>{4});
  speculator.give(0, 7, text.tokens.size(), {1, 2}, {});
  EXPECT_EQ(speculator.propose({.sequence = 7, .tokens = text.tokens, .most = 8}),
            (std::vector<int32_t>{1, 2}));
  for (int i = 0; i < 100; ++i) speculator.measured(1, 1);  // ten steps long
  EXPECT_EQ(speculator.plan({{text.target(any)}}, cheap), std::vector<int>{0});
  speculator.forget(7);
  EXPECT_EQ(speculator.expected_drafts(7), 0);
}

// One that pays only where it is better than any is taken for at first.
TEST(Speculator, AGoodDrafterIsFoundInAFewSteps) {
  const Repetition text(10);
  const Speculation any{.kind = SpeculationKind::kAuto};
  const StepCost cheap = cheap_rows();
  Speculator speculator(any, {.most_drafts = 4, .pass_for_each = true});
  speculator.measured(1, 0.08);
  int without = 0;
  for (int step = 0; step < 40; ++step) {
    const int wanted = speculator.plan({{text.target(any)}}, cheap)[0];
    if (wanted == 0) {
      ++without;
      continue;
    }
    speculator.measured(wanted, 0.08 * wanted);
    speculator.give(0, 7, text.tokens.size(), text.next(wanted), {});
    const DraftRequest request{.sequence = 7, .tokens = text.tokens, .most = 8};
    const int proposed = static_cast<int>(speculator.propose(request).size());
    speculator.observe({.sequence = 7, .proposed = proposed, .kept = proposed});
  }
  EXPECT_GT(without, 0);
  EXPECT_LE(without, 5);
}

// A pass that was delayed, by whatever ran on the machine beside it, says nothing of the next.
TEST(Speculator, OneSlowPassOfTheDrafterDecidesNothing) {
  const Repetition text(10);
  const Speculation any{.kind = SpeculationKind::kAuto};
  const StepCost cost = cheap_rows();
  Speculator speculator(any, {.most_drafts = 4, .pass_for_each = true});
  const auto wanted = [&] { return speculator.plan({{text.target(any)}}, cost)[0]; };
  for (int i = 0; i < 5; ++i) speculator.measured(4, 4e-4);
  const int before = wanted();
  EXPECT_GT(before, 0);
  speculator.measured(4, 40);
  EXPECT_EQ(wanted(), before);
  // It has become slow.
  for (int i = 0; i < 7; ++i) speculator.measured(4, 40);
  EXPECT_EQ(wanted(), 0);
}

// The first pass of all reads its weights from disk.
TEST(Speculator, AColdFirstPassIsForgottenAfterOneMore) {
  const Repetition text(10);
  const Speculation any{.kind = SpeculationKind::kAuto};
  const StepCost cost = cheap_rows();
  Speculator speculator(any, {.most_drafts = 4, .pass_for_each = true});
  const auto wanted = [&] { return speculator.plan({{text.target(any)}}, cost)[0]; };
  speculator.measured(4, 40);
  EXPECT_EQ(wanted(), 0);
  speculator.measured(2, 2e-4);
  EXPECT_GT(wanted(), 0);
}

// A block comes whole; what of it is checked follows from what the drafter tells.
TEST(Speculator, ChecksWhatTheDrafterIsSureOf) {
  const Repetition text(10);
  const Speculation any{.kind = SpeculationKind::kAuto};
  const StepCost cost = cheap_rows();
  Speculator speculator(any, {.most_drafts = 5, .tells_confidence = true});
  const auto checked = [&](const std::vector<float>& confidence) {
    EXPECT_EQ(speculator.plan({{text.target(any)}}, cost), std::vector<int>{5});
    speculator.give(0, 7, text.tokens.size(), {1, 2, 3, 4, 5}, confidence);
    speculator.settle(cost);
    return speculator.propose({.sequence = 7, .tokens = text.tokens, .most = 8}).size();
  };
  EXPECT_EQ(checked({0.9F, 0.9F, 0.9F, 0.9F, 0.9F}), 5U);
  EXPECT_EQ(checked({0.9F, 0.8F, 0.001F, 0.9F, 0.9F}), 2U);
  EXPECT_EQ(checked({0.001F, 0.9F, 0.9F, 0.9F, 0.9F}), 0U);
}

// A drafter that was right once, and has been sure of nothing since: its blocks are not made for
// ever.
TEST(Speculator, ForgetsADrafterThatIsSureOfNothing) {
  const Repetition text(10);
  const Speculation any{.kind = SpeculationKind::kAuto};
  const StepCost cost = cheap_rows();
  Speculator speculator(any, {.most_drafts = 2, .tells_confidence = true});
  int blocks = 0;
  for (int step = 0; step < 2000; ++step) {
    const bool asked = speculator.plan({{text.target(any)}}, cost)[0] > 0;
    if (!asked) continue;
    if (step >= 1000) ++blocks;
    speculator.measured(1, 0.01);
    const float confidence = step < 100 ? 0.9F : 0.001F;
    speculator.give(0, 7, text.tokens.size(), {1, 2}, {confidence, confidence});
    speculator.settle(cost);
    const DraftRequest request{.sequence = 7, .tokens = text.tokens, .most = 2};
    const int checked = static_cast<int>(speculator.propose(request).size());
    if (checked > 0) {
      speculator.observe({.sequence = 7, .proposed = checked, .kept = step < 100 ? checked : 0});
    }
  }
  EXPECT_GT(blocks, 0);  // now and then, in case it has become sure
  EXPECT_LT(blocks, 20);
}

// A course of steps with one sequence and a model's drafter that is right in all or in nothing.
struct RestingCourse {
  bool step(const StepCost& cost, bool right) {
    if (speculator.feeds_model()) {
      ++known;
      ++fed;
    } else {
      known = 0;
    }
    SpeculationTarget target = text.target({.kind = SpeculationKind::kAuto});
    target.known_to_model = known >= 128;
    const int wanted = speculator.plan({{target}}, cost)[0];
    if (wanted == 0) return false;
    EXPECT_TRUE(target.known_to_model);
    speculator.measured(wanted, 1e-5 * wanted);
    speculator.give(0, 7, text.tokens.size(), std::vector<int32_t>(static_cast<size_t>(wanted)),
                    {});
    const DraftRequest request{.sequence = 7, .tokens = text.tokens, .most = 8};
    const int proposed = static_cast<int>(speculator.propose(request).size());
    speculator.observe({.sequence = 7, .proposed = proposed, .kept = right ? proposed : 0});
    return true;
  }

  const Repetition text{10};
  Speculator speculator{{.kind = SpeculationKind::kAuto},
                        {.most_drafts = 4, .pass_for_each = true}};
  int known = 0;
  int fed = 0;
};

TEST(Speculator, ADrafterThatNeverPaysRests) {
  RestingCourse course;
  const StepCost cheap = cheap_rows();
  constexpr int kSteps = 20000;
  for (int i = 0; i < kSteps; ++i) course.step(cheap, false);
  EXPECT_LT(course.fed, kSteps / 4);
  EXPECT_EQ(course.speculator.statistics().rests, kSteps - course.fed);
  // It is tried all the same, and heard where it has become right.
  EXPECT_GT(course.speculator.statistics().probes, 20);
  int guessed = 0;
  for (int i = 0; i < kSteps; ++i) guessed += course.step(cheap, true) ? 1 : 0;
  EXPECT_GT(guessed, kSteps / 2);
}

// Guesses are right, but there are too many rows: when there are fewer, it does not sleep on.
TEST(Speculator, AnotherLoadEndsARest) {
  RestingCourse course;
  const StepCost dear = dear_rows();
  while (course.speculator.feeds_model() && course.fed < 5000) course.step(dear, true);
  ASSERT_FALSE(course.speculator.feeds_model());
  for (int i = 0; i < 100; ++i) course.step(dear, true);
  EXPECT_FALSE(course.speculator.feeds_model());
  const StepCost cheap = cheap_rows();
  for (int i = 0; i < 16; ++i) course.step(cheap, true);
  EXPECT_TRUE(course.speculator.feeds_model());
}

// Who asked for a number of guesses gets them.
TEST(Speculator, ADrafterThatIsAskedForDoesNotRest) {
  const Repetition text(10);
  const Speculation two{.kind = SpeculationKind::kMtp, .drafts = 2};
  Speculator speculator(two, {.most_drafts = 4, .pass_for_each = true});
  const StepCost dear = dear_rows();
  for (int i = 0; i < 3000; ++i) {
    ASSERT_EQ(speculator.plan({{text.target(two)}}, dear)[0], 2);
    speculator.observe({.sequence = 7, .proposed = 2, .kept = 0});
  }
  EXPECT_TRUE(speculator.feeds_model());
}

TEST(Speculation, AnAnswerIsTheSameThoughTheDrafterRests) {
  GenerateRequest request = test::greedy(test::make_prompt(40), 600);
  request.sampling = {.temperature = 1.5F, .seed = 5};
  const auto answer = [&](const Speculation& speculation) {
    Engine engine(test::nano(), {.threads = 2,
                                 .speculation = speculation,
                                 .simulated = SimulatedAcceptance{.survival = {0}}});
    const std::vector<int32_t> tokens = test::run(engine, request).tokens;
    return std::pair(tokens, engine.statistics().speculation.decisions.rests);
  };
  const auto [plain, none] = answer({.kind = SpeculationKind::kOff});
  const auto [guessed, rests] = answer({.kind = SpeculationKind::kAuto});
  EXPECT_EQ(plain.size(), 600U);
  EXPECT_EQ(guessed, plain);
  EXPECT_EQ(none, 0);
  EXPECT_GT(rests, 100);
}

}  // namespace
}  // namespace hadal
