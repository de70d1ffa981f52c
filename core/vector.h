#ifndef SYMO_CORE_VECTOR_H
#define SYMO_CORE_VECTOR_H

/* Before the definition of a function whose loops are worth wide registers: it is compiled for
 * several instruction sets, and the machine's is chosen when the program starts.  Nothing where the
 * compiler or the C library cannot, where a sanitizer would run before that choice, or where the
 * lines that run are counted (SYMO_ONE_TARGET, `make coverage`).  By features, as "arch=" would mean
 * one family of processors and no later one.
 *
 * Numbers do not depend on that choice: products and sums are never contracted (-std=c11 and
 * -ffp-contract=off), and sums are written in lanes of a fixed number, as the compiler has no leave
 * to reorder them. */
#if defined(__linux__)
#include <features.h>
#endif
#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && defined(__GNUC__) &&        \
    !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&      \
    !defined(SYMO_ONE_TARGET)
#define SYMO_VECTOR __attribute__((target_clones("avx512f", "avx2", "default")))
/* One of them, where a function is written for it: its caller asks __builtin_cpu_supports. */
#define SYMO_TARGET(name) __attribute__((target(name)))
#else
#define SYMO_VECTOR
#endif

/* For what such functions call in their loops: a function of its own would be compiled for one
 * instruction set alone. */
#if defined(__GNUC__) && !defined(SYMO_ONE_TARGET)
#define SYMO_INLINE static inline __attribute__((always_inline))
#else
#define SYMO_INLINE static inline
#endif

/* Before a loop over entries, each of which is made of entries of the same number alone: an output
 * may then be an input, yet the compiler need not look whether arrays overlap. */
#if defined(__clang__)
#define SYMO_ENTRIES _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define SYMO_ENTRIES _Pragma("GCC ivdep")
#else
#define SYMO_ENTRIES
#endif

/* Before the loop over the lanes of a sum, which becomes one wide operation unless it is unrolled
 * first. */
#if defined(__GNUC__) && !defined(__clang__)
#define SYMO_LANES _Pragma("GCC unroll 1")
#else
#define SYMO_LANES
#endif

#endif
