/* Counting allocator.  A header of one cache line in front of each block keeps its size.  The rest
 * of the header and the end of the block's last cache line are filled with a mark, which is checked
 * when the block is released; AddressSanitizer is told that nobody may touch them. */
#include "core/alloc.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <symo/types.h>

#include "core/alloc_faults.h"

#ifdef __SANITIZE_ADDRESS__ /* by gcc; clang says it as below */
#define SYMO_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SYMO_ASAN 1
#endif
#endif
#ifdef SYMO_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

enum { HEADER = 64, MARK = 0x5a };

static atomic_size_t live_blocks, live_bytes, peak_bytes, calls;
static atomic_size_t refused;
static atomic_bool only_one;
static atomic_long budget = -1;

int symo_mul_size(size_t a, size_t b, size_t *out) {
  if (b != 0 && a > SIZE_MAX / b) return 0;
  *out = a * b;
  return 1;
}

/* Takes one from the failure budget; false when it is used up. */
static int allowed(void) {
  long left = atomic_load(&budget);
  while (left >= 0) {
    if (left == 0) {
      atomic_fetch_add(&refused, 1);
      if (atomic_load(&only_one)) atomic_store(&budget, -1);
      return 0;
    }
    if (atomic_compare_exchange_weak(&budget, &left, left - 1)) break;
  }
  return 1;
}

/* Of a block with its header. */
static size_t padded_size(size_t bytes) { return symo_round_up(bytes, HEADER) + HEADER; }

static void mark(unsigned char *block, size_t bytes) {
  const size_t behind = padded_size(bytes) - HEADER - bytes;
  memcpy(block, &bytes, sizeof bytes);
  memset(block + sizeof bytes, MARK, HEADER - sizeof bytes);
  memset(block + HEADER + bytes, MARK, behind);
  ASAN_POISON_MEMORY_REGION(block, HEADER);
  ASAN_POISON_MEMORY_REGION(block + HEADER + bytes, behind);
}

/* *bytes: of a block that goes.  False if something was written beside it. */
static bool unmark(unsigned char *block, size_t *bytes) {
  bool whole = true;
  ASAN_UNPOISON_MEMORY_REGION(block, HEADER);
  memcpy(bytes, block, sizeof *bytes);
  for (size_t i = sizeof *bytes; i < HEADER; i++) whole = whole && block[i] == MARK;
  if (!whole) return false; /* nor is the size to be trusted */
  ASAN_UNPOISON_MEMORY_REGION(block + HEADER + *bytes, padded_size(*bytes) - HEADER - *bytes);
  for (size_t i = HEADER + *bytes; i < padded_size(*bytes); i++) whole = whole && block[i] == MARK;
  return whole;
}

void *symo_malloc(size_t bytes) {
  if (bytes > SIZE_MAX - 2 * HEADER || !allowed()) return NULL;
  unsigned char *block = aligned_alloc(HEADER, padded_size(bytes));
  if (block == NULL) return NULL;
  mark(block, bytes);
  atomic_fetch_add(&calls, 1);
  atomic_fetch_add(&live_blocks, 1);
  size_t now = atomic_fetch_add(&live_bytes, bytes) + bytes;
  size_t peak = atomic_load(&peak_bytes);
  while (now > peak && !atomic_compare_exchange_weak(&peak_bytes, &peak, now)) {
  }
  return block + HEADER;
}

void *symo_calloc(size_t count, size_t bytes) {
  size_t total;
  if (!symo_mul_size(count, bytes, &total)) return NULL;
  void *block = symo_malloc(total);
  if (block != NULL) memset(block, 0, total);
  return block;
}

char *symo_strdup(const char *text) {
  size_t length = strlen(text) + 1;
  char *copy = symo_malloc(length);
  if (copy != NULL) memcpy(copy, text, length);
  return copy;
}

void symo_free(void *memory) {
  if (memory == NULL) return;
  unsigned char *block = (unsigned char *)memory - HEADER;
  size_t bytes;
  const bool whole = unmark(block, &bytes);
  assert(whole && "something was written beside a block");
  (void)whole;
  atomic_fetch_sub(&live_blocks, 1);
  atomic_fetch_sub(&live_bytes, bytes);
  free(block);
}

size_t symo_alloc_live_blocks(void) { return atomic_load(&live_blocks); }
size_t symo_alloc_live_bytes(void) { return atomic_load(&live_bytes); }
size_t symo_alloc_peak_bytes(void) { return atomic_load(&peak_bytes); }
size_t symo_alloc_calls(void) { return atomic_load(&calls); }
void symo_alloc_reset_peak(void) { atomic_store(&peak_bytes, atomic_load(&live_bytes)); }
size_t symo_alloc_refused(void) { return atomic_load(&refused); }

static void fail(long n, bool one) {
  atomic_store(&refused, 0);
  atomic_store(&only_one, one);
  atomic_store(&budget, n < 0 ? -1 : n);
}

void symo_alloc_fail_after(long n) { fail(n, false); }
void symo_alloc_fail_once(long n) { fail(n, true); }
