// Register tiles of kernels with thirty-two registers of 512 bits.
#pragma once

namespace hadal::cpu {
namespace {

// 24 sums, 4 weights and 1 value fit in 32 registers.
inline constexpr int kTileFeatures = 4;
inline constexpr int kTileRows = 6;
// 24 sums, four keys and a query; the keys come from the second cache, so many heads share them.
inline constexpr int kTileHeads = 6;
inline constexpr int kTileChannels = 4;
// Of byte products: 12 sums of groups, 12 of blocks, 2 weights and 1 row of codes.
inline constexpr int kByteTileRows = 6;
inline constexpr int kByteVectors = 2;
// Sums of one row side by side, which hide the latency of a dot product.
inline constexpr int kByteChains = 4;

}  // namespace
}  // namespace hadal::cpu
