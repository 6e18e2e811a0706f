#include "model/v4/drafting.h"

#include "model/v4/mtp_drafting.h"

namespace hadal {
namespace {

// Beyond the depth that a block is trained for guesses are rarely right; more than this never pay.
constexpr int kMostMtpDrafts = 8;

}  // namespace

ModelDrafter drafter_of(const ModelConfig& config) {
  if (config.drafter != DrafterKind::kMtp) return {};
  return {.most_drafts = kMostMtpDrafts, .pass_for_each = true, .window = config.window};
}

std::unique_ptr<Drafting> make_drafting(const ModelParts& model, ForwardPass& pass,
                                        OpContext& ops) {
  if (model.config.drafter != DrafterKind::kMtp) return nullptr;
  return std::make_unique<MtpDrafting>(model, pass, ops);
}

size_t drafting_memory_bytes(const ModelConfig& config, const CacheLayout& layout,
                             const StepLimits& limits) {
  if (config.drafter != DrafterKind::kMtp) return 0;
  return MtpDrafting::bytes_for(config, layout, limits);
}

}  // namespace hadal
