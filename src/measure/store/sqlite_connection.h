// A run store's SQLite file: made for its owner alone, write-ahead log, waits for other writers.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "measure/store/sql_connection.h"

namespace hadal {

enum class SqliteAccess {
  kCreate,    // made when missing, with its folder; read-only where the file is
  kExisting,  // kNotFound when missing
  kReadOnly,
  kForeign,  // a file that somebody sent: read-only, and nothing that it may define is run
};

struct SqliteOptions {
  std::filesystem::path path = {};  // empty: in memory
  SqliteAccess access = SqliteAccess::kCreate;
  std::string vfs = {};  // how SQLite reaches files; empty: the system's way
  int busy_ms = 30000;   // how long to wait for other writers
  // A file that is read in one place and sent to others has no log beside it.
  bool write_ahead_log = true;
};

std::unique_ptr<SqlConnection> open_sqlite(const SqliteOptions& options);

}  // namespace hadal
