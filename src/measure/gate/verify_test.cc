#include "measure/gate/verify.h"

#include <algorithm>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "measure/gate/gate_evidence.h"
#include "support/fake_model_endpoint.h"

namespace hadal {
namespace {

using test::FakeModelEndpoint;

constexpr int kLongest = 700;

auto noise_of(double nats) {
  return [nats](int) { return nats; };
}

// Two roundings, 0.05 nats of noise each.
const Reference& reference() {
  static const Reference recorded = [] {
    FakeModelEndpoint first;
    first.rounding = 1;
    first.noise = noise_of(0.05);
    Reference made = record_reference(first, {}, {.variant = "one", .longest_score = kLongest});
    FakeModelEndpoint second;
    second.rounding = 2;
    second.noise = noise_of(0.05);
    record_variant(made, second, {}, "two");
    return made;
  }();
  return recorded;
}

FakeModelEndpoint right() {
  FakeModelEndpoint endpoint;
  endpoint.rounding = 2;
  endpoint.noise = noise_of(0.05);
  return endpoint;
}

GateReport verify(GateEndpoint& endpoint) { return verify_endpoint(endpoint, {}, reference()); }

std::string failed_checks(const GateReport& report) {
  std::string ids;
  for (const GateCheck& check : report.checks) {
    if (check.outcome == CheckOutcome::kFailed) ids += check.id + " ";
  }
  return ids;
}

std::string diagnosis(const GateReport& report) {
  std::string text;
  for (const std::string& line : report.diagnosis) text += line + "\n";
  return text;
}

TEST(Verify, TheSameNumbersPass) {
  FakeModelEndpoint endpoint = right();
  const GateReport report = verify(endpoint);
  EXPECT_EQ(report.verdict, GateVerdict::kPassed) << gate_report_text(report);
  EXPECT_EQ(report.nearest_variant, "two");
  EXPECT_TRUE(report.same_engine);
  EXPECT_FALSE(report.assumed_spread);
  EXPECT_NE(find_check(report, "departure")->text.find("prompts departs"), std::string::npos);
  EXPECT_EQ(gate_report_text(report).find("0 of 0"), std::string::npos) << gate_report_text(report);
  for (const char* id : {"tokens", "arithmetic", "level.scores", "departure", "slope", "warm",
                         "prefix", "greedy", "level.chat", "chat.prompts"}) {
    const GateCheck* check = find_check(report, id);
    ASSERT_NE(check, nullptr) << id;
    EXPECT_EQ(check->outcome, CheckOutcome::kPassed) << id;
  }
}

TEST(Verify, AnotherRoundingPassesForAnotherEngineOnly) {
  FakeModelEndpoint endpoint = right();
  endpoint.rounding = 3;
  EXPECT_EQ(failed_checks(verify(endpoint)).find("arithmetic"), 0U);
  endpoint.engine = "vllm";
  const GateReport report = verify(endpoint);
  EXPECT_EQ(report.verdict, GateVerdict::kPassed) << gate_report_text(report);
  EXPECT_FALSE(report.same_engine);
}

TEST(Verify, TwiceTheNoiseFails) {
  FakeModelEndpoint endpoint = right();
  endpoint.engine = "vllm";
  endpoint.rounding = 3;
  endpoint.noise = noise_of(0.12);
  const GateReport report = verify(endpoint);
  EXPECT_NE(failed_checks(report).find("level.scores"), std::string::npos)
      << gate_report_text(report);
  EXPECT_NE(diagnosis(report).find("rounded more coarsely"), std::string::npos);
}

TEST(Verify, ADepartureAtOnePlaceIsFoundBelowTheLevel) {
  FakeModelEndpoint endpoint = right();
  endpoint.noise = [](int position) { return position < 129 ? 0.05 : 0.06; };
  const GateReport report = verify(endpoint);
  EXPECT_EQ(failed_checks(report), "departure ") << gate_report_text(report);
  EXPECT_NE(diagnosis(report).find("position 129 on in"), std::string::npos) << diagnosis(report);
  EXPECT_NE(diagnosis(report).find("sliding window"), std::string::npos);
}

TEST(Verify, DeparturesAtPlacesOfTheirOwnAreHonest) {
  // Another instruction set: from some token on, in each prompt another, a value is rounded the
  // other way.
  FakeModelEndpoint endpoint = right();
  int prompt = 0;
  int begin = 0;
  endpoint.on_prompt = [&](std::vector<int>&) { begin = 9 + 7 * (prompt++ % 23); };
  endpoint.noise = [&](int position) { return position < begin ? 0.05 : 0.052; };
  const GateReport report = verify(endpoint);
  EXPECT_EQ(failed_checks(report), "") << gate_report_text(report);
}

TEST(Verify, LongPromptsAlone) {
  FakeModelEndpoint endpoint = right();
  endpoint.noise = [](int position) { return position < 300 ? 0.05 : 1.0; };
  const GateReport report = verify(endpoint);
  EXPECT_NE(failed_checks(report).find("level.scores"), std::string::npos);
  EXPECT_NE(diagnosis(report).find("long ones are not"), std::string::npos) << diagnosis(report);
}

TEST(Verify, SteeperDistributions) {
  FakeModelEndpoint endpoint = right();
  endpoint.engine = "vllm";
  endpoint.steepness = 1.07;
  EXPECT_NE(failed_checks(verify(endpoint)).find("slope"), std::string::npos);
}

TEST(Verify, AnotherTokenizer) {
  FakeModelEndpoint endpoint = right();
  endpoint.token_prefix = "word";
  const GateReport report = verify(endpoint);
  EXPECT_NE(failed_checks(report).find("tokens"), std::string::npos);
  EXPECT_NE(diagnosis(report).find("another tokenizer"), std::string::npos);
}

TEST(Verify, SampledAnswers) {
  FakeModelEndpoint endpoint = right();
  endpoint.samples = true;
  const GateReport report = verify(endpoint);
  EXPECT_NE(failed_checks(report).find("greedy"), std::string::npos);
  EXPECT_NE(diagnosis(report).find("temperature 0"), std::string::npos);
}

TEST(Verify, AStalePrefixIsNamed) {
  FakeModelEndpoint endpoint = right();
  // Where the beginning was changed it is put back.
  std::vector<int> beginning;
  endpoint.on_prompt = [&](std::vector<int>& ids) {
    constexpr size_t kShared = 280;
    constexpr size_t kPrefix = 292;
    if (ids.size() != kPrefix) return;
    if (beginning.empty()) beginning.assign(ids.begin(), ids.begin() + kShared);
    if (ids[100] == beginning[100] && ids[200] == beginning[200]) {
      std::copy(beginning.begin(), beginning.end(), ids.begin());
    }
  };
  const GateReport report = verify(endpoint);
  EXPECT_NE(failed_checks(report).find("prefix"), std::string::npos) << gate_report_text(report);
  EXPECT_NE(diagnosis(report).find("cached beginnings"), std::string::npos) << diagnosis(report);
}

TEST(Verify, AWarmCacheThatAnswersOtherwise) {
  FakeModelEndpoint endpoint = right();
  std::vector<std::vector<int>> seen;
  endpoint.on_prompt = [&](std::vector<int>& ids) {
    constexpr size_t kPrefix = 292;
    if (ids.size() != kPrefix) return;
    const bool warm = std::find(seen.begin(), seen.end(), ids) != seen.end();
    seen.push_back(ids);
    if (warm) ids[5] ^= 1;
  };
  EXPECT_NE(failed_checks(verify(endpoint)).find("warm"), std::string::npos);
}

TEST(Verify, AnotherChatTemplate) {
  FakeModelEndpoint endpoint = right();
  endpoint.on_prompt = [](std::vector<int>& ids) {
    if (ids[0] == '[' && ids[1] == '{') ids.push_back('\n');
  };
  const GateReport report = verify(endpoint);
  EXPECT_NE(failed_checks(report).find("chat.prompts"), std::string::npos);
  EXPECT_EQ(failed_checks(report).find("level.scores"), std::string::npos);
  EXPECT_NE(diagnosis(report).find("the chat template"), std::string::npos) << diagnosis(report);
}

TEST(Verify, WithoutEchoContinuationsAreJudged) {
  FakeModelEndpoint endpoint = right();
  endpoint.echoes = false;
  const GateReport passed = verify(endpoint);
  EXPECT_EQ(passed.verdict, GateVerdict::kPassed) << gate_report_text(passed);
  EXPECT_EQ(find_check(passed, "level.scores")->outcome, CheckOutcome::kNotChecked);
  endpoint.rounding = 3;
  EXPECT_EQ(failed_checks(verify(endpoint)), "arithmetic ");
}

TEST(Verify, WithoutLogprobsTextsAreJudged) {
  FakeModelEndpoint endpoint = right();
  endpoint.tells_logprobs = false;
  const GateReport passed = verify(endpoint);
  EXPECT_EQ(passed.verdict, GateVerdict::kPassed) << gate_report_text(passed);
  EXPECT_NE(gate_report_text(passed).find("only gross faults"), std::string::npos);
  endpoint.noise = noise_of(2);
  EXPECT_EQ(failed_checks(verify(endpoint)), "texts ");
}

TEST(Verify, AnEndpointThatOnlyChats) {
  FakeModelEndpoint endpoint = right();
  endpoint.has_completions = false;
  EXPECT_EQ(verify(endpoint).verdict, GateVerdict::kPassed);
  endpoint.noise = noise_of(0.5);
  EXPECT_NE(failed_checks(verify(endpoint)).find("level.chat"), std::string::npos);
}

TEST(Verify, OneVariantAssumesASpreadAndSaysSo) {
  Reference one = reference();
  one.variants.resize(1);
  FakeModelEndpoint endpoint = right();
  endpoint.engine = "vllm";
  const GateReport report = verify_endpoint(endpoint, {}, one);
  EXPECT_TRUE(report.assumed_spread);
  EXPECT_EQ(report.verdict, GateVerdict::kPassed) << gate_report_text(report);
  EXPECT_NE(gate_report_text(report).find("is assumed"), std::string::npos);
}

TEST(Verify, WhatAnswersNothingIsAnError) {
  FakeModelEndpoint endpoint;
  endpoint.has_chat = false;
  endpoint.has_completions = false;
  try {
    verify(endpoint);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_NE(std::string(error.what()).find("no such route"), std::string::npos) << error.what();
  }
}

TEST(Verify, TheReportIsJsonWhateverTheEndpointSays) {
  FakeModelEndpoint endpoint = right();
  const GateReport report = verify(endpoint);
  const auto document = nlohmann::json::parse(gate_report_json(report));
  EXPECT_EQ(document["schema"], "hadal.gate/1");
  EXPECT_EQ(document["verdict"], "passed");
  EXPECT_EQ(document["groups"].size(), 8U);
  GateReport odd = report;
  odd.warnings.emplace_back("\xff");
  EXPECT_TRUE(nlohmann::json::accept(gate_report_json(odd, 2)));
}

}  // namespace
}  // namespace hadal
