#include "measure/workload/fixed_lengths.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <string>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/python_json.h"
#include "measure/workload/prefix_proof.h"

namespace hadal {
namespace {

using RequestPhase::kMeasured;
using RequestPhase::kWarmUp;

FixedLengthsOptions options_of(const std::string& shape, uint64_t seed = 1, uint64_t salt = 0) {
  return {.shape = parse_length_shape(shape), .content = {.seed = seed, .salt = salt}};
}

PlannedRequest request_of(const Workload& workload, int64_t number,
                          RequestPhase space = kMeasured) {
  return workload.session(number, space).requests.at(0);
}

std::string shape_refusal(const std::string& shape) {
  try {
    parse_length_shape(shape);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// Lengths and ids computed once in Python.
TEST(FixedLengths, PlansStayWhatTheyAreForEver) {
  const FixedLengths workload(options_of("8k1k"));
  const std::vector<std::pair<int64_t, int64_t>> lengths = {
      {6587, 888}, {6669, 918}, {6699, 959}, {7145, 870}};
  for (size_t i = 0; i < lengths.size(); ++i) {
    const PlannedRequest request = request_of(workload, static_cast<int64_t>(i));
    EXPECT_EQ(std::pair(request.input_tokens, request.output_tokens), lengths[i]);
    EXPECT_TRUE(request.ignore_eos);
    EXPECT_EQ(request.expected_cached_tokens, 0);
  }
  const PromptStyle style{.vocabulary = Vocabulary(0, 129280), .most_tokens = 5};
  const auto first_ids = [&](const FixedLengths& from, int64_t number, RequestPhase space) {
    return from.prompt(request_of(from, number, space), style).tokens;
  };
  using Ids = std::vector<int32_t>;
  EXPECT_EQ(first_ids(workload, 0, kMeasured), (Ids{107854, 70427, 3422, 83829, 50999}));
  EXPECT_EQ(first_ids(workload, 1, kMeasured), (Ids{61155, 99445, 10499, 80659, 60299}));
  EXPECT_EQ(first_ids(workload, 0, kWarmUp), (Ids{110845, 125311, 12491, 90642, 120872}));
  const FixedLengths salted(options_of("8k1k", 1, 1));
  EXPECT_EQ(first_ids(salted, 0, kMeasured), (Ids{114522, 11844, 86605, 45161, 82889}));
  // A repeat asks for the same lengths, so that it measures the same load.
  EXPECT_EQ(request_of(salted, 3).input_tokens, 7145);
}

TEST(FixedLengths, LengthsAreUniformFromFourFifthsUp) {
  const FixedLengths workload(options_of("8k1k"));
  int64_t shortest = 1 << 20;
  int64_t longest = 0;
  double sum = 0;
  constexpr int kRequests = 20000;
  for (int i = 0; i < kRequests; ++i) {
    const PlannedRequest request = request_of(workload, i);
    shortest = std::min(shortest, request.input_tokens);
    longest = std::max(longest, request.input_tokens);
    sum += static_cast<double>(request.input_tokens);
    EXPECT_GE(request.output_tokens, 820);  // ceil(0.8 × 1024)
    EXPECT_LE(request.output_tokens, 1024);
  }
  EXPECT_EQ(shortest, 6554);
  EXPECT_EQ(longest, 8192);
  EXPECT_NEAR(sum / kRequests, 7373, 17);  // five standard errors
}

TEST(FixedLengths, PromptsHaveExactlyTheTokensAskedFor) {
  const FixedLengths workload(options_of("100:5"));
  const PromptStyle style{.vocabulary = Vocabulary(3, 40, {7, 8})};
  const Prompt prompt = workload.prompt(request_of(workload, 0), style);
  ASSERT_EQ(prompt.tokens.size(), 100U);
  for (const int32_t id : prompt.tokens) {
    EXPECT_TRUE(id >= 3 && id < 40 && id != 7 && id != 8) << id;
  }
  EXPECT_EQ(workload.prompt(request_of(workload, 0), style).tokens, prompt.tokens);
}

TEST(FixedLengths, ShapesAreReadOrRefusedWithTheReason) {
  const LengthShape shape = parse_length_shape("300:20:0.5");
  EXPECT_EQ(shape.input, 300);
  EXPECT_EQ(shape.output, 20);
  EXPECT_EQ(shape.range, 0.5);
  EXPECT_EQ(parse_length_shape("300:20").range, 1);
  EXPECT_EQ(parse_length_shape("1k8k").output, 8192);
  EXPECT_NE(shape_refusal("300").find("no pair of lengths"), std::string::npos);
  EXPECT_NE(shape_refusal("0:20").find("not from 1 to"), std::string::npos);
  EXPECT_NE(shape_refusal("300:20:1.5").find("range"), std::string::npos);
  EXPECT_NE(shape_refusal("300:20:nan").find("range"), std::string::npos);
  EXPECT_NE(shape_refusal("300:99999999999999999999"), "");
  EXPECT_NE(shape_refusal("a:b"), "");
  EXPECT_NE(shape_refusal(""), "");
  EXPECT_TRUE(is_length_shape("8192:1024:0.8"));
  EXPECT_FALSE(is_length_shape("agentx"));
}

TEST(FixedLengths, WhatDoesNotFitTheContextIsRefused) {
  FixedLengthsOptions options = options_of("8k1k");
  options.context_limit = 4096;
  EXPECT_THROW(FixedLengths{options}, Error);
  options.context_limit = 9216;
  EXPECT_EQ(request_of(FixedLengths(options), 0).input_tokens, 6587);
}

TEST(FixedLengths, DescribesItsResolvedPlan) {
  FixedLengthsOptions options = options_of("8k1k", 7, 2);
  options.requests = 640;
  const FixedLengths workload(options);
  EXPECT_EQ(workload.sessions(), 640);
  const auto plan = parse_json(workload.describe(), "plan");
  EXPECT_EQ(plan["workload"], "8k1k");
  EXPECT_EQ(plan["input_tokens"], (std::vector<int>{6554, 8192}));
  EXPECT_EQ(plan["requests"], 640);
  EXPECT_EQ(plan["seed"], 7);
  EXPECT_EQ(plan["salt"], 2);
}

// Measured prompts, those of another repeat and the warm-up's, with a vocabulary as small as that
// of a test model.
TEST(PrefixProof, NoTwoPromptsBeginAlikeAcrossRepeatsAndWarmUp) {
  const PromptStyle style{.vocabulary = Vocabulary(0, 300)};
  PrefixProver prover;
  for (uint64_t salt = 0; salt < 3; ++salt) {
    const FixedLengths workload(options_of("64:8", 1, salt));
    prover.add(workload, kMeasured, 1000, style, "repeat " + std::to_string(salt));
    prover.add(workload, kWarmUp, 1000, style, "warm-up " + std::to_string(salt));
  }
  const PrefixProof proof = prover.prove();
  EXPECT_EQ(proof.prompts, 6000);
  EXPECT_GE(proof.longest_shared, 1);
  EXPECT_LE(proof.longest_shared, 6);
}

TEST(PrefixProof, NamesThePromptsThatDo) {
  const FixedLengths workload(options_of("64:8"));
  const PromptStyle style;
  PrefixProver prover;
  prover.add(workload, kMeasured, 20, style, "repeat 0");
  prover.add(workload, kMeasured, 5, style, "repeat 1");  // the salt was forgotten
  try {
    prover.prove();
    FAIL() << "equal prompts passed";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("repeat 0 prompt"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("repeat 1 prompt"), std::string::npos);
  }
  // 600 prompts of one token from 256 cannot all differ.
  PrefixProver short_prompts;
  short_prompts.add(FixedLengths(options_of("1:1")), kMeasured, 600, style, "repeat 0");
  EXPECT_THROW(short_prompts.prove(), Error);
}

TEST(PrefixProof, ReadsTextsToo) {
  const FixedLengths workload(options_of("64:8"));
  const FixedLengths salted(options_of("64:8", 1, 1));
  const PromptStyle style{.form = PromptForm::kText};
  PrefixProver prover;
  prover.add(workload, kMeasured, 300, style, "repeat 0");
  prover.add(salted, kMeasured, 300, style, "repeat 1");
  EXPECT_EQ(prover.prove().prompts, 600);
  prover.add(salted, kMeasured, 1, style, "repeat 2");
  EXPECT_THROW(prover.prove(), Error);
}

}  // namespace
}  // namespace hadal
