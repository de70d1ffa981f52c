/* The counting allocator: counts, alignment, overflow, failure on demand. */
#include "core/alloc_faults.h"
#include "tests/support/testing.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef TEST_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

Test(alloc, counts_blocks_and_bytes) {
  symo_alloc_reset_peak();
  size_t calls = symo_alloc_calls();
  void *a = symo_malloc(100);
  void *b = symo_malloc(28);
  cr_assert(a != NULL && b != NULL && a != b);
  cr_assert_eq(symo_alloc_live_blocks(), 2);
  cr_assert_eq(symo_alloc_live_bytes(), 128);
  cr_assert_eq(symo_alloc_calls() - calls, 2);
  symo_free(a);
  cr_assert_eq(symo_alloc_live_blocks(), 1);
  cr_assert_eq(symo_alloc_live_bytes(), 28);
  cr_assert_eq(symo_alloc_peak_bytes(), 128);
  symo_alloc_reset_peak();
  cr_assert_eq(symo_alloc_peak_bytes(), 28);
  symo_free(b);
  symo_free(NULL);
  cr_assert_eq(symo_alloc_live_bytes(), 0);
  cr_assert_eq(symo_alloc_calls() - calls, 2);
  cr_no_leaks();
}

Test(alloc, blocks_are_aligned_and_whole) {
  enum { MOST = 300 };
  unsigned char *blocks[MOST];
  for (size_t n = 0; n < MOST; n++) {
    blocks[n] = symo_malloc(n);
    cr_assert(blocks[n] != NULL, "no block of %zu bytes", n);
    cr_assert_eq((uintptr_t)blocks[n] % 64, 0, "%zu bytes", n);
    memset(blocks[n], (int)(n & 0xff), n);
  }
  for (size_t n = 0; n < MOST; n++) {
    for (size_t i = 0; i < n; i++) cr_assert_eq(blocks[n][i], n & 0xff, "byte %zu of %zu", i, n);
    symo_free(blocks[n]);
  }
  cr_no_leaks();
}

#ifdef TEST_ADDRESS_SANITIZER
static bool is_found(size_t n, ptrdiff_t at) {
  unsigned char *block = symo_malloc(n);
  const bool found = __asan_address_is_poisoned(block + at);
  symo_free(block);
  return found;
}
#else
/* Another process writes there, and ends as it frees the block. */
static bool is_found(size_t n, ptrdiff_t at) {
  const pid_t child = fork();
  int status = 0;
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);
    if (freopen("/dev/null", "w", stderr) == NULL) _exit(1);
    unsigned char *block = symo_malloc(n);
    if (at < (ptrdiff_t)n) memset(block, 0xff, n);
    if (at < 0 || at >= (ptrdiff_t)n) block[at]++;
    symo_free(block);
    _exit(0);
  }
  cr_assert(child > 0 && waitpid(child, &status, 0) == child);
  cr_assert(WIFSIGNALED(status) ? WTERMSIG(status) == SIGABRT : WEXITSTATUS(status) == 0);
  return WIFSIGNALED(status);
}
#endif

/* To the end of the last cache line behind a block, and most of one before it. */
Test(alloc, what_is_written_beside_a_block_is_found) {
  static const size_t sizes[] = {0, 1, 7, 24, 63, 100, 4093};
  for (int k = 0; k < 7; k++) {
    const ptrdiff_t n = (ptrdiff_t)sizes[k], last = (n + 63) / 64 * 64 - 1;
    cr_assert(is_found(sizes[k], -1) && is_found(sizes[k], -56), "before %zu bytes", sizes[k]);
    if (n == 0) continue; /* nothing is behind it in its cache line */
    cr_assert(is_found(sizes[k], n) && is_found(sizes[k], last), "behind %zu bytes", sizes[k]);
    cr_assert(!is_found(sizes[k], n - 1) && !is_found(sizes[k], 0), "in %zu bytes", sizes[k]);
  }
}

Test(alloc, calloc_gives_zeros) {
  char *dirty = symo_malloc(4096);
  memset(dirty, 0x5a, 4096);
  symo_free(dirty);
  unsigned char *clean = symo_calloc(64, 64);
  cr_assert(clean != NULL);
  for (size_t i = 0; i < 4096; i++) cr_assert_eq(clean[i], 0, "byte %zu", i);
  symo_free(clean);
  void *none = symo_calloc(0, 8);
  cr_assert(none != NULL);
  symo_free(none);
  cr_no_leaks();
}

Test(alloc, strdup_copies) {
  char text[] = "h9", *copy = symo_strdup(text);
  text[0] = 'x';
  cr_assert_str_eq(copy, "h9");
  symo_free(copy);
  cr_no_leaks();
}

Test(alloc, products_of_sizes_are_checked) {
  size_t out = 17;
  cr_assert(symo_mul_size(6, 7, &out) && out == 42);
  cr_assert(symo_mul_size(0, SIZE_MAX, &out) && out == 0);
  cr_assert(symo_mul_size(SIZE_MAX, 0, &out) && out == 0);
  cr_assert(symo_mul_size(SIZE_MAX, 1, &out) && out == SIZE_MAX);
  cr_assert(symo_mul_size(SIZE_MAX / 2, 2, &out) && out == SIZE_MAX - 1);
  out = 17;
  cr_assert(!symo_mul_size(SIZE_MAX, 2, &out));
  cr_assert(!symo_mul_size(SIZE_MAX / 2 + 1, 2, &out));
  cr_assert(!symo_mul_size((size_t)1 << 32, (size_t)1 << 32, &out));
  cr_assert_eq(out, 17, "written although it overflows");
}

Test(alloc, sizes_too_large_give_null) {
  cr_assert_null(symo_malloc(SIZE_MAX));
  cr_assert_null(symo_malloc(SIZE_MAX - 100));
  cr_assert_null(symo_calloc(SIZE_MAX / 4, 8));
  cr_no_leaks();
  cr_assert_eq(symo_alloc_live_bytes(), 0);
}

Test(alloc, one_fails_alone) {
  for (long n = 0; n < 4; n++) {
    symo_alloc_fail_once(n);
    for (long i = 0; i < 8; i++) {
      void *block = symo_malloc(8);
      cr_assert((block == NULL) == (i == n), "allocation %ld of %ld", i, n);
      symo_free(block);
    }
    cr_assert_eq(symo_alloc_refused(), 1);
  }
  symo_alloc_fail_after(1);
  for (long i = 0; i < 4; i++) symo_free(symo_malloc(8));
  cr_assert_eq(symo_alloc_refused(), 3);
  symo_alloc_fail_after(-1);
  cr_assert_eq(symo_alloc_refused(), 0);
  cr_no_leaks();
}

Test(alloc, fails_when_told) {
  symo_alloc_fail_after(2);
  void *a = symo_malloc(1), *b = symo_calloc(1, 1);
  cr_assert(a != NULL && b != NULL);
  cr_assert_null(symo_malloc(1));
  cr_assert_null(symo_calloc(1, 1));
  cr_assert_null(symo_strdup("text"));
  symo_alloc_fail_after(-1);
  void *c = symo_malloc(1);
  cr_assert(c != NULL);
  cr_assert_eq(symo_alloc_live_blocks(), 3);
  symo_free(a);
  symo_free(b);
  symo_free(c);
  cr_no_leaks();
}

static void *many_blocks(void *unused) {
  (void)unused;
  for (int i = 0; i < 2000; i++) {
    void *a = symo_malloc(8), *b = symo_malloc(16);
    symo_free(a);
    symo_free(b);
  }
  return NULL;
}

Test(alloc, counts_hold_under_threads) {
  enum { THREADS = 4 };
  pthread_t threads[THREADS];
  size_t calls = symo_alloc_calls();
  for (int t = 0; t < THREADS; t++)
    cr_assert_eq(pthread_create(&threads[t], NULL, many_blocks, NULL), 0);
  for (int t = 0; t < THREADS; t++) cr_assert_eq(pthread_join(threads[t], NULL), 0);
  cr_no_leaks();
  cr_assert_eq(symo_alloc_live_bytes(), 0);
  cr_assert_eq(symo_alloc_calls() - calls, 16000);
}

Test(alloc, rounds_sizes_up) {
  cr_assert(symo_round_up(0, 7) == 0 && symo_round_up(1, 7) == 7 && symo_round_up(14, 7) == 14);
  for (size_t n = 0; n < 300; n++) {
    size_t padded = symo_padded(n);
    cr_assert(padded % 64 == 0 && padded >= n && padded < n + 64);
  }
}
