// hadal serve as a child process, to record a reference from: started on a free port of loopback
// with options of its own, and gone with this object, with the thread that made it, and with the
// program however that ends. Asks it nothing.
#pragma once

#include <filesystem>
#include <string>
#include <sys/types.h>
#include <vector>

namespace hadal {

struct ReferenceServerOptions {
  std::filesystem::path program = "/proc/self/exe";  // a hadal
  std::filesystem::path model = {};                  // a checkpoint; empty: the built-in nano
  std::vector<std::string> arguments = {};           // further ones, as {"--activations", "fp8"}
  double start_seconds = 1800;                       // large models take minutes to load
};

class ReferenceServer {
 public:
  // Waits until it listens. Throws Error with its last words where it does not.
  explicit ReferenceServer(const ReferenceServerOptions& options);
  ~ReferenceServer();
  ReferenceServer(const ReferenceServer&) = delete;
  ReferenceServer& operator=(const ReferenceServer&) = delete;

  const std::string& url() const { return url_; }
  pid_t pid() const { return pid_; }

 private:
  void start(const ReferenceServerOptions& options);
  void wait_until_listening(double seconds);
  void end();

  pid_t pid_ = -1;
  int log_fd_ = -1;
  std::string url_;
};

}  // namespace hadal
