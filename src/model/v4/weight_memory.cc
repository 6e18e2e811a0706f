#include "model/v4/weight_memory.h"

#include <algorithm>

#include "base/error.h"
#include "base/huge_copy.h"
#include "base/huge_pages.h"
#include "ops/int8_tiles.h"

namespace hadal {
namespace {

class BytesInUse {
 public:
  void add(const WeightMatrix& weight) {
    if (weight.data == nullptr) return;
    if (weight.int8.codes != nullptr) {
      const Int8TileSizes sizes = int8_tile_sizes(weight);
      add(weight.int8.codes, sizes.tiles * sizes.tile_codes);
      add(weight.int8.scales, sizes.tiles * sizes.tile_scales * sizeof(float));
      return;
    }
    const WeightBytes bytes = weight_bytes(weight.format, weight.out_features, weight.in_features);
    add(weight.data, bytes.values);
    add(weight.scale, bytes.exponents);
  }
  void add(const ExpertWeights& expert) {
    for (const WeightMatrix* weight : {&expert.w1, &expert.w3, &expert.w2}) add(*weight);
  }
  void add(const CompressorWeights& compressor) {
    add(compressor.wkv);
    add(compressor.wgate);
  }
  void add(const LayerWeights& layer) {
    const AttentionWeights& attention = layer.attention;
    for (const WeightMatrix* weight :
         {&layer.hc_attn.fn, &layer.hc_ffn.fn, &attention.wq_a, &attention.wq_b, &attention.wkv,
          &attention.wo_a, &attention.wo_b, &attention.indexer.wq_b,
          &attention.indexer.weights_proj, &layer.moe.gate}) {
      add(*weight);
    }
    add(attention.compressor);
    add(attention.indexer.compressor);
    for (const ExpertWeights& expert : layer.moe.experts) add(expert);
    add(layer.moe.shared);
  }

  std::vector<std::span<const std::byte>> take() { return std::move(ranges_); }

 private:
  void add(const void* data, size_t bytes) {
    if (data != nullptr) ranges_.emplace_back(static_cast<const std::byte*>(data), bytes);
  }

  std::vector<std::span<const std::byte>> ranges_;
};

std::string gib(uint64_t bytes) { return short_size(static_cast<int64_t>(bytes)); }

// Under kAuto: whether a copy is worth its time and memory. Where a file system can keep files in
// huge pages, the cache is emptied instead.
WeightPlace choose_place(const HugeCopy& weights, std::span<const MemoryBound> bounds,
                         const WeightMemoryOptions& options) {
  constexpr double kMostlyHuge = 0.9;
  if (weights.bytes() < options.least_bytes) return WeightPlace::kMapped;
  if (memory_advice(nullptr, 0).policy == "never") return WeightPlace::kMapped;
  if (weights.huge_share() >= kMostlyHuge) return WeightPlace::kMapped;
  weights.drop_samples();
  if (weights.huge_share() >= kMostlyHuge) return WeightPlace::kMappedAnew;
  const auto bytes = static_cast<int64_t>(weights.bytes());
  return has_room_for_copy(bounds, bytes, options.cache_bytes, 1) ? WeightPlace::kCopied
                                                                  : WeightPlace::kMappedNoRoom;
}

}  // namespace

std::string_view weight_place_name(WeightPlace place) {
  switch (place) {
    case WeightPlace::kMapped:
      return "mapped";
    case WeightPlace::kMappedNoRoom:
      return "mapped (no room to copy)";
    case WeightPlace::kMappedAnew:
      return "mapped anew";
    case WeightPlace::kCopied:
      return "copied";
  }
  return "";
}

std::vector<std::span<const std::byte>> bytes_in_use(const ModelWeights& weights,
                                                     bool with_drafter) {
  BytesInUse used;
  used.add(weights.output);
  used.add(weights.head.hc_head.fn);
  for (const LayerWeights& layer : weights.layers) used.add(layer);
  if (!with_drafter) return used.take();
  used.add(weights.draft_output);
  if (weights.mtp != nullptr) {
    used.add(weights.mtp->e_proj);
    used.add(weights.mtp->h_proj);
    used.add(weights.mtp->layer);
    used.add(weights.mtp->head.hc_head.fn);
  }
  if (weights.dspark != nullptr) {
    for (const WeightMatrix* weight :
         {&weights.dspark->main_proj, &weights.dspark->head.hc_head.fn, &weights.dspark->markov_w1,
          &weights.dspark->markov_w2, &weights.dspark->confidence}) {
      used.add(*weight);
    }
    for (const LayerWeights& stage : weights.dspark->stages) used.add(stage);
  }
  return used.take();
}

bool has_room_for_copy(std::span<const MemoryBound> bounds, int64_t bytes, int64_t cache_bytes,
                       int copies) {
  // Half of what the plan of the cache leaves free for everything else (cache/kv_memory.cc), so
  // that a cache planned beside the weights always leaves room for them.
  constexpr int64_t kReserveShare = 32;
  constexpr int64_t kMostReserve = int64_t{2} << 30;
  return std::all_of(bounds.begin(), bounds.end(), [&](const MemoryBound& bound) {
    if (bound.kind == MemoryKind::kAddressSpace) return true;
    const int64_t left =
        bound.free_bytes - std::min(bound.free_bytes / kReserveShare, kMostReserve);
    const int64_t weights = bound.kind == MemoryKind::kPages ? copies * bytes : bytes;
    return left >= weights + cache_bytes;
  });
}

WeightPlace place_weights(const ModelWeights& weights, std::span<const MappedFile* const> files,
                          ThreadPool& threads, const WeightMemoryOptions& options) {
  if (options.wish == WeightMemory::kMapped) return WeightPlace::kMapped;
  const HugeCopy copy(files, bytes_in_use(weights, options.with_drafter));
  const std::vector<MemoryBound> bounds = options.bounds.empty() ? memory_bounds() : options.bounds;
  const auto notice = [&](const std::string& message) {
    if (options.notice) options.notice(message);
  };
  const WeightPlace place = options.wish == WeightMemory::kCopied
                                ? WeightPlace::kCopied
                                : choose_place(copy, bounds, options);
  const auto bytes = static_cast<int64_t>(copy.bytes());
  const auto progress_of = [&](const char* what) {
    return [&options, what](uint64_t done, uint64_t total) {
      if (options.progress) options.progress(what, done, total);
    };
  };
  switch (place) {
    case WeightPlace::kMapped:
      return place;
    case WeightPlace::kMappedAnew:
      copy.drop_cached();
      notice(gib(copy.bytes()) +
             " of weights were cached in small pages; they are read again, into huge ones");
      if (has_room_for_copy(bounds, bytes, options.cache_bytes, 1)) {
        copy.read(threads, progress_of("Reading weights"));
      }
      return place;
    case WeightPlace::kMappedNoRoom:
      notice(gib(copy.bytes()) +
             " of weights are cached in small pages, which makes steps slower; there is no room "
             "beside the cache to copy them into huge ones (less --kv-memory may make room)");
      return place;
    case WeightPlace::kCopied:
      break;
  }
  try {
    copy.run({.threads = threads,
              .keep_cached = has_room_for_copy(bounds, bytes, options.cache_bytes, 2),
              .progress = progress_of("Copying weights")});
  } catch (const Error& error) {
    if (options.wish == WeightMemory::kCopied || error.code() != ErrorCode::kResourceExhausted) {
      throw;
    }
    notice(std::string(error.what()) + "; the weights stay where they are");
    return WeightPlace::kMappedNoRoom;
  }
  if (copy.bytes() > 0) notice(gib(copy.bytes()) + " of weights copied into huge pages");
  return place;
}

}  // namespace hadal
