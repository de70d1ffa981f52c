#ifndef SYMO_TESTS_SUPPORT_TESTING_H
#define SYMO_TESTS_SUPPORT_TESTING_H

/* What every test file includes.  Helpers abort the test (cr_assert) when they themselves fail. */
#include <criterion/criterion.h>
#include <stddef.h>
#include <string.h>
#include <symo/symo.h>

#include "core/alloc.h"

/* gcc and clang say it in different ways. */
#if defined(__SANITIZE_ADDRESS__)
#define TEST_ADDRESS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEST_ADDRESS_SANITIZER
#endif
#endif

/* The call gives SYMO_OK; else the message holds its status and the detail of the context. */
#define cr_ok(context, call)                                                                       \
  do {                                                                                             \
    symo_status cr_status_ = (call);                                                               \
    cr_assert(cr_status_ == SYMO_OK, "%s: %s: %s", #call, symo_status_name(cr_status_),            \
              symo_context_detail(context));                                                       \
  } while (0)

/* The call gives `expected`, and the detail of the context holds `text`. */
#define cr_fails(context, expected, text, call)                                                    \
  do {                                                                                             \
    symo_status cr_status_ = (call);                                                               \
    cr_assert(cr_status_ == (expected), "%s: %s instead of %s: %s", #call,                         \
              symo_status_name(cr_status_), symo_status_name(expected),                            \
              symo_context_detail(context));                                                       \
    cr_assert(strstr(symo_context_detail(context), (text)) != NULL, "%s: no \"%s\" in \"%s\"",     \
              #call, (text), symo_context_detail(context));                                        \
  } while (0)

/* Everything that was taken has been given back. */
#define cr_no_leaks()                                                                              \
  cr_assert(symo_alloc_live_blocks() == 0, "%zu blocks (%zu bytes) were not given back",           \
            symo_alloc_live_blocks(), symo_alloc_live_bytes())

/* Made afresh; the test destroys it. */
symo_context *symo_test_context(void);
symo_rng *symo_test_rng(symo_context *context, uint64_t seed);

/* ||a - b|| / ||b|| in Frobenius norm: 0 when a equals b, +infinity when anything is NaN or
 * infinite or only b is zero, so that `cr_assert(symo_test_rel(...) <= 1e-12)` fails on NaN. */
double symo_test_rel(const double *a, const double *b, size_t n);

/* The same for numbers of type dtype (a) against double (b). */
double symo_test_rel_dtype(symo_dtype dtype, const void *a, const double *b, size_t n);

/* How far rounding may move a relative residual, by the rule of all tolerances: 10 n eps condition.
 * n: the length of the sums, or the dimension, that the numbers went through; condition: how much
 * the problem magnifies a relative change of what it is given, known from how the case was made or
 * computed from it by other means than the library. */
double symo_test_bound(symo_dtype dtype, size_t n, double condition);

/* Largest |x|; +infinity when any is NaN. */
double symo_test_max(const double *x, size_t n);

/* Independent standard normal numbers. */
void symo_test_randn(symo_rng *rng, double *x, size_t n);

/* float <-> double, and to and from an array of either type. */
void symo_test_narrow(const double *from, float *to, size_t n);
void symo_test_widen(const float *from, double *to, size_t n);
void symo_test_pack(symo_dtype dtype, const double *from, void *to, size_t n);
void symo_test_unpack(symo_dtype dtype, const void *from, double *to, size_t n);

/* A directory of this test process alone, removed with what is in it when the process ends; and the
 * path of a file there, in a buffer that the next but seven call writes over. */
const char *symo_test_dir(void);
const char *symo_test_path(const char *name);
void symo_test_write(const char *path, const void *bytes, size_t size);

/* Runs operation(self) with 0, 1, 2, ... allocations allowed until it returns SYMO_OK.  Each time
 * before that it must return SYMO_E_MEMORY and leave as many live blocks as there were.  The
 * operation gives back what it made.  Returns the number of allocations that it took. */
size_t symo_test_allocations(symo_status (*operation)(void *self), void *self);

#endif
