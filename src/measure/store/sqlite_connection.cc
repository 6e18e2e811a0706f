#include "measure/store/sqlite_connection.h"

#include <cerrno>
#include <fcntl.h>
#include <map>
#include <sqlite3.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/check.h"
#include "base/files.h"

namespace hadal {
namespace {

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

struct Close {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};

constexpr size_t kMostPrepared = 64;
constexpr int kLongestForeignValue = 128 << 20;  // bytes; larger than any that the store writes

// A path within a URI.
std::string uri_path(const std::string& path) {
  std::string uri;
  for (const char c : path) {
    if (c == '?' || c == '#' || c == '%') {
      uri += c == '?' ? "%3F" : c == '#' ? "%23" : "%25";
    } else {
      uri += c;
    }
  }
  return uri;
}

// SQLite takes $1 for a name, which it numbers as it comes upon it; ?1 is the first parameter
// wherever it stands.
std::string with_numbered_parameters(std::string_view sql) {
  std::string numbered(sql);
  bool in_text = false;
  for (size_t i = 0; i + 1 < numbered.size(); ++i) {
    if (numbered[i] == '\'') in_text = !in_text;
    const bool is_number = numbered[i + 1] >= '1' && numbered[i + 1] <= '9';
    if (numbered[i] == '$' && is_number && !in_text) numbered[i] = '?';
  }
  return numbered;
}

// A new file for its owner alone; SQLite gives its log the same permissions.
void make_file(const std::filesystem::path& path) {
  std::error_code error;
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  if (error) throw_system_error(path.parent_path(), "cannot be made", error.value());
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const int error_number = errno;
  if (fd >= 0) {
    ::close(fd);
  } else if (!std::filesystem::exists(path, error)) {
    throw_system_error(path, "cannot be made", error_number);
  }
}

class SqliteConnection final : public SqlConnection {
 public:
  explicit SqliteConnection(const SqliteOptions& options) {
    const bool in_memory = options.path.empty();
    name_ = in_memory ? "a store in memory" : options.path.string();
    const bool may_write =
        options.access == SqliteAccess::kCreate || options.access == SqliteAccess::kExisting;
    if (!in_memory) {
      if (options.access == SqliteAccess::kCreate) make_file(options.path);
      look_at_file(options.path);
    }
    const bool is_foreign = options.access == SqliteAccess::kForeign;
    open(options, may_write, is_foreign);
    if (is_foreign) distrust();
    try {
      look_inside();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kPermissionDenied || !read_only_ || is_foreign) throw;
      // SQLite reads a database with a log only where it can make the log's index beside it. With
      // nothing in the log all of it is in the file, and who cannot write here may read that.
      if (!is_log_empty(options.path)) {
        throw Error({.code = ErrorCode::kPermissionDenied,
                     .where = name_,
                     .what = "has a log beside it with what was written last, and cannot be read "
                             "without writing in its folder",
                     .remedy = "copy the file and the one that ends in -wal to a folder of yours, "
                               "or let the store's owner open it once"});
      }
      statements_.clear();
      open(options, may_write, true);
      look_inside();
    }
    if (read_only_ || in_memory) return;
    // Where the file system has no memory to share, SQLite stays with its older journal, which
    // needs none; readers then wait for writers.
    if (options.write_ahead_log) use_write_ahead_log();
    // A commit is on the disk when it returns.
    execute("PRAGMA synchronous = FULL");
  }

  SqlDialect dialect() const override { return SqlDialect::kSqlite; }
  const std::string& name() const override { return name_; }
  bool read_only() const override { return read_only_; }

  void execute(std::string_view sql, std::span<const SqlValue> parameters) override {
    query(sql, parameters, [](SqlRow&) {});
  }
  void execute(std::string_view sql) { execute(sql, {}); }

  void query(std::string_view sql, std::span<const SqlValue> parameters,
             FunctionRef<void(SqlRow&)> use) override {
    sqlite3_stmt* statement = prepare(sql);
    // Leaves no lock behind, whatever happens.
    struct Reset {
      sqlite3_stmt* statement;
      ~Reset() {
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
      }
    } const reset{statement};
    HADAL_CHECK(static_cast<int>(parameters.size()) == sqlite3_bind_parameter_count(statement));
    for (size_t i = 0; i < parameters.size(); ++i) bind(statement, i, parameters[i]);
    SqlRow row;
    while (true) {
      const int result = sqlite3_step(statement);
      if (result == SQLITE_DONE) return;
      if (result != SQLITE_ROW) fail(result);
      row.clear();
      for (int i = 0; i < sqlite3_column_count(statement); ++i) {
        row.push_back(column(statement, i));
      }
      use(row);
    }
  }

  void begin(SqlTransaction kind) override {
    if (kind != SqlTransaction::kRead && read_only_) fail(SQLITE_READONLY);
    execute(kind == SqlTransaction::kRead    ? "BEGIN"
            : kind == SqlTransaction::kWrite ? "BEGIN IMMEDIATE"
                                             : "BEGIN EXCLUSIVE");
  }
  void commit() override { execute("COMMIT"); }
  void rollback() noexcept override {
    // A full disk may have ended the transaction already.
    if (sqlite3_get_autocommit(database_.get()) == 0) {
      sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    }
  }

 private:
  // The first look into the file: what is no database shows here.
  void look_inside() {
    execute("PRAGMA foreign_keys = ON");
    execute("SELECT COUNT(*) FROM sqlite_schema");
  }

  static bool is_log_empty(const std::filesystem::path& path) {
    struct stat status = {};
    const std::string log = path.string() + "-wal";
    return ::stat(log.c_str(), &status) != 0 ? errno == ENOENT : status.st_size == 0;
  }

  void open(const SqliteOptions& options, bool may_write, bool is_immutable) {
    sqlite3* database = nullptr;
    std::string path = options.path.empty() ? ":memory:" : options.path.string();
    int flags = (may_write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
    if (options.path.empty()) flags |= SQLITE_OPEN_CREATE;
    if (is_immutable) {
      // As the file is: no journal that lies beside it is played, and nothing is made there.
      path = "file:" + uri_path(path) + "?immutable=1";
      flags |= SQLITE_OPEN_URI;
    }
    const int result = sqlite3_open_v2(path.c_str(), &database, flags,
                                       options.vfs.empty() ? nullptr : options.vfs.c_str());
    database_.reset(database);
    HADAL_CHECK(database != nullptr);
    if (result != SQLITE_OK) fail(result);
    sqlite3_extended_result_codes(database_.get(), 1);
    sqlite3_busy_timeout(database_.get(), options.busy_ms);
    read_only_ = sqlite3_db_readonly(database_.get(), "main") == 1;
  }

  static void look_at_file(const std::filesystem::path& path) {
    struct stat status = {};
    if (::stat(path.c_str(), &status) != 0) throw_system_error(path, "cannot be opened", errno);
    if (S_ISREG(status.st_mode)) return;
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = path.string(),
                 .what = S_ISDIR(status.st_mode) ? "is a directory, and a run store is a file"
                                                 : "is no regular file, and a run store is one",
                 .remedy = "name another file"});
  }

  void use_write_ahead_log() {
    std::vector<SqlRow> mode = sql_rows(*this, "PRAGMA journal_mode");
    if (mode.size() == 1 && SqlRowReader(mode.front(), name_).text() == "wal") return;
    try {
      execute("PRAGMA journal_mode = WAL");
    } catch (const Error& error) {
      // Somebody else opened the new file at the same moment and does this.
      if (error.code() != ErrorCode::kUnavailable) throw;
    }
  }

  // A file may hold pages that point anywhere, and a schema that calls whatever functions it likes.
  void distrust() {
    sqlite3* database = database_.get();
    sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_limit(database, SQLITE_LIMIT_LENGTH, kLongestForeignValue);
    execute("PRAGMA cell_size_check = ON");
  }

  sqlite3_stmt* prepare(std::string_view sql) {
    const auto known = statements_.find(sql);
    if (known != statements_.end()) return known->second.get();
    sqlite3_stmt* statement = nullptr;
    const std::string numbered = with_numbered_parameters(sql);
    const int result =
        sqlite3_prepare_v3(database_.get(), numbered.data(), static_cast<int>(numbered.size()),
                           SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    Statement owned(statement);
    if (result != SQLITE_OK) fail(result);
    if (statements_.size() >= kMostPrepared) statements_.clear();
    return statements_.emplace(std::string(sql), std::move(owned)).first->second.get();
  }

  void bind(sqlite3_stmt* statement, size_t place, const SqlValue& value) {
    const int index = static_cast<int>(place) + 1;
    int result = SQLITE_OK;
    if (const auto* integer = std::get_if<int64_t>(&value)) {
      result = sqlite3_bind_int64(statement, index, *integer);
    } else if (const auto* real = std::get_if<double>(&value)) {
      result = sqlite3_bind_double(statement, index, *real);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      result = sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_STATIC,
                                   SQLITE_UTF8);
    } else if (const auto* blob = std::get_if<SqlBlob>(&value)) {
      result = sqlite3_bind_blob64(statement, index, blob->bytes.data(), blob->bytes.size(),
                                   SQLITE_STATIC);
    } else {
      result = sqlite3_bind_null(statement, index);
    }
    if (result != SQLITE_OK) fail(result);
  }

  static SqlValue column(sqlite3_stmt* statement, int i) {
    const auto bytes = [&](const void* data) {
      const auto size = static_cast<size_t>(sqlite3_column_bytes(statement, i));
      return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
    };
    switch (sqlite3_column_type(statement, i)) {
      case SQLITE_INTEGER:
        return int64_t{sqlite3_column_int64(statement, i)};
      case SQLITE_FLOAT:
        return sqlite3_column_double(statement, i);
      case SQLITE_TEXT:
        return bytes(sqlite3_column_text(statement, i));
      case SQLITE_BLOB:
        return SqlBlob{bytes(sqlite3_column_blob(statement, i))};
      default:
        return std::monostate();
    }
  }

  [[noreturn]] void fail(int result) const {
    ErrorParts parts = parts_of(result);
    parts.where = name_;
    if (result != SQLITE_READONLY) {
      parts.what += std::string(" (") + sqlite3_errmsg(database_.get()) + ")";
    }
    throw Error(std::move(parts));
  }

  ErrorParts parts_of(int result) const {
    // A write that fails for another reason than ENOSPC; what the system said is lost by then.
    // Nearly always it is a quota or a limit of size.
    const bool no_room = result == SQLITE_IOERR_WRITE || result == SQLITE_IOERR_SHMSIZE;
    switch (result & 0xFF) {
      case SQLITE_BUSY:
      case SQLITE_LOCKED:
        return {.code = ErrorCode::kUnavailable,
                .what = "another process is writing and does not come to an end",
                .remedy = "wait for it, or see who has the file open"};
      case SQLITE_IOERR:
        if (!no_room) {
          return {.code = ErrorCode::kInvalidFile,
                  .what = "cannot be read or written",
                  .remedy = "check the disk"};
        }
        [[fallthrough]];
      case SQLITE_FULL:
        return {.code = ErrorCode::kResourceExhausted,
                .what = "there is no room left to write",
                .remedy = "free some space; what was stored before is kept"};
      case SQLITE_READONLY:
        return {.code = ErrorCode::kPermissionDenied,
                .what = "can be read and not written",
                .remedy = "check the permissions, or name another store"};
      case SQLITE_CANTOPEN:
      case SQLITE_PERM:
      case SQLITE_AUTH:
        return {.code = ErrorCode::kPermissionDenied,
                .what = "cannot be opened",
                .remedy = "check the permissions of the file and of its folder"};
      case SQLITE_NOTADB:
        return {.code = ErrorCode::kInvalidFile,
                .what = "is not a run store",
                .remedy = "name another file"};
      case SQLITE_CORRUPT:
        return {.code = ErrorCode::kInvalidFile,
                .what = "is damaged",
                .remedy = "save what can be read with: sqlite3 FILE .recover"};
      case SQLITE_CONSTRAINT:
        return {.code = ErrorCode::kInvalidArgument, .what = "the store's rules refuse this"};
      case SQLITE_NOMEM:
      case SQLITE_TOOBIG:
        return {.code = ErrorCode::kResourceExhausted, .what = "a value is too large"};
      default:
        return {.code = ErrorCode::kInternal, .what = "a statement fails"};
    }
  }

  std::string name_;
  bool read_only_ = false;
  std::unique_ptr<sqlite3, Close> database_;
  std::map<std::string, Statement, std::less<>> statements_;
};

}  // namespace

std::unique_ptr<SqlConnection> open_sqlite(const SqliteOptions& options) {
  return std::make_unique<SqliteConnection>(options);
}

}  // namespace hadal
