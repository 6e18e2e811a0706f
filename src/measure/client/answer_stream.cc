#include "measure/client/answer_stream.h"

#include <utility>

#include "base/error.h"
#include "measure/client/secrets.h"

namespace hadal {
namespace {

constexpr int kOk = 200;
constexpr int kFirstError = 300;
constexpr size_t kMostErrorBytes = size_t{64} << 10;
constexpr size_t kMostWholeBytes = size_t{64} << 20;
constexpr size_t kMostTextBytes = size_t{16} << 20;
// An event has a token or more, so that an answer has no more events than tokens were asked for.
constexpr int64_t kTimesAsked = 2;
constexpr int64_t kSpare = 64;

// What an error's body says.
std::string error_text(const std::string& body) {
  try {
    const AnswerEvent answer = read_whole_answer(body);
    if (answer.error) return *answer.error;
  } catch (const Error&) {
    // Not JSON: shown as it is.
  }
  return body;
}

}  // namespace

AnswerStream::AnswerStream(Options options, RequestRecord record, Done done)
    : options_(std::move(options)), done_(std::move(done)) {
  answer_.record = std::move(record);
  answer_.record.sent = monotonic_seconds() - options_.origin;
}

void AnswerStream::on_headers(int status, std::string_view content_type, double now) {
  answer_.record.headers = now - options_.origin;
  answer_.record.http_status = status;
  is_stream_ = status == kOk && content_type.starts_with("text/event-stream");
}

void AnswerStream::on_body(std::string_view bytes, double now) {
  if (is_stream_) {
    sse_.feed(bytes, [&](std::string_view data) { take_event(data, now); });
    return;
  }
  const size_t most = answer_.record.http_status < kFirstError ? kMostWholeBytes : kMostErrorBytes;
  body_.append(bytes.substr(0, most - std::min(most, body_.size())));
}

void AnswerStream::take_event(std::string_view data, double now) {
  if (done_at_) return;  // what follows [DONE] is nobody's answer
  const AnswerEvent event = read_answer_event(data);
  if (!event.done) {
    take(event, now);
  } else if (!done_at_) {
    done_at_ = now - options_.origin;
    if (options_.told_done) options_.told_done();
  }
}

void AnswerStream::take(const AnswerEvent& event, double now) {
  RequestRecord& record = answer_.record;
  if (event.error && record.failure.empty()) fail("stream_error", *event.error);
  if (event.usage) {
    const AnswerUsage& told = *event.usage;
    if (told.prompt_tokens) usage_.prompt_tokens = told.prompt_tokens;
    if (told.completion_tokens) usage_.completion_tokens = told.completion_tokens;
    if (told.cached_tokens) usage_.cached_tokens = told.cached_tokens;
    if (told.reasoning_tokens) usage_.reasoning_tokens = told.reasoning_tokens;
    if (told.prefill_seconds) usage_.prefill_seconds = told.prefill_seconds;
    if (told.decode_seconds) usage_.decode_seconds = told.decode_seconds;
  }
  if (!event.finish_reason.empty()) record.finish_reason = clean(event.finish_reason);
  if (!event.has_answer && !event.has_reasoning) return;
  const double seconds = now - options_.origin;
  if (!record.first_token) record.first_token = seconds;
  if (event.has_answer && !record.first_answer_token) record.first_answer_token = seconds;
  record.last_token = seconds;
  const int64_t asked = record.asked_output_tokens;
  if (asked > 0 && static_cast<int64_t>(answer_.events.size()) >= kTimesAsked * asked + kSpare) {
    fail("too_long", "the answer goes on far beyond max_tokens");
    throw Error({.code = ErrorCode::kResourceExhausted, .where = "answer", .what = "too long"});
  }
  const bool counted = event.usage && event.usage->completion_tokens;
  answer_.events.push_back(
      {.seconds = seconds, .tokens_so_far = counted ? *event.usage->completion_tokens : -1});
  if (options_.keep_text) {
    answer_.text += event.text;
    answer_.reasoning += event.reasoning;
    if (answer_.text.size() + answer_.reasoning.size() > kMostTextBytes) {
      fail("too_long", "the answer has more than 16 MiB of text");
      throw Error({.code = ErrorCode::kResourceExhausted, .where = "answer", .what = "too long"});
    }
  }
}

void AnswerStream::fail(std::string failure, std::string text) {
  answer_.record.outcome = RequestOutcome::kFailed;
  answer_.record.failure = std::move(failure);
  answer_.record.failure_text = clean(std::move(text));
}

std::string AnswerStream::clean(std::string text) const {
  // Before it is cut: half a key is still one.
  if (options_.secrets != nullptr) text = without_secrets(std::move(text), *options_.secrets);
  return printable(text);
}

void AnswerStream::judge(const HttpEnd& end) {
  RequestRecord& record = answer_.record;
  if (!record.failure.empty()) return;  // the stream itself told of it
  // Whole at [DONE], however its connection ended after that.
  if (done_at_) {
    if (answer_.events.empty()) fail("empty", "no event of the stream carried any text");
    return;
  }
  if (end.failure == "cancelled") {
    record.outcome = RequestOutcome::kCancelled;
    record.failure = end.failure;
    return;
  }
  if (!end.failure.empty()) return fail(end.failure, end.text);
  if (record.http_status >= kFirstError && !end.location.empty()) {
    return fail("redirect", "leads to " + end.location + "; give that URL");
  }
  if (record.http_status != kOk) {
    return fail("http_" + std::to_string(record.http_status), error_text(body_));
  }
  if (!is_stream_) {
    try {
      const AnswerEvent whole = read_whole_answer(body_);
      if (whole.error) return fail("stream_error", *whole.error);
    } catch (const Error&) {
      return fail("garbage", "the answer is neither a stream of events nor JSON: " + body_);
    }
    return fail("not_streamed", "the answer came whole (" + end.content_type +
                                    "), so that nothing can be told of its first token");
  }
  if (record.finish_reason.empty()) {
    return fail("truncated", "the stream ended without a finish reason and [DONE]");
  }
  if (answer_.events.empty()) fail("empty", "no event of the stream carried any text");
}

void AnswerStream::on_end(const HttpEnd& end) {
  RequestRecord& record = answer_.record;
  record.ended = done_at_.value_or(end.seconds - options_.origin);
  if (record.http_status == 0) record.http_status = end.status;
  record.done_missing = is_stream_ && !done_at_;
  answer_.retry_after = end.retry_after.value_or(0);
  record.input_tokens = usage_.prompt_tokens;
  record.cached_tokens = usage_.cached_tokens;
  record.reasoning_tokens = usage_.reasoning_tokens;
  record.server_prefill_seconds = usage_.prefill_seconds;
  record.server_decode_seconds = usage_.decode_seconds;
  record.output_tokens = usage_.completion_tokens;
  if (!record.output_tokens && !answer_.events.empty()) {
    record.output_tokens = static_cast<int64_t>(answer_.events.size());
    record.tokens_estimated = true;
  }
  judge(end);
  // Moved first: `done_` may destroy this.
  const Done done = std::move(done_);
  FinishedAnswer answer = std::move(answer_);
  done(std::move(answer));
}

}  // namespace hadal
