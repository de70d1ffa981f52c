#ifndef SYMO_CORE_ERROR_H
#define SYMO_CORE_ERROR_H

#include <stddef.h>
#include <symo/context.h>

/* Keeps "WHERE: WHAT (what to do)" in the context and returns status.  context may be NULL. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
symo_status
symo_fail(symo_context *context, symo_status status, const char *format, ...);

/* Puts "WHERE: " before the last detail, when a failure is passed on by a function that knows more
 * about its place. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
symo_status
symo_fail_within(symo_context *context, symo_status status, const char *format, ...);

symo_status symo_fail_memory(symo_context *context, const char *where);

/* SYMO_E_ARGUMENT, "WHERE: WHAT is NULL (pass one)". */
symo_status symo_fail_null(symo_context *context, const char *where, const char *what);

/* SYMO_E_ARGUMENT, "WHERE: there is no WHAT INDEX (the HOLDER has COUNT)". */
symo_status symo_fail_index(symo_context *context, const char *where, const char *what,
                            size_t index, const char *holder, size_t count);

/* SYMO_OK, or SYMO_E_ARGUMENT unless damping >= 0 and finite. */
symo_status symo_check_damping(symo_context *context, const char *where, double damping);

#if defined(__clang_analyzer__) && !defined(SYMO_ERROR_DEFINES)
/* The static analyzer sees one file at a time, and so not that these give back what they get. */
#define symo_fail(context, status, ...) (symo_fail(context, status, __VA_ARGS__), (status))
#define symo_fail_within(context, status, ...)                                                     \
  (symo_fail_within(context, status, __VA_ARGS__), (status))
#define symo_fail_memory(context, where) (symo_fail_memory(context, where), SYMO_E_MEMORY)
#define symo_fail_null(context, where, what) (symo_fail_null(context, where, what), SYMO_E_ARGUMENT)
#define symo_fail_index(context, ...) (symo_fail_index(context, __VA_ARGS__), SYMO_E_ARGUMENT)
#endif

/* On failure jumps to the label `fail`, with the status in the local variable `status`. */
#define SYMO_TRY(call)                                                                             \
  do {                                                                                             \
    status = (call);                                                                               \
    if (status != SYMO_OK) goto fail;                                                              \
  } while (0)

#endif
