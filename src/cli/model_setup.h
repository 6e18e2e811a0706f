// What every command that computes needs first: the directory of the model, the checkpoint in it,
// threads and the rounding policy.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/thread_pool.h"
#include "chat/chat_encoding.h"
#include "checkpoint/v4/checkpoint.h"
#include "cli/command_line.h"
#include "cli/embedded_model.h"
#include "model/v4/v4_model.h"
#include "text/tokenizer.h"

namespace hadal {

// The directory that --model names, or the built-in model. Throws Error when it is none of a model.
ModelDirectory model_directory(const ParsedLine& line);

// --reasoning-efforts, or those of the model in the directory.
ReasoningEfforts model_efforts(const ParsedLine& line, const ModelDirectory& directory);

// The tokenizer.json of a model directory. Throws Error where it is missing or cannot be used.
Tokenizer load_tokenizer(const std::filesystem::path& model_directory);

// Prints what a person who starts the model should know (Checkpoint::notes()) on standard error.
void show_notes(const Checkpoint& checkpoint);

// --threads, or as many as are worthwhile on this machine within the limits of this process.
int thread_count(const ParsedLine& line);

// The same with what decided it, for the start of a program: "2 threads: one for each physical
// core". Warns of more threads than the CPU quota has processors for.
std::string describe_thread_count(const ParsedLine& line);

// --isa, --activations, --repack-cache and --weight-memory, with progress and notices on standard
// error.
ModelOptions model_options(const ParsedLine& line, const ModelDirectory& directory);

}  // namespace hadal
