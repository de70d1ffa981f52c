#ifndef SYMO_CORE_POOL_H
#define SYMO_CORE_POOL_H

#include <stddef.h>
#include <symo/context.h>

/* A fixed number of threads for independent pieces of work.  While they run, BLAS keeps to one
 * thread each (symo_set_threads is process-wide and is put back at the end), so that the two never
 * ask for more than there is.  The caller is worker 0: a pool of one thread starts none. */
typedef struct symo_pool symo_pool;

/* threads >= 1.  SYMO_E_ARGUMENT, SYMO_E_MEMORY. */
symo_status symo_pool_create(symo_context *context, int threads, symo_pool **out);
void symo_pool_destroy(symo_pool *pool); /* NULL is accepted */

int symo_pool_threads(const symo_pool *pool); /* NULL: 1 */

/* Calls task(arg, index, worker) for each index in [0, count), worker in [0, threads), and returns
 * when all have ended.  Indices are taken in order by whoever is free, so what is computed must
 * not depend on the worker.  pool NULL: one after the other, BLAS as it is.  Nothing allocates.
 * Not to be called from inside a task. */
typedef void (*symo_pool_task)(void *arg, size_t index, int worker);
void symo_pool_run(symo_pool *pool, size_t count, symo_pool_task task, void *arg);

#endif
