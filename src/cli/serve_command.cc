// hadal serve: the HTTP server, where the build has it.
#include "base/error.h"
#include "cli/commands.h"

#ifdef HADAL_WITH_SERVER

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "cli/model_setup.h"
#include "cli/status_line.h"
#include "engine/engine.h"
#include "server/server.h"
#include "text/tokenizer.h"

namespace hadal {
namespace {

// One line for each request; prompts and answers are never part of it.
void log_request(spdlog::logger& log, const RequestLog& request) {
  const auto level = request.status >= 500 ? spdlog::level::err : spdlog::level::info;
  log.log(level, "{} {} {} {}+{} tokens {:.0f} ms{}{}", request.method, request.path,
          request.status, request.prompt_tokens, request.completion_tokens, request.milliseconds,
          request.error.empty() ? "" : " ", printable(request.error));
}

}  // namespace

int serve_command(const ParsedLine& line) {
  const ModelDirectory directory = model_directory(line);
  const Checkpoint checkpoint = Checkpoint::open(directory.path());
  const Tokenizer tokenizer = Tokenizer::load(directory.path() / "tokenizer.json");
  Engine engine(checkpoint, {.threads = thread_count(line),
                             .model = model_options(line, directory),
                             .max_context = static_cast<int>(line.integer("context").value_or(0))});

  const std::shared_ptr<spdlog::logger> log = spdlog::stderr_color_mt("hadal");
  log->set_pattern(std::string(StatusLine::eraser()) + "%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
  ServerOptions options;
  options.host = line.required_text("host");
  options.port = static_cast<uint16_t>(line.integer("port").value());
  options.model_name = line.text("name").value_or(directory.name());
  options.handle_signals = true;
  options.on_request = [&](const RequestLog& request) { log_request(*log, request); };
  Server server(engine, tokenizer, options);

  const bool is_ipv6 = options.host.find(':') != std::string::npos;
  log->info("{} with {} tokens of context on http://{}{}{}:{}", options.model_name,
            engine.max_context(), is_ipv6 ? "[" : "", options.host, is_ipv6 ? "]" : "",
            server.port());
  {
    const StatusLine status([&engine] { return engine.statistics(); });
    server.run();
  }
  log->info("stopped");
  return 0;
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
