#ifndef SYMO_CONTEXT_H
#define SYMO_CONTEXT_H

#include <symo/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Keeps the detail of the last failure for the handles that were made from it.  The library has no
 * global state of its own, prints nothing and never ends the program.  Writing the detail is
 * locked, so handles of one context may be used from several threads; the text then belongs to
 * whichever failed last.
 *
 * Functions that make something take a context that may be NULL.  A layout then makes a context of
 * its own, which plans, Hessians and optimizers made from it share (symo_layout_detail,
 * symo_hessian_detail, symo_optim_state_detail); a failure to make the layout has no detail. */
typedef struct symo_context symo_context;

/* A detail has at most SYMO_MAX_DETAIL - 1 characters: longer ones are cut. */
enum { SYMO_MAX_DETAIL = 1024 };

/* SYMO_E_MEMORY also where OpenBLAS could not be given the 128 MiB of address space that it takes
 * for each of its threads, since it would wait for them for ever. */
symo_status symo_context_create(symo_context **out);

/* NULL is accepted.  Handles made from the context keep it alive, so that it may be destroyed
 * before them. */
void symo_context_destroy(symo_context *context);

/* "WHERE: WHAT (what to do)" of the last failure, or "" when there was none.  The pointer stays
 * valid until the next failure on this context or its end.  "" for NULL. */
const char *symo_context_detail(const symo_context *context);

/* How many threads the linear algebra may use, for the whole process: n >= 1, else SYMO_E_ARGUMENT
 * (there is no context that could keep a detail).  Results do not depend on n beyond rounding, and
 * not at all between runs with the same n.  SYMO_E_MEMORY as for symo_context_create; then nothing
 * changes. */
symo_status symo_set_threads(int n);
int symo_get_threads(void);

#ifdef __cplusplus
}
#endif
#endif
