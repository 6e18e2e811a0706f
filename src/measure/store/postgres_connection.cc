#include "measure/store/postgres_connection.h"

#include <array>
#include <bit>
#include <map>
#include <utility>

#include <libpq-fe.h>

#include "base/check.h"

namespace hadal {
namespace {

// Types by their numbers in PostgreSQL's catalogue (pg_type.dat), which never change.
constexpr Oid kBool = 16;
constexpr Oid kBytes = 17;
constexpr Oid kInt8 = 20;
constexpr Oid kInt4 = 23;
constexpr Oid kText = 25;
constexpr Oid kFloat8 = 701;
constexpr Oid kVarchar = 1043;
constexpr Oid kVoid = 2278;

// Any number that other programs' advisory locks are unlikely to use.
constexpr const char* kLock = "SELECT pg_advisory_xact_lock(7521093347)";

struct Finish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, Clear>;

std::string big_endian(uint64_t bits) {
  std::string bytes(8, '\0');
  for (size_t i = 8; i-- > 0; bits >>= 8) bytes[i] = static_cast<char>(bits & 255);
  return bytes;
}

uint64_t from_big_endian(std::string_view bytes) {
  uint64_t bits = 0;
  for (const char byte : bytes) bits = bits << 8 | static_cast<unsigned char>(byte);
  return bits;
}

// Parameters in PostgreSQL's binary form, which loses no bit of a number.
class Parameters {
 public:
  explicit Parameters(std::span<const SqlValue> values) {
    numbers_.reserve(values.size());
    for (const SqlValue& value : values) {
      if (const auto* integer = std::get_if<int64_t>(&value)) {
        add(kInt8, numbers_.emplace_back(big_endian(static_cast<uint64_t>(*integer))));
      } else if (const auto* real = std::get_if<double>(&value)) {
        add(kFloat8, numbers_.emplace_back(big_endian(std::bit_cast<uint64_t>(*real))));
      } else if (const auto* text = std::get_if<std::string>(&value)) {
        add(kText, *text);
      } else if (const auto* blob = std::get_if<SqlBlob>(&value)) {
        add(kBytes, blob->bytes);
      } else {
        types_.push_back(0);
        data_.push_back(nullptr);
        lengths_.push_back(0);
        formats_.push_back(1);
      }
    }
  }

  int send(PGconn* connection, const std::string& sql) const {
    return PQsendQueryParams(connection, sql.c_str(), static_cast<int>(types_.size()),
                             types_.data(), data_.data(), lengths_.data(), formats_.data(), 1);
  }

 private:
  void add(Oid type, const std::string& bytes) {
    types_.push_back(type);
    data_.push_back(bytes.data());
    lengths_.push_back(static_cast<int>(bytes.size()));
    formats_.push_back(1);
  }

  std::vector<std::string> numbers_;
  std::vector<Oid> types_;
  std::vector<const char*> data_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
};

SqlValue value_of(const PGresult* result, int row, int column) {
  if (PQgetisnull(result, row, column) == 1) return std::monostate();
  const std::string_view bytes(PQgetvalue(result, row, column),
                               static_cast<size_t>(PQgetlength(result, row, column)));
  switch (PQftype(result, column)) {
    case kInt8:
      return static_cast<int64_t>(from_big_endian(bytes));
    case kInt4:
      return int64_t{static_cast<int32_t>(from_big_endian(bytes))};
    case kBool:
      return int64_t{bytes == std::string_view("\1", 1)};
    case kFloat8:
      return std::bit_cast<double>(from_big_endian(bytes));
    case kText:
    case kVarchar:
      return std::string(bytes);
    case kBytes:
      return SqlBlob{std::string(bytes)};
    default:
      HADAL_CHECK(PQftype(result, column) == kVoid);  // no statement of the store gives others
      return std::monostate();
  }
}

std::string first_line(const char* message) {
  std::string text = message == nullptr ? "" : message;
  text = text.substr(0, text.find('\n'));
  for (const std::string_view head : {"ERROR:  ", "FATAL:  "}) {
    if (text.starts_with(head)) text.erase(0, head.size());
  }
  return text;
}

// What an SQLSTATE means to whoever uses a store (PostgreSQL's manual, appendix A).
ErrorParts parts_of_state(std::string_view state) {
  const std::string_view kind = state.substr(0, 2);
  if (kind == "08" || kind == "57" || state == "53300") {
    return {.code = ErrorCode::kUnavailable,
            .what = "the database does not answer",
            .remedy = "see whether the server runs, and try again"};
  }
  if (kind == "40" || kind == "55") {
    return {.code = ErrorCode::kUnavailable,
            .what = "somebody else is writing the same",
            .remedy = "try again"};
  }
  if (kind == "53") {
    return {.code = ErrorCode::kResourceExhausted,
            .what = "the database server has no room left",
            .remedy = "free some space there; what was stored before is kept"};
  }
  if (kind == "28" || state == "42501" || state == "25006") {
    return {.code = ErrorCode::kPermissionDenied,
            .what = "the database refuses access",
            .remedy = "check user, password and rights"};
  }
  if (state == "3D000") {
    return {.code = ErrorCode::kNotFound,
            .what = "there is no such database",
            .remedy = "make it with createdb, or name another one"};
  }
  if (kind == "23" || state == "P0001" || kind == "22") {
    return {.code = ErrorCode::kInvalidArgument, .what = "the store's rules refuse this"};
  }
  if (kind == "XX") {
    return {.code = ErrorCode::kInvalidFile,
            .what = "the database is damaged",
            .remedy = "see the server's log"};
  }
  return {.code = ErrorCode::kInternal, .what = "a statement fails"};
}

class PostgresConnection final : public SqlConnection {
 public:
  explicit PostgresConnection(const std::string& uri) {
    const std::string timeout = postgres_connect_timeout(uri);
    const std::array<const char*, 5> keys = {
        "dbname", "client_encoding", "fallback_application_name", "connect_timeout", nullptr};
    const std::array<const char*, 5> values = {uri.c_str(), "UTF8", "hadal", timeout.c_str(),
                                               nullptr};
    connection_.reset(PQconnectdbParams(keys.data(), values.data(), 1));
    HADAL_CHECK(connection_ != nullptr);
    const auto part = [](const char* text) { return std::string(text == nullptr ? "" : text); };
    name_ = "postgresql://" + part(PQhost(connection_.get())) + ":" +
            part(PQport(connection_.get())) + "/" + part(PQdb(connection_.get()));
    greet();
  }

  SqlDialect dialect() const override { return SqlDialect::kPostgres; }
  const std::string& name() const override { return name_; }
  bool read_only() const override { return read_only_; }

  void execute(std::string_view sql, std::span<const SqlValue> parameters) override {
    query(sql, parameters, [](SqlRow&) {});
  }
  void execute(std::string_view sql) { execute(sql, {}); }

  void query(std::string_view sql, std::span<const SqlValue> parameters,
             FunctionRef<void(SqlRow&)> use) override {
    const Parameters sent(parameters);
    if (sent.send(connection_.get(), std::string(sql)) == 0) fail_connection();
    // Row by row: a run may have more rows than should lie in memory twice.
    PQsetSingleRowMode(connection_.get());
    Drain drain{connection_.get()};
    SqlRow row;
    while (const Result result{PQgetResult(connection_.get())}) {
      const ExecStatusType status = PQresultStatus(result.get());
      if (status == PGRES_SINGLE_TUPLE) {
        row.clear();
        for (int i = 0; i < PQnfields(result.get()); ++i)
          row.push_back(value_of(result.get(), 0, i));
        use(row);
      } else if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        fail(*result);
      }
    }
  }

  void begin(SqlTransaction kind) override {
    if (PQstatus(connection_.get()) != CONNECTION_OK) {
      PQreset(connection_.get());
      greet();
    }
    execute(kind == SqlTransaction::kRead ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
                                          : "BEGIN");
    if (kind == SqlTransaction::kAlone) execute(kLock);
  }
  void commit() override { execute("COMMIT"); }
  void rollback() noexcept override {
    if (PQtransactionStatus(connection_.get()) == PQTRANS_IDLE) return;
    const Result ignored{PQexec(connection_.get(), "ROLLBACK")};
  }

 private:
  // Whatever ends a query, its other results are taken off the connection.
  struct Drain {
    PGconn* connection;
    ~Drain() {
      while (const Result result{PQgetResult(connection)}) {
      }
    }
  };

  // What every session needs, also one made anew.
  void greet() {
    if (PQstatus(connection_.get()) != CONNECTION_OK) fail_connection();
    PQsetNoticeProcessor(
        connection_.get(), [](void*, const char*) {}, nullptr);
    execute("SET search_path TO hadal");
    read_only_ = sql_integer(*this, "SELECT CAST(pg_is_in_recovery() AS INT)") != 0;
  }

  [[noreturn]] void fail_connection() const {
    const std::string text = first_line(PQerrorMessage(connection_.get()));
    const auto says = [&](std::string_view words) { return text.find(words) != std::string::npos; };
    // No SQLSTATE comes with the end of an attempt to connect.
    ErrorParts parts = parts_of_state(says("does not exist")          ? "3D000"
                                      : says("authentication failed") ? "28P01"
                                      : says("no password supplied")  ? "28P01"
                                                                      : "08006");
    parts.where = name_;
    parts.what += " (" + text + ")";
    throw Error(std::move(parts));
  }

  [[noreturn]] void fail(const PGresult& result) const {
    const char* state = PQresultErrorField(&result, PG_DIAG_SQLSTATE);
    const char* message = PQresultErrorField(&result, PG_DIAG_MESSAGE_PRIMARY);
    if (state == nullptr) fail_connection();
    ErrorParts parts = parts_of_state(state);
    parts.where = name_;
    parts.what += " (" + first_line(message) + ")";
    throw Error(std::move(parts));
  }

  std::string name_;
  bool read_only_ = false;
  std::unique_ptr<PGconn, Finish> connection_;
};

}  // namespace

std::string postgres_connect_timeout(const std::string& uri) {
  char* message = nullptr;
  PQconninfoOption* options = PQconninfoParse(uri.c_str(), &message);
  if (options == nullptr) {
    // The message may quote the URI, and with it a password.
    PQfreemem(message);
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "the store's address",
                 .what = "is not understood",
                 .remedy = "write it as postgresql://user@host:port/database"});
  }
  std::string timeout = "10";
  for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (std::string_view(option->keyword) == "connect_timeout" && option->val != nullptr) {
      timeout = option->val;
    }
  }
  PQconninfoFree(options);
  return timeout;
}

std::unique_ptr<SqlConnection> open_postgres(const std::string& uri) {
  return std::make_unique<PostgresConnection>(uri);
}

}  // namespace hadal
