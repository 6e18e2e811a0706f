// Rows of measurements and questions about them: whatever a file holds, a row is predicted or says
// why not.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "plan/local_machine.h"
#include "plan/plan_workload.h"
#include "plan/published_case.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const hadal::Constants constants;
  try {
    for (const hadal::PublishedCase& point :
         hadal::read_published_cases(text, "points.json", hadal::HardwareCatalogue::built_in())) {
      if (!point.deployment) {
        if (point.why_not.empty()) std::abort();
        continue;
      }
      if (point.kind != hadal::CaseKind::kServing) continue;
      const hadal::Prediction p =
          hadal::predict(*point.deployment, constants, point.shape, point.places);
      if (!std::isfinite(p.total_rate)) std::abort();
    }
  } catch (const hadal::Error&) {
  }
  try {
    static_cast<void>(hadal::PlanTrace(text, "trace.jsonl").shape(1e6));
  } catch (const hadal::Error&) {
  }
  try {
    static_cast<void>(hadal::read_machine_rates(text, "rates.json"));
  } catch (const hadal::Error&) {
  }
  return 0;
}
