#include "measure/workload/prompt_file.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/python_json.h"
#include "measure/workload/prefix_proof.h"

namespace hadal {
namespace {

using RequestPhase::kMeasured;
using RequestPhase::kWarmUp;

std::vector<WrittenPrompt> read(std::string_view text, PromptFileForm form) {
  TraceLineReader lines(text, "mine");
  return read_prompts(lines, form);
}

std::string prompt_refusal(std::string_view text) {
  try {
    read(text, PromptFileForm::kJsonl);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

constexpr std::string_view kJsonl = R"({"prompt": "Why is the sky blue?", "output_tokens": 9}
{"messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Why?"}]}
)";

TEST(PromptFile, ReadsPlainLinesAndJsonl) {
  const std::vector<WrittenPrompt> plain =
      read("one\n\ntwo {\"prompt\": 1}\r\nthree", PromptFileForm::kPlainLines);
  ASSERT_EQ(plain.size(), 3U);
  EXPECT_EQ(plain[1].text, "two {\"prompt\": 1}");
  const std::vector<WrittenPrompt> json = read(kJsonl, PromptFileForm::kJsonl);
  ASSERT_EQ(json.size(), 2U);
  EXPECT_EQ(json[0].text, "Why is the sky blue?");
  EXPECT_EQ(json[0].output_tokens, 9);
  ASSERT_EQ(json[1].messages.size(), 2U);
  EXPECT_EQ(json[1].messages[1].content, "Why?");
  EXPECT_EQ(form_of_prompt_file("a/b.jsonl"), PromptFileForm::kJsonl);
  EXPECT_EQ(form_of_prompt_file("a/b.txt"), PromptFileForm::kPlainLines);
}

TEST(PromptFile, SlipsAreNamed) {
  EXPECT_NE(prompt_refusal(R"({"promt": "a"})").find("did you mean \"prompt\""), std::string::npos);
  EXPECT_NE(prompt_refusal(R"({"prompt": "a", "messages": []})").find("not both"),
            std::string::npos);
  EXPECT_NE(prompt_refusal(R"({"messages": []})").find("messages are none"), std::string::npos);
  EXPECT_NE(prompt_refusal(R"({"prompt": ""})").find("is empty"), std::string::npos);
  EXPECT_NE(prompt_refusal(R"({"prompt": 5})"), "");
  EXPECT_NE(prompt_refusal(R"({"messages": [{"role": "sistem", "content": ""}]})")
                .find("messages[0].role"),
            std::string::npos);
  EXPECT_NE(prompt_refusal(R"({"messages": [{"role": "user"}]})").find("messages[0].content"),
            std::string::npos);
  EXPECT_NE(prompt_refusal(R"({"prompt": "a", "output_tokens": 0})"), "");
  EXPECT_THROW(read("\xff", PromptFileForm::kPlainLines), Error);
  EXPECT_THROW(WrittenPrompts({}, {}), Error);
}

TEST(WrittenPrompts, NoRoundFindsTheCacheOfAnother) {
  const WrittenPrompts workload(read(kJsonl, PromptFileForm::kJsonl), {});
  const WrittenPrompts salted(read(kJsonl, PromptFileForm::kJsonl), {.content = {.salt = 1}});
  const PromptStyle style{.form = PromptForm::kMessages};
  PrefixProver prover;
  prover.add(workload, kMeasured, 10, style, "repeat 0");
  prover.add(workload, kWarmUp, 10, style, "warm-up");
  prover.add(salted, kMeasured, 10, style, "repeat 1");
  EXPECT_EQ(prover.prove().prompts, 30);
  const PlannedSession session = workload.session(4, kMeasured);
  EXPECT_EQ(session.requests.at(0).output_tokens, 9);
  EXPECT_FALSE(session.requests[0].ignore_eos);
  EXPECT_EQ(session.requests[0].input_tokens, 0);  // the server's to count
  const Prompt prompt = workload.prompt(session.requests[0], style);
  EXPECT_TRUE(prompt.messages.at(0).content.ends_with("]\n\nWhy is the sky blue?"));
}

TEST(WrittenPrompts, AreSentAsWrittenWhereAskedTo) {
  const WrittenPrompts workload(read("one\ntwo\none", PromptFileForm::kPlainLines),
                                {.cache_bust = false});
  const PlannedRequest request = workload.session(1, kMeasured).requests.at(0);
  EXPECT_EQ(workload.prompt(request, {.form = PromptForm::kText}).text, "two");
  EXPECT_EQ(parse_json(workload.describe(), "plan")["repeated_prompts"], 1);
  EXPECT_EQ(request.output_tokens, 256);
}

TEST(WrittenPrompts, HaveNoTokenIds) {
  const WrittenPrompts workload(read(kJsonl, PromptFileForm::kJsonl), {});
  EXPECT_THROW(workload.prompt(workload.session(0, kMeasured).requests[0], {}), Error);
  EXPECT_THROW(
      workload.prompt(workload.session(1, kMeasured).requests[0], {.form = PromptForm::kText}),
      Error);
}

}  // namespace
}  // namespace hadal
