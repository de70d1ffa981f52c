#ifndef SYMO_CORE_RESERVE_H
#define SYMO_CORE_RESERVE_H

#include <symo/status.h>

/* Memory for OpenBLAS.  It maps a buffer of 128 MiB of address space for every thread that
 * multiplies at the same time as others.  If the system refuses, OpenBLAS tries again for ever.  So
 * code that starts a thread which will call core/linalg.h reserves the buffer here first. */

/* Makes sure that `callers` threads can call BLAS at the same time; SYMO_E_MEMORY where they
 * cannot. The buffers are taken at once, and are OpenBLAS's until the program ends.  Without an
 * effect, and cheap, where there are that many already. */
symo_status symo_blas_reserve(int callers);

/* The same before OpenBLAS starts threads of its own, as many as make `threads`. */
symo_status symo_blas_reserve_workers(int threads);

#endif
