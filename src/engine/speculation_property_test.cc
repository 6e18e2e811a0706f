// Random courses of requests through engines that speculate: whatever guesses, however many, in
// whatever batches and chunks, with preemption, cached prefixes, penalties, constraints, stop
// tokens and limits that fall among guesses, every request has the tokens and log-probabilities
// that it has alone in an engine without.
// HADAL_SPECULATION_COURSES: how many requests to try (in CI a few hundred).
#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"
#include "support/engine_requests.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

using test::nano;
using test::Outcome;
using test::Pending;
using test::submit;

// Allows the tokens whose id fits the sum of all tokens so far, and remembers that sum for every
// token: taking tokens back wrongly shows at once.
class SumConstraint final : public TokenConstraint {
 public:
  explicit SumConstraint(int modulus) : modulus_(modulus) {}
  void fill_mask(std::span<uint64_t> mask) override {
    for (size_t id = 0; id < mask.size() * 64; ++id) {
      if ((static_cast<int>(id) + sums_.back()) % modulus_ != 0) {
        mask[id / 64] |= uint64_t{1} << id % 64;
      }
    }
  }
  void advance(int32_t token) override { sums_.push_back((sums_.back() + token) % 997); }
  void rollback(int count) override { sums_.resize(sums_.size() - static_cast<size_t>(count)); }

 private:
  int modulus_;
  std::vector<int> sums_ = {0};
};

// A kind of request; the constraint is made anew for each.
struct Template {
  GenerateRequest request;
  int modulus = 0;  // of its constraint; 0: none

  GenerateRequest make() const {
    GenerateRequest made = request;
    if (modulus > 0) made.constraint = std::make_shared<SumConstraint>(modulus);
    return made;
  }
};

int below(std::mt19937& random, int bound) {
  return static_cast<int>(random() % static_cast<uint32_t>(bound));
}

// Prompts that share beginnings and repeat themselves.
std::vector<int32_t> make_text(std::mt19937& random, int tokens) {
  std::vector<int32_t> text = test::make_prompt(std::max(1, tokens), below(random, 3));
  for (size_t i = 30; i < text.size(); ++i) {
    if (below(random, 100) < 3) {
      const size_t from = random() % (i - 20);
      const size_t count = std::min<size_t>(8 + random() % 12, text.size() - i);
      std::copy_n(text.begin() + static_cast<std::ptrdiff_t>(from), count,
                  text.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  return text;
}

// A model with its own drafter.
struct Subject {
  const Checkpoint& checkpoint;
  SpeculationKind drafter = SpeculationKind::kMtp;
  int vocab() const { return checkpoint.config().vocab_size; }
};

const Subject& with_mtp() {
  static const Subject subject{.checkpoint = nano()};
  return subject;
}

const Subject& with_dspark() {
  static const Checkpoint checkpoint = Checkpoint::open(
      std::filesystem::path(HADAL_SOURCE_DIR) / "tests/golden/data/model/pico-dspark/model");
  static const Subject subject{.checkpoint = checkpoint, .drafter = SpeculationKind::kDspark};
  return subject;
}

Template make_template(const Subject& subject, std::mt19937& random) {
  Template made;
  GenerateRequest& request = made.request;
  request.prompt = make_text(random, 1 + below(random, below(random, 3) == 0 ? 600 : 150));
  for (int32_t& token : request.prompt) token %= subject.vocab();
  request.max_tokens = 1 + below(random, 48);
  SamplingOptions& sampling = request.sampling;
  sampling.seed = random();
  constexpr std::array<float, 5> kTemperatures = {0, 0, 0.3F, 1, 1.3F};
  sampling.temperature = kTemperatures[static_cast<size_t>(below(random, 5))];
  if (below(random, 3) == 0) sampling.top_p = 0.9F;
  if (below(random, 4) == 0) sampling.top_k = 1 + below(random, 40);
  if (below(random, 4) == 0) sampling.min_p = 0.05F;
  if (below(random, 4) == 0) sampling.repetition_penalty = 1.2F;
  if (below(random, 4) == 0) sampling.frequency_penalty = 0.4F;
  if (below(random, 5) == 0) sampling.presence_penalty = -0.5F;
  if (below(random, 5) == 0) sampling.logit_bias = {{.token = 35, .bias = 4}, {40, -100}};
  if (below(random, 3) == 0) sampling.top_logprobs = below(random, 4);
  if (below(random, 8) == 0) request.prompt_logprobs = below(random, 3);
  if (below(random, 4) == 0) made.modulus = 2 + below(random, 5);
  if (below(random, 6) == 0) request.min_tokens = 1 + below(random, request.max_tokens);
  request.suffix_begin = below(random, 2) == 0 ? 0 : static_cast<int>(request.prompt.size()) - 1;
  return made;
}

// Requests and their answers by an engine that guesses nothing.
struct Known {
  Template made;
  Outcome answer;
};

std::vector<Known> make_answers(const Subject& subject) {
  std::mt19937 random(77);
  Engine alone(subject.checkpoint, {.threads = 1, .max_running = 1, .max_queue = 1000});
  std::vector<Known> made;
  for (int i = 0; i < 60; ++i) {
    Known one{.made = make_template(subject, random), .answer = {}};
    one.answer = test::run(alone, one.made.make());
    // A token of the answer that ends it, wherever it comes.
    if (i % 3 == 0 && one.answer.tokens.size() > 2) {
      const std::vector<int32_t>& tokens = one.answer.tokens;
      one.made.request.stop_tokens = {
          tokens[static_cast<size_t>(below(random, static_cast<int>(tokens.size())))]};
      one.answer = test::run(alone, one.made.make());
    }
    made.push_back(std::move(one));
  }
  return made;
}

const std::vector<Known>& known_answers(const Subject& subject) {
  static const std::vector<Known> of_mtp = make_answers(with_mtp());
  static const std::vector<Known> of_dspark = make_answers(with_dspark());
  return subject.drafter == SpeculationKind::kMtp ? of_mtp : of_dspark;
}

// Knows all answers, and is wrong now and then.
class Knowing final : public Drafter {
 public:
  Knowing(const Subject& subject, int most, uint32_t seed)
      : subject_(subject), most_(most), random_(seed) {}
  int most_drafts() const override { return most_; }
  std::vector<int32_t> propose(const DraftRequest& request) override {
    std::vector<int32_t> drafts;
    for (const Known& known : known_answers(subject_)) {
      const std::vector<int32_t>& prompt = known.made.request.prompt;
      if (request.tokens.size() < prompt.size() ||
          !std::equal(prompt.begin(), prompt.end(), request.tokens.begin())) {
        continue;
      }
      const size_t done = request.tokens.size() - prompt.size();
      if (done > known.answer.tokens.size() ||
          !std::equal(request.tokens.begin() + static_cast<std::ptrdiff_t>(prompt.size()),
                      request.tokens.end(), known.answer.tokens.begin())) {
        continue;
      }
      for (size_t i = done; i < known.answer.tokens.size(); ++i) {
        if (static_cast<int>(drafts.size()) == request.most) break;
        drafts.push_back(random_() % 6 == 0 ? 7 : known.answer.tokens[i]);
      }
      break;
    }
    return drafts;
  }
  void observe(const DraftOutcome&) override {}
  void forget(int64_t) override {}

 private:
  const Subject& subject_;
  int most_;
  std::mt19937 random_;
};

void expect_same(const Outcome& actual, const Outcome& expected, const std::string& course) {
  SCOPED_TRACE(course);
  ASSERT_EQ(actual.finish.reason, expected.finish.reason);
  ASSERT_EQ(actual.tokens, expected.tokens);
  EXPECT_EQ(actual.finish.completion_tokens, expected.finish.completion_tokens);
  const auto same = [](const std::vector<TokenLogprobs>& a, const std::vector<TokenLogprobs>& b) {
    return std::ranges::equal(a, b, [](const TokenLogprobs& x, const TokenLogprobs& y) {
      return x.logprob == y.logprob &&
             std::ranges::equal(x.top, y.top, {}, &TokenLogprob::logprob, &TokenLogprob::logprob);
    });
  };
  EXPECT_TRUE(same(actual.logprobs, expected.logprobs));
  EXPECT_TRUE(same(actual.prompt_logprobs, expected.prompt_logprobs));
}

int wanted_courses() {
  const char* wanted = std::getenv("HADAL_SPECULATION_COURSES");
  return wanted == nullptr ? 60 : std::max(1, std::atoi(wanted));
}

struct Totals {
  int64_t drafted = 0;
  int64_t accepted = 0;
  int64_t preemptions = 0;
  int64_t cached = 0;
};

// Waits until it has made some tokens.
void engine_has_begun(const Engine& engine) {
  while (engine.statistics().steps < 20 &&
         engine.statistics().running + engine.statistics().waiting > 0) {
    std::this_thread::yield();
  }
}

// One engine, and a crowd of requests to it at once.
int run_engine(const Subject& subject, uint32_t seed, const test::TemporaryDirectory& directory,
               Totals& totals) {
  std::mt19937 random(seed);
  const std::vector<Known>& known = known_answers(subject);
  // From hardly more than the longest sequence needs to plenty.
  const CacheLayout layout = make_cache_layout(subject.checkpoint.config());
  const int blocks =
      blocks_for_sequence(layout, 650) + 1 + below(random, below(random, 2) == 0 ? 4 : 20);
  constexpr std::array<int, 6> kChunks = {1, 7, 33, 64, 200, 512};
  EngineOptions options{.threads = 1 + below(random, 3),
                        .max_running = 2 + below(random, 5),
                        .max_queue = 100,
                        .prefill_chunk = kChunks[static_cast<size_t>(below(random, 6))],
                        .kv_memory = static_cast<size_t>(blocks) * layout.block_bytes,
                        .reuse_prefixes = below(random, 4) != 0};
  if (below(random, 2) == 0) options.deal_sequences = below(random, 2) == 0;
  if (below(random, 2) == 0) options.kv_spill = uint64_t{4} << 20;
  if (below(random, 3) == 0) {
    options.kv_disk = directory.path() / std::to_string(seed);
    std::filesystem::create_directory(options.kv_disk);
    options.kv_disk_size = uint64_t{64} << 20;
  }
  const int drafts = 1 + below(random, kMostDrafts);
  std::string course = "engine " + std::to_string(seed) + ", ";
  switch (below(random, 4)) {
    case 0:
      options.make_drafter = [&] { return std::make_unique<Knowing>(subject, drafts, seed); };
      course += "knowing:" + std::to_string(drafts);
      break;
    case 1:
      options.speculation = {.kind = SpeculationKind::kLookup, .drafts = drafts};
      course += speculation_text(options.speculation);
      break;
    case 2:
      options.speculation = {.kind = subject.drafter, .drafts = drafts};
      course += speculation_text(options.speculation);
      break;
    default:
      options.speculation = {.kind = SpeculationKind::kAuto};
      course += "auto";
      break;
  }
  Engine engine(subject.checkpoint, options);
  std::vector<std::pair<size_t, Pending>> pending;
  const int requests = 10 + below(random, 20);
  for (int i = 0; i < requests; ++i) {
    const size_t which = random() % known.size();
    GenerateRequest request = known[which].made.make();
    request.priority = below(random, 3);
    // Those that come while others run are served before them, and take their memory.
    if (i >= requests / 2) request.priority += 3;
    if (i == requests / 2) engine_has_begun(engine);
    if (options.speculation.kind != SpeculationKind::kOff && below(random, 5) == 0) {
      request.speculation = Speculation{.kind = SpeculationKind::kOff};
    }
    try {
      pending.emplace_back(which, submit(engine, std::move(request)));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted) << course;  // more than the memory
      continue;
    }
    if (below(random, 8) == 0) pending.back().second.handle.cancel();
  }
  int done = 0;
  for (const auto& [which, one] : pending) {
    const Outcome outcome = one.wait();
    if (outcome.finish.reason == FinishReason::kCancelled) continue;
    expect_same(outcome, known[which].answer, course + ", request " + std::to_string(which));
    ++done;
  }
  engine.shutdown(Engine::Shutdown::kDrain);
  const EngineStatistics statistics = engine.statistics();
  totals.drafted += statistics.speculation.draft_tokens;
  totals.accepted += statistics.speculation.accepted_tokens;
  totals.preemptions += statistics.preemptions;
  totals.cached += statistics.cached_tokens;
  return done;
}

void run_courses(const Subject& subject) {
  const test::TemporaryDirectory directory;
  Totals totals;
  uint32_t seed = 1;
  for (int done = 0; done < wanted_courses() && !testing::Test::HasFailure(); ++seed) {
    done += run_engine(subject, seed, directory, totals);
  }
  EXPECT_GT(totals.accepted, 0);
  EXPECT_GT(totals.drafted, totals.accepted);
  EXPECT_GT(totals.preemptions, 0);
  EXPECT_GT(totals.cached, 0);
  testing::Test::RecordProperty("engines", static_cast<int>(seed - 1));
  testing::Test::RecordProperty("drafted", std::to_string(totals.drafted));
  testing::Test::RecordProperty("accepted", std::to_string(totals.accepted));
  testing::Test::RecordProperty("preemptions", std::to_string(totals.preemptions));
}

TEST(SpeculationCourses, EveryAnswerIsThatWithoutAnMtpBlock) { run_courses(with_mtp()); }

TEST(SpeculationCourses, EveryAnswerIsThatWithoutDspark) { run_courses(with_dspark()); }

}  // namespace
}  // namespace hadal
