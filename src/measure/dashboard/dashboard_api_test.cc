#include "measure/dashboard/dashboard_api.h"

#include <algorithm>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "measure/metrics/metric_ids.h"
#include "measure/store/run_json.h"
#include "measure/store/run_store.h"
#include "support/stored_runs.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

using nlohmann::json;
using test::TemporaryDirectory;

class DashboardApiTest : public testing::Test {
 protected:
  std::string store_path() const { return (directory_.path() / "runs.sqlite").string(); }
  ApiAnswer get(const std::string& path,
                std::map<std::string, std::string, std::less<>> query = {}) const {
    return DashboardApi(store_path(), "1.2.3").answer({.path = path, .query = std::move(query)});
  }
  json body(const std::string& path,
            std::map<std::string, std::string, std::less<>> query = {}) const {
    const ApiAnswer answer = get(path, std::move(query));
    EXPECT_EQ(answer.status, 200) << answer.body;
    return json::parse(answer.body);
  }

  TemporaryDirectory directory_;
};

TEST_F(DashboardApiTest, WithoutAStoreThereIsWhatOthersPublished) {
  const json overview = body("/api/v1/overview");
  EXPECT_EQ(overview["schema"], "hadal.dashboard/1");
  EXPECT_EQ(overview["hadal"], "1.2.3");
  EXPECT_TRUE(overview["problem"].is_null());
  EXPECT_EQ(overview["page"]["total"], 0);
  EXPECT_TRUE(overview["page"]["next"].is_null());
  EXPECT_GT(overview["published"].size(), 50u);
  EXPECT_GT(overview["metrics"].size(), 30u);
  EXPECT_GT(overview["hardware"]["accelerators"].size(), 5u);
}

// The curve that the page draws of others' points: day 0 and day 26 of SGLang on the MI355X.
TEST_F(DashboardApiTest, PublishedPointsHaveTheirFiguresAndDates) {
  const json overview = body("/api/v1/overview");
  const auto find = [&](const std::string& id) {
    for (const json& run : overview["published"]) {
      if (run["id"] == id) return run;
    }
    return json();
  };
  const json run = find("published:mi355x|sglang|TP8|8192/1024|2026-05-21");
  EXPECT_EQ(run["date"], "2026-05-21");
  EXPECT_EQ(run["created"], 1779321600);
  EXPECT_EQ(run["workload"], "8k1k");
  EXPECT_EQ(run["layout"], "TP8");
  EXPECT_EQ(run["origin"], "published");
  ASSERT_EQ(run["points"].size(), 9u);
  double best = 0;
  for (const json& point : run["points"]) {
    const json& rate = point["metrics"]["rate.total_tokens_per_gpu/1"];
    best = std::max(best, rate[1].get<double>());
    EXPECT_EQ(point["metrics"]["interactivity.tpot/1"].size(), 3u);  // a median alone
  }
  EXPECT_EQ(best, 2256.1);
}

TEST_F(DashboardApiTest, RunsHaveTheFiguresOfTheStore) {
  RunStore store = RunStore::open(store_path());
  const std::string id = test::save_some_run(store);
  store.annotate(id, {.author = "ops", .field = "gpus", .value = "16", .reason = "two machines"});
  const json page = body("/api/v1/overview")["page"];
  EXPECT_EQ(page["total"], 1);
  const json& run = page["runs"][0];
  const RunRecord stored = store.load(id).run;
  EXPECT_EQ(run["id"], id);
  EXPECT_EQ(run["gpus"], 16);
  EXPECT_EQ(run["notes"][0]["reason"], "two machines");
  EXPECT_EQ(run["gate"], "passed");
  ASSERT_EQ(run["points"].size(), stored.points.size());
  for (size_t i = 0; i < stored.points.size(); ++i) {
    const json& metrics = run["points"][i]["metrics"];
    ASSERT_EQ(metrics.size(), stored.points[i].metrics.size());
    for (const MetricValue& metric : stored.points[i].metrics) {
      const json& values = metrics[metric.id];
      EXPECT_EQ(values[0], metric.count);
      EXPECT_EQ(values[1], *metric.mean);
      EXPECT_EQ(values[2], *metric.p50);
    }
  }
  EXPECT_EQ(get("/api/v1/runs/" + id).body, run_to_json(stored));
  EXPECT_EQ(get("/api/v1/runs/" + id.substr(0, 20)).body, run_to_json(stored));
}

TEST_F(DashboardApiTest, PagesGiveEveryRunOnceTheNewestFirst) {
  RunStore store = RunStore::open(store_path());
  std::vector<std::string> ids;
  for (int i = 0; i < 7; ++i) {
    RunRecord run = test::some_run();
    run.id = "";
    run.created_unix = 1000.0 + i / 2;  // two at a time
    run.state = RunState::kComplete;
    ids.push_back(store.save(run, {}));
  }
  std::vector<std::string> seen;
  json next = 0;
  while (!next.is_null()) {
    const json page = body("/api/v1/runs", {{"offset", next.dump()}, {"most", "3"}});
    for (const json& run : page["runs"]) seen.push_back(run["id"]);
    next = page["next"];
  }
  ASSERT_EQ(seen.size(), ids.size());
  std::sort(seen.begin(), seen.end());
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(seen, ids);
}

TEST_F(DashboardApiTest, DamagedRunsDoNotKeepOthersAway) {
  std::string bad;
  {
    RunStore store = RunStore::open(store_path());
    test::save_some_run(store);
    RunRecord run = test::some_run();
    run.id = "";
    run.state = RunState::kComplete;
    run.created_unix += 10;
    run.points = {test::some_point(1, {})};
    bad = store.save(run, {});
    for (const SqlRow& row :
         sql_rows(store.connection(), "SELECT name FROM sqlite_schema WHERE type = 'trigger'")) {
      store.connection().execute("DROP TRIGGER " + std::get<std::string>(row[0]));
    }
    const SqlValue id = bad;
    store.connection().execute("UPDATE point_results SET warnings = 'no list' WHERE run_id = $1",
                               {&id, 1});
  }
  const json page = body("/api/v1/overview")["page"];
  EXPECT_EQ(page["runs"].size(), 1u);
  ASSERT_EQ(page["damaged"].size(), 1u);
  EXPECT_EQ(page["damaged"][0]["id"], bad);
}

TEST_F(DashboardApiTest, APointThatIsBeingMeasuredIsNoEndedOne) {
  RunStore store = RunStore::open(store_path());
  RunRecord run = test::some_run();
  run.id = "";
  store.begin_point(store.begin_run(run), {.concurrency = 1}, 0);
  const json page = body("/api/v1/overview")["page"];
  EXPECT_EQ(page["runs"][0]["state"], "running");
  EXPECT_EQ(page["runs"][0]["points"][0]["warnings"][0],
            "this point is being measured; it is summed up at its end");
}

TEST_F(DashboardApiTest, ViewsAsCsvHoldWhatOthersPublished) {
  const ApiAnswer answer = get("/api/v1/views/frontier.csv", {{"hardware", "mi355x"}});
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.content_type.starts_with("text/csv"));
  EXPECT_NE(answer.body.find("published,mi355x,"), std::string::npos);
  EXPECT_EQ(get("/api/v1/views/table.csv").status, 404);
  EXPECT_EQ(get("/api/v1/views/frontier").status, 404);
  EXPECT_EQ(get("/api/v1/views/history.csv").status, 400);
}

class EchoPlanner final : public DashboardPlanner {
 public:
  std::string choices_json() const override { return R"({"schema": "hadal.planner/1"})"; }
  std::string plan_json(const Question& question) const override {
    if (question.contains("hopeless")) {
      throw Error({.code = ErrorCode::kResourceExhausted, .where = "it", .what = "has no answer"});
    }
    return json(question).dump();
  }
};

TEST_F(DashboardApiTest, APlannerAnswersWhereThereIsOne) {
  EXPECT_EQ(get("/api/v1/plan").status, 404);
  EXPECT_EQ(get("/api/v1/planner").status, 404);
  const EchoPlanner planner;
  const DashboardApi api(store_path(), "1", &planner);
  EXPECT_EQ(json::parse(api.answer({.path = "/api/v1/planner"}).body)["schema"], "hadal.planner/1");
  EXPECT_EQ(json::parse(api.answer({.path = "/api/v1/plan", .query = {{"model", "pro"}}}).body),
            json({{"model", "pro"}}));
  const ApiAnswer none = api.answer({.path = "/api/v1/plan", .query = {{"hopeless", "1"}}});
  EXPECT_EQ(none.status, 422);
  EXPECT_EQ(json::parse(none.body)["error"]["message"], "it: has no answer");
}

TEST_F(DashboardApiTest, AStoreThatCannotBeReadIsTold) {
  {
    AtomicFile file(store_path());
    file.write("this is no database, and long enough to be looked at as one");
    file.commit();
  }
  const json overview = body("/api/v1/overview");
  EXPECT_EQ(overview["problem"]["code"], "invalid_file");
  EXPECT_EQ(overview["page"]["total"], 0);
  EXPECT_EQ(get("/api/v1/runs").status, 500);
}

TEST_F(DashboardApiTest, OfANewerVersionItIsTold) {
  {
    RunStore store = RunStore::open(store_path());
    store.connection().execute("INSERT INTO schema_versions VALUES (99)");
  }
  const json overview = body("/api/v1/overview");
  EXPECT_NE(overview["problem"]["message"].get<std::string>().find("newer hadal"),
            std::string::npos);
}

TEST_F(DashboardApiTest, WrongAddressesAreRefusedByName) {
  RunStore store = RunStore::open(store_path());
  const std::string id = test::save_some_run(store);
  const std::pair<std::string, int> wrong[] = {{"/api/v1/nothing", 404},
                                               {"/nothing.js", 404},
                                               {"/../etc/passwd", 404},
                                               {"/api/v1/runs/ZZZZ", 404},
                                               {"/api/v1/runs/", 404},
                                               {"/api/v1/runs/" + id + "/points/9", 404},
                                               {"/api/v1/runs/" + id + "/points/x", 400},
                                               {"/api/v1/runs/" + id + "/points/9.jsonl", 404},
                                               {"/api/v1/runs/" + id + "/other/1", 404}};
  for (const auto& [path, status] : wrong) {
    const ApiAnswer answer = get(path);
    EXPECT_EQ(answer.status, status) << path << answer.body;
    EXPECT_FALSE(json::parse(answer.body)["error"]["message"].get<std::string>().empty());
  }
  EXPECT_EQ(get("/api/v1/runs", {{"offset", "-1"}}).status, 400);
  EXPECT_EQ(get("/api/v1/runs", {{"offset", "1e3"}}).status, 400);
}

TEST_F(DashboardApiTest, TablesAndComparisonsHaveAddresses) {
  RunStore store = RunStore::open(store_path());
  const std::string id = test::save_some_run(store);
  const ApiAnswer csv = get("/api/v1/points.csv");
  EXPECT_EQ(csv.content_type, "text/csv; charset=utf-8");
  EXPECT_NE(csv.body.find(id), std::string::npos);
  EXPECT_EQ(get("/api/v1/points.csv", {{"engine", "none of that name"}}).body.find(id),
            std::string::npos);
  EXPECT_NE(get("/api/v1/runs/" + id + ".csv").body.find(id), std::string::npos);
  EXPECT_EQ(body("/api/v1/compare", {{"a", id}, {"b", id}})["schema"], "hadal.comparison/1");
  EXPECT_NE(get("/api/v1/runs/" + id + "/points/0.jsonl").body.find("\"events\""),
            std::string::npos);
}

TEST_F(DashboardApiTest, TheDescriptionNamesEveryAddress) {
  const json openapi = body("/api/v1/openapi.json");
  EXPECT_EQ(openapi["openapi"], "3.1.0");
  for (const char* path : {"/api/v1/overview", "/api/v1/runs", "/api/v1/runs/{run}",
                           "/api/v1/runs/{run}/points/{point}", "/api/v1/points.csv"}) {
    EXPECT_TRUE(openapi["paths"].contains(path)) << path;
  }
}

TEST_F(DashboardApiTest, ThePageIsThere) {
  const ApiAnswer page = get("/");
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_NE(page.body.find("app.js"), std::string::npos);
  EXPECT_GT(get("/app.js").body.size(), 100'000u);
  EXPECT_EQ(get("/app.css").content_type, "text/css; charset=utf-8");
}

}  // namespace
}  // namespace hadal
