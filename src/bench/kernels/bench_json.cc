#include "bench/kernels/bench_json.h"

#include <nlohmann/json.hpp>

namespace hadal {

nlohmann::ordered_json machine_json(const MachineRates& rates) {
  nlohmann::ordered_json json = {{"threads", rates.threads},
                                 {"read_gb_per_s", rates.read_gb_per_s},
                                 {"read_kernel", rates.read_kernel},
                                 {"cache_gb_per_s", rates.cache_gb_per_s},
                                 {"fork_join_microseconds", rates.fork_join_us}};
  json["instructions"] = {
      {"fp4_int8", rates.used.fp4_int8}, {"int8", rates.used.int8}, {"float", rates.used.floats}};
  for (const DotPeak& peak : rates.peaks) json["gmac_per_s"][peak.instruction] = peak.gmac_per_s;
  return json;
}

}  // namespace hadal
