#include "measure/client/secrets.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

TEST(Secrets, KeysThatAServerQuotesAreTakenOut) {
  const auto secrets =
      secrets_of({"Authorization: Bearer sk-SECRET", "X-Team: red", "X-Token:  abcdefgh"});
  EXPECT_EQ(without_secrets("Incorrect key sk-SECRET, sk-SECRET!", secrets),
            "Incorrect key [removed], [removed]!");
  EXPECT_EQ(without_secrets("got Bearer sk-SECRET and abcdefgh", secrets),
            "got [removed] and [removed]");
  EXPECT_EQ(without_secrets("the red team", secrets), "the red team");
  EXPECT_TRUE(secrets_of({"no header", "Empty:"}).empty());
}

TEST(Secrets, InAnySpelling) {
  const auto secrets = secrets_of({"Authorization: Bearer sk/a\"b\xc3\xa4+c"});
  for (const char* const quoted : {R"(sk/a\"bä+c)", R"(sk\/a\"bä+c)", R"(sk/a\"b\u00e4+c)",
                                   "sk%2Fa%22b%C3%A4%2Bc", "sk%2fa%22b%c3%a4%2bc"}) {
    EXPECT_EQ(without_secrets(std::string("no ") + quoted + "!", secrets), "no [removed]!");
  }
}

}  // namespace
}  // namespace hadal
