// The bill basis: what a run cost, divided so that the parts add up to the bill, to the last
// millionth of a dollar. Prefill pays for computed input, decoding for output, cached input pays
// for being brought back; idle and shared time stand apart, and are spread over the three only
// where a full cost is asked for. The other basis, InferenceX's, is inferencex_basis.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "economics/allocation.h"
#include "economics/deployment_costs.h"
#include "economics/phases.h"

namespace hadal {

// What the machine's time went into.
enum class BillUse { kPrefill, kCachedInput, kDecode, kShared, kIdle };
inline constexpr size_t kBillUses = 5;
std::string_view bill_use_name(BillUse use);

template <typename Value>
struct ByUse {
  std::array<Value, kBillUses> values = {};
  Value& operator[](BillUse use) { return values[static_cast<size_t>(use)]; }
  const Value& operator[](BillUse use) const { return values[static_cast<size_t>(use)]; }
};

struct BillTokens {
  int64_t computed_input = 0;
  int64_t cached_input = 0;
  int64_t output = 0;
};

struct BillInput {
  Phases phases = {};  // GPU-seconds of the time that is billed
  int gpus = 0;
  std::vector<CostPart> parts = {};  // of all GPUs together, per hour
  BillTokens tokens = {};
  // Of the time that is billed, joules; none: not known.
  std::optional<double> energy = {};
};

struct BillRow {
  std::string part = {};
  MicroUsd total = 0;
  ByUse<MicroUsd> uses = {};  // add up to total
};

// Per million tokens of a kind, or joules per token of it; none where there are no such tokens, or
// the phases are not known.
struct ByToken {
  std::optional<double> total = {};  // everything over all tokens, cached ones included
  std::optional<double> computed_input = {};
  std::optional<double> cached_input = {};
  std::optional<double> output = {};
};

struct Bill {
  PhaseBasis basis = PhaseBasis::kUnknown;
  double hours = 0;  // billed
  MicroUsd total = 0;
  std::vector<BillRow> rows = {};  // their totals add up to total
  ByUse<MicroUsd> uses = {};       // add up to total
  // Shared and idle spread over the three uses that tokens pay for, in proportion to what these
  // cost: prefill, cached input and decoding add up to total. All in shared and idle if the phases
  // are not known.
  ByUse<MicroUsd> full = {};
  BillTokens tokens = {};
  // These are of the dollars before they were rounded to millionths.
  ByToken usd_per_million = {};       // of `uses`; but total is of the whole bill
  ByToken full_usd_per_million = {};  // of `full`
  std::optional<double> tokens_per_usd = {};
  ByToken full_joules = {};  // energy, spread in the same way
  // What the cached input would have cost, computed like the rest; none if nothing was computed.
  std::optional<double> cached_saving_usd = {};
};

// Throws Error kInvalidArgument for negative or infinite costs, times and tokens, and for a bill
// above 9 · 10^9 dollars.
Bill make_bill(const BillInput& input);

}  // namespace hadal
