/* Sums over processes bucket by bucket: the bits of the sum of the whole, wherever buckets end; half of
 * the bytes where the sum is for an owner; and less waiting where they are sent early, on a clock
 * that work and waiting alone move. */
#include "core/reduction.h"

#include <math.h>

#include "core/linalg.h"
#include "tests/support/ranks.h"
#include "tests/support/testing.h"

enum { PARTS = 6, NUMBERS = 600 };

/* From the end of the vector to its beginning, as backward goes. */
static const symo_reduction_part parts[PARTS] = {{500, 100, 1}, {499, 1, 0}, {300, 199, 0},
                                                 {150, 150, 2}, {7, 143, 1}, {0, 7, 2}};

typedef struct reduction_case {
  symo_dtype dtype;
  size_t bucket;
  bool owned;
  double work; /* before each part; symo_test_ranks_slow */
  bool late;   /* nothing is said to be there before the end */
  /* of each process */
  double waited[TEST_MOST_RANKS];
  symo_reduction_counts counts[TEST_MOST_RANKS];
} reduction_case;

static double entry(int rank, size_t i) { return sin(1.3 * (double)i + 0.7) / (rank + 1.5); }

static int owner_of(size_t i) {
  for (size_t p = 0; p < PARTS; p++)
    if (i >= parts[p].first && i < parts[p].first + parts[p].count) return parts[p].owner;
  return -1;
}

static void take_sum(const symo_comm *comm, void *arg) {
  reduction_case *c = arg;
  symo_context *context = symo_test_context();
  symo_reduction *r = NULL;
  char x[8 * NUMBERS], y[8 * NUMBERS];
  symo_reduction_part given[PARTS];
  memcpy(given, parts, sizeof parts);
  for (size_t p = 0; p < PARTS; p++) given[p].owner %= comm->size;
  cr_ok(context,
        symo_reduction_create(context, comm, c->dtype, PARTS, given, c->owned, c->bucket, &r));
  for (int turn = 0; turn < 2; turn++) { /* it serves again */
    for (size_t i = 0; i < NUMBERS; i++) {
      symo_put(c->dtype, x, i, entry(comm->rank, i));
      symo_put(c->dtype, y, i, entry(comm->rank, i));
    }
    symo_comm_sum(comm, c->dtype, NUMBERS, y);
    symo_scal(c->dtype, NUMBERS, 0.3, y);
    const double before = c->work > 0 ? symo_test_waited(comm) : 0;
    symo_reduction_begin(r, x, 0.3);
    for (size_t p = 0; p < PARTS; p++) {
      if (c->work > 0) symo_test_work(comm, c->work);
      if (!c->late) symo_reduction_ready(r, p + 1);
    }
    symo_reduction_end(r);
    c->waited[comm->rank] = c->work > 0 ? symo_test_waited(comm) - before : 0;
    for (size_t i = 0; i < NUMBERS; i++) {
      const double sum = symo_get(c->dtype, y, i), own = entry(comm->rank, i);
      const bool ours = !c->owned || owner_of(i) % comm->size == comm->rank;
      const double got = symo_get(c->dtype, x, i),
                   rounded = c->dtype == SYMO_F32 ? (float)own : own;
      cr_assert(ours ? got == sum : got == rounded, "%zu: %.17g of %.17g", i, got, sum);
    }
  }
  c->counts[comm->rank] = symo_reduction_get_counts(r);
  symo_reduction_destroy(r);
  symo_context_destroy(context);
}

Test(reduction, the_bits_of_the_sum_of_all) {
  static const size_t buckets[] = {1, 64, 1000, 1 << 20};
  for (size_t b = 0; b < sizeof buckets / sizeof *buckets; b++)
    for (int k = 0; k < 4; k++)
      for (int size = 2; size <= 4; size++) {
        reduction_case c = {
            .dtype = k % 2 == 0 ? SYMO_F64 : SYMO_F32, .bucket = buckets[b], .owned = k / 2 == 1};
        symo_test_ranks(size, take_sum, &c);
      }
  cr_no_leaks();
}

/* A number that is for all goes to the process that adds it and comes back to all: 2 (N - 1) / N
 * times its bytes on average.  One that is for its owner goes there alone. */
Test(reduction, owners_take_half_of_the_bytes) {
  for (int size = 2; size <= 4; size++) {
    double sent[2] = {0, 0};
    for (int k = 0; k < 2; k++) {
      reduction_case c = {.dtype = SYMO_F64, .bucket = 256, .owned = k == 1};
      symo_test_ranks(size, take_sum, &c);
      for (int r = 0; r < size; r++) sent[k] += c.counts[r].bytes;
    }
    const double once = 2.0 * (size - 1) * NUMBERS * sizeof(double); /* in two sums */
    cr_assert(sent[0] == 2 * once && sent[1] == once, "%g %g of %g", sent[0], sent[1], once);
  }
}

/* Six parts that take 2 each to make, four buckets (as many as there are on their way at once) that take
 * 3 to send: early, the last alone is waited for, late, all of them. */
Test(reduction, what_goes_on_meanwhile_is_not_waited_for) {
  for (int size = 2; size <= 4; size++) {
    reduction_case early = {.dtype = SYMO_F64, .bucket = 150 * 8, .owned = true, .work = 2};
    reduction_case late = early;
    late.late = true;
    symo_test_ranks_slow(size, 3, 0, take_sum, &early);
    symo_test_ranks_slow(size, 3, 0, take_sum, &late);
    for (int r = 0; r < size; r++) {
      cr_assert(early.waited[r] <= 6, "%g", early.waited[r]);
      cr_assert(late.counts[r].early == 0 && early.counts[r].early == 2 * 4);
    }
    double most[2] = {0, 0};
    for (int r = 0; r < size; r++) {
      most[0] = fmax(most[0], early.waited[r]);
      most[1] = fmax(most[1], late.waited[r]);
    }
    cr_assert(most[0] <= 0.5 * most[1], "%g of %g", most[0], most[1]);
  }
}

Test(reduction, buckets_have_a_stated_size) {
  cr_assert_eq(symo_reduction_bucket(2), 1 << 20);
  cr_assert_eq(symo_reduction_bucket(8), 1 << 20);
  cr_assert_eq(symo_reduction_bucket(256), 1 << 20);
  cr_assert_eq(symo_reduction_bucket(4096), 1 << 16);
  cr_assert_eq(symo_reduction_bucket(1 << 18), 1 << 12);
}
