// Runs as the dashboard lists and draws them: what people look for, verdicts, notes, and of each
// point the figures that were stored when it was measured. Read page by page, the newest first, by
// statements over summary tables; samples are never touched (point_detail.h reads those).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "measure/dashboard/json_text.h"
#include "measure/store/run_store.h"

namespace hadal {

// Which runs, counted from the newest.
struct RunPage {
  int64_t offset = 0;
  int64_t most = 0;
  size_t most_bytes =
      std::numeric_limits<size_t>::max();  // of the runs; fewer when they are larger
};

// {"total", "offset", "metric_columns", "runs": […], "damaged": […], "next": offset or null}, the
// shape of docs/dashboard.md. Gives "next", too. A run whose rows cannot be read stands in
// "damaged" with the reason, and does not keep the others away.
std::optional<int64_t> write_runs_page(JsonText& json, RunStore& store, const RunPage& page);

struct DashboardRun {
  RunSummary summary = {};
  std::vector<RunAnnotation> notes = {};
  std::string launch_command = {};          // of the server; empty: unknown
  std::vector<int64_t> point_numbers = {};  // by place in `summary.run.points`
};

// One element of "runs".
void write_dashboard_run(JsonText& json, const DashboardRun& run);

// What the values of a figure are, in the order in which they are written: the count, mean and
// percentiles, the ends of their intervals. Trailing nulls are left out.
void write_metric_columns(JsonText& json);

}  // namespace hadal
