#include <algorithm>
#include <string>

#include "base/as_size.h"
#include "base/error.h"
#include "engine/evaluate.h"
#include "engine/lone_sequence.h"
#include "model/v4/drafting.h"
#include "model/v4/dspark_drafting.h"

namespace hadal {
namespace {

void require_block_drafter(const V4Model& model) {
  const ModelConfig& config = model.config();
  if (config.drafter == DrafterKind::kDspark && config.usable_stages() > 0) return;
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = "drafts",
               .what = "the model has no DSpark drafter",
               .remedy = "leave the option out"});
}

int32_t likeliest(std::span<const float> logits) {
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// The guesses after the token at `start.token`, appended.
void draft(Drafting& drafting, const StepPlan& plan, const CachePoolView& pool, const Step& step,
           const DraftStart& start, int block, SequenceDrafts& result) {
  drafting.begin(plan, pool, step, {&start, 1});
  const std::span<const float> base = drafting.base_logits();
  result.logits.insert(result.logits.end(), base.begin(), base.end());
  for (int depth = 0;; ++depth) {
    const int32_t token = likeliest(drafting.logits());
    result.ids.push_back(token);
    result.confidence.push_back(drafting.confidence()[0]);
    if (depth + 1 == block) return;
    const DraftStep next{.draft = 0, .token = token};
    drafting.go_on({&next, 1});
  }
}

}  // namespace

SequenceDrafts evaluate_drafts(V4Model& model, std::span<const int32_t> ids, int chunk) {
  check_ids(model.config(), ids);
  require_block_drafter(model);
  Drafting& drafting = model.feed_drafter();
  const int block = model.config().dspark.block_size;
  const int count = static_cast<int>(ids.size());
  const int usual = chunk > 0 ? chunk : count;
  LoneSequence sequence(model.cache_layout(), ids.size());
  Step step;
  SequenceDrafts result;
  while (sequence.cache.length < count) {
    const int begin = sequence.cache.length;
    const int rows = std::min(usual, count - begin);
    // Before the first of its rows is committed, the step is one that keeps nothing.
    const BatchEntry entry{.cache = &sequence.cache,
                           .tokens = ids.subspan(as_size(begin), as_size(rows)),
                           .droppable_rows = rows};
    const StepPlanner planner = make_step_plan({&entry, 1}, model.cache_layout());
    const StepPlan& plan = planner.plan();
    model.forward(plan, sequence.pool(), step);
    for (int row = 0; row < rows; ++row) {
      if (row > 0) model.commit(plan, 0, row, sequence.pool(), step, sequence.cache);
      draft(drafting, plan, sequence.pool(), step,
            {.rows = row, .token = ids[as_size(begin + row)]}, block, result);
    }
    model.commit(plan, 0, rows, sequence.pool(), step, sequence.cache);
  }
  return result;
}

std::vector<float> evaluate_drafter_stage(V4Model& model, const DrafterStageArgs& args) {
  const ModelConfig& config = model.config();
  check_ids(config, args.ids);
  require_block_drafter(model);
  const size_t stream_floats = as_size(config.hc_mult) * as_size(config.hidden_size);
  const size_t block_floats = as_size(config.dspark.block_size) * stream_floats;
  const size_t tap_floats = config.dspark.taps.size() * as_size(config.hidden_size);
  const auto refuse = [&](const std::string& where) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = where,
                 .what = "does not fit the ids",
                 .remedy = "use the file that belongs to the model"});
  };
  const int count = static_cast<int>(args.ids.size());
  if (args.taps.size() != args.ids.size() * tap_floats) refuse("taps");
  if (!args.streams.empty() && args.streams.size() != args.anchors.size() * block_floats) {
    refuse("streams of stage " + std::to_string(args.stage));
  }
  for (size_t i = 0; i < args.anchors.size(); ++i) {
    if (args.anchors[i] < 0 || args.anchors[i] >= count ||
        (i > 0 && args.anchors[i] <= args.anchors[i - 1])) {
      refuse("anchors");
    }
  }
  Drafting& drafting = model.feed_drafter();
  auto& blocks = dynamic_cast<DsparkDrafting&>(drafting);
  LoneSequence sequence(model.cache_layout(), args.ids.size());
  Step step;
  Step block_step;
  const BatchEntry entry{.cache = &sequence.cache, .tokens = args.ids, .droppable_rows = count};
  const StepPlanner planner = make_step_plan({&entry, 1}, model.cache_layout());
  const StepPlan& plan = planner.plan();
  // For the places of its results; the keys that the drafter sees are then those of the taps.
  model.forward(plan, sequence.pool(), step);
  model.feed_taps(plan, args.taps, sequence.pool(), step);
  std::vector<float> out;
  for (size_t i = 0; i < args.anchors.size(); ++i) {
    const int anchor = args.anchors[i];
    if (anchor > 0) model.commit(plan, 0, anchor, sequence.pool(), step, sequence.cache);
    const DraftStart start{.rows = anchor, .token = args.ids[as_size(anchor)]};
    const StepPlan block = blocks.blocks(plan, {&start, 1});
    std::vector<float> streams(block_floats);
    if (args.streams.empty()) {
      model.embed(block, streams);
    } else {
      std::ranges::copy(args.streams.subspan(i * block_floats, block_floats), streams.begin());
    }
    model.run_drafter_stage(args.stage, block, sequence.pool(), block_step, streams);
    out.insert(out.end(), streams.begin(), streams.end());
  }
  return out;
}

}  // namespace hadal
