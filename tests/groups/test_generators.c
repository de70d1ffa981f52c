/* Generators: checks, combinators, export, enumeration, random elements; against brute force. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "groups/generators.h"
#include "groups/rotation.h"
#include "tests/support/dense.h"
#include "tests/support/testing.h"

static const double PI = 3.14159265358979323846;

typedef struct world {
  symo_context *context;
  symo_rng *rng;
} world;

static world begin(uint64_t seed) {
  symo_context *context = symo_test_context();
  return (world){context, symo_test_rng(context, seed)};
}

static void end(world *w) {
  symo_rng_destroy(w->rng);
  symo_context_destroy(w->context);
  cr_no_leaks();
}

static generator_set *new_set(const world *w, size_t d) {
  generator_set *set = NULL;
  cr_ok(w->context, symo_generator_set_create(w->context, d, &set));
  return set;
}

/* ---- groups ---- */

static void add_cycle(generator_set *s) {
  size_t image[64];
  for (size_t i = 0; i < s->dim; i++) image[i] = (i + 1) % s->dim;
  cr_ok(s->context, symo_generator_set_add_monomial(s, image, NULL));
}

static void add_swap(generator_set *s, size_t a, size_t b) {
  size_t image[64];
  for (size_t i = 0; i < s->dim; i++) image[i] = i == a ? b : i == b ? a : i;
  cr_ok(s->context, symo_generator_set_add_monomial(s, image, NULL));
}

static void add_flip(generator_set *s, size_t a) {
  size_t image[64];
  signed char sign[64];
  for (size_t i = 0; i < s->dim; i++) {
    image[i] = i;
    sign[i] = i == a ? -1 : 1;
  }
  cr_ok(s->context, symo_generator_set_add_monomial(s, image, sign));
}

/* One entry of +-1 in every row, as a checked matrix. */
static void add_matrix(generator_set *s, const double *q) {
  symo_generators from = {.dim = s->dim, .num_matrices = 1, .matrices = q};
  cr_ok(s->context, symo_generator_set_add(s, &from, "test"));
}

static void add_rotation(generator_set *s, double angle) {
  double q[] = {cos(angle), -sin(angle), sin(angle), cos(angle)};
  add_matrix(s, q);
}

static void add_plane(generator_set *s, size_t i, size_t j, double frequency) {
  double a[64 * 64] = {0};
  a[i * s->dim + j] = -frequency;
  a[j * s->dim + i] = frequency;
  cr_ok(s->context, symo_generator_set_add_lie(s, a));
}

static void random_orthogonal(world *w, size_t d, double *q) {
  symo_test_randn(w->rng, q, d * d);
  for (size_t i = 0; i < d; i++) { /* twice is enough */
    for (int again = 0; again < 2; again++)
      for (size_t j = 0; j < i; j++) {
        double dot = 0;
        for (size_t k = 0; k < d; k++) dot += q[i * d + k] * q[j * d + k];
        for (size_t k = 0; k < d; k++) q[i * d + k] -= dot * q[j * d + k];
      }
    double norm = 0;
    for (size_t k = 0; k < d; k++) norm += q[i * d + k] * q[i * d + k];
    for (size_t k = 0; k < d; k++) q[i * d + k] /= sqrt(norm);
  }
}

static double *generator_dense(const generator_set *s, size_t k) {
  size_t d = s->dim;
  double *q = symo_dense_new(d, d);
  for (size_t i = 0; i < d * d; i++) q[i] = 0;
  if (k < s->num_monomial) {
    for (size_t i = 0; i < d; i++) q[s->image[k * d + i] * d + i] = s->sign[k * d + i];
    return q;
  }
  k -= s->num_monomial;
  const double *from =
      k < s->num_dense ? s->dense + k * d * d : s->lie + (k - s->num_dense) * d * d;
  memcpy(q, from, d * d * sizeof *q);
  return q;
}

/* b g b' for every generator g, so that none is a signed permutation. */
static generator_set *turned(world *w, const generator_set *s) {
  size_t d = s->dim;
  double *b = symo_dense_new(d, d), *bt = symo_dense_new(d, d);
  generator_set *to = new_set(w, d);
  random_orthogonal(w, d, b);
  for (size_t i = 0; i < d * d; i++) bt[i % d * d + i / d] = b[i];
  for (size_t k = 0; k < symo_generator_set_count(s); k++) {
    double *g = generator_dense(s, k), *bg = symo_dense_product(d, b, g);
    double *q = symo_dense_product(d, bg, bt);
    if (k < s->num_monomial + s->num_dense)
      add_matrix(to, q);
    else
      cr_ok(w->context, symo_generator_set_add_lie(to, q));
    free(g);
    free(bg);
    free(q);
  }
  free(b);
  free(bt);
  return to;
}

/* Left multiplication by i and j on the quaternions. */
static void add_quaternions(generator_set *s) {
  static const double i[] = {0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 0, -1, 0, 0, 1, 0};
  static const double j[] = {0, 0, -1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, -1, 0, 0};
  add_matrix(s, i);
  add_matrix(s, j);
}

/* A fifth of a turn about a vertex and a third about a face next to it. */
static void add_axis_rotation(generator_set *s, const double *axis, double angle) {
  double norm = sqrt(axis[0] * axis[0] + axis[1] * axis[1] + axis[2] * axis[2]), q[9];
  double u[3] = {axis[0] / norm, axis[1] / norm, axis[2] / norm};
  double cross[9] = {0, -u[2], u[1], u[2], 0, -u[0], -u[1], u[0], 0};
  for (int r = 0; r < 3; r++)
    for (int c = 0; c < 3; c++)
      q[3 * r + c] = (r == c ? cos(angle) : 0) + sin(angle) * cross[3 * r + c] +
                     (1 - cos(angle)) * u[r] * u[c];
  add_matrix(s, q);
}

static void add_icosahedron(generator_set *s) {
  double golden = (1 + sqrt(5)) / 2, vertex[] = {0, 1, golden}, face[] = {1, 1, 1};
  add_axis_rotation(s, vertex, 2 * PI / 5);
  add_axis_rotation(s, face, 2 * PI / 3);
}

enum {
  C12,
  C12_DENSE,
  S5,
  S5_DENSE,
  B3,
  DIHEDRAL,
  DIHEDRAL_DENSE,
  Q8,
  Q8_DENSE,
  ICOSAHEDRON,
  FLIPS,
  NOTHING,
  NUM_FINITE
};
static const size_t ORDER[NUM_FINITE] = {12, 12, 120, 120, 48, 14, 14, 8, 8, 60, 1024, 1};
static const size_t DIM[NUM_FINITE] = {12, 2, 5, 5, 3, 7, 2, 4, 4, 3, 10, 3};

static generator_set *finite_group(world *w, int which) {
  generator_set *s = new_set(w, DIM[which]);
  size_t mirror[] = {0, 6, 5, 4, 3, 2, 1};
  double reflection[] = {1, 0, 0, -1};
  if (which == C12 || which == S5 || which == S5_DENSE || which == B3 || which == DIHEDRAL)
    add_cycle(s);
  if (which == S5 || which == S5_DENSE || which == B3) add_swap(s, 0, 1);
  if (which == B3) add_flip(s, 2);
  if (which == C12_DENSE) add_rotation(s, 2 * PI / 12);
  if (which == DIHEDRAL) cr_ok(w->context, symo_generator_set_add_monomial(s, mirror, NULL));
  if (which == DIHEDRAL_DENSE) {
    add_rotation(s, 2 * PI / 7);
    add_matrix(s, reflection);
  }
  if (which == Q8 || which == Q8_DENSE) add_quaternions(s);
  if (which == ICOSAHEDRON) add_icosahedron(s);
  for (size_t i = 0; which == FLIPS && i < 10; i++) add_flip(s, i);
  if (which != S5_DENSE && which != Q8_DENSE) return s;
  generator_set *t = turned(w, s);
  symo_generator_set_destroy(s);
  cr_assert(t->num_monomial == 0 && t->num_dense == 2);
  return t;
}

static double distance(size_t n, const double *a, const double *b) {
  double most = 0;
  for (size_t i = 0; i < n; i++) {
    double size = fabs(a[i] - b[i]);
    if (!(size <= most)) most = isnan(size) ? INFINITY : size;
  }
  return most;
}

static double orthogonality(size_t d, const double *q) {
  double *gram = symo_dense_new(d, d), *one = symo_dense_identity(d, 1);
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++) {
      gram[i * d + j] = 0;
      for (size_t k = 0; k < d; k++) gram[i * d + j] += q[k * d + i] * q[k * d + j];
    }
  double defect = distance(d * d, gram, one);
  free(gram);
  free(one);
  return defect;
}

/* ---- checks ---- */

Test(generators, refused_by_shape) {
  world w = begin(1);
  generator_set *s = NULL;
  cr_fails(w.context, SYMO_E_ARGUMENT, "dimension is 0",
           symo_generator_set_create(w.context, 0, &s));
  cr_fails(w.context, SYMO_E_SIZE, "too large",
           symo_generator_set_create(w.context, (size_t)1 << 31, &s));
  cr_assert_null(s);
  s = new_set(&w, 2);
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
  end(&w);
}

Test(generators, refused_by_value) {
  world w = begin(2);
  generator_set *s = new_set(&w, 3);
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
  cr_assert_eq(symo_generator_set_count(s), 0); /* all or none */
  lie[9 + 3] = -1e30 * (1 + 1e-12);
  cr_ok(w.context, symo_generator_set_add(s, &g, "h"));
  cr_assert(s->num_monomial == 3 && s->num_dense == 1 && s->num_lie == 2);
  cr_assert(s->dense[8] == matrices[17] && s->lie[9 + 3] == lie[9 + 3]);
  symo_generator_set_destroy(s);
  end(&w);
}

Test(generators, signed_permutations_are_recognised) {
  world w = begin(3);
  generator_set *s = new_set(&w, 3);
  double q[] = {0, -1, 1e-13, 0, 0, 1 - 1e-13, 1, 0, 0};
  add_matrix(s, q);
  cr_assert(s->num_monomial == 1 && s->num_dense == 0);
  cr_assert(s->image[0] == 2 && s->image[1] == 0 && s->image[2] == 1);
  cr_assert(s->sign[0] == 1 && s->sign[1] == -1 && s->sign[2] == 1);
  q[2] = 1e-11; /* more than arithmetic does: kept as a matrix */
  q[8] = 1e-11;
  add_matrix(s, q);
  cr_assert(s->num_monomial == 1 && s->num_dense == 1);
  double twice[] = {1, 0, 0, 1, 0, 0, 0, 0, 1}; /* two units in a column */
  symo_generators g = {.dim = 3, .num_matrices = 1, .matrices = twice};
  cr_fails(w.context, SYMO_E_ARGUMENT, "an entry of 1.0e+00", symo_generator_set_add(s, &g, "x"));
  symo_generator_set_destroy(s);
  end(&w);
}

/* ---- combinators ---- */

/* Six signed permutations, three matrices, three Lie generators: the arrays have to grow. */
static generator_set *random_set(world *w, size_t d) {
  generator_set *s = new_set(w, d);
  double *q = symo_dense_new(d, d);
  for (int k = 0; k < 3; k++) {
    add_cycle(s);
    add_flip(s, (size_t)k % d);
    random_orthogonal(w, d, q);
    cr_ok(w->context, symo_generator_set_add_dense(s, q));
    for (size_t i = 0; i < d; i++)
      for (size_t j = 0; j <= i; j++) {
        double x = i == j ? 0 : symo_rng_normal(w->rng);
        q[i * d + j] = x;
        q[j * d + i] = -x;
      }
    cr_ok(w->context, symo_generator_set_add_lie(s, q));
  }
  free(q);
  return s;
}

Test(generators, product_and_sum) {
  enum { D = 3, BEFORE = 2, AFTER = 4, N = BEFORE * D * AFTER, M = 8, FIRST = 4 };
  world w = begin(4);
  generator_set *part = random_set(&w, D), *product = new_set(&w, N), *sum = new_set(&w, M);
  cr_fails(w.context, SYMO_E_SHAPE, "a product of dimensions 2, 3 and 5 is not 24",
           symo_generator_set_embed_product(product, part, BEFORE, 5));
  cr_fails(w.context, SYMO_E_SHAPE, "does not fit at 6 of 8",
           symo_generator_set_embed_sum(sum, part, 6));
  cr_ok(w.context, symo_generator_set_embed_product(product, part, BEFORE, AFTER));
  cr_ok(w.context, symo_generator_set_embed_sum(sum, part, FIRST));
  cr_assert(product->num_monomial == 6 && product->num_dense == 3 && product->num_lie == 3);
  for (size_t k = 0; k < symo_generator_set_count(part); k++) {
    double *g = generator_dense(part, k), *big = generator_dense(product, k);
    double *block = generator_dense(sum, k), most = 0;
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
  end(&w);
}

Test(generators, wreath_product_by_both) {
  world w = begin(5);
  generator_set *inner = finite_group(&w, DIHEDRAL_DENSE), *outer = new_set(&w, 3);
  generator_set *whole = new_set(&w, 6);
  size_t order = 0;
  add_cycle(outer);
  add_swap(outer, 0, 1);
  cr_ok(w.context, symo_generator_set_embed_sum(whole, inner, 0));
  cr_ok(w.context, symo_generator_set_embed_product(whole, outer, 1, 2));
  cr_ok(w.context, symo_enumerate_count(whole, 20000, &order));
  cr_assert_eq(order, 14 * 14 * 14 * 6);
  symo_generator_set_destroy(inner);
  symo_generator_set_destroy(outer);
  symo_generator_set_destroy(whole);
  end(&w);
}

Test(generators, kept_ones_are_copies_in_the_order_asked_for) {
  world w = begin(6);
  generator_set *from = random_set(&w, 4), *to = new_set(&w, 4), *other = new_set(&w, 3);
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
    double *a = generator_dense(to, k), *b = generator_dense(from, order[k]);
    cr_assert(distance(16, a, b) == 0, "generator %zu", k);
    free(a);
    free(b);
  }
  symo_generator_set_destroy(from);
  symo_generator_set_destroy(to);
  symo_generator_set_destroy(other);
  end(&w);
}

Test(generators, export_and_back) {
  world w = begin(7);
  generator_set *from = random_set(&w, 4), *to = new_set(&w, 4), *none = new_set(&w, 2);
  symo_generators *g = NULL;
  /* cycle, flip, cycle, flip, ..: permutations first */
  static const size_t order[] = {0, 2, 4, 1, 3, 5, 6, 7, 8, 9, 10, 11};
  cr_ok(w.context, symo_generator_set_export(from, &g));
  cr_assert(g->dim == 4 && g->num_permutations == 3 && g->num_matrices == 6 && g->num_lie == 3);
  cr_ok(w.context, symo_generator_set_add(to, g, "export"));
  symo_free(g);
  cr_assert(to->num_monomial == 6 && to->num_dense == 3 && to->num_lie == 3);
  for (size_t k = 0; k < 12; k++) {
    double *a = generator_dense(to, k), *b = generator_dense(from, order[k]);
    cr_assert(distance(16, a, b) == 0, "generator %zu", k);
    free(a);
    free(b);
  }
  cr_ok(w.context, symo_generator_set_export(none, &g));
  cr_assert(g->dim == 2 && g->num_permutations + g->num_matrices + g->num_lie == 0);
  symo_free(g);
  symo_generator_set_destroy(from);
  symo_generator_set_destroy(to);
  symo_generator_set_destroy(none);
  end(&w);
}

/* ---- enumeration ---- */

Test(generators, orders_of_finite_groups) {
  world w = begin(8);
  for (int which = 0; which < NUM_FINITE; which++) {
    generator_set *s = finite_group(&w, which);
    size_t count = 0, again = 0, d = s->dim;
    double *all = NULL;
    cr_ok(w.context, symo_enumerate_count(s, ORDER[which], &count));
    cr_ok(w.context, symo_enumerate(s, 2000, &again, &all));
    cr_assert(count == ORDER[which] && again == count, "group %d: %zu, %zu", which, count, again);
    for (size_t k = 0; k < count; k++) {
      cr_assert(orthogonality(d, all + k * d * d) <= 1e-13, "group %d: element %zu", which, k);
      for (size_t j = 0; j < k && count <= 120; j++)
        cr_assert(distance(d * d, all + k * d * d, all + j * d * d) >= 0.01, "group %d", which);
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
  end(&w);
}

Test(generators, larger_orders) {
  world w = begin(9);
  generator_set *s = new_set(&w, 8), *b6 = new_set(&w, 6);
  size_t count = 0;
  add_cycle(s);
  add_swap(s, 0, 1);
  cr_ok(w.context, symo_enumerate_count(s, 100000, &count));
  cr_assert_eq(count, 40320);
  add_cycle(b6);
  add_swap(b6, 0, 1);
  add_flip(b6, 0);
  generator_set *t = turned(&w, b6);
  cr_ok(w.context, symo_enumerate_count(t, 100000, &count));
  cr_assert_eq(count, 46080);
  symo_generator_set_destroy(s);
  symo_generator_set_destroy(b6);
  symo_generator_set_destroy(t);
  end(&w);
}

Test(generators, what_cannot_be_enumerated) {
  world w = begin(10);
  generator_set *s = new_set(&w, 2), *wide = new_set(&w, 64);
  size_t count = 77;
  double zero[4] = {0}, *all = NULL;
  add_rotation(s, 1);
  cr_fails(w.context, SYMO_E_SIZE, "closure: more than 20000 elements",
           symo_enumerate_count(s, 20000, &count));
  cr_fails(w.context, SYMO_E_SIZE, "more than 0 elements", symo_enumerate_count(s, 0, &count));
  for (size_t i = 0; i < 64; i++) add_flip(wide, i); /* 32768 matrices of 32 KiB */
  cr_fails(w.context, SYMO_E_SIZE, "fill 1 GiB", symo_enumerate(wide, SIZE_MAX, &count, &all));
  add_plane(s, 0, 1, 1);
  cr_fails(w.context, SYMO_E_SIZE, "closure: infinite, for there are 1 Lie generators",
           symo_enumerate(s, 1000, &count, &all));
  cr_assert(all == NULL && count == 77);
  symo_generator_set_destroy(s);
  s = new_set(&w, 2); /* exp(t 0) is the identity */
  cr_ok(w.context, symo_generator_set_add_lie(s, zero));
  cr_ok(w.context, symo_enumerate_count(s, 1, &count));
  cr_assert_eq(count, 1);
  symo_generator_set_destroy(s);
  symo_generator_set_destroy(wide);
  end(&w);
}

/* Turns by 1 and 61 of some 4000 parts, each with an error: where the shortest words in the two meet
 * (a hundred places or so) they differ by 4e-7, so that some pairs lie on both sides of an edge
 * between cells. */
Test(generators, equal_elements_across_an_edge) {
  world w = begin(16);
  for (size_t n = 3900; n < 4020; n += 10) {
    generator_set *s = new_set(&w, 2);
    size_t count = 0;
    add_rotation(s, 2 * PI / (double)n + 6e-9);
    add_rotation(s, 61 * 2 * PI / (double)n - 6e-9);
    cr_ok(w.context, symo_enumerate_count(s, 10000, &count));
    cr_assert(count == n, "%zu, not %zu", count, n);
    symo_generator_set_destroy(s);
  }
  end(&w);
}

/* ---- exponentials ---- */

/* exp(t A / |A|) for A that turns planes of coordinates, by sines and cosines; and for B A B', whose
 * |A| is the lesser of the two bounds. */
Test(generators, exponentials) {
  enum { D = 7 };
  static const double frequency[] = {3, 0.5, 1}; /* of (0, 1), (2, 3), (4, 5); 6 stays */
  world w = begin(17);
  double b[D * D], bt[D * D], a[D * D] = {0}, scratch[SYMO_EXP_SCRATCH * D * D], q[D * D];
  random_orthogonal(&w, D, b);
  for (size_t i = 0; i < (size_t)D * D; i++) bt[i % D * D + i / D] = b[i];
  for (size_t k = 0; k < 3; k++) {
    a[2 * k * D + 2 * k + 1] = -frequency[k];
    a[(2 * k + 1) * D + 2 * k] = frequency[k];
  }
  double *ba = symo_dense_product(D, b, a), *bab = symo_dense_product(D, ba, bt), rows = 0;
  double squares = 0;
  for (size_t i = 0; i < D; i++) {
    double sum = 0;
    for (size_t j = 0; j < D; j++) sum += fabs(bab[i * D + j]);
    for (size_t j = 0; j < D; j++) squares += bab[i * D + j] * bab[i * D + j];
    rows = fmax(rows, sum);
  }
  static const double times[] = {0, 1e-9, 0.1, -2, 150};
  for (int turned_too = 0; turned_too < 2; turned_too++)
    for (int n = 0; n < 5; n++) {
      double size = turned_too ? fmin(rows, sqrt(squares / 2)) : 3, e[D * D] = {0};
      for (size_t k = 0; k < 3; k++) {
        double angle = times[n] * frequency[k] / size;
        size_t i = 2 * k * D + 2 * k;
        e[i] = e[i + D + 1] = cos(angle);
        e[i + D] = sin(angle);
        e[i + 1] = -sin(angle);
      }
      e[D * D - 1] = 1;
      double *be = symo_dense_product(D, b, e), *beb = symo_dense_product(D, be, bt);
      symo_rotation_identity(D, q);
      symo_rotation_exp(D, turned_too ? bab : a, times[n], q, scratch);
      double off = distance((size_t)D * D, q, turned_too ? beb : e);
      cr_assert(off <= 3e-15 * (1 + fabs(times[n])), "%d, t = %g: %g", turned_too, times[n], off);
      free(be);
      free(beb);
    }
  free(ba);
  free(bab);
  end(&w);
}

/* ---- random elements ---- */

enum { DRAWS = 4000 };

/* Against the average over all: every entry, and every product of two, within 5 standard errors;
 * every draw is an element. */
static void check_finite(world *w, int which) {
  generator_set *s = finite_group(w, which);
  size_t d = s->dim, size = d * d, count = 0;
  double *all, *q = symo_dense_new(d, d), *mean = calloc(size * size + size, sizeof *mean);
  void *work = malloc(symo_random_element_work(s));
  cr_ok(w->context, symo_enumerate(s, 2000, &count, &all));
  for (int n = 0; n < DRAWS; n++) {
    symo_random_element(s, w->rng, q, work);
    double nearest = INFINITY;
    for (size_t k = 0; k < count && nearest > 0.001; k++)
      nearest = fmin(nearest, distance(size, q, all + k * size));
    cr_assert(nearest <= 1e-10, "group %d: %g from any element", which, nearest);
    for (size_t i = 0; i < size; i++) {
      mean[i] += q[i] / DRAWS;
      for (size_t j = 0; j < size; j++) mean[size + i * size + j] += q[i] * q[j] / DRAWS;
    }
  }
  for (size_t i = 0; i < size * (size + 1); i++) {
    double exact = 0, square = 0;
    for (size_t k = 0; k < count; k++) {
      const double *g = all + k * size;
      double x = i < size ? g[i] : g[(i - size) / size] * g[(i - size) % size];
      exact += x / (double)count;
      square += x * x / (double)count;
    }
    double error = sqrt(fmax(square - exact * exact, 0) / DRAWS);
    cr_assert(fabs(mean[i] - exact) <= 5 * error + 1e-10,
              "group %d, moment %zu: %g, not %g (+- %g)", which, i, mean[i], exact, error);
  }
  symo_generator_set_destroy(s);
  symo_free(all);
  free(q);
  free(mean);
  free(work);
}

Test(generators, random_elements_of_finite_groups) {
  world w = begin(11);
  for (int which = 0; which < NUM_FINITE; which++) check_finite(&w, which);
  end(&w);
}

/* SO(2): E q_ij = 0.  SO(d), d >= 3, and O(d): E q_ij q_kl = [i = k][j = l] / d.  The determinant:
 * 1 always, or both signs as often. */
static void check_rotations(world *w, const generator_set *s, bool reflections) {
  size_t d = s->dim, size = d * d;
  double *q = symo_dense_new(d, d), *one = calloc(size, sizeof *one);
  double *two = calloc(2 * size * size, sizeof *two), *four = two + size * size, traces[2] = {0};
  void *work = malloc(symo_random_element_work(s));
  for (int n = 0; n < DRAWS; n++) {
    symo_random_element(s, w->rng, q, work);
    cr_assert(n > 100 || orthogonality(d, q) <= 1e-12);
    double trace = 0;
    for (size_t i = 0; i < d; i++) trace += q[i * d + i];
    traces[0] += trace / DRAWS;
    traces[1] += trace * trace / DRAWS;
    for (size_t i = 0; i < size; i++) {
      one[i] += q[i] / DRAWS;
      for (size_t j = 0; j < size; j++) {
        two[i * size + j] += q[i] * q[j] / DRAWS;
        four[i * size + j] += q[i] * q[i] * q[j] * q[j] / DRAWS;
      }
    }
  }
  double error = 5 / sqrt(DRAWS);
  for (size_t i = 0; i < size; i++) {
    cr_assert(fabs(one[i]) <= error / sqrt((double)d), "R^%zu: %zu: %g", d, i, one[i]);
    for (size_t j = 0; j < size && (d > 2 || reflections); j++) {
      double expected = i == j ? 1 / (double)d : 0;
      cr_assert(fabs(two[i * size + j] - expected) <= error * sqrt(four[i * size + j]),
                "R^%zu: %zu, %zu: %g, not %g", d, i, j, two[i * size + j], expected);
    }
  }
  /* the trace of one irrep: 0 and 1, fourth moment 3; of SO(2), the sum of two: 0 and 2, 6 */
  double squares = d == 2 && !reflections ? 2 : 1;
  cr_assert(fabs(traces[0]) <= error * sqrt(squares), "R^%zu: trace %g", d, traces[0]);
  cr_assert(fabs(traces[1] - squares) <= error * 1.5 * squares, "R^%zu: %g", d, traces[1]);
  free(q);
  free(one);
  free(two);
  free(work);
}

Test(generators, random_rotations) {
  world w = begin(12);
  generator_set *so2 = new_set(&w, 2), *so3 = new_set(&w, 3), *o4 = new_set(&w, 4);
  add_plane(so2, 0, 1, 1e-200);
  check_rotations(&w, so2, false);
  add_plane(so3, 0, 1, 3);
  add_plane(so3, 1, 2, 1e200);
  check_rotations(&w, so3, false);
  generator_set *general = turned(&w, so3); /* no plane of coordinates: by the series */
  check_rotations(&w, general, false);
  for (size_t i = 0; i < 3; i++) add_plane(o4, i, i + 1, 1);
  add_flip(o4, 0);
  check_rotations(&w, o4, true);
  symo_generator_set_destroy(so2);
  symo_generator_set_destroy(so3);
  symo_generator_set_destroy(general);
  symo_generator_set_destroy(o4);
  end(&w);
}

/* The same seed gives the same element, whatever was drawn or lies in the work space before. */
Test(generators, random_elements_have_no_memory) {
  world w = begin(13);
  generator_set *sets[] = {random_set(&w, 5), finite_group(&w, S5), new_set(&w, 4)};
  for (int k = 0; k < 3; k++) {
    double q[25], p[25];
    size_t bytes = symo_random_element_work(sets[k]);
    void *work = malloc(bytes);
    for (int n = 0; n < 2; n++) {
      symo_rng *rng = symo_test_rng(w.context, 99);
      memset(work, n == 0 ? 0 : 0xff, bytes);
      symo_random_element(sets[k], rng, n == 0 ? q : p, work);
      symo_rng_destroy(rng);
    }
    cr_assert(memcmp(p, q, sets[k]->dim * sets[k]->dim * sizeof *q) == 0);
    free(work);
    symo_generator_set_destroy(sets[k]);
  }
  end(&w);
}

enum { FEWER = 2000 };

/* Few generators, or many, far from most elements: fixed points of S_64 (mean and variance 1), and
 * the square of the trace of sign flips (mean d). */
Test(generators, random_elements_far_from_the_generators) {
  world w = begin(14);
  generator_set *few = new_set(&w, 64), *many = new_set(&w, 64), *flips = new_set(&w, 48);
  add_cycle(few);
  add_swap(few, 0, 1);
  for (size_t i = 0; i + 1 < 64; i++) add_swap(many, i, i + 1);
  for (size_t i = 0; i < 48; i++) add_flip(flips, i);
  generator_set *sets[] = {few, many, flips};
  for (int k = 0; k < 3; k++) {
    size_t d = sets[k]->dim;
    double *q = symo_dense_new(d, d), moments[3] = {0};
    void *work = malloc(symo_random_element_work(sets[k]));
    for (int n = 0; n < FEWER; n++) {
      symo_random_element(sets[k], w.rng, q, work);
      double trace = 0;
      for (size_t i = 0; i < d; i++) trace += q[i * d + i];
      for (int power = 0; power < 3; power++) moments[power] += pow(trace, power) / FEWER;
    }
    double mean = k < 2 ? 1 : 0, square = k < 2 ? 2 : (double)d;
    double fourth = k < 2 ? 15 : 3 * square * square, error = 5 / sqrt(FEWER);
    cr_assert(fabs(moments[1] - mean) <= error * sqrt(square), "%d: %g", k, moments[1]);
    cr_assert(fabs(moments[2] - square) <= error * sqrt(fourth), "%d: %g", k, moments[2]);
    free(q);
    free(work);
    symo_generator_set_destroy(sets[k]);
  }
  end(&w);
}

/* ---- memory ---- */

static symo_status whole_life(void *self) {
  world *w = self;
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
  world w = begin(15);
  cr_assert(symo_test_allocations(whole_life, &w) > 20);
  generator_set *s = finite_group(&w, S5_DENSE);
  cr_assert(symo_test_allocations(many_elements, s) > 5);
  symo_generator_set_destroy(s);
  end(&w);
}
