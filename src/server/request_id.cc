#include "server/request_id.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "server/random_id.h"

namespace hadal {
namespace {

constexpr size_t kLongest = 128;
constexpr char kHeader[] = "X-Request-Id";

bool is_sane(std::string_view id) {
  constexpr std::string_view kMarks = "-_.:/+=@";
  const auto may_stand = [kMarks](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  };
  return !id.empty() && id.size() <= kLongest && std::all_of(id.begin(), id.end(), may_stand);
}

class NamedExchange final : public Exchange {
 public:
  explicit NamedExchange(std::shared_ptr<Exchange> inner)
      : inner_(std::move(inner)), id_(request_id(inner_->request().header(kHeader))) {
    inner_->set_request_id(id_);
  }

  const HttpRequest& request() const override { return inner_->request(); }
  void release_body() override { inner_->release_body(); }
  void respond(HttpResponse response) override { inner_->respond(named(std::move(response))); }
  void begin_stream(HttpResponse head) override { inner_->begin_stream(named(std::move(head))); }
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
  void set_request_id(const std::string& id) override { inner_->set_request_id(id); }

 private:
  HttpResponse named(HttpResponse response) const {
    response.headers.emplace_back(kHeader, id_);
    return response;
  }

  const std::shared_ptr<Exchange> inner_;
  const std::string id_;
};

}  // namespace

std::string request_id(std::string_view sent) {
  return is_sane(sent) ? std::string(sent) : make_random_id("req_");
}

std::shared_ptr<Exchange> with_request_id(std::shared_ptr<Exchange> exchange) {
  return std::make_shared<NamedExchange>(std::move(exchange));
}

}  // namespace hadal
