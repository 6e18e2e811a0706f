// The answer to one request on its way from a handler, on any thread, to the connection that sends
// it. Includes Boost, so only the connections include this; handlers know Exchange alone.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "server/http/body_budget.h"
#include "server/http/http_types.h"

namespace hadal {

// What one request's exchange and its connection share. Touched on the server's thread only.
struct Answer {
  Answer(boost::asio::io_context& io, ErrorWriter write_error)
      : changed(io), style{.write_error = std::move(write_error)} {}

  boost::asio::steady_timer changed;  // cancelled whenever something below changes
  std::optional<HttpResponse> head;
  bool streaming = false;
  bool ended = false;
  bool abandoned = false;
  std::string unsent;
  std::function<void()> on_abandoned;
  std::function<void()> on_break_off;
  int prompt_tokens = 0;
  int completion_tokens = 0;
  std::string request_id;
  std::string late_error;  // of an answer whose head was sent before
  AnswerStyle style;

  void wake() { changed.cancel(); }

  // Lets the handler of a stream end it with last words; false where there is nobody to do so.
  bool break_off() {
    if (abandoned || ended || !streaming || !on_break_off) return false;
    std::exchange(on_break_off, nullptr)();
    return true;
  }

  void abandon() {
    if (abandoned || ended) return;
    abandoned = true;
    on_break_off = nullptr;
    if (auto callback = std::exchange(on_abandoned, nullptr)) callback();
    wake();
  }

  // The handler has failed before its answer began.
  void fail(const HttpError& error) {
    if (ended || streaming) return;
    head = style.write_error(error);
    ended = true;
    on_abandoned = nullptr;
    wake();
  }

  // An answer that has not begun becomes this error, and its handler hears that nobody waits for
  // its own any more.
  void answer_instead(const HttpError& error) {
    if (abandoned || ended || streaming) return;
    head = style.write_error(error);
    ended = true;
    if (auto callback = std::exchange(on_abandoned, nullptr)) callback();
    wake();
  }
};

// The handler's end of `answer`. Keeps the loop of `io` alive while anyone holds it; dropping it
// unanswered answers 500. `charge`: of the request's body.
std::shared_ptr<Exchange> make_exchange(boost::asio::io_context& io, HttpRequest request,
                                        BodyCharge charge, std::shared_ptr<Answer> answer);

}  // namespace hadal
