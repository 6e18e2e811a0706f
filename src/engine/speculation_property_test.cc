// Random courses of requests through engines that speculate: whatever guesses, however many, in
// whatever batches and chunks, with preemption, prefixes from memory and from the disk of engines
// that guessed otherwise, penalties, constraints, and stop tokens, limits and cancellations (as
// stop strings do it) that fall among guesses: every request has the tokens and log-probabilities
// that it has alone in an engine without. HADAL_SPECULATION_COURSES: how many requests to try of
// each model; HADAL_SPECULATION_SEED: where to begin, so that other requests go through other
// engines.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/as_size.h"
#include "base/error.h"
#include "engine/engine.h"
#include "support/engine_requests.h"
#include "support/source_dir.h"
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
  static const Checkpoint checkpoint =
      Checkpoint::open(test::source_path("tests/golden/data/model/pico-dspark/model"));
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

std::vector<Known> make_answers(const Subject& subject, uint32_t seed) {
  std::mt19937 random(seed);
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

// Knows all answers, and is wrong now and then.
class Knowing final : public Drafter {
 public:
  Knowing(const std::vector<Known>& known, int most, uint32_t seed)
      : known_(known), most_(most), random_(seed) {}
  int most_drafts() const override { return most_; }
  std::vector<int32_t> propose(const DraftRequest& request) override {
    std::vector<int32_t> drafts;
    for (const Known& known : known_) {
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
  const std::vector<Known>& known_;
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

int from_environment(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::max(1, std::atoi(text));
}

struct Totals {
  int64_t drafted = 0;
  int64_t accepted = 0;
  int64_t preemptions = 0;
  int64_t cached = 0;
  int cut = 0;      // requests whose limit came before the end of the known answer
  int stopped = 0;  // that were cancelled by whoever read them, among the tokens of an answer
};

// One request, and what is to come of it.
struct Course {
  const Known& known;
  int limit = 0;     // tokens; 0: as many as are known
  int stops_at = 0;  // the reader wants no more after so many tokens; 0: it does
  Pending pending = {};
};

// A request like a known one. Some have less room; some are read up to a token that may lie
// anywhere in a run of accepted guesses, and cancelled there, as a stop string does it.
Course make_course(std::mt19937& random, const Known& known) {
  Course course{.known = known};
  const int tokens = known.answer.finish.completion_tokens;
  const int least = std::max(1, known.made.request.min_tokens);
  if (below(random, 4) == 0 && least < tokens) {
    course.limit = least + below(random, tokens - least);
  } else if (below(random, 5) == 0) {
    course.stops_at = 1 + below(random, static_cast<int>(known.answer.tokens.size()) + 1);
  }
  return course;
}

void submit_course(Engine& engine, Course& course, GenerateRequest request) {
  if (course.limit > 0) request.max_tokens = course.limit;
  if (course.stops_at == 0) {
    course.pending = submit(engine, std::move(request));
    return;
  }
  const auto reader = [queue = course.pending.queue,
                       left = course.stops_at](const GenerateEvent& event) mutable {
    queue->push(event);
    if (std::holds_alternative<TokenEvent>(event) && --left == 0)
      throw std::runtime_error("enough");
  };
  course.pending.handle = engine.submit(std::move(request), reader);
}

// The beginning of a longer answer.
Outcome cut(Outcome answer, int tokens) {
  const auto shorten = [&](auto& list) { list.resize(std::min(list.size(), as_size(tokens))); };
  shorten(answer.tokens);
  shorten(answer.logprobs);
  answer.finish.reason = FinishReason::kLength;
  answer.finish.completion_tokens = tokens;
  return answer;
}

void check_course(const Course& course, const std::string& name, Totals& totals) {
  const Outcome outcome = course.pending.wait();
  const Outcome& known = course.known.answer;
  if (outcome.finish.reason == FinishReason::kCancelled) {
    // What it was told before is right, and as much as the reader saw is there.
    const auto count = static_cast<int>(outcome.tokens.size());
    EXPECT_GE(count, course.stops_at) << name;
    ASSERT_LE(outcome.tokens.size(), known.tokens.size()) << name;
    EXPECT_TRUE(std::equal(outcome.tokens.begin(), outcome.tokens.end(), known.tokens.begin()))
        << name;
    if (course.stops_at > 0) ++totals.stopped;
    return;
  }
  if (course.limit > 0) ++totals.cut;
  expect_same(outcome, course.limit > 0 ? cut(known, course.limit) : known, name);
}

// Waits until it has made some tokens.
void engine_has_begun(const Engine& engine) {
  while (engine.statistics().steps < 20 &&
         engine.statistics().running + engine.statistics().waiting > 0) {
    std::this_thread::yield();
  }
}

// One engine, and a crowd of requests to it at once.
int run_engine(const Subject& subject, const std::vector<Known>& known, uint32_t seed,
               const test::TemporaryDirectory& directory, Totals& totals) {
  std::mt19937 random(seed);
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
    // The next engines find what this one left.
    options.kv_disk = directory.path() / std::to_string(below(random, 2));
    std::filesystem::create_directories(options.kv_disk);
    options.kv_disk_size = uint64_t{64} << 20;
  }
  const int drafts = 1 + below(random, kMostDrafts);
  std::string course = "engine " + std::to_string(seed) + ", ";
  switch (below(random, 4)) {
    case 0:
      options.make_drafter = [&] { return std::make_unique<Knowing>(known, drafts, seed); };
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
  std::vector<Course> courses;
  const int requests = 10 + below(random, 20);
  for (int i = 0; i < requests; ++i) {
    Course one = make_course(random, known[random() % known.size()]);
    GenerateRequest request = one.known.made.make();
    request.priority = below(random, 3);
    // Those that come while others run are served before them, and take their memory.
    if (i >= requests / 2) request.priority += 3;
    if (i == requests / 2) engine_has_begun(engine);
    if (options.speculation.kind != SpeculationKind::kOff && below(random, 5) == 0) {
      request.speculation = Speculation{.kind = SpeculationKind::kOff};
    }
    try {
      submit_course(engine, one, std::move(request));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted) << course;  // more than the memory
      continue;
    }
    if (one.stops_at == 0 && below(random, 8) == 0) one.pending.handle.cancel();
    courses.push_back(std::move(one));
  }
  for (const Course& one : courses) {
    check_course(one, course + ", request " + std::to_string(&one.known - known.data()), totals);
  }
  engine.shutdown(Engine::Shutdown::kDrain);
  const EngineStatistics statistics = engine.statistics();
  totals.drafted += statistics.speculation.draft_tokens;
  totals.accepted += statistics.speculation.accepted_tokens;
  totals.preemptions += statistics.preemptions;
  totals.cached += statistics.cached_tokens;
  return static_cast<int>(courses.size());
}

void run_courses(const Subject& subject) {
  const int wanted = from_environment("HADAL_SPECULATION_COURSES", 60);
  const auto first = static_cast<uint32_t>(from_environment("HADAL_SPECULATION_SEED", 1));
  constexpr uint32_t kEnginesOfASet = 20;
  Totals totals;
  int done = 0;
  uint32_t seed = first;
  while (done < wanted && !testing::Test::HasFailure()) {
    const test::TemporaryDirectory directory;
    const std::vector<Known> known = make_answers(subject, seed);
    for (const uint32_t end = seed + kEnginesOfASet; seed < end && done < wanted; ++seed) {
      done += run_engine(subject, known, seed, directory, totals);
    }
  }
  EXPECT_GT(totals.accepted, 0);
  EXPECT_GT(totals.drafted, totals.accepted);
  EXPECT_GT(totals.preemptions, 0);
  EXPECT_GT(totals.cached, 0);
  EXPECT_GT(totals.cut, 0);
  EXPECT_GT(totals.stopped, 0);
  testing::Test::RecordProperty("requests", done);
  testing::Test::RecordProperty("engines", static_cast<int>(seed - first));
  testing::Test::RecordProperty("cut", totals.cut);
  testing::Test::RecordProperty("stopped", totals.stopped);
  testing::Test::RecordProperty("drafted", std::to_string(totals.drafted));
  testing::Test::RecordProperty("accepted", std::to_string(totals.accepted));
  testing::Test::RecordProperty("preemptions", std::to_string(totals.preemptions));
}

TEST(SpeculationCourses, EveryAnswerIsThatWithoutAnMtpBlock) { run_courses(with_mtp()); }

TEST(SpeculationCourses, EveryAnswerIsThatWithoutDspark) { run_courses(with_dspark()); }

}  // namespace
}  // namespace hadal
