#include "cli/model_setup.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <iterator>
#include <memory>

#include "base/downloads.h"
#include "base/error.h"
#include "base/input_file.h"
#include "base/machine.h"
#include "base/topology.h"
#include "chat/reasoning_efforts.h"
#include "checkpoint/model_directory.h"
#include "cli/terminal.h"

namespace hadal {

namespace fs = std::filesystem;

ModelDirectory model_directory(const ParsedLine& line) {
  const std::optional<std::string> given = line.get(option::kModel);
  if (!given) return ModelDirectory::built_in();
  return ModelDirectory(resolve_model_directory(*given));
}

ReasoningEfforts model_efforts(const ParsedLine& line, const ModelDirectory& directory) {
  const std::optional<std::string> wish = line.get(option::kReasoningEfforts);
  if (!wish) return reasoning_efforts(directory.path());
  return *wish == efforts_name(ReasoningEfforts::kLowHighMax) ? ReasoningEfforts::kLowHighMax
                                                              : ReasoningEfforts::kHighMax;
}

Tokenizer load_tokenizer(const fs::path& model_directory) {
  const fs::path path = model_directory / "tokenizer.json";
  if (!has_entry(path)) {
    const std::string remains = unfinished_download_of(path);
    throw Error(
        {.code = ErrorCode::kNotFound,
         .where = path.string(),
         .what = "is not there" + (remains.empty() ? "" : " (" + printable(remains) + " is)"),
         .remedy = "fetch the tokenizer.json that was released with the model"});
  }
  return Tokenizer::load(path);
}

void show_notes(const Checkpoint& checkpoint) {
  for (const std::string& note : checkpoint.notes()) {
    write_err("hadal: note: " + printable(note, 1000) + "\n");
  }
}

int thread_count(const ParsedLine& line) {
  return line.get(option::kThreads).value_or(available_processors());
}

std::string describe_thread_count(const ParsedLine& line) {
  const CpuLimits& limits = cpu_limits();
  if (!line.has(option::kThreads)) return describe_threads(system_topology(), limits);
  const int threads = thread_count(line);
  std::string text = fmt::format("{} thread{}: --threads", threads, threads == 1 ? "" : "s");
  if (limits.quota > 0 && threads > limits.quota) {
    text += fmt::format("; more than the CPU quota of {:.3g} ({}), so that they stand still often",
                        limits.quota, limits.quota_name);
  } else if (threads > system_topology().cpus()) {
    text += fmt::format("; more than the {} processors that may be used", system_topology().cpus());
  }
  return text;
}

namespace {

// Shows what the weights are going through; a new bar for every stage.
std::function<void(const char*, uint64_t, uint64_t)> weight_progress() {
  struct Stage {
    std::string what;
    std::unique_ptr<Progress> bar;
  };
  return [stage = std::make_shared<Stage>()](const char* what, uint64_t done, uint64_t total) {
    if (stage->bar == nullptr || stage->what != what) {
      stage->what = what;
      stage->bar = std::make_unique<Progress>(what, "B", std::chrono::seconds(2));
    }
    stage->bar->update(done, total);
    if (done == total) stage->bar.reset();
  };
}

WeightMemory weight_memory(std::string_view name) {
  const auto* const found =
      std::find(std::begin(kWeightMemoryNames), std::end(kWeightMemoryNames), name);
  return static_cast<WeightMemory>(found - std::begin(kWeightMemoryNames));
}

}  // namespace

ModelOptions model_options(const ParsedLine& line, const ModelDirectory& directory) {
  ModelOptions options;
  if (const std::optional<std::string> isa = line.get(option::kIsa)) {
    options.isa = isa_from_name(*isa).value();
  }
  const std::optional<std::string> cache = line.get(option::kRepackCache);
  const auto notice = [](const std::string& message) { write_err("hadal: " + message + "\n"); };
  options.int8_weights = {.cache_directory = cache ? fs::path(*cache) : directory.path() / ".hadal",
                          .progress = weight_progress(),
                          .notice = notice};
  options.weight_memory = {.wish = weight_memory(line.value(option::kWeightMemory)),
                           .progress = weight_progress(),
                           .notice = notice};
  const std::string policy = line.value(option::kActivations);
  if (policy == "none") options.activations = ActivationPolicy::kNone;
  if (policy == "int8") options.activations = ActivationPolicy::kInt8;
  return options;
}

}  // namespace hadal
