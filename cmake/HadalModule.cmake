# hadal_module(NAME SOURCES ... [TESTS ...] [TEST_SHARDS n] [TEST_COST n]
#              [TEST_ENVIRONMENT ...] [BENCHES ...] [DEPS ...] [PRIVATE_DEPS ...])
# A folder of src/: the static library hadal_NAME, its unit tests (one executable, NAME_test, labelled
# unit) and its micro-benchmarks (NAME_bench). DEPS are seen by users of the library, PRIVATE_DEPS
# are not.
function(hadal_module name)
  cmake_parse_arguments(ARG "" "TEST_SHARDS;TEST_COST" "SOURCES;TESTS;TEST_ENVIRONMENT;BENCHES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(hadal_${name} STATIC ${ARG_SOURCES})
  target_include_directories(hadal_${name} PUBLIC "${PROJECT_SOURCE_DIR}/src")
  # With the fuzzer's coverage counters where it has targets, or it would search blindly.
  if(HADAL_FUZZ AND name MATCHES "^(base|json|checkpoint|text|cache|chat_text|economics|measure_[a-z]+)$")
    target_compile_options(hadal_${name} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  target_link_libraries(hadal_${name} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
  set(threaded base ops model cache engine chat measure_client measure_meters measure_selftest server measure_run
      measure_dashboard)
  if(HADAL_TESTS AND ARG_TESTS AND (NOT HADAL_THREADED_TESTS_ONLY OR name IN_LIST threaded))
    add_executable(${name}_test ${ARG_TESTS})
    target_link_libraries(${name}_test PRIVATE hadal_${name} ${ARG_PRIVATE_DEPS} GTest::gtest_main)
    hadal_add_test(${name}_test LABELS unit SHARDS ${ARG_TEST_SHARDS} COST ${ARG_TEST_COST}
                   TIMEOUT 1800 ENVIRONMENT ${ARG_TEST_ENVIRONMENT})
  endif()
  if(HADAL_BENCHMARKS AND ARG_BENCHES)
    add_executable(${name}_bench ${ARG_BENCHES})
    target_link_libraries(${name}_bench PRIVATE hadal_${name} benchmark::benchmark_main)
  endif()
endfunction()
