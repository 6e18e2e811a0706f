// A figure day by day: how much it wanders without anything having changed, and where it changed by
// more than that. The page's web/dashboard/src/history.ts says the same of the same days; both are
// tested on one file of cases.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace hadal {

struct LevelChange {
  size_t at = 0;     // the place of the first day of the new level
  double ratio = 0;  // of the new level to the one before
};

struct LevelFindings {
  // Two single days differ by less than this factor in 95 of 100 cases where nothing changed;
  // nothing: there are too few days to tell, and then no change either.
  std::optional<double> noise_ratio = {};
  std::vector<double> level = {};  // [days], the geometric mean of the days between two changes
  std::vector<LevelChange> changes = {};
};

// Of fewer the spread between neighbours says nothing.
inline constexpr size_t kFewestHistoryDays = 8;

// `values`: one a day, in the order of the days, above zero; the first 2,000 count. Cuts their
// logarithms into constant levels by least squares, each further level at the price of
// 4 σ² log(days) (σ from the median difference between neighbours), and joins levels again whose
// step is below the noise.
LevelFindings find_level_changes(std::span<const double> values);

}  // namespace hadal
