#include <gtest/gtest.h>

#include "base/error.h"
#include "measure/gate/reference.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

Reference small_reference() {
  Reference reference{.model = "m", .checkpoint = "abc", .recorded_unix = 1796000000.5, .seed = 9};
  reference.canaries = {{.id = "s", .group = "short", .kind = CanaryKind::kScore, .prompt = {1, 2}},
                        {.id = "c",
                         .group = "chat",
                         .kind = CanaryKind::kChat,
                         .messages = R"([{"role":"user","content":"é"}])",
                         .tools = R"([{"type":"function"}])",
                         .thinking = true,
                         .max_tokens = 4,
                         .expected = "x",
                         .same_as = "s"}};
  ReferenceVariant variant{.name = "fp8", .engine = "hadal", .engine_version = "0.1"};
  variant.answers = {
      {.canary = "s",
       .prompt_tokens = 2,
       .tokens =
           {{.text = "a"},
            {.text = "\"\n", .known = true, .logprob = -1.25, .top = {{"b", -0.5}, {"é", -1}}}}},
      {.canary = "c", .error = "status 400: no"}};
  reference.variants = {variant};
  return reference;
}

std::string error_of(const std::string& text) {
  try {
    parse_reference(text, "ref");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidFile);
    return error.what();
  }
  return {};
}

TEST(ReferenceFile, ComesBackAsItWasWritten) {
  const Reference before = small_reference();
  const std::string text = reference_text(before);
  const Reference after = parse_reference(text, "ref");
  EXPECT_EQ(reference_text(after), text);
  EXPECT_EQ(after.model, "m");
  EXPECT_EQ(after.recorded_unix, before.recorded_unix);
  ASSERT_EQ(after.canaries.size(), 2U);
  EXPECT_EQ(after.canaries[0].prompt, before.canaries[0].prompt);
  EXPECT_TRUE(after.canaries[1].thinking);
  EXPECT_EQ(after.canaries[1].same_as, "s");
  const CanaryAnswer& answer = after.variants.at(0).answers.at(0);
  ASSERT_EQ(answer.tokens.size(), 2U);
  EXPECT_FALSE(answer.tokens[0].known);
  EXPECT_EQ(answer.tokens[1].text, "\"\n");
  EXPECT_EQ(answer.tokens[1].top, before.variants[0].answers[0].tokens[1].top);
  EXPECT_EQ(after.variants[0].answers[1].error, "status 400: no");
}

TEST(ReferenceFile, IsSavedAndLoaded) {
  const test::TemporaryDirectory folder;
  save_reference(small_reference(), folder / "r.jsonl");
  EXPECT_EQ(load_reference(folder / "r.jsonl").seed, 9U);
  EXPECT_THROW(load_reference(folder / "other"), Error);
}

TEST(ReferenceFile, EveryCutAndEveryChangeIsNoticed) {
  const std::string text = reference_text(small_reference());
  for (size_t length = 0; length < text.size(); ++length) {
    EXPECT_NE(error_of(text.substr(0, length)), "") << length;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == '1' ? '2' : '1';
    EXPECT_NE(error_of(changed), "") << i;
  }
  EXPECT_NE(error_of(text + "\n"), "");
}

TEST(ReferenceFile, OtherFilesAreRefusedInWords) {
  EXPECT_NE(error_of("{}\n").find("no reference"), std::string::npos);
  EXPECT_NE(error_of("{\"schema\":\"hadal.reference/2\"}\n").find("another version"),
            std::string::npos);
  std::string text = reference_text(small_reference());
  text.replace(text.find("\"seed\""), 6, "\"sead\"");
  EXPECT_NE(error_of(text).find("sead"), std::string::npos) << error_of(text);
}

}  // namespace
}  // namespace hadal
