#include "measure/run/provenance.h"

#include <array>
#include <fstream>
#include <string_view>
#include <sys/utsname.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/machine.h"
#include "json/python_json.h"

namespace hadal {
namespace {

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (!line.starts_with("model name")) continue;
    const size_t colon = line.find(": ");
    return colon == std::string::npos ? "" : printable(line.substr(colon + 2));
  }
  return "";
}

bool is_loopback(const std::string& base) {
  for (const std::string_view host :
       std::array<std::string_view, 4>{"://127.", "://localhost", "://[::1]", "://0.0.0.0"}) {
    if (base.find(host) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

std::string describe_provenance(const Endpoint& endpoint, const ProvenanceInput& input) {
  using Json = nlohmann::ordered_json;
  Json client;
  utsname names = {};
  if (uname(&names) == 0) {
    client["kernel"] = std::string(names.sysname) + " " + names.release;
    client["architecture"] = names.machine;
  }
  client["processor"] = processor_name();
  client["cpus"] = cpu_limits().cpus.size();
  const std::vector<MemoryBound> bounds = memory_bounds();
  client["memory_bytes"] = bounds.empty() ? Json(nullptr) : Json(least_memory(bounds).limit_bytes);
  client["shares_the_servers_machine"] = is_loopback(endpoint.base);

  Json server;
  server["engine"] = endpoint.engine.empty() ? Json(nullptr) : Json(endpoint.engine);
  server["version"] =
      endpoint.engine_version.empty() ? Json(nullptr) : Json(endpoint.engine_version);
  server["launch_command"] =
      input.launch_command.empty() ? Json(nullptr) : Json(input.launch_command);
  server["notes"] = endpoint.notes;

  Json provenance;
  provenance["hadal"] = input.hadal_version;
  provenance["client"] = std::move(client);
  provenance["server"] = std::move(server);
  provenance["price_era"] = input.price_era.empty() ? Json(nullptr) : Json(input.price_era);
  provenance["meters"] = input.meters;
  return dump_json(provenance);
}

}  // namespace hadal
