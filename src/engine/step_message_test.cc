#include "engine/step_message.h"

#include <bit>
#include <gtest/gtest.h>
#include <random>
#include <span>
#include <vector>

#include "base/error.h"

namespace hadal {
namespace {

StepMessage example() {
  StepMessage message;
  message.sequences.push_back({.cache = {.pages = {7, 9}, .state_units = {3}, .length = 126},
                               .tokens = {10, 11, 12},
                               .logit_rows = 2,
                               .droppable_rows = 1});
  message.sequences.push_back(
      {.cache = {.pages = {1}, .state_units = {4, 5}, .length = 0, .drafter_rows = 0},
       .tokens = {20}});
  return message;
}

TEST(StepMessage, ComesBackAsItWas) {
  EXPECT_EQ(read_step_message(to_bytes(example())), example());
  EXPECT_EQ(read_step_message(to_bytes(StepMessage{})), StepMessage{});
  const std::vector<CommitMessage> commits = {{.sequence = 1, .rows = 4}, {.sequence = 0}};
  EXPECT_EQ(read_commit_messages(to_bytes(commits)), commits);
  const DraftMessage drafts{.begins = false, .rows = {{.sequence = 3, .token = 77}, {}}};
  EXPECT_EQ(read_draft_message(to_bytes(drafts)), drafts);
}

TEST(StepResult, ComesBackWithItsBits) {
  const std::vector<float> first = {1.5F, -0.0F, 3, 1e-40F};
  const std::vector<float> second = {5, 6};
  const StepResult result{.vocab_size = 2, .logits = {first, {}, second}};
  const ReceivedResult received = read_step_result(to_bytes(result));
  ASSERT_EQ(received.result.logits.size(), 3U);
  EXPECT_TRUE(received.result.logits[1].empty());
  const auto bits = [](std::span<const float> values) {
    std::vector<uint32_t> out;
    for (const float value : values) out.push_back(std::bit_cast<uint32_t>(value));
    return out;
  };
  EXPECT_EQ(bits(received.result.row(0, 1)), bits(std::span(first).subspan(2, 2)));
  EXPECT_EQ(received.result.row(2, 0)[1], 6);
  const DraftResult drafts{.logits = {first, second}, .confidence = {0.25F, 0.5F}};
  const ReceivedDrafts guessed = read_draft_result(to_bytes(drafts));
  EXPECT_EQ(bits(guessed.result.logits[0]), bits(first));
  EXPECT_EQ(bits(guessed.result.logits[1]), bits(second));
  EXPECT_EQ(guessed.result.confidence, drafts.confidence);
}

// Bytes that are cut, changed or added give an error or another message, and never more.
TEST(StepMessage, DamageIsNoticedOrHarmless) {
  const std::vector<std::byte> good = to_bytes(example());
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_THROW(read_step_message(std::span(good).first(length)), Error) << length;
  }
  std::vector<std::byte> longer = good;
  longer.resize(good.size() + 4);
  EXPECT_THROW(read_step_message(longer), Error);
  std::mt19937 random(3);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> bytes = good;
    for (int i = 0; i < 3; ++i) bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    try {
      const StepMessage message = read_step_message(bytes);
      EXPECT_LE(message.sequences.size(), bytes.size());
    } catch (const Error&) {
    }
    try {
      read_step_result(bytes);
    } catch (const Error&) {
    }
    try {
      read_commit_messages(bytes);
    } catch (const Error&) {
    }
    try {
      read_draft_message(bytes);
    } catch (const Error&) {
    }
    try {
      read_draft_result(bytes);
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace hadal
