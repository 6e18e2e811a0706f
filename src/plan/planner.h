// The question that a person asks (what would it take here?) and its answer: the best deployments
// by several objectives, what they cost, draw and hold, what binds, what the answer hangs on and
// how wrong it may be. Looks at every hardware of the question; prints nothing (plan_report.h
// does).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "economics/deployment_costs.h"
#include "economics/hardware_catalogue.h"
#include "economics/price_catalogue.h"
#include "plan/load_year.h"
#include "plan/plan_money.h"
#include "plan/plan_workload.h"
#include "plan/search.h"

namespace hadal {

struct PlanQuestion {
  PlanModel model;
  std::vector<DeviceLimits> devices = {};
  EngineTraits engine = {};
  double days = 180;  // of the engine's version since the model came out
  AssumedSpeculation speculation = {};
  RequestShape shape = {};
  std::string workload = {};            // as it was asked
  std::optional<PlanTrace> trace = {};  // that `shape` is of
  Constants constants = {};

  // What must hold. Where none of the demands is given, one deployment is looked for.
  std::optional<double> interactivity = {};  // tokens per second of a user, at least
  std::optional<double> ttft_s = {};         // at most
  std::optional<double> longest_gap_s = {};  // between two steps, at most
  std::optional<double> users = {};          // requests at a time
  std::optional<double> tokens_per_day = {};
  std::optional<double> budget_usd_per_hour = {};
  std::optional<double> facility_megawatts = {};

  std::string era = {};  // of prices and powers; empty: the newest
  PriceTier tier = PriceTier::kRental;
  double pue = 1.2;
  std::optional<DeploymentCosts> own = {};  // one's own machine, for any hardware of the question
  int most_devices = 16;                    // of one deployment
  bool disaggregate = true;                 // prefill may have devices of its own
  double utilisation = 0.5;                 // of the paid hours, for own, rent or API
  LoadYear year = {};                       // set by use_year()
  double horizon_weeks = 104;               // over which waiting is judged
};

// Machines are enough for the peak of the year's curve, so that the mean use follows from it; power
// must be enough for the worst season.
void use_year(PlanQuestion& question, LoadYear year);

struct PlanOption {
  PlanCandidate candidate;
  int replicas = 1;
  double devices = 0;  // of all replicas
  double users = 0;    // served at a time
  double total_rate = 0;
  double output_rate = 0;
  // None where the catalogue has no price, or no power.
  std::optional<double> usd_per_device_hour = {};
  std::optional<double> usd_per_hour = {};
  std::optional<double> usd_per_million_total = {};   // all tokens
  std::optional<double> usd_per_million_output = {};  // the whole bill on output
  std::optional<double> bill_input = {};   // the bill divided by time: per million computed input
  std::optional<double> bill_output = {};  // and output
  std::optional<double> it_kw = {};
  std::optional<double> tokens_per_mw_it = {};
  std::optional<double> tokens_per_mw_facility = {};
  std::optional<double> joules_per_token = {};
  // Of the boards alone, by a line through what was measured at other loads; none where nothing
  // was, or the load lies outside.
  std::optional<double> board_watts = {};
  double idle_share = 1;  // of the power at work, by that line; without one the same
  MemoryFit memory = {};
  std::string binds = {};
  double binding_share = 0;  // of a decode step
};

// What moves the answer: an assumption at its low and high end, and the total rate then over that
// of the answer.
struct Sensitivity {
  std::string assumption = {};
  double low_factor = 1;
  double high_factor = 1;
  double spread() const;
};

struct ErrorBand {
  int points = 0;    // measured and held out of the calibration, that it is from
  double low = 0.5;  // measured over predicted, the 10th and 90th percentile
  double high = 2;
  double median_error = 0;
  std::string of = {};
};

// What a trace gets from the memory that running requests leave: the hit rates of a quarter less
// and a quarter more of it.
struct TraceHits {
  double tokens = 0;
  double low = 0;
  double high = 0;
};

struct PlanAnswer {
  // By objective: "cheapest", "most per device", "least power", "fastest", "fewest devices".
  struct Pick {
    std::string objective = {};
    PlanOption option;
  };
  std::vector<Pick> picks = {};
  std::vector<PlanOption> frontier = {};      // of the first pick's hardware, by speed
  std::vector<std::string> left_out = {};     // hardware, and why
  std::vector<std::string> assumptions = {};  // that the question left open
  std::vector<Sensitivity> sensitivity = {};  // of the first pick, the strongest first
  ErrorBand error = {};
  PlanMoney money = {};
  std::optional<TraceHits> trace_hits = {};  // of the first pick
  std::vector<std::string> next_questions = {};
};

// Throws Error kResourceExhausted or kInvalidArgument where nothing meets the question: what is
// nearest, and why it fails.
PlanAnswer answer_plan(PlanQuestion question, const HardwareCatalogue& catalogue,
                       const PriceCatalogue& prices);

}  // namespace hadal
