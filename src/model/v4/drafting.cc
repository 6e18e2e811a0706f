#include "model/v4/drafting.h"

#include <algorithm>

#include "model/v4/dspark_drafting.h"
#include "model/v4/mtp_drafting.h"

namespace hadal {
namespace {

// Beyond the depth that a block is trained for guesses are rarely right; more than this never pay.
constexpr int kMostModelDrafts = 8;

}  // namespace

std::span<const CompressionPlan> NoCompressions::of(size_t sequences) {
  first_group_.assign(sequences + 1, 0);
  plans_ = {{{.ratio = kCsaRatio, .first_group = first_group_},
             {.ratio = kHcaRatio, .first_group = first_group_}}};
  return plans_;
}

ModelDrafter drafter_of(const ModelConfig& config) {
  if (config.usable_stages() == 0) return {};
  if (config.drafter == DrafterKind::kMtp) {
    return {.most_drafts = kMostModelDrafts, .pass_for_each = true, .window = config.window};
  }
  return {.most_drafts = std::min(config.dspark.block_size, kMostModelDrafts),
          .tells_confidence = true,
          .window = config.window};
}

std::unique_ptr<Drafting> make_drafting(const ModelParts& model, ForwardPass& pass,
                                        OpContext& ops) {
  if (model.weights.mtp != nullptr) return std::make_unique<MtpDrafting>(model, pass, ops);
  if (model.weights.dspark != nullptr) return std::make_unique<DsparkDrafting>(model, pass, ops);
  return nullptr;
}

StepSize drafting_size(const ModelConfig& config, const StepLimits& limits) {
  return config.drafter == DrafterKind::kMtp ? MtpDrafting::size_for(limits.sequences)
                                             : DsparkDrafting::size_for(config, limits.sequences);
}

size_t drafting_memory_bytes(const ModelConfig& config, const CacheLayout& layout,
                             const StepLimits& limits) {
  return config.drafter == DrafterKind::kMtp ? MtpDrafting::bytes_for(config, layout, limits)
                                             : DsparkDrafting::bytes_for(config, layout, limits);
}

}  // namespace hadal
