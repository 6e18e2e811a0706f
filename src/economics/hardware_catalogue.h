// Accelerators and processors as their makers and markets describe them: memory, bandwidth, rates,
// power, prices. Figures only, each with its source; what follows from them is worked out
// elsewhere. The built-in catalogue is data/hardware.json; a user's file adds to it or replaces
// single values.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "economics/figure.h"

namespace hadal {

// What a number of kW counts. The two differ by the PUE, about 1.1 to 1.3, and published figures
// changed from the one to the other in July 2026.
enum class PowerScope {
  kIt,        // the accelerator with its share of host and network
  kFacility,  // that, and cooling and losses of the building
};

// "IT" or "facility".
std::string_view power_scope_name(PowerScope scope);

struct PowerFigure {
  std::string era = {};  // a key of eras(); empty: bound to none
  PowerScope counts = PowerScope::kIt;
  Figure kw = {};  // per accelerator, provisioned
};

// The kW as if it counted `wanted`: IT power = facility power / PUE. None without a value.
std::optional<double> kw_per_gpu(const PowerFigure& power, PowerScope wanted, double pue);

enum class PriceTier {
  kHyperscaler,  // the cost of owning, at a large cloud
  kNeocloud,     // the cost of owning, at a smaller one
  kRental,       // what the market asks
};

// "hyperscaler", "neocloud", "rental"; none for another text.
std::optional<PriceTier> price_tier_of(std::string_view name);
std::string_view price_tier_name(PriceTier tier);

struct PriceFigure {
  std::string era = {};
  PriceTier tier = PriceTier::kHyperscaler;
  Figure usd_per_gpu_hour = {};
};

struct Accelerator {
  std::string key = {};  // "b200"
  std::string name = {};
  std::string vendor = {};
  std::string architecture = {};
  std::string memory_type = {};
  Figure memory_gb = {};                 // as sold
  Figure usable_memory_gb = {};          // as drivers report it; sources mix GB and GiB, see notes
  Figure bandwidth_tb_s = {};            // of the memory, peak
  Figure effective_bandwidth_tb_s = {};  // what a planner counts on
  Figure reserved_memory_gb = {};        // what a planner sets aside
  Figure fp4_tflops = {};                // dense, without sparsity, all three
  Figure fp8_tflops = {};
  Figure bf16_tflops = {};
  Figure scale_up_domain = {};        // accelerators that reach each other by it
  Figure scale_up_gb_s_one_way = {};  // per accelerator, in one direction
  std::string scale_up_fabric = {};
  Figure scale_out_gbit_s = {};  // per network card, one per accelerator as a rule
  Figure tdp_w = {};
  Figure list_price_usd = {};
  std::vector<PowerFigure> power = {};
  std::vector<PriceFigure> prices = {};
  std::vector<std::string> notes = {};

  // Of the era, or else one that is bound to none; nullptr where there is neither.
  const PowerFigure* power_of(std::string_view era) const;
  // The same of the tier.
  const PriceFigure* price_of(std::string_view era, PriceTier tier) const;
};

struct Processor {
  std::string key = {};
  std::string name = {};
  Figure memory_channels = {};
  Figure memory_mt_s = {};
  Figure bandwidth_gb_s = {};  // of a socket, peak
  Figure tdp_w = {};
  std::vector<std::string> instruction_sets = {};  // "avx2", "avx512", "amx"
  std::vector<std::string> notes = {};
};

// A time in which published prices and powers meant the same.
struct Era {
  std::string key = {};
  std::string from = {};  // empty: open
  std::string to = {};
  std::string about = {};
};

struct CatalogueSource {
  std::string what = {};
  std::string commit = {};
  std::string date = {};
};

class HardwareCatalogue {
 public:
  static const HardwareCatalogue& built_in();

  // Adds what is in `text` (data/README.md): an entry of a key that is there already replaces the
  // values it mentions, and a price or power without an era those of every era. TOML where `where`
  // ends in .toml, JSON otherwise. Throws Error kInvalidFile that names the key; unknown keys are
  // refused with the nearest known one.
  void read(std::string_view text, const std::string& where);
  void read_file(const std::filesystem::path& path);

  std::span<const Accelerator> accelerators() const { return accelerators_; }
  std::span<const Processor> processors() const { return processors_; }
  // From the oldest.
  std::span<const Era> eras() const { return eras_; }
  const std::map<std::string, CatalogueSource, std::less<>>& sources() const { return sources_; }
  // Facility power over IT power: "air", "direct_liquid", "default".
  const std::map<std::string, Figure, std::less<>>& pue() const { return pue_; }
  // pue() of "default"; 1 if a catalogue has none.
  double default_pue() const;

  // Throws Error kNotFound with the nearest key.
  const Accelerator& accelerator(std::string_view key) const;
  const Processor& processor(std::string_view key) const;
  // The era of that key, the newest for an empty one. Throws Error kNotFound.
  const Era& era(std::string_view key) const;

 private:
  std::vector<Accelerator> accelerators_;
  std::vector<Processor> processors_;
  std::vector<Era> eras_;
  std::map<std::string, CatalogueSource, std::less<>> sources_;
  std::map<std::string, Figure, std::less<>> pue_;
};

}  // namespace hadal
