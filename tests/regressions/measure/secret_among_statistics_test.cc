// A number under the name of a secret was kept when it stood among a report's statistics, and was
// removed only when the exported table was read again.
#include <gtest/gtest.h>
#include <string>

#include "measure/exchange/export.h"
#include "measure/exchange/import.h"

namespace hadal {
namespace {

TEST(SecretAmongStatisticsTest, IsRemovedAtOnce) {
  const std::string report = R"({"load_summary": {}, "successes": {"count": 649,
      "prompt_len": {"mean": 1492, "rate": 1428.0, "password": 734512},
      "request_latency": {"mean": 4.5}}})";
  const Imported imported = import_text(report, "stage_0_lifecycle_metrics.json");
  const std::string table = export_csv(imported.runs);
  EXPECT_NE(table.find("password"), std::string::npos) << table;
  EXPECT_EQ(table.find("734512"), std::string::npos) << table;
  EXPECT_EQ(export_csv(import_text(table, "table.csv").runs), table);
}

}  // namespace
}  // namespace hadal
