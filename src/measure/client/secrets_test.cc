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

}  // namespace
}  // namespace hadal
