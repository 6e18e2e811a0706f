#include "measure/sweep/recipe.h"

#include <filesystem>
#include <gtest/gtest.h>

#include "base/error.h"
#include "support/source_dir.h"

namespace hadal {
namespace {

constexpr const char* kRecipe = R"(
engine = "vllm"
command = ["vllm", "serve", "{model}", "--port", "{port}", "--json", "{\"a\": 1}"]
[variables]
model = ""
port = 8000
[environment]
CUDA_VISIBLE_DEVICES = "0"
[ready]
seconds = 30
[version]
command = ["vllm", "--version"]
)";

std::string refusal(const std::string& text) {
  try {
    read_recipe(text, "r.toml");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Recipe, VariablesAreFilledIn) {
  const EngineRecipe recipe =
      filled_recipe(read_recipe(kRecipe, "r.toml"), {{"model", "/models/pro {port}"}});
  EXPECT_EQ(recipe.command, (std::vector<std::string>{"vllm", "serve", "/models/pro {port}",
                                                      "--port", "8000", "--json", "{\"a\": 1}"}));
  EXPECT_EQ(recipe.url, "http://127.0.0.1:8000");
  EXPECT_EQ(recipe.ready_path, "/health");
  EXPECT_EQ(recipe.ready_seconds, 30);
  EXPECT_EQ(recipe.environment.at("CUDA_VISIBLE_DEVICES"), "0");
}

TEST(Recipe, WhatIsMissingOrUnknownIsNamed) {
  const EngineRecipe recipe = read_recipe(kRecipe, "r.toml");
  EXPECT_THROW(filled_recipe(recipe, {}), Error);  // without a model
  EXPECT_THROW(filled_recipe(recipe, {{"model", "m"}, {"prot", "1"}}), Error);
  EXPECT_NE(refusal("engine = \"x\"\ncomand = []\n").find("comand"), std::string::npos);
  EXPECT_NE(refusal("engine = \"x\"\n").find("command"), std::string::npos);
  EXPECT_NE(refusal("schema = \"hadal.recipe/2\"\n").find("hadal.recipe/1"), std::string::npos);
  EXPECT_NE(refusal("engine = \"x\"\ncommand = [\"a\", 1]\n").find("command[1]"),
            std::string::npos);
  EXPECT_NE(
      refusal("engine = \"x\"\ncommand = [\"a\"]\n[ready]\nseconds = -1\n").find("ready.seconds"),
      std::string::npos);
  EXPECT_NE(refusal("engine = \"x\ncommand").find("line 1"), std::string::npos);
}

TEST(Recipe, ThoseOfTheProjectCanBeRead) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(test::source_path("recipes"))) {
    const EngineRecipe recipe = load_recipe(entry.path());
    EXPECT_FALSE(recipe.about.empty()) << entry.path();
    EXPECT_FALSE(recipe.version_command.empty()) << entry.path();
    EXPECT_TRUE(recipe.variables.contains("port")) << entry.path();
    std::map<std::string, std::string> given;
    for (const auto& [name, value] : recipe.variables) given[name] = "1";
    for (const std::string& word : filled_recipe(recipe, given).command) {
      EXPECT_EQ(word.find('{'), std::string::npos) << entry.path() << word;
    }
    ++count;
  }
  EXPECT_EQ(count, 5);
}

}  // namespace
}  // namespace hadal
