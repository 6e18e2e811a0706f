// hadal inspect: what a checkpoint is and what it needs.
#include <chrono>
#include <filesystem>

#include "base/error.h"
#include "base/input_file.h"
#include "checkpoint/model_directory.h"
#include "cli/commands.h"
#include "cli/model_setup.h"
#include "cli/terminal.h"
#include "plan/inspect_report.h"
#include "text/tokenizer.h"

namespace hadal {
namespace {

constexpr int kUserError = 2;

// Opens the tokenizer as the commands would that need one.
InspectTokenizer inspect_tokenizer(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / "tokenizer.json";
  InspectTokenizer found{.present = has_entry(path)};
  try {
    found.tokens = load_tokenizer(directory).vocab_size();
  } catch (const Error& error) {
    found.fault = error.what();
  }
  return found;
}

}  // namespace

int inspect_command(const ParsedLine& line) {
  constexpr std::chrono::milliseconds kQuiet(500);
  Progress progress("verifying", "B", kQuiet);
  InspectOptions options;
  options.verify = line.has(option::kVerify);
  options.progress = [&](uint64_t done, uint64_t total) { progress.update(done, total); };
  InspectReport report = inspect_model(line.argument(argument::kDirectory), options);
  progress.finish();
  const std::filesystem::path directory(report.directory);
  // A config.json alone tells what a model is; with weights beside it, it is meant to be run.
  if (report.has_weights || has_entry(directory / "tokenizer.json")) {
    report.tokenizer = inspect_tokenizer(directory);
  }
  write_out(line.has(option::kJson) ? inspect_json(report) : inspect_text(report));
  if (!report.tokenizer || report.tokenizer->fault.empty()) return 0;
  write_err("hadal: error: " + report.tokenizer->fault + "\n");
  return kUserError;
}

}  // namespace hadal
