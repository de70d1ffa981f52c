#ifndef SYMO_CORE_ALLOC_H
#define SYMO_CORE_ALLOC_H

#include <stddef.h>

/* The only allocator of the library: blocks are aligned to 64 bytes, live blocks and bytes are
 * counted (atomically), and tests can make it fail.  symo_free is public (symo/types.h). */
void *symo_malloc(size_t bytes);               /* bytes 0 gives a block too; NULL when it fails */
void *symo_calloc(size_t count, size_t bytes); /* zeroed; NULL also on overflow of the product */
char *symo_strdup(const char *text);

/* true, and *out = a * b, unless that overflows. */
int symo_mul_size(size_t a, size_t b, size_t *out);

/* The least multiple of `to` that is not below n. */
static inline size_t symo_round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

/* `bytes` rounded up to a multiple of 64, so that the next array in a block is aligned. */
static inline size_t symo_padded(size_t bytes) { return symo_round_up(bytes, 64); }

size_t symo_alloc_live_blocks(void);
size_t symo_alloc_live_bytes(void);
size_t symo_alloc_peak_bytes(void);
size_t symo_alloc_calls(void); /* allocations made so far */
void symo_alloc_reset_peak(void);

/* The next n allocations succeed and all later ones fail; n < 0 turns that off. */
void symo_alloc_fail_after(long n);

#endif
