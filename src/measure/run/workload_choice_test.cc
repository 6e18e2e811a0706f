#include "measure/run/workload_choice.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal {
namespace {

std::string refusal(const WorkloadOptions& options) {
  try {
    check_workload_name(options);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(WorkloadChoice, NamesAreKnownOrTheNearestIsNamed) {
  for (const char* name :
       {"8k1k", "1k1k", "1k8k", "512:64", "512:64:0.5", "agentx", "mooncake", "conversations"}) {
    EXPECT_EQ(refusal({.name = name}), "") << name;
    EXPECT_FALSE(make_workload({.name = name}, {.lanes = 2, .sessions = 3})->describe().empty());
  }
  EXPECT_NE(refusal({.name = "agentix"}).find("did you mean agentx?"), std::string::npos);
  EXPECT_NE(refusal({.name = "trace"}).find("--trace FILE"), std::string::npos);
  EXPECT_NE(refusal({.name = "8k1k", .trace = "x"}).find("--trace"), std::string::npos);
  EXPECT_NE(refusal({.name = "8192:0"}), "");
}

TEST(WorkloadChoice, ThePassSetsContentsApart) {
  const PromptStyle style = {.form = PromptForm::kTokens, .vocabulary = Vocabulary(0, 1000)};
  const auto tokens = [&](const WorkloadPass& pass, uint64_t seed) {
    const auto workload = make_workload({.name = "64:8", .seed = seed}, pass);
    return workload->prompt(workload->session(0, RequestPhase::kMeasured).requests[0], style)
        .tokens;
  };
  EXPECT_EQ(tokens({.sessions = 5}, 1), tokens({.sessions = 5}, 1));
  EXPECT_NE(tokens({.sessions = 5}, 1), tokens({.sessions = 5}, 2));
  EXPECT_NE(tokens({.salt = 1, .sessions = 5}, 1), tokens({.sessions = 5}, 1));
}

TEST(WorkloadChoice, ScaledWorkloadsFitSmallContexts) {
  for (const char* name : {"agentx", "conversations", "mooncake"}) {
    const auto workload = make_workload({.name = name, .length_scale = 0.02, .context_limit = 2048},
                                        {.lanes = 2, .sessions = 4});
    const PlannedSession session = workload->session(0, RequestPhase::kMeasured);
    ASSERT_FALSE(session.requests.empty()) << name;
    for (const PlannedRequest& request : session.requests) {
      EXPECT_LE(request.input_tokens + request.output_tokens, 2048) << name;
    }
  }
}

}  // namespace
}  // namespace hadal
