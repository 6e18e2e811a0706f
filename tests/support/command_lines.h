// Command lines as the program reads them, for tests of what it takes and refuses.
#pragma once

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/command_line.h"

namespace hadal::test {

inline ParsedLine parse(std::vector<std::string> words) { return parse_command_line(words); }

// What it says against the line; empty where it takes it.
inline std::string refusal(std::vector<std::string> words) {
  try {
    static_cast<void>(parse_command_line(words));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "";
}

}  // namespace hadal::test
