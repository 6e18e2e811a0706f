// Control tokens that a model writes into the middle of its answer were shown: "x<｜User｜>y".
#include <cstdint>
#include <gtest/gtest.h>

#include "chat/turn.h"
#include "support/source_dir.h"
#include "text/tokenizer.h"

namespace hadal {
namespace {

TEST(SpecialTokensInContentTest, AreLeftOut) {
  const Tokenizer tokenizer = Tokenizer::load(test::source_path("models/nano/tokenizer.json"));
  AnswerReader reader(tokenizer, {});
  ChatAnswer answer;
  for (const int32_t token :
       tokenizer.encode("x<｜User｜>y<｜Assistant｜>z<｜begin▁of▁sentence｜>w")) {
    for (const CompletionEvent& event : reader.push(token)) answer.add(event);
  }
  for (const CompletionEvent& event : reader.finish(false)) answer.add(event);
  EXPECT_EQ(answer.content, "xyzw");
}

}  // namespace
}  // namespace hadal
