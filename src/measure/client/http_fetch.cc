#include "measure/client/http_fetch.h"

#include <utility>

#include "base/error.h"

namespace hadal {
namespace {

class WholeAnswer final : public HttpHandler {
 public:
  explicit WholeAnswer(size_t most_bytes) : most_bytes_(most_bytes) {}

  void on_headers(int /*status*/, std::string_view /*type*/, double /*now*/) override {}
  void on_body(std::string_view bytes, double /*now*/) override {
    if (answer.body.size() + bytes.size() > most_bytes_) {
      is_too_long_ = true;
      throw Error({.code = ErrorCode::kResourceExhausted,
                   .where = "answer",
                   .what = "is longer than " + std::to_string(most_bytes_) + " bytes"});
    }
    answer.body += bytes;
  }
  void on_end(const HttpEnd& end) override {
    answer.end = end;
    if (is_too_long_) answer.end.failure = "too_long";
    has_ended = true;
  }

  HttpAnswer answer;
  bool has_ended = false;

 private:
  size_t most_bytes_;
  bool is_too_long_ = false;
};

}  // namespace

HttpAnswer fetch(const HttpLoopOptions& options, OutgoingRequest request, size_t most_bytes) {
  HttpLoop loop(options);
  WholeAnswer handler(most_bytes);
  loop.start(std::move(request), handler);
  loop.run([&] { return handler.has_ended; });
  return std::move(handler.answer);
}

}  // namespace hadal
