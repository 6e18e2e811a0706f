#include "measure/store/bundle.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <memory>
#include <set>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/files.h"
#include "base/leftovers.h"
#include "measure/store/annotations.h"
#include "measure/store/run_digests.h"
#include "measure/store/run_rows.h"
#include "measure/store/schema.h"
#include "measure/store/sqlite_connection.h"

namespace hadal {
namespace {

constexpr size_t kRowsAtOnce = 1024;

[[noreturn]] void refuse_bundle(
    const std::string& where, const std::string& what,
    const std::string& remedy = "fetch it again from where it was made") {
  throw Error({.code = ErrorCode::kInvalidFile, .where = where, .what = what, .remedy = remedy});
}

// Rows of a table, those whose id is in `known` left out. Gives how many were added.
int64_t copy_table(SqlConnection& from, SqlConnection& to, const TableShape& table,
                   const std::string& run_id, const std::set<std::string>& known = {}) {
  const std::vector<std::string> columns = table.column_names();
  const SqlValue id = run_id;
  std::vector<SqlRow> rows;
  int64_t count = 0;
  const auto flush = [&] {
    sql_insert(to, table.name, columns, rows);
    rows.clear();
  };
  from.query(table.select_rows_of_run(), {&id, 1}, [&](SqlRow& row) {
    const auto* row_id = std::get_if<std::string>(&row.at(1));
    if (row_id != nullptr && known.contains(*row_id)) return;
    // A blob is large; other rows are not.
    const bool large = std::holds_alternative<SqlBlob>(row.back());
    rows.push_back(std::move(row));
    ++count;
    if (large || rows.size() >= kRowsAtOnce) flush();
  });
  flush();
  return count;
}

void copy_run(SqlConnection& from, SqlConnection& to, const std::string& run_id) {
  for (const TableShape& table : run_tables()) copy_table(from, to, table, run_id);
  copy_table(from, to, digests_table(), run_id);
}

std::string digest_of_run(SqlConnection& connection, const std::string& run_id) {
  for (const TableDigest& digest : stored_digests(connection, run_id)) {
    if (digest.name == "run") return digest.sha256;
  }
  return {};
}

// A file that gets its name when it is finished, and is gone otherwise.
class NewFile {
 public:
  explicit NewFile(std::filesystem::path path)
      : path_(std::move(path)),
        leftover_(
            [this] {
              std::string name = path_.string() + ".tmp-XXXXXX";
              const int fd = ::mkostemp(name.data(), O_CLOEXEC);
              if (fd < 0) throw_system_error(path_, "cannot be written", errno);
              ::fchmod(fd, 0644);  // it is made to be passed on
              ::close(fd);
              temporary_ = name;
            },
            [this] { ::unlink(temporary_.c_str()); }) {}
  ~NewFile() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  const std::filesystem::path& temporary() const { return temporary_; }

  // Refuses to replace a file.
  void finish() {
    leftover_.keep([this] {
      const char* from = temporary_.c_str();
      if (::renameat2(AT_FDCWD, from, AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) == 0) return;
      int error_number = errno;
      // Some file systems cannot look and rename in one step.
      if (error_number == EINVAL) {
        if (!std::filesystem::exists(path_) && ::rename(from, path_.c_str()) == 0) return;
        error_number = EEXIST;
      }
      throw_system_error(path_, "cannot be written", error_number);
    });
    temporary_.clear();
  }

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  Leftover leftover_;
};

// The tables, views and triggers that this program makes, and no others: what else a file defines
// could do anything when it is read.
void require_our_schema(SqlConnection& bundle) {
  const std::unique_ptr<SqlConnection> ours = open_sqlite({});
  migrate(*ours, migrations(SqlDialect::kSqlite));
  const std::string theirs = schema_text(bundle);
  if (theirs == schema_text(*ours)) return;
  const std::string versions =
      "table schema_versions schema_versions CREATE TABLE schema_versions "
      "(version INTEGER NOT NULL PRIMARY KEY)\n";
  if (theirs.find(versions) != std::string::npos &&
      sql_integer(bundle, "SELECT COALESCE(MAX(version), 0) FROM schema_versions") >
          kSchemaVersion) {
    refuse_bundle(bundle.name(), "was written by a newer hadal", "import it with that one");
  }
  refuse_bundle(bundle.name(), "is not a bundle of a run",
                "name a file that was made by: runs bundle");
}

// Everything but the samples' blobs, which are decoded when somebody asks for them, reads as the
// records that it stands for.
void require_readable(RunStore& bundle, const std::string& run_id) {
  const StoredRun run = bundle.load(run_id);
  for (const RunAnnotation& annotation : run.annotations) {
    try {
      check_annotation(annotation);
    } catch (const Error& error) {
      refuse_bundle(bundle.name(), std::string("has an annotation that nobody can make (") +
                                       error.parts().what + ")");
    }
  }
  const SqlValue id = run_id;
  SqlConnection& connection = bundle.connection();
  connection.query(run_table("requests").select_rows_of_run(), {&id, 1},
                   [&](SqlRow& row) { request_of(row, connection.name()); });
  connection.query(run_table("power").select_rows_of_run(), {&id, 1},
                   [&](SqlRow& row) { power_of(row, connection.name()); });
}

struct OpenBundle {
  RunStore store;
  std::string run_id;
};

OpenBundle open_checked(const std::filesystem::path& path) {
  std::unique_ptr<SqlConnection> connection =
      open_sqlite({.path = path, .access = SqliteAccess::kForeign});
  SqlConnection& file = *connection;
  require_our_schema(file);
  std::vector<SqlRow> found = sql_rows(file, "PRAGMA integrity_check(1)");
  const std::string state =
      found.size() == 1 ? SqlRowReader(found.front(), file.name()).text() : "nothing";
  if (state != "ok") refuse_bundle(file.name(), "is damaged (" + printable(state, 80) + ")");
  std::vector<SqlRow> runs = sql_rows(file, "SELECT id FROM runs LIMIT 2");
  if (runs.size() != 1) {
    refuse_bundle(file.name(),
                  runs.empty() ? "holds no run" : "holds several runs, and a bundle holds one",
                  "a whole store is opened with --store");
  }
  OpenBundle bundle{.store = RunStore(std::move(connection)),
                    .run_id = SqlRowReader(runs.front(), path.string()).text()};
  check_run(file, bundle.run_id);
  require_readable(bundle.store, bundle.run_id);
  return bundle;
}

std::set<std::string> ids_in(SqlConnection& connection, const std::string& table,
                             const std::string& run_id) {
  std::set<std::string> ids;
  const SqlValue id = run_id;
  connection.query("SELECT id FROM " + table + " WHERE run_id = $1", {&id, 1},
                   [&](SqlRow& row) { ids.insert(SqlRowReader(row, connection.name()).text()); });
  return ids;
}

}  // namespace

void export_bundle(RunStore& store, const std::string& run_id, const std::filesystem::path& path) {
  SqlConnection& from = store.connection();
  if (!from.read_only()) store.end_abandoned();
  SqlTransactionScope reading(from, SqlTransaction::kRead);
  if (stored_digests(from, run_id).empty()) {
    const SqlValue id = run_id;
    const bool known = sql_integer(from, "SELECT COUNT(*) FROM runs WHERE id = $1", {&id, 1}) != 0;
    throw Error({.code = known ? ErrorCode::kInvalidArgument : ErrorCode::kNotFound,
                 .where = store.name(),
                 .what = "run " + printable(run_id, 40) +
                         (known ? " has not ended" : " is not in this store"),
                 .remedy = known ? "wait for its end" : "see what is there with: runs list"});
  }
  NewFile file(path);
  {
    const std::unique_ptr<SqlConnection> to = open_sqlite(
        {.path = file.temporary(), .access = SqliteAccess::kExisting, .write_ahead_log = false});
    // What fails half way is dropped as a whole.
    to->execute("PRAGMA journal_mode = OFF");
    migrate(*to, migrations(SqlDialect::kSqlite));
    SqlTransactionScope writing(*to, SqlTransaction::kWrite);
    copy_run(from, *to, run_id);
    // Also that the store itself still has what was written.
    check_run(*to, run_id);
    writing.commit();
  }
  reading.commit();
  file.finish();
}

BundleInfo check_bundle(const std::filesystem::path& path) {
  OpenBundle bundle = open_checked(path);
  return {.run_id = bundle.run_id,
          .sha256 = digest_of_run(bundle.store.connection(), bundle.run_id)};
}

BundleImport import_bundle(RunStore& store, const std::filesystem::path& path) {
  OpenBundle bundle = open_checked(path);
  SqlConnection& from = bundle.store.connection();
  SqlConnection& to = store.connection();
  BundleImport result{.run_id = bundle.run_id};
  SqlTransactionScope writing(to, SqlTransaction::kAlone);
  const SqlValue id = bundle.run_id;
  result.added = sql_integer(to, "SELECT COUNT(*) FROM runs WHERE id = $1", {&id, 1}) == 0;
  if (result.added) {
    copy_run(from, to, bundle.run_id);
  } else if (digest_of_run(from, bundle.run_id) != digest_of_run(to, bundle.run_id)) {
    refuse_bundle(
        from.name(),
        "holds run " + bundle.run_id + ", which " + to.name() + " has with another content",
        "find out which of the two was altered; neither was changed now");
  } else {
    for (const TableShape& table : run_tables()) {
      if (table.until != RowsUntil::kForever) continue;
      result.later_rows +=
          copy_table(from, to, table, bundle.run_id, ids_in(to, table.name, bundle.run_id));
    }
  }
  writing.commit();
  return result;
}

}  // namespace hadal
