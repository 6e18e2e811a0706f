// The planner of the dashboard's page: a query of an address is a line of `hadal plan ask`, read by
// the same table of options. What would read a file or search for minutes is not to be had here.
#pragma once

#include "measure/dashboard/dashboard_planner.h"

namespace hadal {

class PagePlanner final : public DashboardPlanner {
 public:
  std::string choices_json() const override;
  std::string plan_json(const Question& question) const override;
};

}  // namespace hadal
