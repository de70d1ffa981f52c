/* Elements of a group: drawn uniformly, independently for every space. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/world.h"

/* The number of the image of (1, 2, .., d) among all images of a finite group. */
static size_t code(const double *y, size_t d) {
  size_t out = 0;
  for (size_t i = 0; i < d; i++) out = out * (2 * d + 1) + (size_t)(y[i] + (double)d + 0.5);
  return out;
}

typedef struct tally {
  size_t codes[512], counts[512], n;
} tally;

static void count(tally *t, size_t value) {
  size_t i = 0;
  while (i < t->n && t->codes[i] != value) i++;
  if (i == t->n) {
    cr_assert(t->n < 512);
    t->codes[t->n] = value;
    t->counts[t->n++] = 0;
  }
  t->counts[i]++;
}

/* Every element equally often, within 5 standard errors. */
static void check_tally(const tally *t, size_t order, size_t draws, const char *what) {
  double p = 1 / (double)order, error = sqrt((double)draws * p * (1 - p));
  cr_assert_eq(t->n, order, "%s: %zu elements of %zu", what, t->n, order);
  for (size_t i = 0; i < t->n; i++)
    cr_assert(fabs((double)t->counts[i] - (double)draws * p) <= 5 * error, "%s: %zu of %zu", what,
              t->counts[i], draws);
}

Test(element, finite_groups_are_drawn_uniformly) {
  enum { DRAWS = 20000 };
  static const struct {
    const char *group;
    size_t d, order;
  } cases[] = {{"identity", 3, 1},           {"permutation", 1, 1}, {"permutation", 2, 2},
               {"permutation", 4, 24},       {"sign-flip", 4, 16},  {"signed-permutation", 1, 2},
               {"signed-permutation", 3, 48}};
  symo_world w;
  symo_world_open(&w, 161);
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    char text[64];
    snprintf(text, sizeof text, "h: %s %zu; b[h]", cases[k].group, cases[k].d);
    symo_world_parse(&w, text);
    double x[4] = {1, 2, 3, 4}, y[4];
    const void *px[] = {x};
    void *py[] = {y};
    symo_element *g;
    tally t = {.n = 0};
    cr_ok(w.context, symo_element_create(w.layout, &g));
    for (int i = 0; i < DRAWS; i++) {
      cr_ok(w.context, symo_element_sample(g, w.rng));
      cr_ok(w.context,
            symo_element_act(g, symo_const_vector_of(SYMO_F64, px), symo_vector_of(SYMO_F64, py)));
      count(&t, code(y, cases[k].d));
    }
    check_tally(&t, cases[k].order, DRAWS, text);
    symo_element_destroy(g);
  }
  symo_world_close(&w);
}

/* Two spaces of the same group move apart from one another; two axes of one space together. */
Test(element, spaces_are_independent) {
  enum { DRAWS = 20000 };
  symo_world w;
  symo_world_open(&w, 162);
  symo_world_parse(&w, "h: permutation 3; k: permutation 3; b[h] c[k] w[h,h]");
  double x[15] = {1, 2, 3, 1, 2, 3}, y[15];
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++) x[6 + 3 * i + j] = 10 * x[i] + x[j];
  const void *px[3];
  void *py[3];
  symo_element *g;
  tally both = {.n = 0};
  symo_layout_split_const(w.layout, SYMO_F64, x, px);
  symo_layout_split(w.layout, SYMO_F64, y, py);
  cr_ok(w.context, symo_element_create(w.layout, &g));
  for (int n = 0; n < DRAWS; n++) {
    cr_ok(w.context, symo_element_sample(g, w.rng));
    cr_ok(w.context,
          symo_element_act(g, symo_const_vector_of(SYMO_F64, px), symo_vector_of(SYMO_F64, py)));
    count(&both, code(y, 3) * 1000 + code(y + 3, 3));
    for (int i = 0; i < 3; i++)
      for (int j = 0; j < 3; j++) cr_assert(y[6 + 3 * i + j] == 10 * y[i] + y[j]);
  }
  check_tally(&both, 36, DRAWS, "S_3 x S_3");
  symo_element_destroy(g);
  symo_world_close(&w);
}

/* O(d): means of entries, of their squares and of products, and both components. */
Test(element, orthogonal_matrices_are_haar) {
  enum { DRAWS = 8000, D = 3 };
  symo_world w;
  symo_world_open(&w, 163);
  symo_world_parse(&w, "h: orthogonal 3; i: identity 3; w[h,i]");
  double x[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, q[9], mean[9] = {0}, square[9] = {0}, fourth[9] = {0};
  double positive = 0;
  const void *px[] = {x};
  void *py[] = {q};
  symo_element *g;
  cr_ok(w.context, symo_element_create(w.layout, &g));
  for (int n = 0; n < DRAWS; n++) {
    cr_ok(w.context, symo_element_sample(g, w.rng));
    cr_ok(w.context,
          symo_element_act(g, symo_const_vector_of(SYMO_F64, px), symo_vector_of(SYMO_F64, py)));
    double det = q[0] * (q[4] * q[8] - q[5] * q[7]) - q[1] * (q[3] * q[8] - q[5] * q[6]) +
                 q[2] * (q[3] * q[7] - q[4] * q[6]);
    cr_assert(fabs(fabs(det) - 1) <= 1e-13);
    positive += det > 0;
    for (int i = 0; i < 9; i++) {
      mean[i] += q[i] / DRAWS;
      square[i] += q[i] * q[i] / DRAWS;
      fourth[i] += q[i] * q[i] * q[i] * q[i] / DRAWS;
    }
  }
  cr_assert(fabs(positive - DRAWS / 2.0) <= 5 * sqrt(DRAWS / 4.0), "%g of %d", positive, DRAWS);
  for (int i = 0; i < 9; i++) { /* E q^2 = 1/3, E q^4 = 3/(d(d+2)) = 1/5, E q^8 = 1/9 */
    cr_assert(fabs(mean[i]) <= 5 * sqrt(1.0 / 3 / DRAWS), "entry %d: mean %g", i, mean[i]);
    cr_assert(fabs(square[i] - 1.0 / 3) <= 5 * sqrt((1.0 / 5 - 1.0 / 9) / DRAWS), "%g", square[i]);
    cr_assert(fabs(fourth[i] - 1.0 / 5) <= 5 * sqrt((1.0 / 9 - 1.0 / 25) / DRAWS), "%g", fourth[i]);
  }
  symo_element_destroy(g);
  symo_world_close(&w);
}

/* Acting on all tensors: norms are kept, the inverse undoes, the neutral element does nothing, the
 * same seed draws the same. */
Test(element, acts_on_random_layouts) {
  symo_world w;
  symo_world_open(&w, 164);
  for (int k = 0; k < 60; k++) {
    symo_world_random(&w, SYMO_TEST_ALL, 0, 200);
    symo_dtype dtype = k % 2 ? SYMO_F32 : SYMO_F64;
    double tolerance = k % 2 ? 1e-5 : 1e-13;
    symo_test_batch x = symo_test_batch_make(w.layout, dtype, w.rng, 4);
    double *y[4];
    symo_element *g, *twin;
    cr_ok(w.context, symo_element_create(w.layout, &g));
    cr_ok(w.context, symo_element_create(w.layout, &twin));
    for (int i = 0; i < 4; i++) y[i] = symo_dense_new(1, w.n);
    symo_test_vector_get(&x.vectors[0], y[0]);
    cr_ok(w.context, symo_element_act(g, x.in[0], symo_test_out(&x.vectors[1])));
    symo_test_vector_get(&x.vectors[1], y[1]);
    cr_assert(symo_test_rel(y[1], y[0], w.n) == 0, "the neutral element: %s", w.text);
    symo_rng *one = symo_test_rng(w.context, 7), *two = symo_test_rng(w.context, 7);
    cr_ok(w.context, symo_element_sample(g, one));
    cr_ok(w.context, symo_element_sample(twin, two));
    cr_ok(w.context, symo_element_act(g, x.in[0], symo_test_out(&x.vectors[1])));
    cr_ok(w.context, symo_element_act(twin, x.in[0], symo_test_out(&x.vectors[2])));
    cr_ok(w.context, symo_element_act_inverse(g, x.in[1], symo_test_out(&x.vectors[3])));
    for (int i = 1; i < 4; i++) symo_test_vector_get(&x.vectors[i], y[i]);
    cr_assert(memcmp(y[1], y[2], w.n * sizeof(double)) == 0, "%s", w.text);
    cr_assert(symo_test_rel(y[3], y[0], w.n) <= tolerance, "inverse: %s", w.text);
    double before = 0, after = 0;
    for (size_t i = 0; i < w.n; i++) before += y[0][i] * y[0][i], after += y[1][i] * y[1][i];
    cr_assert(fabs(after - before) <= 10 * tolerance * before, "norm: %s", w.text);
    for (int i = 0; i < 4; i++) free(y[i]);
    symo_rng_destroy(one);
    symo_rng_destroy(two);
    symo_element_destroy(g);
    symo_element_destroy(twin);
    symo_test_batch_free(&x);
  }
  symo_world_close(&w);
}
