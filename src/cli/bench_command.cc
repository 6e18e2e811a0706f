// hadal bench: how fast this machine is, its kernels and its models.
#include <chrono>
#include <string>
#include <vector>

#include "bench/kernels/kernel_bench.h"
#include "bench/load/cache_bench.h"
#include "bench/load/decode_speculation.h"
#include "bench/load/engine_bench.h"
#include "bench/load/speculation_bench.h"
#include "bench/steps/model_bench.h"
#include "chat/chat_encoding.h"
#include "cli/commands.h"
#include "cli/model_setup.h"
#include "cli/number_list.h"
#include "cli/terminal.h"

namespace hadal {
namespace {

Isa isa_option(const ParsedLine& line) {
  const std::optional<std::string> name = line.get(option::kIsa);
  return name ? isa_from_name(*name).value() : best_isa();
}

// On a terminal only: a measurement whose output is kept should not be disturbed by lines.
BenchProgress shown_on(Progress& progress) {
  if (!errors_are_terminal()) return {};
  return [&](size_t done, size_t total) { progress.update(done, total); };
}

// Whoever reads a figure wants to know why it was measured with so many threads.
void write_report(const ParsedLine& line, const std::string& json, const std::string& text) {
  write_out(line.has(option::kJson) ? json : text + "\n" + describe_thread_count(line) + "\n");
}

// One line that changes while something is measured, on a terminal only.
class StageLine {
 public:
  ~StageLine() { show(""); }
  void show(const std::string& text) {
    if (errors_are_terminal()) write_err("\r\x1b[K" + text);
  }
};

int bench_kernels_command(const ParsedLine& line) {
  Progress progress("measuring", "figures", std::chrono::milliseconds(0));
  KernelBenchOptions options;
  options.threads = thread_count(line);
  options.isa = isa_option(line);
  options.filter = line.get(option::kFilter).value_or("");
  options.quick = line.has(option::kQuick);
  if (options.quick) options.timing.least_seconds = 0.005;
  options.progress = shown_on(progress);
  if (line.has(option::kAllIsas)) {
    const std::vector<KernelReport> reports = bench_kernels_on_all_isas(options);
    progress.finish();
    write_report(line, kernel_comparison_json(reports), kernel_comparison_text(reports));
    return 0;
  }
  const KernelReport report = bench_kernels(options);
  progress.finish();
  write_report(line, kernel_report_json(report), kernel_report_text(report));
  return 0;
}

int bench_model_command(const ParsedLine& line, BenchKind kind) {
  const ModelDirectory directory = model_directory(line);
  Progress progress("measuring", "steps", std::chrono::milliseconds(0));
  ModelBenchOptions options;
  options.kind = kind;
  options.context = line.get(option::kContext).value_or(options.context);
  options.batch = line.value(option::kBatch);
  options.tokens = line.get(option::kTokens).value_or(options.tokens);
  options.threads = thread_count(line);
  options.model = model_options(line, directory);
  options.progress = shown_on(progress);
  ModelReport report =
      bench_model(directory.path(), line.get(option::kDifference).value_or(""), options);
  report.figures.model = directory.name();
  progress.finish();
  write_report(line, model_report_json(report), model_report_text(report));
  return 0;
}

// The question as a conversation of one message.
std::vector<int32_t> chat_prompt(const ModelDirectory& directory, const std::string& text) {
  return tokenize_prompt(load_tokenizer(directory.path()),
                         encode_chat_pieces({user_message(text)}, ChatOptions{}));
}

int bench_decode_speculation_command(const ParsedLine& line) {
  const ModelDirectory directory = model_directory(line);
  DecodeSpeculationOptions options;
  options.speculation = parse_speculation(line.value(option::kSpeculation), "--speculation");
  if (const std::optional<std::string> prompt = line.get(option::kPrompt)) {
    options.text = SpeculatedText::kPrompt;
    options.prompt = chat_prompt(directory, *prompt);
  } else if (line.has(option::kQuote)) {
    options.text = SpeculatedText::kQuote;
  }
  options.context = line.get(option::kContext).value_or(0);
  options.batch = line.value(option::kBatch);
  options.tokens = line.get(option::kTokens).value_or(0);
  options.threads = thread_count(line);
  options.model = model_options(line, directory);
  StageLine stage;
  options.progress = [&](const std::string& what) { stage.show(what); };
  DecodeSpeculationReport report = bench_decode_speculation(directory.path(), options);
  report.model = directory.name();
  stage.show("");
  write_report(line, decode_speculation_json(report), decode_speculation_text(report));
  return 0;
}

int bench_cache_command(const ParsedLine& line) {
  Progress progress("simulating", "requests", std::chrono::milliseconds(0));
  CacheBenchOptions options;
  if (const auto layout = line.get(option::kLayout)) options.models = {*layout};
  CacheSimulationOptions& simulation = options.simulation;
  simulation.traffic.requests = line.value(option::kRequests);
  // As busy as a day of 100,000 requests, however few there are.
  simulation.traffic.seconds = 0.864 * simulation.traffic.requests;
  simulation.traffic.seed = line.value(option::kSeed);
  simulation.pool_bytes = line.value(option::kKvMemory);
  options.progress = shown_on(progress);
  const CacheBenchReport report = bench_cache(options);
  progress.finish();
  write_out(line.has(option::kJson) ? cache_report_json(report) : cache_report_text(report));
  return report.sound() ? 0 : 1;
}

int bench_engine_command(const ParsedLine& line) {
  const ModelDirectory directory = model_directory(line);
  EngineBenchOptions options;
  options.model = model_options(line, directory);
  options.threads = thread_count(line);
  options.requests = line.value(option::kRequests);
  options.long_prompt = line.get(option::kLongPrompt).value_or(options.long_prompt);
  options.kv_memory = line.get(option::kKvMemory).value_or(0);
  StageLine stage;
  options.progress = [&](const std::string& what) { stage.show(what); };
  if (const std::optional<double> minutes = line.get(option::kSoak)) {
    options.soak = SoakOptions{
        .seconds = 60 * *minutes, .running = options.requests, .kv_memory = options.kv_memory};
    options.soak->progress = [&](double seconds, int64_t finished, size_t bytes) {
      stage.show(std::to_string(static_cast<int>(seconds)) + " s, " + std::to_string(finished) +
                 " requests, " + std::to_string(bytes >> 20) + " MiB");
    };
  }
  EngineReport report = bench_engine(directory.path(), options);
  report.model = directory.name();
  stage.show("");
  write_report(line, engine_report_json(report), engine_report_text(report));
  return report.soak && !report.soak->sound() ? 1 : 0;
}

int bench_speculation_command(const ParsedLine& line) {
  const ModelDirectory directory = model_directory(line);
  constexpr int kMostBatch = 1024;
  SpeculationBenchOptions options;
  options.name = directory.name();
  options.model = model_options(line, directory);
  options.threads = thread_count(line);
  const std::vector<std::string> acceptance = line.list(option::kSimulateAcceptance);
  if (!acceptance.empty()) options.acceptance.clear();
  for (const std::string& text : acceptance) {
    options.acceptance.push_back(parse_simulated_acceptance(text, "--simulate-acceptance"));
  }
  if (const auto words = line.list(option::kBatches); !words.empty()) {
    options.batches = numbers_of<int>(option::kBatches, words, 1, kMostBatch);
  }
  if (const auto words = line.list(option::kGuesses); !words.empty()) {
    options.drafts = numbers_of<int>(option::kGuesses, words, 1, kMostDrafts);
  }
  options.answer_tokens = line.value(option::kTokens);
  options.rounds = line.value(option::kRounds);
  StageLine stage;
  options.progress = [&](const std::string& what) { stage.show(what); };
  const bool as_json = line.has(option::kJson);
  options.row_done = [&](const SpeculationReport& report) {
    stage.show("");
    if (as_json) return;
    if (report.rows.size() == 1) write_out(speculation_head_text(report));
    write_out(speculation_row_text(report.rows.back()));
  };
  const SpeculationReport report = bench_speculation(directory.path(), options);
  write_out(as_json ? speculation_report_json(report) : "\n" + describe_thread_count(line) + "\n");
  return 0;
}

}  // namespace

int bench_command(const ParsedLine& line) {
  switch (line.command.value()) {
    case Command::kBenchKernels:
      return bench_kernels_command(line);
    case Command::kBenchCache:
      return bench_cache_command(line);
    case Command::kBenchEngine:
      return bench_engine_command(line);
    case Command::kBenchSpeculation:
      return bench_speculation_command(line);
    case Command::kBenchPrefill:
      return bench_model_command(line, BenchKind::kPrefill);
    default:
      if (line.has(option::kSpeculation)) return bench_decode_speculation_command(line);
      return bench_model_command(line, BenchKind::kDecode);
  }
}

}  // namespace hadal
