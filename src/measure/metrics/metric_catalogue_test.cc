#include "measure/metrics/metric_catalogue.h"

#include <fstream>
#include <gtest/gtest.h>
#include <regex>
#include <set>
#include <sstream>

#include "measure/metrics/metric_ids.h"
#include "support/source_dir.h"

namespace hadal {
namespace {

TEST(MetricCatalogue, IdsAreUniqueAndCarryAVersion) {
  std::set<std::string_view> seen;
  const std::regex form("[a-z0-9_]+(\\.[a-z0-9_]+)*/[1-9][0-9]*");
  for (const MetricDefinition& d : metric_catalogue()) {
    EXPECT_TRUE(seen.insert(d.id).second) << d.id;
    EXPECT_TRUE(std::regex_match(std::string(d.id), form)) << d.id;
    EXPECT_FALSE(d.unit.empty()) << d.id;
    EXPECT_FALSE(d.definition.empty()) << d.id;
    EXPECT_NE(d.definition.back(), '.') << d.id;
    EXPECT_FALSE(d.formula.empty()) << d.id;
  }
}

TEST(MetricCatalogue, FindsById) {
  const MetricDefinition* tpot = find_metric(metric_ids::kTpotExclFirst);
  ASSERT_NE(tpot, nullptr);
  EXPECT_EQ(tpot->unit, "s");
  EXPECT_EQ(tpot->better, MetricDirection::kLower);
  EXPECT_EQ(find_metric("tpot.excl_first/2"), nullptr);
  EXPECT_EQ(find_metric(""), nullptr);
}

TEST(MetricCatalogue, EveryIdHasAHome) {
  EXPECT_EQ(home_of("ttft.first_token/1"), MetricHome::kCatalogue);
  EXPECT_EQ(home_of("ttft.first_token/2"), MetricHome::kUnknown);
  EXPECT_EQ(home_of("energy.total.gpu/1"), MetricHome::kEnergy);
  EXPECT_EQ(home_of("power.mean.node.provisioned/1"), MetricHome::kEnergy);
  EXPECT_EQ(home_of("energy.total/1"), MetricHome::kUnknown);
  EXPECT_EQ(home_of("energy.total.gpu/2"), MetricHome::kUnknown);
  EXPECT_EQ(home_of("vllm.goodput/1"), MetricHome::kForeign);
  EXPECT_EQ(home_of("vllmx.goodput/1"), MetricHome::kUnknown);
  EXPECT_EQ(home_of(""), MetricHome::kUnknown);
}

TEST(MetricCatalogue, IdsCanStandInATable) {
  for (const MetricDefinition& definition : metric_catalogue()) {
    EXPECT_TRUE(is_metric_id(definition.id)) << definition.id;
  }
  for (const std::string id : {"", "a b", "a,b", "a(b)", "a\"b", "full:a", "ä/1"}) {
    EXPECT_FALSE(is_metric_id(id)) << id;
  }
}

TEST(MetricCatalogue, TableHasARowForEachAndNothingThatBreaksIt) {
  const std::string table = metric_table_markdown();
  std::istringstream lines(table);
  size_t rows = 0;
  for (std::string line; std::getline(lines, line); ++rows) {
    EXPECT_EQ(std::count(line.begin(), line.end(), '|'), 7) << line;
  }
  EXPECT_EQ(rows, metric_catalogue().size() + 2);
}

// The table of docs is this one; whoever changes a definition changes it there.
TEST(MetricCatalogue, DocumentationIsUpToDate) {
  std::ifstream file(test::source_path("docs/measuring/metrics.md"));
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_NE(text.str().find(metric_table_markdown()), std::string::npos)
      << "docs/measuring/metrics.md must hold this table:\n"
      << metric_table_markdown();
}

}  // namespace
}  // namespace hadal
