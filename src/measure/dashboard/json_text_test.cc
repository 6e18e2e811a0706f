#include "measure/dashboard/json_text.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <limits>

namespace hadal {
namespace {

TEST(JsonText, WritesWhatReadsBack) {
  JsonText out;
  out.begin_object().member("a", 1).member("b", true).member("c", "x\"\n\xff");
  out.key("list").begin_array().number(0.1).number(std::nullopt).integer(-2);
  out.begin_object().end_object().raw("[]").end_array();
  out.known("empty", "").known("full", "y").member("nan", std::numeric_limits<double>::quiet_NaN());
  out.end_object();
  EXPECT_EQ(out.take(), R"({"a":1,"b":true,"c":"x\"\n)"
                        "\xef\xbf\xbd"
                        R"(","list":[0.1,null,-2,{},[]],"full":"y","nan":null})");
}

TEST(JsonText, NumbersKeepEveryBit) {
  for (const double value : {1.0 / 3, 1e-300, 5e-324, 1.7976931348623157e308, 0.1 + 0.2}) {
    JsonText out;
    EXPECT_EQ(std::strtod(out.number(value).take().c_str(), nullptr), value);
  }
}

}  // namespace
}  // namespace hadal
