#include "model/v4/known_answer.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <tuple>
#include <vector>

#include "base/check.h"
#include "base/checksum.h"
#include "cache/block_pool.h"
#include "checkpoint/v4/config_presets.h"

namespace hadal {
namespace {

// Every kind of layer, groups of both ratios, more entries than are chosen, experts by hash and by
// score; rows that go on from state, and rows that are dropped.
constexpr int kFirstRows = 133;
constexpr int kLaterRows = 9;
constexpr int kDroppedRows = 3;

ModelConfig small_config() {
  ModelConfig config = preset_config("pico");
  config.layers = 3;
  config.layer_kinds.resize(3);
  config.vocab_size = 128;
  config.drafter = DrafterKind::kNone;
  config.drafter_stages = 0;
  return config;
}

std::vector<int32_t> tokens(int count) {
  std::vector<int32_t> ids;
  for (int i = 0; i < count; ++i) ids.push_back((i * i + 7 * i) % 128);
  return ids;
}

Hash128 compute(const ModelOptions& options) {
  const Checkpoint checkpoint = Checkpoint::synthetic(small_config(), 1);
  ThreadPool threads(1);
  ModelOptions small = options;
  small.page_tokens = 128;
  small.int8_weights = {};
  V4Model model(checkpoint, threads, small);
  const CacheGeometry& geometry = model.geometry();
  const std::vector<int32_t> ids = tokens(kFirstRows + kLaterRows);
  const auto length = static_cast<int>(ids.size());
  BlockPool pool(geometry.block_bytes, blocks_for_sequence(geometry, length));
  SequenceCache cache;
  const bool reserved = reserve_sequence(pool, geometry, length, cache);
  HADAL_CHECK(reserved);
  const std::span<std::byte> blocks(pool.view().base,
                                    geometry.block_bytes * static_cast<size_t>(pool.capacity()));
  std::ranges::fill(blocks, std::byte{0});

  Checksum sum;
  Step step;
  const auto run = [&](int rows, int kept) {
    const BatchEntry entry{.cache = &cache,
                           .tokens = std::span(ids).subspan(static_cast<size_t>(cache.length),
                                                            static_cast<size_t>(rows)),
                           .logit_rows = std::min(rows, kLaterRows),
                           .droppable_rows = rows - kept};
    const StepPlanner planner = make_step_plan({&entry, 1}, geometry);
    model.forward(planner.plan(), pool.view(), step);
    sum.update(std::as_bytes(step.logits));
    model.commit(planner.plan(), 0, kept, pool.view(), step, cache);
  };
  run(kFirstRows, kFirstRows);
  run(kLaterRows, kLaterRows - kDroppedRows);
  run(1, 1);
  sum.update(blocks);
  return sum.value();
}

}  // namespace

std::string known_answer_digest(const ModelOptions& options) {
  static std::mutex mutex;
  static std::map<std::tuple<Isa, ActivationPolicy, RopeStorage>, std::string> known;
  const std::lock_guard lock(mutex);
  std::string& digest = known[{options.isa, options.activations, options.rope_storage}];
  if (digest.empty()) digest = to_hex(compute(options)).substr(0, 16);
  return digest;
}

}  // namespace hadal
