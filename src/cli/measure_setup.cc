#include "cli/measure_setup.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fmt/format.h>
#include <random>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "cli/number_list.h"
#include "measure/exchange/foreign_secrets.h"
#include "measure/run/provenance.h"
#include "measure/workload/arrivals.h"
#include "measure/workload/fixed_lengths.h"

namespace hadal {
namespace {

constexpr size_t kMostHeaderBytes = size_t{1} << 20;

[[noreturn]] void refuse(std::string where, std::string what, std::string remedy) {
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = std::move(where),
               .what = std::move(what),
               .remedy = std::move(remedy)});
}

std::vector<std::string> lines_of(const std::string& path) {
  std::string text = read_text_file(path, kMostHeaderBytes);
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (std::any_of(line.begin(), line.end(), [](unsigned char c) { return c < ' '; })) {
      refuse(path, "has a control character in a line", "write one key or header a line");
    }
    if (!line.empty()) lines.push_back(std::move(line));
    begin = end + 1;
  }
  return lines;
}

// Lines are not shown: they hold keys.
void check_headers(const std::string& path, const std::vector<std::string>& lines) {
  constexpr std::array<std::string_view, 7> kOfTheClient = {
      "connection", "content-length", "content-type", "expect", "host", "transfer-encoding", "te"};
  for (size_t i = 0; i < lines.size(); ++i) {
    const size_t colon = lines[i].find(':');
    if (colon == std::string::npos || colon == 0) {
      refuse("--headers", fmt::format("has no header in line {} of {}", i + 1, path),
             "write lines such as X-Team: search");
    }
    std::string name = lines[i].substr(0, colon);
    if (name.find_first_of(" \t") != std::string::npos) {
      refuse("--headers", fmt::format("has a blank in the name in line {} of {}", i + 1, path),
             "write lines such as X-Team: search");
    }
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (std::find(kOfTheClient.begin(), kOfTheClient.end(), name) != kOfTheClient.end()) {
      refuse("--headers", fmt::format("sets {} in line {} of {}", name, i + 1, path),
             "leave it out: hadal sets it for each request");
    }
  }
}

std::optional<Vocabulary> vocabulary(const ParsedLine& line) {
  const std::vector<std::string> words = line.list(option::kVocabularyRange);
  if (words.empty()) return std::nullopt;
  constexpr int kMost = 1 << 30;
  const std::vector<int> range = numbers_of<int>(option::kVocabularyRange, words, 0, kMost);
  if (range.size() != 2) refuse("--vocabulary", "needs two numbers", "give FIRST,END");
  return Vocabulary(range[0], range[1]);
}

std::optional<int64_t> warm_up(const ParsedLine& line) {
  const std::string word = line.value(option::kWarmUp);
  if (word == "auto") return std::nullopt;
  constexpr int64_t kMost = 1'000'000;
  return numbers_of<int64_t>(option::kWarmUp, {word}, 0, kMost).front();
}

void check_roles(const PointOptions& point) {
  if ((point.prefill_gpus > 0) != (point.decode_gpus > 0)) {
    refuse("--prefill-gpus and --decode-gpus", "belong together", "give both or none");
  }
  if (point.gpus > 0 && point.prefill_gpus + point.decode_gpus > point.gpus) {
    refuse("--gpus", "is less than --prefill-gpus and --decode-gpus together",
           "count every accelerator once");
  }
}

}  // namespace

int exit_status(RunState state, GateVerdict gate) {
  switch (state) {
    case RunState::kPartial:
    case RunState::kRunning:
      return kExitPartial;
    case RunState::kInvalid:
      return kExitInvalid;
    case RunState::kFailed:
      return kExitFailed;
    case RunState::kComplete:
      return gate == GateVerdict::kFailed ? kExitGateFailed : 0;
  }
  return kExitFailed;
}

uint64_t load_seed(const ParsedLine& line) {
  if (const auto seed = line.get(option::kSeed)) return *seed;
  // As many bits as a plan's JSON number carries exactly.
  constexpr int kBits = 53;
  std::random_device random;
  return ((uint64_t{random()} << 32) | random()) >> (64 - kBits);
}

EndpointOptions endpoint_options(const ParsedLine& line, const std::string& url) {
  EndpointOptions options;
  options.url = url;
  options.model = line.get(option::kServedModel).value_or("");
  const std::string api = line.value(option::kApi);
  options.api = api == "chat"          ? ApiChoice::kChat
                : api == "completions" ? ApiChoice::kCompletions
                                       : ApiChoice::kAuto;
  if (const auto file = line.get(option::kKeyFile)) {
    const std::vector<std::string> lines = lines_of(*file);
    if (lines.empty()) refuse("--key-file", "is empty: " + *file, "write the key into it");
    options.key =
        lines.front().substr(std::min(lines.front().find_first_not_of(' '), lines.front().size()));
  }
  if (const auto file = line.get(option::kHeaders)) {
    options.headers = lines_of(*file);
    check_headers(*file, options.headers);
  }
  options.verify_tls = !line.has(option::kInsecure);
  options.ca_file = line.get(option::kCaFile).value_or("");
  options.timeout = line.value(option::kTimeout);
  if (line.command == Command::kMeasureRun || line.command == Command::kMeasureCompare) {
    options.texts_only = line.value(option::kWorkload) == "prompts";
  }
  const CommandSpec& command = command_spec(line.command.value());
  if (command.id != Command::kMeasureVerify) {
    options.vocabulary = vocabulary(line);
    options.context = line.get(option::kContextLimit);
  }
  return options;
}

MeasureOptions measure_options(const ParsedLine& line, const Endpoint& endpoint) {
  MeasureOptions options;
  options.workload = {.name = line.value(option::kWorkload),
                      .trace = line.get(option::kTrace).value_or(""),
                      .length_scale = line.value(option::kScale),
                      .context_limit = endpoint.context.value_or(0),
                      .seed = load_seed(line)};
  check_workload_name(options.workload);
  if (options.workload.length_scale != 1 && is_length_shape(options.workload.name)) {
    refuse("--scale", "has no effect on " + options.workload.name, "give the lengths themselves");
  }
  constexpr int kMostConcurrency = 1 << 20;
  options.concurrency =
      numbers_of<int>(option::kConcurrency, line.list(option::kConcurrency), 1, kMostConcurrency);
  options.requests = line.get(option::kRequests);
  options.longest = line.get(option::kDuration);
  options.request_timeout = line.value(option::kTimeout);
  options.warm_up = warm_up(line);
  options.threads = line.value(option::kClientThreads);
  options.point.most_failures = line.value(option::kMaxFailures);
  if (line.command == Command::kMeasureCompare) {
    if (options.concurrency.size() != 1) {
      refuse("--concurrency", "has several numbers", "compare at one");
    }
    return options;
  }
  constexpr double kMostRate = 1e6;
  options.rates = numbers_of<double>(option::kRate, line.list(option::kRate), 1e-4, kMostRate);
  options.arrivals = line.value(option::kArrivals);
  if (!options.rates.empty()) {
    static_cast<void>(parse_arrivals(options.arrivals, options.rates.front(), 0));
  }
  options.repeats = line.value(option::kRepeats);
  options.point.gpus = line.get(option::kGpus).value_or(0);
  options.point.prefill_gpus = line.get(option::kPrefillGpus).value_or(0);
  options.point.decode_gpus = line.get(option::kDecodeGpus).value_or(0);
  check_roles(options.point);
  options.point.objective = {.ttft = line.get(option::kSloTtft),
                             .tpot = line.get(option::kSloTpot),
                             .e2e = line.get(option::kSloE2e)};
  return options;
}

RunRecord run_description(const ParsedLine& line, const Endpoint& endpoint,
                          const std::string& workload, std::string plan,
                          const std::vector<std::string>& meters) {
  RunRecord run;
  run.created_unix = unix_seconds();
  run.url = endpoint.base;
  run.model = endpoint.model;
  run.engine = endpoint.engine;
  run.engine_version = endpoint.engine_version;
  run.workload = workload;
  run.plan_json = std::move(plan);
  ProvenanceInput provenance = {.hadal_version = HADAL_VERSION, .meters = meters};
  if (line.command == Command::kMeasureRun || line.command == Command::kMeasureQuick) {
    run.engine = line.get(option::kEngine).value_or(run.engine);
    run.engine_version = line.get(option::kEngineVersion).value_or(run.engine_version);
    run.hardware = line.get(option::kHardware).value_or("");
    run.precision = line.get(option::kPrecision).value_or("");
    run.speculation = line.get(option::kSpeculation).value_or("");
    run.gpus = line.get(option::kGpus).value_or(0);
    provenance.launch_command = text_without_secrets(line.get(option::kLaunchCommand).value_or(""));
    provenance.price_era =
        run.hardware.empty()
            ? ""
            : hardware_catalogue(line).era(line.get(option::kEra).value_or("")).key;
  }
  if (line.command == Command::kMeasureRun) {
    run.prefill_gpus = line.get(option::kPrefillGpus).value_or(0);
    run.decode_gpus = line.get(option::kDecodeGpus).value_or(0);
  }
  run.provenance_json = describe_provenance(endpoint, provenance);
  return run;
}

const HardwareCatalogue& hardware_catalogue(const ParsedLine& line) {
  static const HardwareCatalogue catalogue = [&] {
    HardwareCatalogue all = HardwareCatalogue::built_in();
    if (const auto file = line.get(option::kCatalogue)) all.read_file(*file);
    return all;
  }();
  return catalogue;
}

std::optional<RunStore> open_store(const ParsedLine& line, StoreAccess access) {
  const std::string place = line.get(option::kStore).value_or(default_store());
  if (place == "none") return std::nullopt;
  return RunStore::open(place, access);
}

}  // namespace hadal
