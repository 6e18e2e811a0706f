// What a run cost, as text for people: both bases side by side, power in every era, the bill with
// its parts, what to mind. Computes nothing itself.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "economics/bill.h"
#include "economics/break_even.h"
#include "economics/deployment_costs.h"
#include "economics/hardware_catalogue.h"
#include "economics/inferencex_basis.h"
#include "economics/phases.h"
#include "economics/price_catalogue.h"

namespace hadal {

struct CostReportInput {
  std::string about = {};  // "8 x b200, vllm, 8k1k, 64 at once"
  double seconds = 0;
  BillTokens tokens = {};  // of those seconds
  int gpus = 0;
  int prefill_gpus = 0;  // of a disaggregated site; both 0 otherwise
  int decode_gpus = 0;

  // Published prices and powers: of an accelerator (which outlives the report), an era, a tier.
  const Accelerator* accelerator = nullptr;
  std::string era = {};
  PriceTier tier = PriceTier::kHyperscaler;
  double pue = 1.2;  // to convert between IT and facility power
  // One's own costs, for the bill in place of the published price.
  std::optional<DeploymentCosts> own = {};
  // Of the whole machine, in this run: measured, or given with it. It goes before `own` and the
  // catalogue.
  std::optional<PowerDraw> measured_power = {};
  std::optional<PaidTime> when = {};  // for electricity by the hour
  std::optional<Phases> phases = {};  // of those seconds; none: by roles, or else not known
  // For "own or API".
  std::optional<TokenPrices> api = {};
  std::string api_name = {};
};

struct CostFigures {
  InferenceXFigures rates = {};
  InferenceXCosts inferencex = {};
  std::vector<std::string> warts = {};
  Bill bill = {};
  std::optional<PowerDraw> power = {};  // that the bill's energy is of, the whole machine
  std::optional<BreakEven> break_even = {};
};

// Throws Error kInvalidArgument for a run without tokens, time or GPUs, and where neither a price
// of the accelerator nor own costs are there.
CostFigures cost_figures(const CostReportInput& input);

std::string cost_report(const CostReportInput& input);

// The same as one JSON document, "hadal.costs/1": null where there is no figure, the parts of the
// bill as whole millionths of a dollar.
std::string cost_report_json(const CostReportInput& input);

// The table of published_conversions.h: in columns, as a table of Markdown, or as one JSON
// document, "hadal.conversions/1".
std::string published_conversions_text();
std::string published_conversions_json();
std::string published_conversions_markdown();

}  // namespace hadal
