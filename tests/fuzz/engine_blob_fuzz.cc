// What an engine said of itself, as a store holds it: any bytes are refused with an Error or give
// finite figures that are written and read back the same.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "measure/store/engine_blob.h"

namespace {

void require(bool condition) {
  if (!condition) {
    __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::vector<hadal::EngineSample> samples;
  try {
    samples = hadal::decode_engine_samples(bytes, "a.hadalrun");
  } catch (const hadal::Error&) {
    return 0;
  }
  const auto again = hadal::decode_engine_samples(hadal::encode_engine_samples(samples), "again");
  require(again.size() == samples.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    require(std::isfinite(samples[i].seconds) && again[i].seconds == samples[i].seconds);
    require(samples[i].values.size() == std::size(hadal::kEngineFigures));
    require(again[i].values == samples[i].values);
    for (const auto& value : samples[i].values) require(!value || std::isfinite(*value));
  }
  return 0;
}
