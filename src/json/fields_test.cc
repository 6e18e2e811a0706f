#include "json/fields.h"

#include <array>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <vector>

#include "json/python_json.h"
#include "json/unknown_fields.h"

namespace hadal {
namespace {

template <typename Read>
std::string refusal(const std::string& text, Read read,
                    const FieldsSource& source = request_source()) {
  const nlohmann::ordered_json json = parse_json(text, "test");
  try {
    read(Fields(json, "", source));
  } catch (const FieldError& error) {
    EXPECT_EQ(error.code(), source.code);
    return error.what();
  }
  return "";
}

TEST(FieldsTest, ReadByType) {
  const nlohmann::ordered_json json =
      parse_json(R"({"n": 1.5, "i": 5.0, "b": true, "s": "x", "z": null, "m": -1})", "test");
  const Fields fields(json, "");
  EXPECT_EQ(fields.number("n"), 1.5);
  EXPECT_EQ(fields.integer("i"), 5U);
  EXPECT_EQ(fields.integer("m"), ~uint64_t{0});
  EXPECT_EQ(fields.boolean("b"), true);
  EXPECT_EQ(fields.string("s"), "x");
  EXPECT_FALSE(fields.has("z"));
  EXPECT_EQ(fields.string("z"), std::nullopt);
  EXPECT_EQ(fields.count("i", 1), 5);
}

TEST(FieldsTest, RefusalsNameThePathAndTheType) {
  const auto string = [](const Fields& fields) { return fields.string("k"); };
  EXPECT_EQ(refusal(R"({"k": 5})", string), "k: must be a string, not number");
  EXPECT_EQ(refusal(R"({"k": 123456789012345678901234567890})", string),
            "k: must be a string, not an integer of 30 digits");
  EXPECT_EQ(refusal(R"({"k": -123456789012345678901234567890})",
                    [](const Fields& fields) { fields.integer("k"); }),
            "k: must fit 64 bits and is an integer of 30 digits");
  EXPECT_EQ(refusal(R"({"k": 1.5})", [](const Fields& fields) { fields.integer("k"); }),
            "k: must be a whole number, not number");
  EXPECT_EQ(refusal(R"({})", [](const Fields& fields) { fields.required_string("k"); }),
            "k: is missing");
  EXPECT_EQ(refusal("[]", string), "body: must be an object, not array");
  EXPECT_EQ(refusal(R"({"a": [{"b": {"c": 1}}]})",
                    [](const Fields& fields) {
                      fields.each("a", [](const auto& element, const std::string& path) {
                        const Fields inner(element, path);
                        Fields(inner.at("b"), inner.path("b")).string("c");
                      });
                    }),
            "a[0].b.c: must be a string, not number");
}

TEST(FieldsTest, OfAFileTheyNameItAndTheValue) {
  const FieldsSource file{
      .code = ErrorCode::kInvalidFile, .file = "x.json", .remedy = "mend it", .tells_values = true};
  const auto number = [](const Fields& fields) { fields.number("k"); };
  EXPECT_EQ(refusal(R"({"k": "a"})", number, file),
            "x.json: k is \"a\", but must be a number; mend it");
  EXPECT_EQ(refusal("[]", number, file), "x.json: is not a JSON object; mend it");
}

TEST(UnknownFieldsTest, AreNamedOnceOrRefused) {
  const nlohmann::ordered_json json = parse_json(R"({"a": 1, "b": 2, "c": null})", "test");
  const Fields fields(json, "list[3]");
  constexpr std::array<std::string_view, 1> kKnown = {"a"};
  UnknownFields lenient(false);
  lenient.check(fields, kKnown);
  lenient.check(fields, kKnown);
  EXPECT_EQ(lenient.names(), std::vector<std::string>{"list[].b"});
  UnknownFields strict(true);
  try {
    strict.check(fields, kKnown);
    FAIL();
  } catch (const FieldError& error) {
    EXPECT_EQ(error.fault(), FieldFault::kUnknown);
    EXPECT_EQ(error.parts().where, "list[3].b");
  }
}

TEST(JsonRulesTest, AFileGivesEachNameOnceAndFiniteNumbers) {
  const auto refused = [](const std::string& text) {
    try {
      parse_json_file_text(text, "x.json");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidFile);
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(refused(R"({"a": {"b": 1}, "b": {"b": 2}})"), "");
  EXPECT_EQ(refused(R"({"a": 1, "a": 2})"), "x.json: gives a twice; leave one of the two");
  EXPECT_NE(refused(R"({"a": NaN})"), "");
  EXPECT_NE(refused(R"({"a": 1e999})"), "");
  EXPECT_EQ(refused(std::string(512, '[') + std::string(512, ']')), "");
  EXPECT_NE(refused(std::string(513, '[') + std::string(513, ']')).find("nested too deeply"),
            std::string::npos);
}

TEST(JsonRulesTest, ALoneSurrogateIsReplacedWhereAskedFor) {
  const auto read = [](const std::string& text) {
    return parse_json(text, "test", ErrorCode::kInvalidArgument, {.replaces_lone_surrogates = true})
        .get<std::string>();
  };
  EXPECT_EQ(read(R"("a\ud83d")"), "a\xEF\xBF\xBD");
  EXPECT_EQ(read(R"("\ude00b")"),
            "\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(read(R"("\ud83d\ud83d\ude00")"), "\xEF\xBF\xBD\xF0\x9F\x98\x80");
  EXPECT_EQ(read(R"("\ud83d\u0041")"),
            "\xEF\xBF\xBD"
            "A");
  EXPECT_EQ(read(R"("\ud83d\n")"), "\xEF\xBF\xBD\n");
  EXPECT_THROW(parse_json(R"("\ud83d")", "test"), Error);
  EXPECT_THROW(parse_json(R"("\ud83d\u0041")", "test"), Error);
}

}  // namespace
}  // namespace hadal
