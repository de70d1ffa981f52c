/* Buffers for OpenBLAS, before it asks for them itself.
 *
 * blas_memory_alloc gives the first buffer that nobody uses and maps another one where there is
 * none; so holding n of them at the same time, and giving them back, leaves n for whoever comes.
 * That function is exported, but in no header: where it is missing, only the look at what can be
 * had is left, and the buffer of the caller's own thread. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#endif
#include "core/reserve.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <time.h>

#include "core/linalg.h"

#if defined(__GNUC__) && !defined(__APPLE__)
extern void *blas_memory_alloc(int where) __attribute__((weak));
extern void blas_memory_free(void *buffer) __attribute__((weak));
#else
static void *(*const blas_memory_alloc)(int) = NULL;
static void (*const blas_memory_free)(void *) = NULL;
#endif

/* OpenBLAS can have some hundreds of buffers, and ends the program beyond; more threads than these
 * are never inside BLAS at the same time on the machines there are. */
enum { MOST = 128 };
static const size_t buffer_bytes = ((size_t)128 << 20) + ((size_t)1 << 16);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int reserved; /* callers */
static int workers;  /* threads that OpenBLAS has, or had, with the caller's; 0: not asked yet */

/* Whether `count` buffers can be had at the same time. */
static bool can_have(int count) {
  void *taken[MOST];
  int got = 0;
  while (got < count) {
    taken[got] =
        mmap(NULL, buffer_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (taken[got] == MAP_FAILED) break;
    got++;
  }
  for (int i = 0; i < got; i++) (void)munmap(taken[i], buffer_bytes);
  return got == count;
}

/* A product that is large enough to need a buffer. */
static void multiply(void) {
  enum { SIDE = 32 };
  double a[SIDE * SIDE] = {0}, c[SIDE * SIDE];
  symo_mat x = symo_mat_dense(a, SIDE, SIDE);
  symo_gemm(SYMO_F64, 1, x, x, 0, symo_mat_dense(c, SIDE, SIDE));
}

/* Holds `count` buffers, of which `fresh` are not there yet, and gives them back. */
static bool hold_buffers(int count, int fresh) {
  void *held[MOST];
  if (!can_have(fresh)) return false;
  if (blas_memory_alloc == NULL || blas_memory_free == NULL) {
    multiply();
    return true;
  }
  for (int i = 0; i < count; i++) held[i] = blas_memory_alloc(1);
  for (int i = 0; i < count; i++) blas_memory_free(held[i]);
  return true;
}

static int at_most(int count) { return count < MOST ? count : MOST; }

/* The first time.  OpenBLAS's own threads take buffers when they get to run, which may be now or
 * not yet; where there is not enough for that to be all the same, they get a moment.  If one of
 * them asks in vain, there is none for us either. */
static bool start(int callers) {
  workers = symo_get_threads();
  const int all = at_most(callers + workers - 1);
  if (hold_buffers(all, all)) return true;
  const struct timespec moment = {.tv_nsec = 200000000};
  if (workers > 1) (void)nanosleep(&moment, NULL);
  if (hold_buffers(callers, callers)) return true;
  workers = 0;
  return false;
}

symo_status symo_blas_reserve(int callers) {
  bool enough = true;
  callers = at_most(callers);
  (void)pthread_mutex_lock(&lock);
  if (workers == 0)
    enough = start(callers);
  else if (callers > reserved)
    enough = hold_buffers(callers, callers - reserved);
  if (enough && callers > reserved) reserved = callers;
  (void)pthread_mutex_unlock(&lock);
  return enough ? SYMO_OK : SYMO_E_MEMORY;
}

symo_status symo_blas_reserve_workers(int threads) {
  bool enough = true;
  (void)pthread_mutex_lock(&lock);
  if (workers == 0) enough = start(1);
  const int more = threads - workers;
  if (enough && reserved == 0) reserved = 1;
  if (enough && more > 0) enough = hold_buffers(at_most(reserved + more), at_most(more));
  if (enough && more > 0) workers = threads;
  (void)pthread_mutex_unlock(&lock);
  return enough ? SYMO_OK : SYMO_E_MEMORY;
}
