// What an action that must fail fails with.
#pragma once

#include <functional>
#include <gtest/gtest.h>
#include <string>

#include "base/error.h"

namespace hadal::test {

// The code of the Error that `action` throws, its text in `text` if that is not null. Without an
// Error the test fails.
inline ErrorCode code_of(const std::function<void()>& action, std::string* text = nullptr) {
  try {
    action();
  } catch (const Error& error) {
    if (text != nullptr) *text = error.what();
    return error.code();
  }
  ADD_FAILURE() << "no Error";
  return ErrorCode::kInternal;
}

}  // namespace hadal::test
