#include "plan/local_machine.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/units.h"
#include "economics/catalogue_fields.h"
#include "json/fields.h"
#include "json/python_json.h"

namespace hadal {
namespace {

// Of multiply-adds of bytes with sums of 16 bits, which do for FP4 only, with sums of 32 bits, and
// of floats that hadal's kernels use under integer activations.
enum class PeakKind { kNarrowSums, kBytes, kFloats };

PeakKind kind_of(std::string_view instruction) {
  if (instruction.ends_with("16-bit sums")) return PeakKind::kNarrowSums;
  const bool bytes = instruction.starts_with("vpdpb") || instruction.starts_with("vpmaddubsw") ||
                     instruction.starts_with("tdpb");
  return bytes ? PeakKind::kBytes : PeakKind::kFloats;
}

// The best; 0 where none was measured.
double best_peak(const MachineRates& rates, PeakKind kind) {
  double best = 0;
  for (const DotPeak& peak : rates.peaks) {
    // Products of BF16 pairs serve other activations.
    if (peak.instruction == "vdpbf16ps") continue;
    if (kind_of(peak.instruction) == kind) best = std::max(best, peak.gmac_per_s);
  }
  return best;
}

}  // namespace

MachineRates rates_of(MachineRates rates, std::string_view isa) {
  std::vector<std::string_view> used;
  if (isa == "avx2") {
    used = {"vpmaddubsw", "vpmaddubsw, 16-bit sums", "fma f32 (256)"};
  } else if (isa.starts_with("avx-vnni")) {
    used = {"vpdpbusd (256)", "fma f32 (256)"};
  } else if (isa.starts_with("avx512")) {
    used = {"vpdpbusd", "fma f32 (512)"};
  } else {
    return rates;
  }
  std::erase_if(rates.peaks, [&](const DotPeak& peak) {
    return std::ranges::find(used, peak.instruction) == used.end();
  });
  return rates;
}

DeviceLimits local_limits(const MachineRates& rates, std::string name, double memory_bytes) {
  const double floats = 2 * kGiga * best_peak(rates, PeakKind::kFloats);
  const double measured_bytes = 2 * kGiga * best_peak(rates, PeakKind::kBytes);
  const double bytes = measured_bytes > 0 ? measured_bytes : floats;
  return {.key = "this",
          .name = std::move(name),
          .family = DeviceFamily::kCpu,
          .memory_bytes = memory_bytes,
          .bytes_per_s = rates.read_gb_per_s * kGiga,
          .fp4_flops = std::max(bytes, 2 * kGiga * best_peak(rates, PeakKind::kNarrowSums)),
          .fp8_flops = bytes,
          .bf16_flops = floats,
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
  if (!(rates.read_gb_per_s > 0) || !(best_peak(rates, PeakKind::kFloats) > 0)) {
    row.refuse("read_gb_per_s", "and gmac_per_s must be there, above 0");
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
