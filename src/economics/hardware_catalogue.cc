#include "economics/hardware_catalogue.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/suggest.h"
#include "economics/catalogue_fields.h"
#include "economics/catalogue_files.h"
#include "json/known_keys.h"
#include "json/toml_document.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMostCatalogueBytes = size_t{16} << 20;
constexpr std::string_view kHardwareSchema = "hadal.hardware/1";

// The place of `key` in `entries`, made where there is none.
template <typename Entry>
Entry& entry_of(std::vector<Entry>& entries, const std::string& key) {
  const auto found = std::ranges::find(entries, key, &Entry::key);
  if (found != entries.end()) return *found;
  entries.push_back({.key = key});
  return entries.back();
}

template <typename Entry>
const Entry& known_entry(std::span<const Entry> entries, std::string_view key,
                         const std::string& what) {
  const auto found = std::ranges::find(entries, key, &Entry::key);
  if (found != entries.end()) return *found;
  std::vector<std::string> keys;
  std::string all;
  for (const Entry& entry : entries) {
    keys.push_back(entry.key);
    all += (all.empty() ? "" : ", ") + entry.key;
  }
  const std::string meant = nearest(key, keys);
  throw Error({.code = ErrorCode::kNotFound,
               .where = printable(key, 60),
               .what = "is no " + what + " of the catalogue",
               .remedy = meant.empty() ? "known are " + all : "did you mean " + meant + "?"});
}

std::string entry_key(const Fields& entry) {
  std::string key = entry.required_string("key");
  const bool fits = !key.empty() && key.size() <= 64 && std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
  if (!fits) entry.refuse("key", "must be lower-case letters, digits, '-', '.' and '_'");
  return key;
}

// With the names of the figure that stands beside them.
template <size_t N>
std::vector<std::string_view> with_figure_keys(const std::string_view (&keys)[N]) {
  std::vector<std::string_view> all(std::begin(keys), std::end(keys));
  all.insert(all.end(), std::begin(kFigureKeys), std::end(kFigureKeys));
  return all;
}

PowerFigure read_power(const Fields& entry) {
  constexpr std::string_view kKnown[] = {"era", "counts", "kw"};
  refuse_unknown_keys(entry, with_figure_keys(kKnown));
  const std::string counts = entry.required_string("counts");
  if (counts != "it" && counts != "facility") {
    entry.refuse("counts", "must be \"it\" or \"facility\"");
  }
  return {.era = entry.string("era").value_or(""),
          .counts = counts == "it" ? PowerScope::kIt : PowerScope::kFacility,
          .kw = read_figure(entry, "kw")};
}

PriceFigure read_price_figure(const Fields& entry) {
  constexpr std::string_view kKnown[] = {"era", "tier", "usd_per_gpu_hour"};
  refuse_unknown_keys(entry, with_figure_keys(kKnown));
  const auto tier = price_tier_of(entry.required_string("tier"));
  if (!tier) entry.refuse("tier", "must be \"hyperscaler\", \"neocloud\" or \"rental\"");
  return {.era = entry.string("era").value_or(""),
          .tier = *tier,
          .usd_per_gpu_hour = read_figure(entry, "usd_per_gpu_hour")};
}

void read_accelerator(const Fields& entry, Accelerator& out) {
  constexpr std::string_view kKnown[] = {"key",
                                         "name",
                                         "vendor",
                                         "architecture",
                                         "memory_type",
                                         "memory_gb",
                                         "usable_memory_gb",
                                         "bandwidth_tb_s",
                                         "effective_bandwidth_tb_s",
                                         "reserved_memory_gb",
                                         "dense_tflops",
                                         "scale_up",
                                         "scale_out_gbit_s",
                                         "tdp_w",
                                         "list_price_usd",
                                         "power",
                                         "prices",
                                         "notes"};
  refuse_unknown_keys(entry, kKnown);
  read_text_at(entry, "name", out.name);
  read_text_at(entry, "vendor", out.vendor);
  read_text_at(entry, "architecture", out.architecture);
  read_text_at(entry, "memory_type", out.memory_type);
  read_figure_at(entry, "memory_gb", out.memory_gb);
  read_figure_at(entry, "usable_memory_gb", out.usable_memory_gb);
  read_figure_at(entry, "bandwidth_tb_s", out.bandwidth_tb_s);
  read_figure_at(entry, "effective_bandwidth_tb_s", out.effective_bandwidth_tb_s);
  read_figure_at(entry, "reserved_memory_gb", out.reserved_memory_gb);
  read_figure_at(entry, "scale_out_gbit_s", out.scale_out_gbit_s);
  read_figure_at(entry, "tdp_w", out.tdp_w);
  read_figure_at(entry, "list_price_usd", out.list_price_usd);
  read_texts_at(entry, "notes", out.notes);
  if (const ordered_json* rates = entry.object("dense_tflops")) {
    const Fields fields(*rates, entry.path("dense_tflops"), entry.source());
    constexpr std::string_view kFormats[] = {"fp4", "fp8", "bf16"};
    refuse_unknown_keys(fields, kFormats);
    read_figure_at(fields, "fp4", out.fp4_tflops);
    read_figure_at(fields, "fp8", out.fp8_tflops);
    read_figure_at(fields, "bf16", out.bf16_tflops);
  }
  if (const ordered_json* scale_up = entry.object("scale_up")) {
    const Fields fields(*scale_up, entry.path("scale_up"), entry.source());
    constexpr std::string_view kKeys[] = {"domain", "gb_s_one_way", "fabric"};
    refuse_unknown_keys(fields, kKeys);
    read_figure_at(fields, "domain", out.scale_up_domain);
    read_figure_at(fields, "gb_s_one_way", out.scale_up_gb_s_one_way);
    read_text_at(fields, "fabric", out.scale_up_fabric);
  }
  entry.each("power", [&](const ordered_json& value, const std::string& path) {
    PowerFigure power = read_power(Fields(value, path, entry.source()));
    std::erase_if(out.power, [&](const PowerFigure& old) {
      return power.era.empty() || old.era == power.era;
    });
    out.power.push_back(std::move(power));
  });
  entry.each("prices", [&](const ordered_json& value, const std::string& path) {
    PriceFigure price = read_price_figure(Fields(value, path, entry.source()));
    std::erase_if(out.prices, [&](const PriceFigure& old) {
      return old.tier == price.tier && (price.era.empty() || old.era == price.era);
    });
    out.prices.push_back(std::move(price));
  });
}

void read_processor(const Fields& entry, Processor& out) {
  constexpr std::string_view kKnown[] = {
      "key",   "name",           "memory_channels",  "memory_mt_s",
      "tdp_w", "bandwidth_gb_s", "instruction_sets", "notes"};
  refuse_unknown_keys(entry, kKnown);
  read_text_at(entry, "name", out.name);
  read_figure_at(entry, "memory_channels", out.memory_channels);
  read_figure_at(entry, "memory_mt_s", out.memory_mt_s);
  read_figure_at(entry, "bandwidth_gb_s", out.bandwidth_gb_s);
  read_figure_at(entry, "tdp_w", out.tdp_w);
  read_texts_at(entry, "instruction_sets", out.instruction_sets);
  read_texts_at(entry, "notes", out.notes);
}

void read_era(const Fields& entry, Era& out) {
  constexpr std::string_view kKnown[] = {"key", "from", "to", "about"};
  refuse_unknown_keys(entry, kKnown);
  read_text_at(entry, "from", out.from);
  read_text_at(entry, "to", out.to);
  read_text_at(entry, "about", out.about);
}

CatalogueSource read_source(const Fields& entry) {
  constexpr std::string_view kKnown[] = {"what", "commit", "date"};
  refuse_unknown_keys(entry, kKnown);
  return {.what = entry.required_string("what"),
          .commit = entry.string("commit").value_or(""),
          .date = entry.string("date").value_or("")};
}

}  // namespace

std::string_view power_scope_name(PowerScope scope) {
  return scope == PowerScope::kIt ? "IT" : "facility";
}

std::optional<double> kw_per_gpu(const PowerFigure& power, PowerScope wanted, double pue) {
  if (!power.kw.value || !(pue >= 1)) return std::nullopt;
  if (power.counts == wanted) return power.kw.value;
  return wanted == PowerScope::kFacility ? *power.kw.value * pue : *power.kw.value / pue;
}

std::optional<PriceTier> price_tier_of(std::string_view name) {
  for (const PriceTier tier : {PriceTier::kHyperscaler, PriceTier::kNeocloud, PriceTier::kRental}) {
    if (name == price_tier_name(tier)) return tier;
  }
  return std::nullopt;
}

std::string_view price_tier_name(PriceTier tier) {
  switch (tier) {
    case PriceTier::kHyperscaler:
      return "hyperscaler";
    case PriceTier::kNeocloud:
      return "neocloud";
    case PriceTier::kRental:
      break;
  }
  return "rental";
}

const PowerFigure* Accelerator::power_of(std::string_view era) const {
  const PowerFigure* unbound = nullptr;
  for (const PowerFigure& figure : power) {
    if (figure.era == era) return &figure;
    if (figure.era.empty()) unbound = &figure;
  }
  return unbound;
}

const PriceFigure* Accelerator::price_of(std::string_view era, PriceTier tier) const {
  const PriceFigure* unbound = nullptr;
  for (const PriceFigure& figure : prices) {
    if (figure.tier != tier) continue;
    if (figure.era == era) return &figure;
    if (figure.era.empty()) unbound = &figure;
  }
  return unbound;
}

const HardwareCatalogue& HardwareCatalogue::built_in() {
  static const HardwareCatalogue catalogue = [] {
    HardwareCatalogue made;
    made.read(built_in_hardware(), "hardware.json");
    return made;
  }();
  return catalogue;
}

void HardwareCatalogue::read(std::string_view text, const std::string& where) {
  const ordered_json json = parse_settings(text, where);
  const FieldsSource source = catalogue_source(where);
  const Fields document(json, "", source);
  constexpr std::string_view kKnown[] = {"schema",  "about",        "eras",      "pue",
                                         "sources", "accelerators", "processors"};
  refuse_unknown_keys(document, kKnown);
  check_schema(document, kHardwareSchema);
  // Read into a copy, so that a file is taken whole or not at all.
  HardwareCatalogue next = *this;
  const auto each_entry = [&](std::string_view key, auto& entries, auto read_entry) {
    document.each(key, [&](const ordered_json& value, const std::string& path) {
      const Fields entry(value, path, source);
      read_entry(entry, entry_of(entries, entry_key(entry)));
    });
  };
  each_entry("eras", next.eras_, read_era);
  each_entry("accelerators", next.accelerators_, read_accelerator);
  each_entry("processors", next.processors_, read_processor);
  if (const ordered_json* pue = document.object("pue")) {
    constexpr std::string_view kKinds[] = {"air", "direct_liquid", "default"};
    const Fields fields(*pue, "pue", source);
    refuse_unknown_keys(fields, kKinds);
    for (const std::string_view kind : kKinds) {
      Figure& figure = next.pue_[std::string(kind)];
      read_figure_at(fields, kind, figure);
      if (figure.value && !(*figure.value >= 1)) fields.refuse(kind, "must be at least 1");
    }
  }
  if (const ordered_json* sources = document.object("sources")) {
    for (const auto& [key, value] : sources->items()) {
      next.sources_[key] = read_source(Fields(value, "sources." + printable(key, 60), source));
    }
  }
  *this = std::move(next);
}

void HardwareCatalogue::read_file(const std::filesystem::path& path) {
  read(read_text_file(path, kMostCatalogueBytes), path.string());
}

double HardwareCatalogue::default_pue() const {
  const auto found = pue_.find("default");
  return found == pue_.end() ? 1 : found->second.value.value_or(1);
}

const Accelerator& HardwareCatalogue::accelerator(std::string_view key) const {
  return known_entry<Accelerator>(accelerators_, key, "accelerator");
}

const Processor& HardwareCatalogue::processor(std::string_view key) const {
  return known_entry<Processor>(processors_, key, "processor");
}

const Era& HardwareCatalogue::era(std::string_view key) const {
  if (key.empty() && !eras_.empty()) return eras_.back();
  return known_entry<Era>(eras_, key, "era");
}

}  // namespace hadal
