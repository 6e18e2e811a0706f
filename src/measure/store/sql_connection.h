// The seam between the run store and a database: one statement at a time with parameters $1, $2, …,
// rows back as plain values, transactions. Two implementations, sqlite_connection.h and
// postgres_connection.h, which alone include the databases' headers; schema and logic stand above
// and are written once, in the SQL that both understand. Knows no table.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/function_ref.h"

namespace hadal {

enum class SqlDialect { kSqlite, kPostgres };

struct SqlBlob {
  std::string bytes = {};
};

// NULL, an integer, a number, a text (UTF-8 without NUL, or the database refuses it), bytes.
using SqlValue = std::variant<std::monostate, int64_t, double, std::string, SqlBlob>;
using SqlRow = std::vector<SqlValue>;

enum class SqlTransaction {
  kRead,   // sees one state of the store throughout
  kWrite,  // waits for its turn; writers of a SQLite file come one after the other
  kAlone,  // as kWrite, and no other such at the same time, in PostgreSQL too
};

// For one thread. Every failure is an Error whose `where` is name(): kUnavailable (locked by
// others, connection lost), kResourceExhausted (disk full), kPermissionDenied (read-only, no
// right), kInvalidFile (damaged, no database), kInvalidArgument (refused by a rule of the schema).
class SqlConnection {
 public:
  virtual ~SqlConnection() = default;

  virtual SqlDialect dialect() const = 0;
  // For messages: the file, or host and database; never a password.
  virtual const std::string& name() const = 0;
  virtual bool read_only() const = 0;

  // One statement; its rows are dropped.
  virtual void execute(std::string_view sql, std::span<const SqlValue> parameters = {}) = 0;
  // One statement; `use` is called for each row and must not use this connection.
  virtual void query(std::string_view sql, std::span<const SqlValue> parameters,
                     FunctionRef<void(SqlRow&)> use) = 0;

  // Transactions do not nest. begin() makes a lost connection anew.
  virtual void begin(SqlTransaction kind) = 0;
  virtual void commit() = 0;
  virtual void rollback() noexcept = 0;
};

// Rolls back unless committed.
class SqlTransactionScope {
 public:
  SqlTransactionScope(SqlConnection& connection, SqlTransaction kind) : connection_(connection) {
    connection_.begin(kind);
  }
  ~SqlTransactionScope() {
    if (open_) connection_.rollback();
  }
  SqlTransactionScope(const SqlTransactionScope&) = delete;
  SqlTransactionScope& operator=(const SqlTransactionScope&) = delete;

  void commit() {
    connection_.commit();
    open_ = false;
  }

 private:
  SqlConnection& connection_;
  bool open_ = true;
};

// All rows of a statement; for those that give few.
std::vector<SqlRow> sql_rows(SqlConnection& connection, std::string_view sql,
                             std::span<const SqlValue> parameters = {});
// The one integer that a statement gives, for example of COUNT(*).
int64_t sql_integer(SqlConnection& connection, std::string_view sql,
                    std::span<const SqlValue> parameters = {});

// Appends rows of as many values as `columns` has, many to a statement.
void sql_insert(SqlConnection& connection, std::string_view table,
                std::span<const std::string> columns, std::span<const SqlRow> rows);

// `text` as databases take it: malformed UTF-8 and NUL become U+FFFD.
std::string sql_text(std::string_view text);

// Takes the values of a row one after the other and refuses (kInvalidFile) what has another type or
// range than a row of the store has: files come from others.
class SqlRowReader {
 public:
  SqlRowReader(SqlRow& row, std::string where) : row_(row), where_(std::move(where)) {}

  int64_t integer();
  int int32();
  bool boolean();
  double real();
  std::string text();
  std::string blob();
  std::optional<int64_t> optional_integer();
  std::optional<double> optional_real();
  // What a word of the row was found to mean, nothing if it is no word of ours.
  template <typename Meaning>
  Meaning known(std::optional<Meaning> meaning) const {
    if (!meaning) refuse("a word that is none of the known ones");
    return *meaning;
  }
  [[noreturn]] void refuse(const std::string& what) const;

 private:
  SqlValue& next();
  template <typename Value>
  Value& take(const char* type);

  SqlRow& row_;
  size_t place_ = 0;
  std::string where_;
};

}  // namespace hadal
