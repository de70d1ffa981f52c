/* Generators: checks, combinators, export, enumeration against known orders. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/dense.h"
#include "tests/support/generated.h"

/* ---- checks ---- */

Test(generators, refused_by_shape) {
  gens_world w = gens_begin(1);
  generator_set *s = NULL;
  cr_fails(w.context, SYMO_E_ARGUMENT, "dimension is 0",
           symo_generator_set_create(w.context, 0, &s));
  cr_fails(w.context, SYMO_E_SIZE, "too large",
           symo_generator_set_create(w.context, (size_t)1 << 31, &s));
  cr_assert_null(s);
  s = gens_new(&w, 2);
  double one[] = {1, 0, 0, 1};
  symo_generators g = {.dim = 0, .num_matrices = 1, .matrices = one};
  cr_fails(w.context, SYMO_E_ARGUMENT, "space h: the dimension is 0",
           symo_generator_set_add(s, &g, "space h"));
  g.dim = 1;
  cr_fails(w.context, SYMO_E_SHAPE, "generators of R^1 for a space of dimension 2",
           symo_generator_set_add(s, &g, "space h"));
  static const char *names[] = {"permutations is NULL", "matrices is NULL", "lie is NULL"};
  for (int k = 0; k < 3; k++) {
    g = (symo_generators){
        .dim = 2, .num_permutations = k == 0, .num_matrices = k == 1, .num_lie = k == 2};
    cr_fails(w.context, SYMO_E_ARGUMENT, names[k], symo_generator_set_add(s, &g, "x"));
  }
  g = (symo_generators){.dim = 2, .num_matrices = SIZE_MAX / 8, .matrices = one};
  cr_fails(w.context, SYMO_E_SIZE, "too many", symo_generator_set_add(s, &g, "x"));
  symo_generator_set_destroy(s);
  symo_generator_set_destroy(NULL);
  gens_end(&w);
}

/* Before memory is taken for them. */
Test(generators, refused_by_size) {
  gens_world w = gens_begin(3);
  generator_set *s;
  double one = 1;
  cr_ok(w.context, symo_generator_set_create(w.context, 12000, &s));
  cr_fails(w.context, SYMO_E_SIZE, "more than 0 of 1.1e+03 MiB each",
           symo_generator_set_add_lie(s, &one));
  cr_assert_eq(symo_generator_set_count(s), 0);
  symo_generator_set_destroy(s);
  gens_end(&w);
}

/* Sums may be as large as a matrix of generators can be counted in bytes, 8 d^2 < 2^64: parts that
 * nothing moves take no memory. */
Test(generators, sums_end_at_the_largest_dimension) {
  enum { LARGEST = 1518500249 };
  static const struct {
    size_t first, second;
    const char *refusal;
  } cases[] = {{LARGEST - 1, 1, NULL},
               {1, LARGEST - 1, NULL},
               {LARGEST, 1, "1518500250 is too large"},
               {2147483646, 2, "passes 2147483647"},
               {1, SIZE_MAX, "passes 2147483647"},
               {SIZE_MAX, 1, "passes 2147483647"}};
  gens_world w = gens_begin(4);
  for (int k = 0; k < 6; k++) {
    const symo_group *identity = symo_group_find("identity");
    symo_group_part parts[] = {{identity, cases[k].first}, {identity, cases[k].second}};
    symo_group_spec spec = symo_group_spec_default("sum");
    symo_group *out = NULL;
    spec.num_parts = 2;
    spec.parts = parts;
    if (cases[k].refusal == NULL) {
      cr_ok(w.context, symo_group_create(w.context, &spec, &out));
      cr_assert_eq(symo_group_dim(out), LARGEST);
      symo_group_destroy(out);
    } else {
      cr_fails(w.context, SYMO_E_SIZE, cases[k].refusal, symo_group_create(w.context, &spec, &out));
      cr_assert_null(out);
    }
  }
  gens_end(&w);
}

Test(generators, refused_by_value) {
  gens_world w = gens_begin(2);
  generator_set *s = gens_new(&w, 3);
  size_t permutations[] = {1, 2, 0, 0, 1, 2};
  double matrices[18] = {0, 1, 0, 1, 0, 0, 0, 0, 1, 0.6, -0.8, 0, 0.8, 0.6, 0, 0, 0, 1};
  double lie[18] = {0, 1, 2, -1, 0, 3, -2, -3, 0, 0, 1e30, 0, -1e30, 0, 0, 0, 0, 0};
  symo_generators g = {3, 2, 2, 2, permutations, matrices, lie};
  permutations[4] = 3;
  cr_fails(w.context, SYMO_E_ARGUMENT, "h: permutation 1: 1 goes to 3, which is out of range",
           symo_generator_set_add(s, &g, "h"));
  permutations[4] = 0;
  cr_fails(w.context, SYMO_E_ARGUMENT, "permutation 1: image 0 stands twice, for 0 and for 1",
           symo_generator_set_add(s, &g, "h"));
  matrices[14] = NAN; /* looked for before all else */
  cr_fails(w.context, SYMO_E_NONFINITE, "h: matrix [1, 1, 2] is NaN",
           symo_generator_set_add(s, &g, "h"));
  matrices[14] = 0;
  lie[9 + 7] = -INFINITY;
  cr_fails(w.context, SYMO_E_NONFINITE, "h: Lie generator [1, 2, 1] is infinite",
           symo_generator_set_add(s, &g, "h"));
  lie[9 + 7] = 0;
  permutations[4] = 1;
  matrices[17] = 1.0155;
  cr_fails(w.context, SYMO_E_ARGUMENT,
           "h: matrix 1: not orthogonal: Q'Q - I has an entry of 3.1e-02 (must be at most 1e-09",
           symo_generator_set_add(s, &g, "h"));
  matrices[17] = 1e200;
  cr_fails(w.context, SYMO_E_ARGUMENT, "not orthogonal", symo_generator_set_add(s, &g, "h"));
  matrices[17] = 1 + 1e-10; /* within the tolerance: as it is */
  lie[9 + 3] = -1e30 * (1 + 1e-6);
  cr_fails(w.context, SYMO_E_ARGUMENT,
           "h: Lie generator 1: not antisymmetric: A + A' has an entry "
           "of 1.0e-06",
           symo_generator_set_add(s, &g, "h"));
  lie[9 + 3] = -1e300;
  cr_fails(w.context, SYMO_E_ARGUMENT, "h: Lie generator 1: has an entry of 1.0e+300 (divide it",
           symo_generator_set_add(s, &g, "h"));
  cr_assert_eq(symo_generator_set_count(s), 0); /* all or none */
  lie[9 + 3] = -1e30 * (1 + 1e-12);
  cr_ok(w.context, symo_generator_set_add(s, &g, "h"));
  cr_assert(s->num_monomial == 3 && s->num_dense == 1 && s->num_lie == 2);
  cr_assert(s->dense[8] == matrices[17] && s->lie[9 + 3] == lie[9 + 3]);
  symo_generator_set_destroy(s);
  gens_end(&w);
}

Test(generators, signed_permutations_are_recognised) {
  gens_world w = gens_begin(3);
  generator_set *s = gens_new(&w, 3);
  double q[] = {0, -1, 1e-13, 0, 0, 1 - 1e-13, 1, 0, 0};
  gens_add_matrix(s, q);
  cr_assert(s->num_monomial == 1 && s->num_dense == 0);
  cr_assert(s->image[0] == 2 && s->image[1] == 0 && s->image[2] == 1);
  cr_assert(s->sign[0] == 1 && s->sign[1] == -1 && s->sign[2] == 1);
  q[2] = 1e-11; /* more than arithmetic does: kept as a matrix */
  q[8] = 1e-11;
  gens_add_matrix(s, q);
  cr_assert(s->num_monomial == 1 && s->num_dense == 1);
  double twice[] = {1, 0, 0, 1, 0, 0, 0, 0, 1}; /* two units in a column */
  symo_generators g = {.dim = 3, .num_matrices = 1, .matrices = twice};
  cr_fails(w.context, SYMO_E_ARGUMENT, "an entry of 1.0e+00", symo_generator_set_add(s, &g, "x"));
  symo_generator_set_destroy(s);
  gens_end(&w);
}

/* ---- combinators ---- */

Test(generators, product_and_sum) {
  enum { D = 3, BEFORE = 2, AFTER = 4, N = BEFORE * D * AFTER, M = 8, FIRST = 4 };
  gens_world w = gens_begin(4);
  generator_set *part = gens_random(&w, D), *product = gens_new(&w, N), *sum = gens_new(&w, M);
  cr_fails(w.context, SYMO_E_SHAPE, "a product of dimensions 2, 3 and 5 is not 24",
           symo_generator_set_embed_product(product, part, BEFORE, 5));
  cr_fails(w.context, SYMO_E_SHAPE, "does not fit at 6 of 8",
           symo_generator_set_embed_sum(sum, part, 6));
  cr_ok(w.context, symo_generator_set_embed_product(product, part, BEFORE, AFTER));
  cr_ok(w.context, symo_generator_set_embed_sum(sum, part, FIRST));
  cr_assert(product->num_monomial == 6 && product->num_dense == 3 && product->num_lie == 3);
  for (size_t k = 0; k < symo_generator_set_count(part); k++) {
    double *g = gens_dense(part, k), *big = gens_dense(product, k);
    double *block = gens_dense(sum, k), most = 0;
    double outside = k < part->num_monomial + part->num_dense;
    for (size_t i = 0; i < N; i++)
      for (size_t j = 0; j < N; j++) {
        double same = i / (D * AFTER) == j / (D * AFTER) && i % AFTER == j % AFTER;
        double expected = same * g[i / AFTER % D * D + j / AFTER % D];
        most = fmax(most, fabs(big[i * N + j] - expected));
      }
    for (size_t i = 0; i < M; i++)
      for (size_t j = 0; j < M; j++) {
        bool in = i >= FIRST && i < FIRST + D && j >= FIRST && j < FIRST + D;
        double expected = in ? g[(i - FIRST) * D + j - FIRST] : (i == j) * outside;
        most = fmax(most, fabs(block[i * M + j] - expected));
      }
    cr_assert(most == 0, "generator %zu: %g", k, most);
    free(g);
    free(big);
    free(block);
  }
  symo_generator_set_destroy(part);
  symo_generator_set_destroy(product);
  symo_generator_set_destroy(sum);
  gens_end(&w);
}

Test(generators, wreath_product_by_both) {
  gens_world w = gens_begin(5);
  generator_set *inner = gens_finite(&w, GENS_DIHEDRAL_DENSE), *outer = gens_new(&w, 3);
  generator_set *whole = gens_new(&w, 6);
  size_t order = 0;
  gens_add_cycle(outer);
  gens_add_swap(outer, 0, 1);
  cr_ok(w.context, symo_generator_set_embed_sum(whole, inner, 0));
  cr_ok(w.context, symo_generator_set_embed_product(whole, outer, 1, 2));
  cr_ok(w.context, symo_enumerate_count(whole, 20000, &order));
  cr_assert_eq(order, 14 * 14 * 14 * 6);
  symo_generator_set_destroy(inner);
  symo_generator_set_destroy(outer);
  symo_generator_set_destroy(whole);
  gens_end(&w);
}

Test(generators, kept_ones_are_copies_in_the_order_asked_for) {
  gens_world w = gens_begin(6);
  generator_set *from = gens_random(&w, 4), *to = gens_new(&w, 4), *other = gens_new(&w, 3);
  size_t keep[] = {11, 1, 7, 0}, order[] = {1, 0, 7, 11}, bad[] = {2, 12};
  cr_fails(w.context, SYMO_E_SHAPE, "the group acts on R^4, the subgroup on R^3",
           symo_generator_set_keep(from, 1, keep, other));
  cr_fails(w.context, SYMO_E_ARGUMENT, "keep is NULL", symo_generator_set_keep(from, 1, NULL, to));
  cr_fails(w.context, SYMO_E_ARGUMENT, "keep[1] is 12, but there are 12 generators",
           symo_generator_set_keep(from, 2, bad, to));
  cr_ok(w.context, symo_generator_set_keep(from, 0, NULL, to));
  cr_assert_eq(symo_generator_set_count(to), 0);
  cr_ok(w.context, symo_generator_set_keep(from, 4, keep, to));
  cr_assert(to->num_monomial == 2 && to->num_dense == 1 && to->num_lie == 1);
  for (size_t k = 0; k < 4; k++) {
    double *a = gens_dense(to, k);
    double *b = gens_dense(from, symo_generator_set_index(from, order[k]));
    cr_assert(gens_distance(16, a, b) == 0, "generator %zu", k);
    free(a);
    free(b);
  }
  symo_generator_set_destroy(from);
  symo_generator_set_destroy(to);
  symo_generator_set_destroy(other);
  gens_end(&w);
}

Test(generators, export_and_back) {
  gens_world w = gens_begin(7);
  generator_set *from = gens_random(&w, 4), *to = gens_new(&w, 4), *none = gens_new(&w, 2);
  symo_generators *g = NULL;
  /* cycle, flip, cycle, flip, ..: permutations first */
  static const size_t order[] = {0, 2, 4, 1, 3, 5, 6, 7, 8, 9, 10, 11};
  cr_ok(w.context, symo_generator_set_export(from, &g));
  cr_assert(g->dim == 4 && g->num_permutations == 3 && g->num_matrices == 6 && g->num_lie == 3);
  cr_ok(w.context, symo_generator_set_add(to, g, "export"));
  symo_free(g);
  cr_assert(to->num_monomial == 6 && to->num_dense == 3 && to->num_lie == 3);
  for (size_t k = 0; k < 12; k++) {
    double *a = gens_dense(to, k);
    double *b = gens_dense(from, order[k]);
    cr_assert(gens_distance(16, a, b) == 0, "generator %zu", k);
    free(a);
    free(b);
  }
  cr_ok(w.context, symo_generator_set_export(none, &g));
  cr_assert(g->dim == 2 && g->num_permutations + g->num_matrices + g->num_lie == 0);
  symo_free(g);
  symo_generator_set_destroy(from);
  symo_generator_set_destroy(to);
  symo_generator_set_destroy(none);
  gens_end(&w);
}

/* ---- enumeration ---- */

Test(generators, orders_of_finite_groups) {
  gens_world w = gens_begin(8);
  for (int which = 0; which < GENS_FINITE; which++) {
    generator_set *s = gens_finite(&w, which);
    size_t count = 0, again = 0, d = s->dim;
    double *all = NULL;
    cr_ok(w.context, symo_enumerate_count(s, gens_order[which], &count));
    cr_ok(w.context, symo_enumerate(s, 2000, &again, &all));
    cr_assert(count == gens_order[which] && again == count, "group %d: %zu, %zu", which, count,
              again);
    for (size_t k = 0; k < count; k++) {
      cr_assert(gens_orthogonality(d, all + k * d * d) <= 1e-13, "group %d: element %zu", which, k);
      for (size_t j = 0; j < k && count <= 120; j++)
        cr_assert(gens_distance(d * d, all + k * d * d, all + j * d * d) >= 0.01, "group %d",
                  which);
    }
    symo_free(all);
    all = NULL;
    if (count > 1) {
      char text[80];
      snprintf(text, sizeof text, "closure: more than %zu elements (raise the cap", count - 1);
      cr_fails(w.context, SYMO_E_SIZE, text, symo_enumerate(s, count - 1, &again, &all));
      cr_fails(w.context, SYMO_E_SIZE, text, symo_enumerate_count(s, count - 1, &again));
      cr_assert(all == NULL && again == count); /* untouched */
    }
    symo_generator_set_destroy(s);
  }
  gens_end(&w);
}

Test(generators, larger_orders) {
  gens_world w = gens_begin(9);
  generator_set *s = gens_new(&w, 8), *b6 = gens_new(&w, 6);
  size_t count = 0;
  gens_add_cycle(s);
  gens_add_swap(s, 0, 1);
  cr_ok(w.context, symo_enumerate_count(s, 100000, &count));
  cr_assert_eq(count, 40320);
  gens_add_cycle(b6);
  gens_add_swap(b6, 0, 1);
  gens_add_flip(b6, 0);
  generator_set *t = gens_turned(&w, b6);
  cr_ok(w.context, symo_enumerate_count(t, 100000, &count));
  cr_assert_eq(count, 46080);
  symo_generator_set_destroy(s);
  symo_generator_set_destroy(b6);
  symo_generator_set_destroy(t);
  gens_end(&w);
}

Test(generators, what_cannot_be_enumerated) {
  gens_world w = gens_begin(10);
  generator_set *s = gens_new(&w, 2), *wide = gens_new(&w, 64);
  size_t count = 77;
  double zero[4] = {0}, *all = NULL;
  gens_add_rotation(s, 1);
  cr_fails(w.context, SYMO_E_SIZE, "closure: more than 20000 elements",
           symo_enumerate_count(s, 20000, &count));
  cr_fails(w.context, SYMO_E_SIZE, "more than 0 elements", symo_enumerate_count(s, 0, &count));
  for (size_t i = 0; i < 64; i++) gens_add_flip(wide, i); /* 32768 matrices of 32 KiB */
  cr_fails(w.context, SYMO_E_SIZE, "fill 1 GiB", symo_enumerate(wide, SIZE_MAX, &count, &all));
  gens_add_plane(s, 0, 1, 1);
  cr_fails(w.context, SYMO_E_SIZE, "closure: infinite, for there are 1 Lie generators",
           symo_enumerate(s, 1000, &count, &all));
  cr_assert(all == NULL && count == 77);
  symo_generator_set_destroy(s);
  s = gens_new(&w, 2); /* exp(t 0) is the identity */
  cr_ok(w.context, symo_generator_set_add_lie(s, zero));
  cr_ok(w.context, symo_enumerate_count(s, 1, &count));
  cr_assert_eq(count, 1);
  symo_generator_set_destroy(s);
  symo_generator_set_destroy(wide);
  gens_end(&w);
}

/* Turns by 1 and 61 of some 4000 parts, each with an error: where shortest words in the two meet (a
 * hundred places or so) they differ by 4e-7, so that some pairs lie on both sides of an edge
 * between cells. */
Test(generators, equal_elements_across_an_edge) {
  gens_world w = gens_begin(16);
  for (size_t n = 3900; n < 4020; n += 10) {
    generator_set *s = gens_new(&w, 2);
    size_t count = 0;
    gens_add_rotation(s, 2 * GENS_PI / (double)n + 6e-9);
    gens_add_rotation(s, 61 * 2 * GENS_PI / (double)n - 6e-9);
    cr_ok(w.context, symo_enumerate_count(s, 10000, &count));
    cr_assert(count == n, "%zu, not %zu", count, n);
    symo_generator_set_destroy(s);
  }
  gens_end(&w);
}

/* ---- memory ---- */

static symo_status whole_life(void *self) {
  gens_world *w = self;
  double q[] = {0.6, -0.8, 0.8, 0.6, 0, 1, 1, 0}, a[] = {0, 1, -1, 0}, *all = NULL;
  size_t permutation[] = {1, 0}, count, keep[] = {0, 1};
  symo_generators g = {2, 1, 2, 1, permutation, q, a}, *exported = NULL;
  generator_set *s = NULL, *big = NULL, *sub = NULL;
  symo_status status = symo_generator_set_create(w->context, 2, &s);
  if (status == SYMO_OK) status = symo_generator_set_add(s, &g, "x");
  if (status == SYMO_OK) status = symo_generator_set_create(w->context, 4, &big);
  if (status == SYMO_OK) status = symo_generator_set_embed_product(big, s, 2, 1);
  if (status == SYMO_OK) status = symo_generator_set_embed_sum(big, s, 2);
  if (status == SYMO_OK) status = symo_generator_set_create(w->context, 4, &sub);
  if (status == SYMO_OK) status = symo_generator_set_keep(big, 2, keep, sub);
  if (status == SYMO_OK) status = symo_generator_set_export(big, &exported);
  if (status == SYMO_OK) status = symo_enumerate_count(sub, 100, &count);
  if (status == SYMO_OK) status = symo_enumerate(sub, 100, &count, &all);
  symo_generator_set_destroy(s);
  symo_generator_set_destroy(big);
  symo_generator_set_destroy(sub);
  symo_free(exported);
  symo_free(all);
  return status;
}

static symo_status many_elements(void *self) {
  const generator_set *s = self;
  double *all;
  size_t count;
  symo_status status = symo_enumerate(s, 1000, &count, &all);
  if (status == SYMO_OK) symo_free(all);
  return status;
}

Test(generators, failing_allocations) {
  gens_world w = gens_begin(15);
  cr_assert(symo_test_allocations(whole_life, &w) > 20);
  generator_set *s = gens_finite(&w, GENS_S5_DENSE);
  cr_assert(symo_test_allocations(many_elements, s) > 5);
  symo_generator_set_destroy(s);
  gens_end(&w);
}
