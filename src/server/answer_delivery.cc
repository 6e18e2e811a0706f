#include "server/answer_delivery.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/as_size.h"
#include "server/api_error.h"

namespace hadal {
namespace {

// Used on the server's thread only, once constructed; kept alive by the engine's event handlers and
// the exchange.
class AnswerDelivery final : public std::enable_shared_from_this<AnswerDelivery> {
 public:
  AnswerDelivery(std::shared_ptr<Exchange> exchange, Engine& engine, const Tokenizer& tokenizer,
                 std::vector<GenerationRequest> requests, std::unique_ptr<AnswerWriter> writer,
                 bool stream)
      : exchange_(std::move(exchange)),
        writer_(std::move(writer)),
        stream_(stream),
        most_at_once_(engine.max_running()),
        choices_(requests.size()) {
    for (GenerationRequest& request : requests) {
      generations_.push_back(std::make_unique<Generation>(
          engine, tokenizer, std::move(request),
          [out = exchange_](std::function<void()> task) { out->post(std::move(task)); }));
    }
  }

  void start() {
    begin_ = std::chrono::steady_clock::now();
    exchange_->on_abandoned([self = shared_from_this()] {
      self->over_ = true;
      self->cancel();
      self->note_usage(self->usage());
    });
    if (over_) return;
    submit_more();
    if (over_ || !stream_) return;
    exchange_->on_break_off([self = shared_from_this()] {
      self->fail(Error({.code = ErrorCode::kUnavailable, .what = "the server is shutting down"}));
    });
    exchange_->begin_stream(writer_->begin());
    streaming_ = true;
  }

 private:
  // What one of the generations tells.
  class ChoiceListener final : public GenerationListener {
   public:
    ChoiceListener(std::shared_ptr<AnswerDelivery> delivery, int choice)
        : delivery_(std::move(delivery)), choice_(choice) {}

    void on_prompt(std::vector<TokenLogprobs> logprobs) override {
      delivery_->writer_->add_prompt(choice_, std::move(logprobs));
    }
    void on_token(const GeneratedToken& token) override {
      delivery_->writer_->add_token(choice_, token);
    }
    void on_delta(const std::vector<CompletionEvent>& events) override {
      delivery_->tell(choice_, events);
    }
    void on_end(const GenerationEnd& end) override { delivery_->end(choice_, end); }
    void on_error(const Error& error) override { delivery_->fail(error); }

   private:
    const std::shared_ptr<AnswerDelivery> delivery_;
    const int choice_;
  };

  void submit_more() {
    while (!over_ && next_ < generations_.size() && under_way_ < most_at_once_) {
      try {
        generations_[next_]->submit(
            std::make_shared<ChoiceListener>(shared_from_this(), static_cast<int>(next_)), begin_);
      } catch (const Error& error) {
        // Where the queue is full the next comes when one of those under way has ended.
        if (error.code() == ErrorCode::kUnavailable && under_way_ > 0) return;
        fail(error);
        return;
      }
      ++next_;
      ++under_way_;
    }
  }

  void tell(int choice, const std::vector<CompletionEvent>& events) {
    if (over_) return;
    std::string text;
    for (const CompletionEvent& event : events) {
      if (stream_) {
        text += writer_->delta(choice, event, generations_[as_size(choice)]->usage());
      } else {
        choices_[as_size(choice)].answer.add(event);
      }
    }
    if (!text.empty()) exchange_->write(std::move(text));
  }

  void end(int choice, const GenerationEnd& end) {
    if (over_) return;
    --under_way_;
    ++ended_;
    all_.add(end.usage);
    choices_[as_size(choice)].end = end;
    if (stream_) exchange_->write(writer_->end_choice(choice, end));
    submit_more();
    if (over_ || ended_ < generations_.size()) return;
    over_ = true;
    note_usage(all_);
    if (stream_) {
      exchange_->write(writer_->end(all_));
      exchange_->end();
    } else {
      exchange_->respond(writer_->whole(choices_));
    }
  }

  // Before the first part of a stream with its status, later as an event.
  void fail(const Error& error) {
    if (over_) return;
    over_ = true;
    cancel();
    note_usage(usage());
    const ApiError api = api_error_of(error);
    if (streaming_) {
      exchange_->set_error(api.message);
      exchange_->write(writer_->error(api));
      exchange_->end();
    } else {
      exchange_->respond(writer_->refusal(api));
    }
  }

  void cancel() {
    for (const auto& generation : generations_) generation->cancel();
  }

  GenerationUsage usage() const {
    GenerationUsage all;
    for (const auto& generation : generations_) all.add(generation->usage());
    return all;
  }

  void note_usage(const GenerationUsage& usage) {
    exchange_->set_usage(usage.prompt_tokens, usage.completion_tokens);
  }

  const std::shared_ptr<Exchange> exchange_;
  const std::unique_ptr<AnswerWriter> writer_;
  const bool stream_;
  const int most_at_once_;
  std::vector<std::unique_ptr<Generation>> generations_;
  std::vector<AnswerChoice> choices_;
  GenerationUsage all_;  // of the choices that have ended
  std::chrono::steady_clock::time_point begin_;
  size_t next_ = 0;  // of the generations, to be submitted
  int under_way_ = 0;
  size_t ended_ = 0;
  bool streaming_ = false;  // the stream has begun
  bool over_ = false;       // answered, or nobody waits for the answer
};

}  // namespace

void deliver_answer(const std::shared_ptr<Exchange>& exchange, Engine& engine,
                    const Tokenizer& tokenizer, std::vector<GenerationRequest> requests,
                    std::unique_ptr<AnswerWriter> writer, bool stream) {
  const auto delivery = std::make_shared<AnswerDelivery>(
      exchange, engine, tokenizer, std::move(requests), std::move(writer), stream);
  exchange->post([delivery] { delivery->start(); });
}

}  // namespace hadal
