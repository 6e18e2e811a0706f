#include "server/request_id.h"

#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

namespace hadal {
namespace {

TEST(RequestIdTest, SaneOnesAreKept) {
  for (const std::string& id :
       {std::string("a"), std::string("req_0aZ-9.x:y/z+w=@"), std::string(128, 'k')}) {
    EXPECT_EQ(request_id(id), id);
  }
}

TEST(RequestIdTest, OthersAreReplacedByNewOnes) {
  std::set<std::string> made;
  const std::vector<std::string> unfit{"",
                                       std::string(129, 'k'),
                                       "a b",
                                       "a\r\nSet-Cookie: x=1",
                                       "a\nb",
                                       std::string("a\0b", 3),
                                       "\x1b[31mred",
                                       "caf\xc3\xa9",
                                       "\xff",
                                       "a\"b",
                                       "{}",
                                       "a;b"};
  for (const std::string& id : unfit) {
    const std::string other = request_id(id);
    EXPECT_TRUE(other.starts_with("req_")) << other;
    EXPECT_EQ(other.size(), 28U);
    EXPECT_EQ(request_id(other), other);
    made.insert(other);
  }
  EXPECT_EQ(made.size(), unfit.size());
}

}  // namespace
}  // namespace hadal
