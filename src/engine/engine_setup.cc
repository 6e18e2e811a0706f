#include "engine/engine_setup.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/machine.h"
#include "base/thread_pool.h"
#include "base/topology.h"
#include "cache/block_pool.h"
#include "checkpoint/v4/catalogue.h"
#include "checkpoint/v4/checkpoint.h"
#include "checkpoint/v4/memory_needs.h"
#include "engine/scheduler.h"
#include "engine/speculator.h"
#include "model/v4/drafting.h"
#include "model/v4/known_answer.h"
#include "model/v4/v4_model.h"

namespace hadal {
namespace {

void require_positive(int value, const char* name) {
  if (value > 0) return;
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = name,
               .what = "is " + std::to_string(value),
               .remedy = "give a number of at least 1"});
}

StepLimits step_limits(const EngineOptions& options, const ModelConfig& config,
                       const Drafter& drafter) {
  const int drafts = options.max_running * drafter.most_drafts();
  const int rows = options.prefill_chunk + options.max_running + drafts;
  return {.rows = rows,
          .sequences = options.max_running,
          .logit_rows = std::min(rows, options.max_running + drafts + Scheduler::kMostScoredRows),
          .droppable_rows = std::min(rows, drafts + Scheduler::kMostStagedRows),
          .drafts = used_drafter(options, config).most_drafts};
}

// Whether threads compute sequences of their own: weights that stay in the processor's cache are
// read again for less than it costs that threads meet at every operation.
bool deals_sequences(const EngineOptions& options, const ModelConfig& config) {
  const auto cache_bytes = static_cast<int64_t>(system_topology().cache_bytes);
  return options.deal_sequences.value_or(catalogue_totals(config).bytes <= cache_bytes);
}

int threads_of(const EngineOptions& options) {
  return options.threads == 0 ? available_processors() : options.threads;
}

// What the executor will take for the buffers of steps.
int64_t step_buffer_bytes(const EngineOptions& options, const ModelConfig& config,
                          const Drafter& drafter) {
  const StepLimits limits = step_limits(options, config, drafter);
  size_t bytes = pass_memory_bytes(config, options.model, limits);
  if (deals_sequences(options, config)) {
    const int threads = threads_of(options);
    bytes += static_cast<size_t>(threads) *
             pass_memory_bytes(config, options.model, dealt_limits(limits, threads));
  }
  return static_cast<int64_t>(bytes);
}

void check_speculation(SpeculationKind kind, const ModelConfig& config) {
  const bool has_mtp = config.drafter == DrafterKind::kMtp;
  const bool has_dspark = config.drafter == DrafterKind::kDspark && config.usable_stages() > 0;
  if (kind == SpeculationKind::kMtp ? has_mtp : kind != SpeculationKind::kDspark || has_dspark) {
    return;
  }
  std::string has = "no drafter";
  if (has_mtp) has = "an MTP block";
  if (config.drafter == DrafterKind::kDspark) has = "a DSpark drafter";
  if (config.drafter == DrafterKind::kDspark && !has_dspark)
    has += " without dspark_* in config.json";
  const std::string own = has_mtp ? "mtp, " : has_dspark ? "dspark, " : "";
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = "speculation",
               .what = "is " + std::string(speculation_name(kind)) + ", but the model has " + has,
               .remedy = "give " + own + "lookup, auto or off"});
}

// Everything that decides a bit of a cached key beside the weights and the layout.
std::string numerics_name(const ModelOptions& options) {
  std::string name(policy_name(options.activations));
  name += ' ';
  name += isa_name(options.isa);
  name += ' ';
  name += known_answer_digest(options);
  return name;
}

}  // namespace

const EngineOptions& checked(const EngineOptions& options) {
  require_positive(options.max_running, "max_running");
  require_positive(options.max_queue, "max_queue");
  require_positive(options.prefill_chunk, "prefill_chunk");
  require_positive(options.step_budget_ms, "step_budget_ms");
  if (options.threads != 0) require_positive(options.threads, "threads");
  if (options.max_context != 0) require_positive(options.max_context, "max_context");
  return options;
}

int wanted_context(const EngineOptions& options, const ModelConfig& config) {
  const int limit = config.max_positions;
  return options.max_context == 0 ? limit : std::min(limit, options.max_context);
}

ModelDrafter used_drafter(const EngineOptions& options, const ModelConfig& config) {
  const SpeculationKind kind = options.speculation.kind;
  const bool wanted =
      !options.make_drafter && kind != SpeculationKind::kOff && kind != SpeculationKind::kLookup;
  return wanted ? drafter_of(config) : ModelDrafter{};
}

std::unique_ptr<Drafter> make_drafter(const EngineOptions& options, const ModelConfig& config) {
  if (options.make_drafter) return options.make_drafter();
  const Speculation& wanted = options.speculation;
  if (wanted.kind == SpeculationKind::kOff) return std::make_unique<NoDrafter>();
  check_speculation(wanted.kind, config);
  return std::make_unique<Speculator>(wanted, used_drafter(options, config),
                                      options.simulated.has_value());
}

Speculation effective_speculation(const std::optional<Speculation>& wish, const Speculation& engine,
                                  const ModelConfig& config) {
  if (!wish || *wish == engine || wish->kind == SpeculationKind::kOff) {
    return wish.value_or(engine);
  }
  if (wish->kind == SpeculationKind::kAuto) return engine;
  if (wish->kind == engine.kind || engine.kind == SpeculationKind::kAuto) {
    check_speculation(wish->kind, config);
    return *wish;
  }
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = "speculation",
               .what = "is " + speculation_text(*wish) + ", but the engine runs with " +
                       speculation_text(engine),
               .remedy = engine.kind == SpeculationKind::kOff
                             ? "leave it out"
                             : "give auto, off or " + std::string(speculation_name(engine.kind))});
}

KvMemoryPlan plan_cache(const EngineOptions& options, const ModelConfig& config,
                        const Drafter& drafter) {
  // Beside what runs, as much for prefixes of requests to come.
  constexpr int64_t kShare = 2;
  // The engine's own thread, and those of a server around it.
  constexpr int64_t kThreadsToCome = 6;
  const CacheLayout layout =
      make_cache_layout(config, options.model.page_tokens, options.model.rope_storage);
  const CatalogueTotals totals = catalogue_totals(config);
  const int64_t int8_bytes = options.model.activations == ActivationPolicy::kInt8
                                 ? int8_weight_bytes(config, totals)
                                 : int64_t{0};
  const bool int8_in_memory =
      int8_bytes < static_cast<int64_t>(options.model.int8_weights.least_file_bytes);
  const int64_t longest = blocks_for_sequence(layout, wanted_context(options, config));
  return plan_kv_memory({.geometry = layout,
                         .requested_bytes = options.kv_memory,
                         .bounds = memory_bounds(),
                         .weight_bytes = totals.bytes,
                         .private_bytes = program_memory_bytes(config, options.prefill_chunk) +
                                          step_buffer_bytes(options, config, drafter) +
                                          (int8_in_memory ? int8_bytes : int64_t{0}),
                         .unmapped_bytes = int8_in_memory ? int64_t{0} : int8_bytes,
                         .stack_bytes = kThreadsToCome * thread_stack_bytes(),
                         .useful_blocks = kShare * longest * options.max_running});
}

std::unique_ptr<LocalExecutor> make_executor(const Checkpoint& checkpoint,
                                             const EngineOptions& options, const Drafter& drafter,
                                             size_t cache_bytes) {
  auto threads = std::make_unique<ThreadPool>(threads_of(options));
  ModelOptions model_options = options.model;
  model_options.weight_memory.cache_bytes = static_cast<int64_t>(cache_bytes);
  model_options.weight_memory.with_drafter =
      used_drafter(options, checkpoint.config()).most_drafts > 0;
  auto model = std::make_unique<V4Model>(checkpoint, *threads, model_options);
  return std::make_unique<LocalExecutor>(
      std::move(threads), std::move(model),
      LocalExecutorOptions{.limits = step_limits(options, checkpoint.config(), drafter),
                           .deals = deals_sequences(options, checkpoint.config())});
}

SequenceMemoryOptions memory_options(const EngineOptions& options, const Checkpoint& checkpoint,
                                     const CacheGeometry& geometry, int blocks) {
  SequenceMemoryOptions memory{
      .blocks = blocks,
      .reuse = options.reuse_prefixes,
      .identity = {.model = checkpoint.fingerprint(), .layout = geometry.digest, .numerics = {}},
      .spill = {.max_bytes = options.kv_spill, .log = options.log}};
  if (!options.kv_disk.empty()) {
    memory.identity.numerics = numerics_name(options.model);
    memory.disk = {
        .directory = options.kv_disk, .max_bytes = options.kv_disk_size, .log = options.log};
    memory.spill.directory = options.kv_disk;
  } else {
    std::error_code unknown;
    memory.spill.directory = std::filesystem::temp_directory_path(unknown);
    if (unknown) memory.spill.directory = "/tmp";
  }
  return memory;
}

}  // namespace hadal
