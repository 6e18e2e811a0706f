// In a build without the engine.
#include "cli/this_machine.h"

#include <gtest/gtest.h>
#include <string>

#include "base/error.h"

namespace hadal {
namespace {

TEST(ThisMachine, NeedsTheEngineToBeMeasured) {
  try {
    static_cast<void>(measured_machine());
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("hadal bench kernels --json > rates.json"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace hadal
