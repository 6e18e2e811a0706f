#include "json/python_json.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <string>

#include <nlohmann/json.hpp>

#include "json/json_reader.h"

namespace hadal {
namespace {

std::string round_trip(const std::string& text) { return dump_json(parse_json(text, "test")); }

std::string error_of(const std::string& text) {
  try {
    parse_json(text, "test");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// The right-hand sides are what CPython 3.11 prints.
TEST(PythonFloatTest, LaysDigitsOutAsReprDoes) {
  EXPECT_EQ(python_float(1e2), "100.0");
  EXPECT_EQ(python_float(0.0), "0.0");
  EXPECT_EQ(python_float(-0.0), "-0.0");
  EXPECT_EQ(python_float(0.1), "0.1");
  EXPECT_EQ(python_float(1e-4), "0.0001");
  EXPECT_EQ(python_float(1e-5), "1e-05");
  EXPECT_EQ(python_float(1.5e-7), "1.5e-07");
  EXPECT_EQ(python_float(1e15), "1000000000000000.0");
  EXPECT_EQ(python_float(1e16), "1e+16");
  EXPECT_EQ(python_float(123456789012345680.0), "1.2345678901234568e+17");
  EXPECT_EQ(python_float(12345.678), "12345.678");
  EXPECT_EQ(python_float(1234567890123456.0), "1234567890123456.0");
  EXPECT_EQ(python_float(1e22), "1e+22");
  EXPECT_EQ(python_float(-2.5e-300), "-2.5e-300");
  EXPECT_EQ(python_float(5e-324), "5e-324");
  EXPECT_EQ(python_float(std::numeric_limits<double>::max()), "1.7976931348623157e+308");
  EXPECT_EQ(python_float(std::nan("")), "NaN");
  EXPECT_EQ(python_float(-HUGE_VAL), "-Infinity");
}

TEST(PythonJsonTest, WritesWhatJsonDumpsWrites) {
  EXPECT_EQ(round_trip(R"({"b":1,"a":[1,2.50,null,true,{}],"c":[],"d":1e2})"),
            R"({"b": 1, "a": [1, 2.5, null, true, {}], "c": [], "d": 100.0})");
  EXPECT_EQ(round_trip("[-0, -0.0, 1E5, 1e400, -1e400, 1e-400, NaN, Infinity]"),
            "[0, -0.0, 100000.0, Infinity, -Infinity, 0.0, NaN, Infinity]");
  EXPECT_EQ(round_trip(R"("\u65e5\ud83d\udc0b\u0001\/\"\\\b\f\n\r\t\u007f")"),
            "\"日🐋\\u0001/\\\"\\\\\\b\\f\\n\\r\\t\x7f\"");
}

TEST(PythonJsonTest, KeepsIntegersOfAnySize) {
  for (const char* digits :
       {"9223372036854775807", "-9223372036854775808", "18446744073709551615",
        "18446744073709551616", "-9223372036854775809", "123456789012345678901234567890"}) {
    EXPECT_EQ(round_trip(digits), digits);
  }
  EXPECT_EQ(round_trip(std::string(4300, '7')), std::string(4300, '7'));
  EXPECT_NE(error_of(std::string(4301, '7')), "");
}

TEST(PythonJsonTest, LastOfEqualKeysWinsInThePlaceOfTheFirst) {
  EXPECT_EQ(round_trip(R"({"a": 1, "b": 2, "a": 3})"), R"({"a": 3, "b": 2})");
  std::string text = "{";  // enough keys for the index
  for (int i = 0; i < 40; ++i) text += "\"k" + std::to_string(i) + "\": 0, ";
  EXPECT_TRUE(round_trip(text + "\"k3\": 9, \"k39\": 8}")
                  .starts_with(R"({"k0": 0, "k1": 0, "k2": 0, "k3": 9, "k4": 0)"));
  EXPECT_TRUE(round_trip(text + "\"k3\": 9, \"k39\": 8}").ends_with(R"("k38": 0, "k39": 8})"));
}

// Quadratic handling of keys would take minutes here.
TEST(PythonJsonTest, ReadsObjectsOfManyKeys) {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) text += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":1";
  EXPECT_EQ(parse_json(text + "}", "test").size(), 200'000u);
}

TEST(PythonJsonTest, RefusesMalformedTextWithTheByte) {
  EXPECT_NE(error_of("{\"a\": 1,}").find("byte 8"), std::string::npos);
  for (const char* text : {"",
                           " ",
                           "{",
                           "[1",
                           "[1,]",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{a:1}",
                           "[1 2]",
                           "01",
                           "1.",
                           ".5",
                           "1e",
                           "-",
                           "+1",
                           "tru",
                           "nul",
                           "\"a",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\u+123\"",
                           "\"a\nb\"",
                           "1 2",
                           "\"\xff\"",
                           "\"\\ud800\"",
                           "\"\\udc00\"",
                           "\"\\ud800\\u0041\"",
                           "-NaN",
                           "nan"}) {
    EXPECT_NE(error_of(text), "") << text;
  }
  EXPECT_EQ(error_of(std::string(500, '[') + std::string(500, ']')), "");
  EXPECT_NE(error_of(std::string(600, '[') + std::string(600, ']')), "");
  EXPECT_NE(error_of(std::string(1'000'000, '[')), "");
}

TEST(PythonJsonTest, RefusesToWriteWhatIsNoText) {
  EXPECT_THROW(dump_json(nlohmann::ordered_json("\xff")), Error);
  EXPECT_THROW(json_string("\xed\xa0\x80"), Error);
  nlohmann::ordered_json deep;
  for (int i = 0; i < 5000; ++i) deep = nlohmann::ordered_json::array({std::move(deep)});
  EXPECT_THROW(dump_json(deep), Error);
}

TEST(PythonJsonTest, StandardJsonHasNoNan) {
  EXPECT_TRUE(is_json(R"({"a": [1, -2.5e3, "x", null]})"));
  EXPECT_FALSE(is_json("NaN"));
  EXPECT_FALSE(is_json("[-Infinity]"));
  EXPECT_FALSE(is_json(std::string("1\0", 2)));
  EXPECT_FALSE(
      is_json("\xEF\xBB\xBF"
              "1"));
  EXPECT_FALSE(is_json(""));
}

TEST(JsonReaderTest, SkipsValuesOfAnyShape) {
  JsonReader reader(R"({"a": {"b": [1, {"c": "]"}]}, "d": 7})", "test");
  std::string key;
  reader.enter_object();
  ASSERT_TRUE(reader.next_member(key));
  reader.skip_value();
  ASSERT_TRUE(reader.next_member(key));
  EXPECT_EQ(key, "d");
  EXPECT_EQ(reader.read_integer(), 7);
  EXPECT_FALSE(reader.next_member(key));
  reader.finish();
}

// Strings are scanned eight bytes at a time.
TEST(JsonReader, FindsTheEndAndEscapesAtEveryPlace) {
  for (size_t length = 0; length < 40; ++length) {
    const std::string plain = std::string(length, 'a') + "\xc3\xa4\x7f";
    const std::string quoted = '"' + plain + R"(\"\u00e4)" + std::string(length % 9, 'b') + '"';
    const std::string value = plain + "\"\xc3\xa4" + std::string(length % 9, 'b');
    const std::string text = "{" + quoted + ":[" + quoted + "," + quoted + "]}";
    JsonReader json(text, "test");
    json.enter_object();
    std::string_view key;
    ASSERT_TRUE(json.next_member(key));
    EXPECT_EQ(key, value);
    json.enter_array();
    ASSERT_TRUE(json.next_element());
    json.skip_value();
    ASSERT_TRUE(json.next_element());
    EXPECT_EQ(json.read_string(), value);
    EXPECT_FALSE(json.next_element());
    EXPECT_FALSE(json.next_member(key));
    json.finish();
    for (const char bad : {'\n', '\x1f', '\0'}) {
      const std::string broken = '"' + std::string(length, 'a') + bad + std::string(9, 'a') + '"';
      JsonReader reader(broken, "test");
      EXPECT_THROW(reader.read_string(), Error) << length;
      JsonReader skipper(broken, "test");
      EXPECT_THROW(skipper.skip_value(), Error) << length;
    }
    const std::string open = '"' + std::string(length, 'a');
    JsonReader reader(open, "test");
    EXPECT_THROW(reader.skip_value(), Error) << length;
  }
}

}  // namespace
}  // namespace hadal
