/* Threads sleep until there is a run, take its indices one by one, and sleep again.
 *
 * A run is open from the beginning of symo_pool_run until the caller finds no index left.  A thread
 * joins an open run and leaves it when it finds no index.  The caller closes the run and waits for
 * the threads that have joined.  A thread that wakes up later finds the run closed; the caller does
 * not wait for it, since that would be waiting for the scheduler.
 *
 * All waiting is on condition variables, behind a short look at what is waited for: a step is a few
 * runs in a row, and a thread that sleeps takes longer to wake up (50 us and more on a virtual
 * machine) than many of them take. */
#include "core/pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <symo/types.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/reserve.h"

typedef struct pool_thread {
  symo_pool *pool;
  int worker;
  pthread_t id;
} pool_thread;

struct symo_pool {
  int threads, started; /* started: those of `thread` that run */
  pool_thread *thread;  /* [threads - 1] */
  pthread_mutex_t lock;
  pthread_cond_t opened, left;
  bool open, quit;   /* under the lock */
  atomic_size_t run; /* how many there were, so that none is joined twice; written under the lock */
  atomic_int inside; /* threads that joined the run at hand; the same */
  symo_pool_task task;
  void *arg;
  size_t count;
  atomic_size_t next;
  atomic_bool busy;
};

enum { LOOKS = 1000 }; /* some 20 us */

static void pause_a_little(void) {
#if defined(__x86_64__) && defined(__GNUC__)
  __builtin_ia32_pause();
#endif
}

/* Until there is a run other than `seen`, or for a little while. */
static void look_for_run(symo_pool *pool, size_t seen) {
  for (int i = 0; i < LOOKS && atomic_load(&pool->run) == seen; i++) pause_a_little();
}

/* Until no other thread is at work, or for a little while. */
static void look_for_end(symo_pool *pool) {
  for (int i = 0; i < LOOKS && atomic_load(&pool->inside) > 0; i++) pause_a_little();
}

/* Indices until there are none. */
static void work(symo_pool *pool, int worker) {
  for (;;) {
    size_t index = atomic_fetch_add(&pool->next, 1);
    if (index >= pool->count) return;
    pool->task(pool->arg, index, worker);
  }
}

static void *live(void *arg) {
  const pool_thread *self = arg;
  symo_pool *pool = self->pool;
  size_t seen = 0;
  pthread_mutex_lock(&pool->lock);
  for (;;) {
    while (!pool->quit && !(pool->open && pool->run != seen))
      pthread_cond_wait(&pool->opened, &pool->lock);
    if (pool->quit) break;
    seen = pool->run;
    pool->inside++;
    pthread_mutex_unlock(&pool->lock);
    work(pool, self->worker);
    pthread_mutex_lock(&pool->lock);
    if (--pool->inside == 0) pthread_cond_signal(&pool->left);
    pthread_mutex_unlock(&pool->lock);
    look_for_run(pool, seen);
    pthread_mutex_lock(&pool->lock);
  }
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

static symo_status start(symo_context *context, symo_pool *pool) {
  for (int i = 0; i < pool->threads - 1; i++) {
    pool->thread[i] = (pool_thread){.pool = pool, .worker = i + 1};
    if (pthread_create(&pool->thread[i].id, NULL, live, &pool->thread[i]) != 0)
      return symo_fail(context, SYMO_E_MEMORY,
                       "threads: the system gives %d of %d (ask for fewer threads)", i + 1,
                       pool->threads);
    pool->started++;
  }
  return SYMO_OK;
}

symo_status symo_pool_create(symo_context *context, int threads, symo_pool **out) {
  if (threads < 1)
    return symo_fail(context, SYMO_E_ARGUMENT, "threads: %d (there must be one at least)", threads);
  if (symo_blas_reserve(threads) != SYMO_OK)
    return symo_fail(context, SYMO_E_MEMORY,
                     "threads: no memory for %d that multiply at the same time (ask for fewer "
                     "threads, or raise ulimit -v)",
                     threads);
  symo_pool *pool = symo_calloc(1, sizeof *pool);
  if (pool == NULL) return symo_fail_memory(context, "threads");
  pool->threads = threads;
  pool->thread = symo_calloc((size_t)threads, sizeof *pool->thread);
  /* Without attributes these do not fail on the systems there are. */
  if (pool->thread == NULL || pthread_mutex_init(&pool->lock, NULL) != 0) {
    symo_free(pool->thread);
    symo_free(pool);
    return symo_fail_memory(context, "threads");
  }
  (void)pthread_cond_init(&pool->opened, NULL);
  (void)pthread_cond_init(&pool->left, NULL);
  symo_status status = start(context, pool);
  if (status != SYMO_OK) {
    symo_pool_destroy(pool);
    return status;
  }
  *out = pool;
  return SYMO_OK;
}

void symo_pool_destroy(symo_pool *pool) {
  if (pool == NULL) return;
  pthread_mutex_lock(&pool->lock);
  pool->quit = true;
  pthread_cond_broadcast(&pool->opened);
  pthread_mutex_unlock(&pool->lock);
  for (int i = 0; i < pool->started; i++) (void)pthread_join(pool->thread[i].id, NULL);
  pthread_cond_destroy(&pool->opened);
  pthread_cond_destroy(&pool->left);
  pthread_mutex_destroy(&pool->lock);
  symo_free(pool->thread);
  symo_free(pool);
}

int symo_pool_threads(const symo_pool *pool) { return pool == NULL ? 1 : pool->threads; }

static void open_run(symo_pool *pool, size_t count, symo_pool_task task, void *arg) {
  pthread_mutex_lock(&pool->lock);
  pool->task = task, pool->arg = arg, pool->count = count;
  atomic_store(&pool->next, 0);
  pool->open = true;
  pool->run++;
  if (count - 1 >= (size_t)pool->started)
    pthread_cond_broadcast(&pool->opened);
  else /* no more are woken than there is work for, beside the caller's */
    for (size_t i = 0; i + 1 < count; i++) pthread_cond_signal(&pool->opened);
  pthread_mutex_unlock(&pool->lock);
}

static void close_run(symo_pool *pool) {
  pthread_mutex_lock(&pool->lock);
  pool->open = false;
  pthread_mutex_unlock(&pool->lock);
  look_for_end(pool);
  pthread_mutex_lock(&pool->lock);
  while (pool->inside > 0) pthread_cond_wait(&pool->left, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
}

void symo_pool_run(symo_pool *pool, size_t count, symo_pool_task task, void *arg) {
  if (pool == NULL) {
    for (size_t i = 0; i < count; i++) task(arg, i, 0);
    return;
  }
  const bool nested = atomic_exchange(&pool->busy, true);
  assert(!nested);
  (void)nested;
  if (pool->threads == 1 || count <= 1) {
    for (size_t i = 0; i < count; i++) task(arg, i, 0);
  } else {
    const int blas = symo_get_threads();
    if (blas > 1) (void)symo_set_threads(1);
    open_run(pool, count, task, arg);
    work(pool, 0);
    close_run(pool);
    if (blas > 1) (void)symo_set_threads(blas);
  }
  atomic_store(&pool->busy, false);
}
