// What the page may ask of a planner. Whoever measures knows of none: the program brings one along,
// and without one these addresses are not there.
#pragma once

#include <map>
#include <string>

namespace hadal {

class DashboardPlanner {
 public:
  using Question = std::map<std::string, std::string, std::less<>>;

  DashboardPlanner() = default;
  virtual ~DashboardPlanner() = default;
  DashboardPlanner(const DashboardPlanner&) = delete;
  DashboardPlanner& operator=(const DashboardPlanner&) = delete;

  // "hadal.planner/1": what questions are made of, with the ranges of all assumptions.
  virtual std::string choices_json() const = 0;
  // "hadal.plan/1", in the time that one search takes. Throws Error: kInvalidArgument and kNotFound
  // for a question that cannot be asked, kResourceExhausted where no deployment meets it.
  virtual std::string plan_json(const Question& question) const = 0;
};

}  // namespace hadal
