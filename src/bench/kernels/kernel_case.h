// One kernel on one shape, as hadal bench kernels measures it: what it reads and computes per call,
// which limit applies, and how to call it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/kernels/machine_probe.h"
#include "bench/kernels/weight_arena.h"
#include "checkpoint/v4/config.h"
#include "ops/context.h"

namespace hadal {

struct KernelCase {
  std::string group;  // a key of case_formulas()
  std::string name;   // model, matrix and shape
  double bytes = 0;   // read from memory by one call, as the group's formula says
  double macs = 0;    // multiply-adds of one call
  Arithmetic arithmetic = Arithmetic::kFloat;
  bool cached = false;  // the data stays in the caches: the limit is the cache's read rate
  std::function<void(OpContext&)> run;
};

struct CaseModel {
  std::string name;  // "flash", "pro"
  ModelConfig config;
};

struct CaseOptions {
  WeightArena* arena = nullptr;  // must outlive the cases
  std::vector<CaseModel> models;
  Isa isa = Isa::kRef;
  bool quick = false;  // fewer shapes and rows
};

// Whether the kernels multiply inputs in bf16.
inline bool has_bf16_pairs(const CaseOptions& options) { return options.isa == Isa::kAvx512Bf16; }

// Linears of one row and of several, over cold weights.
std::vector<KernelCase> linear_cases(const CaseOptions& options);
// Grouped experts: few and many rows per expert, idle and crowded experts.
std::vector<KernelCase> expert_cases(const CaseOptions& options);
// Attention over window and compressed entries, and the indexer, at several contexts.
std::vector<KernelCase> attention_cases(const CaseOptions& options);
// Everything else, which moves little data: norms, RoPE, gates, streams, quantisation, sampling.
std::vector<KernelCase> elementwise_cases(const CaseOptions& options);

struct CaseFormula {
  std::string_view group;
  std::string_view text;  // how bytes and multiply-adds are counted
};
const std::vector<CaseFormula>& case_formulas();

}  // namespace hadal
