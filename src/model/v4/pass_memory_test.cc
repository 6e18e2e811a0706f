// The memory of a pass: what is planned before there is a model is what a pass takes, and what the
// config alone tells (checkpoint/v4/memory_needs.h) is a little more.
#include <filesystem>
#include <gtest/gtest.h>

#include "checkpoint/v4/checkpoint.h"
#include "checkpoint/v4/config_presets.h"
#include "checkpoint/v4/memory_needs.h"
#include "model/v4/v4_model.h"
#include "model/v4/work_buffers.h"
#include "support/source_dir.h"

namespace hadal {
namespace {

constexpr StepLimits kUsual{.rows = 528, .sequences = 16, .logit_rows = 16, .droppable_rows = 64};

TEST(PassMemory, IsWhatWasPlanned) {
  const Checkpoint checkpoint =
      Checkpoint::open(test::source_path("tests/golden/data/model/pico/model"));
  ThreadPool threads(1);
  for (const ActivationPolicy policy :
       {ActivationPolicy::kNone, ActivationPolicy::kFp8, ActivationPolicy::kInt8}) {
    const ModelOptions options{.activations = policy, .page_tokens = 128};
    const V4Model model(checkpoint, threads, options);
    const auto pass = model.make_pass(threads);
    pass->reserve(kUsual);
    const size_t planned = pass_memory_bytes(model.config(), options, kUsual);
    EXPECT_GE(pass->memory_bytes(), planned);
    EXPECT_LT(pass->memory_bytes(), planned + 4096);
  }
}

TEST(PassMemory, TheEstimateOfTheConfigIsALittleMore) {
  for (const char* const preset : {"flash", "pro"}) {
    const ModelConfig config = preset_config(preset);
    for (const ActivationPolicy policy : {ActivationPolicy::kFp8, ActivationPolicy::kInt8}) {
      const auto exact =
          static_cast<double>(pass_memory_bytes(config, {.activations = policy}, kUsual));
      const auto estimate = static_cast<double>(working_memory_bytes(config, kUsual.rows) -
                                                program_memory_bytes(config, kUsual.rows));
      EXPECT_GE(estimate, exact) << preset;
      EXPECT_LE(estimate, 1.6 * exact) << preset;
    }
  }
}

// Intermediate results that live at other stages share memory: queries with the experts' outputs.
TEST(PassMemory, ResultsOfOtherStagesShareIt) {
  const ModelConfig config = preset_config("flash");
  ThreadPool threads(1);
  const OpContext ops(threads, reference_kernels());
  WorkBuffers buffers;
  buffers.reserve(preset_config("pico"), ops, ActivationPolicy::kFp8, largest_size(kUsual));
  size_t sum = 0;
  for (const PlannedBuffer& a : buffers.plan().buffers()) {
    sum += a.bytes;
    for (const PlannedBuffer& b : buffers.plan().buffers()) {
      const bool meet = a.first_use <= b.last_use && b.first_use <= a.last_use;
      if (&a == &b || !meet) continue;
      EXPECT_TRUE(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset)
          << a.name << " and " << b.name;
    }
  }
  EXPECT_LT(static_cast<double>(buffers.memory_bytes()), 0.75 * static_cast<double>(sum));
  EXPECT_GT(WorkBuffers::bytes_for(config, ops, ActivationPolicy::kFp8, largest_size(kUsual)),
            buffers.memory_bytes());
}

}  // namespace
}  // namespace hadal
