// hadal serve: the HTTP server, where the build has it.
#include "base/error.h"
#include "cli/commands.h"

#ifdef HADAL_WITH_SERVER

#include <algorithm>
#include <mutex>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <string>
#include <vector>

#include "base/machine.h"
#include "chat/sampling_defaults.h"
#include "cli/background_errors.h"
#include "cli/model_setup.h"
#include "cli/serve_options.h"
#include "cli/status_line.h"
#include "cli/stop_signals.h"
#include "cli/surroundings.h"
#include "cli/terminal.h"
#include "engine/engine.h"
#include "server/host_guard.h"
#include "server/origin_guard.h"
#include "server/server.h"
#include "text/tokenizer.h"

namespace hadal {
namespace {

constexpr int kSignalStatus = 128;  // as shells tell an end by a signal

// Lines for write_err, with the level in colour on a terminal.
class ErrorSink final : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t formatted;
    formatter_->format(message, formatted);
    std::string line(formatted.data(), formatted.size());
    if (colours_ && message.color_range_end > message.color_range_start) {
      line.insert(message.color_range_end, "\x1b[0m");
      line.insert(message.color_range_start, colour(message.level));
    }
    write_err(line);
  }
  void flush_() override {}

 private:
  static const char* colour(spdlog::level::level_enum level) {
    if (level >= spdlog::level::err) return "\x1b[1;31m";
    return level == spdlog::level::warn ? "\x1b[1;33m" : "\x1b[32m";
  }

  const bool colours_ = errors_are_terminal() && colours_are_wanted();
};

// One line for each request; prompts and answers are never part of it.
void log_request(spdlog::logger& log, const RequestLog& request) {
  const auto level = request.status >= 500 ? spdlog::level::err : spdlog::level::info;
  log.log(level, "{} {} {} {}+{} tokens {:.0f} ms {}{}{}", request.method, request.path,
          request.status, request.prompt_tokens, request.completion_tokens, request.milliseconds,
          request.request_id.empty() ? "-" : request.request_id, request.error.empty() ? "" : " ",
          printable(request.error));
}

void check_model_names(const std::vector<std::string>& names) {
  constexpr size_t kLongestName = 256;
  for (const std::string& name : names) {
    if (name.find_first_not_of(' ') == std::string::npos || printable(name, kLongestName) != name) {
      throw Error({.code = ErrorCode::kInvalidArgument,
                   .where = "--name",
                   .what = "\"" + printable(name, kLongestName) + "\" cannot be a model's name",
                   .remedy = "give names of 1 to 256 bytes in UTF-8 without control characters"});
    }
  }
}

// Beside them there are files: standard streams, the disk tier, the log, what libraries open.
int64_t connections_within_limits() {
  constexpr int64_t kOtherFiles = 32;
  return std::max<int64_t>(1, open_files_limit() - kOtherFiles);
}

}  // namespace

int serve_command(const ParsedLine& line) {
  outlive_terminal();
  const BackgroundErrors errors;
  ServerOptions options = server_options(line);
  // What is wrong here is told before minutes go into loading a model.
  const HostGuard hosts(options.allowed_hosts);
  const OriginGuard origins(options.allowed_origins, options.allowed_hosts);
  check_model_names(line.list(option::kName));
  const ModelDirectory directory = model_directory(line);
  const Checkpoint checkpoint = Checkpoint::open(directory.path());
  const Tokenizer tokenizer = load_tokenizer(directory.path());
  const SamplingDefaults sampling = sampling_defaults(directory.path());
  const auto log = std::make_shared<spdlog::logger>("hadal", std::make_shared<ErrorSink>());
  log->set_pattern(std::string(StatusLine::eraser()) + "%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
  for (const std::string& note : checkpoint.notes()) log->warn(printable(note, 1000));
  EngineOptions engine_settings = engine_options(line);
  engine_settings.threads = thread_count(line);
  engine_settings.model = model_options(line, directory);
  engine_settings.log = [log](const std::string& message) { log->warn(printable(message, 1000)); };
  Engine engine(checkpoint, engine_settings);
  log->info(describe_thread_count(line));
  log->info(engine.describe_cache());
  log->info("requests that do not say are sampled with {}", describe_sampling(sampling));

  if (!line.has(option::kName)) options.model_name = directory.name();
  options.sampling = sampling;
  options.efforts = model_efforts(line, directory);
  options.on_unknown_field = [log](const std::string& name) {
    log->warn("requests have a field \"{}\", which is not known here and has no effect", name);
  };
  if (!line.has(option::kMaxBody)) options.max_body_bytes = default_max_body(engine.max_context());
  if (const int64_t most = connections_within_limits(); most < options.max_connections) {
    options.max_connections = static_cast<int>(most);
    log->info("{} connections at once: ulimit -n is {}", most, open_files_limit());
  }
  options.on_request = [&](const RequestLog& request) { log_request(*log, request); };
  Server server(engine, tokenizer, options);
  // Until here a signal ends the program at once: nobody has been promised an answer.
  const StopReaction reaction([&server] { server.stop(); }, options.shutdown_timeout);

  const bool is_ipv6 = options.host.find(':') != std::string::npos;
  log->info("{} with {} tokens of context on http://{}{}{}:{}", options.model_name,
            engine.max_context(), is_ipv6 ? "[" : "", options.host, is_ipv6 ? "]" : "",
            server.port());
  {
    const StatusLine status([&engine] { return engine.statistics(); });
    server.run();
  }
  const int second_signal = reaction.second_signal();
  log->info(second_signal == 0 ? "stopped" : "stopped at once");
  return second_signal == 0 ? 0 : kSignalStatus + second_signal;
}

}  // namespace hadal

#else

namespace hadal {

int serve_command(const ParsedLine& /*line*/) {
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = "hadal serve",
               .what = "is not part of this build",
               .remedy = "configure with -DHADAL_SERVER=ON"});
}

}  // namespace hadal

#endif
