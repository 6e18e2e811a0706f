// A config.json whose RoPE is given under the names of newer programs was refused for a rope_theta
// that is not there, or, worse, opened without its scaling: rope_parameters was ignored as unknown.
#include <gtest/gtest.h>
#include <string>

#include "base/files.h"
#include "checkpoint/v4/config.h"
#include "support/source_dir.h"

namespace hadal {
namespace {

TEST(RopeParametersTest, AreNotIgnored) {
  std::string text = read_text_file(test::source_path("models/nano/config.json"), 1 << 20);
  const ModelConfig released = parse_config(text, "config.json");
  const std::string old_name = "\"rope_scaling\"";
  const size_t at = text.find(old_name);
  ASSERT_NE(at, std::string::npos);
  text.replace(at, old_name.size(), "\"rope_parameters\"");
  const ModelConfig renamed = parse_config(text, "config.json");
  EXPECT_EQ(renamed.yarn.factor, 16);
  EXPECT_EQ(config_to_json(renamed), config_to_json(released));
}

}  // namespace
}  // namespace hadal
