#include "server/answer_headers.h"

#include <functional>
#include <string>
#include <utility>

namespace hadal {
namespace {

HttpResponse with_headers(HttpResponse response, const HttpHeaders& headers) {
  response.headers.insert(response.headers.end(), headers.begin(), headers.end());
  return response;
}

class HeadedExchange final : public Exchange {
 public:
  HeadedExchange(std::shared_ptr<Exchange> inner, HttpHeaders headers)
      : inner_(std::move(inner)), headers_(std::move(headers)) {}

  const HttpRequest& request() const override { return inner_->request(); }
  void release_body() override { inner_->release_body(); }
  void respond(HttpResponse response) override {
    inner_->respond(with_headers(std::move(response), headers_));
  }
  void begin_stream(HttpResponse head) override {
    inner_->begin_stream(with_headers(std::move(head), headers_));
  }
  void write(std::string part) override { inner_->write(std::move(part)); }
  void end() override { inner_->end(); }
  void on_abandoned(std::function<void()> callback) override {
    inner_->on_abandoned(std::move(callback));
  }
  void on_break_off(std::function<void()> callback) override {
    inner_->on_break_off(std::move(callback));
  }
  void post(std::function<void()> task) override { inner_->post(std::move(task)); }
  void set_usage(int prompt_tokens, int completion_tokens) override {
    inner_->set_usage(prompt_tokens, completion_tokens);
  }
  void set_style(AnswerStyle style) override {
    if (style.write_error) {
      style.write_error = [write = std::move(style.write_error),
                           headers = headers_](const HttpError& error) {
        return with_headers(write(error), headers);
      };
    }
    inner_->set_style(std::move(style));
  }
  void set_request_id(const std::string& id) override { inner_->set_request_id(id); }
  void set_error(const std::string& message) override { inner_->set_error(message); }

 private:
  const std::shared_ptr<Exchange> inner_;
  const HttpHeaders headers_;
};

}  // namespace

std::shared_ptr<Exchange> with_answer_headers(std::shared_ptr<Exchange> exchange,
                                              HttpHeaders headers) {
  return std::make_shared<HeadedExchange>(std::move(exchange), std::move(headers));
}

}  // namespace hadal
