// What tools and exporters print about power: any bytes are readings of finite size or an Error,
// and each device's name begins with a class.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "measure/meters/command_words.h"
#include "measure/meters/meter_text.h"
#include "measure/meters/prometheus_text.h"

namespace {

void check(const hadal::MeterReading& reading, bool must_be_finite) {
  if (hadal::device_class(reading.device).empty() || (!reading.watts && !reading.joules)) {
    __builtin_trap();
  }
  if (must_be_finite &&
      (!std::isfinite(reading.watts.value_or(0)) || !std::isfinite(reading.joules.value_or(0)))) {
    __builtin_trap();
  }
}

template <typename Read>
void let_errors_pass(Read read) {
  try {
    read();
  } catch (const hadal::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  let_errors_pass([&] {
    for (const auto& reading : hadal::read_amd_smi(text)) check(reading, true);
  });
  let_errors_pass([&] {
    if (const auto reading = hadal::read_meter_line(text, "wall")) check(*reading, true);
  });
  hadal::read_npu_smi_list(text);
  hadal::read_npu_smi_power(text);
  hadal::read_ipmi_dcmi(text);
  let_errors_pass([&] {
    for (const auto& reading : hadal::read_dcgm_power(text)) check(reading, false);
  });
  let_errors_pass([&] { hadal::command_words(text); });
  const size_t feed = text.find('\n');
  if (feed == std::string_view::npos) return 0;
  let_errors_pass([&] {
    const auto selector = hadal::parse_prometheus_selector(text.substr(0, feed));
    for (const auto& reading :
         hadal::read_prometheus_power(text.substr(feed + 1), selector, "node")) {
      check(reading, false);
    }
  });
  return 0;
}
