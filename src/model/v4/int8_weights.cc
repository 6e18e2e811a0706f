#include "model/v4/int8_weights.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "base/checksum.h"
#include "base/error.h"
#include "base/files.h"
#include "base/input_file.h"
#include "base/unaligned.h"
#include "ops/int8_tiles.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

// The file: this header, padded to kHeaderBytes, then per matrix its codes and its scales, each at
// a multiple of 64 bytes, in the order of collect().
struct FileHeader {
  char magic[8];
  uint32_t version;
  uint32_t matrices;
  Hash128 source;  // of shapes, scales and samples of the weights it is made of
  uint64_t payload_bytes;
  Hash128 payload;  // of the payload's chunks
};
constexpr char kMagic[8] = {'h', 'a', 'd', 'a', 'l', 'I', '8', '\0'};
constexpr uint32_t kVersion = 2;
constexpr size_t kHeaderBytes = 4096;
constexpr size_t kChunk = size_t{8} << 20;

struct Piece {
  WeightMatrix* matrix = nullptr;
  size_t codes_offset = 0;  // from the start of the payload
  size_t scales_offset = 0;
  Int8TileSizes sizes;
};

struct Payload {
  std::vector<Piece> pieces;
  size_t bytes = 0;
};

Payload collect(ModelWeights& weights) {
  Payload payload;
  const auto add = [&](WeightMatrix& matrix, WeightFormat format = WeightFormat::kFp8) {
    if (matrix.format != format || !can_become_int8(matrix)) return;
    Piece piece{.matrix = &matrix, .sizes = int8_tile_sizes(matrix)};
    piece.codes_offset = payload.bytes;
    payload.bytes += round_up(piece.sizes.tiles * piece.sizes.tile_codes, kCacheLine);
    piece.scales_offset = payload.bytes;
    payload.bytes +=
        round_up(piece.sizes.tiles * piece.sizes.tile_scales * sizeof(float), kCacheLine);
    payload.pieces.push_back(piece);
  };
  const auto add_layer = [&](LayerWeights& layer) {
    AttentionWeights& attention = layer.attention;
    for (WeightMatrix* matrix :
         {&attention.wq_a, &attention.wq_b, &attention.wkv, &attention.indexer.wq_b,
          &attention.wo_a, &attention.wo_b, &layer.moe.shared.w1, &layer.moe.shared.w3,
          &layer.moe.shared.w2}) {
      if (matrix->data != nullptr) add(*matrix);
    }
  };
  for (LayerWeights& layer : weights.layers) add_layer(layer);
  if (weights.mtp != nullptr) {
    add(weights.mtp->e_proj);
    add(weights.mtp->h_proj);
    add_layer(weights.mtp->layer);
  }
  if (weights.dspark != nullptr) {
    add(weights.dspark->main_proj);
    for (LayerWeights& stage : weights.dspark->stages) add_layer(stage);
  }
  if (weights.mtp != nullptr || weights.dspark != nullptr) {
    add(weights.draft_output, WeightFormat::kBf16);
  }
  return payload;
}

// Names the weights: shapes, all scales, and of every matrix 16 samples of 256 bytes.
Hash128 source_of(const Payload& payload) {
  constexpr size_t kSamples = 16;
  constexpr size_t kSampleBytes = 256;
  Checksum sum;
  for (const Piece& piece : payload.pieces) {
    const WeightMatrix& matrix = *piece.matrix;
    const auto rows = static_cast<size_t>(matrix.out_features);
    const auto columns = static_cast<size_t>(matrix.in_features);
    const uint64_t shape[] = {rows, columns};
    sum.update(std::as_bytes(std::span(shape)));
    if (matrix.scale != nullptr) sum.update({matrix.scale, (rows + 127) / 128 * (columns / 128)});
    const size_t bytes = rows * row_bytes(matrix.format, matrix.in_features);
    for (size_t i = 0; i < kSamples; ++i) {
      const size_t begin = bytes / kSamples * i;
      sum.update({matrix.data + begin, std::min(kSampleBytes, bytes - begin)});
    }
  }
  return sum.value();
}

Hash128 sum_of_chunks(std::span<const Hash128> chunks) { return checksum(std::as_bytes(chunks)); }

// The chunks on all threads, then their checksums in order.
Hash128 payload_checksum(const std::byte* data, size_t bytes, ThreadPool& threads,
                         const Int8WeightsOptions& options) {
  const size_t chunks = (bytes + kChunk - 1) / kChunk;
  std::vector<Hash128> sums(chunks);
  constexpr size_t kChunksPerReport = 32;
  for (size_t first = 0; first < chunks; first += kChunksPerReport) {
    const size_t count = std::min(kChunksPerReport, chunks - first);
    threads.parallel_for(static_cast<int>(count), 1, [&](int begin, int end, int) {
      for (size_t i = first + static_cast<size_t>(begin); i < first + static_cast<size_t>(end);
           ++i) {
        sums[i] = checksum({data + i * kChunk, std::min(kChunk, bytes - i * kChunk)});
      }
    });
    if (options.progress) {
      options.progress("Checking the int8 weights", std::min(bytes, (first + count) * kChunk),
                       bytes);
    }
  }
  return sum_of_chunks(sums);
}

void point_at(const Payload& payload, const std::byte* data) {
  for (const Piece& piece : payload.pieces) {
    piece.matrix->int8 = {.codes = reinterpret_cast<const uint8_t*>(data + piece.codes_offset),
                          .scales = reinterpret_cast<const float*>(data + piece.scales_offset)};
  }
}

// Makes a few tiles at a time and hands each finished part to `write(part)`, in payload order.
template <typename Write>
void make_payload(const Payload& payload, ThreadPool& threads, const Int8WeightsOptions& options,
                  const Write& write) {
  constexpr size_t kTilesAtOnce = 64;
  AlignedBuffer<std::byte> part;
  AlignedBuffer<float> scales;
  uint64_t done = 0;
  const auto report = [&](uint64_t bytes) {
    if (options.progress) options.progress("Repacking weights to int8", bytes, payload.bytes);
  };
  for (const Piece& piece : payload.pieces) {
    const Int8TileSizes& sizes = piece.sizes;
    float* matrix_scales = scales.at_least(
        round_up(sizes.tiles * sizes.tile_scales * sizeof(float), kCacheLine) / sizeof(float));
    for (size_t first = 0; first < sizes.tiles; first += kTilesAtOnce) {
      const size_t count = std::min(kTilesAtOnce, sizes.tiles - first);
      const size_t bytes = count * sizes.tile_codes;
      auto* codes = reinterpret_cast<uint8_t*>(part.at_least(bytes));
      threads.parallel_for(static_cast<int>(count), 1, [&](int begin, int end, int) {
        for (size_t tile = static_cast<size_t>(begin); tile < static_cast<size_t>(end); ++tile) {
          make_int8_tiles(*piece.matrix, first + tile, 1, codes + tile * sizes.tile_codes,
                          matrix_scales + (first + tile) * sizes.tile_scales);
        }
      });
      write(std::span(part.data(), bytes));
      done += bytes;
      report(done);
    }
    const size_t used = sizes.tiles * sizes.tile_scales;
    const size_t padded = round_up(used * sizeof(float), kCacheLine);
    std::fill(matrix_scales + used, matrix_scales + padded / sizeof(float), 0.0F);
    write(std::as_bytes(std::span(matrix_scales, padded / sizeof(float))));
    done += padded;
  }
  report(payload.bytes);  // the end, whose scales no report counted
}

void make_in_memory(const Payload& payload, ThreadPool& threads, const Int8WeightsOptions& options,
                    std::byte* out) {
  make_payload(payload, threads, options, [&](std::span<const std::byte> part) {
    std::memcpy(out, part.data(), part.size());
    out += part.size();
  });
}

// Throws Error when a file that is not hadal's own, be it damaged, has the name of one: it stays as
// it is.
void check_is_own(const MappedFile& file, const Payload& payload, const Hash128& source) {
  const auto bytes = file.bytes();
  const auto begins_with_magic = [&] {
    return bytes.size() >= sizeof kMagic && std::memcmp(bytes.data(), kMagic, sizeof kMagic) == 0;
  };
  const auto is_of_source = [&] {
    return bytes.size() >= sizeof(FileHeader) &&
           load_unaligned<FileHeader>(bytes.data()).source == source;
  };
  if (bytes.empty() || bytes.size() == kHeaderBytes + payload.bytes || begins_with_magic() ||
      is_of_source()) {
    return;
  }
  throw Error({.code = ErrorCode::kInvalidFile,
               .where = file.path().string(),
               .what = "is there and is no repacked model of hadal's",
               .remedy = "move it away, or give --repack-cache another directory"});
}

// Whether `file` is a whole and undamaged payload of these weights.
std::string fault_of(const MappedFile& file, const Payload& payload, const Hash128& source,
                     ThreadPool& threads, const Int8WeightsOptions& options) {
  const auto bytes = file.bytes();
  if (bytes.size() != kHeaderBytes + payload.bytes) return "has the wrong size";
  const auto header = load_unaligned<FileHeader>(bytes.data());
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0) return "is not a repacked model";
  if (header.version != kVersion) return "is of another version";
  if (header.matrices != payload.pieces.size() || header.payload_bytes != payload.bytes ||
      header.source != source) {
    return "belongs to another model";
  }
  const std::byte* data = bytes.data() + kHeaderBytes;
  if (payload_checksum(data, payload.bytes, threads, options) != header.payload) {
    return "is damaged";
  }
  return "";
}

void write_file(const fs::path& path, const Payload& payload, const Hash128& source,
                ThreadPool& threads, const Int8WeightsOptions& options) {
  FileHeader header{.magic = {},
                    .version = kVersion,
                    .matrices = static_cast<uint32_t>(payload.pieces.size()),
                    .source = source,
                    .payload_bytes = payload.bytes,
                    .payload = {}};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  // The checksum is known only at the end, so the header is written last, over zeros.
  AtomicFile file(path);
  const std::vector<std::byte> zeros(kHeaderBytes);
  file.write(zeros);
  std::vector<Hash128> sums;
  Checksum chunk;
  size_t in_chunk = 0;
  make_payload(payload, threads, options, [&](std::span<const std::byte> part) {
    file.write(part);
    while (!part.empty()) {
      const size_t count = std::min(part.size(), kChunk - in_chunk);
      chunk.update(part.first(count));
      in_chunk += count;
      part = part.subspan(count);
      if (in_chunk == kChunk) {
        sums.push_back(chunk.value());
        chunk = {};
        in_chunk = 0;
      }
    }
  });
  if (in_chunk > 0) sums.push_back(chunk.value());
  header.payload = sum_of_chunks(sums);
  file.write_at(0, std::as_bytes(std::span(&header, 1)));
  file.commit();
}

}  // namespace

std::unique_ptr<Int8Weights> Int8Weights::attach(ModelWeights& weights, ThreadPool& threads,
                                                 const Int8WeightsOptions& options) {
  const Payload payload = collect(weights);
  auto made = std::make_unique<Int8Weights>();
  made->bytes_ = payload.bytes;
  const auto notice = [&](const std::string& message) {
    if (options.notice) options.notice(message);
  };
  if (!options.cache_directory.empty() && payload.bytes >= options.least_file_bytes) {
    const Hash128 source = source_of(payload);
    const fs::path path = options.cache_directory / ("hadal-int8-" + to_hex(source) + ".bin");
    try {
      std::error_code ignored;
      fs::create_directories(options.cache_directory, ignored);
      for (const bool written : {false, true}) {
        if (has_entry(path)) {
          MappedFile file(path);
          check_is_own(file, payload, source);
          const std::string fault = fault_of(file, payload, source, threads, options);
          if (fault.empty()) {
            made->file_ = std::move(file);
            point_at(payload, made->file_.bytes().data() + kHeaderBytes);
            return made;
          }
          notice(path.string() + ": " + fault + "; making it anew");
        }
        if (!written) write_file(path, payload, source, threads, options);
      }
    } catch (const Error& error) {
      notice(std::string(error.what()) + " (the repacked weights are kept in memory instead)");
    }
  }
  make_in_memory(payload, threads, options, made->memory_.at_least(payload.bytes));
  point_at(payload, made->memory_.data());
  return made;
}

}  // namespace hadal
