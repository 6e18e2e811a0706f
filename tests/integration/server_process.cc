#include "server_process.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace hadal::integration {
namespace {

constexpr auto kWatchdog = std::chrono::minutes(2);

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

// The bytes of one answer at the beginning of `bytes`, or 0 when it is not whole.
size_t answer_length(std::string_view bytes) {
  const size_t head = bytes.find("\r\n\r\n");
  if (head == std::string_view::npos) return 0;
  const std::string_view fields = bytes.substr(0, head);
  const size_t body = head + 4;
  if (fields.starts_with("HTTP/1.1 100 ")) return body;
  constexpr std::string_view kLength = "Content-Length: ";
  if (const size_t at = fields.find(kLength); at != std::string_view::npos) {
    size_t length = 0;
    std::from_chars(fields.data() + at + kLength.size(), fields.data() + fields.size(), length);
    return bytes.size() >= body + length ? body + length : 0;
  }
  constexpr std::string_view kLast = "data: [DONE]\n\n\r\n0\r\n\r\n";
  const size_t end = bytes.find(kLast, body);
  return end == std::string_view::npos ? 0 : end + kLast.size();
}

}  // namespace

uint16_t port_in(const std::string& log) {
  constexpr std::string_view kPlace = "http://127.0.0.1:";
  const size_t at = log.find(kPlace);
  // The whole line, so that no digit is missing.
  if (at == std::string::npos || log.find('\n', at) == std::string::npos) return 0;
  return static_cast<uint16_t>(std::stoi(log.substr(at + kPlace.size())));
}

uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof(address);
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), length), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
  ::close(fd);
  return ntohs(address.sin_port);
}

uint16_t wait_for_port(pid_t pid, const std::filesystem::path& file) {
  const auto deadline = std::chrono::steady_clock::now() + kWatchdog;
  while (std::chrono::steady_clock::now() < deadline) {
    if (const uint16_t port = port_in(read_bytes(file)); port != 0) return port;
    siginfo_t ended = {};
    if (::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        ended.si_pid != 0) {
      return 0;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return 0;
}

ServerProcess::ServerProcess(const std::vector<std::string>& options,
                             const std::map<std::string, std::string>& environment) {
  std::vector<std::string> words = {"serve", "--port", "0", "--threads", "1"};
  words.insert(words.end(), options.begin(), options.end());
  const int log = ::open(scratch_.path("log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  pid_ = start_hadal(words, -1, log, log, environment);
  ::close(log);
  port_ = wait_for_port(pid_, scratch_.path("log"));
  EXPECT_NE(port_, 0) << this->log();
}

ServerProcess::~ServerProcess() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string ServerProcess::log() const { return read_bytes(scratch_.path("log")); }

void ServerProcess::signal(int number) const { EXPECT_EQ(::kill(pid_, number), 0); }

int ServerProcess::end() { return wait_for_end(std::exchange(pid_, -1)); }

Client::Client(uint16_t port, int receive_buffer)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (receive_buffer != 0) {
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  }
  const sockaddr_in address = loopback(port);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) leave();
}

Client::~Client() { leave(); }

Client::Client(Client&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), seen_(std::move(other.seen_)) {}

void Client::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

bool Client::read_more() {
  pollfd ready = {.fd = fd_, .events = POLLIN, .revents = 0};
  if (::poll(&ready, 1, static_cast<int>(std::chrono::milliseconds(kWatchdog).count())) <= 0) {
    ADD_FAILURE() << "the server neither answers nor closes the connection";
    return false;
  }
  char buffer[1 << 16];
  const ssize_t n = ::recv(fd_, buffer, sizeof(buffer), 0);
  if (n <= 0) return false;
  seen_.append(buffer, static_cast<size_t>(n));
  return true;
}

bool Client::read_until(std::string_view text) {
  while (seen_.find(text) == std::string::npos) {
    if (!read_more()) return false;
  }
  return true;
}

const std::string& Client::read_to_end() {
  while (fd_ >= 0 && read_more()) {
  }
  return seen_;
}

void Client::half_close() const { ::shutdown(fd_, SHUT_WR); }

void Client::leave() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Client::reset() {
  const linger none = {.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
  leave();
}

std::string get_text(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
}

std::string post_text(std::string_view body) {
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json"
         "\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::string long_chat(int tokens, bool stream, std::string_view more) {
  // Token 1 is the end of a sentence.
  return R"({"messages":[{"role":"user","content":"Anna lives in Lisbon."}],"logit_bias":{"1":-100},)"
         R"("max_tokens":)" +
         std::to_string(tokens) + (stream ? R"(,"stream":true)" : "") + std::string(more) + "}";
}

Got judge(const std::string& bytes) {
  if (bytes.empty()) return Got::kNothing;
  bool whole = false;
  for (std::string_view rest = bytes; !rest.empty();) {
    const size_t length = answer_length(rest);
    const std::string_view status = rest.substr(0, std::min<size_t>(rest.size(), 13));
    if (length == 0) return Got::kCut;
    rest.remove_prefix(length);
    if (status == "HTTP/1.1 100 ") continue;
    whole = true;
    if (status != "HTTP/1.1 200 ") return rest.empty() ? Got::kRefused : Got::kCut;
  }
  return whole ? Got::kWhole : Got::kNothing;
}

std::string ask(uint16_t port, std::string_view path) {
  Client client(port);
  if (!client.connected()) return {};
  client.send("GET " + std::string(path) +
              " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  return client.read_to_end();
}

}  // namespace hadal::integration
