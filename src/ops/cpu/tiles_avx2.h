// Register tiles of kernels with sixteen registers of 256 bits. Sixteen lanes take two.
#pragma once

namespace hadal::cpu {
namespace {

// 6 sums of two registers each, with halves of 2 weights and a value at a time, fit in 16.
inline constexpr int kTileFeatures = 2;
inline constexpr int kTileRows = 3;
inline constexpr int kTileHeads = 3;
inline constexpr int kTileChannels = 2;

}  // namespace
}  // namespace hadal::cpu
