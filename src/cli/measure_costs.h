// What the points of a measurement cost, from the options that tell a price and from what was
// measured: tokens, the machine's time, its power. The arithmetic is src/economics.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "economics/cost_report.h"
#include "economics/phases.h"
#include "measure/records.h"

namespace hadal {

// Where the costs of a token come from.
struct CostBasis {
  CostReportInput input = {};  // without tokens, time and measured power
  std::string note = {};       // what was assumed, in words
};

// None where nothing was said of a price.
std::optional<CostBasis> cost_basis(const ParsedLine& line);

// Where the machine's time of a point went, in seconds of the whole machine: by what its server
// told, or estimated from first tokens. None for a point without answers.
std::optional<Phases> phases_of(const PointSamples& samples);

// Of meters, not of constants: of the whole machine where one covers it, else of its accelerators.
std::optional<PowerDraw> measured_power(const PointRecord& point);

// What --power constant:... gave, of the widest class that has one.
std::optional<PowerDraw> provisioned_power(const PointRecord& point);

// Output tokens a second; 0 where unknown.
double output_rate(const PointRecord& point);

// The report of one point's costs; empty where its figures do not suffice.
std::string point_costs(const CostBasis& basis, const PointRecord& point,
                        const std::optional<Phases>& phases);

// Of the point with the highest output rate, or of that at `users` where it is above 0. `phases`
// lie beside the points. Never throws: costs that cannot be computed are a sentence that says why.
std::string best_costs(const CostBasis& basis, std::span<const PointRecord> points,
                       std::span<const std::optional<Phases>> phases, int users = 0);

}  // namespace hadal
