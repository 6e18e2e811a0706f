// A published measurement as a question to the planner: which model on which devices, spread how,
// under which load, and what was measured. Reads the project's collection (data/published.json)
// and files of the form that is described in data/README.md; unknown fields are passed over, and
// what a row leaves open is assumed and said.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "economics/hardware_catalogue.h"
#include "plan/serving_model.h"

namespace hadal {

enum class CaseKind { kServing, kDecode, kPrefill, kReadOff };

struct PublishedCase {
  std::string id = {};
  std::string group = {};
  std::string quality = {};
  std::string hardware = {};
  std::string engine = {};
  std::string date = {};
  std::string workload = {};
  std::vector<std::string> flags = {};
  double days = 0;

  CaseKind kind = CaseKind::kServing;
  std::optional<Deployment> deployment = {};
  RequestShape shape = {};
  double places = 0;          // kServing, kDecode, kPrefill
  double context = 0;         // kDecode
  double interactivity = 0;   // kReadOff: read off a curve there
  bool read_off_any = false;  // of deployments of every kind
  double tail = 1;            // reported speed over the middle one: a slow percentile

  // Of all devices; none where the row has none.
  std::optional<double> measured_total = {};          // total tokens per second and device
  std::optional<double> measured_interactivity = {};  // tokens per second of a user
  std::string measured_what = {};  // what stands for the total where the row has none: "output"
  std::vector<std::string> assumed = {};
  std::string why_not = {};  // not empty: it cannot be predicted
};

// Throws Error kInvalidFile that names the field. A row that is no object, or has no id, is
// refused; anything else that is odd becomes why_not.
std::vector<PublishedCase> read_published_cases(std::string_view text, const std::string& where,
                                                const HardwareCatalogue& catalogue);

}  // namespace hadal
