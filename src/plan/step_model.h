// The time of one step of a model on a set of devices, part by part: weights and keys over the
// memory, operations over the arithmetic, messages over the links, launches and waits. Formulas
// from the shapes of plan_model.h and the shares of constants.h; calibrated nowhere else.
#pragma once

#include <array>
#include <string_view>

#include "plan/constants.h"
#include "plan/device_limits.h"
#include "plan/plan_model.h"

namespace hadal {

// How one instance of the model is spread. Attention is split over `tp` ranks and copied `dp`
// times; experts lie on all tp · dp ranks of a stage, whole (`expert_parallel`) or in slices.
struct Spread {
  int tp = 1;
  int dp = 1;
  int pp = 1;  // stages of layers
  // Context parallel: ranks among which the rows of one prompt are dealt in turn (part of tp). Each
  // has the attention's weights and all keys for itself.
  int cp = 1;
  bool expert_parallel = false;

  int ranks() const { return tp * dp; }
  // That split the heads of a prompt's rows, and with them the attention's weights.
  int head_ranks() const { return tp / cp; }
  int devices() const { return tp * dp * pp; }
};

// What a step holds, for the busiest copy of the attention.
struct StepLoad {
  double sequences = 0;          // decoding
  double rows_per_sequence = 1;  // 1 + drafts to verify
  double context = 0;            // mean depth of them
  double prefill_rows = 0;
  double prefill_context = 0;  // mean depth of those rows
  double expert_rows = 0;      // of all copies together; 0: dp times this one's
  double drafts = 0;           // proposed per sequence
};

enum class TimePart {
  kWeights,    // reading dense weights
  kExperts,    // reading experts, or computing them
  kGemm,       // dense products
  kWide,       // products in BF16 and FP32, the head
  kAttention,  // keys and scores
  kIndexer,
  kVector,       // elementwise
  kCollectives,  // messages
  kFloor,        // launches and waits
  kHost,
  kDraft,
};
inline constexpr size_t kTimeParts = 11;
std::string_view time_part_name(TimePart part);

struct StepTime {
  std::array<double, kTimeParts> seconds = {};
  double& operator[](TimePart part) { return seconds[static_cast<size_t>(part)]; }
  double operator[](TimePart part) const { return seconds[static_cast<size_t>(part)]; }
  double total() const;
  TimePart longest() const;
};

struct StepSetting {
  const PlanModel& model;
  const DeviceLimits& device;
  const Constants& constants;
  ParameterBytes weights = {};
  Spread spread = {};
  double floor_factor = 1;  // of the engine
  double youth = 1;         // youth_factor()
};

StepTime step_time(const StepSetting& setting, const StepLoad& load);

// Operations of one token at a depth, by the weights' arithmetic: for tests against known totals,
// and for telling what binds.
struct TokenWork {
  double fp8_flops = 0;  // dense
  double expert_flops = 0;
  double wide_flops = 0;  // BF16 and FP32 products of the layers
  double head_flops = 0;
  double attention_flops = 0;
  double indexer_flops = 0;
  double attention_bytes = 0;  // of keys
  double index_bytes = 0;
};
TokenWork token_work(const PlanModel& model, double depth);

}  // namespace hadal
