#include "plan/machine_rates.h"

#include <algorithm>

namespace hadal {

double MachineRates::peak(std::string_view instruction) const {
  const auto found = std::find_if(peaks.begin(), peaks.end(), [&](const DotPeak& candidate) {
    return candidate.instruction == instruction;
  });
  return found == peaks.end() ? 0 : found->gmac_per_s;
}

MachineRates best_of(const MachineRates& a, const MachineRates& b) {
  MachineRates best = a.read_gb_per_s >= b.read_gb_per_s ? a : b;
  best.cache_gb_per_s = std::max(a.cache_gb_per_s, b.cache_gb_per_s);
  best.fork_join_us = std::min(a.fork_join_us, b.fork_join_us);
  for (DotPeak& peak : best.peaks) {
    peak.gmac_per_s = std::max(a.peak(peak.instruction), b.peak(peak.instruction));
  }
  return best;
}

}  // namespace hadal
