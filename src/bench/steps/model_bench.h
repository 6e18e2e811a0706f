// hadal bench decode and prefill: a model's steps timed from the tokens to the sampled token and
// the committed cache, beside the roofline of the same machine in the same run. The tokens are
// random, and the context before them is made up (synthetic_prefix.h), not computed.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/kernels/kernel_bench.h"
#include "bench/kernels/machine_probe.h"
#include "bench/steps/step_runner.h"
#include "model/v4/v4_model.h"
#include "ops/op_profile.h"
#include "plan/step_costs.h"

namespace hadal {

struct ModelBenchOptions {
  BenchKind kind = BenchKind::kDecode;
  // Tokens before those that are timed; negative: 4096 or what the model allows for decode, 0 for
  // prefill.
  int context = -1;
  int batch = 1;   // sequences
  int tokens = 0;  // decode: steps; prefill: tokens of each sequence. 0: 32 and 512
  ModelOptions model = {};
  int threads = 1;
  int repetitions = 5;  // of a prefill
  size_t arena_bytes = size_t{1} << 30;
  TimingOptions timing = {};
  BenchProgress progress = {};
};

struct OpShare {
  OpKey key;
  double calls = 0;    // of one step
  double seconds = 0;  // of one step
  double bytes = 0;    // of linears: weights read in one step
};

struct ModelFigures {
  std::string model;  // the directory's name
  ModelConfig config;
  BenchKind kind = BenchKind::kDecode;
  WeightPlace weight_place = WeightPlace::kMapped;
  int context = 0;
  int batch = 1;
  int rows = 1;             // of each sequence in one step
  int measured = 0;         // steps
  double seconds = 0;       // of one step, the median
  double fast_seconds = 0;  // the 5th and 95th percentile
  double slow_seconds = 0;
  double layer_seconds = 0;  // of one layer: the step without embedding, head and sampling
  double experts_used = 0;   // distinct experts of one step, all layers together
  StepCosts costs = {};
  std::vector<OpShare> ops = {};  // the longest first

  double tokens() const { return static_cast<double>(batch) * rows; }
  double tokens_per_s() const { return tokens() / seconds; }
};

// What one layer costs: the difference of two models that differ in their layers only.
struct LayerDifference {
  std::string other;
  int layers = 0;  // how many more the first has
  double seconds = 0;
  StepCosts costs;
};

struct ModelReport {
  std::string processor;
  Isa isa = Isa::kRef;
  ActivationPolicy activations = ActivationPolicy::kFp8;
  // Where steps read enough that a sample between them takes nothing from their caches, the read
  // rate is the median of those samples, else the better of those before and after all steps.
  MachineRates machine = {};
  int read_samples = 0;
  ModelFigures figures = {};
  std::optional<LayerDifference> difference = {};
};

// `difference`: the directory of a model with fewer layers, or empty; the steps of both take turns,
// so both must fit into memory for figures that mean something. Throws Error for directories
// that are no models, a context that the model or the memory cannot hold, and models that differ in
// more than their layers.
ModelReport bench_model(const std::filesystem::path& directory,
                        const std::filesystem::path& difference, const ModelBenchOptions& options);

// Both end with a line feed.
std::string model_report_text(const ModelReport& report);
std::string model_report_json(const ModelReport& report);

}  // namespace hadal
