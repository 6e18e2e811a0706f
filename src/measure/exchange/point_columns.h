// Columns of the table of points that are no metrics, each with how its cell is written and read.
// Shared by the export and the import of "hadal.points/1".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "measure/records.h"

namespace hadal {

inline constexpr std::string_view kPointsSchema = "hadal.points/1";

struct PointColumn {
  std::string name = {};
  std::string (*write)(const RunRecord& run, const PointRecord& point, size_t index) = nullptr;
  // Says what the cell must be ("must be a number"); nothing when it could be read.
  std::string (*read)(const std::string& cell, RunRecord& run, PointRecord& point,
                      size_t index) = nullptr;
  size_t index = 0;  // among columns of one kind
};

// In the order of the table; the first is "schema".
const std::vector<PointColumn>& point_columns();

// A cell's number, written so that it reads back the same.
std::string number_cell(double value);
bool read_number_cell(const std::string& cell, double& value);

}  // namespace hadal
