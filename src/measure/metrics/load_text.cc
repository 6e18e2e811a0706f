#include "measure/metrics/load_text.h"

#include <cmath>
#include <fmt/format.h>

#include "base/error.h"

namespace hadal {

std::string figure_text(double value) {
  constexpr double kWhole = 100;
  return std::abs(value) >= kWhole ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value);
}

std::string load_text(const Load& load) {
  constexpr size_t kWidest = 40;
  std::string text;
  if (load.concurrency) text = fmt::format("concurrency {}", *load.concurrency);
  if (load.rate) {
    text += fmt::format("{}{:.4g} requests/s", text.empty() ? "" : ", ", *load.rate);
  }
  if (load.arrivals != "closed") text += ", " + printable(load.arrivals, kWidest);
  return text.empty() ? "unknown load" : text;
}

}  // namespace hadal
