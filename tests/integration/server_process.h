// hadal serve as a process of its own, and clients that do to it what clients do: stop in the
// middle of a request, do not read, leave. Every wait has a watchdog and fails the test when it
// barks.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "program.h"

namespace hadal::integration {

// A server on a free port of loopback, whose log goes to a file. Killed at the end if it still
// runs.
class ServerProcess {
 public:
  explicit ServerProcess(const std::vector<std::string>& options = {},
                         const std::map<std::string, std::string>& environment = {});
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  uint16_t port() const { return port_; }  // 0 when it did not start
  pid_t pid() const { return pid_; }
  std::string log() const;
  void signal(int number) const;
  // As wait_for_end. 0 and nothing to wait for after that.
  int end();

 private:
  Scratch scratch_;
  pid_t pid_ = -1;
  uint16_t port_ = 0;
};

// The port in "... on http://127.0.0.1:PORT", or 0.
uint16_t port_in(const std::string& log);
// A port of loopback that nobody listens on now.
uint16_t free_port();
// Waits until `file` tells a port. 0 when the process ends first, or after a minute.
uint16_t wait_for_port(pid_t pid, const std::filesystem::path& file);

class Client {
 public:
  // `receive_buffer`: bytes that the system keeps of what is not read, or 0 for its own choice.
  explicit Client(uint16_t port, int receive_buffer = 0);
  ~Client();
  Client(Client&& other) noexcept;
  Client& operator=(Client&&) = delete;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return fd_ >= 0; }
  // What the server does not take any more is dropped.
  void send(std::string_view bytes) const;
  // Reads until `text` has come. False when the connection ends first.
  bool read_until(std::string_view text);
  // Reads to the end of the connection and returns everything that was ever read.
  const std::string& read_to_end();
  void half_close() const;
  void leave();
  void reset();  // leaves without a word of parting

 private:
  bool read_more();

  int fd_ = -1;
  std::string seen_;
};

// A GET that keeps the connection open, or a POST of a chat.
std::string get_text(std::string_view path);
std::string post_text(std::string_view body);
// A request for so many tokens that never ends before; `more` are fields of JSON, each with a comma
// before it.
std::string long_chat(int tokens, bool stream, std::string_view more = "");

// What a client got.
enum class Got {
  kNothing,
  kWhole,    // whole answers only; streams end with [DONE]
  kRefused,  // one whole answer with a status that is not 200
  kCut,      // an answer that breaks off
};
Got judge(const std::string& bytes);

// The whole answer to a GET on a connection of its own.
std::string ask(uint16_t port, std::string_view path);

}  // namespace hadal::integration
