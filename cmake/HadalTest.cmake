# How the code of tests itself is optimised. Compiling it is what takes long, not running it.
set(HADAL_TEST_OPTIMIZATION "-O0" CACHE STRING "Compiler option for the sources of tests")

# Reports and suppressions of sanitizers name functions by it.
if(HADAL_SANITIZE)
  find_program(HADAL_SYMBOLIZER NAMES llvm-symbolizer-16 llvm-symbolizer)
endif()

# What tests and their helpers include from tests/, and where the sources lie.
add_library(hadal_test_places STATIC EXCLUDE_FROM_ALL "${PROJECT_SOURCE_DIR}/tests/support/source_dir.cc")
target_include_directories(hadal_test_places PUBLIC "${PROJECT_SOURCE_DIR}/tests")
target_compile_definitions(hadal_test_places PRIVATE HADAL_SOURCE_DIR="${PROJECT_SOURCE_DIR}")

# hadal_add_test(NAME [COMMAND ...] [SHARDS n] [COST n] [TIMEOUT s] [LABELS ...] [ENVIRONMENT ...])
# Registers the GoogleTest executable NAME, or COMMAND, with ctest. A long one is cut into SHARDS
# tests of about as many cases each, so that all cores have work until the end; COST (seconds,
# roughly) lets the longest begin first.
function(hadal_add_test name)
  cmake_parse_arguments(ARG "" "SHARDS;COST;TIMEOUT" "COMMAND;LABELS;ENVIRONMENT" ${ARGN})
  if(NOT ARG_COMMAND)
    set(ARG_COMMAND ${name})
    target_link_libraries(${name} PRIVATE hadal_test_places)
    target_compile_options(${name} PRIVATE ${HADAL_TEST_OPTIMIZATION})
    # Of precompiled headers g++ 12 forgets that they are the system's, and warns falsely of
    # std::string. The presets with clang warn of the same sources.
    target_compile_options(${name} PRIVATE
      "$<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds;-Wno-stringop-overflow;-Wno-stringop-overread>")
    if(TARGET hadal_test_headers)
      target_precompile_headers(${name} REUSE_FROM hadal_test_headers)
    endif()
  endif()
  if(NOT ARG_SHARDS)
    set(ARG_SHARDS 1)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 900)
  endif()
  if(NOT ARG_COST)
    set(ARG_COST 1)
  endif()
  math(EXPR last "${ARG_SHARDS} - 1")
  foreach(shard RANGE ${last})
    set(test ${name})
    set(environment ${ARG_ENVIRONMENT})
    if(ARG_SHARDS GREATER 1)
      math(EXPR number "${shard} + 1")
      set(test "${name}.${number}_of_${ARG_SHARDS}")
      list(APPEND environment "GTEST_TOTAL_SHARDS=${ARG_SHARDS}" "GTEST_SHARD_INDEX=${shard}")
    endif()
    add_test(NAME ${test} COMMAND ${ARG_COMMAND})
    # 77: what it needs is not here.
    set_tests_properties(${test} PROPERTIES TIMEOUT ${ARG_TIMEOUT} COST ${ARG_COST}
                         SKIP_RETURN_CODE 77)
    if(ARG_LABELS)
      set_tests_properties(${test} PROPERTIES LABELS "${ARG_LABELS}")
    endif()
    if(HADAL_SYMBOLIZER)
      set_tests_properties(${test} PROPERTIES ENVIRONMENT_MODIFICATION
        "ASAN_SYMBOLIZER_PATH=set:${HADAL_SYMBOLIZER};TSAN_OPTIONS=string_append: external_symbolizer_path=${HADAL_SYMBOLIZER}")
    endif()
    if(environment)
      set_tests_properties(${test} PROPERTIES ENVIRONMENT "${environment}")
    endif()
  endforeach()
endfunction()
