# Flags that every target shares. Only per-ISA kernel files may add instruction-set flags of their own.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
                    -Wold-style-cast -Wimplicit-fallthrough -Werror)
# g++ 12 warns falsely of overlapping copies in "literal" + std::string (GCC bug 105651).
add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
# HADAL_INDEPENDENT_ITERATIONS is leave to vectorise a loop. clang takes it for a demand and warns
# where it does not follow, as under sanitizers or with -O1.
add_compile_options($<$<CXX_COMPILER_ID:Clang>:-Wno-pass-failed>)
# x86-64-v2 is the oldest machine supported. Contraction stays off: whether a multiply and an add
# fuse would otherwise depend on the compiler's choice, and with it the last bit of every logit.
add_compile_options(-ffp-contract=off)
# Nothing reads errno after a square root. With this flag it is the processor's instruction alone;
# without, the C library is called for negative numbers. No bit of a result depends on it.
add_compile_options(-fno-math-errno)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_compile_options(-march=x86-64-v2)
endif()

# Several sources to a compilation (CMAKE_UNITY_BUILD of the presets), so that headers are read and
# templates are made once for all of them. g++ then takes a class with members of an unnamed
# namespace for one of a header.
if(CMAKE_UNITY_BUILD)
  add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endif()

# No object says where the sources lay: a message names them from the root of the repository.
add_compile_options("-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=")

# What nothing calls stays out of the program, and tools/check-objects.sh can tell what that is.
add_compile_options(-ffunction-sections -fdata-sections)
add_link_options(-Wl,--gc-sections)

if(HADAL_SANITIZE)
  add_compile_options(-fsanitize=${HADAL_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer -g1)
  # For tests that do less under them.
  add_compile_definitions(HADAL_SANITIZED)
  add_link_options(-fsanitize=${HADAL_SANITIZE})
endif()

find_program(HADAL_CCACHE ccache)
if(HADAL_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Without the sloppiness ccache knows nothing of precompiled headers. With paths relative to the
  # clone, one clone finds what another has compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_NOHASHDIR=1
      "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" "${HADAL_CCACHE}")
endif()
