#include "measure/run/report.h"

#include <gtest/gtest.h>

#include "measure/metrics/load_text.h"
#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/metric_ids.h"

namespace hadal {
namespace {

MetricValue value(std::string_view id, double mean) {
  MetricValue metric = metric_of(id);
  metric.count = 5;
  metric.mean = mean;
  return metric;
}

PointRecord point(int users, double rate, double tpot) {
  PointRecord point;
  point.load.concurrency = users;
  point.window.kind = "steady";
  point.requests = {.attempted = 6, .ok = 5, .failed = 1};
  point.metrics = {value(metric_ids::kRateOutput, rate), value(metric_ids::kTpotExclFirst, tpot),
                   value(metric_ids::kTtftFirstToken, 0.25)};
  return point;
}

TEST(Report, ATableShowsWhatIsThereAndDashesForTheRest) {
  const std::vector<PointRecord> points = {point(1, 40, 0.025), point(2, 76.5, 0.026)};
  const std::string table = points_table(points);
  EXPECT_NE(table.find("concurrency 1"), std::string::npos);
  EXPECT_NE(table.find("76.5"), std::string::npos);
  EXPECT_NE(table.find("250 ms"), std::string::npos);
  EXPECT_NE(table.find("–"), std::string::npos) << "no p99 of five samples";
  EXPECT_EQ(table.find("c: the client"), std::string::npos);
}

TEST(Report, PointsNotToBeTrustedAreMarkedAndExplained) {
  PointRecord slow = point(4, 10, 0.1);
  slow.client.limited = true;
  slow.window.kind = "full";
  slow.warnings = {"tokens are estimated"};
  const std::vector<PointRecord> points = {slow};
  const std::string table = points_table(points);
  EXPECT_NE(table.find(" cw\n"), std::string::npos);
  EXPECT_NE(table.find("c: the client may have"), std::string::npos);
  EXPECT_NE(table.find("concurrency 4: tokens are estimated"), std::string::npos);
}

TEST(Report, TheChartHasABarForEachPointByConcurrency) {
  const std::vector<PointRecord> points = {point(4, 100, 0.04), point(1, 50, 0.02)};
  const std::string chart = throughput_chart(points);
  EXPECT_LT(chart.find("\n    1  "), chart.find("\n    4  "));
  EXPECT_NE(chart.find(" 100"), std::string::npos);
  EXPECT_NE(chart.find("25"), std::string::npos) << "of each: 1 / 0.04";
  EXPECT_EQ(throughput_chart(std::vector<PointRecord>{point(1, 50, 0.02)}), "");
}

TEST(Report, SecondsLoadsAndFigures) {
  EXPECT_EQ(figure_text(12345.6), "12346");
  EXPECT_EQ(figure_text(0.12345), "0.123");
  EXPECT_EQ(seconds_text(0.0123), "12.3 ms");
  EXPECT_EQ(seconds_text(2.5), "2.5 s");
  EXPECT_EQ(seconds_text({}), "–");
  EXPECT_EQ(load_text({.rate = 2.5, .arrivals = "poisson"}), "2.5 requests/s, poisson");
}

}  // namespace
}  // namespace hadal
