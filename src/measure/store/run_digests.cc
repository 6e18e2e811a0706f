#include "measure/store/run_digests.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "json/python_json.h"
#include "measure/store/schema.h"
#include "measure/store/sha256.h"

namespace hadal {
namespace {

void append_value(std::string& line, const SqlValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) {
    std::array<char, 24> digits = {};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), *integer).ptr;
    line.append(digits.data(), end);
  } else if (const auto* real = std::get_if<double>(&value)) {
    line += python_float(*real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    line += json_string(*text);
  } else if (const auto* blob = std::get_if<SqlBlob>(&value)) {
    line += '"' + sha256(blob->bytes) + '"';
  } else {
    line += "null";
  }
}

std::string row_line(std::span<const SqlValue> row) {
  std::string line = "[";
  for (size_t i = 0; i < row.size(); ++i) {
    if (i > 0) line += ", ";
    append_value(line, row[i]);
  }
  line += "]\n";
  return line;
}

TableDigest digest_of(SqlConnection& connection, const TableShape& table,
                      const std::string& run_id) {
  TableDigest digest{.name = table.name};
  Sha256 sum;
  const SqlValue id = run_id;
  connection.query(table.select_rows_of_run(), {&id, 1}, [&](SqlRow& row) {
    sum.update(row_line(row));
    ++digest.rows;
  });
  digest.sha256 = sum.finish();
  return digest;
}

[[noreturn]] void refuse(SqlConnection& connection, const std::string& run_id,
                         const std::string& what) {
  throw Error({.code = ErrorCode::kInvalidFile,
               .where = connection.name(),
               .what = "run " + printable(run_id, 40) + ": " + what,
               .remedy = "do not trust its figures; fetch it again from where it was made"});
}

// Rows that carry a digest of their own.
void check_later_rows(SqlConnection& connection, const std::string& run_id) {
  const SqlValue id = run_id;
  for (const char* name : {"gates", "annotations"}) {
    connection.query(run_table(name).select_rows_of_run(), {&id, 1}, [&](SqlRow& row) {
      const auto* told = std::get_if<std::string>(&row.back());
      if (told == nullptr || *told != row_digest(row)) {
        refuse(connection, run_id, std::string("a row of ") + name + " is not as it was written");
      }
    });
  }
}

void check_blobs(SqlConnection& connection, const std::string& run_id) {
  const SqlValue id = run_id;
  connection.query("SELECT sha256, data, point FROM samples WHERE run_id = $1", {&id, 1},
                   [&](SqlRow& row) {
                     SqlRowReader reader(row, connection.name());
                     const std::string told = reader.text();
                     if (told == sha256(reader.blob())) return;
                     refuse(connection, run_id,
                            "the samples of point " + std::to_string(reader.integer()) +
                                " are not as they were written");
                   });
}

}  // namespace

std::vector<TableDigest> compute_digests(SqlConnection& connection, const std::string& run_id) {
  std::vector<TableDigest> digests;
  TableDigest whole{.name = "run"};
  std::string lines;
  for (const TableShape& table : run_tables()) {
    if (table.until != RowsUntil::kRunEnds) continue;
    const TableDigest& digest = digests.emplace_back(digest_of(connection, table, run_id));
    lines += digest.name + " " + std::to_string(digest.rows) + " " + digest.sha256 + "\n";
    whole.rows += digest.rows;
  }
  whole.sha256 = sha256(lines);
  digests.push_back(std::move(whole));
  return digests;
}

std::vector<TableDigest> stored_digests(SqlConnection& connection, const std::string& run_id) {
  std::vector<TableDigest> digests;
  const SqlValue id = run_id;
  connection.query("SELECT name, row_count, sha256 FROM digests WHERE run_id = $1", {&id, 1},
                   [&](SqlRow& row) {
                     SqlRowReader reader(row, connection.name());
                     TableDigest& digest = digests.emplace_back();
                     digest.name = reader.text();
                     digest.rows = reader.integer();
                     digest.sha256 = reader.text();
                   });
  return digests;
}

void store_digests(SqlConnection& connection, const std::string& run_id) {
  std::vector<SqlRow> rows;
  for (const TableDigest& digest : compute_digests(connection, run_id)) {
    rows.push_back({run_id, digest.name, digest.rows, digest.sha256});
  }
  sql_insert(connection, "digests", digests_table().column_names(), rows);
}

std::string row_digest(const SqlRow& row) {
  return sha256(row_line(std::span(row).first(row.size() - 1)));
}

void check_run(SqlConnection& connection, const std::string& run_id) {
  const std::vector<TableDigest> stored = stored_digests(connection, run_id);
  if (stored.empty()) refuse(connection, run_id, "it has no digests, because it has not ended");
  // Blobs first: where one is damaged, this says which.
  check_blobs(connection, run_id);
  const std::vector<TableDigest> computed = compute_digests(connection, run_id);
  for (const TableDigest& digest : computed) {
    const auto same = [&](const TableDigest& other) { return other.name == digest.name; };
    const auto told = std::find_if(stored.begin(), stored.end(), same);
    if (told == stored.end() || told->rows != digest.rows || told->sha256 != digest.sha256) {
      refuse(connection, run_id, "its " + digest.name + " are not as they were written");
    }
  }
  if (stored.size() != computed.size()) refuse(connection, run_id, "it has unknown digests");
  check_later_rows(connection, run_id);
}

}  // namespace hadal
