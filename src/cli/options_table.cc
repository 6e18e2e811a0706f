#include "cli/options_table.h"

#include <chrono>
#include <cstdint>

#include "bench/load/cache_simulation.h"
#include "bench/load/engine_bench.h"
#include "bench/load/traffic.h"
#include "bench/steps/model_bench.h"
#include "checkpoint/v4/synth.h"
#include "engine/engine.h"
#include "ops/isa.h"
#include "server/server_options.h"

namespace hadal {
namespace {

constexpr double kMaxInt32 = 2147483647;
constexpr double kMaxSeed = 9007199254740992;  // 2^53: what a JSON number carries exactly

constexpr CommandSet kModelCommands = Command::kRun | Command::kServe | Command::kScore;
constexpr CommandSet kBenchStepCommands = Command::kBenchDecode | Command::kBenchPrefill;
constexpr CommandSet kBenchModelCommands = kBenchStepCommands | Command::kBenchEngine;
constexpr CommandSet kBenchCommands =
    kBenchModelCommands | Command::kBenchKernels | Command::kBenchCache;

std::string number_text(auto value) { return std::to_string(value); }

// As --max-body and its like read it.
std::string size_text(uint64_t bytes) {
  constexpr uint64_t kStep = 1024;
  constexpr std::string_view kUnits = "KMGT";
  std::string unit;
  for (size_t i = 0; i < kUnits.size() && bytes > 0 && bytes % kStep == 0; ++i) {
    bytes /= kStep;
    unit = kUnits[i];
  }
  return std::to_string(bytes) + unit;
}

std::string seconds_text(std::chrono::milliseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

const std::vector<OptionSpec>& options() {
  static const std::vector<OptionSpec> table = {
      {.key = option::kModel,
       .letter = 'm',
       .value_name = "DIR",
       .fallback_note = "the built-in nano",
       .help = "The checkpoint to use",
       .commands = kModelCommands | Command::kTextTokenize | Command::kTextDetokenize |
                   kBenchModelCommands},

      {.key = option::kPrompt,
       .letter = 'p',
       .value_name = "TEXT",
       .help = "Answer this and exit; - reads it from standard input",
       .commands = Command::kRun},
      {.key = option::kSystem,
       .value_name = "TEXT",
       .help = "A system message that opens the conversation",
       .commands = Command::kRun},
      {.key = option::kThink,
       .value_name = "MODE",
       .fallback = "off",
       .help = "Whether the model reasons before it answers, and how much",
       .commands = Command::kRun,
       .choices = {"off", "high", "max"}},
      {.key = option::kTemperature,
       .value_name = "T",
       .fallback_note = "the model's generation_config.json, else 1",
       .help = "0 always takes the likeliest token; higher values choose more freely",
       .commands = Command::kRun,
       .minimum = 0,
       .maximum = 2},
      {.key = option::kTopP,
       .value_name = "P",
       .fallback_note = "the model's generation_config.json, else 1",
       .help = "Choose among the likeliest tokens that together have this probability",
       .commands = Command::kRun,
       .minimum = 0,
       .maximum = 1},
      {.key = option::kSeed,
       .value_name = "N",
       .fallback_note = "a random one",
       .help = "The same seed gives the same answer",
       .commands = Command::kRun,
       .maximum = kMaxSeed},
      {.key = option::kMaxTokens,
       .value_name = "N",
       .fallback_note = "as many as the context holds",
       .help = "The longest answer",
       .commands = Command::kRun,
       .minimum = 1,
       .maximum = kMaxInt32},

      {.key = option::kContext,
       .value_name = "N",
       .fallback_note = "what the model and the memory allow",
       .help = "Most tokens of a prompt and its answer together",
       .commands = Command::kRun | Command::kServe,
       .minimum = 1,
       .maximum = kMaxInt32},

      {.key = option::kHost,
       .value_name = "ADDRESS",
       .fallback = ServerOptions{}.host,
       .help = "The address to listen on; 0.0.0.0 lets other machines in",
       .commands = Command::kServe},
      {.key = option::kPort,
       .value_name = "N",
       .fallback = number_text(ServerOptions{}.port),
       .help = "The port to listen on; 0 takes any free one",
       .commands = Command::kServe,
       .maximum = 65535},

      {.key = option::kAllowedHost,
       .value_name = "NAME[,NAME...]",
       .fallback_note = "addresses and localhost; with another --host any",
       .help = "Host names that requests may carry besides, such as that of a reverse proxy; "
               "*.NAME is all below NAME, * is any. Can be repeated",
       .commands = Command::kServe},
      {.key = option::kAllowedOrigin,
       .value_name = "ORIGIN[,ORIGIN...]",
       .fallback_note = "none but this server's own",
       .help = "Web pages that may send requests from a browser, such as https://chat.example.org; "
               "* is any. Can be repeated",
       .commands = Command::kServe},
      {.key = option::kMaxBody,
       .value_name = "SIZE",
       .fallback_note = "8 MiB and 128 bytes for each token of the context",
       .help = "The longest body of a request",
       .commands = Command::kServe,
       .minimum = 1024},

      {.key = option::kMaxHeaders,
       .value_name = "SIZE",
       .fallback = size_text(ServerOptions{}.max_header_bytes),
       .help = "The longest request line and headers of a request",
       .commands = Command::kServe,
       .minimum = 1024,
       .maximum = 1 << 20},
      {.key = option::kMaxConnections,
       .value_name = "N",
       .fallback = number_text(ServerOptions{}.max_connections),
       .help = "How many clients may be connected; idle ones make way for others",
       .commands = Command::kServe,
       .minimum = 1,
       .maximum = 1 << 20},
      {.key = option::kIdleTimeout,
       .value_name = "SECONDS",
       .fallback = seconds_text(ServerOptions{}.idle_timeout),
       .help = "How long a connection may be silent between requests",
       .commands = Command::kServe,
       .minimum = 1,
       .maximum = 86400},
      {.key = option::kReadTimeout,
       .value_name = "SECONDS",
       .fallback = seconds_text(ServerOptions{}.read_timeout),
       .help = "How long the headers of a request, and then every 256 KiB of its body, may take to "
               "arrive",
       .commands = Command::kServe,
       .minimum = 1,
       .maximum = 86400},
      {.key = option::kWriteTimeout,
       .value_name = "SECONDS",
       .fallback = seconds_text(ServerOptions{}.write_timeout),
       .help = "How long a client may take to read 64 KiB of its answer",
       .commands = Command::kServe,
       .minimum = 1,
       .maximum = 86400},
      {.key = option::kKeepAlive,
       .value_name = "SECONDS",
       .fallback = seconds_text(ServerOptions{}.keep_alive),
       .help = "After how much silence a streamed answer gets a comment, so that proxies keep it "
               "open",
       .commands = Command::kServe,
       .minimum = 1,
       .maximum = 86400},

      {.key = option::kName,
       .value_name = "NAME[,NAME...]",
       .fallback_note = "the directory's name",
       .help = "What requests may call the model: one name, or several; the first is meant "
               "where a request names none. Can be repeated",
       .commands = Command::kServe},
      {.key = option::kStrict,
       .help = "Refuse requests with fields that are not known, which otherwise are listed in the "
               "log; a request's header X-Hadal-Strict decides for itself",
       .commands = Command::kServe},

      {.key = option::kKvMemory,
       .value_name = "SIZE",
       .fallback_note = "what is free beside the weights within all limits, if of use",
       .help = "Memory for the cached keys and values of all requests",
       .commands = Command::kRun | Command::kServe | Command::kBenchEngine,
       .minimum = 1},
      {.key = option::kKvMemory,
       .value_name = "SIZE",
       .fallback = size_text(CacheSimulationOptions{}.pool_bytes),
       .help = "Memory for the cached keys and values of all requests",
       .commands = Command::kBenchCache,
       .minimum = 1},
      {.key = option::kKvDisk,
       .value_name = "DIR",
       .help = "Keep the beginnings of prompts there beyond memory and restarts",
       .commands = Command::kServe},
      {.key = option::kKvDiskSize,
       .value_name = "SIZE",
       .fallback = size_text(EngineOptions{}.kv_disk_size),
       .help = "The most that --kv-disk may hold; the least recently used goes first",
       .commands = Command::kServe,
       .needs = option::kKvDisk,
       .minimum = 1},
      {.key = option::kKvSpill,
       .value_name = "SIZE",
       .fallback = size_text(EngineOptions{}.kv_spill),
       .help = "Disk for the state of requests that make way for older ones when memory runs out, "
               "in --kv-disk or the directory for temporary files; without it their prompts may be "
               "computed again",
       .commands = Command::kServe},
      {.key = option::kMaxRunning,
       .value_name = "N",
       .fallback = number_text(EngineOptions{}.max_running),
       .help = "How many requests are computed together",
       .commands = Command::kServe,
       .minimum = 1,
       .maximum = 1024},
      {.key = option::kMaxQueue,
       .value_name = "N",
       .fallback = number_text(EngineOptions{}.max_queue),
       .help = "How many requests may wait besides; others are refused",
       .commands = Command::kServe,
       .minimum = 1,
       .maximum = 1 << 20},
      {.key = option::kStepBudget,
       .value_name = "MS",
       .fallback = number_text(EngineOptions{}.step_budget_ms),
       .help = "How long a step may take that also computes prompts: more makes prompts faster, "
               "less keeps running answers steady",
       .commands = Command::kServe,
       .minimum = 1,
       .maximum = 600000},

      {.key = option::kShutdownTimeout,
       .value_name = "SECONDS",
       .fallback = seconds_text(ServerOptions{}.shutdown_timeout),
       .help = "How long running answers may take to end after SIGTERM or Ctrl-C",
       .commands = Command::kServe,
       .maximum = 86400},

      {.key = option::kVerify,
       .help = "Also read every scale of the weights and report those that are not numbers",
       .commands = Command::kInspect},
      {.key = option::kJson,
       .help = "Print JSON instead of text",
       .commands = Command::kInspect | kBenchCommands},

      {.key = option::kLayers,
       .value_name = "N",
       .fallback_note = "the preset's",
       .help = "How many layers, without the MTP block",
       .commands = Command::kSynth,
       .minimum = 1,
       .maximum = 1024},
      {.key = option::kExperts,
       .value_name = "N",
       .fallback_note = "the preset's",
       .help = "How many routed experts in each layer",
       .commands = Command::kSynth,
       .minimum = 1,
       .maximum = 65536},
      {.key = option::kVocab,
       .value_name = "N",
       .fallback_note = "the preset's",
       .help = "How many token ids",
       .commands = Command::kSynth,
       .minimum = 1,
       .maximum = 1 << 24},
      {.key = option::kSeed,
       .value_name = "N",
       .fallback = number_text(SynthOptions{}.seed),
       .help = "The same seed gives the same weights",
       .commands = Command::kSynth,
       .maximum = kMaxSeed},
      {.key = option::kTokenizer,
       .value_name = "FILE",
       .help = "A tokenizer.json to put beside the weights",
       .commands = Command::kSynth},

      {.key = option::kInput,
       .value_name = "FILE",
       .help = "JSON lines, each {\"ids\":[...]}",
       .commands = Command::kScore},
      {.key = option::kLayersFile,
       .value_name = "FILE",
       .help = "A safetensors file with ids and layers.L.out",
       .commands = Command::kScore},
      {.key = option::kOutput,
       .letter = 'o',
       .value_name = "FILE",
       .help = "The safetensors file to write; of files that are there only an earlier output is "
               "replaced",
       .commands = Command::kScore},
      {.key = option::kMtp,
       .help = "Also write the logits of the MTP block",
       .commands = Command::kScore},
      {.key = option::kChunk,
       .value_name = "N",
       .fallback_note = "the whole sequence",
       .help = "Tokens in one forward pass; the logits do not depend on it",
       .commands = Command::kScore,
       .minimum = 1,
       .maximum = kMaxInt32},

      {.key = option::kContext,
       .value_name = "N",
       .fallback_note = "4096, or what the model allows",
       .help = "How many tokens the cache holds before those that are timed",
       .commands = Command::kBenchDecode,
       .maximum = kMaxInt32},
      {.key = option::kContext,
       .value_name = "N",
       .fallback = "0",
       .help = "How many tokens the cache holds before those that are timed",
       .commands = Command::kBenchPrefill,
       .maximum = kMaxInt32},
      {.key = option::kBatch,
       .value_name = "N",
       .fallback = number_text(ModelBenchOptions{}.batch),
       .help = "How many sequences are computed together",
       .commands = kBenchStepCommands,
       .minimum = 1,
       .maximum = 1024},
      {.key = option::kTokens,
       .value_name = "N",
       .fallback_note = "32",
       .help = "How many tokens are timed",
       .commands = Command::kBenchDecode,
       .minimum = 1,
       .maximum = 1 << 20},
      {.key = option::kTokens,
       .value_name = "N",
       .fallback_note = "512",
       .help = "How many tokens each sequence takes at once",
       .commands = Command::kBenchPrefill,
       .minimum = 1,
       .maximum = 1 << 20},
      {.key = option::kDifference,
       .value_name = "DIR",
       .help = "A model with fewer layers: also show the cost of one layer as the difference",
       .commands = kBenchStepCommands},
      {.key = option::kRequests,
       .value_name = "N",
       .fallback = number_text(EngineBenchOptions{}.requests),
       .help = "How many requests are computed together",
       .commands = Command::kBenchEngine,
       .minimum = 1,
       .maximum = 1024},
      {.key = option::kRequests,
       .value_name = "N",
       .fallback = number_text(TrafficOptions{}.requests),
       .help = "How many requests the simulated day has",
       .commands = Command::kBenchCache,
       .minimum = 1,
       .maximum = 100'000'000},
      {.key = option::kLongPrompt,
       .value_name = "N",
       .fallback_note = "100000, or half of the context",
       .help = "Tokens of the prompt during which short requests wait",
       .commands = Command::kBenchEngine,
       .excludes = option::kSoak,
       .minimum = 1000,
       .maximum = 1 << 20},
      {.key = option::kSoak,
       .value_name = "MINUTES",
       .help =
           "Only this, for so long: requests at four times the memory, cancelled and preempted, "
           "every answer checked",
       .commands = Command::kBenchEngine,
       .minimum = 0.001,
       .maximum = 100'000},
      {.key = option::kLayout,
       .value_name = "MODEL",
       .fallback_note = "flash, then pro",
       .help = "Whose cache layout is simulated",
       .commands = Command::kBenchCache,
       .choices = {"flash", "pro", "pico"}},
      {.key = option::kSeed,
       .value_name = "N",
       .fallback = number_text(TrafficOptions{}.seed),
       .help = "The same seed gives the same traffic",
       .commands = Command::kBenchCache,
       .maximum = kMaxSeed},
      {.key = option::kFilter,
       .value_name = "TEXT",
       .help = "Only kernels whose name contains this",
       .commands = Command::kBenchKernels},
      {.key = option::kAllIsas,
       .help = "With every instruction set that this processor has, side by side",
       .commands = Command::kBenchKernels,
       .excludes = option::kIsa},
      {.key = option::kQuick,
       .help = "Fewer shapes, shorter repetitions",
       .commands = Command::kBenchKernels},
      {.key = option::kIsa,
       .value_name = "ISA",
       .fallback_note = "the best this processor has",
       .help = "The instruction set of the kernels",
       .commands = kModelCommands | kBenchModelCommands | Command::kBenchKernels,
       .choices = isa_names()},

      {.key = option::kThreads,
       .letter = 't',
       .value_name = "N",
       .fallback_note = "one for each core, within affinity and CPU quota",
       .help = "How many threads compute; the answers do not depend on it",
       .commands = kModelCommands | kBenchModelCommands | Command::kBenchKernels,
       .minimum = 1,
       .maximum = 1024},
      {.key = option::kActivations,
       .value_name = "POLICY",
       .fallback = "int8",
       .help = "How the inputs of quantised layers are rounded: int8 for integer arithmetic (the "
               "closest to unrounded inputs, and the fastest), fp8 as the model was trained, none "
               "for checking",
       .commands = Command::kRun | Command::kServe | kBenchModelCommands,
       .choices = {"none", "fp8", "int8"}},
      {.key = option::kActivations,
       .value_name = "POLICY",
       .fallback = "fp8",
       .help = "How the inputs of quantised layers are rounded: fp8 as the model was trained, int8 "
               "for integer arithmetic, none for checking",
       .commands = Command::kScore,
       .choices = {"none", "fp8", "int8"}},
      {.key = option::kRepackCache,
       .value_name = "DIR",
       .fallback_note = "the folder .hadal beside the weights",
       .help = "Where the int8 form of a large model's FP8 weights is kept, made once under "
               "--activations int8",
       .commands = kModelCommands | kBenchModelCommands},
  };
  return table;
}

}  // namespace

std::vector<const OptionSpec*> options_of(Command command) {
  std::vector<const OptionSpec*> found;
  for (const OptionSpec& spec : options()) {
    if (spec.commands.contains(command)) found.push_back(&spec);
  }
  return found;
}

}  // namespace hadal
