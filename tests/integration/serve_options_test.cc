// Options of hadal serve that change what requests are told, and what the log says of them.
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
#include <vector>

#include "program.h"

namespace hadal::integration {
namespace {

// hadal serve on a port of its own, until the end of its life.
class RunningServer {
 public:
  explicit RunningServer(std::vector<std::string> options) {
    const int err = ::open(log_path().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    options.insert(options.begin(), {"serve", "--port", "0", "--threads", "1"});
    pid_ = start_hadal(options, -1, err, err);
    ::close(err);
    const std::regex place("http://127\\.0\\.0\\.1:([0-9]+)");
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    std::smatch match;
    for (std::string said; match.empty() && std::chrono::steady_clock::now() < deadline;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      said = log();
      if (std::regex_search(said, match, place)) port_ = static_cast<uint16_t>(std::stoi(match[1]));
    }
  }
  ~RunningServer() { stop(); }
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    EXPECT_EQ(wait_for_end(pid_), 0);
    pid_ = 0;
  }

  std::string log() const { return read_bytes(log_path()); }

  std::string get(const std::string& path) const {
    return ask("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  }
  std::string post(const std::string& body, const std::string& header = "") const {
    return ask("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
               header + "Content-Type: application/json\r\nContent-Length: " +
               std::to_string(body.size()) + "\r\n\r\n" + body);
  }

 private:
  std::filesystem::path log_path() const { return scratch_.path("log"); }

  std::string ask(const std::string& request) const {
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

  Scratch scratch_;
  pid_t pid_ = 0;
  uint16_t port_ = 0;
};

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

constexpr char kHello[] = R"("max_tokens":1,"messages":[{"role":"user","content":"hi"}])";

TEST(ServeOptionsTest, SeveralNamesAndRequestsInTheLog) {
  RunningServer server({"--name", "house", "--name", "deepseek-ai/DeepSeek-V4"});
  const std::string models = server.get("/v1/models");
  EXPECT_TRUE(holds(models, "\"house\"") && holds(models, "\"deepseek-ai/DeepSeek-V4\"")) << models;
  const std::string body = "{" + std::string(kHello);
  EXPECT_TRUE(holds(server.post(body + "}"), "\"model\":\"house\""));
  EXPECT_TRUE(holds(server.post(body + R"(,"model":"deepseek-ai/DeepSeek-V4"})"),
                    "\"model\":\"deepseek-ai/DeepSeek-V4\""));
  EXPECT_TRUE(holds(server.post(body + R"(,"model":"nano"})"), " 404 "));
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(holds(server.post(body + R"(,"typo_p":"a secret"})", "X-Request-Id: trace-77\r\n"),
                      "X-Request-Id: trace-77\r\n"));
  }
  server.stop();
  const std::string log = server.log();
  EXPECT_TRUE(holds(log, " trace-77")) << log;
  EXPECT_TRUE(holds(log, " req_")) << log;
  const size_t told = log.find("\"typo_p\"");
  EXPECT_NE(told, std::string::npos) << log;
  EXPECT_EQ(log.find("\"typo_p\"", told + 1), std::string::npos) << log;
  EXPECT_FALSE(holds(log, "secret")) << log;
}

TEST(ServeOptionsTest, StrictServersRefuseUnknownFields) {
  const RunningServer server({"--strict"});
  const std::string body = "{" + std::string(kHello);
  EXPECT_TRUE(holds(server.post(body + "}"), " 200 "));
  EXPECT_TRUE(holds(server.post(body + R"(,"typo_p":1})"), "\"param\":\"typo_p\""));
  EXPECT_TRUE(holds(server.post(body + R"(,"typo_p":1})", "X-Hadal-Strict: false\r\n"), " 200 "));
}

TEST(ServeOptionsTest, NamesThatAreNone) {
  for (const char* names : {"", ",", " ", "a\nb"}) {
    const Outcome outcome = run_hadal({.words = {"serve", "--port", "0", "--name", names}});
    EXPECT_EQ(outcome.status, 2) << names;
    EXPECT_TRUE(holds(outcome.err, "--name")) << outcome.err;
  }
}

}  // namespace
}  // namespace hadal::integration
