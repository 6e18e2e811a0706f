#include "cli/command_table.h"

namespace hadal {

const std::vector<CommandSpec>& engine_commands() {
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
       .arguments = {{argument::kDirectory, "The directory of the checkpoint", {}}},
       .examples = {"hadal inspect ~/models/DeepSeek-V4-Flash",
                    "hadal inspect ~/models/DeepSeek-V4-Flash --verify --json"}},
      {.id = Command::kSynth,
       .name = "synth",
       .summary = "Write a checkpoint with random weights, for tests and measurements",
       .description =
           "The same options and seed give the same bytes. pico takes a few MB and comes "
           "with a small tokenizer; flash and pro have the true widths of the released "
           "models.",
       .arguments = {{argument::kPreset, "What to write", {"pico", "flash", "pro"}},
                     {argument::kDirectory,
                      "The directory to write to; it must be new or empty",
                      {}}},
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
      {.id = Command::kTextTokenize,
       .group = "text",
       .name = "tokenize",
       .summary = "Turn text into token ids",
       .description = "{\"text\"} to {\"ids\"}.",
       .examples = {"echo '{\"text\":\"Hello\"}' | hadal text tokenize"}},
      {.id = Command::kTextDetokenize,
       .group = "text",
       .name = "detokenize",
       .summary = "Turn token ids into text",
       .description = "{\"ids\"} to {\"text\"}.",
       .examples = {"echo '{\"ids\":[1,2]}' | hadal text detokenize"}},
      {.id = Command::kTextEncodeChat,
       .group = "text",
       .name = "encode-chat",
       .summary = "Turn a conversation into the prompt that the model reads",
       .description = "{\"messages\",\"thinking_mode\",...} to {\"prompt\"}. Needs no tokenizer."},
      {.id = Command::kTextParseChat,
       .group = "text",
       .name = "parse-chat",
       .summary = "Read a completion as reasoning, content and calls of tools",
       .description = "{\"completion\",\"thinking_mode\"} to {\"parsed\"} or "
                      "{\"malformed\":true,\"reason\"}. Needs no tokenizer."},
      {.id = Command::kBenchKernels,
       .group = "bench",
       .name = "kernels",
       .summary = "Measure the machine, then every kernel beside its limit",
       .description = "The kernels run on the shapes of the released models with weights that lie "
                      "in memory.",
       .examples = {"hadal bench kernels --quick", "hadal bench kernels --filter experts --json"}},
      {.id = Command::kBenchDecode,
       .group = "bench",
       .name = "decode",
       .summary = "Measure steps of one token a sequence, and where the time goes",
       .description = "Whole steps of a model on random tokens, beside the roofline. The tokens "
                      "before them are made up, so that a long context needs no computing. With "
                      "--speculation whole requests, with and without guesses in turn.",
       .examples = {"hadal bench decode --model ~/models/DeepSeek-V4-Flash --context 131072",
                    "hadal bench decode --speculation mtp:2 --prompt 'Count from 5 to 20.'",
                    "hadal bench decode --speculation lookup --quote --context 2000"}},
      {.id = Command::kBenchPrefill,
       .group = "bench",
       .name = "prefill",
       .summary = "Measure steps of many tokens, and where the time goes",
       .description = "Whole steps of a model on random tokens, beside the roofline. The tokens "
                      "before them are made up, so that a long context needs no computing.",
       .examples = {"hadal bench prefill --model flash-6 --difference flash-4 --tokens 512"}},
      {.id = Command::kBenchEngine,
       .group = "bench",
       .name = "engine",
       .summary = "Measure requests at once, waiting, and restarts",
       .description = "Requests at once beside one at a time, the wait of a short request during a "
                      "long prompt, and what a restart with a disk tier computes again; with "
                      "--soak, minutes at four times the memory.",
       .examples = {"hadal bench engine --model flash-4", "hadal bench engine --soak 10"}},
      {.id = Command::kBenchSpeculation,
       .group = "bench",
       .name = "speculation",
       .summary = "Measure what guessing tokens gains, for simulated acceptance",
       .description = "For each acceptance, batch and number of guesses the gain over none, "
                      "predicted from the duration of plain steps and measured, all ways in turn; "
                      "and how close the engine's own decision comes to the best of them.",
       .examples = {"hadal bench speculation --model flash-4",
                    "hadal bench speculation --simulate-acceptance 0.79,0.48,0.22"}},
      {.id = Command::kBenchCache,
       .group = "bench",
       .name = "cache",
       .summary = "Measure what long contexts cost, and simulate a day of traffic",
       .description = "The traffic goes through the server's cache and scheduler, without a model.",
       .examples = {"hadal bench cache --layout flash --kv-memory 16G"}},
  };
  return table;
}

}  // namespace hadal
