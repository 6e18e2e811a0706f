// What `hadal inspect` says about a model directory: architecture, parameters, bytes by part, KV
// cache and memory plan, as text for a terminal and as JSON. A config.json without weights is
// enough for all of it but the state of the weights.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/hash128.h"
#include "base/machine.h"
#include "base/topology.h"
#include "checkpoint/v4/catalogue.h"
#include "checkpoint/v4/checkpoint.h"
#include "checkpoint/v4/config.h"
#include "plan/memory_plan.h"

namespace hadal {

struct InspectOptions {
  bool verify = false;  // read all scales and weights and look for NaNs
  Checkpoint::Progress progress = {};
  std::vector<MemoryBound> memory = memory_bounds();
  std::string threads = describe_threads(system_topology(), cpu_limits());
};

// What was found of tokenizer.json, which this module cannot read itself.
struct InspectTokenizer {
  bool present = false;
  int tokens = 0;          // 0 where it cannot be used
  std::string fault = {};  // why it cannot
};

struct InspectReport {
  std::string directory;
  ModelConfig config;
  CatalogueTotals totals;
  bool has_weights = false;
  bool verified = false;
  // With weights only:
  size_t shards = 0;
  size_t unused_tensors = 0;            // of a drafter
  std::vector<std::string> notes = {};  // Checkpoint::notes()
  Hash128 fingerprint;
  MemoryPlan plan;
  std::optional<InspectTokenizer> tokenizer = {};  // told where it was looked for
  std::string threads;                             // how many compute, and why
};

// Opens the directory. Throws Error for whatever is wrong with its config or its weights, and
// kNotFound when `verify` is asked for without weights.
InspectReport inspect_model(const std::filesystem::path& model_dir, const InspectOptions& options);

// Both end with a line feed.
std::string inspect_text(const InspectReport& report);
std::string inspect_json(const InspectReport& report);

}  // namespace hadal
