#include "engine/lone_sequence.h"

#include <string>

#include "base/check.h"
#include "base/error.h"

namespace hadal {

LoneSequence::LoneSequence(const CacheLayout& layout, size_t tokens)
    : pool_(layout.block_bytes, blocks_for_sequence(layout, static_cast<int>(tokens))) {
  const bool reserved = reserve_sequence(pool_, layout, static_cast<int>(tokens), cache);
  HADAL_CHECK(reserved);
}

void check_ids(const ModelConfig& config, std::span<const int32_t> ids) {
  if (ids.empty()) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "ids",
                 .what = "is empty",
                 .remedy = "give at least one token id"});
  }
  if (ids.size() > static_cast<size_t>(config.max_positions)) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "ids",
                 .what = "holds " + std::to_string(ids.size()) + " tokens, but the model has " +
                         std::to_string(config.max_positions) + " positions",
                 .remedy = "give fewer"});
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] >= 0 && ids[i] < config.vocab_size) continue;
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "ids[" + std::to_string(i) + "]",
                 .what = "is " + std::to_string(ids[i]) + ", outside the vocabulary of " +
                         std::to_string(config.vocab_size),
                 .remedy = "use ids of this model's tokenizer"});
  }
}

}  // namespace hadal
