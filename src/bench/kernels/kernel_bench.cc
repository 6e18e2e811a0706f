#include "bench/kernels/kernel_bench.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/statistics.h"
#include "checkpoint/v4/config_presets.h"

namespace hadal {
namespace {

// The scalar reference computes some 0.3 GMAC/s; more than this in one call tells nothing new.
constexpr double kMostReferenceMacs = 3e7;

std::vector<CaseModel> bench_models(const KernelBenchOptions& options) {
  if (!options.models.empty()) return options.models;
  std::vector<CaseModel> models = {{"flash", preset_config("flash")}};
  if (!options.quick) models.push_back({"pro", preset_config("pro")});
  return models;
}

std::vector<KernelCase> all_cases(const CaseOptions& options) {
  std::vector<KernelCase> cases;
  for (const auto make : {linear_cases, expert_cases, attention_cases, elementwise_cases}) {
    std::vector<KernelCase> more = make(options);
    std::move(more.begin(), more.end(), std::back_inserter(cases));
  }
  return cases;
}

std::vector<KernelSummary> summarise(const std::vector<KernelFigure>& figures) {
  std::vector<KernelSummary> summaries;
  for (const KernelFigure& figure : figures) {
    const auto same = [&](const auto& other) {
      return other.group == figure.group && other.threads == figure.threads;
    };
    if (std::any_of(summaries.begin(), summaries.end(), same)) continue;
    std::vector<double> ratios;
    for (const KernelFigure& other : figures) {
      if (same(other)) ratios.push_back(other.ratio());
    }
    const auto [least, greatest] = std::minmax_element(ratios.begin(), ratios.end());
    summaries.push_back({.group = figure.group,
                         .threads = figure.threads,
                         .median_ratio = median(ratios),
                         .least_ratio = *least,
                         .greatest_ratio = *greatest});
  }
  return summaries;
}

}  // namespace

const std::vector<CaseFormula>& case_formulas() {
  static const std::vector<CaseFormula> kFormulas = {
      {"linear", "bytes = values and scales of the weight; macs = rows · out · in"},
      {"experts",
       "bytes = active experts · 3 matrices with scales; macs = rows · 3 · width · hidden"},
      {"attention", "bytes = entries · 584; macs = rows · 2 · heads · head_dim · entries"},
      {"indexer", "bytes = entries · 68; macs = rows · heads · dim · entries"},
      {"rms_norm", "bytes = 8 · rows · columns (read and written)"},
      {"rope", "bytes = 8 · rows · heads · rope_dim"},
      {"swiglu", "bytes = 12 · rows · width"},
      {"hyper_pre", "bytes = those of hc_fn; macs = rows · (24 + 2) · streams · hidden"},
      {"hyper_post", "bytes = 4 · rows · hidden · (1 + 2 · streams)"},
      {"quantise int8", "bytes = 5 · rows · columns"},
      {"round fp8", "bytes = 8 · rows · columns"},
      {"route", "bytes = 4 · rows · experts; with dispatch"},
      {"sample", "bytes = 4 · vocabulary; always one thread"},
  };
  return kFormulas;
}

KernelFigure kernel_figure(const KernelCase& kernel, const MachineRates& rates, Isa isa,
                           double seconds) {
  KernelFigure figure{.group = kernel.group,
                      .name = kernel.name,
                      .threads = rates.threads,
                      .seconds = seconds,
                      .bytes = kernel.bytes,
                      .macs = kernel.macs,
                      .limit = kernel.cached ? "cache" : "memory"};
  const double byte_rate = kernel.cached ? rates.cache_gb_per_s : rates.read_gb_per_s;
  figure.limit_seconds = kernel.bytes / (byte_rate * 1e9);
  const std::string_view instruction = dot_instruction(isa, kernel.arithmetic);
  const double dot_seconds = kernel.macs / (rates.peak(instruction) * 1e9);
  if (dot_seconds > figure.limit_seconds) {
    figure.limit_seconds = dot_seconds;
    figure.limit = instruction;
  }
  return figure;
}

namespace {

// None where no case passes the filter.
std::optional<KernelReport> measure_kernels(const KernelBenchOptions& options) {
  const KernelTable& kernels = kernels_for(options.isa);
  KernelReport report{.processor = processor_name(), .isa = options.isa};
  std::vector<int> thread_counts = {1};
  if (options.threads > 1) thread_counts.push_back(options.threads);

  // One pool at a time: idle workers of another would share its processors.
  auto threads = std::make_unique<ThreadPool>(options.threads);
  threads->pin();
  WeightArena arena(options.arena_bytes, *threads);
  report.arena_bytes = arena.size();
  std::vector<KernelCase> cases = all_cases({.arena = &arena,
                                             .models = bench_models(options),
                                             .isa = options.isa,
                                             .quick = options.quick});
  std::erase_if(cases, [&](const KernelCase& kernel) {
    return (kernel.group + " " + kernel.name).find(options.filter) == std::string::npos;
  });
  if (cases.empty()) return std::nullopt;
  if (options.isa == Isa::kRef) {
    report.left_out = static_cast<int>(std::erase_if(
        cases, [](const KernelCase& kernel) { return kernel.macs > kMostReferenceMacs; }));
  }

  const size_t steps = thread_counts.size() * (cases.size() + 2);
  size_t done = 0;
  const auto advance = [&] {
    if (options.progress) options.progress(++done, steps);
  };
  for (const int count : thread_counts) {
    threads.reset();
    threads = std::make_unique<ThreadPool>(count);
    threads->pin();
    const auto measure = [&] {
      return measure_machine(*threads, options.isa, arena, options.timing);
    };
    const MachineRates before = measure();
    advance();
    OpContext context(*threads, kernels);
    // A kernel's limit is how fast memory is read around it: on a virtual machine that changes.
    MachineRates around = before;
    for (const KernelCase& kernel : cases) {
      const double read_before = around.read_gb_per_s;
      const double seconds = median_call_seconds(options.timing, [&] { kernel.run(context); });
      const double read_after =
          kernel.cached ? read_before
                        : measure_read_rate(*threads, options.isa, before, arena, options.timing);
      around.read_gb_per_s = std::max(read_before, read_after);
      report.figures.push_back(kernel_figure(kernel, around, options.isa, seconds));
      around.read_gb_per_s = read_after;
      advance();
    }
    report.machine.push_back(best_of(before, measure()));
    advance();
  }
  report.summaries = summarise(report.figures);
  return report;
}

[[noreturn]] void refuse_filter(const std::string& filter) {
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = "--filter " + printable(filter),
               .what = "names no kernel",
               .remedy = "give a part of a name that hadal bench kernels prints"});
}

}  // namespace

KernelReport bench_kernels(const KernelBenchOptions& options) {
  std::optional<KernelReport> report = measure_kernels(options);
  if (!report) refuse_filter(options.filter);
  return std::move(*report);
}

std::vector<KernelReport> bench_kernels_on_all_isas(const KernelBenchOptions& options) {
  std::vector<Isa> isas = all_isas();
  std::erase_if(isas, [](Isa isa) { return !isa_supported(isa); });
  std::vector<KernelReport> reports;
  size_t measured = 0;
  for (const Isa isa : isas) {
    KernelBenchOptions one = options;
    one.isa = isa;
    if (options.progress) {
      one.progress = [&](size_t done, size_t total) {
        options.progress(measured * total + done, isas.size() * total);
      };
    }
    // Some kernels are there for one set only.
    if (std::optional<KernelReport> report = measure_kernels(one)) {
      reports.push_back(std::move(*report));
    }
    ++measured;
  }
  if (reports.empty()) refuse_filter(options.filter);
  return reports;
}

}  // namespace hadal
