#include "cache/kv_memory.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <limits>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "cache/block_pool.h"

namespace hadal {
namespace {

constexpr size_t kMaxTextBytes = 64 * 1024;

std::optional<std::string> system_text(const char* path) {
  try {
    return read_text_file(path, kMaxTextBytes);
  } catch (const Error&) {
    return std::nullopt;
  }
}

// The number that follows `name` at the beginning of a line of `text`.
std::optional<int64_t> number_after(std::string_view text, std::string_view name) {
  size_t line = 0;
  while (line < text.size()) {
    std::string_view rest = text.substr(line);
    if (rest.starts_with(name)) {
      rest.remove_prefix(name.size());
      rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
      int64_t value = 0;
      const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
      if (error == std::errc()) return value;
      return std::nullopt;
    }
    const size_t end = text.find('\n', line);
    if (end == std::string_view::npos) break;
    line = end + 1;
  }
  return std::nullopt;
}

std::optional<int64_t> container_room() {
  const auto limit_text = system_text("/sys/fs/cgroup/memory.max");
  const auto used_text = system_text("/sys/fs/cgroup/memory.current");
  if (!limit_text || !used_text) return std::nullopt;
  const auto limit = number_after(*limit_text, "");
  const auto used = number_after(*used_text, "");
  if (!limit || !used) return std::nullopt;
  const auto details = system_text("/sys/fs/cgroup/memory.stat");
  const int64_t cached_files = details ? number_after(*details, "file ").value_or(0) : 0;
  return *limit - *used + cached_files;
}

}  // namespace

int64_t available_memory() {
  constexpr int64_t kKiB = 1024;
  const auto text = system_text("/proc/meminfo");
  const int64_t machine =
      text ? number_after(*text, "MemAvailable:").value_or(0) * kKiB : int64_t{0};
  return std::max<int64_t>(0, std::min(machine, container_room().value_or(machine)));
}

KvMemoryPlan plan_kv_memory(const KvMemoryArgs& args) {
  constexpr int64_t kReserveShare = 16;              // of the free memory, for everything else
  constexpr int64_t kMaxReserve = int64_t{4} << 30;  // but no more than this
  constexpr int64_t kLeastShare = 8;
  const auto block_bytes = static_cast<int64_t>(args.layout.block_bytes);
  const int64_t reserve = std::min(args.available_bytes / kReserveShare, kMaxReserve);
  const int64_t free = args.available_bytes - reserve - args.weight_bytes;
  const int least = blocks_for_sequence(args.layout, 1);

  int64_t bytes = 0;
  if (args.requested_bytes > 0) {
    bytes = static_cast<int64_t>(std::min<size_t>(args.requested_bytes, size_t{1} << 60));
  } else {
    bytes = std::max({free, args.available_bytes / kLeastShare, least * block_bytes});
  }
  int64_t blocks = std::min<int64_t>(bytes / block_bytes, std::numeric_limits<int32_t>::max());
  if (args.requested_bytes == 0 && args.useful_blocks > 0) {
    blocks = std::min(blocks, std::max<int64_t>(args.useful_blocks, least));
  }
  if (blocks < least) {
    throw Error({.code = ErrorCode::kResourceExhausted,
                 .where = "--kv-memory",
                 .what = std::to_string(args.requested_bytes) +
                         " bytes would not hold the shortest sequence",
                 .remedy = "give it at least " + std::to_string(least * block_bytes) + " bytes"});
  }
  KvMemoryPlan plan{.blocks = static_cast<int>(blocks),
                    .bytes = static_cast<size_t>(blocks * block_bytes)};
  plan.tokens = (blocks - args.layout.state_units) * args.layout.page_tokens;
  plan.beyond_memory = blocks * block_bytes > std::max<int64_t>(free, 0);
  return plan;
}

std::string describe(const KvMemoryPlan& plan, const CacheLayout& layout) {
  constexpr double kGiB = 1024.0 * 1024 * 1024;
  char size[32];
  std::snprintf(size, sizeof(size), "%.2f", static_cast<double>(plan.bytes) / kGiB);
  return "KV cache " + std::string(size) + " GiB: " + std::to_string(plan.blocks) + " pages of " +
         std::to_string(layout.page_tokens) + " tokens, " + std::to_string(plan.tokens) +
         " tokens in one sequence" +
         (plan.beyond_memory ? "; more than is free beside the weights" : "");
}

}  // namespace hadal
