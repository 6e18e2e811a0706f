// What a deployment gives under a load: tokens per second, speed of a user, time to the first
// token. A closed loop of so many requests at a time, prefills between decode steps or on devices
// of their own. Steps come from step_model.h; nothing here is fitted to a single measurement.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plan/constants.h"
#include "plan/device_limits.h"
#include "plan/engine_traits.h"
#include "plan/memory_fit.h"
#include "plan/plan_model.h"
#include "plan/speculation.h"
#include "plan/step_model.h"

namespace hadal {

// Means over requests.
struct RequestShape {
  double input = 0;
  double output = 0;
  double hit = 0;   // share of the input that comes from a prefix cache
  double busy = 1;  // share of the time that a place in the load has a request under way
};

struct Role {
  Spread spread = {};
  int workers = 1;
  int devices() const { return spread.devices() * workers; }
};

struct Deployment {
  PlanModel model;
  DeviceLimits device;
  ParameterBytes weights = {};
  EngineTraits engine = {};
  double days = 180;  // since the model came out, of the engine's version
  AssumedSpeculation speculation = {};
  Role serve = {};                   // both, or decoding
  std::optional<Role> prefill = {};  // on devices of their own

  int devices() const { return serve.devices() + (prefill ? prefill->devices() : 0); }
};

struct Prediction {
  double requests_per_s = 0;
  double total_rate = 0;  // tokens per second of the deployment, cached input included
  double output_rate = 0;
  double tpot_s = 0;
  double ttft_s = 0;
  double running = 0;        // sequences that decode at a time, all instances
  double most_running = 0;   // that memory holds
  double step_s = 0;         // of decoding
  double longest_gap_s = 0;  // between two steps of a request while a chunk of a prompt is computed
  double prefill_s = 0;      // of one prompt, the deployment's time it costs
  double prefill_share = 0;  // of the time of the devices that prefill
  StepTime decode = {};      // of one step
  StepTime prefill_parts = {};
  int verified = 0;            // drafts that a step checks for each sequence
  double tokens_per_step = 1;  // of each sequence
  bool memory_binds = false;
  bool prefill_binds = false;

  double interactivity() const { return tpot_s > 0 ? 1 / tpot_s : 0; }
};

// `places`: requests at a time. Throws Error kResourceExhausted where the weights do not fit.
Prediction predict(const Deployment& deployment, const Constants& constants,
                   const RequestShape& shape, double places);

// Of decoding alone, at a depth and `sequences` at a time.
Prediction predict_decode(const Deployment& deployment, const Constants& constants, double context,
                          double sequences);

// What the devices that decode do in one step, where they compute prompts as well.
struct MixedStep {
  double decoding = 0;  // sequences, of all copies of the attention
  double context = 0;   // mean depth of them
  double prefill_rows = 0;
  double prefill_context = 0;  // mean depth of those rows
  double prompts = 1;          // that they are of
};
// Seconds, with `verified` drafts checked for each sequence that decodes.
double predict_step(const Deployment& deployment, const Constants& constants, int verified,
                    const MixedStep& step);

// Seconds of one prompt alone on an instance.
double predict_prefill(const Deployment& deployment, const Constants& constants, double tokens);

// The fit of one role, and of that whose devices are fullest.
MemoryFit deployment_fit(const Deployment& deployment, const Role& role);
MemoryFit deployment_fit(const Deployment& deployment);

}  // namespace hadal
