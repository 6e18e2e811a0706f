#include "measure/client/http_loop.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <ctime>
#include <curl/curl.h>
#include <map>
#include <mutex>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <unordered_map>

#include "base/check.h"
#include "base/error.h"

namespace hadal {
namespace {

constexpr size_t kEventsAtOnce = 512;
constexpr double kLagTick = 0.01;  // seconds between timers that only watch the loop
constexpr long kReceiveBuffer = 64 << 10;
constexpr size_t kMostShown = 4096;  // bytes of what a server says, before keys are taken out
constexpr double kNever = 1e18;
constexpr double kLongestWait = 3600;     // seconds
constexpr double kWithoutWaiting = 5e-6;  // seconds that a look takes which found something

double thread_cpu_seconds() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

[[noreturn]] void throw_system(const char* what) {
  throw Error({.code = ErrorCode::kResourceExhausted,
               .where = "load client",
               .what = std::string(what) + ": " + std::strerror(errno),
               .remedy = "raise the limit of open files (ulimit -n)"});
}

void initialise_curl() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
      throw Error({.code = ErrorCode::kInternal, .where = "libcurl", .what = "cannot be started"});
    }
  });
}

std::string_view failure_of_code(CURLcode code) {
  switch (code) {
    case CURLE_OK:
      return "";
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return "resolve";
    case CURLE_COULDNT_CONNECT:
      return "connect";
    case CURLE_OPERATION_TIMEDOUT:
      return "timeout";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return "tls";
    case CURLE_PARTIAL_FILE:
      return "truncated";
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      return "reset";
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return "url";
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_WRITE_ERROR:
      return "garbage";
    default:
      return "network";
  }
}

bool is_same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

}  // namespace

double monotonic_seconds() {
  timespec time = {};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

class HttpLoop::Impl {
 public:
  explicit Impl(HttpLoopOptions options) : options_(std::move(options)) {
    initialise_curl();
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    multi_ = curl_multi_init();
    if (epoll_ < 0 || wake_ < 0 || multi_ == nullptr) {
      const int reason = errno;
      close_all();
      errno = reason;
      throw_system("cannot be started");
    }
    watch(wake_);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Impl::socket_changed);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Impl::timer_changed);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 1L << 20);
    for (const std::string& header : options_.headers) add_header(header);
    add_header("Content-Type: application/json");
    add_header("Expect:");
  }

  ~Impl() {
    for (auto& [id, transfer] : transfers_) {
      curl_multi_remove_handle(multi_, transfer->easy);
      curl_easy_cleanup(transfer->easy);
    }
    for (CURL* easy : idle_) curl_easy_cleanup(easy);
    close_all();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  TransferId start(OutgoingRequest request, HttpHandler& handler) {
    auto transfer = std::make_unique<Transfer>();
    transfer->id = next_id_++;
    transfer->loop = this;
    transfer->handler = &handler;
    transfer->request = std::move(request);
    transfer->last_byte = monotonic_seconds();
    transfer->easy = take_easy();
    prepare(*transfer);
    const CURLMcode code = curl_multi_add_handle(multi_, transfer->easy);
    HADAL_CHECK(code == CURLM_OK);
    const TransferId id = transfer->id;
    transfers_.emplace(id, std::move(transfer));
    return id;
  }

  void cancel(TransferId id) {
    const auto found = transfers_.find(id);
    if (found == transfers_.end()) return;
    end_transfer(found->second.get(), "cancelled", "");
  }

  void cancel_all() {
    while (!transfers_.empty()) cancel(transfers_.begin()->first);
  }

  void at(double time, std::function<void()> call) { timers_.emplace(time, std::move(call)); }

  void clear_timers() { timers_.clear(); }

  size_t in_flight() const { return transfers_.size(); }

  void run(const std::function<bool()>& finished) {
    const double cpu_before = thread_cpu_seconds();
    const double wall_before = monotonic_seconds();
    next_tick_ = wall_before + kLagTick;
    last_poll_ = wall_before;
    while (!finished()) turn();
    lag_.cpu_seconds += thread_cpu_seconds() - cpu_before;
    lag_.wall_seconds += monotonic_seconds() - wall_before;
  }

  void wake() const {
    const uint64_t one = 1;
    // Fails only where the counter is full, and then the loop is awake.
    [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof one);
  }

  LoopLag lag_;

 private:
  struct Transfer {
    TransferId id = 0;
    Impl* loop = nullptr;
    HttpHandler* handler = nullptr;
    OutgoingRequest request;
    CURL* easy = nullptr;
    double last_byte = 0;  // of the answer, or when it began
    bool has_headers = false;
    std::string content_type;
    std::string location;
    std::string server;
    std::optional<double> retry_after;
    std::string fault;  // of the handler
    std::array<char, CURL_ERROR_SIZE> message = {};
  };

  void close_all() {
    if (multi_ != nullptr) curl_multi_cleanup(multi_);
    curl_slist_free_all(headers_);
    for (const int fd : {epoll_, wake_}) {
      if (fd >= 0) close(fd);
    }
  }

  void add_header(const std::string& header) {
    curl_slist* longer = curl_slist_append(headers_, header.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    headers_ = longer;
  }

  void watch(int fd) const {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) throw_system("cannot watch a file");
  }

  CURL* take_easy() {
    if (!idle_.empty()) {
      CURL* easy = idle_.back();
      idle_.pop_back();
      return easy;
    }
    CURL* easy = curl_easy_init();
    if (easy == nullptr) throw std::bad_alloc();
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    // One connection for each request in flight, so that streams do not share a window.
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kReceiveBuffer);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(options_.connect_timeout * 1000));
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, options_.verify_tls ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, options_.verify_tls ? 2L : 0L);
    if (!options_.ca_file.empty()) {
      curl_easy_setopt(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
    }
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Impl::body_came);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Impl::header_came);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, &Impl::request_goes);
    return easy;
  }

  static void prepare(Transfer& transfer) {
    CURL* easy = transfer.easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.message.data());
    curl_easy_setopt(easy, CURLOPT_URL, transfer.request.url.c_str());
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(transfer.request.timeout * 1000));
    if (transfer.request.body.empty()) {
      curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    } else {
      curl_easy_setopt(easy, CURLOPT_POST, 1L);
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer.request.body.data());
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(transfer.request.body.size()));
    }
  }

  void turn() {
    call_timers();
    const double wake_at = std::min({curl_due_, next_tick_, next_timer()});
    const double asked = monotonic_seconds();
    const int count = wait_for_events(wake_at - asked);
    const double answered = monotonic_seconds();
    // What was ready already may have been so since the last look; what was waited for has only
    // now come.
    const double ready_since = answered - asked > kWithoutWaiting ? answered : last_poll_;
    last_poll_ = answered;
    if (count < 0) {
      if (errno != EINTR) throw_system("cannot wait for answers");
      return;
    }
    ready_since_ = ready_since;
    for (int i = 0; i < count; ++i) serve(events_[static_cast<size_t>(i)]);
    if (curl_due_ <= monotonic_seconds()) {
      curl_due_ = kNever;
      int running = 0;
      curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    finish_transfers();
    tick();
  }

  void serve(const epoll_event& event) {
    const int fd = event.data.fd;
    if (fd == wake_) {
      uint64_t value = 0;
      [[maybe_unused]] const ssize_t got = read(fd, &value, sizeof value);
      return;
    }
    int action = 0;
    if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) action |= CURL_CSELECT_IN;
    if ((event.events & EPOLLOUT) != 0) action |= CURL_CSELECT_OUT;
    if ((event.events & EPOLLERR) != 0) action |= CURL_CSELECT_ERR;
    int running = 0;
    curl_multi_socket_action(multi_, fd, action, &running);
  }

  double next_timer() const { return timers_.empty() ? kNever : timers_.begin()->first; }

  void call_timers() {
    const double now = monotonic_seconds();
    while (!timers_.empty() && timers_.begin()->first <= now) {
      auto node = timers_.extract(timers_.begin());
      node.mapped()();
    }
  }

  // Fills events_. Waits no longer than `seconds`, which may be negative.
  int wait_for_events(double seconds) {
    seconds = std::clamp(seconds, 0.0, kLongestWait);
    timespec limit = {.tv_sec = static_cast<time_t>(seconds), .tv_nsec = 0};
    limit.tv_nsec = static_cast<long>((seconds - static_cast<double>(limit.tv_sec)) * 1e9);
    const int count = epoll_pwait2(epoll_, events_.data(), kEventsAtOnce, &limit, nullptr);
    if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
    // Linux before 5.11 waits for whole milliseconds, and so do containers whose filter forbids
    // calls that it does not know.
    return epoll_wait(epoll_, events_.data(), kEventsAtOnce,
                      static_cast<int>(std::ceil(seconds * 1e3)));
  }

  // A timer of the loop's own, which shows how late all others are, and the watch for silence.
  void tick() {
    const double now = monotonic_seconds();
    if (now < next_tick_) return;
    lag_.add(now - next_tick_);
    next_tick_ = now + kLagTick;
    if (options_.idle_timeout <= 0 || now < next_idle_look_) return;
    next_idle_look_ = now + std::min(1.0, options_.idle_timeout / 4);
    std::vector<Transfer*> silent;
    for (const auto& [id, transfer] : transfers_) {
      if (now - transfer->last_byte > options_.idle_timeout) silent.push_back(transfer.get());
    }
    for (Transfer* transfer : silent) {
      end_transfer(
          transfer, "timeout",
          "no byte came for " + std::to_string(static_cast<int>(options_.idle_timeout)) + " s");
    }
  }

  void finish_transfers() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      void* pointer = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &pointer);
      auto* transfer = static_cast<Transfer*>(pointer);
      const CURLcode code = message->data.result;
      std::string text = transfer->fault;
      if (text.empty() && code != CURLE_OK) {
        text = transfer->message[0] != '\0' ? transfer->message.data() : curl_easy_strerror(code);
      }
      const std::string failure(failure_of(code, *transfer));
      if (failure == "open_files") text = "this machine may open no more files (ulimit -n)";
      end_transfer(transfer, failure, printable(text, kMostShown));
    }
  }

  // libcurl's codes do not tell that files ran out, that framing is broken, or that it is no HTTP.
  std::string_view failure_of(CURLcode code, const Transfer& transfer) const {
    if (code == CURLE_COULDNT_CONNECT && may_open_nothing()) return "open_files";
    const std::string_view message(transfer.message.data());
    for (const std::string_view broken : {"chunk", "HTTP/0.9"}) {
      if (message.find(broken) != std::string_view::npos) return "garbage";
    }
    return failure_of_code(code);
  }

  bool may_open_nothing() const {
    const int probe = dup(epoll_);
    if (probe >= 0) close(probe);
    return probe < 0;
  }

  void end_transfer(Transfer* transfer, std::string failure, std::string text) {
    HttpEnd end = {.failure = std::move(failure), .text = std::move(text)};
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    end.status = static_cast<int>(status);
    end.location = printable(transfer->location, kMostShown);
    end.retry_after = transfer->retry_after;
    end.content_type = transfer->content_type;
    end.server = printable(transfer->server, kMostShown);
    end.seconds = monotonic_seconds();
    curl_multi_remove_handle(multi_, transfer->easy);
    curl_easy_setopt(transfer->easy, CURLOPT_ERRORBUFFER, nullptr);  // it goes with the transfer
    idle_.push_back(transfer->easy);
    // The handler may start others; this one is gone by then.
    const auto owned = transfers_.extract(transfer->id);
    owned.mapped()->handler->on_end(end);
  }

  static int socket_changed(CURL* /*easy*/, curl_socket_t fd, int what, void* self, void* known) {
    auto* loop = static_cast<Impl*>(self);
    if (what == CURL_POLL_REMOVE) {
      epoll_ctl(loop->epoll_, EPOLL_CTL_DEL, fd, nullptr);
      return 0;
    }
    epoll_event event = {};
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) event.events |= EPOLLIN;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) event.events |= EPOLLOUT;
    event.data.fd = fd;
    if (known == nullptr) {
      if (epoll_ctl(loop->epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
        epoll_ctl(loop->epoll_, EPOLL_CTL_MOD, fd, &event);
      }
      curl_multi_assign(loop->multi_, fd, loop);
    } else {
      epoll_ctl(loop->epoll_, EPOLL_CTL_MOD, fd, &event);
    }
    return 0;
  }

  static int timer_changed(CURLM* /*multi*/, long milliseconds, void* self) {
    auto* loop = static_cast<Impl*>(self);
    loop->curl_due_ =
        milliseconds < 0 ? kNever : monotonic_seconds() + static_cast<double>(milliseconds) * 1e-3;
    return 0;
  }

  static int request_goes(void* self, char* /*address*/, char* /*own_address*/, int /*port*/,
                          int /*own_port*/) {
    auto* transfer = static_cast<Transfer*>(self);
    transfer->last_byte = monotonic_seconds();
    transfer->handler->on_sent(transfer->last_byte);
    return CURL_PREREQFUNC_OK;
  }

  static size_t header_came(char* data, size_t size, size_t count, void* self) {
    auto* transfer = static_cast<Transfer*>(self);
    const std::string_view line(data, size * count);
    transfer->last_byte = monotonic_seconds();
    if (line.starts_with("HTTP/")) {
      transfer->content_type.clear();
      transfer->location.clear();
      transfer->server.clear();
      transfer->retry_after.reset();
      return line.size();
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      if (trimmed(line).empty()) transfer->loop->headers_came(*transfer);
      return line.size();
    }
    const std::string_view name = line.substr(0, colon);
    const std::string value(trimmed(line.substr(colon + 1)));
    if (is_same_name(name, "content-type")) {
      transfer->content_type = value;
    } else if (is_same_name(name, "location")) {
      transfer->location = value;
    } else if (is_same_name(name, "content-encoding")) {
      // Nobody asked for it, and it cannot be read.
      if (!is_same_name(value, "identity")) {
        transfer->fault =
            "the answer is compressed (" + printable(value) + ") without being asked to be";
      }
    } else if (is_same_name(name, "server")) {
      transfer->server = value;
    } else if (is_same_name(name, "retry-after")) {
      read_retry_after(value, *transfer);
    }
    return line.size();
  }

  static void read_retry_after(const std::string& value, Transfer& transfer) {
    constexpr double kLongest = 86400;
    const bool is_number = !value.empty() && value.size() < 10 &&
                           value.find_first_not_of("0123456789") == std::string::npos;
    if (is_number) {
      transfer.retry_after = std::min(std::stod(value), kLongest);
      return;
    }
    const time_t date = curl_getdate(value.c_str(), nullptr);
    if (date < 0) return;
    transfer.retry_after = std::clamp(std::difftime(date, time(nullptr)), 0.0, kLongest);
  }

  void headers_came(Transfer& transfer) const {
    long status = 0;
    curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    constexpr long kFirstFinal = 200;
    if (status < kFirstFinal || transfer.has_headers) return;
    transfer.has_headers = true;
    try {
      transfer.handler->on_headers(static_cast<int>(status), transfer.content_type,
                                   transfer.last_byte);
    } catch (const std::exception& error) {
      transfer.fault = error.what();
    }
  }

  static size_t body_came(char* data, size_t size, size_t count, void* self) {
    auto* transfer = static_cast<Transfer*>(self);
    if (!transfer->fault.empty()) return 0;
    const double now = monotonic_seconds();
    transfer->last_byte = now;
    transfer->loop->lag_.add(now - transfer->loop->ready_since_);
    const std::string_view bytes(data, size * count);
    try {
      transfer->handler->on_body(bytes, now);
    } catch (const std::exception& error) {
      transfer->fault = error.what();
      return 0;
    }
    return bytes.size();
  }

  HttpLoopOptions options_;
  CURLM* multi_ = nullptr;
  curl_slist* headers_ = nullptr;
  std::array<epoll_event, kEventsAtOnce> events_ = {};  // of the last look
  int epoll_ = -1;
  int wake_ = -1;  // an eventfd
  std::unordered_map<TransferId, std::unique_ptr<Transfer>> transfers_;
  std::vector<CURL*> idle_;
  TransferId next_id_ = 1;
  std::multimap<double, std::function<void()>> timers_;
  double curl_due_ = kNever;
  double next_tick_ = 0;
  double next_idle_look_ = 0;
  double last_poll_ = 0;    // when the sockets were looked at last
  double ready_since_ = 0;  // the earliest that what is being read can have come
};

HttpLoop::HttpLoop(HttpLoopOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
HttpLoop::~HttpLoop() = default;

HttpLoop::TransferId HttpLoop::start(OutgoingRequest request, HttpHandler& handler) {
  return impl_->start(std::move(request), handler);
}
void HttpLoop::cancel(TransferId id) { impl_->cancel(id); }
void HttpLoop::cancel_all() { impl_->cancel_all(); }
void HttpLoop::at(double time, std::function<void()> call) { impl_->at(time, std::move(call)); }
void HttpLoop::clear_timers() { impl_->clear_timers(); }
size_t HttpLoop::in_flight() const { return impl_->in_flight(); }
void HttpLoop::run(const std::function<bool()>& finished) { impl_->run(finished); }
void HttpLoop::wake() { impl_->wake(); }
const LoopLag& HttpLoop::lag() const { return impl_->lag_; }
void HttpLoop::reset_lag() { impl_->lag_ = {}; }

}  // namespace hadal
