// hadal score: logits of whole sequences, or single layers fed from a file.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <limits>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/input_file.h"
#include "base/unaligned.h"
#include "checkpoint/safetensors.h"
#include "cli/commands.h"
#include "cli/model_setup.h"
#include "cli/terminal.h"
#include "engine/evaluate.h"
#include "json/json_reader.h"

namespace hadal {
namespace {

using Ids = std::vector<int32_t>;

constexpr std::chrono::seconds kQuiet(2);

// Throws Error naming `where` when the model cannot score `ids`.
void check_ids(const Ids& ids, const ModelConfig& config, const std::string& where) {
  const auto refuse = [&](std::string what, std::string remedy) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = where,
                 .what = std::move(what),
                 .remedy = std::move(remedy)});
  };
  if (ids.empty()) refuse("has no ids", "give at least one token id");
  if (ids.size() > static_cast<size_t>(config.max_positions)) {
    refuse("has " + std::to_string(ids.size()) + " ids, more than the model's " +
               std::to_string(config.max_positions) + " positions",
           "split it");
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] >= 0 && ids[i] < config.vocab_size) continue;
    refuse("ids[" + std::to_string(i) + "] is " + std::to_string(ids[i]) +
               ", outside the vocabulary of " + std::to_string(config.vocab_size),
           "use ids from 0 to " + std::to_string(config.vocab_size - 1));
  }
}

Ids parse_row(const std::string& text, const std::string& where) {
  JsonReader reader(text, where);
  Ids ids;
  bool found = false;
  std::string key;
  for (reader.enter_object(); reader.next_member(key);) {
    if (key != "ids") {
      reader.skip_value();
      continue;
    }
    found = true;
    ids.clear();
    for (reader.enter_array(); reader.next_element();) {
      const int64_t id = reader.read_integer();
      if (id < std::numeric_limits<int32_t>::min() || id > std::numeric_limits<int32_t>::max()) {
        reader.fail("the id " + std::to_string(id) + " is outside any vocabulary");
      }
      ids.push_back(static_cast<int32_t>(id));
    }
  }
  reader.finish();
  if (!found) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = where,
                 .what = "has no field ids",
                 .remedy = "write each line as {\"ids\":[...]}"});
  }
  return ids;
}

std::vector<Ids> read_rows(const std::string& path, const ModelConfig& config) {
  constexpr size_t kMaxBytes = size_t{1} << 32;
  std::istringstream file(read_text_file(path, kMaxBytes));
  std::vector<Ids> rows;
  std::string text;
  for (int number = 1; std::getline(file, text); ++number) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string where = path + ":" + std::to_string(number);
    rows.push_back(parse_row(text, where));
    check_ids(rows.back(), config, where);
  }
  if (rows.empty()) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = path,
                 .what = "holds no lines",
                 .remedy = "write lines of the form {\"ids\":[...]}"});
  }
  return rows;
}

// Whether a safetensors file holds nothing but what hadal score writes.
bool is_own_output(const std::string& path) {
  try {
    const SafetensorsFile file(path);
    return std::all_of(file.entries().begin(), file.entries().end(), [](const auto& entry) {
      const std::string_view name = entry.name;
      if (name.starts_with("draft_ids.")) return entry.dtype == DType::kI32;
      return entry.dtype == DType::kF32 &&
             (name.starts_with("logits.") || name.starts_with("mtp_logits.") ||
              name.starts_with("draft_logits.") || name.starts_with("draft_confidence.") ||
              (name.starts_with("layers.") && name.ends_with(".out")) ||
              (name.starts_with("mtp.") && name.ends_with(".out")));
    });
  } catch (const Error&) {
    return false;
  }
}

bool is_empty_file(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error) &&
         std::filesystem::file_size(path, error) == 0;
}

// --output. Throws Error where a file is there that hadal score did not write, such as a shard of a
// model.
std::string output_path(const ParsedLine& line) {
  std::string output = line.value(option::kOutput);
  if (has_entry(output) && !is_empty_file(output) && !is_own_output(output)) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = output,
                 .what = "is there already and is no output of hadal score",
                 .remedy = "give --output another name, or move that file away"});
  }
  return output;
}

// Logits of every row, written as they are computed.
void score_rows(V4Model& model, const ParsedLine& line, const std::string& output) {
  const ModelConfig& config = model.config();
  const EvaluateOptions options = {.chunk = line.get(option::kChunk).value_or(0),
                                   .mtp = line.has(option::kMtp)};
  if (options.mtp && !model.has_mtp()) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "--mtp",
                 .what = "asks for an MTP block, and this checkpoint has none",
                 .remedy = "leave --mtp out"});
  }
  const bool drafts = line.has(option::kDrafts);
  if (drafts && (config.drafter != DrafterKind::kDspark || config.usable_stages() == 0)) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "--drafts",
                 .what = "asks for a DSpark drafter, and this checkpoint has none",
                 .remedy = model.has_mtp() ? "give --mtp instead" : "leave --drafts out"});
  }
  const std::vector<Ids> rows = read_rows(line.value(option::kInput), config);

  std::vector<SafetensorsWriter::Declaration> tensors;
  uint64_t total_ids = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto n = static_cast<int64_t>(rows[i].size());
    const std::string index = std::to_string(i);
    tensors.push_back({"logits." + index, DType::kF32, {n, config.vocab_size}});
    if (options.mtp) {
      tensors.push_back({"mtp_logits." + index, DType::kF32, {n - 1, config.vocab_size}});
    }
    if (drafts) {
      const int64_t block = config.dspark.block_size;
      tensors.push_back({"draft_logits." + index, DType::kF32, {n, block, config.vocab_size}});
      tensors.push_back({"draft_ids." + index, DType::kI32, {n, block}});
      tensors.push_back({"draft_confidence." + index, DType::kF32, {n, block}});
    }
    total_ids += rows[i].size();
  }
  SafetensorsWriter writer(output, tensors);
  Progress progress("scoring", "tokens", kQuiet);
  uint64_t done = 0;
  for (const Ids& ids : rows) {
    const SequenceLogits result = evaluate_logits(model, ids, options);
    writer.write(std::as_bytes(std::span(result.logits)));
    if (options.mtp) writer.write(std::as_bytes(std::span(result.mtp_logits)));
    if (drafts) {
      const SequenceDrafts guessed = evaluate_drafts(model, ids, options.chunk);
      writer.write(std::as_bytes(std::span(guessed.logits)));
      writer.write(std::as_bytes(std::span(guessed.ids)));
      writer.write(std::as_bytes(std::span(guessed.confidence)));
    }
    done += ids.size();
    progress.update(done, total_ids);
  }
  writer.finish();
}

[[noreturn]] void refuse_tensor(const std::string& path, const std::string& name,
                                std::string what) {
  throw Error({.code = ErrorCode::kInvalidFile,
               .where = path + ": " + name,
               .what = std::move(what),
               .remedy = "give --layers a file made for this model"});
}

Ids read_ids(const SafetensorsFile& file, const std::string& path, const std::string& name) {
  const TensorView view = file.tensor(name);
  if (view.shape.size() != 1) {
    refuse_tensor(path, name, "has shape " + shape_text(view.shape) + " in place of [n]");
  }
  Ids ids(static_cast<size_t>(view.shape[0]));
  for (size_t i = 0; i < ids.size(); ++i) {
    if (view.dtype == DType::kI32) {
      ids[i] = load_unaligned<int32_t>(view.data + i * sizeof(int32_t));
    } else if (view.dtype == DType::kI64) {
      const auto id = load_unaligned<int64_t>(view.data + i * sizeof(int64_t));
      ids[i] = id < 0 || id > std::numeric_limits<int32_t>::max() ? -1 : static_cast<int32_t>(id);
    } else {
      refuse_tensor(path, name,
                    "is " + std::string(dtype_name(view.dtype)) + " in place of I32 or I64");
    }
  }
  return ids;
}

std::vector<float> read_streams(const SafetensorsFile& file, const std::string& path,
                                const std::string& name, const std::vector<int64_t>& shape) {
  const TensorView view = file.tensor(name);
  if (view.dtype != DType::kF32 || view.shape != shape) {
    refuse_tensor(path, name,
                  "is " + std::string(dtype_name(view.dtype)) + " " + shape_text(view.shape) +
                      " in place of F32 " + shape_text(shape));
  }
  size_t count = 1;
  for (const int64_t extent : shape) count *= static_cast<size_t>(extent);
  std::vector<float> streams(count);
  for (size_t i = 0; i < count; ++i) {
    streams[i] = load_unaligned<float>(view.data + i * sizeof(float));
  }
  return streams;
}

// Each stage of the block drafter alone, its keys made from the taps in the file, fed with what the
// file says the stage before it gave.
std::vector<float> score_stage(V4Model& model, const SafetensorsFile& file, const std::string& path,
                               const Ids& ids, const Ids& anchors, int stage) {
  const ModelConfig& config = model.config();
  const auto count = static_cast<int64_t>(ids.size());
  const auto taps = static_cast<int64_t>(config.dspark.taps.size());
  const std::vector<int64_t> shape = {static_cast<int64_t>(anchors.size()),
                                      config.dspark.block_size, config.hc_mult, config.hidden_size};
  const std::vector<float> streams =
      stage == 0 ? std::vector<float>()
                 : read_streams(file, path, "mtp." + std::to_string(stage - 1) + ".out", shape);
  return evaluate_drafter_stage(
      model, {.stage = stage,
              .ids = ids,
              .taps = read_streams(file, path, "taps", {count, taps * config.hidden_size}),
              .anchors = anchors,
              .streams = streams});
}

// Each layer alone, fed with what the file says the layer before it gave; a file without layers
// gives the stages of the block drafter alone.
void score_layers(V4Model& model, const std::string& path, const std::string& output) {
  const ModelConfig& config = model.config();
  const SafetensorsFile file(path);
  const auto has = [&](const std::string& name) {
    return std::ranges::any_of(file.entries(),
                               [&](const auto& entry) { return entry.name == name; });
  };
  const Ids ids = read_ids(file, path, "ids");
  check_ids(ids, config, path + ": ids");
  const bool is_dspark = config.drafter == DrafterKind::kDspark && config.usable_stages() > 0;
  const int stages = is_dspark && has("taps") && has("anchors") ? config.usable_stages() : 0;
  const Ids anchors = stages > 0 ? read_ids(file, path, "anchors") : Ids();
  const int layers = stages > 0 && !has("layers.0.out") ? 0 : config.layers;
  const std::vector<int64_t> shape = {static_cast<int64_t>(ids.size()), config.hc_mult,
                                      config.hidden_size};
  std::vector<SafetensorsWriter::Declaration> tensors;
  for (int layer = 0; layer < layers; ++layer) {
    tensors.push_back({"layers." + std::to_string(layer) + ".out", DType::kF32, shape});
  }
  for (int stage = 0; stage < stages; ++stage) {
    tensors.push_back({"mtp." + std::to_string(stage) + ".out",
                       DType::kF32,
                       {static_cast<int64_t>(anchors.size()), config.dspark.block_size,
                        config.hc_mult, config.hidden_size}});
  }
  SafetensorsWriter writer(output, tensors);
  Progress progress("scoring", "layers", kQuiet);
  for (int layer = 0; layer < layers; ++layer) {
    const std::vector<float> in =
        layer == 0
            ? evaluate_embedding(model, ids)
            : read_streams(file, path, "layers." + std::to_string(layer - 1) + ".out", shape);
    const std::vector<float> out = evaluate_layer(model, layer, ids, in);
    writer.write(std::as_bytes(std::span(out)));
    progress.update(static_cast<uint64_t>(layer) + 1, static_cast<uint64_t>(layers));
  }
  for (int stage = 0; stage < stages; ++stage) {
    const std::vector<float> out = score_stage(model, file, path, ids, anchors, stage);
    writer.write(std::as_bytes(std::span(out)));
  }
  writer.finish();
}

}  // namespace

int score_command(const ParsedLine& line) {
  const std::string output = output_path(line);
  const std::optional<std::string> layers = line.get(option::kLayersFile);
  if (layers.has_value() == line.has(option::kInput)) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "hadal score",
                 .what = "needs --input or --layers, and not both",
                 .remedy = "see hadal score --help"});
  }
  for (const OptionKey& key :
       {OptionKey(option::kMtp), OptionKey(option::kDrafts), OptionKey(option::kChunk)}) {
    if (layers && line.has(key)) {
      throw Error({.code = ErrorCode::kInvalidArgument,
                   .where = "--" + std::string(key.name),
                   .what = "has no meaning with --layers",
                   .remedy = "leave it out"});
    }
  }
  const ModelDirectory directory = model_directory(line);
  const Checkpoint checkpoint = Checkpoint::open(directory.path());
  show_notes(checkpoint);
  ThreadPool threads(thread_count(line));
  ModelOptions options = model_options(line, directory);
  // Scores are compared with float32 arithmetic, which keeps rotated keys unrounded.
  options.rope_storage = RopeStorage::kF32;
  V4Model model(checkpoint, threads, options);
  if (layers) {
    score_layers(model, *layers, output);
  } else {
    score_rows(model, line, output);
  }
  return 0;
}

}  // namespace hadal
