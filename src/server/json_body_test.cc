#include "server/json_body.h"

#include <gtest/gtest.h>
#include <string>

#include <nlohmann/json.hpp>

#include "server/api_error.h"

namespace hadal {
namespace {

std::string refusal(std::string_view body) {
  try {
    parse_json_body(body);
  } catch (const ApiException& error) {
    EXPECT_EQ(error.error().status, 400);
    EXPECT_EQ(error.error().code, "invalid_json");
    return error.error().message;
  }
  return "";
}

// `text` in ASCII, each character in `width` bytes.
std::string widened(std::string_view text, int width, bool big_endian) {
  std::string wide;
  for (const char c : text) {
    std::string unit(static_cast<size_t>(width), '\0');
    unit[big_endian ? unit.size() - 1 : 0] = c;
    wide += unit;
  }
  return wide;
}

TEST(JsonBodyTest, AByteOrderMarkIsPassedOver) {
  EXPECT_EQ(parse_json_body("\xef\xbb\xbf{\"a\": 1}")["a"], 1);
  EXPECT_EQ(parse_json_body("\xef\xbb\xbf\r\n{\"a\": \"\xef\xbb\xbf\"}")["a"], "\xef\xbb\xbf")
      << "inside of a string it is a character";
  EXPECT_NE(refusal("\xef\xbb\xbf\xef\xbb\xbf{}"), "") << "one mark, not two";
  EXPECT_NE(refusal("{}\xef\xbb\xbf"), "");
}

TEST(JsonBodyTest, EmptyBodiesAreCalledEmpty) {
  EXPECT_NE(refusal("").find("empty"), std::string::npos);
  EXPECT_NE(refusal("\xef\xbb\xbf").find("empty"), std::string::npos);
}

TEST(JsonBodyTest, OtherEncodingsAreNamed) {
  const std::string json = "{\"a\": 1}";
  struct Case {
    const char* name;
    std::string mark;
    int width;
    bool big_endian;
  };
  const Case cases[] = {{"UTF-16LE", "\xff\xfe", 2, false},
                        {"UTF-16BE", "\xfe\xff", 2, true},
                        {"UTF-32LE", std::string("\xff\xfe\0\0", 4), 4, false},
                        {"UTF-32BE", std::string("\0\0\xfe\xff", 4), 4, true}};
  for (const Case& c : cases) {
    for (const std::string& mark : {c.mark, std::string()}) {
      for (const std::string& text : {json, std::string(" {}"), std::string("[]")}) {
        EXPECT_NE(refusal(mark + widened(text, c.width, c.big_endian)).find(c.name),
                  std::string::npos)
            << c.name << " " << mark.size();
      }
    }
    EXPECT_NE(refusal(c.mark).find(c.name), std::string::npos);
  }
}

TEST(JsonBodyTest, CompressedBodiesAreNamed) {
  EXPECT_NE(refusal("\x1f\x8b\x08\x01").find("gzip"), std::string::npos);
  EXPECT_NE(refusal("\x28\xb5\x2f\xfd\x04").find("zstd"), std::string::npos);
}

TEST(JsonBodyTest, TheNumberOfValuesIsBounded) {
  constexpr size_t kMost = size_t{1} << 22;
  const auto repeated = [](std::string_view unit, size_t count) {
    std::string text;
    for (size_t i = 0; i < count; ++i) text += unit;
    return text;
  };
  for (const char* unit : {"1,", "[],", "{},"}) {
    EXPECT_NE(refusal("[" + repeated(unit, kMost) + "1]").find("4194304"), std::string::npos);
  }
  // What looks like values within a string is none, whatever is escaped there.
  const std::string string = "\"" + repeated("[,\\\"{\\\\", 1 << 20) + "\"";
  EXPECT_EQ(parse_json_body("[" + string + ", 1]")[1], 1);
}

TEST(JsonBodyTest, ZerosAndStrayBytesAreRefused) {
  for (const std::string& body : {std::string(1, '\0'), std::string(2, '\0'), std::string(3, '\0'),
                                  std::string(4, '\0'), std::string(5, '\0'), std::string("\xff"),
                                  std::string("\xef\xbb"), std::string("{}\0", 3)}) {
    EXPECT_NE(refusal(body), "");
  }
}

}  // namespace
}  // namespace hadal
