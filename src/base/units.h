// The factors between a unit and its multiples, by the prefixes' names: bytes * kGibi, seconds *
// kMilli. A printed figure is the value divided by its factor: watts / kMega.
#pragma once

namespace hadal {

inline constexpr double kMicro = 1e-6;
inline constexpr double kMilli = 1e-3;
inline constexpr double kMega = 1e6;
inline constexpr double kGiga = 1e9;
inline constexpr double kGibi = 1073741824.0;

}  // namespace hadal
