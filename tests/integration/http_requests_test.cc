// Requests that hadal serve once refused, or let through, against the standard and its clients'
// habits; each named after what went wrong.
#include <arpa/inet.h>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <regex>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "program.h"

namespace hadal::integration {
namespace {

constexpr char kChat[] = R"({"max_tokens":1,"messages":[{"role":"user","content":"hi"}]})";

// One server for all tests.
class HttpRequestsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    scratch_ = new Scratch;
    const int err = ::open(scratch_->path("err").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    pid_ = start_hadal({"serve", "--port", "0", "--name", "deepseek-ai/DeepSeek-V4-Flash",
                        "--allowed-host", "llm.example.org", "--max-body", "1M"},
                       -1, err, err);
    ::close(err);
    const std::regex place("http://127\\.0\\.0\\.1:([0-9]+)");
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    std::smatch match;
    std::string said;
    do {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      said = read_bytes(scratch_->path("err"));
    } while (!std::regex_search(said, match, place) && std::chrono::steady_clock::now() < deadline);
    ASSERT_FALSE(match.empty()) << said;
    port_ = static_cast<uint16_t>(std::stoi(match[1]));
  }

  static void TearDownTestSuite() {
    ::kill(pid_, SIGTERM);
    EXPECT_EQ(wait_for_end(pid_), 0);
    delete scratch_;
  }

  // Everything the server sends until it closes the connection.
  static std::string ask(const std::string& request) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port_);
    std::string reply;
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
        ::send(fd, request.data(), request.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(request.size())) {
      char buffer[4096];
      for (ssize_t n = 0; (n = ::recv(fd, buffer, sizeof(buffer), 0)) > 0;) {
        reply.append(buffer, static_cast<size_t>(n));
      }
    }
    ::close(fd);
    return reply;
  }

  static std::string get(const std::string& target, const std::string& host = "localhost") {
    return ask("GET " + target + " HTTP/1.1\r\nConnection: close\r\nHost: " + host + "\r\n\r\n");
  }

  static std::string post(const std::string& body, const std::string& header = "") {
    return ask("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
               header + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }

  static int status(const std::string& reply) {
    return reply.starts_with("HTTP/1.1 ") ? std::stoi(reply.substr(9)) : 0;
  }

  static Scratch* scratch_;
  static pid_t pid_;
  static uint16_t port_;
};

Scratch* HttpRequestsTest::scratch_ = nullptr;
pid_t HttpRequestsTest::pid_ = 0;
uint16_t HttpRequestsTest::port_ = 0;

TEST_F(HttpRequestsTest, HostOfAReverseProxy) {
  for (const char* host : {"llm.example.org", "LLM.example.org.:443", "localhost.:80",
                           "chat.localhost", "[::1]:80", "192.168.1.7"}) {
    EXPECT_EQ(status(get("/health", host)), 200) << host;
  }
  const std::string refused = get("/health", "other.example.org");
  EXPECT_EQ(status(refused), 403);
  EXPECT_NE(refused.find("--allowed-host other.example.org"), std::string::npos) << refused;
  EXPECT_EQ(status(get("/health", "evil.example\r\nX-Forwarded-Host: localhost")), 403);
}

TEST_F(HttpRequestsTest, AllowedHostThatIsNone) {
  for (const char* name : {"http://llm.example.org", "", "a,b c"}) {
    const Outcome outcome = run_hadal({.words = {"serve", "--port", "0", "--allowed-host", name}});
    EXPECT_EQ(outcome.status, 2) << name;
    EXPECT_NE(outcome.err.find("--allowed-host"), std::string::npos) << outcome.err;
  }
}

TEST_F(HttpRequestsTest, AWebPageOfElsewhereCannotPost) {
  const std::string refused = post(kChat, "Origin: https://evil.example\r\n");
  EXPECT_EQ(status(refused), 403);
  EXPECT_NE(refused.find("--allowed-origin https://evil.example"), std::string::npos) << refused;
  EXPECT_EQ(status(post(kChat, "Origin: https://llm.example.org\r\n")), 200);
  const Outcome outcome =
      run_hadal({.words = {"serve", "--port", "0", "--allowed-origin", "chat.example.org"}});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.err.find("--allowed-origin"), std::string::npos) << outcome.err;
}

TEST_F(HttpRequestsTest, HostIsADutyOfHttp11) {
  EXPECT_EQ(status(ask("GET /health HTTP/1.0\r\n\r\n")), 200);
  EXPECT_EQ(status(ask("GET /health HTTP/1.1\r\n\r\n")), 400);
  EXPECT_EQ(status(get("/health", "localhost\r\nHost: localhost")), 400);
}

TEST_F(HttpRequestsTest, BodyLimitIsAnOption) {
  const std::string reply = post(std::string((size_t{1} << 20) + 1, ' '));
  EXPECT_EQ(status(reply), 413);
  EXPECT_NE(reply.find("--max-body"), std::string::npos) << reply;
  EXPECT_EQ(status(post(std::string((size_t{1} << 20) - sizeof(kChat), ' ') + kChat)), 200);
}

TEST_F(HttpRequestsTest, AbsoluteTarget) {
  EXPECT_EQ(status(get("HTTP://localhost:1/v1/models?x=1")), 200);
  EXPECT_EQ(status(get("http://evil.example/v1/models")), 403) << "the target's host counts";
  EXPECT_EQ(status(ask("OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")), 200);
}

TEST_F(HttpRequestsTest, CompressedBody) {
  const std::string reply = post("\x1f\x8b\x08", "Content-Encoding: gzip\r\n");
  EXPECT_EQ(status(reply), 415);
  EXPECT_NE(reply.find("\\\"gzip\\\""), std::string::npos) << reply;
  EXPECT_NE(reply.find("Accept-Encoding: identity\r\n"), std::string::npos) << reply;
}

TEST_F(HttpRequestsTest, ByteOrderMark) {
  EXPECT_EQ(status(post(std::string("\xef\xbb\xbf") + kChat)), 200);
  EXPECT_NE(post(std::string("\xfe\xff\0{\0}", 6)).find("UTF-16BE"), std::string::npos);
}

TEST_F(HttpRequestsTest, EmptyLineBeforeARequest) {
  const std::string body = kChat;
  const std::string replies =
      ask("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
          std::to_string(body.size()) + "\r\n\r\n" + body +
          "\r\n\nGET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(status(replies), 200);
  const size_t second = replies.find("HTTP/1.1 ", 1);
  ASSERT_NE(second, std::string::npos) << replies;
  EXPECT_EQ(status(replies.substr(second)), 200);
}

TEST_F(HttpRequestsTest, EncodedSlashInAModelsName) {
  for (const char* name : {"deepseek-ai%2FDeepSeek-V4-Flash", "deepseek-ai%2fDeepSeek-V4-Flash",
                           "deepseek-ai/DeepSeek-V4-Flash", "%64eepseek-ai/DeepSeek%2DV4-Flash"}) {
    EXPECT_EQ(status(get(std::string("/v1/models/") + name)), 200) << name;
  }
  for (const char* name : {"..", "%2e%2e", "deepseek-ai%252FDeepSeek-V4-Flash",
                           "deepseek-ai%2F%2e%2e%2Fdeepseek-ai%2FDeepSeek-V4-Flash"}) {
    EXPECT_EQ(status(get(std::string("/v1/models/") + name)), 404) << name;
  }
  for (const char* name : {"%", "%zz", "a%0", "%00", "%ff", "%c0%af"}) {
    EXPECT_EQ(status(get(std::string("/v1/models/") + name)), 400) << name;
  }
}

}  // namespace
}  // namespace hadal::integration
