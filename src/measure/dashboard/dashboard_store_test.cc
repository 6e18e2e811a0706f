// The dashboard over either kind of store, and over one that somebody holds locked.
#include <gtest/gtest.h>
#include <string>

#include <nlohmann/json.hpp>

#include "measure/dashboard/dashboard_api.h"
#include "measure/store/sqlite_connection.h"
#include "support/stored_runs.h"

namespace hadal {
namespace {

using nlohmann::json;

class DashboardStoreTest : public test::StoreTest {
 protected:
  ApiAnswer get(const std::string& path) const {
    return DashboardApi(place(), "1").answer({.path = path});
  }
};
INSTANTIATE_TEST_SUITE_P(Stores, DashboardStoreTest, testing::Values("sqlite", "postgresql"),
                         test::store_name);

TEST_P(DashboardStoreTest, ShowsItsRuns) {
  std::string id;
  {
    RunStore store = open();
    id = test::save_some_run(store);
    test::save_some_run(store);
  }
  const json overview = json::parse(get("/api/v1/overview").body);
  EXPECT_TRUE(overview["problem"].is_null()) << overview["problem"];
  EXPECT_EQ(overview["page"]["total"], 2);
  EXPECT_EQ(overview["page"]["runs"][0]["points"].size(), 2u);
  EXPECT_EQ(json::parse(get("/api/v1/runs/" + id).body)["run_id"], id);
  const json point = json::parse(get("/api/v1/runs/" + id + "/points/0").body);
  EXPECT_EQ(point["lanes"].size(), 10u);
  EXPECT_EQ(json::parse(get("/api/v1/runs").body)["runs"].size(), 2u);
  const ApiAnswer csv = get("/api/v1/points.csv");
  EXPECT_EQ(csv.status, 200);
  EXPECT_NE(csv.body.find(id), std::string::npos);
  EXPECT_EQ(get("/api/v1/runs/none").status, 404);
}

TEST(DashboardLockedStore, IsSaidAndTheRestIsShown) {
  const test::TemporaryDirectory directory;
  const std::string place = (directory.path() / "runs.sqlite").string();
  {
    RunStore store = RunStore::open(place);
    test::save_some_run(store);
  }
  const auto holder = open_sqlite({.path = place, .access = SqliteAccess::kExisting});
  holder->execute("PRAGMA locking_mode = EXCLUSIVE");
  holder->execute("BEGIN EXCLUSIVE");
  holder->execute("DELETE FROM annotations");
  const DashboardApi api(place, "1");
  const ApiAnswer answer = api.answer({.path = "/api/v1/overview"});
  EXPECT_EQ(answer.status, 200);
  const json overview = json::parse(answer.body);
  EXPECT_EQ(overview["problem"]["code"], "unavailable");
  EXPECT_GT(overview["published"].size(), 50u);
  EXPECT_EQ(api.answer({.path = "/api/v1/runs"}).status, 503);
}

}  // namespace
}  // namespace hadal
