// hadal bench: how fast this machine is, its kernels and its models.
#include <chrono>

#include "base/error.h"
#include "bench/kernel_bench.h"
#include "bench/model_bench.h"
#include "cli/commands.h"
#include "cli/model_setup.h"
#include "cli/terminal.h"

namespace hadal {
namespace {

// Which options belong to one kind of measurement only.
void refuse_foreign_options(const ParsedLine& line, const std::string& what) {
  const bool kernels = what == "kernels";
  const std::vector<std::string_view> foreign =
      kernels ? std::vector<std::string_view>{"model", "difference", "context",
                                              "batch", "tokens",     "repack-cache"}
              : std::vector<std::string_view>{"filter", "quick"};
  for (const std::string_view name : foreign) {
    if (!line.text(name)) continue;
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "--" + std::string(name),
                 .what = "has no meaning for hadal bench " + what,
                 .remedy = kernels ? "it belongs to hadal bench decode and prefill"
                                   : "it belongs to hadal bench kernels"});
  }
}

Isa isa_option(const ParsedLine& line) {
  const std::optional<std::string> name = line.text("isa");
  return name ? isa_from_name(*name).value() : best_isa();
}

// On a terminal only: a measurement whose output is kept should not be disturbed by lines.
BenchProgress shown_on(Progress& progress) {
  if (!errors_are_terminal()) return {};
  return [&](size_t done, size_t total) { progress.update(done, total); };
}

int bench_kernels_command(const ParsedLine& line) {
  Progress progress("measuring", "figures", std::chrono::milliseconds(0));
  KernelBenchOptions options;
  options.threads = thread_count(line);
  options.isa = isa_option(line);
  options.filter = line.text("filter").value_or("");
  options.quick = line.flag("quick");
  if (options.quick) options.timing.least_seconds = 0.005;
  options.progress = shown_on(progress);
  const KernelReport report = bench_kernels(options);
  progress.finish();
  write_out(line.flag("json") ? kernel_report_json(report) : kernel_report_text(report));
  return 0;
}

int bench_model_command(const ParsedLine& line, BenchKind kind) {
  const ModelDirectory directory = model_directory(line);
  Progress progress("measuring", "steps", std::chrono::milliseconds(0));
  ModelBenchOptions options;
  options.kind = kind;
  options.context = static_cast<int>(line.integer("context").value_or(options.context));
  options.batch = static_cast<int>(line.integer("batch").value_or(options.batch));
  options.tokens = static_cast<int>(line.integer("tokens").value_or(options.tokens));
  options.threads = thread_count(line);
  options.model = model_options(line, directory);
  options.progress = shown_on(progress);
  ModelReport report = bench_model(directory.path(), line.text("difference").value_or(""), options);
  report.figures.model = directory.name();
  progress.finish();
  write_out(line.flag("json") ? model_report_json(report) : model_report_text(report));
  return 0;
}

}  // namespace

int bench_command(const ParsedLine& line) {
  const std::string what = line.required_text("WHAT");
  refuse_foreign_options(line, what);
  if (what == "kernels") return bench_kernels_command(line);
  return bench_model_command(line, what == "decode" ? BenchKind::kDecode : BenchKind::kPrefill);
}

}  // namespace hadal
