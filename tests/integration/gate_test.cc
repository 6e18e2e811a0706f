// The correctness gate against served models: it finds every fault put into them, and lets pass
// what honest engines do differently. With HADAL_GATE_SEEDS=50 the honest runs are 200.
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <gtest/gtest.h>
#include <iostream>
#include <memory>
#include <thread>

#include "base/error.h"
#include "gate_faults.h"
#include "measure/gate/own_reference.h"
#include "measure/gate/reference_server.h"
#include "measure/gate/verify.h"
#include "program.h"
#include "support/source_dir.h"

namespace hadal::integration {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;
using test::FaultyModel;

constexpr int kLongestScore = 1200;

// A served model, asked over HTTP.
struct Served {
  Served(const fs::path& model, const Words& arguments)
      : server({.program = hadal_binary(), .model = model, .arguments = arguments}),
        endpoint(server.url()) {}
  ReferenceServer server;
  HttpGateEndpoint endpoint;
};

Words policy(const std::string& name) { return {"--activations", name}; }

// A model and its reference, made once for all tests of the program.
struct Subject {
  fs::path path;
  int window = 0;
  Reference reference;
};

Reference record(const std::vector<GateEndpoint*>& endpoints, uint64_t seed) {
  Reference reference = record_reference(
      *endpoints[0], {}, {.seed = seed, .variant = "variant-0", .longest_score = kLongestScore});
  for (size_t i = 1; i < endpoints.size(); ++i) {
    record_variant(reference, *endpoints[i], {}, "variant-" + std::to_string(i));
  }
  return reference;
}

Subject make_subject(const fs::path& path, int window) {
  return {
      .path = path,
      .window = window,
      .reference = record_own_reference(
          {.program = hadal_binary(), .model = path, .record = {.longest_score = kLongestScore}})};
}

const Subject& nano() {
  static const Subject subject = make_subject(test::source_path("models/nano"), 64);
  return subject;
}

const Subject& pico() {
  static const Scratch scratch;
  static const Subject subject = [] {
    const Outcome made = run_hadal({.words = {"synth", "pico", scratch.path("pico").string()}});
    if (made.status != 0) throw std::runtime_error(made.err);
    return make_subject(scratch.path("pico"), 128);
  }();
  return subject;
}

std::string all_text(const GateReport& report) { return gate_report_text(report); }

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

void print_if_asked(const std::string& name, const GateReport& report) {
  if (std::getenv("HADAL_GATE_PRINT") == nullptr) return;
  std::cerr << "== " << name << "\n" << all_text(report);
}

class GateTest : public testing::TestWithParam<std::string> {
 protected:
  const Subject& subject() const { return GetParam() == "nano" ? nano() : pico(); }
  GateReport verify(GateEndpoint& endpoint) const {
    return verify_endpoint(endpoint, {}, subject().reference);
  }
};

TEST_P(GateTest, CatchesFaultsOfTheModel) {
  for (const ModelFault& fault : model_faults(subject().window)) {
    const Scratch scratch;
    FaultyModel model(subject().path, scratch.path(GetParam()));
    fault.inject(model);
    Served served(model.path(), {});
    const GateReport report = verify(served.endpoint);
    print_if_asked(GetParam() + " " + fault.name, report);
    EXPECT_EQ(report.verdict, GateVerdict::kFailed) << fault.name << "\n" << all_text(report);
    EXPECT_FALSE(report.diagnosis.empty()) << fault.name;
    EXPECT_NE(joined(report.diagnosis).find(fault.diagnosis), std::string::npos)
        << fault.name << "\n"
        << all_text(report);
  }
}

TEST_P(GateTest, CatchesAStalePrefix) {
  Served served(subject().path, {});
  for (const auto& change : {stale_page(), mistaken_prompt()}) {
    ChangedQuestions stale(served.endpoint, change);
    const GateReport report = verify(stale);
    print_if_asked(GetParam() + " stale prefix", report);
    EXPECT_EQ(report.verdict, GateVerdict::kFailed) << all_text(report);
    EXPECT_NE(joined(report.diagnosis).find("cached beginnings"), std::string::npos)
        << all_text(report);
  }
}

TEST_P(GateTest, CatchesAWrongChatTemplate) {
  Served served(subject().path, {});
  for (const auto& change : {other_template(), template_with_a_line_break()}) {
    ChangedQuestions changed(served.endpoint, change);
    const GateReport report = verify(changed);
    print_if_asked(GetParam() + " chat template", report);
    EXPECT_EQ(report.verdict, GateVerdict::kFailed) << all_text(report);
    EXPECT_NE(joined(report.diagnosis).find("chat template"), std::string::npos)
        << all_text(report);
  }
}

// HADAL_GATE_SEEDS asks for more than CI has time for: the scalar reference, and many seeds.
bool takes_its_time() { return std::getenv("HADAL_GATE_SEEDS") != nullptr; }

// An instruction set that is not the default one.
std::string other_isa() { return __builtin_cpu_supports("avx512f") ? "avx2" : "ref"; }

// Not the arithmetic of the reference, and yet the same model.
std::vector<Words> honest_variations() {
  std::vector<Words> all = {{"--activations", "none"},
                            {"--activations", "int8", "--max-running", "1", "--threads", "1"},
                            {"--isa", other_isa(), "--activations", "fp8", "--step-budget", "5"}};
  if (takes_its_time()) {
    all.push_back({"--isa", "ref", "--activations", "fp8"});
    all.push_back({"--isa", "ref", "--activations", "int8", "--threads", "1"});
  }
  return all;
}

TEST_P(GateTest, LetsHonestVariationsPass) {
  for (const Words& words : honest_variations()) {
    Served served(subject().path, words);
    const GateReport report = verify(served.endpoint);
    print_if_asked(GetParam() + " " + joined(words), report);
    EXPECT_EQ(report.verdict, GateVerdict::kPassed) << joined(words) << all_text(report);
  }
}

// Beside other requests, in batches that change from step to step.
TEST_P(GateTest, LetsABusyServerPass) {
  Served served(subject().path, {});
  std::atomic<bool> done = false;
  std::thread others([&] {
    HttpGateEndpoint endpoint(served.server.url());
    while (!done) {
      endpoint.ask("/v1/chat/completions",
                   R"({"messages":[{"role":"user","content":"Hello!"}],"max_tokens":16})");
    }
  });
  const GateReport report = verify(served.endpoint);
  done = true;
  others.join();
  EXPECT_EQ(report.verdict, GateVerdict::kPassed) << all_text(report);
}

// An endpoint that tells no log-probabilities at all.
TEST_P(GateTest, JudgesByTextsWhereThereIsNothingElse) {
  const auto mute = [](std::string_view, nlohmann::ordered_json& body) {
    body.erase("logprobs");
    body.erase("top_logprobs");
    body.erase("echo");
  };
  Served right(subject().path, policy("int8"));
  ChangedQuestions right_texts(right.endpoint, mute);
  const GateReport passed = verify(right_texts);
  print_if_asked(GetParam() + " by texts", passed);
  EXPECT_EQ(passed.verdict, GateVerdict::kPassed) << all_text(passed);

  const Scratch scratch;
  FaultyModel model(subject().path, scratch.path(GetParam()));
  model.shift_rows(R"(layers\..*\.ffn\.gate\.(weight|bias))");
  Served wrong(model.path(), policy("int8"));
  ChangedQuestions wrong_texts(wrong.endpoint, mute);
  const GateReport failed = verify(wrong_texts);
  print_if_asked(GetParam() + " by texts, experts shifted", failed);
  EXPECT_EQ(failed.verdict, GateVerdict::kFailed) << all_text(failed);
}

// Of 200 runs (50 seeds) at most one may be alarmed; fewer runs, none.
TEST_P(GateTest, HonestRunsAreNotAlarmed) {
  const char* const asked = std::getenv("HADAL_GATE_SEEDS");
  const int seeds = asked == nullptr ? 1 : std::atoi(asked);
  Served fp8(subject().path, policy("fp8"));
  Served int8(subject().path, policy("int8"));
  Served none(subject().path, policy("none"));
  const std::string isa = takes_its_time() ? "ref" : other_isa();
  Served others[] = {{subject().path, {"--isa", isa, "--activations", "fp8"}},
                     {subject().path, {"--isa", isa, "--activations", "int8"}}};
  int runs = 0;
  int alarms = 0;
  for (int seed = 0; seed < seeds; ++seed) {
    constexpr uint64_t kFirstSeed = 1000;
    const Reference reference = record({&fp8.endpoint, &int8.endpoint, &none.endpoint},
                                       kFirstSeed + static_cast<uint64_t>(seed));
    for (GateEndpoint* endpoint :
         {static_cast<GateEndpoint*>(&fp8.endpoint), static_cast<GateEndpoint*>(&int8.endpoint),
          static_cast<GateEndpoint*>(&others[0].endpoint),
          static_cast<GateEndpoint*>(&others[1].endpoint)}) {
      const GateReport report = verify_endpoint(*endpoint, {}, reference);
      ++runs;
      if (report.verdict == GateVerdict::kPassed) continue;
      ++alarms;
      std::cerr << "seed " << seed << "\n" << all_text(report);
    }
  }
  constexpr int kRunsOfOneAlarm = 200;
  EXPECT_LE(alarms, runs / kRunsOfOneAlarm) << "of " << runs;
}

INSTANTIATE_TEST_SUITE_P(Models, GateTest, testing::Values("nano", "pico"),
                         [](const auto& instance) { return instance.param; });

TEST(OwnReference, NamesTheCheckpointAndIsPublished) {
  const Scratch scratch;
  const Reference& reference = nano().reference;
  EXPECT_EQ(reference.variants.size(), 3U);
  EXPECT_EQ(reference.checkpoint, checkpoint_fingerprint(nano().path));
  const fs::path changed = scratch.nano_copy("changed");
  EXPECT_EQ(checkpoint_fingerprint(changed), reference.checkpoint);
  write_bytes(changed / "config.json", read_bytes(changed / "config.json") + " ");
  EXPECT_NE(checkpoint_fingerprint(changed), reference.checkpoint);
  EXPECT_EQ(checkpoint_fingerprint(scratch.path("no model")), "");
  save_reference(reference, scratch.path("nano.jsonl"));
  const Reference read = load_reference(scratch.path("nano.jsonl"));
  Served served(nano().path, policy("int8"));
  EXPECT_EQ(verify_endpoint(served.endpoint, {}, read).verdict, GateVerdict::kPassed);
}

TEST(ReferenceServer, EndsWithItsOwner) {
  pid_t pid = -1;
  {
    const ReferenceServer server({.program = hadal_binary()});
    pid = server.pid();
    EXPECT_EQ(HttpGateEndpoint(server.url()).ask("/health", "").status, 200);
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST(ReferenceServer, TellsWhyItDidNotStart) {
  try {
    const ReferenceServer server({.program = hadal_binary(), .model = "/no/such/model"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("/no/such/model"), std::string::npos) << error.what();
  }
  EXPECT_THROW(ReferenceServer({.program = "/no/such/program"}), Error);
}

}  // namespace
}  // namespace hadal::integration
