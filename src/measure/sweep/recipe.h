// How an engine is started, known to be ready, and asked for its version: a file of recipes/ or of
// the user's. Data only; launched_engine.h acts on it. docs/measuring/sweeps.md has the keys.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

struct EngineRecipe {
  std::string engine = {};                            // "vllm"
  std::string about = {};                             // what to know of serving V4 with it
  std::vector<std::string> command = {};              // {name} stands for a variable
  std::map<std::string, std::string> variables = {};  // with their defaults; "" must be given
  std::map<std::string, std::string> environment = {};
  std::string url = "http://127.0.0.1:{port}";
  std::string ready_path = "/health";             // answers 200 when it serves
  double ready_seconds = 1800;                    // after which it will not any more
  std::vector<std::string> version_command = {};  // prints the version; empty: none
  double stop_seconds = 60;                       // between asking it to end and force
  std::string text = {};                          // the file as it is, for fingerprints
};

// Throws Error kInvalidFile that names the line or key; unknown keys are refused with the nearest
// known one.
EngineRecipe read_recipe(std::string_view text, const std::string& where);
EngineRecipe load_recipe(const std::filesystem::path& path);

// The recipe with `given` in place of its variables. Throws Error kInvalidArgument for variables
// that it does not have, and for those without a value.
EngineRecipe filled_recipe(EngineRecipe recipe, const std::map<std::string, std::string>& given);

}  // namespace hadal
