#ifndef SYMO_CORE_CONTEXT_H
#define SYMO_CORE_CONTEXT_H

#include <stddef.h>
#include <symo/context.h>

/* The number of details written so far.  It tells whether a function of the caller wrote one. */
size_t symo_context_failures(const symo_context *context);

/* *out: the context with one more reference, which symo_context_destroy gives back; for NULL a new
 * context.  SYMO_E_MEMORY. */
symo_status symo_context_share(symo_context *context, symo_context **out);

/* Hands an item to the context, which destroys it at its own end.  Not for several threads. */
symo_status symo_context_attach(symo_context *context, void *item, void (*destroy)(void *item));

/* The items so far, in order; NULL past the end. */
void *symo_context_attached(const symo_context *context, size_t index);

#endif
