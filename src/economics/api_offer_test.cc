#include "economics/api_offer.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal {
namespace {

PriceCatalogue two_providers() {
  PriceCatalogue catalogue;
  catalogue.read(R"({"schema": "hadal.prices/1", "prices": [
    {"provider": "A", "model": "m", "input": 1, "output": 3, "cached_input": 0.1},
    {"provider": "B", "model": "m", "input": 2, "output": 4},
    {"provider": "B", "model": "old", "input": 2, "output": 4, "to": "2000-01-01"},
    {"provider": "B", "model": "only", "input": 5, "output": 6}]})",
                 "prices.json");
  return catalogue;
}

constexpr int64_t kTime = 1'800'000'000;

std::string refusal(std::string_view text) {
  try {
    find_api_offer(two_providers(), text, kTime, "--api-price");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "";
}

TEST(ApiOffer, IsAnEntryOrNumbers) {
  const ApiOffer entry = find_api_offer(two_providers(), "A/m", kTime, "x");
  EXPECT_EQ(entry.name, "A/m");
  EXPECT_NEAR(entry.per_million.input, 1, 1e-9);
  EXPECT_NEAR(entry.per_million.cached_input.value(), 0.1, 1e-9);
  EXPECT_EQ(find_api_offer(two_providers(), "only", kTime, "x").name, "B/only");
  const ApiOffer own = find_api_offer(two_providers(), "0.66/1.98/0.022", kTime, "x");
  EXPECT_EQ(own.per_million.output, 1.98);
  EXPECT_EQ(own.per_million.cached_input, 0.022);
  EXPECT_FALSE(find_api_offer(two_providers(), "1/2", kTime, "x").per_million.cached_input);
}

TEST(ApiOffer, RefusesWhatItCannotTell) {
  EXPECT_NE(refusal("m").find("several providers have"), std::string::npos);
  EXPECT_NE(refusal("m").find("A/m, B/m"), std::string::npos) << refusal("m");
  EXPECT_NE(refusal("B/onli").find("did you mean B/only?"), std::string::npos);
  EXPECT_NE(refusal("old").find("no price in dollars now"), std::string::npos);
  for (const char* bad : {"", "1", "1/2/3/4", "-1/2", "1/", "nan/1", "1/inf", "1e300/1"}) {
    EXPECT_NE(refusal(bad).find("--api-price"), std::string::npos) << bad;
  }
}

}  // namespace
}  // namespace hadal
