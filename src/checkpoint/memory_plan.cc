#include "checkpoint/memory_plan.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"

namespace hadal {
namespace {

// The limit that a container sets, or nothing ("max", or no such file).
std::optional<int64_t> container_limit() {
  constexpr size_t kMaxBytes = 4096;
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    try {
      const std::string text = read_text_file(path, kMaxBytes);
      int64_t limit = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
      if (error == std::errc() && limit > 0) return limit;
    } catch (const Error&) {
      continue;  // another kind of cgroup, or none
    }
  }
  return std::nullopt;
}

}  // namespace

int64_t kv_entry_bytes(const ModelConfig& config) {
  constexpr int64_t kScalePadding = 8;
  const int64_t scales = config.nope_dim() / kKvScaleGroup;
  return config.nope_dim() + 2 * int64_t{config.rope_dim} +
         (scales + kScalePadding - 1) / kScalePadding * kScalePadding;
}

int64_t index_key_bytes(const ModelConfig& config) {
  return config.index_head_dim / 2 + config.index_head_dim / kFp4Block;
}

int64_t kv_bytes(const ModelConfig& config, int64_t tokens) {
  const int64_t entry = kv_entry_bytes(config);
  return config.count(LayerKind::kCsa) * (tokens / kCsaRatio) * (entry + index_key_bytes(config)) +
         config.count(LayerKind::kHca) * (tokens / kHcaRatio) * entry +
         config.layers * std::min<int64_t>(tokens, config.window) * entry;
}

double kv_bytes_per_token(const ModelConfig& config) {
  // Over one HCA group, where both floors are exact and the window is full.
  const int64_t from = (config.window / kHcaRatio + 1) * kHcaRatio;
  return static_cast<double>(kv_bytes(config, from + kHcaRatio) - kv_bytes(config, from)) /
         kHcaRatio;
}

int64_t kv_window_bytes(const ModelConfig& config) {
  return int64_t{config.layers} * config.window * kv_entry_bytes(config);
}

int64_t compressor_state_bytes(const ModelConfig& config) {
  constexpr int64_t kFloat = sizeof(float);
  constexpr int64_t kKeysAndScores = 2;
  constexpr int64_t kBothGroups = 2;  // the previous and the present one, of twice the width
  const int64_t csa = kKeysAndScores * kBothGroups * kCsaRatio * 2 *
                      (config.head_dim + config.index_head_dim) * kFloat;
  const int64_t hca = 3 * int64_t{config.head_dim} * kFloat;
  return config.count(LayerKind::kCsa) * csa + config.count(LayerKind::kHca) * hca;
}

int64_t mtp_window_bytes(const ModelConfig& config) {
  if (config.drafter != DrafterKind::kMtp) return 0;
  return int64_t{config.window} * kv_entry_bytes(config);
}

int64_t sequence_bytes(const ModelConfig& config, int64_t tokens) {
  return kv_bytes(config, tokens) + compressor_state_bytes(config) + mtp_window_bytes(config);
}

MachineMemory machine_memory() {
  const int64_t physical = int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGESIZE);
  return {.total_bytes = std::min(physical, container_limit().value_or(physical))};
}

MemoryPlan plan_memory(const ModelConfig& config, const CatalogueTotals& totals,
                       const MachineMemory& machine) {
  constexpr int64_t kReserveShare = 16;              // of the memory,
  constexpr int64_t kMaxReserve = int64_t{8} << 30;  // but no more than this
  constexpr int64_t kUsefulTokens = 8192;
  MemoryPlan plan{.machine_bytes = machine.total_bytes,
                  .reserve_bytes = std::min(machine.total_bytes / kReserveShare, kMaxReserve),
                  .weight_bytes = totals.bytes};
  const int64_t usable = plan.machine_bytes - plan.reserve_bytes;
  plan.cache_bytes = std::max<int64_t>(0, usable - plan.weight_bytes);

  const int64_t useful = std::min<int64_t>(kUsefulTokens, config.max_positions);
  if (plan.weight_bytes > usable) {
    plan.fit = Fit::kFromDisk;
    // Everything but the routed experts is read for each token and so stays in memory first.
    const int64_t routed = totals.part(Part::kRoutedExperts);
    const int64_t idle = totals.part(Part::kEmbedding) + totals.part(Part::kMtp);
    const int64_t constant = totals.bytes - routed - idle;
    const double resident =
        std::clamp(static_cast<double>(usable - constant) / static_cast<double>(routed), 0.0, 1.0);
    const auto chosen = static_cast<double>(totals.active_bytes - constant);
    plan.disk_bytes_per_token =
        static_cast<int64_t>(chosen * (1 - resident)) + std::max<int64_t>(0, constant - usable);
  } else if (plan.cache_bytes < sequence_bytes(config, useful)) {
    plan.fit = Fit::kNoCache;
  }

  const int64_t growing = plan.cache_bytes - kv_window_bytes(config) -
                          compressor_state_bytes(config) - mtp_window_bytes(config);
  if (const double slope = kv_bytes_per_token(config); growing > 0 && slope > 0) {
    plan.cache_tokens = static_cast<int64_t>(static_cast<double>(growing) / slope);
  }
  return plan;
}

}  // namespace hadal
