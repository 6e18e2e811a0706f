// Register tiles of kernels with sixteen registers of 256 bits. Sixteen lanes take two.
#pragma once

namespace hadal::cpu {
namespace {

// 4 sums of two registers each, 4 registers of weights and 2 of values fit in 16.
constexpr int kTileFeatures = 2;
constexpr int kTileRows = 3;
constexpr int kTileHeads = 3;
constexpr int kTileChannels = 2;

}  // namespace
}  // namespace hadal::cpu
