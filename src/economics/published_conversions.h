// Figures that InferenceX and others published of DeepSeek V4 in 2026, worked out again from the
// throughputs, prices and powers that they name: on InferenceX's basis, and on that of the bill
// beside it where what was published lets one tell. A check of the formulas, and a lesson in what
// such figures mean.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

struct Conversion {
  std::string about = {};  // hardware, engine, date, load
  std::string given = {};  // what the figure follows from
  std::string unit = {};   // "$/M total", "tok/s/MW", ...
  double published = 0;
  double rounding = 0;  // half a unit of the last digit that was published
  double inferencex = 0;
  std::optional<double> bill = {};  // none for power, which no bill speaks of
  std::string note = {};            // where the two differ, why

  // Whether the published figure is the computed one, rounded.
  bool is_reproduced() const;
};

// Of the built-in catalogues and collection of measurements.
std::vector<Conversion> published_conversions();

}  // namespace hadal
