// Requantising FP8 and BF16 weights to the int8 tiles of linear.h: per feature and 128 inputs,
// scale = max|w| / 127 and code = nearest(w / scale), ties to even.
#pragma once

#include "ops/linear.h"

namespace hadal {

struct Int8TileSizes {
  size_t tiles = 0;
  size_t tile_codes = 0;   // bytes of one tile
  size_t tile_scales = 0;  // floats of one tile
};

// Whether a weight can be requantised: FP8 or BF16, and its inputs are a multiple of 128.
bool can_become_int8(const WeightMatrix& weight);
Int8TileSizes int8_tile_sizes(const WeightMatrix& weight);

// Tiles [first, first + count) of `weight` to codes [count, tile_codes] and scales
// [count, tile_scales].
void make_int8_tiles(const WeightMatrix& weight, size_t first, size_t count, uint8_t* codes,
                     float* scales);

}  // namespace hadal
