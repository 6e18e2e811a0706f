#include "cli/command_table.h"

#include <algorithm>

#include "base/check.h"

namespace hadal {
namespace {

const std::vector<CommandSpec>& commands() {
  static const std::vector<CommandSpec> table = [] {
    std::vector<CommandSpec> all;
#ifdef HADAL_WITH_ENGINE
    all = engine_commands();
#endif
    const std::vector<CommandSpec>& more = measure_commands();
    all.insert(all.end(), more.begin(), more.end());
    const std::vector<CommandSpec>& plans = plan_commands();
    all.insert(all.end(), plans.begin(), plans.end());
    return all;
  }();
  return table;
}

const std::vector<GroupSpec>& groups() {
  static const std::vector<GroupSpec> table = {
#ifdef HADAL_WITH_ENGINE
      {.name = "text",
       .what = "ACTION",
       .summary = "Tokenise, detokenise, encode chats and parse completions, line by line",
       .description =
           "Reads JSON lines from standard input and writes as many to standard output."},
      {.name = "bench",
       .what = "WHAT",
       .summary = "Measure the machine, the kernels, and how fast a model computes",
       .description = "Figures of time are medians of one run."},
#endif
      {.name = "measure",
       .what = "WHAT",
       .summary =
           "Measure any server: how fast, for how many, at what cost, and whether it is right",
       .description = "Drives a server of OpenAI's interface (hadal, vLLM, SGLang, TensorRT-LLM, "
                      "llama.cpp, a rented API) and keeps every run."},
      {.name = "measure runs",
       .what = "ACTION",
       .summary = "Look at, compare, export and import the runs that were kept",
       .description = "A run is named by its id, or the beginning of it, or 'last'."},
      {.name = "plan",
       .what = "WHAT",
       .summary =
           "Say what a deployment would give and cost, what binds, and how wrong that may be",
       .description = "Predicts from data sheets and the model's config; nothing is run. Without a "
                      "word for WHAT, ask is meant: hadal plan --model flash --users 50.",
       .alone = "ask"},
  };
  return table;
}

}  // namespace

std::string CommandSpec::full_name() const {
  return group.empty() ? std::string(name) : std::string(group) + " " + std::string(name);
}

std::span<const CommandSpec> command_table() { return commands(); }

std::span<const GroupSpec> group_table() { return groups(); }

const CommandSpec* find_command(std::string_view full_name) {
  const auto& table = commands();
  const auto found = std::find_if(table.begin(), table.end(), [&](const CommandSpec& spec) {
    return spec.full_name() == full_name;
  });
  return found == table.end() ? nullptr : &*found;
}

const GroupSpec* find_group(std::string_view name) {
  const auto& table = groups();
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const GroupSpec& spec) { return spec.name == name; });
  return found == table.end() ? nullptr : &*found;
}

const CommandSpec& command_spec(Command command) {
  const auto& table = commands();
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const CommandSpec& spec) { return spec.id == command; });
  HADAL_CHECK(found != table.end());
  return *found;
}

std::vector<const CommandSpec*> members_of(const GroupSpec& group) {
  std::vector<const CommandSpec*> members;
  for (const CommandSpec& spec : commands()) {
    if (spec.group == group.name) members.push_back(&spec);
  }
  return members;
}

std::vector<const GroupSpec*> groups_of(const GroupSpec& group) {
  const std::string prefix = std::string(group.name) + " ";
  std::vector<const GroupSpec*> found;
  for (const GroupSpec& spec : groups()) {
    if (spec.name.starts_with(prefix)) found.push_back(&spec);
  }
  return found;
}

}  // namespace hadal
