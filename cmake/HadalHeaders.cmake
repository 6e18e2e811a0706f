# What most tests include from elsewhere, precompiled: with g++ and -O0 they compile in two thirds of
# the time. Not with clang, whose precompiled headers name the clone they were made in, so that
# ccache would not find in one clone what another has compiled. Not of libraries, with which g++
# gains nothing.
if(HADAL_TESTS AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  file(WRITE "${PROJECT_BINARY_DIR}/test_headers.cc" "int main() {}\n")
  add_executable(hadal_test_headers "${PROJECT_BINARY_DIR}/test_headers.cc")
  target_precompile_headers(hadal_test_headers PRIVATE <algorithm> <array> <chrono> <cmath>
    <condition_variable> <filesystem> <functional> <memory> <mutex> <optional> <span> <string> <thread>
    <unordered_map> <vector> <nlohmann/json.hpp> <gtest/gtest.h>)
  target_link_libraries(hadal_test_headers PRIVATE GTest::gtest)
  target_compile_options(hadal_test_headers PRIVATE ${HADAL_TEST_OPTIMIZATION})
endif()
