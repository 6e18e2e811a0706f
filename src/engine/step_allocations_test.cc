// After the first steps a step takes no memory: whatever it needs was taken with the buffers. This
// executable counts all allocations, so it is one of its own.
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <new>
#include <numeric>
#include <vector>

#include "cache/block_pool.h"
#include "checkpoint/v4/checkpoint.h"
#include "engine/local_executor.h"
#include "model/v4/v4_model.h"
#include "support/source_dir.h"

namespace {

std::atomic<int64_t> allocations{0};

}  // namespace

// What AlignedBuffer takes its memory from.
extern "C" int posix_memalign(void** memory, size_t alignment, size_t size) {
  ++allocations;
  *memory = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  return *memory == nullptr ? 12 : 0;  // ENOMEM
}

// Not inlined, or the compiler pairs its malloc with the free of another.
[[gnu::noinline]] void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace hadal {
namespace {

struct Course {
  const char* name;
  const char* model;
  ActivationPolicy policy;
  bool deals;
  Isa isa = best_isa();
  int drafts = 0;  // by the model's drafter after each step
};

class StepAllocations : public testing::TestWithParam<Course> {};

TEST_P(StepAllocations, ThereAreNoneAfterTheFirstSteps) {
  constexpr int kSequences = 3;
  constexpr int kChunk = 37;
  constexpr int kDrafts = 2;
  const Checkpoint checkpoint = Checkpoint::open(test::source_dir() / GetParam().model);
  auto threads = std::make_unique<ThreadPool>(2);
  auto model = std::make_unique<V4Model>(
      checkpoint, *threads,
      ModelOptions{.isa = GetParam().isa, .activations = GetParam().policy, .page_tokens = 128});
  LocalExecutor executor(std::move(threads), std::move(model),
                         {.limits = {.rows = kSequences * kChunk,
                                     .sequences = kSequences,
                                     .logit_rows = kSequences * (1 + kDrafts),
                                     .droppable_rows = kSequences * kDrafts,
                                     .drafts = GetParam().drafts},
                          .deals = GetParam().deals});
  const CacheGeometry& geometry = executor.geometry();
  BlockPool pool(geometry.block_bytes, kSequences * blocks_for_sequence(geometry, 1024));
  executor.use_pool(pool.view());
  StepMessage message;
  for (int i = 0; i < kSequences; ++i) {
    ASSERT_TRUE(reserve_sequence(pool, geometry, 1024, message.sequences.emplace_back().cache));
  }
  std::vector<CommitMessage> commits(kSequences);
  DraftMessage drafting;
  const auto step = [&](int rows, int drafts) {
    for (int i = 0; i < kSequences; ++i) {
      SequenceRows& sequence = message.sequences[static_cast<size_t>(i)];
      sequence.tokens.resize(static_cast<size_t>(rows + drafts));
      std::iota(sequence.tokens.begin(), sequence.tokens.end(), 3 + sequence.cache.length % 50);
      sequence.logit_rows = 1 + drafts;
      sequence.droppable_rows = drafts;
      commits[static_cast<size_t>(i)] = {.sequence = i, .rows = rows};
    }
    executor.run(message);
    executor.commit(commits);
    for (SequenceRows& sequence : message.sequences) sequence.cache.length += rows;
    drafting.begins = true;
    for (int depth = 0; depth < GetParam().drafts; ++depth) {
      // Others go on without the last.
      drafting.rows.clear();
      for (int i = 0; i < (depth == 0 ? kSequences : kSequences - 1); ++i) {
        drafting.rows.push_back({.sequence = i, .token = 5 + depth});
      }
      executor.draft(drafting);
      drafting.begins = false;
    }
  };
  const auto go_to = [&](int length) {
    for (SequenceRows& sequence : message.sequences) sequence.cache.length = length;
  };
  const size_t buffers = executor.step_buffer_bytes();
  // Scratch grows with the context. So it begins with the longest, whatever lies in the cache
  // there, and as often as it takes to try both ways of sharing the work.
  for (int i = 0; i < 12; ++i) {
    go_to(1024 - kChunk);
    step(kChunk, 0);
  }
  for (int i = 0; i < 12; ++i) {
    go_to(1024 - kChunk);
    step(1, kDrafts);
  }
  go_to(0);
  const int64_t before = allocations;
  // Long enough for groups of 128 and for more entries than are chosen.
  for (int i = 0; i < 16; ++i) step(kChunk, 0);
  for (int i = 0; i < 140; ++i) step(1, kDrafts);
  EXPECT_EQ(allocations - before, 0);
  EXPECT_EQ(executor.step_buffer_bytes(), buffers) << "buffers grew beyond what was taken at first";
}

INSTANTIATE_TEST_SUITE_P(
    Courses, StepAllocations,
    testing::Values(
        Course{"pico_fp8", "tests/golden/data/model/pico/model", ActivationPolicy::kFp8, false},
        Course{"pico_int8", "tests/golden/data/model/pico/model", ActivationPolicy::kInt8, false},
        Course{"pico_none", "tests/golden/data/model/pico/model", ActivationPolicy::kNone, false},
        Course{"pico_ref", "tests/golden/data/model/pico/model", ActivationPolicy::kInt8, false,
               Isa::kRef},
        Course{"pico_mtp", "tests/golden/data/model/pico/model", ActivationPolicy::kInt8, false,
               best_isa(), 4},
        Course{"pico_dspark", "tests/golden/data/model/pico-dspark/model", ActivationPolicy::kInt8,
               false, best_isa(), 4},
        Course{"nano_mtp_dealt", "models/nano", ActivationPolicy::kInt8, true, best_isa(), 4},
        Course{"nano_dealt", "models/nano", ActivationPolicy::kInt8, true},
        Course{"nano_together", "models/nano", ActivationPolicy::kFp8, false}),
    [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace hadal
