#include "cli/serve_options.h"

#include <chrono>
#include <string>
#include <vector>

namespace hadal {

ServerOptions server_options(const ParsedLine& line) {
  const auto seconds = [&](const IntegerKey& key) { return std::chrono::seconds(line.value(key)); };
  ServerOptions options;
  options.host = line.value(option::kHost);
  options.port = static_cast<uint16_t>(line.value(option::kPort));
  if (const std::vector<std::string> names = line.list(option::kName); !names.empty()) {
    options.model_name = names.front();
    options.other_names.assign(names.begin() + 1, names.end());
  }
  options.strict = line.has(option::kStrict);
  options.allowed_hosts = line.list(option::kAllowedHost);
  options.allowed_origins = line.list(option::kAllowedOrigin);
  options.max_body_bytes = line.get(option::kMaxBody).value_or(options.max_body_bytes);
  options.max_header_bytes = line.value(option::kMaxHeaders);
  options.max_connections = line.value(option::kMaxConnections);
  options.idle_timeout = seconds(option::kIdleTimeout);
  options.read_timeout = seconds(option::kReadTimeout);
  options.write_timeout = seconds(option::kWriteTimeout);
  options.keep_alive = seconds(option::kKeepAlive);
  options.shutdown_timeout = seconds(option::kShutdownTimeout);
  return options;
}

EngineOptions engine_options(const ParsedLine& line) {
  EngineOptions options;
  options.max_context = line.get(option::kContext).value_or(options.max_context);
  options.max_running = line.value(option::kMaxRunning);
  options.max_queue = line.value(option::kMaxQueue);
  options.step_budget_ms = line.value(option::kStepBudget);
  options.speculation = parse_speculation(line.value(option::kSpeculation), "--speculation");
  options.kv_memory = line.get(option::kKvMemory).value_or(options.kv_memory);
  options.kv_disk = line.get(option::kKvDisk).value_or("");
  options.kv_disk_size = line.value(option::kKvDiskSize);
  options.kv_spill = line.value(option::kKvSpill);
  return options;
}

}  // namespace hadal
