#include "measure/store/sql_connection.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/utf8.h"

namespace hadal {
namespace {

// SQLite takes 32,766 parameters a statement, PostgreSQL 65,535; beyond some hundred rows nothing
// is gained.
constexpr size_t kMostParameters = 4096;

std::string insert_statement(std::string_view table, std::span<const std::string> columns,
                             size_t rows) {
  std::string sql = "INSERT INTO " + std::string(table) + " (";
  for (size_t i = 0; i < columns.size(); ++i) sql += (i > 0 ? ", " : "") + columns[i];
  sql += ") VALUES ";
  size_t parameter = 0;
  for (size_t row = 0; row < rows; ++row) {
    sql += row > 0 ? ", (" : "(";
    for (size_t i = 0; i < columns.size(); ++i) {
      sql += (i > 0 ? ", $" : "$") + std::to_string(++parameter);
    }
    sql += ")";
  }
  return sql;
}

}  // namespace

std::vector<SqlRow> sql_rows(SqlConnection& connection, std::string_view sql,
                             std::span<const SqlValue> parameters) {
  std::vector<SqlRow> rows;
  connection.query(sql, parameters, [&](SqlRow& row) { rows.push_back(std::move(row)); });
  return rows;
}

int64_t sql_integer(SqlConnection& connection, std::string_view sql,
                    std::span<const SqlValue> parameters) {
  std::vector<SqlRow> rows = sql_rows(connection, sql, parameters);
  HADAL_CHECK(rows.size() == 1 && rows.front().size() == 1);
  return SqlRowReader(rows.front(), connection.name()).integer();
}

void sql_insert(SqlConnection& connection, std::string_view table,
                std::span<const std::string> columns, std::span<const SqlRow> rows) {
  const size_t most = std::max<size_t>(1, kMostParameters / columns.size());
  std::vector<SqlValue> parameters;
  while (!rows.empty()) {
    const std::span<const SqlRow> some = rows.first(std::min(most, rows.size()));
    parameters.clear();
    for (const SqlRow& row : some) {
      HADAL_CHECK(row.size() == columns.size());
      parameters.insert(parameters.end(), row.begin(), row.end());
    }
    connection.execute(insert_statement(table, columns, some.size()), parameters);
    rows = rows.subspan(some.size());
  }
}

std::string sql_text(std::string_view text) {
  std::string valid = utf8_replace_invalid(text);
  for (size_t at = 0; (at = valid.find('\0', at)) != std::string::npos;) {
    valid.replace(at, 1, "\uFFFD");
  }
  return valid;
}

void SqlRowReader::refuse(const std::string& what) const {
  throw Error({.code = ErrorCode::kInvalidFile,
               .where = where_,
               .what = "a row is not as this program writes them: " + what,
               .remedy = "check where it comes from"});
}

SqlValue& SqlRowReader::next() {
  if (place_ >= row_.size()) refuse("it has too few columns");
  return row_[place_++];
}

template <typename Value>
Value& SqlRowReader::take(const char* type) {
  Value* value = std::get_if<Value>(&next());
  if (value == nullptr) refuse("column " + std::to_string(place_) + " is not " + type);
  return *value;
}

int64_t SqlRowReader::integer() { return take<int64_t>("an integer"); }

int SqlRowReader::int32() {
  const int64_t value = integer();
  if (value < std::numeric_limits<int>::min() || value > std::numeric_limits<int>::max()) {
    refuse("column " + std::to_string(place_) + " is out of range");
  }
  return static_cast<int>(value);
}

bool SqlRowReader::boolean() {
  const int64_t value = integer();
  if (value != 0 && value != 1) refuse("column " + std::to_string(place_) + " is neither 0 nor 1");
  return value != 0;
}

double SqlRowReader::real() {
  const double value = take<double>("a number");
  if (!std::isfinite(value)) refuse("column " + std::to_string(place_) + " is infinite");
  return value;
}

std::string SqlRowReader::text() { return std::move(take<std::string>("a text")); }

std::string SqlRowReader::blob() { return std::move(take<SqlBlob>("bytes").bytes); }

std::optional<int64_t> SqlRowReader::optional_integer() {
  if (place_ < row_.size() && std::holds_alternative<std::monostate>(row_[place_])) {
    ++place_;
    return std::nullopt;
  }
  return integer();
}

std::optional<double> SqlRowReader::optional_real() {
  if (place_ < row_.size() && std::holds_alternative<std::monostate>(row_[place_])) {
    ++place_;
    return std::nullopt;
  }
  return real();
}

}  // namespace hadal
