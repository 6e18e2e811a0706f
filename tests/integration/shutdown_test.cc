// hadal serve ends when it is told to, whatever its clients do: signals to the real process while
// connections are in every state of their lives. What a client may see is fixed by the state it was
// in; which states meet in one process is drawn at random from fixed seeds.
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "server_process.h"

namespace hadal::integration {
namespace {

constexpr int kTogether = 4;  // processes

// Calls `work` for 0 to count-1, several at a time.
void at_once(int count, const std::function<void(int)>& work) {
  std::atomic<int> next = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kTogether; ++i) {
    threads.emplace_back([&] {
      for (int index = next++; index < count; index = next++) work(index);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

int signal_of(int index) { return index % 2 == 0 ? SIGTERM : SIGINT; }

enum class State {
  kConnected,
  kAnswered,  // keeps its connection for the next request
  kHalfHead,
  kHalfBody,
  kHalfUpload,  // waits for permission to send its body, and does not send it
  kWhole,       // asked, nothing read
  kQueued,      // the head of a stream has come: the engine has the request
  kStreaming,   // a token has come
  kPipelined,   // streaming, and asked for more on the same connection
};
constexpr std::array kStates = {State::kConnected, State::kAnswered,   State::kHalfHead,
                                State::kHalfBody,  State::kHalfUpload, State::kWhole,
                                State::kQueued,    State::kStreaming,  State::kPipelined};

enum class After { kStay, kGoOn, kLeave, kReset, kHalfClose };
constexpr std::array kAfter = {After::kStay, After::kGoOn, After::kLeave, After::kReset,
                               After::kHalfClose};

struct Visit {
  State state;
  After after;
  Client client;
  std::string rest;  // of a request that is half sent
};

Visit visit(uint16_t port, State state, After after, std::mt19937& random) {
  Visit visit{.state = state, .after = after, .client = Client(port), .rest = {}};
  EXPECT_TRUE(visit.client.connected());
  constexpr int kFewTokens = 20;
  constexpr int kManyTokens = 300;
  const std::string request = post_text(long_chat(kFewTokens, random() % 2 == 0));
  const std::string stream = post_text(long_chat(kManyTokens, true));
  const size_t head = request.find("\r\n\r\n") + 4;
  const auto send_part = [&](size_t bytes) {
    visit.client.send(request.substr(0, bytes));
    visit.rest = request.substr(bytes);
  };
  switch (state) {
    case State::kConnected:
      break;
    case State::kAnswered:
      visit.client.send(get_text("/health"));
      EXPECT_TRUE(visit.client.read_until("requests_running"));
      break;
    case State::kHalfHead:
      send_part(1 + random() % (head - 1));
      break;
    case State::kHalfBody:
      send_part(head + random() % (request.size() - head));
      break;
    case State::kHalfUpload:
      visit.client.send(request.substr(0, head - 2) + "Expect: 100-continue\r\n\r\n");
      visit.rest = request.substr(head);
      EXPECT_TRUE(visit.client.read_until("100 Continue"));
      break;
    case State::kWhole:
      visit.client.send(request);
      break;
    case State::kQueued:
      visit.client.send(stream);
      EXPECT_TRUE(visit.client.read_until("\r\n\r\n"));
      break;
    case State::kStreaming:
      visit.client.send(stream);
      EXPECT_TRUE(visit.client.read_until(R"("content":")"));
      break;
    case State::kPipelined: {
      std::string more;
      for (size_t i = random() % 100; i > 0; --i) more += get_text("/v1/models");
      visit.client.send(stream + more);
      EXPECT_TRUE(visit.client.read_until("\r\n\r\n"));
      break;
    }
  }
  return visit;
}

// What the client does when the server has been told to end.
void carry_on(Visit& visit) {
  switch (visit.after) {
    case After::kStay:
      break;
    case After::kGoOn:
      visit.client.send(visit.rest.empty() ? get_text("/health") : visit.rest);
      break;
    case After::kLeave:
      visit.client.leave();
      break;
    case After::kReset:
      visit.client.reset();
      break;
    case After::kHalfClose:
      visit.client.half_close();
      break;
  }
}

// A running answer ends whole; a request that goes on arriving is answered; nobody else hears
// anything but the end, or that the server is not there for them.
void expect_promised(Visit& visit) {
  if (visit.after == After::kLeave || visit.after == After::kReset) return;
  const std::string& bytes = visit.client.read_to_end();
  const Got got = judge(bytes);
  const bool gone = visit.after == After::kHalfClose;
  const bool whole_request = visit.rest.empty() || visit.after == After::kGoOn;
  switch (visit.state) {
    case State::kConnected:
      // What it sends after the signal may find the connection closed or not.
      EXPECT_TRUE(got == Got::kNothing || (visit.after == After::kGoOn && got != Got::kCut))
          << bytes;
      break;
    case State::kAnswered:
      EXPECT_EQ(got, Got::kWhole) << bytes;
      break;
    case State::kHalfHead:
    case State::kHalfBody:
    case State::kHalfUpload:
      if (whole_request) {
        EXPECT_EQ(got, Got::kWhole) << bytes;
      } else {
        EXPECT_TRUE(got == Got::kNothing || got == Got::kRefused) << bytes;
      }
      break;
    case State::kWhole:
    case State::kQueued:
    case State::kStreaming:
    case State::kPipelined:
      if (!gone) {
        EXPECT_EQ(got, Got::kWhole) << bytes;
      }
      break;
  }
}

TEST(ShutdownTest, EveryClientGetsWhatItWasPromised) {
  constexpr int kProcesses = 24;
  constexpr int kClients = 16;
  at_once(kProcesses, [](int index) {
    SCOPED_TRACE(index);
    std::mt19937 random(static_cast<unsigned>(index));
    ServerProcess server(
        {"--shutdown-timeout", "600", "--max-running", index % 3 == 0 ? "1" : "8"});
    std::vector<Visit> visits;
    for (int i = 0; i < kClients; ++i) {
      const State state = kStates[random() % kStates.size()];
      const After after = kAfter[random() % kAfter.size()];
      visits.push_back(visit(server.port(), state, after, random));
    }
    // Connections are accepted in their order: this is the last.
    EXPECT_EQ(judge(ask(server.port(), "/health")), Got::kWhole);
    server.signal(signal_of(index));
    for (Visit& visit : visits) carry_on(visit);
    for (Visit& visit : visits) expect_promised(visit);
    // Those that stay do so until the server is gone.
    EXPECT_EQ(server.end(), 0) << server.log();
    EXPECT_NE(server.log().find("stopped"), std::string::npos) << server.log();
  });
}

// A connection that nobody uses is no reason to stay, not even for the time that answers get.
TEST(ShutdownTest, IdleConnectionsHoldNothingUp) {
  at_once(kTogether, [](int index) {
    ServerProcess server({"--shutdown-timeout", "86400"});
    std::vector<Client> clients;
    for (int i = 0; i < 40; ++i) {
      clients.emplace_back(server.port());
      if (i % 2 == 0) {
        clients.back().send(get_text("/health"));
        EXPECT_TRUE(clients.back().read_until("requests_running"));
      }
    }
    server.signal(signal_of(index));
    EXPECT_EQ(server.end(), 0) << server.log();
  });
}

// An answer whose reader takes nothing, so that it stays in the server.
Client stalled(uint16_t port) {
  constexpr int kReceiveBuffer = 4096;
  Client client(port, kReceiveBuffer);
  client.send(post_text(long_chat(4000, true, R"(,"logprobs":true,"top_logprobs":20)")));
  EXPECT_TRUE(client.read_until("\r\n\r\n"));
  return client;
}

TEST(ShutdownTest, ReadersThatTakeNothingAreLeftBehind) {
  at_once(2 * kTogether, [](int index) {
    std::mt19937 random(static_cast<unsigned>(index));
    ServerProcess server({"--shutdown-timeout", index % 2 == 0 ? "0" : "1"});
    std::vector<Client> clients;
    clients.push_back(stalled(server.port()));
    clients.push_back(stalled(server.port()));
    std::vector<Visit> visits;
    for (int i = 0; i < 6; ++i) {
      visits.push_back(
          visit(server.port(), kStates[random() % kStates.size()], After::kStay, random));
    }
    server.signal(signal_of(index));
    EXPECT_EQ(server.end(), 0) << server.log();
    for (Visit& visit : visits) visit.client.read_to_end();
  });
}

TEST(ShutdownTest, UnansweredRequestsHearThatTheServerEnds) {
  ServerProcess server({"--shutdown-timeout", "0", "--max-running", "1"});
  Client first(server.port());
  first.send(post_text(long_chat(4000, true)));
  EXPECT_TRUE(first.read_until(R"("content":")"));
  Client waiting(server.port());
  waiting.send(post_text(long_chat(4000, false)));
  EXPECT_EQ(judge(ask(server.port(), "/health")), Got::kWhole);
  server.signal(SIGTERM);
  const std::string& bytes = waiting.read_to_end();
  EXPECT_EQ(judge(bytes), Got::kRefused) << bytes;
  EXPECT_TRUE(bytes.starts_with("HTTP/1.1 503 ")) << bytes;
  const std::string& cut = first.read_to_end();
  EXPECT_EQ(judge(cut), Got::kCut) << cut;
  EXPECT_NE(cut.find("data: {\"error\":"), std::string::npos) << cut;
  EXPECT_TRUE(cut.ends_with("\r\n0\r\n\r\n")) << cut;
  EXPECT_EQ(server.end(), 0) << server.log();
}

TEST(ShutdownTest, TheSecondSignalEndsAtOnce) {
  at_once(2 * kTogether, [](int index) {
    SCOPED_TRACE(index);
    std::mt19937 random(static_cast<unsigned>(index));
    ServerProcess server({"--shutdown-timeout", "86400", "--max-running", "2"});
    std::vector<Client> clients;
    clients.push_back(stalled(server.port()));
    for (int i = 0; i < 6; ++i) {
      clients.emplace_back(server.port());
      clients.back().send(post_text(long_chat(4000, random() % 2 == 0)));
    }
    Client idle(server.port());
    EXPECT_EQ(judge(ask(server.port(), "/health")), Got::kWhole);
    const int first = signal_of(index);
    const int second = signal_of(index / 2);
    server.signal(first);
    // Two equal signals may become one before they are heard; that the first was heard shows here.
    idle.read_to_end();
    server.signal(second);
    EXPECT_EQ(server.end(), 128 + second) << server.log();
  });
}

TEST(ShutdownTest, ATerminalThatGoesAwayIsNoReason) {
  ServerProcess server;
  server.signal(SIGHUP);
  EXPECT_EQ(judge(ask(server.port(), "/health")), Got::kWhole);
  server.signal(SIGTERM);
  EXPECT_EQ(server.end(), 0);
}

// While the model is read and before there is an address a signal ends the process there and then;
// a moment later it ends as a server does. Nothing stays behind either way.
TEST(ShutdownTest, SignalsWhileTheModelIsRead) {
  constexpr int kTries = 60;
  std::atomic<int> early = 0;
  at_once(kTries, [&](int index) {
    const Scratch scratch;
    const Scratch log;
    std::mt19937 random(static_cast<unsigned>(index));
    const int err = ::open(log.path("log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const pid_t pid = start_hadal({"serve", "--port", "0", "--threads", "1"}, -1, err, err,
                                  {{"XDG_CACHE_HOME", "/proc/nowhere"},
                                   {"HOME", "/proc"},
                                   {"TMPDIR", scratch.path("").string()}});
    ::close(err);
    constexpr unsigned kMostDelayUs = 150'000;
    std::this_thread::sleep_for(std::chrono::microseconds(random() % kMostDelayUs));
    const int signal = signal_of(index);
    ::kill(pid, signal);
    const int status = wait_for_end(pid);
    EXPECT_TRUE(status == 128 + signal || status == 0) << status << read_bytes(log.path("log"));
    EXPECT_TRUE(std::filesystem::is_empty(scratch.path("")));
    if (status != 0) ++early;
  });
  EXPECT_GT(early, 0);
}

}  // namespace
}  // namespace hadal::integration
