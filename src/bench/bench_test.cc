// The measuring tools on small sizes: that figures exist, are complete and follow from their parts.
// What they amount to depends on the machine and is not tested.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <gtest/gtest.h>
#include <sstream>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "bench/kernels/kernel_bench.h"
#include "bench/kernels/synthetic_prefix.h"
#include "bench/kernels/weight_arena.h"
#include "bench/steps/model_bench.h"
#include "bench/timing.h"
#include "cache/block_pool.h"
#include "checkpoint/v4/config_presets.h"
#include "ops/int8_buffer.h"
#include "ops/kv_entry.h"
#include "support/source_dir.h"

namespace hadal {
namespace {

const std::filesystem::path kPico = test::source_path("tests/golden/data/model/pico/model");
constexpr TimingOptions kBrief{.repetitions = 1, .least_seconds = 0};

TEST(Timing, CallsOnceMoreThanItCounts) {
  int calls = 0;
  const double seconds =
      median_call_seconds({.repetitions = 5, .least_seconds = 0}, [&] { ++calls; });
  EXPECT_EQ(calls, 6);
  EXPECT_GE(seconds, 0);
}

TEST(WeightArena, MatricesTakeTurnsAndMultiplyToFiniteValues) {
  ThreadPool threads(2);
  WeightArena arena(size_t{4} << 20, threads);
  OpContext context(threads, kernels_for(Isa::kRef));
  constexpr int kOut = 128;
  constexpr int kIn = 256;
  const std::vector<float> x(kIn, 1.0F);
  Int8Buffer quantised;
  const Int8Rows int8 = quantised.quantize(context, x.data(), 1, kIn);
  for (const WeightFormat format :
       {WeightFormat::kF32, WeightFormat::kBf16, WeightFormat::kFp8, WeightFormat::kFp4}) {
    for (const bool tiles : {false, true}) {
      if (tiles && format != WeightFormat::kFp8) continue;
      std::vector<float> out(kOut);
      ops::linear(context, {.x = x.data(),
                            .weight = arena.next(format, kOut, kIn, tiles),
                            .out = out.data(),
                            .rows = 1,
                            .x_stride = kIn,
                            .out_stride = kOut,
                            .x_int8 = tiles ? int8 : Int8Rows{}});
      for (const float value : out) EXPECT_TRUE(std::isfinite(value));
    }
  }
  const std::byte* first = arena.next(WeightFormat::kBf16, 1024, 1024).data;
  EXPECT_NE(arena.next(WeightFormat::kBf16, 1024, 1024).data, first);
  bool came_round = false;
  for (int i = 0; i < 4; ++i) {
    came_round |= arena.next(WeightFormat::kBf16, 1024, 1024).data == arena.data();
  }
  EXPECT_TRUE(came_round);
}

TEST(SyntheticPrefix, HoldsValidEntriesOnly) {
  const ModelConfig config = preset_config("pico");
  const CacheLayout layout = make_cache_layout(config);
  constexpr int kTokens = 1000;
  BlockPool pool(layout.block_bytes, blocks_for_sequence(layout, kTokens));
  SequenceCache cache;
  ASSERT_TRUE(reserve_sequence(pool, layout, kTokens, cache));
  fill_synthetic_prefix(config, layout, pool.view(), kTokens, 5, cache);
  EXPECT_EQ(cache.length, kTokens);
  std::vector<float> values(static_cast<size_t>(config.head_dim));
  for (const int32_t page : cache.pages) {
    for (const LayerPagePart& part : layout.pages) {
      for (size_t i = 0; i < static_cast<size_t>(part.entries); ++i) {
        const std::byte* base = pool.view().block(page);
        ref::decode_kv(layout.entry,
                       {base + part.data_offset + i * layout.entry.data_bytes(),
                        base + part.scale_offset + i * layout.entry.scale_bytes()},
                       values.data());
        for (const float value : values) {
          ASSERT_TRUE(std::abs(value) > 0.01F && std::abs(value) < 10.0F) << value;
        }
      }
    }
  }
}

KernelBenchOptions small_kernels(Isa isa) {
  return {.threads = 2,
          .isa = isa,
          .quick = true,
          .arena_bytes = size_t{4} << 20,
          .models = {{"pico", preset_config("pico")}},
          .timing = kBrief};
}

TEST(BenchKernels, EveryFigureHasALimit) {
  const KernelReport report = bench_kernels(small_kernels(best_isa()));
  ASSERT_EQ(report.machine.size(), 2U);
  EXPECT_EQ(report.machine[1].threads, 2);
  EXPECT_GT(report.machine[0].read_gb_per_s, 0);
  EXPECT_GT(report.machine[0].peak(dot_instruction(report.isa, Arithmetic::kInt8)), 0);
  std::vector<std::string> groups;
  for (const KernelFigure& figure : report.figures) {
    EXPECT_GT(figure.seconds, 0) << figure.name;
    EXPECT_GT(figure.limit_seconds, 0) << figure.name;
    EXPECT_FALSE(figure.limit.empty()) << figure.name;
    groups.push_back(figure.group);
  }
  for (const CaseFormula& formula : case_formulas()) {
    EXPECT_TRUE(std::any_of(groups.begin(), groups.end(), [&](const std::string& group) {
      return group.starts_with(formula.group);
    })) << formula.group;
  }
}

TEST(BenchKernels, JsonNamesMachineKernelsAndFormulas) {
  KernelBenchOptions options = small_kernels(Isa::kRef);
  options.filter = "linear fp8";
  size_t steps_told = 0;
  options.progress = [&](size_t done, size_t total) {
    EXPECT_LE(done, total);
    steps_told = total - done;
  };
  const KernelReport report = bench_kernels(options);
  EXPECT_EQ(steps_told, 0U);
  const nlohmann::json json = nlohmann::json::parse(kernel_report_json(report));
  EXPECT_EQ(json.at("isa"), "ref");
  EXPECT_EQ(json.at("machine").size(), 2U);
  EXPECT_GT(json.at("machine")[0].at("read_gb_per_s"), 0);
  EXPECT_FALSE(json.at("formulas").at("linear").get<std::string>().empty());
  for (const auto& kernel : json.at("kernels")) {
    EXPECT_TRUE(kernel.at("group").get<std::string>().starts_with("linear fp8"));
    const double ratio =
        kernel.at("limit_microseconds").get<double>() / kernel.at("microseconds").get<double>();
    EXPECT_NEAR(kernel.at("ratio").get<double>(), ratio, 1e-9);
  }
  EXPECT_EQ(json.at("summary").size(), 4U);
  const std::string text = kernel_report_text(report);
  EXPECT_NE(text.find("macs = rows"), std::string::npos);
  EXPECT_NE(text.find("pico wq_a 128x256"), std::string::npos);
}

TEST(BenchKernels, ComparesEveryInstructionSetOfTheMachine) {
  KernelBenchOptions options = small_kernels(best_isa());
  options.filter = "linear fp8";
  size_t last = 0;
  options.progress = [&](size_t done, size_t total) {
    EXPECT_GT(done, last);
    EXPECT_LE(done, total);
    last = done;
  };
  const std::vector<KernelReport> reports = bench_kernels_on_all_isas(options);
  const nlohmann::json json = nlohmann::json::parse(kernel_comparison_json(reports));
  const std::string text = kernel_comparison_text(reports);
  size_t supported = 0;
  for (const Isa isa : all_isas()) {
    if (!isa_supported(isa)) continue;
    EXPECT_EQ(json.at("isas").at(supported).at("isa"), isa_name(isa));
    EXPECT_FALSE(json.at("isas").at(supported).at("kernels").empty());
    EXPECT_NE(text.find(std::string(isa_name(isa)) + " kernels"), std::string::npos);
    ++supported;
  }
  EXPECT_EQ(json.at("isas").size(), supported);
  EXPECT_NE(text.find("pico wq_a 128x256"), std::string::npos);
  EXPECT_NE(text.find("memory"), std::string::npos);
}

// Kernels of bf16 pairs are there for one set only; names of instructions are of all lengths.
TEST(BenchKernels, AComparisonTakesWhatOneSetHasAndKeepsItsColumns) {
  KernelFigure figure{.group = "g", .name = "n", .threads = 1, .seconds = 1e-6, .limit = "memory"};
  KernelReport one{.processor = "p",
                   .isa = Isa::kRef,
                   .machine = {{.threads = 1, .read_kernel = {}, .peaks = {}}}};
  KernelReport two = one;
  two.isa = Isa::kAvx2;
  two.figures = {figure};
  figure.name = "m";
  figure.limit = "vpmaddubsw, 16-bit sums";
  one.figures = {figure};
  two.figures.push_back(figure);
  std::vector<std::string> rows;
  std::istringstream text(kernel_comparison_text({one, two}));
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("  m ") || line.starts_with("  n ")) rows.push_back(line);
  }
  ASSERT_EQ(rows.size(), 2U);
  for (const std::string& row : rows)
    EXPECT_EQ(row.find("1.0", 60), rows[0].find("1.0", 60)) << row;
  const nlohmann::json json = nlohmann::json::parse(kernel_comparison_json({one, two}));
  EXPECT_TRUE(json.at("isas").at(0).at("summary").is_array());

  if (!isa_supported(Isa::kAvx512Bf16)) return;
  KernelBenchOptions options = small_kernels(best_isa());
  options.filter = "fp8 x bf16";
  EXPECT_EQ(bench_kernels_on_all_isas(options).size(), 1U);
  options.filter = "no such kernel";
  EXPECT_THROW(bench_kernels_on_all_isas(options), Error);
}

TEST(BenchKernels, EveryGroupIsPrintedOnceForAllNumbersOfThreads) {
  KernelReport report{.processor = "a processor",
                      .machine = {{.threads = 1, .read_kernel = {}, .peaks = {}}}};
  for (const int threads : {1, 2}) {
    for (const char* group : {"experts", "rope"}) {
      report.figures.push_back(
          {.group = group, .name = "flash", .threads = threads, .limit = "memory"});
      report.summaries.push_back({.group = group, .threads = threads});
    }
  }
  const std::string text = kernel_report_text(report);
  const auto times = [&](std::string_view part) {
    int count = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
      ++count;
    }
    return count;
  };
  EXPECT_EQ(times("\nexperts: "), 1) << text;
  EXPECT_EQ(times("\nrope: "), 1) << text;
  EXPECT_EQ(times("\nflash "), 4) << text;
}

TEST(MachineRates, TheBestOfTwoMeasurementsIsTakenLimitByLimit) {
  const MachineRates a{.threads = 2,
                       .read_gb_per_s = 50,
                       .read_kernel = "in order",
                       .cache_gb_per_s = 400,
                       .fork_join_us = 1,
                       .peaks = {{"vpdpbusd", 900}, {"fma f32 (512)", 260}}};
  const MachineRates b{.threads = 2,
                       .read_gb_per_s = 80,
                       .read_kernel = "four streams",
                       .cache_gb_per_s = 300,
                       .fork_join_us = 2,
                       .peaks = {{"vpdpbusd", 1000}, {"fma f32 (512)", 250}}};
  for (const MachineRates& best : {best_of(a, b), best_of(b, a)}) {
    EXPECT_EQ(best.threads, 2);
    EXPECT_DOUBLE_EQ(best.read_gb_per_s, 80);
    EXPECT_EQ(best.read_kernel, "four streams");
    EXPECT_DOUBLE_EQ(best.cache_gb_per_s, 400);
    EXPECT_DOUBLE_EQ(best.fork_join_us, 1);
    EXPECT_DOUBLE_EQ(best.peak("vpdpbusd"), 1000);
    EXPECT_DOUBLE_EQ(best.peak("fma f32 (512)"), 260);
  }
}

TEST(BenchKernels, TheSlowerLimitCounts) {
  MachineRates rates;
  rates.threads = 1;
  rates.read_gb_per_s = 10;
  rates.cache_gb_per_s = 100;
  rates.peaks = {{"vpdpbusd", 100}, {"fma f32 (512)", 20}};
  KernelCase kernel{.group = "g", .name = "n", .bytes = 1e9, .macs = 1e9, .run = {}};
  KernelFigure figure = kernel_figure(kernel, rates, Isa::kAvx512, 0.2);
  EXPECT_EQ(figure.limit, "memory");
  EXPECT_DOUBLE_EQ(figure.ratio(), 0.5);
  kernel.cached = true;
  figure = kernel_figure(kernel, rates, Isa::kAvx512, 0.2);
  EXPECT_EQ(figure.limit, "fma f32 (512)");
  EXPECT_DOUBLE_EQ(figure.limit_seconds, 0.05);
  kernel.arithmetic = Arithmetic::kInt8;
  EXPECT_EQ(kernel_figure(kernel, rates, Isa::kAvx512, 0.2).limit, "cache");
}

TEST(BenchKernels, AFilterThatNamesNothingIsRefused) {
  KernelBenchOptions options = small_kernels(Isa::kRef);
  options.filter = "no such kernel";
  EXPECT_THROW(bench_kernels(options), Error);
}

ModelBenchOptions small_model(BenchKind kind) {
  return {.kind = kind,
          .context = 600,
          .batch = 2,
          .tokens = 6,
          .threads = 2,
          .repetitions = 2,
          .arena_bytes = size_t{4} << 20,
          .timing = kBrief};
}

TEST(BenchModel, DecodeAccountsForTheWholeStep) {
  const ModelReport report = bench_model(kPico, {}, small_model(BenchKind::kDecode));
  const ModelFigures& figures = report.figures;
  EXPECT_EQ(figures.measured, 6);
  EXPECT_GT(figures.tokens_per_s(), 0);
  EXPECT_LE(figures.fast_seconds, figures.slow_seconds);
  // Each of 5 layers uses 2 to 4 of its experts for two rows.
  EXPECT_GE(figures.experts_used, 5 * figures.config.experts_per_token);
  EXPECT_LE(figures.experts_used, 5 * 2 * figures.config.experts_per_token);
  const auto calls = [&](const std::string& op) {
    double sum = 0;
    for (const OpShare& share : figures.ops) sum += share.key.op == op ? share.calls : 0;
    return sum;
  };
  EXPECT_EQ(calls("attend"), 5);
  EXPECT_EQ(calls("hyper_pre"), 10);
  EXPECT_EQ(calls("sample"), 1);
  EXPECT_EQ(calls("commit"), 1);
  const nlohmann::json json = nlohmann::json::parse(model_report_json(report));
  EXPECT_EQ(json.at("bench"), "decode");
  EXPECT_EQ(json.at("context"), 600);
  EXPECT_EQ(json.at("batch"), 2);
  EXPECT_NEAR(json.at("tokens_per_s").get<double>() * json.at("ms_per_step").get<double>(), 2000,
              1e-6);
  EXPECT_GT(json.at("roofline").at("share"), 0);
  EXPECT_FALSE(json.contains("difference"));
  EXPECT_NE(model_report_text(report).find("where the time goes"), std::string::npos);
}

TEST(BenchModel, MemoryIsReadBetweenStepsThatReadMore) {
  ModelBenchOptions options = small_model(BenchKind::kDecode);
  options.arena_bytes = size_t{64} << 20;  // would push a small model out of the caches
  EXPECT_EQ(bench_model(kPico, {}, options).read_samples, 0);
  options.arena_bytes = size_t{1} << 20;
  const std::filesystem::path nano = test::source_path("models/nano");
  options.model.activations = ActivationPolicy::kInt8;
  const ModelReport report = bench_model(nano, {}, options);
  EXPECT_EQ(report.read_samples, options.tokens);
  EXPECT_GT(report.machine.read_gb_per_s, 0);
  EXPECT_NE(model_report_text(report).find("GB/s between the steps"), std::string::npos);
}

TEST(BenchModel, PrefillUnderEveryPolicy) {
  for (const ActivationPolicy policy :
       {ActivationPolicy::kNone, ActivationPolicy::kFp8, ActivationPolicy::kInt8}) {
    ModelBenchOptions options = small_model(BenchKind::kPrefill);
    options.model.activations = policy;
    const ModelReport report = bench_model(kPico, {}, options);
    EXPECT_EQ(report.figures.rows, 6);
    EXPECT_EQ(report.figures.measured, 2);
    EXPECT_EQ(report.figures.tokens(), 12);
    EXPECT_GT(report.figures.seconds, 0);
  }
}

std::string error_of(const ModelBenchOptions& options, const std::filesystem::path& difference) {
  try {
    bench_model(kPico, difference, options);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(BenchModel, RefusesWhatCannotBeMeasured) {
  ModelBenchOptions options = small_model(BenchKind::kDecode);
  EXPECT_NE(error_of(options, kPico).find("must have fewer layers"), std::string::npos);
  options.context = preset_config("pico").max_positions;
  EXPECT_NE(error_of(options, "").find("positions; give at most"), std::string::npos);
}

}  // namespace
}  // namespace hadal
