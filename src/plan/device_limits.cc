#include "plan/device_limits.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/error.h"
#include "base/suggest.h"
#include "base/units.h"

namespace hadal {
namespace {

constexpr double kTera = 1e12;
constexpr double kBitsPerByte = 8;

// The value, or the middle of a range.
double value_of(const Figure& figure) {
  if (figure.value) return *figure.value;
  if (figure.low && figure.high) return (*figure.low + *figure.high) / 2;
  return 0;
}

DeviceFamily family_of(const Accelerator& accelerator) {
  const bool nvidia = accelerator.vendor.find("NVIDIA") != std::string::npos;
  const bool amd = accelerator.vendor.find("AMD") != std::string::npos;
  if (!nvidia && !amd) return DeviceFamily::kOther;
  // Cards and small machines; and Volta, which only their engines still run on.
  if (!accelerator.memory_type.starts_with("HBM") || accelerator.architecture == "Volta") {
    return DeviceFamily::kWorkstation;
  }
  if (amd) return DeviceFamily::kAmd;
  const bool older = accelerator.architecture == "Hopper" || accelerator.architecture == "Ampere";
  return older ? DeviceFamily::kHopper : DeviceFamily::kBlackwell;
}

// Sources of the built-in catalogue that are nobody's word: data/README.md.
bool was_not_looked_up(const Figure& figure) {
  return figure.is_known() && (figure.source == "general" || figure.source == "nv-datasheet");
}

void tell_unverified(const Accelerator& accelerator, DeviceLimits& limits) {
  std::string which;
  for (const auto& [name, figure] : {std::pair("memory", &accelerator.memory_gb),
                                     std::pair("bandwidth", &accelerator.bandwidth_tb_s),
                                     std::pair("FP4 rate", &accelerator.fp4_tflops),
                                     std::pair("FP8 rate", &accelerator.fp8_tflops),
                                     std::pair("BF16 rate", &accelerator.bf16_tflops),
                                     std::pair("link", &accelerator.scale_up_gb_s_one_way),
                                     std::pair("network", &accelerator.scale_out_gbit_s)}) {
    if (was_not_looked_up(*figure)) which += (which.empty() ? "" : ", ") + std::string(name);
  }
  if (!which.empty()) {
    limits.missing.push_back("not verified, figures of general knowledge: " + which);
  }
}

void fill_operations(const Accelerator& accelerator, DeviceLimits& limits) {
  limits.bf16_flops = value_of(accelerator.bf16_tflops) * kTera;
  limits.fp8_flops = value_of(accelerator.fp8_tflops) * kTera;
  limits.fp4_flops = value_of(accelerator.fp4_tflops) * kTera;
  // Between formats next to each other dense rates double on every device of the catalogue.
  if (limits.bf16_flops == 0 && limits.fp8_flops > 0) {
    limits.bf16_flops = limits.fp8_flops / 2;
    limits.missing.emplace_back("BF16 rate not known: taken as half of FP8's");
  }
  if (limits.fp8_flops == 0 && limits.bf16_flops > 0) {
    limits.fp8_flops = limits.bf16_flops;
    limits.missing.emplace_back("no FP8 rate: FP8 weights are taken to compute as BF16");
  }
  if (limits.fp4_flops == 0) limits.fp4_flops = limits.fp8_flops;
}

}  // namespace

std::optional<std::string> DeviceLimits::cannot_time() const {
  if (family == DeviceFamily::kCpu && bf16_flops <= 0) {
    return "the catalogue knows what the memory of " + key +
           " can do, not what its cores can: measure the machine with hadal bench kernels --json > "
           "rates.json, then give --hardware rates.json";
  }
  if (bytes_per_s <= 0) return "the catalogue has no memory bandwidth of " + key;
  if (bf16_flops <= 0) {
    return "the catalogue has no rate of operations of " + key +
           ": prefill cannot be told, nor decoding of many sequences";
  }
  return std::nullopt;
}

std::optional<std::string> DeviceLimits::cannot_fit() const {
  if (memory_bytes <= 0) return "the catalogue has no memory size of " + key;
  return std::nullopt;
}

DeviceLimits device_limits(const Accelerator& accelerator) {
  DeviceLimits limits{
      .key = accelerator.key,
      .name = accelerator.name,
      .family = family_of(accelerator),
      .bytes_per_s = value_of(accelerator.bandwidth_tb_s) * kTera,
      .domain = std::max(1, static_cast<int>(value_of(accelerator.scale_up_domain))),
      .scale_up_bytes = value_of(accelerator.scale_up_gb_s_one_way) * kGiga,
      .scale_out_bytes = value_of(accelerator.scale_out_gbit_s) * kGiga / kBitsPerByte,
      .joined = accelerator.scale_up_fabric != "none"};
  // Usable figures come from drivers and are GiB, of which a driver keeps about a hundredth more
  // once programs run; those of data sheets are rounded GB.
  constexpr double kOfUsable = 0.99;
  const double usable = value_of(accelerator.usable_memory_gb);
  limits.memory_bytes =
      usable > 0 ? usable * kGibi * kOfUsable : value_of(accelerator.memory_gb) * kGiga;
  fill_operations(accelerator, limits);
  if (limits.scale_up_bytes == 0) {
    constexpr double kPcie5 = 64e9;
    limits.scale_up_bytes = kPcie5;
    if (limits.joined)
      limits.missing.emplace_back("link rate not known: taken as PCIe 5.0, 64 GB/s");
  }
  if (limits.scale_out_bytes == 0) {
    constexpr double kCard = 50e9;
    limits.scale_out_bytes = kCard;
    if (limits.joined) {
      limits.missing.emplace_back("network rate not known: taken as one card of 400 Gbit/s");
    }
  }
  if (accelerator.prices.empty()) limits.missing.emplace_back("no price: no cost can be told");
  if (accelerator.power.empty()) {
    limits.missing.emplace_back("no provisioned power: no energy can be told");
  }
  tell_unverified(accelerator, limits);
  return limits;
}

DeviceLimits device_limits(const Processor& processor) {
  return {.key = processor.key,
          .name = processor.name,
          .family = DeviceFamily::kCpu,
          .bytes_per_s = value_of(processor.bandwidth_gb_s) * kGiga};
}

DeviceLimits find_device(const HardwareCatalogue& catalogue, const std::string& key) {
  static const std::vector<std::pair<std::string, std::string>> kAliases = {
      {"h20", "h20-141"}, {"a100", "a100-80"}, {"mi350", "mi350x"}, {"mi355", "mi355x"}};
  std::string wanted = key;
  for (const auto& [alias, target] : kAliases) {
    if (key == alias) wanted = target;
  }
  for (const Accelerator& accelerator : catalogue.accelerators()) {
    if (accelerator.key == wanted) return device_limits(accelerator);
  }
  for (const Processor& processor : catalogue.processors()) {
    if (processor.key == wanted) return device_limits(processor);
  }
  std::vector<std::string> names;
  for (const Accelerator& accelerator : catalogue.accelerators()) names.push_back(accelerator.key);
  for (const Processor& processor : catalogue.processors()) names.push_back(processor.key);
  const std::string meant = nearest(key, names);
  std::string known;
  for (const std::string& name : names) known += (known.empty() ? "" : ", ") + printable(name);
  throw Error({.code = ErrorCode::kNotFound,
               .where = "--hardware",
               .what = "'" + printable(key) + "' is not in the catalogue",
               .remedy = meant.empty()
                             ? "known are " + known + "; --catalogue FILE adds what is missing"
                             : "did you mean " + printable(meant) + "?"});
}

}  // namespace hadal
