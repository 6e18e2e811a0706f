// The readers of the single formats, as import.cc calls them. Each appends to Imported; documents
// are those of foreign_document.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "json/fields.h"
#include "measure/exchange/foreign_document.h"
#include "measure/exchange/import.h"

namespace hadal {

struct ImportContext {
  std::string name = {};  // of the file, without folders
  FieldsSource source = {};
  int gpus = 0;  // stated by the user
  // inference-perf: what the server said of the same stage; may be null.
  const nlohmann::ordered_json* server_side = nullptr;
  std::vector<RepeatedName> repeated = {};  // in the document

  // RunRecord::source: format and file.
  std::string run_source(ImportFormat format) const;
};

// Whether a document or the first line of a file of lines looks like this format.
std::optional<ImportFormat> detect_format(const nlohmann::ordered_json& document);
bool is_line_format(ImportFormat format);

void import_inferencex(const nlohmann::ordered_json& document, const ImportContext& context,
                       Imported& imported);
void import_inferencex_comparison(const nlohmann::ordered_json& document,
                                  const ImportContext& context, Imported& imported);
void import_guidellm(const nlohmann::ordered_json& document, const ImportContext& context,
                     Imported& imported);
void import_aiperf(const nlohmann::ordered_json& document, const ImportContext& context,
                   Imported& imported);
void import_inference_perf(const nlohmann::ordered_json& document, const ImportContext& context,
                           Imported& imported);
void import_benchmark_report(const nlohmann::ordered_json& document, const ImportContext& context,
                             Imported& imported);
// One object of the clients' family: vLLM, SGLang, InferenceX.
void import_client_json(const nlohmann::ordered_json& document, ImportFormat format,
                        const ImportContext& context, Imported& imported);

// Formats of one JSON object a line, fed in order.
class LineImport {
 public:
  virtual ~LineImport() = default;
  // `context.repeated` is of this line; `path` names it in errors ("line 3").
  virtual void add(const nlohmann::ordered_json& line, const std::string& path,
                   const ImportContext& context) = 0;
  virtual void finish(Imported& imported) = 0;
};
std::unique_ptr<LineImport> client_lines_import(ImportFormat format);
std::unique_ptr<LineImport> benchmark_reports_import();
std::unique_ptr<LineImport> aiperf_records_import();
std::unique_ptr<LineImport> hadal_requests_import();

// Tables that export_csv wrote.
void import_hadal_csv(std::string_view text, const ImportContext& context, Imported& imported);

// Figures per GPU from those of the whole deployment, once the number of GPUs is known; warns where
// it is not, by this name.
class PointBuilder;
void derive_per_gpu(PointBuilder& builder, int gpus, std::string_view unknown_warning);
// Warns of names that an object gives twice, and keeps the values that were not taken.
void note_repeated(PointBuilder& builder, const std::vector<RepeatedName>& repeated);

}  // namespace hadal
