// A server on loopback that does exactly what a script says, and remembers when it did it: what a
// client measures can be held against it. For the client's own ceiling and for tests; it speaks
// just enough HTTP/1.1 for a well-behaved client, and holds no model.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

struct ScriptedRequest {
  int64_t index = 0;  // in the order of arrival
  std::string method = {};
  std::string path = {};
  std::string body = {};
};

struct ScriptedEvent {
  double after = 0;  // seconds after the event before, or after the request came
  // Written as it is, as one HTTP chunk; shared, so that thousands of streams take no memory.
  std::shared_ptr<const std::string> bytes = {};
};

enum class ScriptedEnd {
  kWhole,    // the answer ends as HTTP wants it
  kCut,      // the connection closes in the middle
  kSilence,  // nothing more comes, and the connection stays
};

struct ScriptedAnswer {
  int status = 200;
  std::string content_type = "text/event-stream";
  std::vector<std::string> headers = {};  // "Name: value"
  std::vector<ScriptedEvent> events = {};
  ScriptedEnd end = ScriptedEnd::kWhole;
  // The first event's time counts from here; where several events are due at once they are written
  // together, as a buffering proxy does.
};

// When the server did what, in seconds of the monotonic clock.
struct ServedRequest {
  int64_t index = 0;
  double received = 0;               // the whole request
  std::vector<double> written = {};  // each event handed to the network
  bool completed = false;
};

class ScriptedServer {
 public:
  // Called on the server's thread for each request.
  using Script = std::function<ScriptedAnswer(const ScriptedRequest&)>;

  explicit ScriptedServer(Script script);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string url() const;  // "http://127.0.0.1:PORT"
  // What was served so far, by index.
  std::vector<ServedRequest> served() const;
  // Processor time that the server's thread has used, in seconds.
  double cpu_seconds() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// The bytes of one server-sent event with `data`.
std::shared_ptr<const std::string> sse_event(std::string_view data);
// A chunk of a chat completion with `text` as its content.
std::shared_ptr<const std::string> chat_chunk(std::string_view text);
std::shared_ptr<const std::string> finish_chunk();
std::shared_ptr<const std::string> usage_chunk(int64_t prompt_tokens, int64_t completion_tokens,
                                               int64_t cached_tokens = 0);
std::shared_ptr<const std::string> done_event();
// An answer of `tokens` events of one token each: the first `first_token` seconds after the
// request, the others `gap` apart; then finish reason, usage and [DONE].
ScriptedAnswer paced_answer(int64_t tokens, double first_token, double gap,
                            int64_t prompt_tokens = 16);

}  // namespace hadal
