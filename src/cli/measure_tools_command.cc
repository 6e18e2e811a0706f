// hadal measure verify, selftest and costs.
#include <chrono>
#include <cstdio>
#include <fmt/format.h>
#include <thread>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "cli/commands.h"
#include "cli/gate_run.h"
#include "cli/measure_costs.h"
#include "cli/measure_setup.h"
#include "cli/terminal.h"
#include "measure/gate/gate_endpoint.h"
#include "measure/gate/verify.h"
#include "measure/selftest/client_ceiling.h"
#include "measure/selftest/scripted_server.h"

namespace hadal {
namespace {

std::string ceiling_json(const ClientCeiling& ceiling) {
  const nlohmann::ordered_json document = {
      {"schema", "hadal.selftest/1"},
      {"flood_events_per_core_second", ceiling.flood_events_per_core_second},
      {"paced_events_per_core_second", ceiling.paced_events_per_core_second},
      {"paced_events", ceiling.paced_events},
      {"achieved_events_per_second", ceiling.achieved_events_per_second},
      {"client_core_share", ceiling.paced_core_share},
      {"server_core_share", ceiling.server_core_share},
      {"cores_apart", ceiling.apart},
      {"added_seconds",
       {{"p50", ceiling.added_p50}, {"p99", ceiling.added_p99}, {"max", ceiling.added_max}}},
      {"own_lag_p99_seconds", ceiling.own_lag_p99}};
  return document.dump();
}

std::string ceiling_text(const ClientCeiling& ceiling, int streams) {
  return fmt::format(
      "events a second and core    {:>12.0f}  as they come in bulk\n"
      "                            {:>12.0f}  each by itself ({} streams, {:.0f} events/s, "
      "{:.0f} % of a core)\n"
      "latency added by the client {:>9.0f} us  median\n"
      "                            {:>9.0f} us  99th percentile\n"
      "                            {:>9.0f} us  longest of {}\n"
      "The server of the test took {:.0f} % of {}.\n",
      ceiling.flood_events_per_core_second, ceiling.paced_events_per_core_second, streams,
      ceiling.achieved_events_per_second, 100 * ceiling.paced_core_share, 1e6 * ceiling.added_p50,
      1e6 * ceiling.added_p99, 1e6 * ceiling.added_max, ceiling.paced_events,
      100 * ceiling.server_core_share,
      ceiling.apart ? "another core, and neither could use the other's"
                    : "a core, for which both may have waited");
}

// Until Ctrl-C. "/20/0.1/0.05" is twenty tokens, the first after 0.1 s, the others 0.05 s apart;
// another path has 64 tokens at once.
int serve_known_answers() {
  const ScriptedServer server([](const ScriptedRequest& request) {
    constexpr long long kMostTokens = 10'000'000;
    constexpr double kLongestGap = 3600;
    long long tokens = 64;
    double first = 0;
    double gap = 0;
    long long given = 0;
    double given_first = 0;
    double given_gap = 0;
    if (std::sscanf(request.path.c_str(), "/%lld/%lf/%lf", &given, &given_first, &given_gap) == 3 &&
        given > 0 && given <= kMostTokens && given_first >= 0 && given_first <= kLongestGap &&
        given_gap >= 0 && given_gap <= kLongestGap) {
      tokens = given;
      first = given_first;
      gap = given_gap;
    }
    return paced_answer(tokens, first, gap);
  });
  write_out(server.url() + "\n");
  const InterruptGuard guard(InterruptGuard::Second::kEndsProgram);
  while (!InterruptGuard::flag()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  return 0;
}

// The accelerators of the catalogue, for who looks for a name.
std::string catalogue_text(const ParsedLine& line) {
  const HardwareCatalogue& catalogue = hardware_catalogue(line);
  const std::string& era = catalogue.era(line.get(option::kEra).value_or("")).key;
  const PriceTier tier = price_tier_of(line.value(option::kTier)).value();
  std::string out =
      fmt::format("{:<18} {:<28} {:>9} {:>9}   (prices of {}, {})\n", "name", "accelerator",
                  "$/hour", "kW", printable(era), price_tier_name(tier));
  for (const Accelerator& accelerator : catalogue.accelerators()) {
    const PriceFigure* price = accelerator.price_of(era, tier);
    const PowerFigure* power = accelerator.power_of(era);
    const auto figure = [](const std::optional<double>& value) {
      return value ? fmt::format("{:.3g}", *value) : "–";
    };
    out += fmt::format("{:<18} {:<28} {:>9} {:>9}\n", printable(accelerator.key),
                       printable(accelerator.name),
                       figure(price == nullptr ? std::nullopt : price->usd_per_gpu_hour.value),
                       figure(power == nullptr ? std::nullopt : power->kw.value));
  }
  return out;
}

// The same as a document, "hadal.accelerators/1"; null where the catalogue has no figure.
std::string catalogue_json(const ParsedLine& line) {
  const HardwareCatalogue& catalogue = hardware_catalogue(line);
  const std::string& era = catalogue.era(line.get(option::kEra).value_or("")).key;
  const PriceTier tier = price_tier_of(line.value(option::kTier)).value();
  using nlohmann::ordered_json;
  const auto number = [](const std::optional<double>& value) {
    return value ? ordered_json(*value) : ordered_json();
  };
  ordered_json list = ordered_json::array();
  for (const Accelerator& accelerator : catalogue.accelerators()) {
    const PriceFigure* price = accelerator.price_of(era, tier);
    const PowerFigure* power = accelerator.power_of(era);
    ordered_json entry = {{"key", accelerator.key},
                          {"name", accelerator.name},
                          {"usd_per_gpu_hour", ordered_json()},
                          {"kw_per_gpu", ordered_json()},
                          {"kw_counts", ordered_json()}};
    if (price != nullptr) entry["usd_per_gpu_hour"] = number(price->usd_per_gpu_hour.value);
    if (power != nullptr) {
      entry["kw_per_gpu"] = number(power->kw.value);
      entry["kw_counts"] = power_scope_name(power->counts);
    }
    list.push_back(std::move(entry));
  }
  const ordered_json document = {{"schema", "hadal.accelerators/1"},
                                 {"era", era},
                                 {"tier", price_tier_name(tier)},
                                 {"accelerators", std::move(list)}};
  return document.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

int measure_verify_command(const ParsedLine& line) {
  const EndpointOptions options = endpoint_options(line, line.value(option::kUrl));
  // A place that cannot be written shows before minutes of questions, not after.
  if (const auto path = line.get(option::kRecord)) const AtomicFile would_be(*path);
  HttpLoopOptions http;
  http.headers = options.headers;
  http.verify_tls = options.verify_tls;
  http.ca_file = options.ca_file;
  if (!options.key.empty()) http.headers.push_back("Authorization: Bearer " + options.key);
  HttpGateEndpoint endpoint(base_url(options.url), http);
  Progress progress("canaries", "canaries", std::chrono::seconds(2));
  const auto show = [&](size_t done, size_t all) { progress.update(done, all); };
  if (const auto path = line.get(option::kRecord)) {
    const Reference reference =
        record_reference(endpoint, {.model = options.model}, {.now_unix = unix_seconds()}, show);
    progress.finish();
    save_reference(reference, *path);
    write_err(fmt::format("{}: {} canaries of {}\n", *path, reference.canaries.size(),
                          terminal_safe(reference.model)));
    return 0;
  }
  const Reference reference = reference_of(line.value(option::kReference));
  const GateReport report =
      verify_endpoint(endpoint, {.model = options.model}, reference, {}, show);
  progress.finish();
  RunRecord run = {.created_unix = unix_seconds(),
                   .gate = report.verdict,
                   .url = endpoint.name(),
                   .model = report.traits.model,
                   .engine = report.traits.engine,
                   .engine_version = report.traits.version,
                   .workload = "verify",
                   .gate_json = gate_report_json(report)};
  if (std::optional<RunStore> store = open_store(line)) {
    run.id = store->begin_run(run);
    store->record_gate(run.id, run.gate, run.gate_json);
    store->finish_run(run.id, {});
  }
  write_data(line.has(option::kJson) ? run.gate_json + "\n" : gate_report_text(report) + "\n");
  return exit_status(RunState::kComplete, report.verdict);
}

int measure_selftest_command(const ParsedLine& line) {
  if (line.has(option::kServe)) return serve_known_answers();
  const CeilingOptions options = {.streams = line.value(option::kStreams)};
  if (!line.has(option::kJson)) write_err("measuring the load client for about ten seconds\n");
  const ClientCeiling ceiling = measure_client_ceiling(options);
  write_out(line.has(option::kJson) ? ceiling_json(ceiling) + "\n"
                                    : ceiling_text(ceiling, options.streams));
  return 0;
}

int measure_costs_command(const ParsedLine& line) {
  const bool is_json = line.has(option::kJson);
  if (line.has(option::kPublished)) {
    write_data(is_json ? published_conversions_json() : published_conversions_text());
    return 0;
  }
  std::optional<CostBasis> basis = cost_basis(line);
  const double input_rate = line.value(option::kInputRate);
  const double output_rate = line.value(option::kOutputRate);
  if (!basis) {
    write_data(is_json ? catalogue_json(line) : catalogue_text(line));
    return 0;
  }
  if (!(input_rate + output_rate > 0)) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "--output-rate",
                 .what = "is missing",
                 .remedy = "give tokens a second and accelerator, such as --output-rate 650"});
  }
  constexpr double kHour = 3600;
  const double scale = kHour * basis->input.gpus;
  basis->input.about = fmt::format("{:.4g} input and {:.4g} output tokens/s for each accelerator",
                                   input_rate, output_rate);
  basis->input.seconds = kHour;
  basis->input.tokens = {.computed_input = static_cast<int64_t>(input_rate * scale),
                         .output = static_cast<int64_t>(output_rate * scale)};
  write_data(is_json ? cost_report_json(basis->input) : cost_report(basis->input));
  if (basis->note.empty()) return 0;
  if (is_json) {
    write_err(basis->note + "\n");
  } else {
    write_out(basis->note + "\n");
  }
  return 0;
}

}  // namespace hadal
