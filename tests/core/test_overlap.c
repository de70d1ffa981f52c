/* Memory in common, against all pairs of bytes. */
#include "core/overlap.h"

#include <string.h>

#include "tests/support/testing.h"

enum { ROOM = 4096 };
static unsigned char memory[ROOM];

/* A view of up to four axes somewhere in the middle; aligned: on whole items. */
static symo_nd random_view(symo_rng *rng, symo_dtype dtype, int aligned) {
  symo_nd x = {.dtype = dtype, .nd = (int)symo_rng_below(rng, 5)};
  size_t item = symo_dtype_size(dtype), at = ROOM / 2 + symo_rng_below(rng, 200);
  x.p = memory + (aligned ? at / item * item : at);
  for (int k = 0; k < x.nd; k++) {
    x.n[k] = 1 + symo_rng_below(rng, 4);
    x.s[k] = (ptrdiff_t)symo_rng_below(rng, 25) - 12;
  }
  return x;
}

/* How many entries of the view cover each byte; the largest. */
static int cover(const symo_nd *x, unsigned char *bytes) {
  size_t item = symo_dtype_size(x->dtype);
  int most = 0;
  memset(bytes, 0, ROOM);
  for (size_t i = 0; i < symo_nd_size(x); i++) {
    ptrdiff_t at = 0;
    size_t rest = i;
    for (int k = 0; k < x->nd; k++) {
      at += (ptrdiff_t)(rest % x->n[k]) * x->s[k];
      rest /= x->n[k];
    }
    unsigned char *entry = bytes + ((unsigned char *)x->p - memory) + at * (ptrdiff_t)item;
    for (size_t b = 0; b < item; b++) most = ++entry[b] > most ? entry[b] : most;
  }
  return most;
}

Test(overlap, is_what_bytes_say) {
  static unsigned char a[ROOM], b[ROOM];
  symo_rng *rng;
  size_t shared = 0, between = 0, apart = 0;
  cr_assert(symo_rng_create(NULL, 3, &rng) == SYMO_OK);
  for (int k = 0; k < 20000; k++) {
    symo_dtype t = k % 2 ? SYMO_F32 : SYMO_F64;
    symo_nd x = random_view(rng, t, k % 3), y = random_view(rng, t, k % 3);
    const int most = cover(&x, a);
    (void)cover(&y, b);
    bool expected = false;
    for (size_t i = 0; i < ROOM; i++) expected = expected || (a[i] > 0 && b[i] > 0);
    symo_span p = symo_nd_span(&x), q = symo_nd_span(&y);
    cr_assert(a[p.first - (uintptr_t)memory] > 0 && a[p.end - 1 - (uintptr_t)memory] > 0);
    cr_assert(symo_nd_overlap(&x, &y) == expected && symo_nd_overlap(&y, &x) == expected, "%d", k);
    shared += expected;
    between += !expected && p.first < q.end && q.first < p.end;
    /* Sufficient: what is said to be apart is. */
    cr_assert(!symo_nd_is_apart(&x) || most == 1, "%d", k);
    apart += symo_nd_is_apart(&x);
  }
  cr_assert(shared > 3000 && between > 1000 && apart > 1000, "%zu %zu %zu", shared, between, apart);
  symo_rng_destroy(rng);
}

/* Numbers that take turns, columns of one matrix, the halves of a triangle's square. */
Test(overlap, of_usual_views) {
  double a[64];
  const size_t n[2] = {8, 4}, eight[1] = {8};
  symo_nd even = symo_nd_dense(SYMO_F64, a, 1, eight),
          odd = symo_nd_dense(SYMO_F64, a + 1, 1, eight);
  even.s[0] = odd.s[0] = 2;
  cr_assert(!symo_nd_overlap(&even, &odd) && symo_nd_overlap(&even, &even));
  symo_nd left = symo_nd_dense(SYMO_F64, a, 2, n), right = symo_nd_dense(SYMO_F64, a + 4, 2, n);
  left.s[0] = right.s[0] = 8;
  cr_assert(!symo_nd_overlap(&left, &right) && symo_nd_is_apart(&left));
  right.p = a + 3;
  cr_assert(symo_nd_overlap(&left, &right));
  left.s[0] = 3; /* rows that run into each other */
  cr_assert(!symo_nd_is_apart(&left));
  left.s[0] = -4;
  cr_assert(symo_nd_is_apart(&left));
}
