#include "json/toml_document.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/known_keys.h"

namespace hadal {
namespace {

std::string refusal(std::string_view text) {
  try {
    parse_toml(text, "costs.toml");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidFile);
    return error.what();
  }
  return "";
}

TEST(TomlDocument, BecomesTheSameAsJson) {
  const char* toml = R"(
name = "grün"
gpus = 8
price = 2.50
spot = true
since = 2026-09-01
at = 2026-08-16T16:00:00Z
[power]
idle_kw = [1, 2.5]
[[band]]
days = "mon-fri"
[[band]]
days = "sat"
)";
  const char* json = R"({"name": "grün", "gpus": 8, "price": 2.5, "spot": true,
    "since": "2026-09-01", "at": "2026-08-16T16:00:00Z", "power": {"idle_kw": [1, 2.5]},
    "band": [{"days": "mon-fri"}, {"days": "sat"}]})";
  EXPECT_EQ(nlohmann::json(parse_settings(toml, "a.toml")),
            nlohmann::json(parse_settings(json, "a.json")));
}

TEST(TomlDocument, SaysInWhichLineItIsWrong) {
  EXPECT_NE(refusal("a = 1\nb = \n").find("costs.toml: line 2"), std::string::npos);
  EXPECT_NE(refusal("a = 1\na = 2\n").find("line 2"), std::string::npos);
  EXPECT_NE(refusal("x = 1\ny = nan\n").find("line 2, column 5: a number must be finite"),
            std::string::npos);
  EXPECT_NE(refusal("a = \"\xff\"\n"), "");
  EXPECT_NE(refusal("a = " + std::string(100000, '[')), "");
}

std::string dotted(size_t parts) {
  std::string key = "a";
  for (size_t part = 1; part < parts; ++part) key += ".a";
  return key;
}

TEST(TomlDocument, IsNotNestedDeeperThanTheStack) {
  constexpr std::string_view kTooDeep = "nested too deep";
  const std::string deep = dotted(20'000);
  for (const std::string& text :
       {deep + " = 1\n", "[" + deep + "]\n", "[[" + deep + "]]\n", "a = {" + deep + " = 1}\n",
        "a = [{b = {" + deep + " = 1}}]\n", "a = {b = \"\"\"c\"\"\"\", " + deep + " = 1}\n",
        "a = {b = '''c''''', " + deep + " = 1}\n", "a = {b = \"\\\"\", " + deep + " = 1}\n",
        "[" + dotted(60) + "]\n" + dotted(60) + " = 1\n"}) {
    EXPECT_NE(refusal(text).find(kTooDeep), std::string::npos) << text.substr(0, 40);
  }
  EXPECT_NE(refusal("# a\nb = '''\n'''\n" + deep + " = 1").find("costs.toml: line 4"),
            std::string::npos);
}

TEST(TomlDocument, CountsOnlyDotsThatNest) {
  std::string text = "[" + dotted(30) + "]\n" + dotted(30) + " = 1\n";
  text += "# " + dotted(1000) + "\nb = \"" + dotted(1000) + "\"\nc = '" + dotted(1000) + "'\n";
  text += "d = \"\"\"\n" + dotted(1000) + "\"\"\"\"\ne = [0.5";
  for (int number = 0; number < 1000; ++number) text += ",\n 1.5";
  text += "]\n";
  for (int line = 0; line < 1000; ++line) text += "f" + std::to_string(line) + " = 2.5\n";
  EXPECT_EQ(refusal(text), "");
}

TEST(KnownKeys, AreNamedWhenOneIsMisspelt) {
  const nlohmann::ordered_json document = parse_toml("gpus = 8\nresidual_sd = 1\n", "costs.toml");
  const FieldsSource source{.code = ErrorCode::kInvalidFile, .file = "costs.toml"};
  const Fields fields(document, "", source);
  constexpr std::string_view kKnown[] = {"gpus", "residual_usd"};
  EXPECT_NO_THROW(refuse_unknown_keys(Fields(document, "", source),
                                      std::vector<std::string_view>{"gpus", "residual_sd"}));
  try {
    refuse_unknown_keys(fields, kKnown);
    FAIL() << "took an unknown key";
  } catch (const FieldError& error) {
    EXPECT_EQ(error.fault(), FieldFault::kUnknown);
    EXPECT_STREQ(error.what(),
                 "costs.toml: residual_sd is not a known key; did you mean \"residual_usd\"?");
  }
}

}  // namespace
}  // namespace hadal
