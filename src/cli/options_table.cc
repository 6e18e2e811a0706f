#include "cli/options_table.h"

#include <algorithm>

#include "base/check.h"

namespace hadal {
namespace {

constexpr double kMaxInt32 = 2147483647;
constexpr double kMaxSeed = 9007199254740992;  // 2^53: what a JSON number carries exactly

constexpr unsigned kModelCommands = Command::kRun | Command::kServe | Command::kScore;

const std::vector<CommandSpec>& commands() {
  static const std::vector<CommandSpec> table = {
      {.id = Command::kRun,
       .name = "run",
       .summary = "Chat with a model in the terminal",
       .description =
           "With --prompt, prints one answer and exits. Otherwise opens a conversation: each line "
           "is a message (a line that ends in \\ goes on), /help lists the commands, Ctrl-C stops "
           "an answer, Ctrl-D leaves. When standard input is not a terminal every line of it is "
           "one message of the conversation.",
       .examples = {"hadal run", "hadal run --think high --prompt \"What is 12 plus 30?\"",
                    "hadal run --model ~/models/DeepSeek-V4-Flash --prompt - < question.txt"}},
      {.id = Command::kServe,
       .name = "serve",
       .summary = "Answer chat requests over HTTP in the form of OpenAI's interface",
       .description =
           "Serves /v1/chat/completions, /v1/models and /health until SIGTERM or Ctrl-C: running "
           "answers are finished first and the exit status is 0. A second signal ends it at once, "
           "with status 143 or 130. A terminal that closes does not end it, nor does a log that "
           "cannot be written.",
       .examples = {"hadal serve", "hadal serve --model ~/models/DeepSeek-V4-Flash --port 9000"}},
      {.id = Command::kInspect,
       .name = "inspect",
       .summary = "Show a checkpoint's architecture, size and memory needs",
       .description = "A directory that holds config.json alone is enough for everything but "
                      "--verify. With weights beside it the tokenizer is opened as well; where it "
                      "is missing or cannot be used, the exit status is 2.",
       .arguments = {{"DIR", "The directory of the checkpoint", {}}},
       .examples = {"hadal inspect ~/models/DeepSeek-V4-Flash",
                    "hadal inspect ~/models/DeepSeek-V4-Flash --verify --json"}},
      {.id = Command::kSynth,
       .name = "synth",
       .summary = "Write a checkpoint with random weights, for tests and measurements",
       .description =
           "The same options and seed give the same bytes. pico takes a few MB and comes "
           "with a small tokenizer; flash and pro have the true widths of the released "
           "models.",
       .arguments = {{"PRESET", "What to write", {"pico", "flash", "pro"}},
                     {"DIR", "The directory to write to; it must be new or empty", {}}},
       .examples = {"hadal synth pico pico-model",
                    "hadal synth flash small-flash --layers 4 --experts 16"}},
      {.id = Command::kScore,
       .name = "score",
       .summary = "Compute logits of given token ids, for checking the arithmetic",
       .description =
           "With --input, line i of the file is {\"ids\":[...]} and the output holds logits.i "
           "[n, vocab], with --mtp also mtp_logits.i [n-1, vocab] (row j: the residual streams of "
           "token j with the embedding of token j+1). With --layers, every layer L is fed "
           "layers.(L-1).out of the given file (the embedding of its ids for L = 0) and the output "
           "holds layers.L.out. All outputs are float32 safetensors.",
       .examples = {"hadal score --model DIR --input rows.jsonl --output out.safetensors --mtp"}},
      {.id = Command::kText,
       .name = "text",
       .summary = "Tokenise, detokenise, encode chats and parse completions, line by line",
       .description =
           "Reads JSON lines from standard input and writes as many to standard output. tokenize: "
           "{\"text\"} to {\"ids\"}; detokenize: {\"ids\"} to {\"text\"}; encode-chat: "
           "{\"messages\",\"thinking_mode\",...} to {\"prompt\"}; parse-chat: "
           "{\"completion\",\"thinking_mode\"} to {\"parsed\"} or "
           "{\"malformed\":true,\"reason\"}. Only the first two need a tokenizer.json.",
       .arguments = {{"ACTION",
                      "What to do with each line",
                      {"tokenize", "detokenize", "encode-chat", "parse-chat"}}},
       .examples = {"echo '{\"text\":\"Hello\"}' | hadal text tokenize"}},
      {.id = Command::kBench,
       .name = "bench",
       .summary = "Measure the machine, the kernels, and how fast a model computes",
       .description =
           "kernels: the machine's limits, then every kernel on the shapes of the released models "
           "with weights that lie in memory, beside its limit. decode and prefill: whole steps of "
           "a model on random tokens, beside the roofline, and where the time goes; the tokens "
           "before them are made up, so that a long context needs no computing. engine: requests "
           "at once beside one at a time, the wait of a short request during a long prompt, and "
           "what a restart with a disk tier computes again; with --soak, minutes at four times "
           "the memory. cache: what long "
           "contexts cost, and a simulated day of traffic through the server's cache and "
           "scheduler, without a model. Figures of time are medians of one run.",
       .arguments = {{"WHAT",
                      "What to measure",
                      {"kernels", "decode", "prefill", "engine", "cache"}}},
       .examples = {"hadal bench kernels --quick", "hadal bench kernels --filter experts --json",
                    "hadal bench decode --model ~/models/DeepSeek-V4-Flash --context 131072",
                    "hadal bench prefill --model flash-6 --difference flash-4 --tokens 512",
                    "hadal bench engine --model flash-4", "hadal bench engine --soak 10",
                    "hadal bench cache --layout flash --kv-memory 16G"}},
  };
  return table;
}

const std::vector<OptionSpec>& options() {
  static const std::vector<OptionSpec> table = {
      {.name = "model",
       .letter = 'm',
       .type = OptionType::kPath,
       .value_name = "DIR",
       .fallback_note = "the built-in nano",
       .help = "The checkpoint to use",
       .commands = kModelCommands | Command::kText | Command::kBench},

      {.name = "prompt",
       .letter = 'p',
       .value_name = "TEXT",
       .help = "Answer this and exit; - reads it from standard input",
       .commands = static_cast<unsigned>(Command::kRun)},
      {.name = "system",
       .value_name = "TEXT",
       .help = "A system message that opens the conversation",
       .commands = static_cast<unsigned>(Command::kRun)},
      {.name = "think",
       .type = OptionType::kChoice,
       .value_name = "MODE",
       .fallback = "off",
       .help = "Whether the model reasons before it answers, and how much",
       .commands = static_cast<unsigned>(Command::kRun),
       .choices = {"off", "high", "max"}},
      {.name = "temperature",
       .type = OptionType::kNumber,
       .value_name = "T",
       .fallback_note = "the model's generation_config.json, else 1",
       .help = "0 always takes the likeliest token; higher values choose more freely",
       .commands = static_cast<unsigned>(Command::kRun),
       .minimum = 0,
       .maximum = 2},
      {.name = "top-p",
       .type = OptionType::kNumber,
       .value_name = "P",
       .fallback_note = "the model's generation_config.json, else 1",
       .help = "Choose among the likeliest tokens that together have this probability",
       .commands = static_cast<unsigned>(Command::kRun),
       .minimum = 0,
       .maximum = 1},
      {.name = "seed",
       .type = OptionType::kInteger,
       .value_name = "N",
       .fallback_note = "a random one",
       .help = "The same seed gives the same answer",
       .commands = static_cast<unsigned>(Command::kRun),
       .maximum = kMaxSeed},
      {.name = "max-tokens",
       .type = OptionType::kInteger,
       .value_name = "N",
       .fallback_note = "as many as the context holds",
       .help = "The longest answer",
       .commands = static_cast<unsigned>(Command::kRun),
       .minimum = 1,
       .maximum = kMaxInt32},

      {.name = "context",
       .type = OptionType::kInteger,
       .value_name = "N",
       .fallback_note = "what the model and the memory allow",
       .help = "Most tokens of a prompt and its answer together",
       .commands = Command::kRun | Command::kServe,
       .minimum = 1,
       .maximum = kMaxInt32},

      {.name = "host",
       .type = OptionType::kName,
       .value_name = "ADDRESS",
       .fallback = "127.0.0.1",
       .help = "The address to listen on; 0.0.0.0 lets other machines in",
       .commands = static_cast<unsigned>(Command::kServe)},
      {.name = "port",
       .type = OptionType::kInteger,
       .value_name = "N",
       .fallback = "8000",
       .help = "The port to listen on; 0 takes any free one",
       .commands = static_cast<unsigned>(Command::kServe),
       .maximum = 65535},

      {.name = "allowed-host",
       .type = OptionType::kList,
       .value_name = "NAME[,NAME...]",
       .fallback_note = "addresses and localhost; with another --host any",
       .help = "Host names that requests may carry besides, such as that of a reverse proxy; "
               "*.NAME is all below NAME, * is any. Can be repeated",
       .commands = static_cast<unsigned>(Command::kServe)},
      {.name = "max-body",
       .type = OptionType::kSize,
       .value_name = "SIZE",
       .fallback_note = "8 MiB and 128 bytes for each token of the context",
       .help = "The longest body of a request",
       .commands = static_cast<unsigned>(Command::kServe),
       .minimum = 1024},

      {.name = "name",
       .type = OptionType::kList,
       .value_name = "NAME[,NAME...]",
       .fallback_note = "the directory's name",
       .help = "What requests may call the model: one name, or several; the first is meant "
               "where a request names none. Can be repeated",
       .commands = static_cast<unsigned>(Command::kServe)},
      {.name = "strict",
       .type = OptionType::kFlag,
       .help = "Refuse requests with fields that are not known, which otherwise are listed in the "
               "log; a request's header X-Hadal-Strict decides for itself",
       .commands = static_cast<unsigned>(Command::kServe)},

      {.name = "kv-memory",
       .type = OptionType::kSize,
       .value_name = "SIZE",
       .fallback_note = "what is free beside the weights within all limits, if of use",
       .help = "Memory for the cached keys and values of all requests",
       .commands = Command::kRun | Command::kServe | Command::kBench,
       .minimum = 1},
      {.name = "kv-disk",
       .type = OptionType::kPath,
       .value_name = "DIR",
       .help = "Keep the beginnings of prompts there beyond memory and restarts",
       .commands = static_cast<unsigned>(Command::kServe)},
      {.name = "kv-disk-size",
       .type = OptionType::kSize,
       .value_name = "SIZE",
       .fallback = "16G",
       .help = "The most that --kv-disk may hold; the least recently used goes first",
       .commands = static_cast<unsigned>(Command::kServe),
       .minimum = 1},
      {.name = "kv-spill",
       .type = OptionType::kSize,
       .value_name = "SIZE",
       .fallback = "0",
       .help = "Disk for the state of requests that make way for older ones when memory runs out, "
               "in --kv-disk or the directory for temporary files; without it their prompts may be "
               "computed again",
       .commands = static_cast<unsigned>(Command::kServe)},
      {.name = "max-running",
       .type = OptionType::kInteger,
       .value_name = "N",
       .fallback = "16",
       .help = "How many requests are computed together",
       .commands = static_cast<unsigned>(Command::kServe),
       .minimum = 1,
       .maximum = 1024},
      {.name = "max-queue",
       .type = OptionType::kInteger,
       .value_name = "N",
       .fallback = "64",
       .help = "How many requests may wait besides; others are refused",
       .commands = static_cast<unsigned>(Command::kServe),
       .minimum = 1,
       .maximum = 1 << 20},
      {.name = "step-budget",
       .type = OptionType::kInteger,
       .value_name = "MS",
       .fallback = "500",
       .help = "How long a step may take that also computes prompts: more makes prompts faster, "
               "less keeps running answers steady",
       .commands = static_cast<unsigned>(Command::kServe),
       .minimum = 1,
       .maximum = 600000},

      {.name = "shutdown-timeout",
       .type = OptionType::kInteger,
       .value_name = "SECONDS",
       .fallback = "30",
       .help = "How long running answers may take to end after SIGTERM or Ctrl-C",
       .commands = static_cast<unsigned>(Command::kServe),
       .maximum = 86400},

      {.name = "verify",
       .type = OptionType::kFlag,
       .help = "Also read every scale of the weights and report those that are not numbers",
       .commands = static_cast<unsigned>(Command::kInspect)},
      {.name = "json",
       .type = OptionType::kFlag,
       .help = "Print JSON instead of text",
       .commands = Command::kInspect | Command::kBench},

      {.name = "layers",
       .type = OptionType::kInteger,
       .value_name = "N",
       .fallback_note = "the preset's",
       .help = "How many layers, without the MTP block",
       .commands = static_cast<unsigned>(Command::kSynth),
       .minimum = 1,
       .maximum = 1024},
      {.name = "experts",
       .type = OptionType::kInteger,
       .value_name = "N",
       .fallback_note = "the preset's",
       .help = "How many routed experts in each layer",
       .commands = static_cast<unsigned>(Command::kSynth),
       .minimum = 1,
       .maximum = 65536},
      {.name = "vocab",
       .type = OptionType::kInteger,
       .value_name = "N",
       .fallback_note = "the preset's",
       .help = "How many token ids",
       .commands = static_cast<unsigned>(Command::kSynth),
       .minimum = 1,
       .maximum = 1 << 24},
      {.name = "seed",
       .type = OptionType::kInteger,
       .value_name = "N",
       .fallback = "1",
       .help = "The same seed gives the same weights",
       .commands = static_cast<unsigned>(Command::kSynth),
       .maximum = kMaxSeed},
      {.name = "tokenizer",
       .type = OptionType::kPath,
       .value_name = "FILE",
       .help = "A tokenizer.json to put beside the weights",
       .commands = static_cast<unsigned>(Command::kSynth)},

      {.name = "input",
       .type = OptionType::kPath,
       .value_name = "FILE",
       .help = "JSON lines, each {\"ids\":[...]}",
       .commands = static_cast<unsigned>(Command::kScore)},
      {.name = "layers",
       .type = OptionType::kPath,
       .value_name = "FILE",
       .help = "A safetensors file with ids and layers.L.out",
       .commands = static_cast<unsigned>(Command::kScore)},
      {.name = "output",
       .letter = 'o',
       .type = OptionType::kPath,
       .value_name = "FILE",
       .help = "The safetensors file to write; of files that are there only an earlier output is "
               "replaced",
       .commands = static_cast<unsigned>(Command::kScore)},
      {.name = "mtp",
       .type = OptionType::kFlag,
       .help = "Also write the logits of the MTP block",
       .commands = static_cast<unsigned>(Command::kScore)},
      {.name = "chunk",
       .type = OptionType::kInteger,
       .value_name = "N",
       .fallback_note = "the whole sequence",
       .help = "Tokens in one forward pass; the logits do not depend on it",
       .commands = static_cast<unsigned>(Command::kScore),
       .minimum = 1,
       .maximum = kMaxInt32},

      {.name = "context",
       .type = OptionType::kInteger,
       .value_name = "N",
       .fallback_note = "4096 for decode, 0 for prefill",
       .help = "How many tokens the cache holds before those that are timed",
       .commands = static_cast<unsigned>(Command::kBench),
       .maximum = kMaxInt32},
      {.name = "batch",
       .type = OptionType::kInteger,
       .value_name = "N",
       .fallback_note = "1",
       .help = "How many sequences are computed together",
       .commands = static_cast<unsigned>(Command::kBench),
       .minimum = 1,
       .maximum = 1024},
      {.name = "tokens",
       .type = OptionType::kInteger,
       .value_name = "N",
       .fallback_note = "32 for decode, 512 for prefill",
       .help = "decode: how many tokens are timed; prefill: how many each sequence takes at once",
       .commands = static_cast<unsigned>(Command::kBench),
       .minimum = 1,
       .maximum = 1 << 20},
      {.name = "difference",
       .type = OptionType::kPath,
       .value_name = "DIR",
       .help = "A model with fewer layers: also show the cost of one layer as the difference",
       .commands = static_cast<unsigned>(Command::kBench)},
      {.name = "requests",
       .type = OptionType::kInteger,
       .value_name = "N",
       .fallback_note = "16 for engine, 100000 for cache",
       .help = "engine: how many requests are computed together; cache: how many the simulated day "
               "has",
       .commands = static_cast<unsigned>(Command::kBench),
       .minimum = 1,
       .maximum = 100'000'000},
      {.name = "long-prompt",
       .type = OptionType::kInteger,
       .value_name = "N",
       .fallback_note = "100000, or half of the context",
       .help = "engine: tokens of the prompt during which short requests wait",
       .commands = static_cast<unsigned>(Command::kBench),
       .minimum = 1000,
       .maximum = 1 << 20},
      {.name = "soak",
       .type = OptionType::kNumber,
       .value_name = "MINUTES",
       .help = "engine: only this, for so long: requests at four times the memory, cancelled and "
               "preempted, every answer checked",
       .commands = static_cast<unsigned>(Command::kBench),
       .minimum = 0.001,
       .maximum = 100'000},
      {.name = "layout",
       .type = OptionType::kChoice,
       .value_name = "MODEL",
       .fallback_note = "flash, then pro",
       .help = "cache: whose cache layout is simulated",
       .commands = static_cast<unsigned>(Command::kBench),
       .choices = {"flash", "pro", "pico"}},
      {.name = "seed",
       .type = OptionType::kInteger,
       .value_name = "N",
       .fallback_note = "1",
       .help = "cache: the same seed gives the same traffic",
       .commands = static_cast<unsigned>(Command::kBench),
       .maximum = kMaxSeed},
      {.name = "filter",
       .value_name = "TEXT",
       .help = "Only kernels whose name contains this",
       .commands = static_cast<unsigned>(Command::kBench)},
      {.name = "quick",
       .type = OptionType::kFlag,
       .help = "Fewer shapes, shorter repetitions",
       .commands = static_cast<unsigned>(Command::kBench)},
      {.name = "isa",
       .type = OptionType::kChoice,
       .value_name = "ISA",
       .fallback_note = "the best this processor has",
       .help = "The instruction set of the kernels",
       .commands = kModelCommands | Command::kBench,
       .choices = {"ref", "avx2", "avx512", "avx512-bf16"}},

      {.name = "threads",
       .letter = 't',
       .type = OptionType::kInteger,
       .value_name = "N",
       .fallback_note = "one for each core, within affinity and CPU quota",
       .help = "How many threads compute; the answers do not depend on it",
       .commands = kModelCommands | Command::kBench,
       .minimum = 1,
       .maximum = 1024},
      {.name = "activations",
       .type = OptionType::kChoice,
       .value_name = "POLICY",
       .fallback = "int8",
       .help = "How the inputs of quantised layers are rounded: int8 for integer arithmetic (the "
               "closest to unrounded inputs, and the fastest), fp8 as the model was trained, none "
               "for checking",
       .commands = Command::kRun | Command::kServe | Command::kBench,
       .choices = {"none", "fp8", "int8"}},
      {.name = "activations",
       .type = OptionType::kChoice,
       .value_name = "POLICY",
       .fallback = "fp8",
       .help = "How the inputs of quantised layers are rounded: fp8 as the model was trained, int8 "
               "for integer arithmetic, none for checking",
       .commands = static_cast<unsigned>(Command::kScore),
       .choices = {"none", "fp8", "int8"}},
      {.name = "repack-cache",
       .type = OptionType::kPath,
       .value_name = "DIR",
       .fallback_note = "the folder .hadal beside the weights",
       .help = "Where the int8 form of a large model's FP8 weights is kept, made once under "
               "--activations int8",
       .commands = kModelCommands | Command::kBench},
  };
  return table;
}

}  // namespace

std::span<const CommandSpec> command_table() { return commands(); }

std::span<const OptionSpec> option_table() { return options(); }

const CommandSpec* find_command(std::string_view name) {
  const auto& table = commands();
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const CommandSpec& spec) { return spec.name == name; });
  return found == table.end() ? nullptr : &*found;
}

const CommandSpec& command_spec(Command command) {
  const auto& table = commands();
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const CommandSpec& spec) { return spec.id == command; });
  HADAL_CHECK(found != table.end());
  return *found;
}

std::vector<const OptionSpec*> options_of(Command command) {
  std::vector<const OptionSpec*> found;
  for (const OptionSpec& spec : options()) {
    if ((spec.commands & static_cast<unsigned>(command)) != 0) found.push_back(&spec);
  }
  return found;
}

}  // namespace hadal
