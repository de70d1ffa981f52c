#ifndef SYMO_CORE_POOL_H
#define SYMO_CORE_POOL_H

#include <stddef.h>
#include <symo/context.h>

/* A fixed number of threads for independent tasks.  During a run BLAS uses one thread in each of
 * them, so that the total does not exceed the number of cores; the number of BLAS threads, which is
 * process-wide, is restored afterwards.  The caller is worker 0, so a pool of one thread starts
 * none. */
typedef struct symo_pool symo_pool;

/* threads >= 1.  SYMO_E_ARGUMENT, SYMO_E_MEMORY. */
symo_status symo_pool_create(symo_context *context, int threads, symo_pool **out);
void symo_pool_destroy(symo_pool *pool); /* NULL is accepted */

int symo_pool_threads(const symo_pool *pool); /* NULL: 1 */

/* Calls task(arg, index, worker) for each index in [0, count), worker in [0, threads), and returns
 * when all have ended.  Each free worker takes the next index, so results must not depend on the
 * worker.  pool NULL: the tasks run one after the other and the BLAS threads are unchanged.
 * Allocates nothing.  Not to be called from inside a task. */
typedef void (*symo_pool_task)(void *arg, size_t index, int worker);
void symo_pool_run(symo_pool *pool, size_t count, symo_pool_task task, void *arg);

#endif
