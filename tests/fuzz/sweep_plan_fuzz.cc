// Plans of sweeps and recipes of engines, as TOML and as JSON: any text is refused with an Error,
// or gives jobs whose words are those of `hadal measure run`, and commands that can be started.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "measure/sweep/sweep_plan.h"

namespace {

void require(bool condition) {
  if (!condition) {
    __builtin_trap();
  }
}

void read_plan(std::string_view text, const std::string& where) {
  try {
    const hadal::SweepPlan plan = hadal::read_sweep_plan(text, where, "/nonexistent");
    require(!plan.endpoints.empty() && !plan.workloads.empty());
    for (size_t i = 0; i < plan.endpoints.size(); ++i) {
      for (const hadal::SweepJob& job : hadal::sweep_jobs(plan, i, "1", "2026-08-01")) {
        const auto words = hadal::job_words(plan, job, "runs.sqlite", "1");
        require(words.size() > 2 && words[0] == "measure" && words[1] == "run");
        require(words.size() % 2 == 0);
      }
    }
  } catch (const hadal::Error&) {
  }
}

void read_recipe(std::string_view text, const std::string& where) {
  try {
    hadal::EngineRecipe recipe = hadal::read_recipe(text, where);
    require(!recipe.command.empty() && recipe.ready_seconds > 0 && recipe.stop_seconds > 0);
    const size_t words = recipe.command.size();
    require(hadal::filled_recipe(std::move(recipe), {}).command.size() == words);
  } catch (const hadal::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const char* where : {"a.toml", "a.json"}) {
    read_plan(text, where);
    read_recipe(text, where);
  }
  return 0;
}
