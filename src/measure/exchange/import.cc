#include "measure/exchange/import.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>
#include <unistd.h>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/input_file.h"
#include "json/python_json.h"
#include "measure/exchange/foreign_secrets.h"
#include "measure/exchange/import_formats.h"
#include "measure/exchange/point_builder.h"
#include "measure/exchange/request_json.h"
#include "measure/store/run_json.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr std::array<std::pair<ImportFormat, std::string_view>, 13> kFormats = {{
    {ImportFormat::kInferenceX, "inferencex"},
    {ImportFormat::kInferenceXComparison, "inferencex-comparison"},
    {ImportFormat::kInferenceXClient, "inferencex-client"},
    {ImportFormat::kVllmBench, "vllm-bench"},
    {ImportFormat::kSglangBench, "sglang-bench"},
    {ImportFormat::kGuideLlm, "guidellm"},
    {ImportFormat::kAiPerf, "aiperf"},
    {ImportFormat::kAiPerfRecords, "aiperf-records"},
    {ImportFormat::kInferencePerf, "inference-perf"},
    {ImportFormat::kBenchmarkReport, "benchmark-report"},
    {ImportFormat::kHadalRun, "hadal-run"},
    {ImportFormat::kHadalCsv, "hadal-csv"},
    {ImportFormat::kHadalRequests, "hadal-requests"},
}};

// Text without white space and byte order mark at its ends.
std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::string first_keys(const ordered_json& document) {
  if (document.is_array()) return "an array";
  if (!document.is_object()) return "no object";
  std::string text = "an object with";
  size_t count = 0;
  for (const auto& [key, value] : document.items()) {
    text += (count == 0 ? " " : ", ") + printable(key, 40);
    if (++count == 6) break;
  }
  return count == 0 ? "an empty object" : text;
}

class Importer {
 public:
  Importer(std::string name, const ImportOptions& options) : options_(options) {
    context_.name = name;
    context_.gpus = options.gpus;
    context_.source = {.code = ErrorCode::kInvalidFile,
                       .file = std::move(name),
                       .remedy = "give a file as the tool wrote it, or name its format",
                       .tells_values = true};
  }

  void set_server_side(const ordered_json* document) { context_.server_side = document; }

  // The format of a line of such a file, when it is one.
  std::optional<ImportFormat> lines_format(const ordered_json& first_line) const {
    const std::optional<ImportFormat> found =
        options_.format ? options_.format : detect_format(first_line);
    return found && is_line_format(*found) ? found : std::nullopt;
  }

  void begin_lines(ImportFormat format) {
    imported_.format = format;
    if (format == ImportFormat::kAiPerfRecords) {
      lines_ = aiperf_records_import();
    } else if (format == ImportFormat::kHadalRequests) {
      lines_ = hadal_requests_import();
    } else if (format == ImportFormat::kBenchmarkReport) {
      lines_ = benchmark_reports_import();
    } else {
      lines_ = client_lines_import(format);
    }
  }

  void line(std::string_view text) {
    ++line_number_;
    if (trimmed(text).empty()) return;
    const std::string path = "line " + std::to_string(line_number_);
    context_.repeated.clear();
    const ordered_json document =
        read_foreign_json(trimmed(text), context_.name + " " + path, context_.repeated);
    lines_->add(document, path, context_);
  }

  void document(std::string_view text) {
    const std::string_view content = trimmed(text);
    if (content.empty()) {
      throw Error({.code = ErrorCode::kInvalidFile,
                   .where = context_.name,
                   .what = "is empty",
                   .remedy = "give a file with results"});
    }
    if (content.front() == '{' || content.front() == '[') {
      const ordered_json json = read_foreign_json(content, context_.name, context_.repeated);
      if (options_.format.value_or(detect_format(json).value_or(ImportFormat::kInferenceX)) ==
          ImportFormat::kHadalRun) {
        // By its own reader, which takes no liberties.
        imported_.format = ImportFormat::kHadalRun;
        imported_.runs.push_back(run_from_json(content, context_.name));
      } else {
        tree(json);
      }
    } else if (options_.format == ImportFormat::kHadalCsv ||
               (!options_.format && content.starts_with("schema,"))) {
      imported_.format = ImportFormat::kHadalCsv;
      import_hadal_csv(content, context_, imported_);
    } else {
      // Reports of several points follow each other.
      for (const ordered_json& each : read_foreign_yaml(content, context_.name)) tree(each);
    }
  }

  Imported take() {
    if (lines_ != nullptr) lines_->finish(imported_);
    size_t points = 0;
    for (const RunRecord& run : imported_.runs) points += run.points.size();
    if (points == 0) {
      throw Error({.code = ErrorCode::kInvalidFile,
                   .where = context_.name,
                   .what = "holds no results",
                   .remedy = "check that the run it comes from finished"});
    }
    for (RunRecord& run : imported_.runs) remove_secrets(run);
    for (ImportedSamples& point : imported_.samples) {
      for (RequestRecord& request : point.samples.requests) {
        // Servers quote the key that they refuse.
        request.failure_text = text_without_secrets(request.failure_text);
      }
    }
    return std::move(imported_);
  }

 private:
  // What others wrote went through keepable_json, but for single texts; files of ours are taken as
  // they are, and may have been edited.
  void remove_secrets(RunRecord& run) const {
    run.url = text_without_secrets(run.url);
    // Reports may have a section of ours.
    const bool is_ours = import_format_name(imported_.format).starts_with("hadal-") ||
                         imported_.format == ImportFormat::kBenchmarkReport;
    if (!is_ours) return;
    const auto clean = [](std::string& json) {
      if (!json.empty()) json = dump_json(json_without_secrets(parse_json(json, "an import")));
    };
    clean(run.plan_json);
    clean(run.provenance_json);
    for (PointRecord& point : run.points) clean(point.extra_json);
  }

  void tree(const ordered_json& document) {
    const std::optional<ImportFormat> found = detect_format(document);
    if (!found && !options_.format) {
      throw Error({.code = ErrorCode::kInvalidFile,
                   .where = context_.name,
                   .what = "is of no format that is known: it is " + first_keys(document),
                   .remedy = "name its format, one of " + import_format_names()});
    }
    const ImportFormat format = options_.format.value_or(*found);
    imported_.format = format;
    // Whoever named a format reads in its words what the file lacks, and what it looks like.
    if (options_.format && found && *found != format) {
      context_.source.remedy =
          "it looks like " + std::string(import_format_name(*found)) + "; name that format";
    }
    read(format, document);
  }

  void read(ImportFormat format, const ordered_json& document) {
    switch (format) {
      case ImportFormat::kInferenceX:
        return import_inferencex(document, context_, imported_);
      case ImportFormat::kInferenceXComparison:
        return import_inferencex_comparison(document, context_, imported_);
      case ImportFormat::kInferenceXClient:
      case ImportFormat::kVllmBench:
      case ImportFormat::kSglangBench:
        return clients(format, document);
      case ImportFormat::kGuideLlm:
        return import_guidellm(document, context_, imported_);
      case ImportFormat::kAiPerf:
        return import_aiperf(document, context_, imported_);
      case ImportFormat::kInferencePerf:
        return import_inference_perf(document, context_, imported_);
      case ImportFormat::kBenchmarkReport:
        return import_benchmark_report(document, context_, imported_);
      case ImportFormat::kAiPerfRecords:
      case ImportFormat::kHadalRequests:
        begin_lines(format);
        return lines_->add(document, "line 1", context_);
      case ImportFormat::kHadalRun:
        refuse_field("", "is no JSON document", FieldFault::kType, context_.source);
      case ImportFormat::kHadalCsv:
        refuse_field("", "is no table: it begins as JSON does", FieldFault::kType, context_.source);
    }
  }

  void clients(ImportFormat format, const ordered_json& document) {
    if (!document.is_array()) return import_client_json(document, format, context_, imported_);
    for (const ordered_json& each : document) {
      import_client_json(each, format, context_, imported_);
    }
  }

  ImportOptions options_;
  ImportContext context_;
  Imported imported_;
  std::unique_ptr<LineImport> lines_;
  size_t line_number_ = 0;
};

// Lines of an open file, one at a time, in a buffer that grows with the longest.
class LineSource {
 public:
  LineSource(const std::filesystem::path& path, int fd) : path_(path), fd_(fd) {}

  // The next line without its end; false at the end of the file. The view lasts until the next
  // call.
  bool next(std::string_view& line) {
    constexpr size_t kMostBytes = kMaxForeignJsonBytes;
    buffer_.erase(0, consumed_);
    consumed_ = 0;
    size_t searched = 0;
    while (true) {
      const size_t end = buffer_.find('\n', searched);
      if (end != std::string::npos) {
        line = std::string_view(buffer_).substr(0, end);
        consumed_ = end + 1;
        return true;
      }
      searched = buffer_.size();
      if (searched > kMostBytes) {
        throw Error({.code = ErrorCode::kInvalidFile,
                     .where = path_.string(),
                     .what = "has a line, or is a document, of more than " +
                             std::to_string(kMostBytes >> 20) + " MiB",
                     .remedy = "leave the lists of single requests out, or export one point per "
                               "file"});
      }
      if (!fill()) break;
    }
    line = buffer_;
    consumed_ = buffer_.size();
    return !line.empty();
  }

 private:
  bool fill() {
    constexpr size_t kChunk = size_t{1} << 20;
    const size_t size = buffer_.size();
    buffer_.resize(size + kChunk);
    ssize_t got = 0;
    do {
      got = read(fd_, buffer_.data() + size, kChunk);
    } while (got < 0 && errno == EINTR);
    buffer_.resize(size + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0) throw_system_error(path_, "cannot be read", errno);
    return got > 0;
  }

  std::filesystem::path path_;
  int fd_;
  std::string buffer_;
  size_t consumed_ = 0;
};

// Whether the text may be a whole JSON object on a line of its own; cheap, before it is parsed.
bool may_be_object(std::string_view line) {
  const std::string_view content = trimmed(line);
  return content.size() > 1 && content.front() == '{' && content.back() == '}';
}

// The server's side of an inference-perf stage, in the file beside the client's.
std::optional<ordered_json> server_side_of(const std::filesystem::path& path) {
  std::string name = path.filename().string();
  const size_t at = name.find("_lifecycle_metrics");
  if (at == std::string::npos) return std::nullopt;
  name.replace(at, std::string_view("_lifecycle_metrics").size(), "_prometheus_metrics");
  const std::filesystem::path other = path.parent_path() / name;
  if (!has_entry(other)) return std::nullopt;
  std::vector<RepeatedName> repeated;
  return read_foreign_json(trimmed(read_text_file(other, kMaxForeignJsonBytes)), name, repeated);
}

}  // namespace

std::string_view import_format_name(ImportFormat format) {
  for (const auto& [value, name] : kFormats) {
    if (value == format) return name;
  }
  return "";
}

std::optional<ImportFormat> find_import_format(std::string_view name) {
  for (const auto& [value, known] : kFormats) {
    if (known == name) return value;
  }
  return std::nullopt;
}

std::string import_format_names() {
  std::string names;
  for (const auto& [value, name] : kFormats) {
    names.append(names.empty() ? "" : ", ").append(name);
  }
  return names;
}

std::string ImportContext::run_source(ImportFormat format) const {
  return std::string(import_format_name(format)) + " " + name;
}

bool is_line_format(ImportFormat format) {
  return format == ImportFormat::kAiPerfRecords || format == ImportFormat::kHadalRequests ||
         format == ImportFormat::kBenchmarkReport || format == ImportFormat::kVllmBench ||
         format == ImportFormat::kSglangBench || format == ImportFormat::kInferenceXClient;
}

std::optional<ImportFormat> detect_format(const ordered_json& document) {
  if (document.is_array()) {
    if (document.empty() || !document[0].is_object()) return std::nullopt;
    return detect_format(document[0]);
  }
  if (!document.is_object()) return std::nullopt;
  const auto has = [&](const char* key) { return document.contains(key); };
  if (has("schema") && document["schema"] == kRequestsSchema) return ImportFormat::kHadalRequests;
  if (has("schema") && document["schema"] == kRunSchema) return ImportFormat::kHadalRun;
  if (has("reference") && has("cases")) return ImportFormat::kInferenceXComparison;
  if (has("benchmarks")) return ImportFormat::kGuideLlm;
  if (has("results") && has("run") && has("version")) return ImportFormat::kBenchmarkReport;
  if (has("successes")) return ImportFormat::kInferencePerf;
  if (has("metadata") && has("metrics")) return ImportFormat::kAiPerfRecords;
  if (has("completed")) {
    if (has("request_goodput:") || has("best_of")) return ImportFormat::kInferenceXClient;
    if (has("mean_e2e_latency_ms") || has("accept_length") ||
        has("total_output_tokens_retokenized")) {
      return ImportFormat::kSglangBench;
    }
    if (has("median_ttft") || has("mean_ttft")) return ImportFormat::kInferenceXClient;
    return ImportFormat::kVllmBench;
  }
  if (has("conc")) return ImportFormat::kInferenceX;
  for (const auto& [key, value] : document.items()) {
    if (value.is_array() && !value.empty() && value[0].is_object() && value[0].contains("conc")) {
      return ImportFormat::kInferenceX;
    }
    if (value.is_object() && value.contains("unit") && value.contains("avg")) {
      return ImportFormat::kAiPerf;
    }
  }
  return std::nullopt;
}

void derive_per_gpu(PointBuilder& builder, int gpus, std::string_view unknown_warning) {
  if (gpus <= 0) {
    builder.warn(unknown_warning);
    return;
  }
  const auto derive = [&](const MetricName& whole, const MetricName& per_gpu) {
    const std::optional<double> rate = builder.get(whole, "mean");
    if (rate) builder.derive(per_gpu, "mean", *rate / gpus);
  };
  derive(metric::kTotalRate, metric::kTotalRatePerGpu);
  derive(metric::kInputRate, metric::kInputRatePerGpu);
  derive(metric::kOutputRate, metric::kOutputRatePerGpu);
}

void note_repeated(PointBuilder& builder, const std::vector<RepeatedName>& repeated) {
  if (repeated.empty()) return;
  ordered_json kept = ordered_json::array();
  for (const RepeatedName& each : repeated) {
    builder.warn("duplicate_json_key_" + printable(each.name, 60));
    const std::string path = each.path.empty() ? each.name : each.path + "." + each.name;
    kept.push_back({{"path", path}, {"not_taken", parse_json(each.value_json, path)}});
  }
  builder.keep("repeated", kept);
}

Imported import_text(std::string_view text, const std::string& name, const ImportOptions& options) {
  Importer importer(name, options);
  const std::string_view content = trimmed(text);
  const size_t end = std::min(content.find('\n'), content.size());
  const std::string_view rest = trimmed(content.substr(end));
  if (!rest.empty() && may_be_object(content.substr(0, end))) {
    std::vector<RepeatedName> repeated;
    const ordered_json first = read_foreign_json(content.substr(0, end), name, repeated);
    if (const auto format = importer.lines_format(first); format.has_value()) {
      importer.begin_lines(*format);
      for (std::string_view left = content; !left.empty();) {
        const size_t line_end = std::min(left.find('\n'), left.size());
        importer.line(left.substr(0, line_end));
        left.remove_prefix(std::min(line_end + 1, left.size()));
      }
      return importer.take();
    }
  }
  importer.document(content);
  return importer.take();
}

Imported import_file(const std::filesystem::path& path, const ImportOptions& options) {
  const InputFile file(path);
  const std::string name = path.filename().string();
  Importer importer(name, options);
  LineSource lines(path, file.fd());
  std::string_view line;
  std::string head;  // up to the first line that is not empty
  while (lines.next(line)) {
    head.append(line) += '\n';
    if (!trimmed(line).empty()) break;
  }
  if (may_be_object(head)) {
    std::vector<RepeatedName> repeated;
    const ordered_json first = read_foreign_json(trimmed(head), name, repeated);
    if (const auto format = importer.lines_format(first); format.has_value()) {
      importer.begin_lines(*format);
      importer.line(head);
      while (lines.next(line)) importer.line(line);
      return importer.take();
    }
  }
  const std::optional<ordered_json> server_side = server_side_of(path);
  if (server_side) importer.set_server_side(&*server_side);
  importer.document(read_text_file(path, kMaxForeignJsonBytes));
  return importer.take();
}

}  // namespace hadal
