// Reads results that other tools wrote (and what this program exported) into runs and points. What
// a tool defines as we do gets our metric ids; everything else keeps an id of its own; units become
// seconds, tokens per second, watts; figures without a place are kept in extra_json; traps of a
// format are named as warnings of the point. A number of GPUs is taken only from a file that states
// it or from the caller. docs/measuring/imports.md has the tables. Stores nothing.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "measure/records.h"

namespace hadal {

enum class ImportFormat {
  kInferenceX,            // rows: aggregates, replies of its API, rows of its app
  kInferenceXComparison,  // a row and reruns of it by another team
  kInferenceXClient,      // what its benchmark client writes
  kVllmBench,
  kSglangBench,
  kGuideLlm,
  kAiPerf,         // profile_export_aiperf.json
  kAiPerfRecords,  // profile_export.jsonl
  kInferencePerf,
  kBenchmarkReport,
  kHadalRun,  // hadal.run/1, a run without its samples
  kHadalCsv,
  kHadalRequests,
};

// "inferencex", "vllm-bench", ...: what users write.
std::string_view import_format_name(ImportFormat format);
std::optional<ImportFormat> find_import_format(std::string_view name);
// All names, separated by commas.
std::string import_format_names();

struct ImportOptions {
  std::optional<ImportFormat> format = {};  // otherwise found by the content
  int gpus = 0;  // used by the run, as the user states; for files that do not say. 0: not stated
};

// Single requests of a point, where a file has them.
struct ImportedSamples {
  size_t run = 0;    // in Imported::runs
  size_t point = 0;  // in the run's points
  PointSamples samples = {};
};

struct Imported {
  ImportFormat format = ImportFormat::kInferenceX;
  // Without ids, which the store gives; those of our own formats keep theirs.
  std::vector<RunRecord> runs = {};
  std::vector<ImportedSamples> samples = {};
};

// A file of lines is read line by line, whatever its size; any other is bounded
// (foreign_document.h). The server's side of inference-perf is looked for beside the client's.
// Throws Error: as files are read, and kInvalidFile for content, naming the field by its path and,
// where it looks like another format, that.
Imported import_file(const std::filesystem::path& path, const ImportOptions& options = {});

// The same for a text in memory; `name` stands for the file's name.
Imported import_text(std::string_view text, const std::string& name,
                     const ImportOptions& options = {});

}  // namespace hadal
