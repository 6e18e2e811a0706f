#include "base/suggest.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace hadal {
namespace {

TEST(Suggest, CountsEdits) {
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("model", "model"), 0);
  EXPECT_EQ(edit_distance("modle", "model"), 1);  // neighbours swapped
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
}

TEST(Suggest, NearestIsNearOrNothing) {
  const std::vector<std::string> known = {"run", "serve", "inspect"};
  EXPECT_EQ(nearest("srve", known), "serve");
  EXPECT_EQ(nearest("insp", known), "inspect");
  EXPECT_EQ(nearest("banana", known), "");
  EXPECT_EQ(nearest("", known), "");
  EXPECT_EQ(nearest(std::string(100000, 'r'), known), "");
}

}  // namespace
}  // namespace hadal
