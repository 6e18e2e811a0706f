#include "engine/sampler_state.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/error.h"

namespace hadal {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

bool allows_any(std::span<const float> logits) {
  return std::any_of(logits.begin(), logits.end(), [](float logit) { return logit > kNever; });
}

// A penalty must not make a finite logit infinite.
float finite(float logit) {
  constexpr float kMost = std::numeric_limits<float>::max();
  return std::clamp(logit, -kMost, kMost);
}

}  // namespace

SamplerState::SamplerState(SamplingOptions options, std::span<const int32_t> prompt,
                           std::shared_ptr<TokenConstraint> constraint, TokenBans bans)
    : options_(std::move(options)), constraint_(std::move(constraint)), bans_(std::move(bans)) {
  if (options_.repetition_penalty == 1) return;
  for (const int32_t token : prompt) occurrence(token).in_prompt = true;
}

bool SamplerState::has_penalties() const {
  return options_.repetition_penalty != 1 || options_.presence_penalty != 0 ||
         options_.frequency_penalty != 0;
}

bool SamplerState::changes_logits() const {
  return has_penalties() || !options_.logit_bias.empty() || constraint_ != nullptr ||
         !bans_.always.empty() || bans_early();
}

SamplerState::Occurrence& SamplerState::occurrence(int32_t token) {
  const auto [place, is_new] = places_.try_emplace(token, occurrences_.size());
  if (is_new) occurrences_.push_back({.token = token});
  return occurrences_[place->second];
}

void SamplerState::apply(std::span<float> logits) {
  if (!changes_logits()) return;
  apply_penalties(logits);
  apply_bias(logits);
  if (constraint_ != nullptr) apply_constraint(logits);
  apply_bans(logits);
  if (!allows_any(logits)) {
    const char* blocker = constraint_ != nullptr ? "the constraint" : "the bans of tokens";
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = options_.logit_bias.empty() ? blocker : "logit_bias",
                 .what = "leaves no token to choose",
                 .remedy = "allow at least one token"});
  }
  apply_forced(logits);
}

void SamplerState::apply_penalties(std::span<float> logits) const {
  const float repetition = options_.repetition_penalty;
  for (const Occurrence& seen : occurrences_) {
    if (seen.in_answer == 0 && !seen.in_prompt) continue;  // taken back
    float& logit = logits[static_cast<size_t>(seen.token)];
    if (logit == kNever) continue;
    float value = logit > 0 ? logit / repetition : logit * repetition;
    if (seen.in_answer > 0) {
      value -= options_.frequency_penalty * static_cast<float>(seen.in_answer) +
               options_.presence_penalty;
    }
    logit = finite(value);
  }
}

void SamplerState::apply_bias(std::span<float> logits) {
  for (const LogitBias& entry : options_.logit_bias) {
    float& logit = logits[static_cast<size_t>(entry.token)];
    if (entry.bias == -kGreatestBias) {
      logit = kNever;
    } else if (logit != kNever) {
      logit = finite(logit + entry.bias);
    }
  }
}

void SamplerState::apply_constraint(std::span<float> logits) {
  mask_.assign((logits.size() + 63) / 64, 0);
  constraint_->fill_mask(mask_);
  for (size_t word = 0; word < mask_.size(); ++word) {
    const uint64_t bits = mask_[word];
    if (bits == ~uint64_t{0}) continue;
    const size_t begin = word * 64;
    const size_t end = std::min(begin + 64, logits.size());
    for (size_t i = begin; i < end; ++i) {
      if ((bits >> (i - begin) & 1) == 0) logits[i] = kNever;
    }
  }
}

void SamplerState::apply_bans(std::span<float> logits) const {
  std::vector<std::pair<size_t, float>> before;
  const auto ban = [&](const std::vector<int32_t>& tokens) {
    for (const int32_t token : tokens) {
      const auto place = static_cast<size_t>(token);
      if (token < 0 || place >= logits.size()) continue;
      before.emplace_back(place, logits[place]);
      logits[place] = kNever;
    }
  };
  ban(bans_.always);
  if (bans_early()) ban(bans_.early);
  if (before.empty() || constraint_ == nullptr || allows_any(logits)) return;
  // Backwards: the first entry of a token that is banned twice has its logit.
  std::reverse(before.begin(), before.end());
  for (const auto& [place, logit] : before) logits[place] = logit;
}

void SamplerState::apply_forced(std::span<float> logits) const {
  std::vector<std::pair<size_t, float>> forced;
  for (const LogitBias& entry : options_.logit_bias) {
    const auto token = static_cast<size_t>(entry.token);
    if (entry.bias == kGreatestBias && logits[token] > kNever) {
      forced.emplace_back(token, logits[token]);
    }
  }
  if (forced.empty()) return;
  std::fill(logits.begin(), logits.end(), kNever);
  for (const auto& [token, logit] : forced) logits[token] = logit;
}

void SamplerState::advance(int32_t token) {
  if (constraint_ != nullptr) constraint_->advance(token);
  ++answer_tokens_;
  if (!has_penalties()) return;
  ++occurrence(token).in_answer;
  answer_.push_back(token);
}

void SamplerState::rollback(int count) {
  HADAL_CHECK(count >= 0);
  if (count == 0) return;
  if (constraint_ != nullptr) constraint_->rollback(count);
  HADAL_CHECK(count <= answer_tokens_);
  answer_tokens_ -= count;
  if (!has_penalties()) return;
  HADAL_CHECK(static_cast<size_t>(count) <= answer_.size());
  for (int i = 0; i < count; ++i) {
    --occurrence(answer_.back()).in_answer;
    answer_.pop_back();
  }
}

}  // namespace hadal
