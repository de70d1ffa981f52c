#ifndef SYMO_CONTEXT_H
#define SYMO_CONTEXT_H

#include <symo/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A context keeps the detail of the last failure, for all handles that were made from it.  The
 * library has no global state of its own, prints nothing and never ends the program.  The detail is
 * written under a lock, so several threads may use handles of one context; the detail is then that
 * of the last failure in any thread.
 *
 * Functions that create an object accept NULL as context.  A layout then makes its own context,
 * which the plans, Hessians and optimizers made from it share (symo_layout_detail,
 * symo_hessian_detail, symo_optim_state_detail).  If the layout itself cannot be created, no detail
 * is kept. */
typedef struct symo_context symo_context;

/* A detail has at most SYMO_MAX_DETAIL - 1 characters.  Longer ones are truncated. */
enum { SYMO_MAX_DETAIL = 1024 };

/* SYMO_E_MEMORY also if the process cannot map the 128 MiB of address space that OpenBLAS needs for
 * each of its threads; without this check OpenBLAS would wait for ever. */
symo_status symo_context_create(symo_context **out);

/* NULL is accepted.  Handles made from the context keep it alive, so it may be destroyed before
 * them. */
void symo_context_destroy(symo_context *context);

/* The detail of the last failure, "WHERE: WHAT (what to do)".  "" if nothing has failed, and for
 * NULL.  The pointer is valid until the next failure on this context or until the context ends. */
const char *symo_context_detail(const symo_context *context);

/* Sets how many threads the linear algebra may use, in the whole process.  n >= 1, otherwise
 * SYMO_E_ARGUMENT (without a detail, as there is no context).  Runs with the same n give the same
 * bits; runs with different n differ by rounding.  SYMO_E_MEMORY as for symo_context_create; the
 * number of threads is then unchanged. */
symo_status symo_set_threads(int n);
int symo_get_threads(void);

#ifdef __cplusplus
}
#endif
#endif
