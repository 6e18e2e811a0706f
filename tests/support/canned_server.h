// A server on loopback that answers every request with what a function says, bytes and all: for
// tests of clients. It closes the connection after each answer.
#pragma once

#include <arpa/inet.h>
#include <atomic>
#include <cstdint>
#include <functional>
#include <netinet/in.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace hadal::test {

struct CannedRequest {
  std::string method;
  std::string path;
  std::string head;  // request line and headers
  std::string body;
};

inline std::string canned_answer(int status, std::string_view body, std::string_view more = "") {
  return "HTTP/1.1 " + std::to_string(status) +
         " -\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n" + std::string(more) + "\r\n" + std::string(body);
}

class CannedServer {
 public:
  // `answer` is called on the server's thread, one request at a time.
  explicit CannedServer(std::function<std::string(const CannedRequest&)> answer)
      : answer_(std::move(answer)), fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    if (fd_ < 0 || bind(fd_, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
        listen(fd_, 16) != 0 ||
        getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
      throw std::runtime_error("cannot listen");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~CannedServer() {
    stopping_ = true;
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    close(fd_);
  }
  CannedServer(const CannedServer&) = delete;
  CannedServer& operator=(const CannedServer&) = delete;

  uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  static bool read_request(int fd, CannedRequest& request) {
    std::string bytes;
    size_t end = std::string::npos;
    size_t length = 0;
    char buffer[1 << 16];
    while (end == std::string::npos || bytes.size() < end + 4 + length) {
      const ssize_t count = recv(fd, buffer, sizeof(buffer), 0);
      if (count <= 0) return false;
      bytes.append(buffer, static_cast<size_t>(count));
      if (end != std::string::npos) continue;
      end = bytes.find("\r\n\r\n");
      const size_t at = bytes.find("Content-Length: ");
      if (end != std::string::npos && at < end) length = std::stoul(bytes.substr(at + 16));
    }
    request.head = bytes.substr(0, end);
    request.body = bytes.substr(end + 4, length);
    const size_t space = bytes.find(' ');
    request.method = bytes.substr(0, space);
    request.path = bytes.substr(space + 1, bytes.find(' ', space + 1) - space - 1);
    return true;
  }

  void serve() {
    while (!stopping_) {
      const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      CannedRequest request;
      if (read_request(fd, request)) {
        const std::string bytes = answer_(request);
        for (size_t sent = 0; sent < bytes.size();) {
          const ssize_t count = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
          if (count <= 0) break;
          sent += static_cast<size_t>(count);
        }
      }
      close(fd);
    }
  }

  std::function<std::string(const CannedRequest&)> answer_;
  int fd_;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace hadal::test
