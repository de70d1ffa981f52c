/* Buffers of OpenBLAS are there before it asks for them, or memory is said to be out. */
#include "core/reserve.h"

#include <stdio.h>
#include <sys/resource.h>

#include "core/pool.h"
#include "tests/support/testing.h"

/* Bytes of address space that the process has; 0: not known here. */
static size_t address_space(void) {
  FILE *f = fopen("/proc/self/statm", "r");
  size_t pages = 0;
  if (f == NULL) return 0;
  if (fscanf(f, "%zu", &pages) != 1) pages = 0;
  fclose(f);
  return pages * 4096;
}

Test(reserve, what_is_there_is_not_taken_again) {
  cr_assert(symo_blas_reserve(3) == SYMO_OK);
  const size_t before = address_space();
  cr_assert(symo_blas_reserve(3) == SYMO_OK && symo_blas_reserve(1) == SYMO_OK);
  cr_assert(address_space() == before);
}

/* A limit leaves room for what is there, and for no more. */
Test(reserve, a_limit_is_said) {
  symo_context *context = symo_test_context();
  symo_pool *pool = NULL;
  struct rlimit limit = {.rlim_max = RLIM_INFINITY};
  if (address_space() == 0) return;
  limit.rlim_cur = address_space() + ((rlim_t)64 << 20);
  if (setrlimit(RLIMIT_AS, &limit) != 0) return;
  cr_assert(symo_blas_reserve(1) == SYMO_OK);
  cr_assert(symo_blas_reserve(100) == SYMO_E_MEMORY);
  cr_fails(context, SYMO_E_MEMORY, "threads", symo_pool_create(context, 100, &pool));
  cr_assert(pool == NULL);
  const int threads = symo_get_threads();
  cr_assert(symo_set_threads(threads + 20) == SYMO_E_MEMORY && symo_get_threads() == threads);
  cr_ok(context, symo_pool_create(context, 1, &pool));
  symo_pool_destroy(pool);
  symo_context_destroy(context);
  cr_no_leaks();
}
