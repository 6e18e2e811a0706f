// hadal serve as a process: it starts, says where, answers, ends on a signal, and refuses a port
// that is taken.
#include <arpa/inet.h>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
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

int bound_socket(uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), length), 0);
  EXPECT_EQ(::listen(fd, 1), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
  port = ntohs(address.sin_port);
  return fd;
}

std::string ask_server(uint16_t port, const std::string& request) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
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

TEST(ServeTest, AnswersUntilItIsStopped) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const Scratch scratch;
    const int err = ::open(scratch.path("err").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const pid_t pid = start_hadal({"serve", "--port", "0"}, -1, err, err);
    ::close(err);
    std::smatch match;
    std::string said;
    const std::regex place("http://127\\.0\\.0\\.1:([0-9]+)");
    constexpr auto kLimit = std::chrono::seconds(60);
    const auto deadline = std::chrono::steady_clock::now() + kLimit;
    do {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      said = read_bytes(scratch.path("err"));
    } while (!std::regex_search(said, match, place) && std::chrono::steady_clock::now() < deadline);
    ASSERT_FALSE(match.empty()) << said;
    const auto port = static_cast<uint16_t>(std::stoi(match[1]));
    EXPECT_NE(
        ask_server(port, "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .find(" 200 "),
        std::string::npos);
    const std::string body =
        R"({"messages":[{"role":"user","content":"Victor has a white owl. What pet does Victor have?"}],"temperature":0})";
    const std::string reply =
        ask_server(port,
                   "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                   "Content-Type: application/json\r\nContent-Length: " +
                       std::to_string(body.size()) + "\r\n\r\n" + body);
    EXPECT_NE(reply.find("Victor has a white owl."), std::string::npos) << reply;
    // Prompts are nobody's business but the caller's.
    EXPECT_EQ(read_bytes(scratch.path("err")).find("owl"), std::string::npos);
    ::kill(pid, signal);
    EXPECT_EQ(wait_for_end(pid), 0);
  }
}

TEST(ServeTest, PortInUse) {
  uint16_t port = 0;
  const int fd = bound_socket(port);
  const Outcome outcome = run_hadal({.words = {"serve", "--port", std::to_string(port)}});
  ::close(fd);
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.err.find("hadal: error: "), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find(std::to_string(port)), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("in use"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("--port"), std::string::npos) << outcome.err;
}

// A cache directory in which somebody else keeps a file of the name that hadal needs.
TEST(ServeTest, ForeignSecretIsKeptAndNamed) {
  const Scratch scratch;
  std::filesystem::create_directories(scratch.path("kv"));
  const std::string secret = scratch.path("kv").string() + "/secret";
  for (const std::string text : {"my own notes, please keep\n", "16 bytes of text", ""}) {
    write_bytes(secret, text);
    const Outcome outcome = run_hadal(
        {.words = {"serve", "--port", "0", "-t", "1", "--kv-disk", scratch.path("kv").string()}});
    EXPECT_EQ(outcome.status, 2);
    EXPECT_NE(outcome.err.find(secret + ": is not a secret that hadal wrote"), std::string::npos)
        << outcome.err;
    EXPECT_EQ(read_bytes(secret), text);
  }
}

TEST(ServeTest, AddressThatIsNone) {
  const Outcome outcome = run_hadal({.words = {"serve", "--host", "not an address"}});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.err.find("not an address"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace hadal::integration
