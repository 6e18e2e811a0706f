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

EngineOptions engine_options(const ParsedLine& line, const ModelDirectory& directory,
                             const std::shared_ptr<spdlog::logger>& log) {
  EngineOptions options;
  options.threads = thread_count(line);
  options.model = model_options(line, directory);
  options.max_context = static_cast<int>(line.integer("context").value_or(0));
  options.max_running = static_cast<int>(line.integer("max-running").value());
  options.max_queue = static_cast<int>(line.integer("max-queue").value());
  options.step_budget_ms = static_cast<int>(line.integer("step-budget").value());
  options.kv_memory = line.size("kv-memory").value_or(0);
  options.kv_disk = line.text("kv-disk").value_or("");
  options.kv_disk_size = line.size("kv-disk-size").value();
  options.kv_spill = line.size("kv-spill").value();
  options.log = [log](const std::string& message) { log->warn(printable(message, 1000)); };
  return options;
}

}  // namespace

int serve_command(const ParsedLine& line) {
  const ModelDirectory directory = model_directory(line);
  const Checkpoint checkpoint = Checkpoint::open(directory.path());
  const Tokenizer tokenizer = load_tokenizer(directory.path());
  const std::shared_ptr<spdlog::logger> log = spdlog::stderr_color_mt("hadal");
  log->set_pattern(std::string(StatusLine::eraser()) + "%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
  for (const std::string& note : checkpoint.notes()) log->warn(printable(note, 1000));
  Engine engine(checkpoint, engine_options(line, directory, log));
  log->info(engine.describe_cache());

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
