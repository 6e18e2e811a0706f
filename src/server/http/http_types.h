// HTTP as handlers see it: a request that is complete, and an Exchange through which it is answered
// from whatever thread. The handlers include this; only http_server.cc, the
// connections and exchange know the library beneath.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hadal {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method;
  // Without the query and percent-decoded once, so that %2F is a slash like any other; UTF-8
  // without zero bytes, beginning with '/', or "*" for OPTIONS *. Dots in it have no meaning.
  std::string path;
  std::string query = {};  // what follows the first '?' of the target, as it was sent
  // In the order and spelling they came in; of an absolute target the host in place of Host's.
  HttpHeaders headers;
  std::string body;

  // The value of the first header `name`, in any spelling; empty when there is none.
  std::string_view header(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  HttpHeaders headers = {};  // besides Content-Type, Content-Length and Connection
  std::string body = {};
  std::string error = {};       // for the log
  std::string request_id = {};  // for the log, of a request that no exchange was made of
};

// What is wrong with a request, whoever finds it: the connection that reads it, the router or a
// handler.
struct HttpError {
  int status = 400;
  std::string message;
  std::string param = {};  // the part of the request concerned, such as a field; may be empty
  std::string code = {};   // a word for programs; may be empty
};

// In the words of one API.
using ErrorWriter = std::function<HttpResponse(const HttpError&)>;

// What the transport itself puts into an answer, in the words of the API that was asked.
struct AnswerStyle {
  std::string keep_alive_text = {};  // into a stream that is silent; empty: nothing
  // When the request is dropped, or the server ends; empty: as the server writes errors.
  ErrorWriter write_error = {};
};

std::string_view http_status_text(int status);

bool equal_ignoring_case(std::string_view a, std::string_view b);

// The answer to one request. All methods may be called from any thread and return at once; calls
// from one thread take effect in order, and those after the end or the client's departure have
// none. An exchange that is dropped unanswered answers 500.
class Exchange {
 public:
  Exchange() = default;
  virtual ~Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  virtual const HttpRequest& request() const = 0;
  // Frees the request's body, which large requests need not hold until their answer's end. Only by
  // the thread that reads it.
  virtual void release_body() {}

  // The whole answer.
  virtual void respond(HttpResponse response) = 0;

  // An answer in parts: the head (its body is sent as the first part), then parts, then end().
  // Parts are sent as they come.
  virtual void begin_stream(HttpResponse head) = 0;
  virtual void write(std::string part) = 0;
  virtual void end() = 0;

  // `callback` is called once on the server's thread when nobody waits for the answer any more: the
  // client has gone, or the server's patience at shutdown has ended. At once if that has happened.
  virtual void on_abandoned(std::function<void()> callback) = 0;
  // `callback` is called on the server's thread when the server's patience at shutdown has ended
  // and the stream is still under way: it may write last words and must end the stream. Without one
  // the stream breaks off.
  virtual void on_break_off(std::function<void()> callback) = 0;
  // Runs `task` on the server's thread, in the order of the calls.
  virtual void post(std::function<void()> task) = 0;
  // Token counts for the log.
  virtual void set_usage(int prompt_tokens, int completion_tokens) = 0;
  // Before the answer begins.
  virtual void set_style(AnswerStyle style) = 0;
  // The request's name, for the log.
  virtual void set_request_id(const std::string& /*id*/) {}
  // What went wrong with an answer whose head was sent before, for the log.
  virtual void set_error(const std::string& /*message*/) {}
};

// Called on one of several worker threads for every complete request; must be safe to call
// concurrently. What it throws becomes a 500.
using HttpHandler = std::function<void(std::shared_ptr<Exchange>)>;

// The answer to a request that no handler has seen, or has not given a style: of `request` what
// could be read, which may be nothing. Called on the server's thread; must not throw.
using RequestErrorWriter = std::function<HttpResponse(const HttpRequest&, const HttpError&)>;

}  // namespace hadal
