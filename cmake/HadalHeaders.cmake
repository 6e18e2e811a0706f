# Precompiled headers: what most files include from elsewhere, read and instantiated once. Of tests
# always: with -O0 they compile in two thirds of the time. Of libraries for presets that CI compiles
# from nothing with clang; g++ gains nothing from them. Off otherwise, so that a file which forgets
# an include does not compile.
option(HADAL_PRECOMPILED_HEADERS "Precompile the heaviest headers (pays with clang)" OFF)

set(hadal_headers <algorithm> <array> <chrono> <cmath> <condition_variable> <filesystem> <functional>
    <memory> <mutex> <optional> <span> <string> <thread> <unordered_map> <vector>
    <nlohmann/json.hpp>)
if(HADAL_PRECOMPILED_HEADERS)
  # A set for each of the ways to compile: libraries, those that are fuzzed, and tests.
  file(WRITE "${PROJECT_BINARY_DIR}/headers.cc" "")
  add_library(hadal_library_headers OBJECT "${PROJECT_BINARY_DIR}/headers.cc")
  target_precompile_headers(hadal_library_headers PRIVATE ${hadal_headers})
  if(HADAL_FUZZ)
    add_library(hadal_fuzzed_headers OBJECT "${PROJECT_BINARY_DIR}/headers.cc")
    target_precompile_headers(hadal_fuzzed_headers PRIVATE ${hadal_headers})
    target_compile_options(hadal_fuzzed_headers PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endif()
if(HADAL_TESTS)
  file(WRITE "${PROJECT_BINARY_DIR}/test_headers.cc" "int main() {}\n")
  add_executable(hadal_test_headers "${PROJECT_BINARY_DIR}/test_headers.cc")
  target_precompile_headers(hadal_test_headers PRIVATE ${hadal_headers} <gtest/gtest.h>)
  target_link_libraries(hadal_test_headers PRIVATE GTest::gtest)
  target_compile_options(hadal_test_headers PRIVATE ${HADAL_TEST_OPTIMIZATION})
endif()

function(hadal_precompile target headers)
  if(TARGET ${headers})
    target_precompile_headers(${target} REUSE_FROM ${headers})
  endif()
endfunction()
