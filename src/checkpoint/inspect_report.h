// What `hadal inspect` says about a model directory: architecture, parameters, bytes by part, KV
// cache and memory plan, as text for a terminal and as JSON. A config.json without weights is
// enough for all of it but the state of the weights.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "checkpoint/catalogue.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/config.h"
#include "checkpoint/memory_plan.h"

namespace hadal {

struct InspectOptions {
  bool verify = false;  // read all scales and weights and look for NaNs
  Checkpoint::Progress progress = {};
  MachineMemory machine = machine_memory();
};

struct InspectReport {
  std::string directory;
  ModelConfig config;
  CatalogueTotals totals;
  bool has_weights = false;
  bool verified = false;
  // With weights only:
  size_t shards = 0;
  size_t unused_tensors = 0;  // of a DSpark drafter
  uint64_t fingerprint = 0;
  MemoryPlan plan;
};

// Opens the directory. Throws Error for whatever is wrong with its config or its weights, and
// kNotFound when `verify` is asked for without weights.
InspectReport inspect_model(const std::filesystem::path& model_dir, const InspectOptions& options);

// Both end with a line feed.
std::string inspect_text(const InspectReport& report);
std::string inspect_json(const InspectReport& report);

}  // namespace hadal
