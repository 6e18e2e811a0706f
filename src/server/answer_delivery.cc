#include "server/answer_delivery.h"

#include <string>
#include <utility>
#include <vector>

#include "server/api_error.h"

namespace hadal {
namespace {

// Used on the server's thread only, once constructed; kept alive by the engine's event handler and
// the exchange.
class AnswerDelivery final : public GenerationListener,
                             public std::enable_shared_from_this<AnswerDelivery> {
 public:
  AnswerDelivery(std::shared_ptr<Exchange> exchange, Engine& engine, const Tokenizer& tokenizer,
                 GenerationRequest request, std::unique_ptr<AnswerWriter> writer, bool stream)
      : exchange_(std::move(exchange)),
        writer_(std::move(writer)),
        stream_(stream),
        generation_(engine, tokenizer, std::move(request),
                    [out = exchange_](std::function<void()> task) { out->post(std::move(task)); }) {
  }

  void start() {
    exchange_->on_abandoned([self = shared_from_this()] {
      self->over_ = true;
      self->generation_.cancel();
      self->note_usage(self->generation_.usage());
    });
    if (over_) return;
    try {
      generation_.submit(shared_from_this());
    } catch (const Error& error) {
      fail(error);
      return;
    }
    if (!stream_) return;
    exchange_->on_break_off([self = shared_from_this()] {
      self->generation_.cancel();
      self->fail(Error({.code = ErrorCode::kUnavailable, .what = "the server is shutting down"}));
    });
    exchange_->begin_stream(writer_->begin());
    streaming_ = true;
  }

  void on_token(const GeneratedToken& token) override { writer_->add_token(token); }

  void on_delta(const std::vector<CompletionEvent>& events) override {
    std::string text;
    for (const CompletionEvent& event : events) {
      if (stream_) {
        text += writer_->delta(event);
      } else {
        answer_.add(event);
      }
    }
    if (!text.empty()) exchange_->write(std::move(text));
  }

  void on_end(const GenerationEnd& end) override {
    over_ = true;
    note_usage(end.usage);
    if (stream_) {
      exchange_->write(writer_->end(end));
      exchange_->end();
    } else {
      exchange_->respond(writer_->whole(answer_, end));
    }
  }

  void on_error(const Error& error) override { fail(error); }

 private:
  // Before the first part of a stream with its status, later as an event.
  void fail(const Error& error) {
    if (over_) return;
    over_ = true;
    note_usage(generation_.usage());
    const ApiError api = api_error_of(error);
    if (streaming_) {
      exchange_->set_error(api.message);
      exchange_->write(writer_->error(api));
      exchange_->end();
    } else {
      exchange_->respond(writer_->refusal(api));
    }
  }

  void note_usage(const GenerationUsage& usage) {
    exchange_->set_usage(usage.prompt_tokens, usage.completion_tokens);
  }

  const std::shared_ptr<Exchange> exchange_;
  const std::unique_ptr<AnswerWriter> writer_;
  const bool stream_;
  Generation generation_;
  ChatAnswer answer_;       // of an answer that is told at its end
  bool streaming_ = false;  // the stream has begun
  bool over_ = false;       // answered, or nobody waits for the answer
};

}  // namespace

void deliver_answer(const std::shared_ptr<Exchange>& exchange, Engine& engine,
                    const Tokenizer& tokenizer, GenerationRequest request,
                    std::unique_ptr<AnswerWriter> writer, bool stream) {
  const auto delivery = std::make_shared<AnswerDelivery>(
      exchange, engine, tokenizer, std::move(request), std::move(writer), stream);
  exchange->post([delivery] { delivery->start(); });
}

}  // namespace hadal
