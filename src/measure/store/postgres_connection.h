// A run store in a PostgreSQL database: the tables lie in a schema of their own, "hadal", so that a
// database with other things in it can be shared.
#pragma once

#include <memory>
#include <string>

#include "measure/store/sql_connection.h"

namespace hadal {

// Seconds that an attempt to connect may take, as libpq reads them: what the address says, else 10.
// Throws Error (kInvalidArgument) for what is no address.
std::string postgres_connect_timeout(const std::string& uri);

// `uri`: postgresql://[user[:password]@][host][:port][/database][?option=value…], as libpq reads
// it; what it leaves out comes from libpq's environment (PGPASSFILE and the like).
std::unique_ptr<SqlConnection> open_postgres(const std::string& uri);

}  // namespace hadal
