// A comma between the values of a YAML text was never read past: the import took memory without
// end.
#include <gtest/gtest.h>
#include <string>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "measure/exchange/foreign_document.h"

namespace hadal {
namespace {

TEST(StrayCommaInYamlTest, IsRefusedWithItsLine) {
  for (const std::string text :
       {",", ", a", "\"a\" ,", "&x, b", "!t , 1", "---\n---\n,", "a\n--- ,"}) {
    EXPECT_THROW(read_foreign_yaml(text, "report.yaml"), Error) << text;
  }
  try {
    read_foreign_yaml("\"a\" ,\n", "report.yaml");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("line 1"), std::string::npos) << error.what();
  }
}

TEST(StrayCommaInYamlTest, EmptyDocumentsAreRead) {
  EXPECT_EQ(read_foreign_yaml("---\n---\n---\na: 1\n...\n", "report.yaml").size(), 3U);
}

}  // namespace
}  // namespace hadal
