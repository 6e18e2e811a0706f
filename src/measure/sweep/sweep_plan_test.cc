#include "measure/sweep/sweep_plan.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>

#include "base/error.h"

namespace hadal {
namespace {

constexpr const char* kPlan = R"(
name = "nightly"
[[endpoint]]
name = "a"
url = "http://a:1"
gpus = 8
prefill_gpus = 4
launch_command = "vllm serve --x 'y z'"
[[endpoint]]
name = "b"
url = "http://b:1"
[[workload]]
workload = "8k1k"
concurrency = [1, 4, 16]
slo_ttft = 2.5
[[workload]]
name = "short"
workload = "128:32"
)";

SweepPlan plan(const std::string& text = kPlan) { return read_sweep_plan(text, "p.toml", "."); }

bool has_pair(const std::vector<std::string>& words, const std::string& a, const std::string& b) {
  const auto found = std::find(words.begin(), words.end(), a);
  return found != words.end() && found + 1 != words.end() && *(found + 1) == b;
}

TEST(SweepPlan, KeysBecomeOptionsOfMeasureRun) {
  const SweepPlan read = plan();
  const std::vector<SweepJob> jobs = sweep_jobs(read, 0, "0.26", "");
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(jobs[0].label, "nightly/a/8k1k");
  EXPECT_EQ(jobs[1].label, "nightly/a/short");
  const std::vector<std::string> words = job_words(read, jobs[0], "s.sqlite", "0.26");
  EXPECT_EQ(words[0], "measure");
  EXPECT_EQ(words[1], "run");
  EXPECT_TRUE(has_pair(words, "--url", "http://a:1"));
  EXPECT_TRUE(has_pair(words, "--concurrency", "1,4,16"));
  EXPECT_TRUE(has_pair(words, "--slo-ttft", "2.5"));
  EXPECT_TRUE(has_pair(words, "--prefill-gpus", "4"));
  EXPECT_TRUE(has_pair(words, "--launch-command", "vllm serve --x 'y z'"));
  EXPECT_TRUE(has_pair(words, "--mark", jobs[0].mark));
  EXPECT_TRUE(has_pair(words, "--store", "s.sqlite"));
}

// A measurement is another one as soon as anything about it is.
TEST(SweepPlan, MarksTellMeasurementsApart) {
  std::set<std::string> marks;
  const auto add = [&](const SweepPlan& read, size_t endpoint, const std::string& version,
                       const std::string& period) {
    for (const SweepJob& job : sweep_jobs(read, endpoint, version, period)) marks.insert(job.mark);
  };
  add(plan(), 0, "1", "");
  add(plan(), 0, "1", "");  // the same once more
  EXPECT_EQ(marks.size(), 2u);
  add(plan(), 1, "1", "");
  add(plan(), 0, "2", "");
  add(plan(), 0, "1", "2026-08-01");
  std::string changed = kPlan;
  changed.replace(changed.find("gpus = 8"), 8, "gpus = 4");
  add(plan(changed), 0, "1", "");
  EXPECT_EQ(marks.size(), 10u);
  changed = kPlan;
  changed.replace(changed.find("[1, 4, 16]"), 10, "[1, 4, 32]");
  add(plan(changed), 0, "1", "");  // one of the two workloads
  EXPECT_EQ(marks.size(), 11u);
}

TEST(SweepPlan, NamesWhatIsWrong) {
  const auto refusal = [](const std::string& text) {
    try {
      plan(text);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(refusal("name = \"x\"\n").find("endpoint"), std::string::npos);
  EXPECT_NE(refusal("schema = \"hadal.recipe/1\"\n").find("hadal.sweep/1"), std::string::npos);
  EXPECT_NE(refusal(std::string(kPlan) + "[[workload]]\nname = \"short\"\nworkload = \"1k1k\"\n")
                .find("two entries"),
            std::string::npos);
  EXPECT_NE(refusal(std::string(kPlan) + "[[workload]]\nname = \"x\"\n").find("workload[2]"),
            std::string::npos);
  EXPECT_NE(refusal(std::string(kPlan) + "[[workload]]\nworkload = \"1k1k\"\nconcurency = 1\n")
                .find("concurency"),
            std::string::npos);
  EXPECT_NE(refusal(std::string(kPlan) + "concurrency = {}\n").find("concurrency"),
            std::string::npos);
}

}  // namespace
}  // namespace hadal
