#include "economics/cost_report.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "base/error.h"
#include "economics/published_conversions.h"

namespace hadal {
namespace {

[[noreturn]] void refuse(const std::string& what, const std::string& remedy = "") {
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = "costs of a run",
               .what = what,
               .remedy = remedy});
}

const PriceFigure* price_of(const CostReportInput& input) {
  if (input.accelerator == nullptr) return nullptr;
  const PriceFigure* price = input.accelerator->price_of(input.era, input.tier);
  return price != nullptr && price->usd_per_gpu_hour.value ? price : nullptr;
}

InferenceXRun inferencex_run(const CostReportInput& input) {
  const auto input_tokens = static_cast<double>(input.tokens.computed_input) +
                            static_cast<double>(input.tokens.cached_input);
  return {.input_rate = input_tokens / input.seconds,
          .output_rate = static_cast<double>(input.tokens.output) / input.seconds,
          .gpus = input.gpus,
          .prefill_gpus = input.prefill_gpus,
          .decode_gpus = input.decode_gpus,
          .has_cached_input = input.tokens.cached_input > 0};
}

const PowerFigure* published_power(const CostReportInput& input) {
  return input.accelerator == nullptr ? nullptr : input.accelerator->power_of(input.era);
}

std::optional<PowerDraw> power_of(const CostReportInput& input) {
  if (input.measured_power) return input.measured_power;
  if (input.own && input.own->it_kw) {
    return PowerDraw{.it_kw = *input.own->it_kw, .idle_kw = input.own->idle_kw};
  }
  const PowerFigure* power = published_power(input);
  if (power == nullptr) return std::nullopt;
  const auto kw = kw_per_gpu(*power, PowerScope::kIt, input.pue);
  if (!kw) return std::nullopt;
  return PowerDraw{.it_kw = *kw * input.gpus};
}

std::vector<CostPart> parts_of(const CostReportInput& input) {
  if (input.own) return hourly_costs(*input.own, input.measured_power, input.when);
  const PriceFigure* price = price_of(input);
  if (price == nullptr) {
    const std::string key = input.accelerator == nullptr ? "" : input.accelerator->key;
    refuse(key.empty() ? "have no price"
                       : "have no " + std::string(price_tier_name(input.tier)) + " price of " +
                             printable(key) + " in era " + printable(input.era),
           "give own costs, or another tier or era");
  }
  return hourly_costs(*input.accelerator, *price, input.gpus);
}

double joules(const PowerDraw& power, const Phases& phases, int gpus) {
  const double idle_kw = power.idle_kw.value_or(power.it_kw);
  return 1000 * (power.it_kw * phases.busy() + idle_kw * phases.idle) / gpus;
}

BreakEven break_even_of(const CostReportInput& input, const std::vector<CostPart>& parts,
                        const Phases& run) {
  const double busy_hours = run.busy() / (3600.0 * input.gpus);
  const auto an_hour = [&](int64_t tokens) {
    return static_cast<int64_t>(std::llround(static_cast<double>(tokens) / busy_hours));
  };
  BreakEvenInput question{
      .tokens_per_busy_hour = {.computed_input = an_hour(input.tokens.computed_input),
                               .cached_input = an_hour(input.tokens.cached_input),
                               .output = an_hour(input.tokens.output)},
      .own = parts,
      .utilisation = input.own ? input.own->utilisation : 1,
      .api = input.api};
  const PriceFigure* rent = input.accelerator == nullptr
                                ? nullptr
                                : input.accelerator->price_of(input.era, PriceTier::kRental);
  const bool rented =
      input.own ? input.own->rent_usd_per_gpu_hour.has_value() : input.tier == PriceTier::kRental;
  if (!rented && rent != nullptr && rent->usd_per_gpu_hour.value) {
    question.rent_usd_per_hour = *rent->usd_per_gpu_hour.value * input.gpus;
  }
  return break_even(question);
}

// With commas between thousands; three digits or more.
std::string number_text(double value) {
  if (value < 1000) {
    if (value >= 100) return fmt::format("{:.1f}", value);
    if (value >= 1 || value == 0) return fmt::format("{:.2f}", value);
    return value >= 0.01 ? fmt::format("{:.3f}", value) : fmt::format("{:.2g}", value);
  }
  std::string digits = fmt::format("{:.0f}", value);
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string number_text(const std::optional<double>& value) {
  return value ? number_text(*value) : "-";
}

std::string amount_text(MicroUsd amount) {
  return amount == 0 ? "0" : fmt::format("{:.6f}", usd_of(amount));
}

// Names come from files of others, and a terminal obeys what stands in them.
std::string era_text(const std::string& era) { return era.empty() ? "any" : printable(era); }
std::string api_text(const CostReportInput& input) {
  return input.api_name.empty() ? "the API" : printable(input.api_name);
}

std::string figure_source(const Figure& figure) {
  std::string text = printable(figure.source);
  if (!figure.date.empty()) text += ", " + printable(figure.date);
  if (!figure.note.empty()) text += "; " + printable(figure.note);
  return text;
}

void add_basis_row(std::string& out, std::string_view name, const std::optional<double>& inferencex,
                   const std::optional<double>& bill, const std::optional<double>& full) {
  out += fmt::format("  {:<22} {:>13} {:>13} {:>13}\n", name, number_text(inferencex),
                     number_text(bill), number_text(full));
}

void add_bases(std::string& out, const CostFigures& figures) {
  const InferenceXFigures& ix = figures.inferencex.usd_per_million;
  const ByToken& bill = figures.bill.usd_per_million;
  const ByToken& full = figures.bill.full_usd_per_million;
  out += fmt::format("  {:<22}{:>14}{:>14}{:>14}\n", "$ per million tokens", "inferencex", "bill",
                     "bill, full");
  add_basis_row(out, "total", ix.total, bill.total, full.total);
  add_basis_row(out, "input, computed", ix.input, bill.computed_input, full.computed_input);
  add_basis_row(out, "input, cached", {}, bill.cached_input, full.cached_input);
  add_basis_row(out, "output", ix.output, bill.output, full.output);
  add_basis_row(out, "tokens per $", figures.inferencex.tokens_per_usd.total,
                figures.bill.tokens_per_usd, {});
  add_basis_row(out, "J per token", figures.inferencex.joules_per_token.total, {},
                figures.bill.full_joules.total);
  add_basis_row(out, "J per output token", figures.inferencex.joules_per_token.output, {},
                figures.bill.full_joules.output);
  out += fmt::format(
      "Time of prefill and decoding: {}. \"full\": shared and idle time spread over them.\n",
      phase_basis_name(figures.bill.basis));
  if (figures.bill.tokens.cached_input > 0 && figures.bill.cached_saving_usd) {
    out += fmt::format("Cached input saved ${} of prefill.\n",
                       number_text(*figures.bill.cached_saving_usd));
  }
}

void add_power(std::string& out, const CostReportInput& input, const CostFigures& figures) {
  if (figures.power) {
    out += fmt::format("\nEnergy of the bill: {} kW of IT power in all, {}.",
                       number_text(figures.power->it_kw), power_basis_name(figures.power->basis));
    if (const PowerFigure* power = published_power(input)) {
      out += fmt::format(" Of inferencex: {} kW a GPU, {}, provisioned.",
                         number_text(power->kw.value), power_scope_name(power->counts));
    }
    out += "\n";
  }
  if (input.accelerator == nullptr || input.accelerator->power.empty()) return;
  out += fmt::format("\n  {:<10}{:>9}{:>9}{:>16}{:>16}{:>11}\n", "era", "IT kW", "fac. kW",
                     "tok/s per IT MW", "per facility MW", "J/token IT");
  for (const PowerFigure& power : input.accelerator->power) {
    const auto it = kw_per_gpu(power, PowerScope::kIt, input.pue);
    const auto facility = kw_per_gpu(power, PowerScope::kFacility, input.pue);
    const InferenceXCosts by_it = inferencex_costs(figures.rates, {.kw_per_gpu = it});
    const InferenceXCosts by_facility = inferencex_costs(figures.rates, {.kw_per_gpu = facility});
    const bool is_it = power.counts == PowerScope::kIt;
    out += fmt::format("  {:<10}{:>9}{:>9}{:>16}{:>16}{:>11}\n", era_text(power.era),
                       number_text(it) + (is_it ? " " : "*"),
                       number_text(facility) + (is_it ? "*" : " "),
                       number_text(by_it.tokens_per_megawatt_second.total),
                       number_text(by_facility.tokens_per_megawatt_second.total),
                       number_text(by_it.joules_per_token.total));
  }
  out += fmt::format("  * from the published figure with a PUE of {:.2f}\n", input.pue);
}

void add_bill(std::string& out, const Bill& bill) {
  out += fmt::format("\nThe bill of {} hours, $:\n  {:<36}", number_text(bill.hours), "");
  for (size_t use = 0; use < kBillUses; ++use) {
    out += fmt::format("{:>15}", bill_use_name(static_cast<BillUse>(use)));
  }
  out += fmt::format("{:>16}\n", "total");
  const auto add_row = [&](std::string_view name, const ByUse<MicroUsd>& uses, MicroUsd total) {
    out += fmt::format("  {:<36}", name);
    for (const MicroUsd amount : uses.values) out += fmt::format("{:>15}", amount_text(amount));
    out += fmt::format("{:>16}\n", amount_text(total));
  };
  for (const BillRow& row : bill.rows) add_row(printable(row.part), row.uses, row.total);
  if (bill.rows.size() > 1) add_row("sum", bill.uses, bill.total);
}

void add_break_even(std::string& out, const CostReportInput& input, const BreakEven& answer) {
  out += fmt::format("\nAt {:.0f} % utilisation, $ per million tokens of this mix: own {}",
                     100 * answer.utilisation, number_text(answer.own_usd_per_million));
  if (answer.rent_usd_per_million) {
    out += fmt::format(", rented by the hour {}", number_text(answer.rent_usd_per_million));
  }
  if (answer.api_usd_per_million) {
    out += fmt::format(", {} {}", api_text(input), number_text(answer.api_usd_per_million));
  }
  out += ".\n";
  const auto add_limit = [&](const std::string& other, const std::optional<double>& from) {
    out += from ? fmt::format("Own costs less than {} from {:.1f} % utilisation on.\n", other,
                              100 * *from)
                : fmt::format("Own costs more than {} at every utilisation.\n", other);
  };
  if (answer.rent_usd_per_million) add_limit("rent", answer.own_beats_rent_from);
  if (answer.api_usd_per_million) {
    add_limit(api_text(input), answer.own_beats_api_from);
  }
}

// With as many digits as were published, and `more`.
std::string conversion_number(const Conversion& row, double value, int more) {
  if (row.rounding >= 0.5 && value >= 1000) return number_text(value);
  const int digits = static_cast<int>(std::ceil(-std::log10(2 * row.rounding) - 1e-9)) + more;
  return fmt::format("{:.{}f}", value, std::clamp(digits, 0, 6));
}

struct ConversionTexts {
  std::string printed;
  std::string inferencex;
  std::string bill;
  std::string note;
};

ConversionTexts conversion_texts(const Conversion& row) {
  ConversionTexts texts{.printed = conversion_number(row, row.published, 0),
                        .inferencex = conversion_number(row, row.inferencex, 1),
                        .bill = row.bill ? conversion_number(row, *row.bill, 1) : "-",
                        .note = row.note};
  if (!row.is_reproduced()) {
    texts.inferencex += " !";
    texts.note += (row.note.empty() ? "" : "; ");
    texts.note += "! does not give what was printed";
  }
  return texts;
}

}  // namespace

CostFigures cost_figures(const CostReportInput& input) {
  const BillTokens& tokens = input.tokens;
  if (!(input.seconds > 0) || !std::isfinite(input.seconds) || input.gpus < 1) {
    refuse("need a duration and at least one GPU");
  }
  if (tokens.computed_input < 0 || tokens.cached_input < 0 || tokens.output < 0 ||
      tokens.computed_input + tokens.cached_input + tokens.output == 0) {
    refuse("need tokens");
  }
  const InferenceXRun run = inferencex_run(input);
  const std::vector<CostPart> parts = parts_of(input);
  const Phases measured = input.phases ? *input.phases
                                       : split_phases({.seconds = input.seconds,
                                                       .gpus = input.gpus,
                                                       .prefill_gpus = input.prefill_gpus,
                                                       .decode_gpus = input.decode_gpus},
                                                      {});
  const Phases billed = input.own ? at_utilisation(measured, input.own->utilisation) : measured;
  CostFigures out{.rates = inferencex_rates(run), .power = power_of(input)};
  InferenceXPrices prices;
  if (const PriceFigure* price = price_of(input)) {
    prices.usd_per_gpu_hour = price->usd_per_gpu_hour.value;
  } else {
    prices.usd_per_gpu_hour = usd_per_hour(parts) / input.gpus;
  }
  // As published: IT or facility, whatever the era counts.
  if (const PowerFigure* power = published_power(input)) {
    prices.kw_per_gpu = power->kw.value;
  } else if (out.power) {
    prices.kw_per_gpu = out.power->it_kw / input.gpus;
  }
  out.inferencex = inferencex_costs(out.rates, prices);
  out.warts = inferencex_warts(run);
  out.bill = make_bill(
      {.phases = billed,
       .gpus = input.gpus,
       .parts = parts,
       .tokens = tokens,
       .energy = out.power ? std::optional(joules(*out.power, billed, input.gpus)) : std::nullopt});
  if (measured.busy() > 0) out.break_even = break_even_of(input, parts, measured);
  return out;
}

std::string cost_report(const CostReportInput& input) {
  const CostFigures figures = cost_figures(input);
  std::string out = input.about.empty() ? "" : printable(input.about) + "\n";
  out += fmt::format("{} tok/s a GPU in all, {} input, {} output, as InferenceX counts them.\n",
                     number_text(figures.rates.total), number_text(figures.rates.input),
                     number_text(figures.rates.output));
  if (const PriceFigure* price = price_of(input)) {
    out += fmt::format("Price for inferencex: ${} a GPU-hour, {}, era {} ({}).\n",
                       number_text(*price->usd_per_gpu_hour.value), price_tier_name(price->tier),
                       era_text(price->era), figure_source(price->usd_per_gpu_hour));
  }
  if (input.own) {
    out += fmt::format("Costs for the bill: {}, {:.0f} % utilisation.\n",
                       printable(input.own->name), 100 * input.own->utilisation);
  }
  out += "\n";
  add_bases(out, figures);
  add_power(out, input, figures);
  add_bill(out, figures.bill);
  if (figures.break_even &&
      (figures.break_even->api_usd_per_million || figures.break_even->rent_usd_per_million)) {
    add_break_even(out, input, *figures.break_even);
  }
  out += "\nOf the inferencex column:\n";
  for (const std::string& wart : figures.warts) out += "- " + wart + "\n";
  return out;
}

std::string published_conversions_text() {
  std::string out = fmt::format("  {:<22}{:>11}{:>13}{:>11}   {}\n", "", "printed", "inferencex",
                                "bill", "given");
  std::string about;
  for (const Conversion& row : published_conversions()) {
    const ConversionTexts texts = conversion_texts(row);
    if (row.about != about) out += row.about + "\n";
    about = row.about;
    out += fmt::format("  {:<22}{:>11}{:>13}{:>11}   {}{}\n", row.unit, texts.printed,
                       texts.inferencex, texts.bill, row.given,
                       texts.note.empty() ? "" : " (" + texts.note + ")");
  }
  return out;
}

std::string published_conversions_markdown() {
  std::string out =
      "| published | given | figure | printed | inferencex | bill | |\n"
      "|---|---|---|---|---|---|---|\n";
  for (const Conversion& row : published_conversions()) {
    const ConversionTexts texts = conversion_texts(row);
    out += fmt::format("| {} | {} | {} | {} | {} | {} | {} |\n", row.about, row.given, row.unit,
                       texts.printed, texts.inferencex, texts.bill, texts.note);
  }
  return out;
}

}  // namespace hadal
