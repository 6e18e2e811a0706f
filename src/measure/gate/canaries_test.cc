#include "measure/gate/canaries.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <numeric>
#include <set>

#include <nlohmann/json.hpp>

namespace hadal {
namespace {

CanaryPlan plan_of(int context) {
  CanaryPlan plan{.seed = 5, .context = context, .first_token = 0};
  plan.stream.resize(4000);
  std::iota(plan.stream.begin(), plan.stream.end(), 10);
  return plan;
}

const Canary& find(const std::vector<Canary>& all, const std::string& id) {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& c) { return c.id == id; });
  EXPECT_NE(found, all.end()) << id;
  return *found;
}

TEST(Canaries, AreMadeFromTheSeedAlone) {
  EXPECT_EQ(canary_text(7), canary_text(7));
  EXPECT_NE(canary_text(7), canary_text(8));
  const std::vector<Canary> a = make_canaries(plan_of(4096));
  const std::vector<Canary> b = make_canaries(plan_of(4096));
  ASSERT_EQ(a.size(), b.size());
  std::set<std::string> ids;
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].prompt, b[i].prompt);
    EXPECT_EQ(a[i].messages, b[i].messages);
    EXPECT_TRUE(ids.insert(a[i].id).second) << a[i].id;
  }
}

TEST(Canaries, CrossTheBordersOfWindowsPagesAndCompressedBlocks) {
  const std::vector<Canary> all = make_canaries(plan_of(4096));
  std::set<size_t> lengths;
  std::map<std::string, int> groups;
  int begun = 0;
  int prompts = 0;
  for (const Canary& canary : all) {
    ++groups[canary.group];
    if (canary.kind == CanaryKind::kChat) continue;
    begun += canary.prompt.front() == 0 ? 1 : 0;
    prompts += 1;
    if (canary.group == "border") lengths.insert(canary.prompt.size());
  }
  EXPECT_GT(begun, 10);
  EXPECT_LT(begun, 2 * prompts / 3);
  for (const size_t border : {4, 64, 128, 256, 512}) {
    for (const size_t length : {border - 1, border, border + 1}) {
      EXPECT_TRUE(lengths.contains(length)) << length;
    }
  }
  for (const char* group :
       {"short", "middle", "long", "border", "prefix", "chat", "thinking", "tools"}) {
    EXPECT_GE(groups[group], 2) << group;
  }
}

TEST(Canaries, FitTheContext) {
  for (const int context : {64, 200, 300, 1000}) {
    for (const Canary& canary : make_canaries(plan_of(context))) {
      EXPECT_LE(static_cast<int>(canary.prompt.size()) + std::max(1, canary.max_tokens), context)
          << canary.id;
    }
  }
}

TEST(Canaries, WithoutIdsThereAreConversations) {
  const std::vector<Canary> all = make_canaries({.seed = 1});
  EXPECT_GE(all.size(), 10U);
  for (const Canary& canary : all) {
    EXPECT_EQ(canary.kind, CanaryKind::kChat);
    const auto messages = nlohmann::json::parse(canary.messages);
    ASSERT_TRUE(messages.is_array()) << canary.messages;
    for (const auto& message : messages) EXPECT_TRUE(message.contains("role")) << canary.messages;
    EXPECT_EQ(canary.tools.empty(), canary.group != "tools");
    EXPECT_TRUE(canary.tools.empty() || nlohmann::json::parse(canary.tools).is_array());
    // The answer stands in the question, once.
    const size_t at = canary.messages.find(canary.expected);
    if (!canary.expected.empty()) {
      ASSERT_NE(at, std::string::npos);
      EXPECT_EQ(canary.messages.find(canary.expected, at + 1), std::string::npos);
    }
  }
}

TEST(Canaries, PrefixesAreSharedAskedTwiceAndChanged) {
  const std::vector<Canary> all = make_canaries(plan_of(4096));
  const Canary& cold = find(all, "prefix-0-cold");
  const Canary& warm = find(all, "prefix-0-warm");
  const Canary& other = find(all, "prefix-0-other-beginning");
  const Canary& end = find(all, "prefix-0-other-end");
  EXPECT_EQ(warm.prompt, cold.prompt);
  EXPECT_EQ(warm.same_as, cold.id);
  EXPECT_EQ(other.not_as, cold.id);
  EXPECT_EQ(other.prompt.size(), cold.prompt.size());
  EXPECT_NE(std::vector(other.prompt.begin(), other.prompt.begin() + 256),
            std::vector(cold.prompt.begin(), cold.prompt.begin() + 256));
  EXPECT_TRUE(
      std::equal(other.prompt.begin() + 256, other.prompt.end(), cold.prompt.begin() + 256));
  EXPECT_TRUE(std::equal(end.prompt.begin(), end.prompt.begin() + 256, cold.prompt.begin()));
  EXPECT_NE(end.prompt, cold.prompt);
}

}  // namespace
}  // namespace hadal
