#include "plan/local_machine.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/units.h"
#include "economics/catalogue_fields.h"
#include "json/fields.h"
#include "json/python_json.h"

namespace hadal {
namespace {

double flops(const MachineRates& rates, std::string_view instruction) {
  return 2 * kGiga * rates.peak(instruction);
}

}  // namespace

DeviceLimits local_limits(const MachineRates& rates, std::string name, double memory_bytes) {
  return {.key = "this",
          .name = std::move(name),
          .family = DeviceFamily::kCpu,
          .memory_bytes = memory_bytes,
          .bytes_per_s = rates.read_gb_per_s * kGiga,
          .fp4_flops = flops(rates, rates.used.fp4_int8),
          .fp8_flops = flops(rates, rates.used.int8),
          .bf16_flops = flops(rates, rates.used.floats),
          .scale_up_bytes = rates.read_gb_per_s * kGiga,
          .scale_out_bytes = rates.read_gb_per_s * kGiga,
          .joined = false,
          .join_s = rates.fork_join_us * kMicro};
}

MachineRates read_machine_row(const Fields& row) {
  MachineRates rates{.threads = row.count("threads", 1).value_or(1),
                     .read_gb_per_s = row.number("read_gb_per_s").value_or(0),
                     .read_kernel = "",
                     .cache_gb_per_s = row.number("cache_gb_per_s").value_or(0),
                     .fork_join_us = row.number("fork_join_microseconds").value_or(0),
                     .peaks = {}};
  if (const nlohmann::ordered_json* peaks = row.object("gmac_per_s")) {
    const Fields fields(*peaks, row.path("gmac_per_s"), row.source());
    for (const auto& [name, unused] : peaks->items()) {
      if (const auto peak = fields.number(name)) rates.peaks.push_back({name, *peak});
    }
  }
  if (row.object("instructions") == nullptr) {
    row.refuse("instructions", "must be there: measure again, with this version of hadal bench");
  }
  const Fields used(row.at("instructions"), row.path("instructions"), row.source());
  rates.used = {.fp4_int8 = used.required_string("fp4_int8"),
                .int8 = used.required_string("int8"),
                .floats = used.required_string("float")};
  const bool measured = rates.read_gb_per_s > 0 && rates.peak(rates.used.fp4_int8) > 0 &&
                        rates.peak(rates.used.int8) > 0 && rates.peak(rates.used.floats) > 0;
  if (!measured) {
    row.refuse("read_gb_per_s", "and gmac_per_s of the instructions in use must be there, above 0");
  }
  return rates;
}

MachineRates read_machine_rates(std::string_view text, const std::string& where) {
  const nlohmann::ordered_json json = parse_json_file_text(text, where);
  const FieldsSource source = catalogue_source(where);
  const Fields document(json, "", source);
  MachineRates best;
  document.each("machine", [&](const nlohmann::ordered_json& value, const std::string& path) {
    MachineRates rates = read_machine_row(Fields(value, path, source));
    if (rates.threads >= best.threads) best = std::move(rates);
  });
  if (best.threads == 0) {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = where,
                 .what = "holds no measured machine",
                 .remedy = "write it with hadal bench kernels --json"});
  }
  return best;
}

}  // namespace hadal
