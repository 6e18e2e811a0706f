// The digests by which a run can be checked. Of each table a run has rows in: SHA-256 over its rows
// in the order of their key, each the line that Python's json.dumps(row, ensure_ascii=False) gives,
// bytes standing as their own SHA-256 in hexadecimal. Of the run: SHA-256 over the lines
// "table rows digest". They find damage, and forging where the run's digest is known from
// elsewhere; they are no signature.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "measure/store/sql_connection.h"

namespace hadal {

struct TableDigest {
  std::string name = {};  // of the table; the last is "run"
  int64_t rows = 0;       // of "run": of all tables
  std::string sha256 = {};
};

// As computed from the rows of a run that are there now.
std::vector<TableDigest> compute_digests(SqlConnection& connection, const std::string& run_id);
// As stored when the run ended; empty while it goes on.
std::vector<TableDigest> stored_digests(SqlConnection& connection, const std::string& run_id);
void store_digests(SqlConnection& connection, const std::string& run_id);

// Of a row that is added after the run's end (gates, annotations) and carries its own digest as the
// last value, which is not looked at.
std::string row_digest(const SqlRow& row);

// Compares all that a run's digests cover, blobs with theirs included. Throws kInvalidFile naming
// what is not as it was.
void check_run(SqlConnection& connection, const std::string& run_id);

}  // namespace hadal
