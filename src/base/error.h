// hadal::Error, the one exception type: what happened, where, and what to do about it.
// Thrown for bad files, configs, requests and devices; caught in the command line, the HTTP
// handler and the engine step only. Broken invariants of our own are CHECKs (check.h), not Errors.
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace hadal {

enum class ErrorCode {
  kInvalidArgument,    // an option, a request field or an API argument
  kInvalidFile,        // a file whose contents cannot be used
  kNotFound,           // a file, model or route that is not there
  kPermissionDenied,   // the system refused access
  kResourceExhausted,  // memory, disk, queue or context length
  kUnavailable,        // busy, shutting down, or a port in use
  kDeadlineExceeded,   // the time that the caller gave it has passed
  kCancelled,          // given up on request of the caller
  kInternal,           // a fault of hadal's own
};

// The name used in JSON, for example "invalid_file".
std::string_view error_code_name(ErrorCode code);

struct ErrorParts {
  ErrorCode code = ErrorCode::kInternal;
  std::string where = {};   // the file, tensor, option or field concerned; may be empty
  std::string what = {};    // one sentence without a full stop
  std::string remedy = {};  // what the reader can do; may be empty
};

class Error : public std::exception {
 public:
  explicit Error(ErrorParts parts);

  // One line: "where: what; remedy". Control characters of hostile inputs are escaped.
  const char* what() const noexcept override { return line_.c_str(); }
  ErrorCode code() const { return parts_.code; }
  const ErrorParts& parts() const { return parts_; }

 private:
  ErrorParts parts_;
  std::string line_;
};

// Makes untrusted text fit for a one-line message: control characters and bytes that are not
// UTF-8 become \xNN, and anything past `max_bytes` is cut and marked with "...".
std::string printable(std::string_view text, size_t max_bytes = 200);

}  // namespace hadal
