/* The average over a group, taken by several processes: the bits of one, however many they are. */
#include <string.h>

#include "hessian/hessian.h"
#include "tests/support/dense.h"
#include "tests/support/ranks.h"
#include "tests/support/world.h"

typedef struct average_case {
  symo_context *context;
  const symo_plan *plan;
  const double *matrix;
  double *of[TEST_MOST_RANKS]; /* dense averages */
} average_case;

static void take_average(const symo_comm *comm, void *arg) {
  average_case *c = arg;
  symo_hessian *h = NULL;
  cr_ok(c->context, symo_reynolds_among(c->plan, c->matrix, comm, &h));
  c->of[comm->rank] = symo_dense_of(h);
  symo_hessian_destroy(h);
}

Test(reynolds, processes_have_the_bits_of_one) {
  symo_world w;
  symo_world_open(&w, 71);
  for (int k = 0; k < 24; k++) {
    symo_world_random(&w, 31, 0, 40);
    const size_t n = w.n;
    double *a = symo_dense_new(n, n);
    symo_test_randn(w.rng, a, n * n);
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < i; j++) a[i * n + j] = a[j * n + i];
    symo_plan *plan = symo_world_plan(&w, k % 3 == 0 ? SYMO_F32 : SYMO_F64,
                                      k % 2 == 0 ? SYMO_COUPLED : SYMO_BLOCKED, false);
    average_case one = {.context = w.context, .plan = plan, .matrix = a}, many = one;
    symo_test_ranks(1, take_average, &one);
    const int size = 2 + k % (TEST_MOST_RANKS - 1);
    symo_test_ranks(size, take_average, &many);
    for (int r = 0; r < size; r++) {
      cr_assert(memcmp(many.of[r], one.of[0], n * n * sizeof *a) == 0, "%d of %d: %s", r, size,
                w.text);
      free(many.of[r]);
    }
    free(one.of[0]);
    free(a);
    symo_plan_destroy(plan);
  }
  symo_world_close(&w);
}
