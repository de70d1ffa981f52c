#ifndef SYMO_CORE_RESERVE_H
#define SYMO_CORE_RESERVE_H

#include <symo/status.h>

/* Memory that OpenBLAS needs for itself.  It takes a buffer of 128 MiB of address space for every
 * thread that multiplies at the same time as others, when the thread first does, and where the
 * system gives none it asks again for ever.  So whoever starts a thread that will call
 * core/linalg.h asks here before. */

/* Makes sure that `callers` threads can call BLAS at the same time; SYMO_E_MEMORY where they
 * cannot. The buffers are taken at once, and are OpenBLAS's until the program ends.  Without an
 * effect, and cheap, where there are that many already. */
symo_status symo_blas_reserve(int callers);

/* The same before OpenBLAS starts threads of its own, as many as make `threads`. */
symo_status symo_blas_reserve_workers(int threads);

#endif
