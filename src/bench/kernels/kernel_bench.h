// hadal bench kernels: measures the machine, then every kernel on the shapes of the released models
// over cold weights, and sets each beside the limit that the machine gives it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/kernels/kernel_case.h"
#include "bench/kernels/machine_probe.h"

namespace hadal {

// Told what is being measured; `done` of `total` steps.
using BenchProgress = std::function<void(size_t done, size_t total)>;

struct KernelBenchOptions {
  int threads = 1;  // measured with one thread and with this many
  Isa isa = best_isa();
  std::string filter = {};  // only cases whose group and name contain this
  bool quick = false;
  size_t arena_bytes = size_t{5} << 28;  // 1.25 GiB
  std::vector<CaseModel> models = {};    // empty: flash and pro, with `quick` flash alone
  TimingOptions timing = {};
  BenchProgress progress = {};
};

struct KernelFigure {
  std::string group;
  std::string name;
  int threads = 0;
  double seconds = 0;
  double bytes = 0;
  double macs = 0;
  std::string limit;         // "memory", "cache" or the instruction
  double limit_seconds = 0;  // of the same call at the machine's limit

  double ratio() const { return limit_seconds / seconds; }
  double gb_per_s() const { return bytes / seconds / 1e9; }
  double gmac_per_s() const { return macs / seconds / 1e9; }
};

// The median of the ratios of a group with one number of threads, and the least and greatest.
struct KernelSummary {
  std::string group;
  int threads = 0;
  double median_ratio = 0;
  double least_ratio = 0;
  double greatest_ratio = 0;
};

struct KernelReport {
  std::string processor;
  Isa isa = Isa::kRef;
  size_t arena_bytes = 0;
  std::vector<MachineRates> machine = {};  // by number of threads
  std::vector<KernelFigure> figures = {};
  std::vector<KernelSummary> summaries = {};
  int left_out = 0;  // cases too long for the scalar reference
};

// Throws Error kInvalidArgument when no case passes the filter, kUnavailable for an instruction set
// that the processor lacks.
KernelReport bench_kernels(const KernelBenchOptions& options);

// The same with every instruction set that the processor has, from the least to the best; what
// options.isa says does not count.
std::vector<KernelReport> bench_kernels_on_all_isas(const KernelBenchOptions& options);

// The figure of one measurement beside the limits of `rates`.
KernelFigure kernel_figure(const KernelCase& kernel, const MachineRates& rates, Isa isa,
                           double seconds);

// All end with a line feed.
std::string kernel_report_text(const KernelReport& report);
std::string kernel_report_json(const KernelReport& report);
// Reports of one machine side by side; in JSON as {"isas": [report, …]}.
std::string kernel_comparison_text(const std::vector<KernelReport>& reports);
std::string kernel_comparison_json(const std::vector<KernelReport>& reports);

}  // namespace hadal
