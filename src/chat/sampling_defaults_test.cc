#include "chat/sampling_defaults.h"

#include <fstream>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/error.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

class SamplingDefaultsTest : public testing::Test {
 protected:
  SamplingDefaults with(const std::string& text) {
    std::ofstream(directory_ / "generation_config.json") << text;
    return sampling_defaults(directory_);
  }
  std::string refusal_of(const std::string& text) {
    try {
      with(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidFile);
      return error.what();
    }
    return "";
  }
  test::TemporaryDirectory scratch_;
  std::filesystem::path directory_ = scratch_.path();
};

TEST_F(SamplingDefaultsTest, FollowsTheModel) {
  EXPECT_EQ(sampling_defaults(directory_).temperature, 1.0F);
  EXPECT_EQ(with(R"({"do_sample": false, "temperature": 0.5})").temperature, 0.0F);
  EXPECT_EQ(with(R"({"do_sample": true, "temperature": 0.5, "top_p": 0.9})").temperature, 0.5F);
  EXPECT_EQ(with(R"({"top_p": 0.25})").top_p, 0.25F);
  EXPECT_EQ(with(R"({"temperature": null, "do_sample": null})").temperature, 1.0F);
  const SamplingDefaults options =
      with(R"({"top_k": 20, "min_p": 0.125, "repetition_penalty": 1.5, "pad_token_id": 7})");
  EXPECT_EQ(options.top_k, 20);
  EXPECT_EQ(options.min_p, 0.125F);
  EXPECT_EQ(options.repetition_penalty, 1.5F);
  EXPECT_EQ(with(R"({"top_k": -1})").top_k, 0);
}

TEST_F(SamplingDefaultsTest, RefusesNonsenseByName) {
  const auto names = [&](const std::string& text, const std::string& part) {
    const std::string refusal = refusal_of(text);
    EXPECT_NE(refusal.find(part), std::string::npos) << refusal;
    EXPECT_NE(refusal.find("generation_config.json"), std::string::npos) << refusal;
    EXPECT_NE(refusal.find("mend or delete"), std::string::npos) << refusal;
  };
  names(R"({"temperature": "hot"})", "temperature");
  names(R"({"temperature": -1})", "temperature");
  names(R"({"top_p": 2})", "top_p");
  names(R"({"top_k": 1.5})", "top_k");
  names(R"({"repetition_penalty": 0})", "repetition_penalty");
  names(R"({"do_sample": "yes"})", "do_sample");
  names("[]", "object");
  EXPECT_NE(refusal_of("{"), "");
}

TEST(DescribeSamplingTest, TellsWhatDiffers) {
  EXPECT_EQ(describe_sampling({.temperature = 0, .top_p = 0.5F}), "temperature 0");
  EXPECT_EQ(describe_sampling({}), "temperature 1, top_p 1");
  EXPECT_EQ(describe_sampling({.temperature = 0.5F, .top_p = 0.25F, .top_k = 20}),
            "temperature 0.5, top_p 0.25, top_k 20");
}

}  // namespace
}  // namespace hadal
