// The views of the page as CSV, by an address that ends in the view's name and carries the query of
// the page's own address: frontier, history, compare, cost. Figures have every digit. Throws Error
// kInvalidArgument for what a query cannot ask.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "measure/dashboard/view_query.h"
#include "measure/dashboard/view_runs.h"

namespace hadal {

// "frontier", "history", "compare" or "cost".
bool is_view_with_csv(std::string_view name);

// The metrics that a view's CSV is made of.
std::vector<std::string> view_metrics(std::string_view name, const ViewQuery& query);

// `runs` are stored and published ones, the newest first.
std::string view_csv(std::string_view name, const ViewQuery& query,
                     const std::vector<ViewRun>& runs);

}  // namespace hadal
