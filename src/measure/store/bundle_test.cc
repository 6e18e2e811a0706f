#include "measure/store/bundle.h"

#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <sys/stat.h>

#include "measure/store/run_digests.h"
#include "measure/store/schema.h"
#include "measure/store/sqlite_connection.h"
#include "support/equal_records.h"
#include "support/stored_runs.h"

namespace hadal {
namespace {

using test::code_of;
using test::save_some_run;
using test::some_run;
using test::some_samples;

class BundleTest : public test::StoreTest {
 protected:
  std::filesystem::path bundle(const std::string& name = "a") const {
    return directory_ / (name + kBundleSuffix);
  }
};

INSTANTIATE_TEST_SUITE_P(Stores, BundleTest, testing::Values("sqlite", "postgresql"),
                         test::store_name);

TEST_P(BundleTest, GoesFromAnyStoreIntoAnyStore) {
  RunStore store = open();
  save_some_run(store);
  const std::string id = save_some_run(store);
  store.annotate(id, {.author = "ann", .field = "hardware", .value = "b200"});
  export_bundle(store, id, bundle());
  const BundleInfo info = check_bundle(bundle());
  EXPECT_EQ(info.run_id, id);
  EXPECT_EQ(info.sha256, store.load(id).digests.back().sha256);

  for (const std::string& place : {new_place(), (directory_ / "other.sqlite").string()}) {
    RunStore other = RunStore::open(place);
    const BundleImport imported = import_bundle(other, bundle());
    EXPECT_TRUE(imported.added);
    EXPECT_EQ(imported.run_id, id);
    EXPECT_EQ(other.list().size(), 1u);
    const StoredRun stored = other.load(id);
    test::expect_equal_heads(stored.original, some_run());
    EXPECT_EQ(stored.run.hardware, "b200");
    EXPECT_EQ(stored.run.gate, GateVerdict::kPassed);
    EXPECT_EQ(stored.digests.back().sha256, info.sha256);
    test::expect_equal(other.load_samples(id, 0), some_samples(10));
    other.check(id);
    // And once more from there.
    const std::filesystem::path again = bundle("again" + std::to_string(place.size()));
    export_bundle(other, id, again);
    EXPECT_EQ(check_bundle(again).sha256, info.sha256);
  }
  // A bundle is itself a store with one run.
  RunStore as_store = RunStore::open(bundle().string(), StoreAccess::kRead);
  EXPECT_EQ(as_store.list().at(0).run.id, id);
}

TEST_P(BundleTest, WhatIsThereAlreadyGainsOnlyWhatWasSaidLater) {
  RunStore store = open();
  const std::string id = save_some_run(store);
  export_bundle(store, id, bundle("first"));
  store.annotate(id, {.value = "a note"});
  store.record_gate(id, GateVerdict::kFailed, "{}");
  export_bundle(store, id, bundle("second"));
  RunStore other = RunStore::open(new_place());
  import_bundle(other, bundle("first"));
  other.annotate(id, {.value = "another"});
  const BundleImport imported = import_bundle(other, bundle("second"));
  EXPECT_FALSE(imported.added);
  EXPECT_EQ(imported.later_rows, 2);
  EXPECT_EQ(other.load(id).annotations.size(), 2u);
  EXPECT_EQ(other.load(id).run.gate, GateVerdict::kFailed);
  EXPECT_EQ(import_bundle(other, bundle("second")).later_rows, 0);
}

TEST_P(BundleTest, TheSameRunWithAnotherContentIsRefused) {
  RunStore store = open();
  RunRecord run = some_run();
  run.state = RunState::kComplete;
  run.id = store.save(run, {});
  export_bundle(store, run.id, bundle());
  RunStore other = RunStore::open(new_place());
  run.hardware = "h100";
  other.save(run, {});
  EXPECT_EQ(code_of([&] { import_bundle(other, bundle()); }), ErrorCode::kInvalidFile);
  EXPECT_EQ(other.load(run.id).run.hardware, "h100");
}

TEST_P(BundleTest, ARunThatGoesOnAndAFileThatIsThereAreRefused) {
  RunStore store = open();
  const std::string running = store.begin_run(some_run());
  EXPECT_EQ(code_of([&] { export_bundle(store, running, bundle()); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { export_bundle(store, "01ARYZ6S410000000000000000", bundle()); }),
            ErrorCode::kNotFound);
  const std::string id = save_some_run(store);
  std::ofstream(bundle()) << "mine";
  EXPECT_THROW(export_bundle(store, id, bundle()), Error);
  std::string kept;
  std::ifstream(bundle()) >> kept;
  EXPECT_EQ(kept, "mine");
  EXPECT_THROW(export_bundle(store, id, directory_ / "nowhere" / "a.hadalrun"), Error);
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
    files += entry.path().string().find(kBundleSuffix) != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(files, 1u) << "something was left behind";
}

// Files that somebody tampered with. Only what a bundle is counts, not the store it came from.
class ForeignBundleTest : public testing::Test {
 protected:
  void SetUp() override {
    RunStore store = RunStore::open((directory_ / "runs.sqlite").string());
    id_ = save_some_run(store);
    store.annotate(id_, {.field = "gpus", .value = "4"});
    export_bundle(store, id_, path());
  }

  std::filesystem::path path() const { return directory_ / "a b?c#d%.hadalrun"; }

  // As somebody would who owns the file: without triggers and checks in the way.
  void alter(const std::vector<std::string>& statements) {
    const std::unique_ptr<SqlConnection> file =
        open_sqlite({.path = path(), .access = SqliteAccess::kExisting, .write_ahead_log = false});
    file->execute("PRAGMA synchronous = OFF");
    file->execute("PRAGMA ignore_check_constraints = ON");
    SqlTransactionScope writing(*file, SqlTransaction::kWrite);
    std::vector<std::pair<std::string, std::string>> triggers;
    for (SqlRow& row : sql_rows(*file,
                                "SELECT name, sql FROM sqlite_schema WHERE type = "
                                "'trigger'")) {
      triggers.emplace_back(std::get<std::string>(row[0]), std::get<std::string>(row[1]));
      file->execute("DROP TRIGGER " + triggers.back().first);
    }
    for (const std::string& statement : statements) file->execute(statement);
    for (const auto& [name, sql] : triggers) {
      const std::string table = name.substr(0, name.rfind('_'));
      if (sql_integer(*file,
                      "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = '" +
                          table + "'") != 0) {
        file->execute(sql);
      }
    }
    writing.commit();
  }

  // The same, by somebody who makes the digests anew.
  void alter_with_digests(const std::string& statement) {
    alter({statement, "DELETE FROM digests"});
    const std::unique_ptr<SqlConnection> file =
        open_sqlite({.path = path(), .access = SqliteAccess::kExisting, .write_ahead_log = false});
    store_digests(*file, id_);
  }

  std::string refusal() {
    try {
      check_bundle(path());
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidFile) << error.what();
      return error.what();
    }
    return "was taken";
  }

  void expect_refused(const std::string& words) {
    EXPECT_NE(refusal().find(words), std::string::npos) << refusal();
    RunStore store = RunStore::open((directory_ / "into.sqlite").string());
    EXPECT_THROW(import_bundle(store, path()), Error);
    EXPECT_TRUE(store.list().empty());
  }

  test::TemporaryDirectory directory_;
  std::string id_;
};

TEST_F(ForeignBundleTest, IsTakenAsItWasMadeAndReadableByAll) {
  EXPECT_EQ(check_bundle(path()).run_id, id_);
  struct stat status = {};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0644u);
}

TEST_F(ForeignBundleTest, EveryAlteredTableIsNamed) {
  for (const TableShape& table : run_tables()) {
    // The last column, whatever it holds.
    const std::string& column = table.columns.back().name;
    const std::string value = table.columns.back().type == "text"    ? column + " || ' '"
                              : table.columns.back().type == "bytes" ? "x'00'"
                              : column == "p99_high"                 ? "1.5"
                                                                     : column + " + 1";
    std::filesystem::copy_file(path(), directory_ / "kept",
                               std::filesystem::copy_options::overwrite_existing);
    alter({"UPDATE " + table.name + " SET " + column + " = " + value});
    const std::string said = refusal();
    EXPECT_TRUE(said.find("as it was written") != std::string::npos ||
                said.find("as they were written") != std::string::npos)
        << table.name << ": " << said;
    std::filesystem::copy_file(directory_ / "kept", path(),
                               std::filesystem::copy_options::overwrite_existing);
  }
  EXPECT_EQ(check_bundle(path()).run_id, id_);
}

TEST_F(ForeignBundleTest, MissingAndAddedRowsAreFound) {
  alter({"DELETE FROM requests WHERE place = 9 AND point = 0"});
  expect_refused("requests are not as they were written");
}

TEST_F(ForeignBundleTest, AMissingDigestIsFound) {
  alter({"DELETE FROM digests WHERE name = 'power'"});
  expect_refused("power are not as they were written");
}

// Whoever computes the digests anew can claim anything, and still not what no record can hold.
TEST_F(ForeignBundleTest, RowsThatNoRecordCanHoldAreRefused) {
  alter_with_digests("UPDATE runs SET gpus = 1000000000000");
  expect_refused("out of range");
}

TEST_F(ForeignBundleTest, WordsThatMeanNothingAreRefused) {
  alter_with_digests("UPDATE requests SET outcome = 'gone' WHERE place = 0");
  expect_refused("a word that is none of the known ones");
}

TEST_F(ForeignBundleTest, AnnotationsThatNobodyCanMakeAreRefused) {
  alter({"UPDATE annotations SET value = 'many'"});
  const std::unique_ptr<SqlConnection> file =
      open_sqlite({.path = path(), .access = SqliteAccess::kExisting, .write_ahead_log = false});
  std::vector<SqlRow> rows =
      sql_rows(*file,
               "SELECT run_id, id, created_unix, author, field, value, reason, sha256 "
               "FROM annotations");
  alter({"UPDATE annotations SET sha256 = '" + row_digest(rows.at(0)) + "'"});
  EXPECT_NE(refusal().find("annotation that nobody can make"), std::string::npos) << refusal();
}

TEST_F(ForeignBundleTest, AnotherSchemaIsRefusedBeforeAnythingOfItRuns) {
  // A view in the place of a table that never ends.
  alter({"DROP VIEW figures", "DROP TABLE power",
         "CREATE VIEW power AS WITH RECURSIVE r(run_id) AS (SELECT '' UNION ALL SELECT run_id FROM "
         "r) SELECT run_id, 0 AS point, 0 AS place FROM r"});
  expect_refused("not a bundle");
}

TEST_F(ForeignBundleTest, ANewerOneIsNamedAsSuch) {
  alter({"INSERT INTO schema_versions VALUES (99)", "CREATE TABLE novelty (x INTEGER)"});
  expect_refused("newer hadal");
}

TEST_F(ForeignBundleTest, AStoreOfSeveralRunsIsNoBundle) {
  alter(
      {"INSERT INTO runs SELECT '01ARYZ6S410000000000000000', created_unix, origin, label, url, "
       "model, engine, engine_version, hardware, gpus, prefill_gpus, decode_gpus, precision, "
       "speculation, workload, source, plan_json, provenance_json FROM runs"});
  expect_refused("several runs");
  std::filesystem::remove(path());
  RunStore(open_sqlite({.path = path(), .write_ahead_log = false}));
  EXPECT_NE(refusal().find("no run"), std::string::npos) << refusal();
}

TEST_F(ForeignBundleTest, CutAndFlippedFilesAreRefusedOrTheSame) {
  std::ifstream in(path(), std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  const std::string digest = check_bundle(path()).sha256;
  const auto write = [&](const std::string& bytes) {
    std::ofstream(path(), std::ios::binary | std::ios::trunc) << bytes;
  };
  for (const size_t length :
       {size_t{0}, size_t{1}, size_t{100}, size_t{4096}, good.size() / 2, good.size() - 1}) {
    write(good.substr(0, length));
    EXPECT_NE(refusal(), "was taken") << length;
  }
  // Bits in bytes that nothing uses change nothing that is read.
  uint32_t state = 1;
  for (int i = 0; i < 60; ++i) {
    std::string bad = good;
    state = state * 1664525 + 1013904223;
    bad[state % bad.size()] ^= static_cast<char>(1 << (state >> 29));
    write(bad);
    try {
      EXPECT_EQ(check_bundle(path()).sha256, digest);
    } catch (const Error& error) {
      EXPECT_NE(error.code(), ErrorCode::kInternal) << error.what();
    }
  }
  write("SQLite format 3");
  EXPECT_NE(refusal(), "was taken");
}

}  // namespace
}  // namespace hadal
