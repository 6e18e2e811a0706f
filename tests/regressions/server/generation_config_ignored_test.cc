// hadal run took its sampling defaults from the model's generation_config.json, hadal serve did
// not: the same model answered greedily in the terminal and was sampled at temperature 1 over HTTP.
#include <gtest/gtest.h>

#include "chat/sampling_defaults.h"
#include "read_request.h"
#include "support/source_dir.h"

namespace hadal::regressions {
namespace {

SamplingOptions sampling_of(const std::string& fields) {
  const RequestRules rules{.model_names = {"nano"},
                           .vocab_size = 2048,
                           .sampling = sampling_defaults(test::source_path("models/nano"))};
  const std::string body = R"({"messages": [{"role": "user", "content": "hello"}])" + fields + "}";
  return read_chat_completion_request(body, rules, nano_tokenizer()).turn.sampling;
}

TEST(GenerationConfigIgnoredTest, ARequestThatDoesNotSayFollowsTheModel) {
  // Nano's file says "do_sample": false.
  EXPECT_EQ(sampling_of("").temperature, 0.0F);
  EXPECT_EQ(sampling_of(R"(, "temperature": null)").temperature, 0.0F);
}

TEST(GenerationConfigIgnoredTest, WhatTheRequestSaysCountsFirst) {
  EXPECT_EQ(sampling_of(R"(, "temperature": 0.5)").temperature, 0.5F);
  EXPECT_EQ(sampling_of(R"(, "temperature": 1, "top_k": 3)").top_k, 3);
}

}  // namespace
}  // namespace hadal::regressions
