#include "measure/dashboard/export_site.h"

#include <array>
#include <filesystem>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "measure/store/run_store.h"
#include "support/stored_runs.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

using nlohmann::json;

class ExportSiteTest : public testing::Test {
 protected:
  ExportSiteTest() : store_((directory_.path() / "runs.sqlite").string()) {
    RunStore store = RunStore::open(store_);
    for (int i = 0; i < 12; ++i) {
      RunRecord run = test::some_run();
      run.id = "";
      run.created_unix = 1000 + i;
      run.state = RunState::kComplete;
      run.label = "</script><script>alert(" + std::to_string(i) + ")</script><!--";
      run.points = {test::some_point(1, {})};
      const std::vector<PointSamples> samples = {test::some_samples(20)};
      ids_.push_back(store.save(run, samples));
    }
  }

  // What the page reads out of itself.
  static json data_of(const std::string& page) {
    const std::string begin = "<script type=\"application/json\" id=\"hadal-data\">";
    const size_t at = page.find(begin) + begin.size();
    return json::parse(page.substr(at, page.find("</script>", at) - at));
  }

  test::TemporaryDirectory directory_;
  std::string store_;
  std::vector<std::string> ids_;
};

TEST_F(ExportSiteTest, OneFileHoldsEverythingAndNoMarkupOfOthers) {
  const auto path = directory_.path() / "page.html";
  const ExportReport report = export_single_file(store_, "1", path);
  EXPECT_EQ(report.runs, 12);
  EXPECT_EQ(report.of_runs, 12);
  EXPECT_EQ(report.detailed, 12);
  const std::string page = read_text_file(path, kMostFileBytes);
  EXPECT_EQ(report.bytes, page.size());
  EXPECT_EQ(page.find("alert(1)</script>"), std::string::npos);
  EXPECT_EQ(page.find("src=\"app.js\""), std::string::npos);
  EXPECT_EQ(page.find("href=\"app.css\""), std::string::npos);
  EXPECT_NE(page.find("script-src 'sha256-"), std::string::npos);
  const json data = data_of(page);
  EXPECT_EQ(data["pages"][0]["runs"].size(), 12u);
  EXPECT_EQ(data["pages"][0]["runs"][0]["label"], "</script><script>alert(11)</script><!--");
  EXPECT_EQ(data["details"][ids_[3]]["run_id"], ids_[3]);
  EXPECT_EQ(data["details"][ids_[3] + "/0"]["requests"], 20);
}

TEST_F(ExportSiteTest, WhatDoesNotFitIsLeftOutTheOldestFirst) {
  const auto path = directory_.path() / "page.html";
  const size_t all = export_single_file(store_, "1", path).bytes;
  const ExportReport small = export_single_file(store_, "1", path, all - 60'000);
  EXPECT_LE(small.bytes, all - 60'000);
  EXPECT_LT(small.detailed, 12);
  const json data = data_of(read_text_file(path, kMostFileBytes));
  EXPECT_EQ(data["pages"][0]["runs"][0]["id"], ids_.back());
}

TEST_F(ExportSiteTest, AFolderHoldsAFileForEveryQuestion) {
  const auto folder = directory_.path() / "site";
  const ExportReport report = export_folder(store_, "1", folder);
  EXPECT_EQ(report.detailed, 12);
  const auto read = [&](const std::string& name) {
    return json::parse(read_text_file(folder / "data" / name, kMostFileBytes));
  };
  EXPECT_EQ(read("overview.json")["page"]["total"], 12);
  EXPECT_EQ(read("runs-0.json")["runs"].size(), 12u);
  EXPECT_EQ(read("runs/" + ids_[0] + ".json")["run_id"], ids_[0]);
  EXPECT_EQ(read("runs/" + ids_[0] + "-0.json")["requests"], 20);
  EXPECT_NE(read_text_file(folder / "index.html", 100'000).find("content=\"static\""),
            std::string::npos);
}

// A store may come from others: no name in it leads out of the folder.
TEST_F(ExportSiteTest, NamesThatAreNoNamesOfRunsMakeNoFiles) {
  {
    RunStore store = RunStore::open(store_);
    for (const SqlRow& row :
         sql_rows(store.connection(), "SELECT name FROM sqlite_schema WHERE type = 'trigger'")) {
      store.connection().execute("DROP TRIGGER " + std::get<std::string>(row[0]));
    }
    store.connection().execute("PRAGMA foreign_keys = OFF");
    const std::array<SqlValue, 2> names = {ids_[0], std::string("../../escaped")};
    store.connection().execute("UPDATE runs SET id = $2 WHERE id = $1", names);
    store.connection().execute("UPDATE run_ends SET run_id = $2 WHERE run_id = $1", names);
  }
  const ExportReport report = export_folder(store_, "1", directory_.path() / "site");
  EXPECT_EQ(report.of_runs, 12);
  EXPECT_EQ(report.detailed, 11);
  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "site" / "escaped.json"));
}

TEST_F(ExportSiteTest, TextsThatGrowWithinThePageKeepItsLimit) {
  RunStore store = RunStore::open(store_);
  RunRecord run = test::some_run();
  run.id = "";
  run.created_unix = 2000;
  run.state = RunState::kComplete;
  run.provenance_json = "{\"x\": \"" + std::string(20'000, '<') + "\"}";
  run.points = {test::some_point(1, {})};
  store.save(run, {});
  const auto path = directory_.path() / "page.html";
  const size_t all = export_single_file(store_, "1", path).bytes;
  const ExportReport small = export_single_file(store_, "1", path, all - 90'000);
  EXPECT_LE(small.bytes, all - 90'000);
  EXPECT_LT(small.detailed, 13);
}

TEST_F(ExportSiteTest, AStoreThatIsNotThereIsAnError) {
  EXPECT_THROW(export_single_file("/nowhere/runs.sqlite", "1", directory_.path() / "x.html"),
               Error);
}

}  // namespace
}  // namespace hadal
