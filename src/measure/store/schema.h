// The run store's tables, for both databases, and how a store of an older version becomes one of
// this. Tables only grow: triggers refuse every UPDATE and DELETE, and rows of a run that has
// ended. docs/measuring.md describes each table. Knows nothing of records (run_rows.h).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "measure/store/sql_connection.h"

namespace hadal {

constexpr int kSchemaVersion = 1;
// In the header of a SQLite file, so that file(1) and others can tell what it is: "hadl".
constexpr int64_t kApplicationId = 0x6861646c;

// How long rows may still come.
enum class RowsUntil {
  kRunEnds,  // sealed with the run: the digests cover them
  kForever,  // what is said of a run afterwards; each row has a digest of its own
};

struct TableColumn {
  std::string name = {};
  std::string type = {};          // "text", "integer", "real", "bytes"
  std::string rule = "NOT NULL";  // of the column
};

struct TableShape {
  std::string name = {};
  std::vector<TableColumn> columns = {};  // the first names the run
  std::string rules = {};                 // of the table: keys and the like
  std::string key = {};                   // columns by which a run's rows are in order
  RowsUntil until = RowsUntil::kRunEnds;

  std::vector<std::string> column_names() const;
  // A statement: all columns of the run $1, in the order of the key.
  std::string select_rows_of_run() const;
};

// The tables that hold a run, in the order in which rows may be added; a run consists of its rows
// in them and of nothing else.
const std::vector<TableShape>& run_tables();
const TableShape& run_table(std::string_view name);

// Which process writes a run; not part of the run, and never exported.
const TableShape& writers_table();
// The digests of a run that has ended, by table (run_digests.h).
const TableShape& digests_table();

// Fields of runs that annotations may correct; in the view run_overview as corrected.
const std::vector<std::string>& correctable_fields();

struct Migration {
  int version = 0;  // that the schema has afterwards
  std::vector<std::string> statements = {};
};

// All of them, ascending, as `dialect` writes them.
std::vector<Migration> migrations(SqlDialect dialect);

// Brings the schema to the last of `steps` in one transaction; an empty database gets all. Throws
// kInvalidFile where the database is of a newer version or of something else, and
// kPermissionDenied where it is older and cannot be written.
void migrate(SqlConnection& connection, std::span<const Migration> steps);

// The schema of a store, as a text that is the same for equal ones; to recognise files that define
// something else. SQLite.
std::string schema_text(SqlConnection& connection);

}  // namespace hadal
