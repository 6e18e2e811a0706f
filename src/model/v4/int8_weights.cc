#include "model/v4/int8_weights.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/check.h"
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
  uint64_t source_hash;  // of shapes, scales and samples of the FP8 weights
  uint64_t payload_bytes;
  uint64_t payload_hash;
};
constexpr char kMagic[8] = {'h', 'a', 'd', 'a', 'l', 'I', '8', '\0'};
constexpr uint32_t kVersion = 1;
constexpr size_t kHeaderBytes = 4096;
constexpr size_t kHashChunk = size_t{8} << 20;

// A 64-bit multiply-and-rotate hash: finds damage, not forgery.
class Hash {
 public:
  void add(const void* data, size_t bytes) {
    const auto* p = static_cast<const std::byte*>(data);
    for (; bytes >= 32; bytes -= 32, p += 32) {
      for (size_t lane = 0; lane < 4; ++lane) mix(lane, load_unaligned<uint64_t>(p + 8 * lane));
    }
    for (; bytes > 0; --bytes, ++p) mix(0, std::to_integer<uint64_t>(*p));
  }
  void add(uint64_t value) { add(&value, sizeof value); }
  uint64_t value() const {
    uint64_t sum = 0;
    for (const uint64_t lane : lanes_) sum = (sum ^ lane ^ (lane >> 29)) * kPrime;
    return sum ^ (sum >> 32);
  }

 private:
  static constexpr uint64_t kPrime = 0x9e3779b97f4a7c15U;
  void mix(size_t lane, uint64_t value) {
    lanes_[lane] = (lanes_[lane] ^ value) * kPrime;
    lanes_[lane] = lanes_[lane] << 31 | lanes_[lane] >> 33;
  }
  uint64_t lanes_[4] = {1, 2, 3, 4};
};

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
  const auto add = [&](WeightMatrix& matrix) {
    if (!can_become_int8(matrix)) return;
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
  return payload;
}

// Names the FP8 weights: shapes, all scales, and of every matrix 16 samples of 256 bytes.
uint64_t source_hash(const Payload& payload) {
  constexpr size_t kSamples = 16;
  constexpr size_t kSampleBytes = 256;
  Hash hash;
  for (const Piece& piece : payload.pieces) {
    const WeightMatrix& matrix = *piece.matrix;
    const auto rows = static_cast<size_t>(matrix.out_features);
    const auto columns = static_cast<size_t>(matrix.in_features);
    hash.add(rows);
    hash.add(columns);
    hash.add(matrix.scale, (rows + 127) / 128 * (columns / 128));
    const size_t bytes = rows * columns;
    for (size_t i = 0; i < kSamples; ++i) {
      const size_t begin = bytes / kSamples * i;
      hash.add(matrix.data + begin, std::min(kSampleBytes, bytes - begin));
    }
  }
  return hash.value();
}

// Chunks are hashed on all threads, then their hashes in order.
uint64_t payload_hash(const std::byte* data, size_t bytes, ThreadPool& threads,
                      const Int8WeightsOptions& options) {
  const size_t chunks = (bytes + kHashChunk - 1) / kHashChunk;
  std::vector<uint64_t> hashes(chunks);
  constexpr size_t kChunksPerReport = 32;
  for (size_t first = 0; first < chunks; first += kChunksPerReport) {
    const size_t count = std::min(kChunksPerReport, chunks - first);
    threads.parallel_for(static_cast<int>(count), 1, [&](int begin, int end, int) {
      for (size_t i = first + static_cast<size_t>(begin); i < first + static_cast<size_t>(end);
           ++i) {
        Hash hash;
        hash.add(data + i * kHashChunk, std::min(kHashChunk, bytes - i * kHashChunk));
        hashes[i] = hash.value();
      }
    });
    if (options.progress) {
      options.progress("Checking the int8 weights", std::min(bytes, (first + count) * kHashChunk),
                       bytes);
    }
  }
  Hash all;
  for (const uint64_t hash : hashes) all.add(hash);
  return all.value();
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
      if (options.progress) options.progress("Repacking weights to int8", done, payload.bytes);
    }
    const size_t used = sizes.tiles * sizes.tile_scales;
    const size_t padded = round_up(used * sizeof(float), kCacheLine);
    std::fill(matrix_scales + used, matrix_scales + padded / sizeof(float), 0.0F);
    write(std::as_bytes(std::span(matrix_scales, padded / sizeof(float))));
    done += padded;
  }
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
void check_is_own(const MappedFile& file, const Payload& payload, uint64_t source) {
  const auto bytes = file.bytes();
  const auto begins_with_magic = [&] {
    return bytes.size() >= sizeof kMagic && std::memcmp(bytes.data(), kMagic, sizeof kMagic) == 0;
  };
  const auto is_of_source = [&] {
    return bytes.size() >= sizeof(FileHeader) &&
           load_unaligned<FileHeader>(bytes.data()).source_hash == source;
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
std::string fault_of(const MappedFile& file, const Payload& payload, uint64_t source,
                     ThreadPool& threads, const Int8WeightsOptions& options) {
  const auto bytes = file.bytes();
  if (bytes.size() != kHeaderBytes + payload.bytes) return "has the wrong size";
  const auto header = load_unaligned<FileHeader>(bytes.data());
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0) return "is not a repacked model";
  if (header.version != kVersion) return "is of another version";
  if (header.matrices != payload.pieces.size() || header.payload_bytes != payload.bytes ||
      header.source_hash != source) {
    return "belongs to another model";
  }
  const std::byte* data = bytes.data() + kHeaderBytes;
  if (payload_hash(data, payload.bytes, threads, options) != header.payload_hash) {
    return "is damaged";
  }
  return "";
}

void write_file(const fs::path& path, const Payload& payload, uint64_t source, ThreadPool& threads,
                const Int8WeightsOptions& options) {
  FileHeader header{.magic = {},
                    .version = kVersion,
                    .matrices = static_cast<uint32_t>(payload.pieces.size()),
                    .source_hash = source,
                    .payload_bytes = payload.bytes,
                    .payload_hash = 0};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  // The hash is known only at the end, so the header is written last, over zeros.
  AtomicFile file(path);
  const std::vector<std::byte> zeros(kHeaderBytes);
  file.write(zeros);
  std::vector<uint64_t> chunk_hashes;
  Hash chunk;
  size_t in_chunk = 0;
  make_payload(payload, threads, options, [&](std::span<const std::byte> part) {
    file.write(part);
    while (!part.empty()) {
      const size_t count = std::min(part.size(), kHashChunk - in_chunk);
      chunk.add(part.data(), count);
      in_chunk += count;
      part = part.subspan(count);
      if (in_chunk == kHashChunk) {
        chunk_hashes.push_back(chunk.value());
        chunk = {};
        in_chunk = 0;
      }
    }
  });
  if (in_chunk > 0) chunk_hashes.push_back(chunk.value());
  Hash all;
  for (const uint64_t hash : chunk_hashes) all.add(hash);
  header.payload_hash = all.value();
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
    const uint64_t source = source_hash(payload);
    char name[40];
    std::snprintf(name, sizeof name, "hadal-int8-%016llx.bin",
                  static_cast<unsigned long long>(source));
    const fs::path path = options.cache_directory / name;
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
