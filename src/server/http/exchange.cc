#include "server/http/exchange.h"

#include <utility>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

namespace hadal {
namespace {

namespace asio = boost::asio;

constexpr size_t kMaxUnsent = size_t{16} << 20;  // a stream whose reader lags more is dropped

class HttpExchange final : public Exchange {
 public:
  HttpExchange(asio::io_context& io, HttpRequest request, BodyCharge charge,
               std::shared_ptr<Answer> answer)
      : io_(io),
        work_(io.get_executor()),
        request_(std::move(request)),
        charge_(std::move(charge)),
        answer_(std::move(answer)) {}

  ~HttpExchange() override {
    // Dropped unanswered, or in the middle of a stream: the connection must not wait for ever.
    asio::post(io_, [answer = answer_] {
      if (answer->ended) return;
      if (!answer->streaming) {
        answer->head =
            answer->style.write_error({.status = 500, .message = "the request was dropped"});
      }
      answer->ended = true;
      answer->on_abandoned = nullptr;
      answer->on_break_off = nullptr;
      answer->wake();
    });
  }

  const HttpRequest& request() const override { return request_; }

  void release_body() override {
    request_.body = std::string();
    charge_.release();
  }

  void respond(HttpResponse response) override {
    asio::post(io_, [answer = answer_, response = std::move(response)]() mutable {
      if (answer->ended || answer->streaming) return;
      answer->head = std::move(response);
      answer->ended = true;
      answer->on_abandoned = nullptr;
      answer->on_break_off = nullptr;
      answer->wake();
    });
  }

  void begin_stream(HttpResponse head) override {
    asio::post(io_, [answer = answer_, head = std::move(head)]() mutable {
      if (answer->ended || answer->streaming) return;
      answer->unsent = std::exchange(head.body, {});
      answer->head = std::move(head);
      answer->streaming = true;
      answer->wake();
    });
  }

  void write(std::string part) override {
    asio::post(io_, [answer = answer_, part = std::move(part)] {
      if (answer->ended || answer->abandoned || !answer->streaming) return;
      answer->unsent += part;
      if (answer->unsent.size() > kMaxUnsent) answer->abandon();
      answer->wake();
    });
  }

  void end() override {
    asio::post(io_, [answer = answer_] {
      if (!answer->streaming) return;
      answer->ended = true;
      answer->on_abandoned = nullptr;
      answer->on_break_off = nullptr;
      answer->wake();
    });
  }

  void on_abandoned(std::function<void()> callback) override {
    asio::dispatch(io_, [answer = answer_, callback = std::move(callback)] {
      if (answer->abandoned) {
        callback();
      } else if (!answer->ended) {
        answer->on_abandoned = callback;
      }
    });
  }

  void on_break_off(std::function<void()> callback) override {
    asio::dispatch(io_, [answer = answer_, callback = std::move(callback)] {
      if (!answer->ended && !answer->abandoned) answer->on_break_off = callback;
    });
  }

  void post(std::function<void()> task) override { asio::post(io_, std::move(task)); }

  void set_usage(int prompt_tokens, int completion_tokens) override {
    // At once on the server's thread: an abandoned request is logged right after its callback.
    asio::dispatch(io_, [answer = answer_, prompt_tokens, completion_tokens] {
      answer->prompt_tokens = prompt_tokens;
      answer->completion_tokens = completion_tokens;
    });
  }

  void set_style(AnswerStyle style) override {
    asio::post(io_, [answer = answer_, style = std::move(style)]() mutable {
      if (!style.write_error) style.write_error = std::move(answer->style.write_error);
      answer->style = std::move(style);
    });
  }

  void set_request_id(const std::string& id) override {
    asio::dispatch(io_, [answer = answer_, id] { answer->request_id = id; });
  }
  void set_error(const std::string& message) override {
    asio::dispatch(io_, [answer = answer_, message] { answer->late_error = message; });
  }

 private:
  asio::io_context& io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  HttpRequest request_;
  BodyCharge charge_;
  std::shared_ptr<Answer> answer_;
};

}  // namespace

std::shared_ptr<Exchange> make_exchange(asio::io_context& io, HttpRequest request,
                                        BodyCharge charge, std::shared_ptr<Answer> answer) {
  return std::make_shared<HttpExchange>(io, std::move(request), std::move(charge),
                                        std::move(answer));
}

}  // namespace hadal
