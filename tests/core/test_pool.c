/* Threads for independent work: every index once, in order, by workers that there are; BLAS put
 * back; nothing allocated; misuse. */
#include "core/pool.h"
#include "tests/support/testing.h"

#include <signal.h>
#include <stdatomic.h>

enum { MOST = 4000, THREADS = 4 };

typedef struct tally {
  atomic_int times[MOST];
  atomic_int workers[THREADS];
  atomic_int wrong, blas; /* workers out of range; most BLAS threads seen */
  int threads;
  size_t order[MOST], taken; /* of one worker */
} tally;

static void count_task(void *arg, size_t index, int worker) {
  tally *t = arg;
  if (index >= MOST || worker < 0 || worker >= t->threads) {
    atomic_fetch_add(&t->wrong, 1);
    return;
  }
  atomic_fetch_add(&t->times[index], 1);
  atomic_fetch_add(&t->workers[worker], 1);
  if (symo_get_threads() > atomic_load(&t->blas)) atomic_store(&t->blas, symo_get_threads());
  if (t->threads == 1) t->order[t->taken++] = index;
}

static void check_run(symo_pool *pool, size_t count) {
  static tally t;
  memset(&t, 0, sizeof t);
  t.threads = symo_pool_threads(pool);
  symo_pool_run(pool, count, count_task, &t);
  cr_assert_eq(t.wrong, 0);
  int all = 0;
  for (size_t i = 0; i < MOST; i++)
    cr_assert_eq(t.times[i], i < count ? 1 : 0, "index %zu of %zu: %d times", i, count, t.times[i]);
  for (int w = 0; w < THREADS; w++) all += t.workers[w];
  cr_assert_eq((size_t)all, count);
  for (size_t i = 0; i < t.taken; i++) cr_assert_eq(t.order[i], i);
  if (t.threads > 1 && count > 1) cr_assert_eq(t.blas, 1);
}

Test(pool, takes_every_index_once) {
  symo_context *context = symo_test_context();
  static const size_t counts[] = {0, 1, 2, 3, 4, 5, 100, MOST};
  for (int threads = 1; threads <= THREADS; threads++) {
    symo_pool *pool = NULL;
    cr_ok(context, symo_pool_create(context, threads, &pool));
    cr_assert_eq(symo_pool_threads(pool), threads);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) check_run(pool, counts[i]);
    symo_pool_destroy(pool);
  }
  check_run(NULL, 0);
  check_run(NULL, 17);
  cr_assert_eq(symo_pool_threads(NULL), 1);
  symo_pool_destroy(NULL);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* Every run sees what those before it wrote, and the caller what the run wrote. */
typedef struct chain {
  double x[64], y[64];
} chain;

static void chain_task(void *arg, size_t index, int worker) {
  chain *c = arg;
  (void)worker;
  c->y[index] = c->x[(index + 1) % 64] + 1.0;
}

Test(pool, many_tiny_runs) {
  symo_context *context = symo_test_context();
  symo_pool *pool = NULL;
  cr_ok(context, symo_pool_create(context, 3, &pool));
  static chain c;
  size_t calls = symo_alloc_calls();
  for (size_t i = 0; i < 64; i++) c.x[i] = (double)i;
  for (int run = 0; run < 2000; run++) {
    symo_pool_run(pool, 64, chain_task, &c);
    memcpy(c.x, c.y, sizeof c.x);
  }
  for (size_t i = 0; i < 64; i++)
    cr_assert_eq(c.x[i], (double)((i + 2000) % 64) + 2000.0, "%zu: %g", i, c.x[i]);
  cr_assert_eq(symo_alloc_calls(), calls);
  symo_pool_destroy(pool);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(pool, puts_the_threads_of_blas_back) {
  symo_context *context = symo_test_context();
  symo_pool *pool = NULL;
  cr_ok(context, symo_pool_create(context, 2, &pool));
  const int before = symo_get_threads();
  for (int blas = 1; blas <= 2; blas++) {
    cr_ok(context, symo_set_threads(blas));
    const int now = symo_get_threads();
    check_run(pool, 40);
    cr_assert_eq(symo_get_threads(), now);
  }
  cr_ok(context, symo_set_threads(before));
  symo_pool_destroy(pool);
  symo_context_destroy(context);
}

static void nested_task(void *arg, size_t index, int worker) {
  static tally inner;
  (void)index, (void)worker;
  inner.threads = THREADS;
  symo_pool_run(arg, 2, count_task, &inner);
}

Test(pool, runs_inside_runs_are_refused, .signal = SIGABRT) {
  symo_pool *pool = NULL;
  if (symo_pool_create(NULL, 2, &pool) != SYMO_OK) return;
  symo_pool_run(pool, 2, nested_task, pool);
}

Test(pool, refuses_no_threads) {
  symo_context *context = symo_test_context();
  symo_pool *pool = NULL;
  cr_fails(context, SYMO_E_ARGUMENT, "threads: 0", symo_pool_create(context, 0, &pool));
  cr_fails(context, SYMO_E_ARGUMENT, "-3", symo_pool_create(context, -3, &pool));
  cr_assert_null(pool);
  symo_context_destroy(context);
  cr_no_leaks();
}

static symo_status create_and_destroy(void *self) {
  symo_pool *pool = NULL;
  symo_status status = symo_pool_create(self, 3, &pool);
  symo_pool_destroy(pool);
  return status;
}

Test(pool, gives_back_what_it_took_when_memory_ends) {
  symo_context *context = symo_test_context();
  cr_assert_eq(symo_test_allocations(create_and_destroy, context), 2);
  symo_context_destroy(context);
  cr_no_leaks();
}
