// Costs as InferenceX computes them (its process_result.py and dashboard): every figure divides the
// whole price or power of a GPU by the rate of one kind of token, over GPUs that depend on the
// kind. For comparing with what is published; what such figures hide is told beside them. The basis
// that adds up is bill.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace hadal {

struct InferenceXRun {
  double input_rate = 0;   // tokens per second of the system, cached input included
  double output_rate = 0;  // by the wall time of the whole run, ramp and drain included
  int gpus = 0;            // of all roles
  int prefill_gpus = 0;    // of a disaggregated site; both 0 otherwise
  int decode_gpus = 0;
  bool has_cached_input = false;
};

// A figure for each kind of token that InferenceX knows.
struct InferenceXFigures {
  std::optional<double> total = {};
  std::optional<double> input = {};
  std::optional<double> output = {};
};

// Tokens per second and GPU. Single node: all over all GPUs. Disaggregated: total over all, input
// over those that prefill, output over those that decode.
InferenceXFigures inferencex_rates(const InferenceXRun& run);

struct InferenceXPrices {
  std::optional<double> usd_per_gpu_hour = {};
  std::optional<double> kw_per_gpu = {};  // provisioned, of the scope that the caller says
};

// Formulas: unit_costs.h.
struct InferenceXCosts {
  InferenceXFigures usd_per_million = {};
  InferenceXFigures tokens_per_usd = {};
  InferenceXFigures tokens_per_megawatt_second = {};
  InferenceXFigures joules_per_token = {};  // provisioned
};

InferenceXCosts inferencex_costs(const InferenceXFigures& rates, const InferenceXPrices& prices);

// How often input cost times input tokens and output cost times output tokens together contain what
// the GPUs really cost: 2 on a single node, less where roles have GPUs of their own, 1 where every
// GPU has one. None without both rates.
std::optional<double> times_billed(const InferenceXRun& run);

// What to mind about these figures of this run, one sentence each.
std::vector<std::string> inferencex_warts(const InferenceXRun& run);

}  // namespace hadal
