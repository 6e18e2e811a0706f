// Random courses of events through scheduler and cache on the pico model: whatever happens to a
// sequence and beside it, every one of its logits has the bits that it has when the sequence is
// computed alone and in one piece.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine/drafter.h"
#include "engine/scheduler.h"
#include "support/pico_model.h"
#include "support/temporary_directory.h"
#include "support/wire_executor.h"

namespace hadal {
namespace {

using namespace testing_cache;

constexpr int kLongest = 560;

// Sequences that share beginnings of many lengths.
const std::vector<Oracle>& oracles() {
  static const std::vector<Oracle> instance = [] {
    std::vector<Oracle> made;
    const auto make = [&](const std::vector<int32_t>& head, size_t shared, uint32_t seed) {
      std::vector<int32_t> tokens(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(shared));
      const std::vector<int32_t> rest = random_tokens(kLongest - shared, seed);
      tokens.insert(tokens.end(), rest.begin(), rest.end());
      made.emplace_back(std::move(tokens));
    };
    make({}, 0, 1);
    uint32_t seed = 2;
    for (const size_t shared : {0, 3, 130, 256, 300, 511}) {
      make(std::vector<int32_t>(made[0].tokens), shared, seed++);
    }
    return made;
  }();
  return instance;
}

struct Course {
  const char* name;
  uint32_t seed;
  int events;
  double room;  // of the pool, in sequences of the longest length
  bool disk;
  int spill_blocks;  // 0: no spill file
  bool reuse = true;
  int drafts = 0;  // that a drafter proposes, at most
};

// Knows how the sequences go on, and is wrong now and then.
class OracleDrafter final : public Drafter {
 public:
  explicit OracleDrafter(int most) : most_(most) {}

  int most_drafts() const override { return most_; }
  std::vector<int32_t> propose(const DraftRequest& request) override {
    const auto known = request.tokens;
    const auto oracle = std::ranges::find_if(oracles(), [&](const Oracle& candidate) {
      return std::ranges::equal(known, std::span(candidate.tokens).first(known.size()));
    });
    std::vector<int32_t> drafts;
    for (int i = 0; i < request.most; ++i) {
      const int32_t right = oracle->tokens[known.size() + drafts.size()];
      drafts.push_back(random_() % 5 == 0 ? (right + 1) % 256 : right);
      if (random_() % 7 == 0) break;
    }
    return drafts;
  }
  void observe(const DraftOutcome&) override {}
  void forget(int64_t) override {}

 private:
  int most_;
  std::mt19937 random_{11};
};

class SchedulerProperty : public testing::TestWithParam<Course> {
 protected:
  SchedulerProperty()
      : course_(GetParam()),
        random_(course_.seed),
        local_(std::make_unique<ThreadPool>(2),
               std::make_unique<V4Model>(Pico::get().checkpoint(), Pico::get().threads(),
                                         ModelOptions{.page_tokens = kPageTokens}),
               {.deals = course_.seed % 2 == 0}),
        executor_(local_),
        memory_(layout_, memory_options()),
        scheduler_(memory_, drafter_,
                   {.max_running = 6, .prefill_rows = 200, .budget_seconds = 0.1}) {
    local_.use_pool(memory_.pool().view());
    poison_free_blocks(memory_.pool());
  }

  SequenceMemoryOptions memory_options() const {
    const auto room = static_cast<int>(course_.room * blocks_for_sequence(layout_, kLongest));
    SequenceMemoryOptions options{.blocks = room, .reuse = course_.reuse};
    options.identity = {.model = {.low = 1}, .layout = layout_.digest, .numerics = "test"};
    if (course_.disk) {
      options.disk = {.directory = directory_.path(), .max_bytes = uint64_t{256} << 20};
    }
    options.spill = {
        .directory = directory_.path(),
        .max_bytes = static_cast<uint64_t>(course_.spill_blocks) * layout_.block_bytes};
    return options;
  }

  int below(int bound) { return static_cast<int>(random_() % static_cast<uint32_t>(bound)); }

  void arrive() {
    auto sequence = std::make_unique<Sequence>();
    const size_t which = static_cast<size_t>(below(static_cast<int>(oracles().size())));
    const int prompt = below(4) == 0 ? 1 + below(20) : 1 + below(kLongest - 1);
    const auto& tokens = oracles()[which].tokens;
    sequence->tokens.assign(tokens.begin(), tokens.begin() + prompt);
    sequence->prompt_tokens = prompt;
    sequence->token_limit = std::min(kLongest, prompt + 1 + below(40));
    sequence->request.priority = below(8) == 0 ? 1 : 0;
    sequence->request.cache_salt = below(5) == 0 ? "other" : "";
    sequence->request.suffix_begin = std::max(0, prompt - below(6));
    sequence->cancelled = std::make_shared<std::atomic<bool>>(false);
    live_.push_back({sequence.get(), which});
    scheduler_.add(std::move(sequence));
  }

  const Oracle& oracle_of(const Sequence* sequence) const {
    const auto found = std::find_if(live_.begin(), live_.end(),
                                    [&](const Live& live) { return live.sequence == sequence; });
    return oracles()[found->oracle];
  }

  void forget(const Sequence* sequence) {
    std::erase_if(live_, [&](const Live& live) { return live.sequence == sequence; });
  }

  static int right_drafts(const ScheduledRows& rows, const Oracle& oracle) {
    const auto first =
        oracle.tokens.begin() + static_cast<std::ptrdiff_t>(rows.sequence->tokens.size());
    return static_cast<int>(std::mismatch(rows.drafts.begin(), rows.drafts.end(), first).first -
                            rows.drafts.begin());
  }

  void commit(size_t index, int begin, int rows, Sequence& sequence) {
    const CommitMessage message{.sequence = static_cast<int>(index), .rows = rows};
    executor_.commit({&message, 1});
    sequence.cache.length = begin + rows;
  }

  void step() {
    const std::vector<ScheduledRows> scheduled = scheduler_.next_step();
    if (scheduled.empty()) {
      EXPECT_TRUE(scheduler_.idle());
      return;
    }
    StepMessage message;
    for (const ScheduledRows& rows : scheduled) {
      const Sequence& sequence = *rows.sequence;
      SequenceRows& out = message.sequences.emplace_back();
      out.cache = sequence.cache;
      const auto first = sequence.tokens.begin() + sequence.cache.length;
      out.tokens.assign(first, first + rows.rows);
      out.tokens.insert(out.tokens.end(), rows.drafts.begin(), rows.drafts.end());
      out.logit_rows = rows.all_rows();
      out.droppable_rows = rows.droppable_rows();
    }
    const StepResult& result = executor_.run(message);
    const StepShape shape = Scheduler::shape_of(scheduled);
    expect_parts(scheduled);
    for (size_t i = 0; i < scheduled.size(); ++i) {
      const ScheduledRows& rows = scheduled[i];
      Sequence& sequence = *rows.sequence;
      const Oracle& oracle = oracle_of(&sequence);
      const int begin = sequence.cache.length;
      const int kept = right_drafts(rows, oracle);
      kept_drafts_ += kept;
      wrong_drafts_ += rows.draft_rows() - kept;
      const int good_rows = rows.rows + kept;
      const size_t floats = static_cast<size_t>(good_rows) * vocab_;
      ASSERT_EQ(std::memcmp(result.logits[i].data(),
                            oracle.logits.data() + static_cast<size_t>(begin) * vocab_,
                            floats * sizeof(float)),
                0)
          << "rows from " << begin << " in step " << steps_;
      for (const int image_rows : rows.image_rows) {
        commit(i, begin, image_rows, sequence);
        memory_.take_image(sequence);
      }
      if (sequence.cache.length < begin + good_rows) commit(i, begin, good_rows, sequence);
      sequence.tokens.insert(sequence.tokens.end(), rows.drafts.begin(),
                             rows.drafts.begin() + kept);
      memory_.committed(sequence);
      if (!rows.samples) continue;
      sequence.tokens.push_back(oracle.tokens[sequence.tokens.size()]);
      if (static_cast<int>(sequence.tokens.size()) < sequence.token_limit) continue;
      ++finished_;
      cached_ += sequence.cached_tokens;
      forget(&sequence);
      scheduler_.remove(sequence, true);
    }
    // Durations of a machine that changes its mind: other numbers of rows in every step.
    scheduler_.measured(shape, 0.001 * (1 + below(60)));
    ++steps_;
  }

  // Of a step's time every sequence has a part, whatever durations have made of the estimates.
  void expect_parts(const std::vector<ScheduledRows>& scheduled) const {
    std::vector<double> parts;
    scheduler_.divide(scheduled, parts);
    double sum = 0;
    for (const double part : parts) {
      EXPECT_GT(part, 0);
      sum += part;
    }
    EXPECT_NEAR(sum, 1, 1e-9);
  }

  void event() {
    const int kind = below(100);
    if (kind < 22) {
      if (live_.size() < 12) arrive();
    } else if (kind < 24 && !live_.empty()) {
      live_[static_cast<size_t>(below(static_cast<int>(live_.size())))].sequence->cancelled->store(
          true);
      for (const auto& removed : scheduler_.remove_cancelled()) forget(removed.get());
    } else if (kind < 32) {
      for (int i = below(3); i >= 0; --i) scheduler_.preempt_last();
    } else if (kind < 34) {
      memory_.wait_for_disk();
      memory_.evict_all();
    } else if (kind < 37) {
      poison_free_blocks(memory_.pool());
    } else {
      step();
    }
  }

  struct Live {
    Sequence* sequence = nullptr;
    size_t oracle = 0;
  };

  const Course course_;
  const CacheLayout& layout_ = Pico::get().layout();
  const size_t vocab_ = Pico::get().vocab();
  test::TemporaryDirectory directory_;
  std::mt19937 random_;
  LocalExecutor local_;
  WireExecutor executor_;
  SequenceMemory memory_;
  OracleDrafter drafter_{course_.drafts};
  Scheduler scheduler_;
  std::vector<Live> live_;
  int steps_ = 0;
  int finished_ = 0;
  int64_t cached_ = 0;
  int kept_drafts_ = 0;
  int wrong_drafts_ = 0;
};

TEST_P(SchedulerProperty, EveryLogitHasTheBitsOfTheSequenceAlone) {
  for (int i = 0; i < course_.events && !HasFatalFailure(); ++i) event();
  while (!scheduler_.idle() && !HasFatalFailure()) step();
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_TRUE(live_.empty());
  EXPECT_GT(finished_, course_.events / 30);

  // Nothing is lost, and nothing is left over.
  memory_.wait_for_disk();
  PoolStatistics pool = memory_.pool_statistics();
  EXPECT_EQ(pool.free + pool.idle, pool.capacity);
  memory_.evict_all();
  EXPECT_EQ(memory_.pool_statistics().free, pool.capacity);

  // The course went through everything that it is about.
  EXPECT_GT(executor_.bytes(), size_t{1} << 20);
  EXPECT_EQ(kept_drafts_ > 0, course_.drafts > 0);
  EXPECT_EQ(wrong_drafts_ > 0, course_.drafts > 0);
  EXPECT_GT(scheduler_.statistics().preemptions, course_.events / 50);
  EXPECT_EQ(cached_ > 0, course_.reuse);
  if (course_.disk) {
    memory_.wait_for_disk();
    EXPECT_GT(memory_.disk_statistics()->read, 0);
    EXPECT_EQ(memory_.disk_statistics()->damaged, 0);
  }
  if (course_.spill_blocks > 0) {
    const SpillStatistics spill = *memory_.spill_statistics();
    EXPECT_EQ(spill.used, 0);
    EXPECT_GT(spill.restored_sequences, 0);
    EXPECT_EQ(spill.refused > 0, course_.spill_blocks < 200);
  } else {
    EXPECT_GT(scheduler_.statistics().recomputed_tokens, 0);
  }
}

std::string course_name(const testing::TestParamInfo<Course>& course) { return course.param.name; }

INSTANTIATE_TEST_SUITE_P(Courses, SchedulerProperty,
                         testing::Values(Course{"everything", 11, 900, 4.2, true, 1000},
                                         Course{"memory_alone", 12, 250, 3.4, false, 0},
                                         Course{"disk_alone", 13, 300, 2.6, true, 0},
                                         Course{"a_spill_file_that_fills", 14, 200, 3.6, false, 14},
                                         Course{"hardly_more_than_one_sequence", 15, 200, 1.7, true,
                                                1000},
                                         Course{"no_reuse", 16, 200, 3.2, false, 1000, false},
                                         Course{"drafts", 18, 500, 3.8, true, 400, true, 5}),
                         course_name);

}  // namespace
}  // namespace hadal
