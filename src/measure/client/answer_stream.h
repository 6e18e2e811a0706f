// Turns one answer as it comes over HTTP into the record of a request: when its first tokens came,
// what the server counted, how it ended. Takes chat and text completions, streamed or (as a
// failure) not. Sends nothing itself.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "measure/client/answer_event.h"
#include "measure/client/http_loop.h"
#include "measure/client/sse_reader.h"
#include "measure/records.h"

namespace hadal {

struct FinishedAnswer {
  RequestRecord record = {};
  std::vector<TokenStamp> events = {};
  std::string text = {};  // where it was asked for
  std::string reasoning = {};
  double retry_after = 0;  // seconds; what a refusing server asks for
};

class AnswerStream final : public HttpHandler {
 public:
  struct Options {
    double origin = 0;  // of the point's clock, on the monotonic one
    bool keep_text = false;
    // Taken out of what the server says of a failure; outlives the stream. Null: none.
    const std::vector<std::string>* secrets = nullptr;
    // Called at [DONE], from on_body: the answer is whole, whenever the server closes it.
    std::function<void()> told_done = {};
  };
  using Done = std::function<void(FinishedAnswer&&)>;

  // `record` holds what was planned; `sent` is now until the request is written. `done` is called
  // once, from on_end, and may destroy this.
  AnswerStream(Options options, RequestRecord record, Done done);

  void on_sent(double now) override { answer_.record.sent = now - options_.origin; }
  void on_headers(int status, std::string_view content_type, double now) override;
  void on_body(std::string_view bytes, double now) override;
  void on_end(const HttpEnd& end) override;

 private:
  void take_event(std::string_view data, double now);
  void take(const AnswerEvent& event, double now);
  void judge(const HttpEnd& end);
  void fail(std::string failure, std::string text);
  // In one line, without secrets.
  std::string clean(std::string text) const;

  Options options_;
  FinishedAnswer answer_;
  Done done_;
  SseReader sse_;
  bool is_stream_ = false;
  std::optional<double> done_at_ = {};  // [DONE], on the point's clock
  std::string body_;                    // of an answer that is no stream, as far as it is of use
  AnswerUsage usage_;
};

}  // namespace hadal
