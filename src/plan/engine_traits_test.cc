#include "plan/engine_traits.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal {
namespace {

TEST(Engines, AreFoundInLongerNames) {
  EXPECT_TRUE(find_engine("dynamo-vllm")->mixes);
  EXPECT_TRUE(find_engine("atomesh-vllm")->mixes);
  EXPECT_TRUE(find_engine("atom")->gathers_prefills);
  EXPECT_TRUE(find_engine("ik_llama.cpp")->stages);
  EXPECT_EQ(engine_traits("vllm@0.25").name, "vllm@0.25");
  EXPECT_FALSE(find_engine("tensorrt-llm")->mixes);
  EXPECT_FALSE(find_engine("colibri"));
  EXPECT_FALSE(find_engine(""));
}

TEST(Engines, UnknownOnesSuggestAKnownOne) {
  const auto refusal = [](std::string_view name) -> std::string {
    try {
      engine_traits(name);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(refusal("sglnag@0.5").find("did you mean sglang?"), std::string::npos);
  EXPECT_NE(refusal("bananas").find("vllm, sglang"), std::string::npos);
}

}  // namespace
}  // namespace hadal
