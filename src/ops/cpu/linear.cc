#include "ops/linear.h"

#include <algorithm>

#include "base/as_size.h"
#include "base/check.h"
#include "ops/cpu/cpu_kernels.h"
#include "ops/cpu/micro_kernels.h"

namespace hadal::cpu {
namespace {

// Features of a task with several rows, where there are enough for all threads.
constexpr int kTaskFeatures = 32;
constexpr int kLeastTaskFeatures = 4;
// With a single row nothing is decoded ahead, and a task is what the threads share out: long enough
// for the streams of weights to get going.
constexpr int kMostSingleRowFeatures = 64;
constexpr int kLeastSingleRowFeatures = 4;
// Rows of a task: as many as share a decoded panel.
constexpr int kRowBlock = 96;

size_t element_offset(const WeightMatrix& weight, int column) {
  return as_size(column) * row_bytes(weight.format, weight.in_features) /
         as_size(weight.in_features);
}

// Features [feature, feature + count), rows [row, row + rows), all of whose FP8 scales lie in one
// row of blocks.
void float_tile(const LinearArgs& args, const MicroKernels& micro, int feature, int count, int row,
                int rows, float* scratch) {
  const WeightMatrix& weight = args.weight;
  const int segment = weight.in_features / args.segments;
  FloatDotArgs dot{.format = weight.format,
                   .weight_stride = row_bytes(weight.format, weight.in_features),
                   .features = count,
                   .columns = segment,
                   .x_stride = args.x_stride,
                   .rows = rows,
                   .out = args.out + as_size(row) * args.out_stride + as_size(feature),
                   .out_stride = args.out_stride,
                   .scratch = scratch};
  for (int s = 0; s < args.segments; ++s) {
    const int first = s * segment;
    dot.weights =
        weight.data + as_size(feature) * dot.weight_stride + element_offset(weight, first);
    dot.x = args.x + as_size(row) * args.x_stride + as_size(first);
    dot.accumulate = s > 0;
    if (weight.format == WeightFormat::kFp8) {
      const size_t blocks = as_size((weight.in_features + kFp8Block - 1) / kFp8Block);
      dot.scales = weight.scale + as_size((weight.scale_row + feature) / kFp8Block) * blocks;
      dot.scale_column = first;
    } else if (weight.format == WeightFormat::kFp4) {
      dot.scale_stride = as_size(weight.in_features / kFp4Block);
      dot.scales = weight.scale + as_size(feature) * dot.scale_stride + as_size(first / kFp4Block);
    }
    micro.float_dot(dot);
  }
}

int single_row_features(int features, int threads) {
  constexpr int kTasksPerThread = 4;
  return std::clamp(
      features / (threads * kTasksPerThread) / kLeastSingleRowFeatures * kLeastSingleRowFeatures,
      kLeastSingleRowFeatures, kMostSingleRowFeatures);
}

int several_row_features(int features, int threads) {
  const int share = (features + threads - 1) / threads;
  return std::clamp((share + kLeastTaskFeatures - 1) / kLeastTaskFeatures * kLeastTaskFeatures,
                    kLeastTaskFeatures, kTaskFeatures);
}

void linear_float(OpContext& context, const LinearArgs& args) {
  const MicroKernels& micro = *context.kernels().micro;
  const WeightMatrix& weight = args.weight;
  const int threads = context.threads().threads();
  const int panel_features = args.rows > 1 ? several_row_features(weight.out_features, threads)
                                           : single_row_features(weight.out_features, threads);
  const int panels = (weight.out_features + panel_features - 1) / panel_features;
  const int row_blocks = (args.rows + kRowBlock - 1) / kRowBlock;
  context.threads().parallel_for(panels * row_blocks, 1, [&](int begin, int end, int thread) {
    float* scratch = context.thread_scratch(thread, kFloatScratchFloats);
    for (int task = begin; task < end; ++task) {
      const int row = task % row_blocks * kRowBlock;
      const int rows = std::min(kRowBlock, args.rows - row);
      const int panel_begin = task / row_blocks * panel_features;
      const int panel_end = std::min(panel_begin + panel_features, weight.out_features);
      for (int feature = panel_begin; feature < panel_end;) {
        const int to_block_end = kFp8Block - (weight.scale_row + feature) % kFp8Block;
        const int count = std::min(panel_end - feature, to_block_end);
        float_tile(args, micro, feature, count, row, rows, scratch);
        feature += count;
      }
    }
  });
}

// Consecutive tiles that one task takes: long streams for the prefetcher, enough tasks to share.
int tiles_per_task(int tiles, int threads) { return std::clamp(tiles / (threads * 8), 1, 8); }

void linear_int8_tiles(OpContext& context, const LinearArgs& args) {
  const MicroKernels& micro = *context.kernels().micro;
  const WeightMatrix& weight = args.weight;
  const int segment = weight.in_features / args.segments;
  const int tiles = (weight.out_features + kInt8TileFeatures - 1) / kInt8TileFeatures;
  const size_t tile_stride = as_size(weight.in_features) * kInt8TileFeatures;
  const int threads = context.threads().threads();
  const int tiles_together = args.rows > 1 && tiles >= 2 * threads ? 2 : 1;
  const int grain = std::max(tiles_together, tiles_per_task(tiles, threads));
  context.threads().parallel_for(tiles, grain, [&](int begin, int end, int) {
    // Segments are the inner loop: a tile's are neighbours in memory.
    for (int tile = begin; tile < end; tile += tiles_together) {
      const int feature = tile * kInt8TileFeatures;
      const int last = std::min(tile + tiles_together, end) * kInt8TileFeatures;
      for (int s = 0; s < args.segments; ++s) {
        const size_t codes = as_size(tile) * tile_stride + as_size(s * segment) * kInt8TileFeatures;
        micro.int8_dot({.tile = weight.int8.codes + codes,
                        .tile_scales = weight.int8.scales + codes / kInt8Block,
                        .tile_stride = tile_stride,
                        .scale_stride = tile_stride / kInt8Block,
                        .features = std::min(last, weight.out_features) - feature,
                        .columns = segment,
                        .x = columns_from(args.x_int8, s * segment),
                        .rows = args.rows,
                        .out = args.out + as_size(feature),
                        .out_stride = args.out_stride,
                        .accumulate = s > 0});
      }
    }
  });
}

void linear_int8_fp4(OpContext& context, const LinearArgs& args) {
  const MicroKernels& micro = *context.kernels().micro;
  const WeightMatrix& weight = args.weight;
  const size_t columns = as_size(weight.in_features);
  const int tiles = weight.out_features / kInt8TileFeatures;
  const int grain = tiles_per_task(tiles, context.threads().threads());
  context.threads().parallel_for(tiles, grain, [&](int begin, int end, int thread) {
    const size_t feature = as_size(begin * kInt8TileFeatures);
    micro.fp4_int8_dot(
        {.weights = weight.data + feature * (columns / 2),
         .scales = weight.scale + feature * (columns / kFp4Block),
         .features = (end - begin) * kInt8TileFeatures,
         .columns = weight.in_features,
         .x = args.x_int8,
         .rows = args.rows,
         .out = args.out + feature,
         .out_stride = args.out_stride,
         .scratch = context.thread_scratch(thread, fp4_tile_floats(weight.in_features))});
  });
}

// The part of an FP8 or FP4 weight that features [feature, feature + count) and the columns from
// `column` on are; the caller sets inputs, outputs and the number of columns.
Bf16DotArgs bf16_part(const WeightMatrix& weight, int feature, int count, int column) {
  Bf16DotArgs dot{.format = weight.format,
                  .weight_stride = row_bytes(weight.format, weight.in_features),
                  .features = count};
  dot.weights = weight.data + as_size(feature) * dot.weight_stride + element_offset(weight, column);
  if (weight.format == WeightFormat::kFp8) {
    const size_t blocks = as_size(weight.in_features / kFp8Block);
    dot.scales = weight.scale + as_size((weight.scale_row + feature) / kFp8Block) * blocks +
                 column / kFp8Block;
  } else {
    dot.scale_stride = as_size(weight.in_features / kFp4Block);
    dot.scales = weight.scale + as_size(feature) * dot.scale_stride + column / kFp4Block;
  }
  return dot;
}

void linear_bf16(OpContext& context, const LinearArgs& args) {
  const MicroKernels& micro = *context.kernels().micro;
  const WeightMatrix& weight = args.weight;
  const int segment = weight.in_features / args.segments;
  const int row_blocks = (args.rows + kRowBlock - 1) / kRowBlock;
  const int grain = row_blocks > 1
                        ? kTaskFeatures
                        : single_row_features(weight.out_features, context.threads().threads());
  const int parts = (weight.out_features + grain - 1) / grain;
  context.threads().parallel_for(parts * row_blocks, 1, [&](int begin, int end, int thread) {
    float* scratch = context.thread_scratch(thread, kBf16ScratchFloats);
    for (int task = begin; task < end; ++task) {
      const int row = task % row_blocks * kRowBlock;
      const int part_end = std::min((task / row_blocks + 1) * grain, weight.out_features);
      for (int feature = task / row_blocks * grain; feature < part_end;) {
        const int to_block_end = kFp8Block - (weight.scale_row + feature) % kFp8Block;
        const int count = std::min(part_end - feature, to_block_end);
        for (int s = 0; s < args.segments; ++s) {
          Bf16DotArgs dot = bf16_part(weight, feature, count, s * segment);
          dot.columns = segment;
          dot.x = columns_from(args.x_bf16, s * segment);
          dot.x.values += as_size(row) * dot.x.columns;
          dot.rows = std::min(kRowBlock, args.rows - row);
          dot.out = args.out + as_size(row) * args.out_stride + as_size(feature);
          dot.out_stride = args.out_stride;
          dot.scratch = scratch;
          dot.accumulate = s > 0;
          micro.bf16_dot(dot);
        }
        feature += count;
      }
    }
  });
}

// Rows of inputs that are converted in less than the threads need to share them.
int converted_rows_per_task(int columns) { return std::clamp(16384 / columns, 4, 64); }

}  // namespace

void pack_bf16_rows(OpContext& context, const PackBf16RowsArgs& args) {
  HADAL_CHECK(args.columns % kBf16Block == 0);
  const MicroKernels& micro = *context.kernels().micro;
  const size_t columns = as_size(args.columns);
  context.threads().parallel_for(
      args.rows, converted_rows_per_task(args.columns), [&](int begin, int end, int) {
        for (size_t row = as_size(begin); row < as_size(end); ++row) {
          micro.pack_bf16(args.x + row * columns, args.columns, args.values + row * columns);
        }
      });
}

void quantize_int8_rows(OpContext& context, const QuantizeInt8RowsArgs& args) {
  HADAL_CHECK(args.columns % kInt8Block == 0);
  const MicroKernels& micro = *context.kernels().micro;
  const size_t columns = as_size(args.columns);
  context.threads().parallel_for(
      args.rows, converted_rows_per_task(args.columns), [&](int begin, int end, int) {
        for (size_t row = as_size(begin); row < as_size(end); ++row) {
          micro.quantize_int8({.x = args.x + row * columns,
                               .columns = args.columns,
                               .codes = args.codes + row * columns,
                               .scales = args.scales + row * (columns / kInt8Block),
                               .group_starts = args.group_starts + row * (columns / kFp4Block),
                               .block_sums = args.block_sums + row * (columns / kInt8Block)});
        }
      });
}

void linear(OpContext& context, const LinearArgs& args) {
  const WeightMatrix& weight = args.weight;
  HADAL_CHECK(args.segments >= 1 && weight.in_features % args.segments == 0);
  HADAL_CHECK(weight.format != WeightFormat::kFp4 ||
              weight.in_features / args.segments % kFp4Block == 0);
  if (args.rows == 0) return;
  if (args.x_bf16.values != nullptr && context.kernels().micro->bf16_dot != nullptr &&
      has_bf16_form(weight, args.segments)) {
    return linear_bf16(context, args);
  }
  if (args.x_int8.codes == nullptr || !has_int8_form(weight, args.segments)) {
    return linear_float(context, args);
  }
  if (weight.format == WeightFormat::kFp4) return linear_int8_fp4(context, args);
  linear_int8_tiles(context, args);
}

}  // namespace hadal::cpu
