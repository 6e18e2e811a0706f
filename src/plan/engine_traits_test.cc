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

TEST(Engines, VersionsHaveTheirOwnPools) {
  EXPECT_TRUE(engine_traits("vllm").pool.packed);
  EXPECT_TRUE(engine_traits("vllm@0.28.1").pool.packed);
  EXPECT_FALSE(engine_traits("vllm@v0.22").pool.packed);
  EXPECT_TRUE(engine_traits("sglang@0.5.13").pool.state_by_token);
  EXPECT_FALSE(engine_traits("sglang@0.5.15").pool.state_by_token);
  EXPECT_FALSE(engine_traits("vllm@0.1").pool.state_by_token);
  EXPECT_TRUE(engine_traits("vllm@nightly").pool.packed);
  EXPECT_TRUE(engine_traits("vllm@").pool.packed);
  EXPECT_TRUE(engine_traits("vllm@99999999999").pool.packed);
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
