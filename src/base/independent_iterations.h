// A promise to the compiler, made just before a loop: its iterations touch different memory, so
// they may be computed in one vector. Owns no check of the promise.
#pragma once

#if defined(__clang__)
#define HADAL_INDEPENDENT_ITERATIONS _Pragma("clang loop vectorize(assume_safety)")
#else
#define HADAL_INDEPENDENT_ITERATIONS _Pragma("GCC ivdep")
#endif
