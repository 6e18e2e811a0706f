// hadal dashboard: the page over the run store, served or written.
#include <atomic>
#include <fmt/format.h>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "cli/commands.h"
#include "cli/page_planner.h"
#include "cli/stop_signals.h"
#include "cli/terminal.h"
#include "measure/dashboard/dashboard_api.h"
#include "measure/dashboard/export_site.h"
#include "measure/dashboard/http_server.h"
#include "measure/store/run_store.h"

namespace hadal {
namespace {

constexpr std::chrono::seconds kPagePatience{5};

std::string token_of(const ParsedLine& line) {
  const auto file = line.get(option::kKeyFile);
  if (!file) return "";
  constexpr size_t kMostBytes = 4096;
  const std::string text = read_text_file(*file, kMostBytes);
  std::string token = text.substr(0, text.find_first_of("\r\n"));
  if (token.empty()) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "--key-file",
                 .what = "is empty: " + *file,
                 .remedy = "write the token into its first line"});
  }
  return token;
}

int write_export(const std::string& store, const std::string& path) {
  const bool one_file = std::string_view(path).ends_with(".html");
  const ExportReport report = one_file ? export_single_file(store, HADAL_VERSION, path)
                                       : export_folder(store, HADAL_VERSION, path);
  write_err(fmt::format("{}: {} of {} runs, {} of them with all details, {:.1f} MB\n", path,
                        report.runs, report.of_runs, report.detailed,
                        static_cast<double>(report.bytes) / 1e6));
  return 0;
}

// A store that is there and cannot be used is told before anything listens; one that is not there
// yet may still come.
void check_store(const std::string& store) {
  try {
    RunStore::open(store, StoreAccess::kRead);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    write_err(terminal_safe(store) +
              " has no runs yet: the page shows what others published, and how to add your own\n");
  }
}

}  // namespace

int dashboard_command(const ParsedLine& line) {
  const std::string store = line.get(option::kStore).value_or(default_store());
  if (const auto path = line.get(option::kExport)) return write_export(store, *path);
  DashboardServerOptions options{.host = line.value(option::kHost),
                                 .port = static_cast<uint16_t>(line.value(option::kPort)),
                                 .allowed_hosts = line.list(option::kAllowedHost),
                                 .token = token_of(line)};
  if (!stays_on_this_machine(options.host) && options.token.empty()) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "--host",
                 .what = "lets other machines read the runs without a token",
                 .remedy = "add --key-file FILE, or leave --host out and use an SSH tunnel"});
  }
  check_store(store);
  const PagePlanner planner;
  const DashboardApi api(store, HADAL_VERSION, &planner);
  std::atomic_flag stopped;
  const bool is_ipv6 = options.host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? "[" + options.host + "]" : options.host;
  const bool wants_token = !options.token.empty();
  const DashboardServer server(std::move(options),
                               [&api](const ApiRequest& request) { return api.answer(request); });
  const StopReaction reaction(
      [&stopped] {
        stopped.test_and_set();
        stopped.notify_all();
      },
      kPagePatience);
  write_out(fmt::format("http://{}:{}/\n", host, server.port()));
  if (wants_token) write_err("add #token=... with the token from --key-file to the address\n");
  stopped.wait(false);
  return 0;
}

}  // namespace hadal
