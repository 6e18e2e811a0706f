// Results of any content, in every format: they are imported or refused with an Error, and what was
// imported can be exported and read back. The input's first byte says which format is named (beyond
// the last: none); the rest is the file.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "measure/exchange/export.h"
#include "measure/exchange/import.h"

namespace {

using hadal::Imported;
using hadal::ImportFormat;

void require(bool condition) {
  if (!condition) std::abort();
}

// The formats of ours must take back whatever an import made.
void require_tables_read_back(const Imported& imported) {
  const std::string table = hadal::export_csv(imported.runs);
  const Imported again = hadal::import_text(table, "table.csv");
  require(hadal::export_csv(again.runs) == table);
}

void export_all(const Imported& imported) {
  for (const hadal::RunRecord& run : imported.runs) {
    for (const hadal::PointRecord& point : run.points) {
      for (const auto form : {hadal::ReportForm::kYaml, hadal::ReportForm::kJson}) {
        hadal::export_benchmark_report(run, point, form, "0");
      }
    }
  }
  try {
    hadal::export_inferencex(imported.runs);
  } catch (const hadal::Error&) {  // rows cannot say everything
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  constexpr uint8_t kFormats = static_cast<uint8_t>(ImportFormat::kHadalRequests) + 1;
  hadal::ImportOptions options;
  if (data[0] < kFormats) options.format = static_cast<ImportFormat>(data[0]);
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::optional<Imported> imported;
  try {
    imported = hadal::import_text(text, "results", options);
  } catch (const hadal::Error&) {
    return 0;
  }
  require(!imported->runs.empty());
  require_tables_read_back(*imported);
  export_all(*imported);
  return 0;
}
