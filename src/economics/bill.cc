#include "economics/bill.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace hadal {
namespace {

constexpr BillUse kPaidByTokens[] = {BillUse::kPrefill, BillUse::kCachedInput, BillUse::kDecode};

constexpr int64_t kMostTokens = 1'000'000'000'000'000;

void require(bool condition, const std::string& where, const char* rule) {
  if (condition) return;
  throw Error({.code = ErrorCode::kInvalidArgument, .where = where, .what = rule});
}

bool is_amount(double value) { return std::isfinite(value) && value >= 0; }

void check(const BillInput& input) {
  const Phases& p = input.phases;
  require(input.gpus > 0, "a bill", "must be of at least one GPU");
  for (const double seconds : {p.prefill, p.cached_input, p.decode, p.shared, p.idle}) {
    require(is_amount(seconds), "a bill", "has GPU-seconds that are negative or not finite");
  }
  for (const CostPart& part : input.parts) {
    require(is_amount(part.usd_per_hour) && is_amount(part.usd_per_idle_hour), part.name,
            "costs less than nothing an hour, or no finite amount");
  }
  for (const int64_t count :
       {input.tokens.computed_input, input.tokens.cached_input, input.tokens.output}) {
    require(count >= 0 && count <= kMostTokens, "a bill", "must be of 0 to 10^15 tokens of a kind");
  }
  require(!input.energy || is_amount(*input.energy), "a bill", "has energy below 0");
}

// Hours of the whole machine that went into each use.
ByUse<double> hours_by_use(const Phases& phases, int gpus) {
  const double hours = 1 / (3600.0 * gpus);
  ByUse<double> out;
  out[BillUse::kPrefill] = phases.prefill * hours;
  out[BillUse::kCachedInput] = phases.cached_input * hours;
  out[BillUse::kDecode] = phases.decode * hours;
  out[BillUse::kShared] = phases.shared * hours;
  out[BillUse::kIdle] = phases.idle * hours;
  return out;
}

ByUse<double> usd_by_use(const CostPart& part, const ByUse<double>& hours) {
  ByUse<double> usd;
  for (size_t use = 0; use < kBillUses; ++use) {
    usd.values[use] = hours.values[use] * part.usd_per_hour;
  }
  usd[BillUse::kIdle] = hours[BillUse::kIdle] * part.usd_per_idle_hour;
  return usd;
}

double claimed_by_tokens(const ByUse<double>& usd) {
  double sum = 0;
  for (const BillUse use : kPaidByTokens) sum += usd[use];
  return sum;
}

// Every dollar on the uses that tokens pay for; left as it is where none of them cost anything.
ByUse<double> fully_spread(double total, const ByUse<double>& usd) {
  const double claimed = claimed_by_tokens(usd);
  if (!(claimed > 0)) return usd;
  ByUse<double> full;
  for (const BillUse use : kPaidByTokens) full[use] = total * (usd[use] / claimed);
  return full;
}

// The same in whole millionths, which add up to the total.
ByUse<MicroUsd> fully_spread(MicroUsd total, const ByUse<double>& usd,
                             const ByUse<MicroUsd>& uses) {
  if (!(claimed_by_tokens(usd) > 0)) return uses;
  std::vector<double> weights;
  for (const BillUse use : kPaidByTokens) weights.push_back(usd[use]);
  const std::vector<MicroUsd> shares = allocate(total, weights);
  ByUse<MicroUsd> full;
  for (size_t i = 0; i < std::size(kPaidByTokens); ++i) full[kPaidByTokens[i]] = shares[i];
  return full;
}

// As money is spread: what was shared and idle in proportion to the rest.
ByUse<double> spread_energy(double joules, const Phases& phases) {
  ByUse<double> out;
  const double claimed = phases.prefill + phases.cached_input + phases.decode;
  if (!(claimed > 0)) return out;
  out[BillUse::kPrefill] = joules * (phases.prefill / claimed);
  out[BillUse::kCachedInput] = joules * (phases.cached_input / claimed);
  out[BillUse::kDecode] = joules * (phases.decode / claimed);
  return out;
}

std::optional<double> over(double amount, int64_t tokens) {
  if (tokens <= 0) return std::nullopt;
  return amount / static_cast<double>(tokens);
}

ByToken per_token(double total, const ByUse<double>& uses, const BillTokens& tokens, bool divided) {
  ByToken out{.total = over(total, tokens.computed_input + tokens.cached_input + tokens.output)};
  if (!divided) return out;
  out.computed_input = over(uses[BillUse::kPrefill], tokens.computed_input);
  out.cached_input = over(uses[BillUse::kCachedInput], tokens.cached_input);
  out.output = over(uses[BillUse::kDecode], tokens.output);
  return out;
}

// Of dollars that were not rounded: a short run costs a few millionths of one in all.
ByToken per_million(double total, const ByUse<double>& usd, const BillTokens& tokens,
                    bool divided) {
  constexpr double kMillion = 1e6;
  ByUse<double> amounts;
  for (size_t use = 0; use < kBillUses; ++use) amounts.values[use] = usd.values[use] * kMillion;
  return per_token(total * kMillion, amounts, tokens, divided);
}

}  // namespace

std::string_view bill_use_name(BillUse use) {
  switch (use) {
    case BillUse::kPrefill:
      return "prefill";
    case BillUse::kCachedInput:
      return "cached input";
    case BillUse::kDecode:
      return "decode";
    case BillUse::kShared:
      return "shared";
    case BillUse::kIdle:
      break;
  }
  return "idle";
}

Bill make_bill(const BillInput& input) {
  check(input);
  const ByUse<double> hours = hours_by_use(input.phases, input.gpus);
  std::vector<ByUse<double>> exact;
  std::vector<double> part_usd;
  ByUse<double> usd_of_uses;
  double usd = 0;
  for (const CostPart& part : input.parts) {
    exact.push_back(usd_by_use(part, hours));
    double sum = 0;
    for (size_t use = 0; use < kBillUses; ++use) {
      sum += exact.back().values[use];
      usd_of_uses.values[use] += exact.back().values[use];
    }
    part_usd.push_back(sum);
    usd += sum;
  }
  Bill bill{.basis = input.phases.basis,
            .hours = input.phases.all() / (3600.0 * input.gpus),
            .total = micro_usd(usd),
            .tokens = input.tokens};
  // First among the parts, then each part among its uses: sums of rows and of columns are exact.
  const std::vector<MicroUsd> totals = allocate(bill.total, part_usd);
  for (size_t i = 0; i < input.parts.size(); ++i) {
    BillRow row{.part = input.parts[i].name, .total = totals[i]};
    const std::vector<MicroUsd> shares = allocate(totals[i], exact[i].values);
    for (size_t use = 0; use < kBillUses; ++use) {
      row.uses.values[use] = shares[use];
      bill.uses.values[use] += shares[use];
    }
    bill.rows.push_back(std::move(row));
  }
  bill.full = fully_spread(bill.total, usd_of_uses, bill.uses);
  const bool divided = bill.basis != PhaseBasis::kUnknown;
  bill.usd_per_million = per_million(usd, usd_of_uses, bill.tokens, divided);
  bill.full_usd_per_million =
      per_million(usd, fully_spread(usd, usd_of_uses), bill.tokens, divided);
  if (usd > 0 && bill.usd_per_million.total) {
    bill.tokens_per_usd = 1e6 / *bill.usd_per_million.total;
  }
  if (input.energy) {
    bill.full_joules =
        per_token(*input.energy, spread_energy(*input.energy, input.phases), bill.tokens, divided);
  }
  if (divided) {
    if (const auto& price = bill.usd_per_million.computed_input) {
      bill.cached_saving_usd = *price * static_cast<double>(bill.tokens.cached_input) / 1e6;
    }
  }
  return bill;
}

}  // namespace hadal
