#ifndef SYMO_CORE_ERROR_H
#define SYMO_CORE_ERROR_H

#include <symo/context.h>

/* Keeps "WHERE: WHAT (what to do)" in the context and returns status.  context may be NULL. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
symo_status
symo_fail(symo_context *context, symo_status status, const char *format, ...);

symo_status symo_fail_memory(symo_context *context, const char *where);

/* Leaves for the label `fail` with the status in the local variable `status`. */
#define SYMO_TRY(call)                                                                             \
  do {                                                                                             \
    status = (call);                                                                               \
    if (status != SYMO_OK) goto fail;                                                              \
  } while (0)

#endif
