#include "cache/kv_memory.h"

#include <algorithm>
#include <cstdio>
#include <limits>

#include "base/error.h"
#include "cache/block_pool.h"

namespace hadal {
namespace {

// What one bound leaves for the cache.
struct Room {
  const MemoryBound* bound = nullptr;
  int64_t beside_weights = 0;  // and for what else the process needs
  int64_t without_weights = 0;
  int64_t offered = 0;  // to a cache that may take what is free

  bool holds_weights(int64_t cache_bytes) const {
    return bound->kind != MemoryKind::kPages || cache_bytes <= beside_weights;
  }
};

// What a bound counts that no page is needed for yet.
int64_t reserved_elsewhere(const MemoryBound& bound, const KvMemoryArgs& args) {
  switch (bound.kind) {
    case MemoryKind::kPages:
      return 0;
    case MemoryKind::kAddressSpace:
      return args.stack_bytes + args.unmapped_bytes;
    case MemoryKind::kPrivate:
      return args.stack_bytes;
  }
  return 0;
}

Room room_within(const MemoryBound& bound, const KvMemoryArgs& args) {
  constexpr int64_t kReserveShare = 16;              // of the free memory, for everything else
  constexpr int64_t kMaxReserve = int64_t{4} << 30;  // but no more than this
  constexpr int64_t kLeastShare = 8;
  const int64_t free = bound.free_bytes;
  const int64_t reserve = std::max(std::min(free / kReserveShare, kMaxReserve), args.private_bytes);
  Room room{.bound = &bound, .without_weights = free - reserve - reserved_elsewhere(bound, args)};
  switch (bound.kind) {
    case MemoryKind::kPages:
      room.beside_weights = room.without_weights - args.weight_bytes;
      room.offered =
          std::max(room.beside_weights, std::min(free / kLeastShare, room.without_weights));
      break;
    case MemoryKind::kAddressSpace:
    case MemoryKind::kPrivate:
      room.offered = room.beside_weights = room.without_weights;
      break;
  }
  return room;
}

// By each bound; by a modest one where nothing is known.
std::vector<Room> rooms_within(const KvMemoryArgs& args) {
  static const MemoryBound kUnknown{.name = "assumed, as the system tells nothing",
                                    .limit_bytes = int64_t{1} << 30,
                                    .free_bytes = int64_t{1} << 30};
  std::vector<Room> rooms;
  for (const MemoryBound& bound : args.bounds) rooms.push_back(room_within(bound, args));
  if (rooms.empty()) rooms.push_back(room_within(kUnknown, args));
  return rooms;
}

[[noreturn]] void throw_too_little(const Room& room, const KvMemoryArgs& args, int64_t least) {
  const MemoryBound& bound = *room.bound;
  const int64_t needed = least + args.private_bytes + reserved_elsewhere(bound, args);
  throw Error({.code = ErrorCode::kResourceExhausted,
               .where = bound.name,
               .what = "leaves " + short_size(bound.free_bytes) + " of " +
                       short_size(bound.limit_bytes) + ", and the model needs " +
                       short_size(needed) + " beside its files: " + short_size(least) +
                       " for the cache of a short sequence, the rest to compute with",
               .remedy = how_to_raise(bound) + ", or use a smaller model"});
}

}  // namespace

KvMemoryPlan plan_kv_memory(const KvMemoryArgs& args) {
  const auto block_bytes = static_cast<int64_t>(args.geometry.block_bytes);
  const int least = blocks_for_sequence(args.geometry, 1);
  const int64_t least_bytes = least * block_bytes;
  const std::vector<Room> rooms = rooms_within(args);
  const Room& tightest =
      *std::min_element(rooms.begin(), rooms.end(),
                        [](const auto& a, const auto& b) { return a.offered < b.offered; });

  int64_t bytes = 0;
  if (args.requested_bytes > 0) {
    bytes = static_cast<int64_t>(std::min<size_t>(args.requested_bytes, size_t{1} << 60));
  } else {
    for (const Room& room : rooms) {
      // What the machine has free comes and goes; what it has stays.
      const MemoryBound& bound = *room.bound;
      const int64_t most =
          bound.origin == BoundOrigin::kMachine ? bound.limit_bytes : bound.free_bytes;
      if (most < least_bytes + args.private_bytes + reserved_elsewhere(bound, args)) {
        throw_too_little(room, args, least_bytes);
      }
    }
    bytes = std::max(tightest.offered, least_bytes);
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
                 .remedy = "give it at least " + std::to_string(least_bytes) + " bytes"});
  }
  KvMemoryPlan plan{.blocks = static_cast<int>(blocks),
                    .bytes = static_cast<size_t>(blocks * block_bytes),
                    .tokens = (blocks - args.geometry.state_units) * args.geometry.page_tokens,
                    .bound = *tightest.bound};
  const int64_t taken = blocks * block_bytes;
  for (const Room& room : rooms) {
    plan.beyond_memory = plan.beyond_memory || taken > std::max<int64_t>(room.without_weights, 0);
    if (room.holds_weights(taken)) continue;
    plan.paged_bytes =
        std::max(plan.paged_bytes, std::min(args.weight_bytes, taken - room.beside_weights));
  }
  return plan;
}

std::string describe(const KvMemoryPlan& plan, const CacheGeometry& geometry) {
  constexpr double kGiB = 1024.0 * 1024 * 1024;
  char size[32];
  std::snprintf(size, sizeof(size), "%.2f", static_cast<double>(plan.bytes) / kGiB);
  return "KV cache " + std::string(size) + " GiB: " + std::to_string(plan.blocks) + " pages of " +
         std::to_string(geometry.page_tokens) + " tokens, " + std::to_string(plan.tokens) +
         " tokens in one sequence; " +
         (plan.beyond_memory ? "more than is free, " + short_size(plan.bound.free_bytes) + " of "
                             : std::string("within ")) +
         describe(plan.bound) +
         (plan.paged_bytes > 0 ? "; " + short_size(plan.paged_bytes) +
                                     " of the weights do not fit beside it and are read from disk "
                                     "over and over, which is slow"
                               : "");
}

}  // namespace hadal
