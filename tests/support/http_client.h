// A small blocking HTTP client over plain sockets, for tests: it can also send what no proper
// client would, and read an answer bit by bit.
#pragma once

#include <arpa/inet.h>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

namespace hadal::test {

struct ClientResponse {
  int status = 0;      // 0: the connection ended before a whole head
  std::string head;    // status line and headers
  std::string body;    // without chunk framing
  bool whole = false;  // the body ended as the head announced
};

class TestClient {
 public:
  explicit TestClient(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd_ < 0 || connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      throw std::runtime_error("cannot connect");
    }
  }
  ~TestClient() { close(); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  void shutdown_sending() const { shutdown(fd_, SHUT_WR); }

  // False when the server has closed the connection.
  bool send(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t count = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      text.remove_prefix(static_cast<size_t>(count));
    }
    return true;
  }

  // Waits until what has been received and not taken contains `mark`. False when the connection
  // ends first, or nothing comes for `patience`.
  bool wait_for(std::string_view mark, std::chrono::seconds patience = std::chrono::seconds(60)) {
    while (received_.find(mark) == std::string::npos) {
      if (!receive(patience)) return false;
    }
    return true;
  }

  // True when the server closes the connection, whatever it sends before.
  bool wait_for_close(std::chrono::seconds patience = std::chrono::seconds(60)) {
    while (receive(patience)) {
    }
    return closed_;
  }

  const std::string& received() const { return received_; }

  ClientResponse read_response() {
    ClientResponse response;
    if (!wait_for("\r\n\r\n")) return response;
    response.head = take(received_.find("\r\n\r\n") + 4);
    response.status = std::atoi(response.head.c_str() + 9);
    if (response.status == 100) return read_response();
    const size_t length = response.head.find("Content-Length: ");
    if (length != std::string::npos) {
      const auto size = static_cast<size_t>(std::atoll(response.head.c_str() + length + 16));
      while (received_.size() < size && receive(std::chrono::seconds(60))) {
      }
      response.whole = received_.size() >= size;
      response.body = take(size);
    } else if (response.head.find("Transfer-Encoding: chunked") != std::string::npos) {
      while (wait_for("\r\n")) {
        const auto size = static_cast<size_t>(std::strtoull(received_.c_str(), nullptr, 16));
        take(received_.find("\r\n") + 2);
        while (received_.size() < size + 2 && receive(std::chrono::seconds(60))) {
        }
        response.body += take(size);
        take(2);
        if (size == 0) {
          response.whole = true;
          break;
        }
      }
    } else {
      response.whole = wait_for_close();
      response.body = take(received_.size());
    }
    return response;
  }

 private:
  bool receive(std::chrono::seconds patience) {
    pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(patience);
    if (poll(&waiting, 1, static_cast<int>(milliseconds.count())) <= 0) return false;
    char bytes[16384];
    const ssize_t count = recv(fd_, bytes, sizeof(bytes), 0);
    if (count <= 0) {
      closed_ = true;
      return false;
    }
    received_.append(bytes, static_cast<size_t>(count));
    return true;
  }

  std::string take(size_t count) {
    std::string taken = received_.substr(0, count);
    received_.erase(0, count);
    return taken;
  }

  int fd_;
  std::string received_;
  bool closed_ = false;
};

inline std::string get_request(std::string_view path, std::string_view method = "GET") {
  return std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
}

inline std::string post_request(std::string_view path, std::string_view body) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

}  // namespace hadal::test
