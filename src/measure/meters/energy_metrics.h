// The figures of a point that are made of energy, by the ids of docs/measuring.md, and the report
// behind them as JSON.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "measure/meters/energy.h"
#include "measure/records.h"

namespace hadal {

// What was done with the energy of the window. What is unknown is absent, and so is each figure
// per unit of it.
struct WorkDone {
  std::optional<double> input_tokens = {};  // cached ones included
  std::optional<double> output_tokens = {};
  std::optional<double> ok_requests = {};
};

// Of a whole run: all measured requests that succeeded. The energy of those that failed is in the
// figures, their tokens are not. A count is absent where one of the requests does not have it.
WorkDone work_of_requests(std::span<const RequestRecord> requests);

// For each class C with a figure, measured, over the window:
//   power.mean.C/1                     W    energy over seconds, all devices together
//   power.idle.C/1                     W    the same before the run
//   energy.total.C/1                   J
//   energy.above_idle.C/1              J    energy − idle power · seconds
//   energy.per_output_token.C/1        J    energy / output tokens
//   energy.per_total_token.C/1         J    energy / (input + output tokens)
//   energy.per_ok_request.C/1          J    energy / requests that succeeded
//   energy.above_idle_per_total_token.C/1
// and of provisioned power the same but for idle, with "C.provisioned" in place of C. `count` is
// the number of samples. Each divides the whole energy: the figures per output and per total token
// are two views of one bill, not parts of it.
std::vector<MetricValue> energy_metrics(const EnergyReport& report, const WorkDone& work);

}  // namespace hadal
