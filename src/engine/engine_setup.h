// What an engine is made of, from its options and the checkpoint: limits, the plan of its memory,
// the drafter, the executor and the memory of sequences. Runs nothing.
#pragma once

#include <memory>
#include <optional>

#include "cache/kv_memory.h"
#include "checkpoint/v4/config.h"
#include "engine/drafter.h"
#include "engine/engine.h"
#include "engine/local_executor.h"
#include "engine/sequence_memory.h"

namespace hadal {

// The options themselves. Throws Error kInvalidArgument for one out of range.
const EngineOptions& checked(const EngineOptions& options);

// Longest context wanted, before the cache has its say.
int wanted_context(const EngineOptions& options, const ModelConfig& config);

// Throws Error kInvalidArgument where the model has not the drafter that the options ask for.
std::unique_ptr<Drafter> make_drafter(const EngineOptions& options, const ModelConfig& config);
// What of the model's drafter the engine uses.
ModelDrafter used_drafter(const EngineOptions& options, const ModelConfig& config);

// What a request's wish comes to. Throws Error kInvalidArgument where the engine does not do what
// it asks for, or the model has not the drafter.
Speculation effective_speculation(const std::optional<Speculation>& wish, const Speculation& engine,
                                  const ModelConfig& config);

// Before the model is bound: whether there is room for it shows before its weights are made ready.
// Throws what plan_kv_memory throws.
KvMemoryPlan plan_cache(const EngineOptions& options, const ModelConfig& config,
                        const Drafter& drafter);

// `checkpoint` must outlive the executor. `cache_bytes`: what the cache will take.
std::unique_ptr<LocalExecutor> make_executor(const Checkpoint& checkpoint,
                                             const EngineOptions& options, const Drafter& drafter,
                                             size_t cache_bytes);

SequenceMemoryOptions memory_options(const EngineOptions& options, const Checkpoint& checkpoint,
                                     const CacheGeometry& geometry, int blocks);

}  // namespace hadal
