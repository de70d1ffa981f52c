/* Groups by generators for tests; see generated.h. */
#include "tests/support/generated.h"

#include <math.h>
#include <stdlib.h>

#include "tests/support/dense.h"

gens_world gens_begin(uint64_t seed) {
  symo_context *context = symo_test_context();
  return (gens_world){context, symo_test_rng(context, seed)};
}

void gens_end(gens_world *w) {
  symo_rng_destroy(w->rng);
  symo_context_destroy(w->context);
  cr_no_leaks();
}

generator_set *gens_new(const gens_world *w, size_t d) {
  generator_set *set = NULL;
  cr_ok(w->context, symo_generator_set_create(w->context, d, &set));
  return set;
}

/* ---- groups ---- */

void gens_add_cycle(generator_set *s) {
  size_t image[64];
  for (size_t i = 0; i < s->dim; i++) image[i] = (i + 1) % s->dim;
  cr_ok(s->context, symo_generator_set_add_monomial(s, image, NULL));
}

void gens_add_swap(generator_set *s, size_t a, size_t b) {
  size_t image[64];
  for (size_t i = 0; i < s->dim; i++) image[i] = i == a ? b : i == b ? a : i;
  cr_ok(s->context, symo_generator_set_add_monomial(s, image, NULL));
}

void gens_add_flip(generator_set *s, size_t a) {
  size_t image[64];
  signed char sign[64];
  for (size_t i = 0; i < s->dim; i++) {
    image[i] = i;
    sign[i] = i == a ? -1 : 1;
  }
  cr_ok(s->context, symo_generator_set_add_monomial(s, image, sign));
}

void gens_add_matrix(generator_set *s, const double *q) {
  symo_generators from = {.dim = s->dim, .num_matrices = 1, .matrices = q};
  cr_ok(s->context, symo_generator_set_add(s, &from, "test"));
}

void gens_add_rotation(generator_set *s, double angle) {
  double q[] = {cos(angle), -sin(angle), sin(angle), cos(angle)};
  gens_add_matrix(s, q);
}

void gens_add_plane(generator_set *s, size_t i, size_t j, double frequency) {
  double a[64 * 64] = {0};
  a[i * s->dim + j] = -frequency;
  a[j * s->dim + i] = frequency;
  cr_ok(s->context, symo_generator_set_add_lie(s, a));
}

void gens_random_orthogonal(gens_world *w, size_t d, double *q) {
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

double *gens_dense(const generator_set *s, size_t k) {
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
generator_set *gens_turned(gens_world *w, const generator_set *s) {
  size_t d = s->dim;
  double *b = symo_dense_new(d, d), *bt = symo_dense_new(d, d);
  generator_set *to = gens_new(w, d);
  gens_random_orthogonal(w, d, b);
  for (size_t i = 0; i < d * d; i++) bt[i % d * d + i / d] = b[i];
  for (size_t k = 0; k < symo_generator_set_count(s); k++) {
    double *g = gens_dense(s, k), *bg = symo_dense_product(d, b, g);
    double *q = symo_dense_product(d, bg, bt);
    if (k < s->num_monomial + s->num_dense)
      gens_add_matrix(to, q);
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
  gens_add_matrix(s, i);
  gens_add_matrix(s, j);
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
  gens_add_matrix(s, q);
}

static void add_icosahedron(generator_set *s) {
  double golden = (1 + sqrt(5)) / 2, vertex[] = {0, 1, golden}, face[] = {1, 1, 1};
  add_axis_rotation(s, vertex, 2 * GENS_PI / 5);
  add_axis_rotation(s, face, 2 * GENS_PI / 3);
}

const size_t gens_order[GENS_FINITE] = {12, 12, 120, 120, 48, 14, 14, 8, 8, 60, 1024, 1};
static const size_t DIM[GENS_FINITE] = {12, 2, 5, 5, 3, 7, 2, 4, 4, 3, 10, 3};

generator_set *gens_finite(gens_world *w, int which) {
  generator_set *s = gens_new(w, DIM[which]);
  size_t mirror[] = {0, 6, 5, 4, 3, 2, 1};
  double reflection[] = {1, 0, 0, -1};
  if (which == GENS_C12 || which == GENS_S5 || which == GENS_S5_DENSE || which == GENS_B3 ||
      which == GENS_DIHEDRAL)
    gens_add_cycle(s);
  if (which == GENS_S5 || which == GENS_S5_DENSE || which == GENS_B3) gens_add_swap(s, 0, 1);
  if (which == GENS_B3) gens_add_flip(s, 2);
  if (which == GENS_C12_DENSE) gens_add_rotation(s, 2 * GENS_PI / 12);
  if (which == GENS_DIHEDRAL) cr_ok(w->context, symo_generator_set_add_monomial(s, mirror, NULL));
  if (which == GENS_DIHEDRAL_DENSE) {
    gens_add_rotation(s, 2 * GENS_PI / 7);
    gens_add_matrix(s, reflection);
  }
  if (which == GENS_Q8 || which == GENS_Q8_DENSE) add_quaternions(s);
  if (which == GENS_ICOSAHEDRON) add_icosahedron(s);
  for (size_t i = 0; which == GENS_FLIPS && i < 10; i++) gens_add_flip(s, i);
  if (which != GENS_S5_DENSE && which != GENS_Q8_DENSE) return s;
  generator_set *t = gens_turned(w, s);
  symo_generator_set_destroy(s);
  cr_assert(t->num_monomial == 0 && t->num_dense == 2);
  return t;
}

double gens_distance(size_t n, const double *a, const double *b) {
  double most = 0;
  for (size_t i = 0; i < n; i++) {
    double size = fabs(a[i] - b[i]);
    if (!(size <= most)) most = isnan(size) ? INFINITY : size;
  }
  return most;
}

double gens_orthogonality(size_t d, const double *q) {
  double *gram = symo_dense_new(d, d), *one = symo_dense_identity(d, 1);
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++) {
      gram[i * d + j] = 0;
      for (size_t k = 0; k < d; k++) gram[i * d + j] += q[k * d + i] * q[k * d + j];
    }
  double defect = gens_distance(d * d, gram, one);
  free(gram);
  free(one);
  return defect;
}

/* Six signed permutations, three matrices, three Lie generators: the arrays have to grow. */
generator_set *gens_random(gens_world *w, size_t d) {
  generator_set *s = gens_new(w, d);
  double *q = symo_dense_new(d, d);
  for (int k = 0; k < 3; k++) {
    gens_add_cycle(s);
    gens_add_flip(s, (size_t)k % d);
    gens_random_orthogonal(w, d, q);
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
