// Of two Origin headers the guard of web pages looked at the first alone.
#include <gtest/gtest.h>

#include "server/http/http_error.h"
#include "server/http/request_head.h"

namespace hadal {
namespace {

TEST(SecondOriginPassesTheGuard, TwoAreRefused) {
  const HttpHeaders one = {{"Host", "localhost"}, {"Origin", "http://localhost"}};
  EXPECT_NO_THROW(read_request_head({}, one));
  HttpHeaders two = one;
  two.emplace_back("origin", "https://elsewhere.example");
  try {
    read_request_head({}, two);
    ADD_FAILURE() << "not refused";
  } catch (const HttpException& error) {
    EXPECT_EQ(error.error().status, 400);
  }
}

}  // namespace
}  // namespace hadal
