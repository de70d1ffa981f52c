/* Sums over processes: those of a loop in their order, bit for bit, whatever way they take; and the
 * parts of a whole. */
#include "core/comm.h"

#include <math.h>
#include <stdio.h>

#include "core/linalg.h"
#include "tests/support/ranks.h"
#include "tests/support/testing.h"

enum { LONG = 700001 };

/* What process r holds at place i: nothing that sums of another order would round alike. */
static double entry(int r, size_t i) {
  return (1.0 + (double)((i * 7919 + (size_t)r * 104729) % 1000003)) * (r % 2 == 0 ? 1e-3 : -0.37) /
         (1.0 + (double)(i % 13) * (double)(r + 1));
}

typedef struct sums {
  symo_dtype dtype;
  size_t n;
  void *result[TEST_MOST_RANKS];
} sums;

static void take_sum(const symo_comm *comm, void *arg) {
  sums *s = arg;
  void *x = s->result[comm->rank];
  for (size_t i = 0; i < s->n; i++) symo_put(s->dtype, x, i, entry(comm->rank, i));
  symo_comm_sum(comm, s->dtype, s->n, x);
  void *y = symo_calloc(s->n + 1, 8);
  const int owner = (int)(s->n % (size_t)comm->size);
  for (size_t i = 0; i < s->n; i++) symo_put(s->dtype, y, i, entry(comm->rank, i));
  symo_comm_sum_to(comm, owner, s->dtype, s->n, y);
  if (comm->rank == owner) cr_assert_eq(memcmp(x, y, s->n * symo_dtype_size(s->dtype)), 0);
  symo_free(y);
}

static void check_sum(int size, symo_dtype dtype, size_t n) {
  const size_t bytes = n * symo_dtype_size(dtype) + 1;
  sums s = {.dtype = dtype, .n = n};
  for (int r = 0; r < size; r++) s.result[r] = symo_malloc(bytes);
  symo_test_ranks(size, take_sum, &s);
  for (size_t i = 0; i < n; i++) {
    double expected = 0;
    for (int r = 0; r < size; r++)
      expected = dtype == SYMO_F64 ? (r == 0 ? entry(r, i) : expected + entry(r, i))
                 : r == 0          ? (double)(float)entry(r, i)
                                   : (double)((float)expected + (float)entry(r, i));
    cr_assert(symo_get(dtype, s.result[0], i) == expected, "%d processes, %zu of %zu", size, i, n);
  }
  for (int r = 0; r < size; r++) {
    cr_assert_eq(memcmp(s.result[r], s.result[0], bytes - 1), 0);
    if (r > 0) symo_free(s.result[r]);
  }
  symo_free(s.result[0]);
}

Test(comm, sums_in_the_order_of_the_processes) {
  const size_t lengths[] = {0, 1, 2, 3, 5, 1023, 4096, 4097, 65537, LONG};
  for (int size = 1; size <= 5; size++)
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
      check_sum(size, SYMO_F64, lengths[k]);
      check_sum(size, SYMO_F32, lengths[k]);
    }
  cr_no_leaks();
}

typedef struct exchange {
  int first[3], code, agreed[2];
  char text[3][8];
} exchange;

static void take_exchange(const symo_comm *comm, void *arg) {
  exchange *e = (exchange *)arg + comm->rank;
  const symo_comm_piece pieces[] = {{2, 8, e->text[0]}, {0, 8, e->text[1]}, {1, 0, NULL}};
  e->first[0] = symo_comm_first(comm, false);
  e->first[1] = symo_comm_first(comm, comm->rank >= 1);
  e->first[2] = symo_comm_first(comm, true);
  e->code = 10 * comm->rank;
  symo_comm_share(comm, 1, sizeof e->code, &e->code);
  e->agreed[0] = symo_comm_agree(comm, 0);
  e->agreed[1] = symo_comm_agree(comm, 3 * comm->rank);
  snprintf(e->text[0], 8, "a%d", comm->rank);
  snprintf(e->text[1], 8, "b%d", comm->rank);
  snprintf(e->text[2], 8, "c%d", comm->rank);
  symo_comm_spread(comm, 3, pieces);
  comm->move(comm->self, 2, 0, 8, e->text[2], e->text[2]);
}

Test(comm, what_one_has_comes_to_the_others) {
  exchange all[3];
  symo_test_ranks(3, take_exchange, all);
  for (int r = 0; r < 3; r++) {
    cr_assert(all[r].first[0] == -1 && all[r].first[1] == 1 && all[r].first[2] == 0);
    cr_assert_eq(all[r].code, 10);
    cr_assert(all[r].agreed[0] == 0 && all[r].agreed[1] == 3);
    cr_assert_str_eq(all[r].text[0], "a2");
    cr_assert_str_eq(all[r].text[1], "b0");
    cr_assert_str_eq(all[r].text[2], r == 0 ? "c2" : r == 1 ? "c1" : "c2");
  }
  cr_no_leaks();
}

/* A process by itself is one whose table is NULL. */
Test(comm, one_process) {
  double x = 3;
  int code = 7;
  symo_comm_sum(NULL, SYMO_F64, 1, &x);
  symo_comm_share(NULL, 0, sizeof code, &code);
  cr_assert(x == 3 && code == 7);
  cr_assert(symo_comm_size(NULL) == 1 && symo_comm_rank(NULL) == 0);
  cr_assert(symo_comm_agree(NULL, 4) == 4 && symo_comm_agree(NULL, 0) == 0);
  cr_assert(symo_comm_first(NULL, true) == 0 && symo_comm_first(NULL, false) == -1);
}

Test(comm, parts_are_all_of_it) {
  for (size_t count = 0; count < 20; count++)
    for (size_t parts = 1; parts < 9; parts++) {
      size_t at = 0, first, end, least = count, most = 0;
      for (size_t i = 0; i < parts; i++, at = end) {
        symo_comm_part(count, parts, i, &first, &end);
        cr_assert(first == at && end >= first);
        least = end - first < least ? end - first : least;
        most = end - first > most ? end - first : most;
      }
      cr_assert(at == count && most - least <= 1);
    }
}

/* What process `from` sends to process `to`: nothing to itself, and to some others. */
static size_t pass_bytes(int from, int to) {
  return from == to ? 0 : (size_t)((from * 7 + to * 3) % 5) * 1001;
}

static void take_pass(const symo_comm *comm, void *arg) {
  const size_t size = (size_t)comm->size, me = (size_t)comm->rank;
  size_t counts[4 * TEST_MOST_RANKS], out = 0, in = 0;
  (void)arg;
  for (size_t r = 0; r < size; r++) {
    counts[r] = pass_bytes((int)me, (int)r), counts[size + r] = out;
    counts[2 * size + r] = pass_bytes((int)r, (int)me), counts[3 * size + r] = in;
    out += counts[r], in += counts[2 * size + r];
  }
  unsigned char *from = symo_calloc(out + 1, 1), *to = symo_calloc(in + 1, 1);
  for (size_t r = 0; r < size; r++) memset(from + counts[size + r], (int)(10 * me + r), counts[r]);
  const symo_comm_parcel parcel = {.from = from,
                                   .to = to,
                                   .send = counts,
                                   .send_at = counts + size,
                                   .receive = counts + 2 * size,
                                   .receive_at = counts + 3 * size};
  for (int k = 0; k < 2; k++) symo_comm_pass(comm, &parcel);
  for (size_t r = 0; r < size; r++)
    for (size_t i = 0; i < counts[2 * size + r]; i++)
      cr_assert_eq(to[counts[3 * size + r] + i], 10 * r + me);
  symo_free(from), symo_free(to);
}

Test(comm, parcels_that_are_waited_for) {
  for (int size = 1; size <= 5; size++) symo_test_ranks(size, take_pass, NULL);
  cr_no_leaks();
}

static void take_most(const symo_comm *comm, void *arg) {
  const int r = comm->rank;
  double x[4] = {(double)(r * r % 5), r == 1 ? 3 : (double)NAN, (double)NAN, -1.0 - r};
  (void)arg;
  symo_comm_most(comm, 4, x);
  const double largest = comm->size > 3 ? 4 : comm->size == 3 ? 4 : comm->size - 1;
  cr_assert(fabs(x[0] - largest) <= 0 && isnan(x[2]) && fabs(x[3] + 1) <= 0);
  cr_assert(comm->size == 1 ? isnan(x[1]) : fabs(x[1] - 3) <= 0);
}

Test(comm, largest_of_all_processes) {
  for (int size = 1; size <= 5; size++) symo_test_ranks(size, take_most, NULL);
  cr_no_leaks();
}
