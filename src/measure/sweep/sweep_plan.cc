#include "measure/sweep/sweep_plan.h"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "economics/catalogue_fields.h"
#include "json/known_keys.h"
#include "json/toml_document.h"
#include "measure/store/sha256.h"
#include "measure/sweep/plan_fields.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMostPlanBytes = size_t{1} << 20;
constexpr size_t kMarkDigits = 24;

// Options of `hadal measure run` that describe an endpoint, and those that describe a workload.
constexpr std::string_view kEndpointOptions[] = {
    "model",     "api",         "key-file",       "headers",     "ca-file",  "timeout",
    "hardware",  "gpus",        "prefill-gpus",   "decode-gpus", "engine",   "engine-version",
    "precision", "speculation", "launch-command", "power",       "reference"};
constexpr std::string_view kWorkloadOptions[] = {
    "workload", "concurrency", "rate",    "arrivals",     "requests",      "duration",
    "warm-up",  "repeats",     "seed",    "trace",        "scale",         "context",
    "slo-ttft", "slo-tpot",    "slo-e2e", "max-failures", "client-threads"};

std::string option_value(const ordered_json& value, const std::string& path,
                         const FieldsSource& source) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  if (!value.is_array()) refuse_type(path, value, "must be a text, a number or a list", source);
  std::string list;
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i].is_array()) refuse_type(path, value[i], "must be a text or a number", source);
    list += (i == 0 ? "" : ",") + option_value(value[i], element_path(path, i), source);
  }
  return list;
}

// Keys are options with "_" for "-"; `own` are the section's own keys.
std::vector<RunOption> options_of(const Fields& section, std::span<const std::string_view> options,
                                  std::initializer_list<std::string_view> own) {
  std::vector<std::string> keys(own.begin(), own.end());
  for (const std::string_view option : options) {
    std::string key(option);
    std::replace(key.begin(), key.end(), '-', '_');
    keys.push_back(std::move(key));
  }
  const std::vector<std::string_view> known(keys.begin(), keys.end());
  refuse_unknown_keys(section, known);
  std::vector<RunOption> found;
  for (size_t i = 0; i < options.size(); ++i) {
    const std::string& key = keys[own.size() + i];
    const ordered_json* value = section.find(key);
    if (value == nullptr) continue;
    found.push_back({.name = std::string(options[i]),
                     .value = option_value(*value, section.path(key), section.source())});
  }
  return found;
}

void check_names(const Fields& document, std::string_view key,
                 const std::vector<std::string>& names) {
  if (names.empty()) document.refuse(key, "must have at least one entry");
  std::set<std::string> seen;
  for (const std::string& name : names) {
    if (!seen.insert(name).second) document.refuse(key, "has two entries named \"" + name + "\"");
  }
}

SweepEndpoint read_endpoint(const Fields& section, const std::filesystem::path& folder) {
  SweepEndpoint endpoint{
      .name = section.required_string("name"),
      .url = section.string("url").value_or(""),
      .options = options_of(section, kEndpointOptions, {"name", "url", "recipe", "variables"})};
  const auto recipe = section.string("recipe");
  if (recipe.has_value() == !endpoint.url.empty()) {
    section.refuse("url", recipe ? "has no place beside a recipe, which has its own"
                                 : "is missing, and so is recipe: one of them must be given");
  }
  if (recipe) {
    endpoint.recipe =
        filled_recipe(load_recipe(folder / *recipe), plan_text_map(section, "variables"));
    endpoint.url = endpoint.recipe->url;
  }
  return endpoint;
}

void add_option(std::string& text, const RunOption& option) {
  text += option.name + "\n" + option.value + "\n";
}

bool has_option(const std::vector<RunOption>& options, std::string_view name) {
  return std::any_of(options.begin(), options.end(),
                     [&](const RunOption& option) { return option.name == name; });
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

}  // namespace

SweepPlan read_sweep_plan(std::string_view text, const std::string& where,
                          const std::filesystem::path& folder) {
  const ordered_json json = parse_settings(text, where);
  const FieldsSource source = plan_source(where);
  const Fields document(json, "", source);
  constexpr std::string_view kKnown[] = {"schema", "name", "endpoint", "workload"};
  refuse_unknown_keys(document, kKnown);
  check_schema(document, "hadal.sweep/1");
  SweepPlan plan{.name = document.required_string("name")};
  std::vector<std::string> names;
  document.each("endpoint", [&](const ordered_json& value, const std::string& path) {
    plan.endpoints.push_back(read_endpoint(Fields(value, path, source), folder));
    names.push_back(plan.endpoints.back().name);
  });
  check_names(document, "endpoint", names);
  names.clear();
  document.each("workload", [&](const ordered_json& value, const std::string& path) {
    const Fields section(value, path, source);
    SweepWorkload workload{.options = options_of(section, kWorkloadOptions, {"name"})};
    const std::string shape = section.required_string("workload");
    workload.name = section.string("name").value_or(shape);
    names.push_back(workload.name);
    plan.workloads.push_back(std::move(workload));
  });
  check_names(document, "workload", names);
  return plan;
}

SweepPlan load_sweep_plan(const std::filesystem::path& path) {
  return read_sweep_plan(read_text_file(path, kMostPlanBytes), path.string(), path.parent_path());
}

std::vector<SweepJob> sweep_jobs(const SweepPlan& plan, size_t endpoint, const std::string& version,
                                 const std::string& period) {
  const SweepEndpoint& entry = plan.endpoints[endpoint];
  std::string identity =
      plan.name + "\n" + entry.name + "\n" + entry.url + "\n" + version + "\n" + period + "\n";
  for (const RunOption& option : entry.options) add_option(identity, option);
  if (entry.recipe) {
    identity += entry.recipe->text;
    for (const auto& [name, value] : entry.recipe->variables) add_option(identity, {name, value});
  }
  std::vector<SweepJob> jobs;
  for (size_t i = 0; i < plan.workloads.size(); ++i) {
    std::string text = identity + "\n" + plan.workloads[i].name + "\n";
    for (const RunOption& option : plan.workloads[i].options) add_option(text, option);
    jobs.push_back({.endpoint = endpoint,
                    .workload = i,
                    .label = plan.name + "/" + entry.name + "/" + plan.workloads[i].name,
                    .mark = sha256(text).substr(0, kMarkDigits)});
  }
  return jobs;
}

std::vector<std::string> job_words(const SweepPlan& plan, const SweepJob& job,
                                   const std::string& store, const std::string& version) {
  const SweepEndpoint& endpoint = plan.endpoints[job.endpoint];
  std::vector<std::string> words = {"measure", "run",     "--url",   endpoint.url, "--store",
                                    store,     "--label", job.label, "--mark",     job.mark};
  const auto add = [&](const std::string& name, const std::string& value) {
    words.push_back("--" + name);
    words.push_back(value);
  };
  for (const RunOption& option : endpoint.options) add(option.name, option.value);
  if (endpoint.recipe) {
    if (!has_option(endpoint.options, "engine")) add("engine", endpoint.recipe->engine);
    if (!has_option(endpoint.options, "engine-version") && !version.empty()) {
      add("engine-version", version);
    }
    if (!has_option(endpoint.options, "launch-command")) {
      add("launch-command", joined(endpoint.recipe->command));
    }
  }
  for (const RunOption& option : plan.workloads[job.workload].options) {
    add(option.name, option.value);
  }
  return words;
}

}  // namespace hadal
