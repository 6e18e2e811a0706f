#include "measure/meters/http_get.h"

#include <arpa/inet.h>
#include <cstdlib>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "base/error.h"

namespace hadal {
namespace {

// Gives one answer to one request, whatever it asks.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(fd_, any, length), 0);
    EXPECT_EQ(::listen(fd_, 1), 0);
    EXPECT_EQ(::getsockname(fd_, any, &length), 0);
    port_ = ::ntohs(address.sin_port);
    thread_ = std::thread([this, answer = std::move(answer)] {
      const int connection = ::accept(fd_, nullptr, nullptr);
      char request[4096];
      EXPECT_GT(::recv(connection, request, sizeof(request), 0), 0);
      ::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
      ::close(connection);
    });
  }
  ~OneAnswer() {
    thread_.join();
    ::close(fd_);
  }
  OneAnswer(const OneAnswer&) = delete;
  OneAnswer& operator=(const OneAnswer&) = delete;
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/metrics"; }

 private:
  int fd_;
  int port_ = 0;
  std::thread thread_;
};

constexpr double kLongGet = 60;  // seconds; no test waits for it

std::string error_of(const std::string& url) {
  try {
    http_get(kLongGet)(url);
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "no Error";
  return "";
}

TEST(HttpGet, GivesThePage) {
  const OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nwatts 700");
  EXPECT_EQ(http_get(kLongGet)(server.url()), "watts 700");
}

TEST(HttpGet, TellsOfAnswersThatAreNoPage) {
  {
    const OneAnswer server("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    EXPECT_NE(error_of(server.url()).find("answers with 404"), std::string::npos);
  }
  {
    const OneAnswer server(
        "HTTP/1.1 302 Found\r\nLocation: file:///etc/hostname\r\nContent-Length: 0\r\n\r\n");
    EXPECT_NE(error_of(server.url()).find("answers with 302"), std::string::npos);
  }
  const OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nwatts");
  EXPECT_FALSE(error_of(server.url()).empty());  // cut short
}

TEST(HttpGet, RefusesPagesThatAreTooLong) {
  const OneAnswer server("HTTP/1.1 200 OK\r\n\r\n" + std::string(size_t{17} << 20, 'x'));
  EXPECT_NE(error_of(server.url()).find("longer than 16 MiB"), std::string::npos);
}

TEST(HttpGet, TellsThatNobodyAnswersAndReadsNoFiles) {
  EXPECT_THROW(http_get(kLongGet)("http://127.0.0.1:1/metrics"), Error);
  EXPECT_THROW(http_get(kLongGet)("file:///etc/hostname"), Error);
}

// As an exporter beside the meter is asked where everything else goes through a proxy.
TEST(HttpGet, AsksThisMachineWithoutAProxy) {
  const OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nwatts 700");
  const char* before = std::getenv("http_proxy");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  EXPECT_EQ(http_get(kLongGet)(server.url()), "watts 700");
  before == nullptr ? ::unsetenv("http_proxy") : ::setenv("http_proxy", kept.c_str(), 1);
}

TEST(UrlToShow, HidesPasswords) {
  EXPECT_EQ(url_to_show("http://u:p@h:1/x"), "http://h:1/x");
  EXPECT_EQ(url_to_show("http://h/x@y"), "http://h/x@y");
  EXPECT_EQ(url_to_show("prometheus:https://u:p@ss@h/m"), "prometheus:https://h/m");
  EXPECT_EQ(url_to_show("constant@gpu:5"), "constant@gpu:5");
}

}  // namespace
}  // namespace hadal
