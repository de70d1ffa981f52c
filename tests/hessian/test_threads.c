/* Threads: the same bits for the same number of threads, rounding between different numbers, and
 * handles that several threads may share. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests/support/world.h"

enum { ROWS = 200 };
static const char net[] =
    "i: identity 150; h: signed-permutation 200; p: permutation 60; w[h,i] b[h] v[p,h]";

static double *run(symo_world *w, int threads, const symo_test_batch *g, const symo_test_batch *t,
                   const char *name, size_t *size) {
  symo_test_case how = {name, SYMO_F64, false, false, 0};
  symo_plan *plan;
  cr_assert_eq(symo_set_threads(threads), SYMO_OK);
  cr_assert_eq(symo_get_threads(), threads);
  symo_hessian *h = symo_world_estimate(w, &how, g, t, &plan);
  double *out = NULL;
  *size = 0;
  for (size_t l = 0; l < symo_plan_num_labels(plan); l++) {
    symo_label_info info = symo_plan_label(plan, l);
    size_t n = info.count * info.multiplicity * info.multiplicity;
    out = realloc(out, (*size + n) * sizeof *out);
    memcpy(out + *size, symo_hessian_blocks(h, l), n * sizeof *out);
    *size += n;
  }
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
  return out;
}

Test(threads, results_repeat_for_the_same_number) {
  symo_world w;
  symo_world_open(&w, 191);
  symo_world_parse(&w, net);
  symo_test_batch g = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 2);
  symo_test_batch t = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 2);
  static const char *const names[] = {"covariance", "h-g", "h-pd", "h-star"};
  for (int k = 0; k < 4; k++) {
    size_t n[4];
    double *x[4];
    for (int i = 0; i < 4; i++) x[i] = run(&w, 1 + i / 2, &g, &t, names[k], &n[i]);
    cr_assert(n[0] == n[3] && n[0] > 1000);
    cr_assert(memcmp(x[0], x[1], n[0] * sizeof(double)) == 0, "%s, 1 thread", names[k]);
    cr_assert(memcmp(x[2], x[3], n[0] * sizeof(double)) == 0, "%s, 2 threads", names[k]);
    double error = symo_test_rel(x[2], x[0], n[0]);
    /* h-g: roots of singular matrices, |A^{1/2} - B^{1/2}| <= |A - B|^{1/2} */
    cr_assert(error <= sqrt(symo_test_bound(SYMO_F64, ROWS, 1)), "%s: 1 and 2 threads differ by %g",
              names[k], error);
    for (int i = 0; i < 4; i++) free(x[i]);
  }
  cr_assert_eq(symo_set_threads(1), SYMO_OK);
  symo_test_batch_free(&g);
  symo_test_batch_free(&t);
  symo_world_close(&w);
}

typedef struct worker {
  const symo_plan *plan;
  const symo_hessian *h;
  symo_test_batch *x;
  size_t own;
  symo_status status;
} worker;

static void *work(void *self) {
  worker *a = self;
  symo_estimate_spec spec = {symo_estimator_find("h-pd"), 0, false};
  for (int i = 0; i < 20 && a->status == SYMO_OK; i++) {
    symo_hessian *h = NULL, *root = NULL;
    a->status = symo_estimate(a->plan, &spec, 1, a->x->in, a->x->in + 1, &h);
    if (a->status == SYMO_OK) a->status = symo_hessian_sqrt(h, 0, &root);
    if (a->status == SYMO_OK)
      a->status = symo_hessian_matvec(a->h, a->x->in[0], symo_test_out(&a->x->vectors[a->own]));
    symo_hessian_destroy(root);
    symo_hessian_destroy(h);
  }
  return NULL;
}

Test(threads, handles_may_be_shared) {
  enum { THREADS = 4 };
  symo_world w;
  symo_world_open(&w, 192);
  symo_world_parse(&w, "i: identity 5; h: permutation 6; f: sign-flip 3; w[h,i] b[h] r[h,f,h]");
  symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
  symo_hessian *h = symo_world_definite(&w, plan);
  symo_test_batch x = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 2 + THREADS);
  pthread_t threads[THREADS];
  worker workers[THREADS];
  double *first = symo_dense_new(1, w.n), *other = symo_dense_new(1, w.n);
  cr_assert_eq(symo_set_threads(1), SYMO_OK);
  for (size_t t = 0; t < THREADS; t++) {
    workers[t] = (worker){plan, h, &x, 2 + t, SYMO_OK};
    cr_assert_eq(pthread_create(&threads[t], NULL, work, &workers[t]), 0);
  }
  for (size_t t = 0; t < THREADS; t++) {
    cr_assert_eq(pthread_join(threads[t], NULL), 0);
    cr_assert_eq(workers[t].status, SYMO_OK);
    symo_test_vector_get(&x.vectors[2 + t], t == 0 ? first : other);
    cr_assert(t == 0 || memcmp(first, other, w.n * sizeof(double)) == 0);
  }
  free(first);
  free(other);
  symo_test_batch_free(&x);
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
  symo_world_close(&w);
}
