#include "measure/store/schema.h"

#include <algorithm>

#include "base/check.h"

namespace hadal {
namespace {

std::string type_of(SqlDialect dialect, const std::string& type) {
  if (type == "text") return "TEXT";
  const bool sqlite = dialect == SqlDialect::kSqlite;
  if (type == "integer") return sqlite ? "INTEGER" : "BIGINT";
  if (type == "real") return sqlite ? "REAL" : "DOUBLE PRECISION";
  HADAL_CHECK(type == "bytes");
  return sqlite ? "BLOB" : "BYTEA";
}

std::string create_table(SqlDialect dialect, const TableShape& table) {
  std::string sql = "CREATE TABLE " + table.name + " (\n";
  bool large = false;
  for (const TableColumn& column : table.columns) {
    large |= column.type == "bytes";
    sql += "  " + column.name + " " + type_of(dialect, column.type);
    if (!column.rule.empty()) sql += " " + column.rule;
    sql += ",\n";
  }
  sql += "  " + table.rules + "\n)";
  // STRICT: types are kept as PostgreSQL keeps them. Without a number of its own a row is stored
  // once, in its key's order; that does not suit rows longer than a page.
  if (dialect == SqlDialect::kSqlite) sql += large ? " STRICT" : " STRICT, WITHOUT ROWID";
  return sql;
}

// The first version. A store that was made with it may not change under its users' hands: later
// changes are migrations of their own.

// SQLite deletes the row that INSERT OR REPLACE replaces without a word to triggers; so rows that
// are there already are refused as well.
std::string exists_in(const TableShape& table) {
  const size_t open = table.rules.find('(');
  std::string key = table.rules.substr(open + 1, table.rules.find(')') - open - 1);
  std::string condition;
  while (!key.empty()) {
    const size_t end = std::min(key.find(", "), key.size());
    const std::string column = key.substr(0, end);
    condition += (condition.empty() ? "" : " AND ") + column + " = NEW." + column;
    key.erase(0, end + 2);
  }
  return "EXISTS (SELECT 1 FROM " + table.name + " WHERE " + condition + ")";
}

const char* const kAppendOnly = "hadal: rows are only added; corrections are annotations";
const char* const kEnded = "hadal: this run has ended; what is said of it now is an annotation";

bool sealed_with_run(const TableShape& table) {
  return table.until == RowsUntil::kRunEnds && table.name != "runs" && table.name != "run_ends" &&
         table.name != "run_writers";
}

void add_sqlite_triggers(std::vector<std::string>& out, const TableShape& table) {
  const auto trigger = [&](const std::string& name, const std::string& event,
                           const std::string& when, const std::string& message) {
    out.push_back("CREATE TRIGGER " + table.name + "_" + name + " BEFORE " + event + " ON " +
                  table.name + when + " BEGIN SELECT RAISE(ABORT, '" + message + "'); END");
  };
  trigger("update", "UPDATE", "", kAppendOnly);
  trigger("delete", "DELETE", "", kAppendOnly);
  if (sealed_with_run(table)) {
    trigger("sealed", "INSERT", " WHEN EXISTS (SELECT 1 FROM run_ends WHERE run_id = NEW.run_id)",
            kEnded);
  }
  trigger("replace", "INSERT", " WHEN " + exists_in(table), kAppendOnly);
}

void add_postgres_triggers(std::vector<std::string>& out, const TableShape& table) {
  out.push_back("CREATE TRIGGER " + table.name + "_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON " +
                table.name + " FOR EACH STATEMENT EXECUTE FUNCTION hadal.refuse_change()");
  if (!sealed_with_run(table)) return;
  out.push_back("CREATE TRIGGER " + table.name + "_sealed BEFORE INSERT ON " + table.name +
                " FOR EACH ROW EXECUTE FUNCTION hadal.refuse_after_end()");
}

void add_postgres_functions(std::vector<std::string>& out) {
  out.push_back(
      "CREATE FUNCTION hadal.refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN RAISE EXCEPTION '" +
      std::string(kAppendOnly) + "'; END $$");
  out.push_back(
      "CREATE FUNCTION hadal.refuse_after_end() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN IF EXISTS (SELECT 1 FROM hadal.run_ends WHERE run_id = NEW.run_id) THEN "
      "RAISE EXCEPTION '" +
      std::string(kEnded) + "'; END IF; RETURN NEW; END $$");
}

std::string corrected(const std::string& field, const std::string& otherwise) {
  return "COALESCE((SELECT value FROM annotations a WHERE a.run_id = r.id AND a.field = '" + field +
         "' ORDER BY a.created_unix DESC, a.id DESC LIMIT 1), " + otherwise + ")";
}

// Runs as people look for them: corrected, with what came at their end.
std::string create_run_overview() {
  std::string sql =
      "CREATE VIEW run_overview AS SELECT r.id AS id, r.created_unix AS created_unix, ";
  for (const std::string& field : correctable_fields()) {
    if (field.ends_with("gpus")) {
      sql += "CAST(" + corrected(field, "CAST(r." + field + " AS TEXT)") + " AS BIGINT)";
    } else {
      sql += corrected(field, "r." + field);
    }
    sql += " AS " + field + ", ";
  }
  sql += "r.origin AS origin, " + corrected("state", "e.state, 'running'") +
         " AS state, e.ended_unix AS ended_unix, COALESCE(e.reason, '') AS reason, "
         "COALESCE((SELECT verdict FROM gates g WHERE g.run_id = r.id "
         "ORDER BY g.recorded_unix DESC, g.id DESC LIMIT 1), 'not_run') AS gate, "
         "(SELECT COUNT(*) FROM points p WHERE p.run_id = r.id) AS points, "
         "(SELECT COUNT(*) FROM point_results f WHERE f.run_id = r.id) AS finished_points, "
         "COALESCE((SELECT MAX(client_limited) FROM point_results f WHERE f.run_id = r.id), 0) "
         "AS client_limited FROM runs r LEFT JOIN run_ends e ON e.run_id = r.id";
  return sql;
}

std::vector<std::string> first_version(SqlDialect dialect) {
  std::vector<std::string> out;
  std::vector<TableShape> tables = run_tables();
  tables.push_back(writers_table());
  tables.push_back(digests_table());
  for (const TableShape& table : tables) out.push_back(create_table(dialect, table));
  out.emplace_back("CREATE INDEX runs_by_time ON runs (created_unix)");
  out.emplace_back("CREATE INDEX gates_by_run ON gates (run_id, recorded_unix)");
  out.emplace_back("CREATE INDEX annotations_by_run ON annotations (run_id, field, created_unix)");
  out.push_back(create_run_overview());
  // One row a figure, with what people group it by.
  out.emplace_back(
      "CREATE VIEW figures AS SELECT r.id AS run_id, r.model AS model, r.engine AS engine, "
      "r.hardware AS hardware, r.workload AS workload, r.state AS state, r.gate AS gate, "
      "m.point AS point, p.concurrency AS concurrency, p.rate AS rate, p.arrivals AS arrivals, "
      "p.repeat AS repeat, m.scope AS scope, m.metric AS metric, m.unit AS unit, "
      "m.count AS count, m.mean AS mean, m.p50 AS p50, m.p90 AS p90, m.p95 AS p95, m.p99 AS p99 "
      "FROM metrics m JOIN points p ON p.run_id = m.run_id AND p.point = m.point "
      "JOIN run_overview r ON r.id = m.run_id");
  if (dialect == SqlDialect::kPostgres) add_postgres_functions(out);
  for (const TableShape& table : tables) {
    dialect == SqlDialect::kSqlite ? add_sqlite_triggers(out, table)
                                   : add_postgres_triggers(out, table);
  }
  return out;
}

bool has_versions(SqlConnection& connection) {
  return sql_integer(connection,
                     connection.dialect() == SqlDialect::kSqlite
                         ? "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'schema_versions'"
                         : "SELECT COUNT(*) FROM pg_catalog.pg_class WHERE oid = "
                           "to_regclass('hadal.schema_versions')") != 0;
}

// Version 0: nothing there yet.
int64_t version_of(SqlConnection& connection) {
  if (has_versions(connection)) {
    return sql_integer(connection, "SELECT COALESCE(MAX(version), 0) FROM schema_versions");
  }
  if (connection.dialect() == SqlDialect::kSqlite &&
      sql_integer(connection, "SELECT COUNT(*) FROM sqlite_schema") != 0) {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = connection.name(),
                 .what = "is a database of another program",
                 .remedy = "name a new file"});
  }
  return 0;
}

// Whether something is to be done.
bool is_older(SqlConnection& connection, int64_t newest) {
  const int64_t version = version_of(connection);
  if (version <= newest) return version < newest;
  throw Error({.code = ErrorCode::kInvalidFile,
               .where = connection.name(),
               .what = "was written by a newer hadal (its tables are of version " +
                       std::to_string(version) + ", and this program knows up to " +
                       std::to_string(newest) + ")",
               .remedy = "use that hadal, or name another store"});
}

}  // namespace

std::vector<Migration> migrations(SqlDialect dialect) {
  return {{.version = kSchemaVersion, .statements = first_version(dialect)}};
}

void migrate(SqlConnection& connection, std::span<const Migration> steps) {
  const int64_t newest = steps.back().version;
  {
    SqlTransactionScope reading(connection, SqlTransaction::kRead);
    const bool older = is_older(connection, newest);
    reading.commit();
    if (!older) return;
  }
  if (connection.read_only()) {
    const bool is_empty = version_of(connection) == 0;
    throw Error({.code = is_empty ? ErrorCode::kNotFound : ErrorCode::kPermissionDenied,
                 .where = connection.name(),
                 .what = is_empty ? "is empty: no run was stored in it yet"
                                  : "has tables of an older version, which reading does not change",
                 .remedy = is_empty ? "store a run in it first, by measuring or importing one"
                                    : "let a command that writes, such as annotate, open it once"});
  }
  // All or nothing: of two processes that come at once, the second finds it done.
  SqlTransactionScope writing(connection, SqlTransaction::kAlone);
  const int64_t version = version_of(connection);
  if (version == 0) {
    if (connection.dialect() == SqlDialect::kSqlite) {
      connection.execute("PRAGMA application_id = " + std::to_string(kApplicationId));
    } else {
      connection.execute("CREATE SCHEMA IF NOT EXISTS hadal");
    }
    connection.execute("CREATE TABLE schema_versions (version " +
                       type_of(connection.dialect(), "integer") + " NOT NULL PRIMARY KEY)");
  }
  for (const Migration& step : steps) {
    if (step.version <= version) continue;
    for (const std::string& statement : step.statements) connection.execute(statement);
    const SqlValue number = int64_t{step.version};
    connection.execute("INSERT INTO schema_versions (version) VALUES ($1)", {&number, 1});
  }
  writing.commit();
}

std::string schema_text(SqlConnection& connection) {
  std::string text;
  for (SqlRow& row : sql_rows(connection,
                              "SELECT type || ' ' || name || ' ' || tbl_name || ' ' || "
                              "COALESCE(sql, '') FROM sqlite_schema ORDER BY type, name")) {
    text += SqlRowReader(row, connection.name()).text() + "\n";
  }
  return text;
}

}  // namespace hadal
