// When a sequence made way, the engine thread wrote its state to the spill file, and read it back
// later: with a long sequence nobody got a token for as long as the disk took.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <vector>

#include "engine/drafter.h"
#include "engine/local_executor.h"
#include "engine/scheduler.h"
#include "support/disk_gate.h"
#include "support/file_size_limit.h"
#include "support/pico_model.h"

namespace hadal {
namespace {

using namespace testing_cache;

constexpr size_t kLongest = 300;

const Oracle& oracle() {
  static const Oracle instance(random_tokens(kLongest, 7));
  return instance;
}

class SpillHoldsUpOtherSequences : public testing::Test {
 protected:
  explicit SpillHoldsUpOtherSequences(bool reuse = false)
      : executor_(std::make_unique<ThreadPool>(1),
                  std::make_unique<V4Model>(Pico::get().checkpoint(), Pico::get().threads(),
                                            ModelOptions{.page_tokens = kPageTokens}),
                  {}),
        memory_(layout_, {.blocks = 4 * blocks_for_sequence(layout_, kLongest),
                          .reuse = reuse,
                          .spill = {.directory = std::filesystem::temp_directory_path(),
                                    .max_bytes = 64 << 20,
                                    .before_write = writes_.hook(),
                                    .before_read = reads_.hook()}}),
        scheduler_(memory_, drafter_, {}) {
    executor_.use_pool(memory_.pool().view());
    poison_free_blocks(memory_.pool());
  }
  ~SpillHoldsUpOtherSequences() override {
    writes_.open();
    reads_.open();
  }

  Sequence* arrive(int prompt, int token_limit, int priority = 0) {
    auto sequence = std::make_unique<Sequence>();
    sequence->tokens.assign(oracle().tokens.begin(), oracle().tokens.begin() + prompt);
    sequence->prompt_tokens = prompt;
    sequence->token_limit = token_limit;
    sequence->request.priority = priority;
    sequence->cancelled = std::make_shared<std::atomic<bool>>(false);
    Sequence* const added = sequence.get();
    scheduler_.add(std::move(sequence));
    return added;
  }

  void commit(size_t index, int begin, int rows, Sequence& sequence) {
    const CommitMessage message{.sequence = static_cast<int>(index), .rows = rows};
    executor_.commit({&message, 1});
    sequence.cache.length = begin + rows;
  }

  // One step, every logit of which must have the bits of the sequence alone. Returns the sequences
  // that got a token.
  std::vector<const Sequence*> step() {
    const std::vector<ScheduledRows> scheduled = scheduler_.next_step();
    StepMessage message;
    for (const ScheduledRows& rows : scheduled) {
      SequenceRows& out = message.sequences.emplace_back();
      out.cache = rows.sequence->cache;
      const auto first = rows.sequence->tokens.begin() + rows.sequence->cache.length;
      out.tokens.assign(first, first + rows.rows);
      out.logit_rows = rows.rows;
      out.droppable_rows = rows.droppable_rows();
    }
    const StepResult& result = executor_.run(message);
    const size_t vocab = Pico::get().vocab();
    std::vector<const Sequence*> served;
    for (size_t i = 0; i < scheduled.size(); ++i) {
      Sequence& sequence = *scheduled[i].sequence;
      const int begin = sequence.cache.length;
      EXPECT_EQ(std::memcmp(result.logits[i].data(),
                            oracle().logits.data() + static_cast<size_t>(begin) * vocab,
                            static_cast<size_t>(scheduled[i].rows) * vocab * sizeof(float)),
                0)
          << "rows from " << begin;
      for (const int image_rows : scheduled[i].image_rows) {
        commit(i, begin, image_rows, sequence);
        memory_.take_image(sequence);
      }
      if (sequence.cache.length < begin + scheduled[i].rows) {
        commit(i, begin, scheduled[i].rows, sequence);
      }
      memory_.committed(sequence);
      if (!scheduled[i].samples) continue;
      served.push_back(&sequence);
      sequence.tokens.push_back(oracle().tokens[sequence.tokens.size()]);
      if (static_cast<int>(sequence.tokens.size()) == sequence.token_limit) {
        scheduler_.remove(sequence, false);
      }
    }
    return served;
  }
  void run_to_the_end() {
    while (!scheduler_.idle()) step();
    memory_.wait_for_disk();
    const PoolStatistics pool = memory_.pool_statistics();
    EXPECT_EQ(pool.free, pool.capacity);
    EXPECT_EQ(memory_.spill_statistics()->used, 0);
  }
  // Leaves `free` blocks of the pool.
  void fill_pool(int free) {
    BlockPool& pool = memory_.pool();
    ASSERT_TRUE(pool.allocate(pool.free_blocks() - free, in_the_way_));
  }
  void empty_pool() { memory_.pool().release(in_the_way_); }

  using Served = std::vector<const Sequence*>;

  const CacheLayout& layout_ = Pico::get().layout();
  DiskGate writes_;
  DiskGate reads_;
  LocalExecutor executor_;
  SequenceMemory memory_;
  NoDrafter drafter_;
  Scheduler scheduler_;
  std::vector<int32_t> in_the_way_;
};

TEST_F(SpillHoldsUpOtherSequences, WhileItIsWrittenAndWhileItIsReadOthersGoOn) {
  const Sequence* const older = arrive(100, 200);
  const Sequence* const younger = arrive(150, 200);
  while (step().size() < 2) {
  }
  writes_.close();
  reads_.close();
  ASSERT_TRUE(scheduler_.preempt_last());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(step(), Served{older});
  writes_.wait_until_held();
  EXPECT_EQ(younger->cache.length, 0);
  writes_.open();
  memory_.wait_for_disk();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(step(), Served{older});
  reads_.wait_until_held();
  EXPECT_EQ(younger->cache.length, 0);
  reads_.open();
  run_to_the_end();
  EXPECT_EQ(memory_.spill_statistics()->restored_sequences, 1);
  EXPECT_EQ(scheduler_.statistics().recomputed_tokens, 0);
}

// The memory of what makes way is needed at once, and is not free before it is written: those that
// need none go on, and nobody else makes way for it.
TEST_F(SpillHoldsUpOtherSequences, WhoNeedsItsMemoryWaitsAlone) {
  const Sequence* const first = arrive(kPageTokens - 6, 200);
  const Sequence* const second = arrive(1, 100);
  const Sequence* const third = arrive(kPageTokens - 6, 200);
  while (step().size() < 3) {
  }
  fill_pool(0);
  writes_.close();
  Served served;
  do served = step();
  while (served.size() == 3);
  EXPECT_EQ(served, Served{second});
  EXPECT_EQ(first->cache.length, kPageTokens);
  EXPECT_EQ(third->cache.length, 0);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(step(), Served{second});
  EXPECT_EQ(scheduler_.statistics().preemptions, 1);
  writes_.open();
  memory_.wait_for_disk();
  EXPECT_EQ(step(), (Served{first, second}));
  empty_pool();
  run_to_the_end();
  EXPECT_EQ(scheduler_.statistics().preemptions, 1);
  EXPECT_EQ(scheduler_.statistics().recomputed_tokens, 0);
}

// One makes way for a more urgent request; while that waits for the disk, no second one does.
TEST_F(SpillHoldsUpOtherSequences, AnUrgentRequestTurnsOutNoMoreThanItNeeds) {
  const Sequence* const older = arrive(20, 120);
  const Sequence* const younger = arrive(20, 120);
  while (step().size() < 2) {
  }
  fill_pool(2);
  writes_.close();
  const Sequence* const urgent = arrive(20, 120, 1);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(step(), Served{older});
  EXPECT_EQ(younger->cache.length, 0);
  writes_.open();
  memory_.wait_for_disk();
  EXPECT_EQ(step(), (Served{urgent, older}));
  EXPECT_EQ(scheduler_.statistics().preemptions, 1);
  empty_pool();
  run_to_the_end();
}

// What is being read back makes room for those that come before it.
TEST_F(SpillHoldsUpOtherSequences, WhatComesBackMakesWayForOlderOnes) {
  const Sequence* const older = arrive(kPageTokens - 6, 200);
  arrive(20, 120);
  while (step().size() < 2) {
  }
  ASSERT_TRUE(scheduler_.preempt_last());
  memory_.wait_for_disk();
  reads_.close();
  EXPECT_EQ(step(), Served{older});
  reads_.wait_until_held();
  fill_pool(0);
  while (older->cache.length < kPageTokens) EXPECT_EQ(step(), Served{older});
  EXPECT_EQ(scheduler_.statistics().preemptions, 1);
  reads_.open();
  EXPECT_EQ(step(), Served{older});
  EXPECT_EQ(scheduler_.statistics().preemptions, 1);
  empty_pool();
  run_to_the_end();
  EXPECT_EQ(memory_.spill_statistics()->restored_sequences, 1);
}

TEST_F(SpillHoldsUpOtherSequences, ARequestMayEndWhileTheDiskIsHeld) {
  const Sequence* const older = arrive(100, 120);
  const Sequence* const younger = arrive(150, 200);
  while (step().size() < 2) {
  }
  writes_.close();
  ASSERT_TRUE(scheduler_.preempt_last());
  writes_.wait_until_held();
  younger->cancelled->store(true);
  EXPECT_EQ(scheduler_.remove_cancelled().size(), 1U);
  EXPECT_EQ(step(), Served{older});
  writes_.open();
  run_to_the_end();
}

TEST_F(SpillHoldsUpOtherSequences, WhatTheDiskRefusesIsComputedAgain) {
  arrive(100, 200);
  arrive(150, 200);
  while (step().size() < 2) {
  }
  {
    const FileSizeLimit full_disk(layout_.block_bytes + 100);
    ASSERT_TRUE(scheduler_.preempt_last());
    memory_.wait_for_disk();
  }
  run_to_the_end();
  EXPECT_EQ(memory_.spill_statistics()->refused, 1);
  EXPECT_GT(scheduler_.statistics().recomputed_tokens, 100);
}

class SpillOfSharedPages : public SpillHoldsUpOtherSequences {
 protected:
  SpillOfSharedPages() : SpillHoldsUpOtherSequences(true) {}
};

// Pages that another sequence uses as well are not written. One that has made way itself, and is
// still on its way, does not count: what both leave out would be lost.
TEST_F(SpillOfSharedPages, TheLastToLeaveWritesThem) {
  const Sequence* const older = arrive(150, 200);
  while (step().empty()) {
  }
  const Sequence* const younger = arrive(150, 200);
  while (step().size() < 2) {
  }
  ASSERT_EQ(older->cache.pages[0], younger->cache.pages[0]);
  writes_.close();
  ASSERT_TRUE(scheduler_.preempt_last());
  ASSERT_TRUE(scheduler_.preempt_last());
  writes_.open();
  memory_.wait_for_disk();
  memory_.evict_all();
  poison_free_blocks(memory_.pool());
  while (!scheduler_.idle()) step();
  EXPECT_EQ(memory_.spill_statistics()->restored_sequences, 1);
  EXPECT_EQ(memory_.spill_statistics()->used, 0);
}

}  // namespace
}  // namespace hadal
