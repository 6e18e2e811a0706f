// Files of costs, hardware and prices that users write, as TOML and as JSON: any text is refused
// with an Error, or gives costs of an hour and prices of a minute that are finite.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "economics/deployment_costs.h"
#include "economics/hardware_catalogue.h"
#include "economics/price_catalogue.h"

namespace {

void require(bool condition) {
  if (!condition) {
    __builtin_trap();
  }
}

bool is_amount(double value) { return std::isfinite(value) && value >= 0; }

void read_costs(std::string_view text, const std::string& where) {
  try {
    const hadal::DeploymentCosts costs = hadal::read_deployment_costs(text, where);
    require(costs.gpus > 0 && costs.utilisation > 0 && costs.utilisation <= 1);
    for (const hadal::CostPart& part : hadal::hourly_costs(costs)) {
      require(is_amount(part.usd_per_hour) && is_amount(part.usd_per_idle_hour));
    }
  } catch (const hadal::Error&) {
  }
}

void read_hardware(std::string_view text, const std::string& where) {
  hadal::HardwareCatalogue catalogue;
  try {
    catalogue.read(text, where);
  } catch (const hadal::Error&) {
    require(catalogue.accelerators().empty());  // whole or not at all
    return;
  }
  for (const hadal::Accelerator& accelerator : catalogue.accelerators()) {
    require(&catalogue.accelerator(accelerator.key) == &accelerator);
    for (const hadal::PowerFigure& power : accelerator.power) {
      const auto kw = hadal::kw_per_gpu(power, hadal::PowerScope::kFacility, 1.2);
      require(!kw || is_amount(*kw));
    }
  }
}

void read_prices(std::string_view text, const std::string& where) {
  hadal::PriceCatalogue catalogue;
  try {
    catalogue.read(text, where);
  } catch (const hadal::Error&) {
    require(catalogue.prices().empty());
    return;
  }
  for (const hadal::ApiPrice& price : catalogue.prices()) {
    require(is_amount(price.per_million.input) && is_amount(price.per_million.output));
    catalogue.price_at({.provider = price.provider,
                        .model = price.model,
                        .unix_seconds = price.from.value_or(0),
                        .currency = price.currency});
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const char* where : {"a.toml", "a.json"}) {
    read_costs(text, where);
    read_hardware(text, where);
    read_prices(text, where);
  }
  return 0;
}
