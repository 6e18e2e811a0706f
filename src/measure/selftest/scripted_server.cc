#include "measure/selftest/scripted_server.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <fmt/format.h>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <queue>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <thread>
#include <unistd.h>
#include <unordered_map>

#include "base/error.h"

namespace hadal {
namespace {

constexpr size_t kMostHeadBytes = size_t{64} << 10;
constexpr size_t kMostBodyBytes = size_t{512} << 20;
constexpr double kNever = 1e18;

double seconds_of(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double now_seconds() { return seconds_of(CLOCK_MONOTONIC); }

[[noreturn]] void throw_system(const char* what) {
  throw Error({.code = ErrorCode::kResourceExhausted,
               .where = "scripted server",
               .what = std::string(what) + ": " + std::strerror(errno),
               .remedy = "raise the limit of open files (ulimit -n)"});
}

struct Connection {
  int fd = -1;
  uint64_t generation = 0;
  std::string in;
  std::string out;  // what the socket did not take yet
  bool is_answering = false;
  bool wants_write = false;
  ScriptedAnswer answer;
  size_t next_event = 0;
  double last_due = 0;
  int64_t index = -1;
};

// The length of the head including the empty line, or npos.
size_t head_length(const std::string& in) {
  const size_t end = in.find("\r\n\r\n");
  return end == std::string::npos ? end : end + 4;
}

size_t content_length(std::string_view head) {
  constexpr std::string_view kName = "content-length:";
  for (size_t begin = 0; begin < head.size();) {
    const size_t end = std::min(head.find("\r\n", begin), head.size());
    std::string line(head.substr(begin, end - begin));
    std::transform(line.begin(), line.end(), line.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (line.starts_with(kName)) {
      const size_t digits = line.find_first_not_of(' ', kName.size());
      size_t length = 0;
      if (digits != std::string::npos) {
        std::from_chars(line.data() + digits, line.data() + line.size(), length);
      }
      return length;
    }
    begin = end + 2;
  }
  return 0;
}

void append_chunk(std::string& out, std::string_view bytes) {
  fmt::format_to(std::back_inserter(out), "{:x}\r\n", bytes.size());
  out.append(bytes);
  out.append("\r\n");
}

}  // namespace

class ScriptedServer::Impl {
 public:
  explicit Impl(Script script) : script_(std::move(script)) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    stop_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    clock_ = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (epoll_ < 0 || stop_ < 0 || clock_ < 0 || listener_ < 0) throw_system("cannot be started");
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener_, SOMAXCONN) != 0) {
      throw_system("cannot listen");
    }
    socklen_t length = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    for (const int fd : {stop_, clock_, listener_}) control(fd, EPOLL_CTL_ADD, EPOLLIN);
    thread_ = std::thread([this] { run(); });
  }

  ~Impl() {
    stopping_ = true;
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(stop_, &one, sizeof one);
    thread_.join();
    for (const auto& [fd, connection] : connections_) close(fd);
    for (const int fd : {epoll_, stop_, clock_, listener_}) close(fd);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  int port() const { return port_; }

  std::vector<ServedRequest> served() const {
    const std::lock_guard lock(mutex_);
    return served_;
  }

  double cpu_seconds() const { return cpu_seconds_; }

 private:
  struct Due {
    double time;
    int fd;
    uint64_t generation;
    bool operator>(const Due& other) const { return time > other.time; }
  };

  void control(int fd, int operation, uint32_t events) const {
    epoll_event event = {};
    event.events = events;
    event.data.fd = fd;
    epoll_ctl(epoll_, operation, fd, &event);
  }

  void run() {
    constexpr size_t kAtOnce = 512;
    std::array<epoll_event, kAtOnce> events = {};
    while (!stopping_) {
      set_clock(due_.empty() ? kNever : due_.top().time);
      const int count = epoll_wait(epoll_, events.data(), kAtOnce, -1);
      for (int i = 0; i < count; ++i) serve(events[static_cast<size_t>(i)]);
      write_due();
      cpu_seconds_ = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    }
  }

  void set_clock(double time) const {
    itimerspec spec = {};
    if (time < kNever) {
      const auto whole = static_cast<time_t>(time);
      spec.it_value.tv_sec = whole;
      spec.it_value.tv_nsec =
          std::clamp(static_cast<int64_t>((time - static_cast<double>(whole)) * 1e9), int64_t{1},
                     int64_t{999'999'999});
    }
    timerfd_settime(clock_, TFD_TIMER_ABSTIME, &spec, nullptr);
  }

  void serve(const epoll_event& event) {
    const int fd = event.data.fd;
    if (fd == stop_ || fd == clock_) {
      uint64_t value = 0;
      [[maybe_unused]] const ssize_t got = read(fd, &value, sizeof value);
    } else if (fd == listener_) {
      accept_all();
    } else if (const auto found = connections_.find(fd); found != connections_.end()) {
      if ((event.events & EPOLLOUT) != 0 && !flush(found->second)) return;
      if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) receive(found->second);
    }
  }

  void accept_all() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0) return;
      const int yes = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      Connection& connection = connections_[fd];
      connection = {};
      connection.fd = fd;
      connection.generation = next_generation_++;
      control(fd, EPOLL_CTL_ADD, EPOLLIN);
    }
  }

  void drop(Connection& connection) {
    const int fd = connection.fd;
    close(fd);
    connections_.erase(fd);
  }

  void receive(Connection& connection) {
    std::array<char, 64 << 10> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): written
    for (;;) {
      const ssize_t got = recv(connection.fd, buffer.data(), buffer.size(), 0);
      if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return drop(connection);
      if (got < 0) break;
      connection.in.append(buffer.data(), static_cast<size_t>(got));
      if (connection.in.size() > kMostBodyBytes + kMostHeadBytes) return drop(connection);
    }
    if (!connection.is_answering) take_request(connection);
  }

  void take_request(Connection& connection) {
    const size_t head = head_length(connection.in);
    if (head == std::string::npos) {
      // What begins with no method is TLS or noise.
      const bool is_http = connection.in.empty() || std::isupper(connection.in[0]) != 0;
      if (!is_http || connection.in.size() > kMostHeadBytes) drop(connection);
      return;
    }
    const size_t body = content_length(std::string_view(connection.in).substr(0, head));
    if (body > kMostBodyBytes) return drop(connection);
    if (connection.in.size() < head + body) return;
    ScriptedRequest request;
    const size_t method_end = connection.in.find(' ');
    const size_t path_end = connection.in.find(' ', method_end + 1);
    if (path_end > head) return drop(connection);
    request.method = connection.in.substr(0, method_end);
    request.path = connection.in.substr(method_end + 1, path_end - method_end - 1);
    request.body = connection.in.substr(head, body);
    connection.in.erase(0, head + body);
    {
      const std::lock_guard lock(mutex_);
      request.index = static_cast<int64_t>(served_.size());
      served_.push_back({.index = request.index, .received = now_seconds()});
    }
    begin(connection, request);
  }

  void begin(Connection& connection, const ScriptedRequest& request) {
    connection.index = request.index;
    connection.answer = script_(request);
    connection.is_answering = true;
    connection.next_event = 0;
    {
      const std::lock_guard lock(mutex_);
      connection.last_due = served_[static_cast<size_t>(request.index)].received;
      served_[static_cast<size_t>(request.index)].written.reserve(connection.answer.events.size());
    }
    std::string head = fmt::format("HTTP/1.1 {} scripted\r\nContent-Type: {}\r\n",
                                   connection.answer.status, connection.answer.content_type);
    for (const std::string& header : connection.answer.headers) head += header + "\r\n";
    head += "Transfer-Encoding: chunked\r\n\r\n";
    connection.out += head;
    plan(connection);
  }

  // When this connection has something to do next.
  void plan(Connection& connection) {
    double time = connection.last_due;
    if (connection.next_event < connection.answer.events.size()) {
      time += connection.answer.events[connection.next_event].after;
    }
    due_.push({time, connection.fd, connection.generation});
  }

  void write_due() {
    double now = now_seconds();
    while (!due_.empty() && due_.top().time <= now) {
      const Due due = due_.top();
      due_.pop();
      const auto found = connections_.find(due.fd);
      if (found != connections_.end() && found->second.generation == due.generation) {
        advance(found->second);
      }
      now = now_seconds();
    }
  }

  // Writes every event that is due.
  void advance(Connection& connection) {
    const std::vector<ScriptedEvent>& events = connection.answer.events;
    const double now = now_seconds();
    size_t written = 0;
    while (connection.next_event < events.size()) {
      const double due = connection.last_due + events[connection.next_event].after;
      if (due > now) break;
      append_chunk(connection.out, *events[connection.next_event].bytes);
      connection.last_due = due;
      ++connection.next_event;
      ++written;
    }
    const bool is_last = connection.next_event == events.size();
    if (is_last && connection.answer.end == ScriptedEnd::kWhole) connection.out += "0\r\n\r\n";
    const double stamp = now_seconds();
    {
      const std::lock_guard lock(mutex_);
      ServedRequest& served = served_[static_cast<size_t>(connection.index)];
      served.written.insert(served.written.end(), written, stamp);
      served.completed = is_last;
    }
    if (!flush(connection)) return;
    if (!is_last) return plan(connection);
    if (connection.answer.end == ScriptedEnd::kCut) return drop(connection);
    if (connection.answer.end == ScriptedEnd::kSilence) return;
    connection.is_answering = false;
    if (!connection.in.empty()) take_request(connection);
  }

  // False: the connection is gone.
  bool flush(Connection& connection) {
    size_t sent = 0;
    while (sent < connection.out.size()) {
      const ssize_t got = send(connection.fd, connection.out.data() + sent,
                               connection.out.size() - sent, MSG_NOSIGNAL);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) break;
      if (got < 0) {
        drop(connection);
        return false;
      }
      sent += static_cast<size_t>(got);
    }
    connection.out.erase(0, sent);
    const bool wants = !connection.out.empty();
    if (wants != connection.wants_write) {
      connection.wants_write = wants;
      control(connection.fd, EPOLL_CTL_MOD, wants ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
    return true;
  }

  Script script_;
  int epoll_ = -1;
  int stop_ = -1;
  int clock_ = -1;
  int listener_ = -1;
  int port_ = 0;
  std::unordered_map<int, Connection> connections_;
  uint64_t next_generation_ = 1;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  mutable std::mutex mutex_;
  std::vector<ServedRequest> served_;
  std::atomic<double> cpu_seconds_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

ScriptedServer::ScriptedServer(Script script) : impl_(std::make_unique<Impl>(std::move(script))) {}
ScriptedServer::~ScriptedServer() = default;
std::string ScriptedServer::url() const {
  return fmt::format("http://127.0.0.1:{}", impl_->port());
}
std::vector<ServedRequest> ScriptedServer::served() const { return impl_->served(); }
double ScriptedServer::cpu_seconds() const { return impl_->cpu_seconds(); }

std::shared_ptr<const std::string> sse_event(std::string_view data) {
  return std::make_shared<const std::string>(fmt::format("data: {}\n\n", data));
}

std::shared_ptr<const std::string> chat_chunk(std::string_view text) {
  return sse_event(fmt::format(
      R"({{"id":"chatcmpl-scripted","object":"chat.completion.chunk","created":1700000000,)"
      R"("model":"scripted","choices":[{{"index":0,"delta":{{"content":"{}"}},)"
      R"("finish_reason":null}}]}})",
      text));
}

std::shared_ptr<const std::string> finish_chunk() {
  return sse_event(R"({"object":"chat.completion.chunk","model":"scripted",)"
                   R"("choices":[{"index":0,"delta":{},"finish_reason":"length"}]})");
}

std::shared_ptr<const std::string> usage_chunk(int64_t prompt_tokens, int64_t completion_tokens,
                                               int64_t cached_tokens) {
  return sse_event(fmt::format(
      R"({{"object":"chat.completion.chunk","model":"scripted","choices":[],)"
      R"("usage":{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},)"
      R"("prompt_tokens_details":{{"cached_tokens":{}}}}}}})",
      prompt_tokens, completion_tokens, prompt_tokens + completion_tokens, cached_tokens));
}

std::shared_ptr<const std::string> done_event() { return sse_event("[DONE]"); }

ScriptedAnswer paced_answer(int64_t tokens, double first_token, double gap, int64_t prompt_tokens) {
  static const std::shared_ptr<const std::string> token = chat_chunk(" token");
  static const std::shared_ptr<const std::string> finish = finish_chunk();
  static const std::shared_ptr<const std::string> done = done_event();
  ScriptedAnswer answer;
  answer.events.reserve(static_cast<size_t>(tokens) + 3);
  for (int64_t i = 0; i < tokens; ++i) {
    answer.events.push_back({.after = i == 0 ? first_token : gap, .bytes = token});
  }
  answer.events.push_back({.bytes = finish});
  answer.events.push_back({.bytes = usage_chunk(prompt_tokens, tokens)});
  answer.events.push_back({.bytes = done});
  return answer;
}

}  // namespace hadal
