// What can be wrong with the place that a store is in.
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <sys/stat.h>
#include <unistd.h>

#include "measure/store/bundle.h"
#include "measure/store/postgres_connection.h"
#include "measure/store/run_store.h"
#include "measure/store/schema.h"
#include "measure/store/sqlite_connection.h"
#include "support/equal_records.h"
#include "support/file_size_limit.h"
#include "support/stored_runs.h"

namespace hadal {
namespace {

using test::code_of;
using test::in_child;
using test::save_some_run;
using test::some_run;
using test::some_samples;

class StoreFilesTest : public testing::Test {
 protected:
  std::string path(const std::string& name = "runs.sqlite") const {
    return (directory_ / name).string();
  }
  std::string refusal(const std::string& place, StoreAccess access = StoreAccess::kWrite) {
    try {
      RunStore::open(place, access);
    } catch (const Error& error) {
      EXPECT_NE(error.code(), ErrorCode::kInternal) << error.what();
      return error.what();
    }
    return "was opened";
  }
  void write(const std::string& name, const std::string& bytes) {
    std::ofstream(path(name), std::ios::binary | std::ios::trunc) << bytes;
  }
  void expect_refused(const std::string& place, const std::string& words) {
    const std::string said = refusal(place);
    EXPECT_NE(said.find(words), std::string::npos) << said;
  }

  test::TemporaryDirectory directory_;
};

TEST_F(StoreFilesTest, LiesWhereTheSystemKeepsSuchFiles) {
  const auto set = [](const char* name, const char* value) {
    value == nullptr ? ::unsetenv(name) : ::setenv(name, value, 1);
  };
  const char* home = std::getenv("HOME");
  const std::string home_before = home == nullptr ? "" : home;
  const char* data = std::getenv("XDG_DATA_HOME");
  const std::string data_before = data == nullptr ? "" : data;
  set("HOME", "/home/ann");
  set("XDG_DATA_HOME", nullptr);
  EXPECT_EQ(default_store(), "/home/ann/.local/share/hadal/runs.sqlite");
  set("XDG_DATA_HOME", "relative");
  EXPECT_EQ(default_store(), "/home/ann/.local/share/hadal/runs.sqlite");
  set("XDG_DATA_HOME", "/data");
  EXPECT_EQ(default_store(), "/data/hadal/runs.sqlite");
  set("XDG_DATA_HOME", nullptr);
  set("HOME", nullptr);
  EXPECT_EQ(code_of([] { default_store(); }), ErrorCode::kInvalidArgument);
  set("HOME", home == nullptr ? nullptr : home_before.c_str());
  set("XDG_DATA_HOME", data == nullptr ? nullptr : data_before.c_str());
}

TEST_F(StoreFilesTest, IsMadeForItsOwnerAloneWithItsFolder) {
  const std::string place = path("a/b/runs.sqlite");
  RunStore store = RunStore::open(place);
  save_some_run(store);
  for (const std::string& file : {place, place + "-wal", place + "-shm"}) {
    struct stat status = {};
    ASSERT_EQ(::stat(file.c_str(), &status), 0) << file;
    EXPECT_EQ(status.st_mode & 0777, 0600u) << file;
  }
}

TEST_F(StoreFilesTest, WhatIsNoStoreIsRefusedAndLeftAsItIs) {
  write("text", "these are my notes, and they are longer than the header of a database: " +
                    std::string(100, 'x'));
  expect_refused(path("text"), "is not a run store");
  write("short", "notes");
  expect_refused(path("short"), "is not a run store");
  std::string kept;
  std::ifstream(path("short")) >> kept;
  EXPECT_EQ(kept, "notes");
  open_sqlite({.path = path("other"), .access = SqliteAccess::kCreate})
      ->execute("CREATE TABLE things (x INTEGER)");
  expect_refused(path("other"), "another program");
  std::filesystem::create_directory(path("folder"));
  expect_refused(path("folder"), "is a directory");
  expect_refused("/dev/null", "no regular file");
  write("file", "");
  expect_refused(path("file") + "/runs.sqlite", "cannot be made");
  expect_refused("", "neither a file nor");
  expect_refused("mysql://host/db", "neither a file nor");
  EXPECT_EQ(code_of([&] { RunStore::open(path("missing"), StoreAccess::kRead); }),
            ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(path("missing")));
}

TEST_F(StoreFilesTest, ADamagedFileIsAnErrorAndNeverAWrongRun) {
  std::string id;
  {
    RunStore store = RunStore::open(path());
    id = save_some_run(store);
  }
  std::ifstream in(path(), std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  int failed = 0;
  for (size_t page = 0; page < good.size() / 4096; ++page) {
    std::string bad = good;
    for (size_t i = page == 0 ? 100 : 0; i < 4096; ++i) bad[4096 * page + i] ^= 0x55;
    write("bad", bad);
    try {
      RunStore store = RunStore::open(path("bad"));
      store.check(id);
      test::expect_equal(store.load_samples(id, 0), some_samples(10));
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::kInvalidFile || error.code() == ErrorCode::kNotFound)
          << error.what();
      ++failed;
    }
  }
  EXPECT_GT(failed, 5);
  for (const size_t length : {size_t{512}, size_t{4096}, size_t{8192}, good.size() - 4096}) {
    write("cut", good.substr(0, length));
    EXPECT_EQ(code_of([&] {
                RunStore store = RunStore::open(path("cut"));
                store.check(id);
              }),
              ErrorCode::kInvalidFile)
        << length;
  }
}

TEST_F(StoreFilesTest, ANewerSchemaIsRefusedInClearWords) {
  RunStore::open(path()).connection().execute("INSERT INTO schema_versions VALUES (7)");
  expect_refused(path(), "written by a newer hadal (its tables are of version 7");
}

TEST_F(StoreFilesTest, AnOlderSchemaIsBroughtUpToDateAllOrNothing) {
  const std::string create = "CREATE TABLE notes (x INTEGER NOT NULL)";
  const std::string fill = "INSERT INTO notes SELECT 1";
  const std::vector<Migration> old = {{.version = 1, .statements = {create, fill}}};
  std::vector<Migration> steps = old;
  steps.push_back({.version = 2, .statements = {"ALTER TABLE notes ADD COLUMN y INTEGER"}});
  steps.push_back({.version = 3, .statements = {fill + ", 2", "NO SUCH STATEMENT"}});
  const auto connection = open_sqlite({.path = path(), .access = SqliteAccess::kCreate});
  migrate(*connection, old);
  migrate(*connection, old);
  EXPECT_EQ(sql_integer(*connection, "SELECT COUNT(*) FROM notes"), 1) << "twice the same step";
  // The third step fails: of the second nothing remains either.
  const std::string before = schema_text(*connection);
  EXPECT_THROW(migrate(*connection, steps), Error);
  EXPECT_EQ(schema_text(*connection), before);
  EXPECT_EQ(sql_integer(*connection, "SELECT MAX(version) FROM schema_versions"), 1);
  steps.pop_back();
  migrate(*connection, steps);
  EXPECT_EQ(sql_integer(*connection, "SELECT MAX(version) FROM schema_versions"), 2);
  EXPECT_EQ(sql_integer(*connection, "SELECT COUNT(*) FROM notes WHERE y IS NULL"), 1);
  // Somebody who may only read cannot do that.
  steps.push_back({.version = 3, .statements = {fill + ", 2"}});
  const auto reader = open_sqlite({.path = path(), .access = SqliteAccess::kReadOnly});
  EXPECT_EQ(code_of([&] { migrate(*reader, steps); }), ErrorCode::kPermissionDenied);
}

TEST_F(StoreFilesTest, OnAFullDiskWhatWasStoredIsKept) {
  RunStore store = RunStore::open(path());
  const std::string id = store.begin_run(some_run());
  store.begin_point(id, {.concurrency = 1});
  PointSamples samples = some_samples(40);
  const auto fill = [&] {
    for (int64_t number = 0;; ++number) {
      store.append(id, 0, {.number = number, .requests = samples.requests});
    }
  };
  {
    const FileSizeLimit limit(size_t{512} << 10);
    EXPECT_EQ(code_of(fill), ErrorCode::kResourceExhausted);
  }
  const auto batches = [&] {
    return sql_integer(store.connection(), "SELECT COUNT(*) FROM batches");
  };
  const auto whole = [&](int64_t count) {
    return store.load_samples(id, 0).requests.size() == 40u * static_cast<size_t>(count);
  };
  const int64_t kept = batches();
  EXPECT_GT(kept, 0);
  EXPECT_TRUE(whole(kept)) << "a batch was kept in part";
  // With room again it goes on where it was. Now the database's own limit.
  store.append(id, 0, {.number = kept, .requests = samples.requests});
  store.connection().execute("PRAGMA max_page_count = 100");
  EXPECT_EQ(code_of(fill), ErrorCode::kResourceExhausted);
  EXPECT_GT(batches(), kept);
  EXPECT_TRUE(whole(batches()));
  store.connection().execute("PRAGMA max_page_count = 100000");
  store.finish_run(id, {.state = RunState::kPartial, .reason = "the disk was full"});
  store.check(id);
}

TEST_F(StoreFilesTest, AFileThatCannotBeWrittenCanBeRead) {
  std::string id;
  {
    RunStore store = RunStore::open(path());
    id = save_some_run(store);
    // Without a log beside it, which a reader would have to make.
    store.connection().execute("PRAGMA journal_mode = DELETE");
  }
  ASSERT_EQ(::chmod(path().c_str(), 0444), 0);
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0555), 0);
  EXPECT_EQ(in_child([&] {
              // Root may write everything.
              ASSERT_TRUE(::geteuid() != 0 || ::setuid(65534) == 0);
              RunStore store = RunStore::open(path());
              EXPECT_EQ(store.load(id).run.points.size(), 2u);
              EXPECT_EQ(store.load_samples(id, 0).requests.size(), 10u);
              EXPECT_EQ(code_of([&] { store.annotate(id, {.value = "x"}); }),
                        ErrorCode::kPermissionDenied);
              EXPECT_EQ(code_of([&] { save_some_run(store); }), ErrorCode::kPermissionDenied);
              EXPECT_EQ(code_of([&] { RunStore::open(path("new.sqlite")); }),
                        ErrorCode::kPermissionDenied);
            }),
            0);
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
}

// Its index, which SQLite makes beside it, has no place there.
TEST_F(StoreFilesTest, AStoreWithALogIsReadWhereNothingCanBeWritten) {
  std::string id;
  {
    RunStore store = RunStore::open(path());
    id = save_some_run(store);
  }
  ASSERT_FALSE(std::filesystem::exists(path() + "-wal"));
  std::filesystem::copy_file(path(), path("logged"));
  write("logged-wal", "what was written last");
  for (const std::string& file : {path(), path("logged"), path("logged-wal")}) {
    ASSERT_EQ(::chmod(file.c_str(), 0444), 0);
  }
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0555), 0);
  EXPECT_EQ(in_child([&] {
              ASSERT_TRUE(::geteuid() != 0 || ::setuid(65534) == 0);
              for (const StoreAccess access : {StoreAccess::kRead, StoreAccess::kWrite}) {
                RunStore store = RunStore::open(path(), access);
                EXPECT_EQ(store.load(id).run.points.size(), 2u);
                EXPECT_EQ(code_of([&] { store.annotate(id, {.value = "x"}); }),
                          ErrorCode::kPermissionDenied);
              }
              EXPECT_NE(refusal(path("logged"), StoreAccess::kRead).find("has a log beside it"),
                        std::string::npos)
                  << refusal(path("logged"), StoreAccess::kRead);
            }),
            0);
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
}

TEST_F(StoreFilesTest, AnEmptyFileHoldsNoRunYet) {
  write("empty", "");
  const std::string said = refusal(path("empty"), StoreAccess::kRead);
  EXPECT_NE(said.find("is empty: no run was stored in it yet"), std::string::npos) << said;
  RunStore store = RunStore::open(path("empty"));
  save_some_run(store);
  EXPECT_EQ(RunStore::open(path("empty"), StoreAccess::kRead).list().size(), 1u);
}

TEST_F(StoreFilesTest, ABundleIsNotWrittenTo) {
  {
    RunStore store = RunStore::open(path());
    export_bundle(store, save_some_run(store), path("run.hadalrun"));
  }
  expect_refused(path("run.hadalrun"), "is named as a bundle is");
  expect_refused(path("new.hadalrun"), "is named as a bundle is");
  EXPECT_FALSE(std::filesystem::exists(path("new.hadalrun")));
  EXPECT_EQ(RunStore::open(path("run.hadalrun"), StoreAccess::kRead).list().size(), 1u);
  EXPECT_NO_THROW(check_bundle(path("run.hadalrun")));
}

TEST_F(StoreFilesTest, WhoOpensForReadingWritesNothing) {
  { RunStore::open(path()); }
  RunStore store = RunStore::open(path(), StoreAccess::kRead);
  EXPECT_EQ(code_of([&] { store.begin_run(some_run()); }), ErrorCode::kPermissionDenied);
}

// Some network file systems: SQLite's lock by a file beside it does without shared memory as well.
TEST_F(StoreFilesTest, WithoutSharedMemoryAnotherJournalServes) {
  RunStore store(
      open_sqlite({.path = path(), .access = SqliteAccess::kCreate, .vfs = "unix-dotfile"}));
  const std::string id = save_some_run(store);
  store.check(id);
  std::vector<SqlRow> mode = sql_rows(store.connection(), "PRAGMA journal_mode");
  EXPECT_EQ(SqlRowReader(mode.at(0), "").text(), "delete");
  // And where there is some it is the log.
  RunStore other = RunStore::open(path("other.sqlite"));
  mode = sql_rows(other.connection(), "PRAGMA journal_mode");
  EXPECT_EQ(SqlRowReader(mode.at(0), "").text(), "wal");
}

TEST_F(StoreFilesTest, AWriterThatDoesNotEndIsNamed) {
  RunStore store = RunStore::open(path());
  RunStore other(open_sqlite({.path = path(), .access = SqliteAccess::kExisting, .busy_ms = 1}));
  const SqlTransactionScope writing(store.connection(), SqlTransaction::kWrite);
  EXPECT_EQ(code_of([&] { save_some_run(other); }), ErrorCode::kUnavailable);
  EXPECT_TRUE(other.list().empty()) << "reading goes on";
}

class PostgresPlaceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::PostgresServer::is_installed()) GTEST_SKIP() << "PostgreSQL is not installed";
    ASSERT_NE(test::PostgresServer::get(), nullptr) << "the server does not start";
  }
};

TEST_F(PostgresPlaceTest, WhatCannotBeReachedIsSaidWithoutThePassword) {
  const auto message = [](const std::string& uri) -> std::string {
    try {
      RunStore::open(uri);
    } catch (const Error& error) {
      EXPECT_NE(error.code(), ErrorCode::kInternal) << error.what();
      return error.what();
    }
    return "was opened";
  };
  const std::string missing = message(test::PostgresServer::get()->uri("no_such_database"));
  EXPECT_NE(missing.find("no such database"), std::string::npos) << missing;
  for (const std::string& uri : {std::string("postgresql://ann:secret@127.0.0.1:1/x"),
                                 std::string("postgresql://ann:secret@127.0.0.1:1:2/x?nonsense=1"),
                                 std::string("postgresql://ann:secret@[::/x")}) {
    const std::string said = message(uri);
    EXPECT_NE(said, "was opened");
    EXPECT_EQ(said.find("secret"), std::string::npos) << said;
  }
}

TEST_F(PostgresPlaceTest, SharesADatabaseWithOthers) {
  const test::PostgresServer& server = *test::PostgresServer::get();
  open_postgres(server.uri("postgres"))->execute("CREATE DATABASE shared");
  const auto other = open_postgres(server.uri("shared"));
  other->execute("CREATE TABLE public.runs (x BIGINT)");
  RunStore store = RunStore::open(server.uri("shared"));
  save_some_run(store);
  EXPECT_EQ(sql_integer(*other, "SELECT COUNT(*) FROM public.runs"), 0);
  // The rules hold for whoever comes without the store.
  other->execute("SET search_path TO public");
  EXPECT_EQ(code_of([&] { other->execute("UPDATE hadal.metrics SET mean = 1"); }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { other->execute("TRUNCATE hadal.metrics"); }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] {
              other->execute(
                  "INSERT INTO hadal.points SELECT run_id, 9, 1, NULL, '', 0, 0 FROM "
                  "hadal.points LIMIT 1");
            }),
            ErrorCode::kInvalidArgument);
}

TEST_F(PostgresPlaceTest, ALostConnectionIsMadeAnew) {
  const test::PostgresServer& server = *test::PostgresServer::get();
  open_postgres(server.uri("postgres"))->execute("CREATE DATABASE lost");
  RunStore store = RunStore::open(server.uri("lost"));
  const std::string id = store.begin_run(some_run());
  store.begin_point(id, {.concurrency = 1});
  const PointSamples samples = some_samples(3);
  open_postgres(server.uri("postgres"))
      ->execute(
          "SELECT CAST(pg_terminate_backend(pid) AS INT) FROM pg_stat_activity WHERE "
          "datname = 'lost'");
  const auto append = [&] { store.append(id, 0, {.requests = samples.requests}); };
  EXPECT_EQ(code_of(append), ErrorCode::kUnavailable);
  append();
  EXPECT_EQ(store.load_samples(id, 0).requests.size(), 3u);
}

TEST(SqliteConnectionTest, BindsByNumberWhateverTheOrder) {
  const std::unique_ptr<SqlConnection> memory = open_sqlite({});
  const std::vector<SqlValue> values = {int64_t{1}, int64_t{2}};
  std::vector<SqlRow> rows = sql_rows(*memory, "SELECT $2, $1, $2, '$1'", values);
  SqlRowReader row(rows.at(0), "");
  EXPECT_EQ(row.integer(), 2);
  EXPECT_EQ(row.integer(), 1);
  EXPECT_EQ(row.integer(), 2);
  EXPECT_EQ(row.text(), "$1");
}

TEST(PostgresConnectionTest, TakesTheTimeoutOfTheAddressAlone) {
  EXPECT_EQ(postgres_connect_timeout("postgresql://host/db?connect_timeout=3"), "3");
  EXPECT_EQ(postgres_connect_timeout("postgresql://host/connect_timeout"), "10");
  EXPECT_EQ(postgres_connect_timeout("postgresql://host/db?application_name=connect_timeout"),
            "10");
  EXPECT_THROW(postgres_connect_timeout("postgresql://host/db?nonsense=1"), Error);
}

}  // namespace
}  // namespace hadal
