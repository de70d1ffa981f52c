/* Random elements and exponentials, against enumeration and the moments of Haar measure. */
#include <math.h>
#include <stdlib.h>

#include "groups/rotation.h"
#include "tests/support/dense.h"
#include "tests/support/generated.h"

/* ---- exponentials ---- */

/* exp(t A / |A|) for A that turns planes of coordinates, by sines and cosines; and for B A B',
 * whose |A| is the lesser of the two bounds. */
Test(random_element, exponentials) {
  enum { D = 7 };
  static const double frequency[] = {3, 0.5, 1}; /* of (0, 1), (2, 3), (4, 5); 6 stays */
  gens_world w = gens_begin(17);
  double b[D * D], bt[D * D], a[D * D] = {0}, scratch[SYMO_EXP_SCRATCH * D * D], q[D * D];
  gens_random_orthogonal(&w, D, b);
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
      double off = gens_distance((size_t)D * D, q, turned_too ? beb : e);
      cr_assert(off <= symo_test_bound(SYMO_F64, D, 1 + fabs(times[n])), "%d, t = %g: %g",
                turned_too, times[n], off);
      free(be);
      free(beb);
    }
  free(ba);
  free(bab);
  gens_end(&w);
}

/* Only the antisymmetric part counts.  That of the shift of three coordinates turns about
 * k = (1, 1, 1) / sqrt(3), by Rodrigues' formula R = cos t + sin t K + (1 - cos t) k k', though no two
 * coordinates are a pair; a diagonal beside one pair turns nothing, and a symmetric matrix neither. */
Test(random_element, exponentials_of_matrices_that_are_not_antisymmetric) {
  enum { D = 3 };
  static const double shift[D * D] = {0, 0, 1, 1, 0, 0, 0, 1, 0};
  static const double pair[D * D] = {0, -2, 0, 2, 0, 0, 0, 0, 5};
  static const double symmetric[D * D] = {1, 4, 0, 4, -7, 0, 0, 0, 3};
  static const double times[] = {0.3, -2, 1};
  double q[D * D], scratch[SYMO_EXP_SCRATCH * D * D];
  for (int n = 0; n < 3; n++) {
    const double t = times[n], c = cos(t), s = sin(t) / sqrt(3), k = (1 - c) / 3;
    const double about[D * D] = {c + k, k - s, k + s, k + s, c + k, k - s, k - s, k + s, c + k};
    const double plane[D * D] = {c, -sin(t), 0, sin(t), c, 0, 0, 0, 1};
    symo_rotation_identity(D, q);
    symo_rotation_exp(D, shift, t, q, scratch);
    cr_assert(gens_distance(D * D, q, about) <= symo_test_bound(SYMO_F64, D, 2), "shift, t = %g",
              t);
    symo_rotation_identity(D, q);
    symo_rotation_exp(D, pair, t, q, scratch);
    cr_assert(gens_distance(D * D, q, plane) <= symo_test_bound(SYMO_F64, D, 2), "pair, t = %g", t);
    symo_rotation_exp(D, symmetric, t, q, scratch);
    cr_assert(gens_distance(D * D, q, plane) <= symo_test_bound(SYMO_F64, D, 2), "t = %g", t);
  }
}

/* ---- random elements ---- */

enum { DRAWS = 4000 };

/* Against the average over all: every entry, and every product of two, within 5 standard errors;
 * every draw is an element. */
static void check_finite(gens_world *w, int which) {
  generator_set *s = gens_finite(w, which);
  size_t d = s->dim, size = d * d, count = 0;
  double *all, *q = symo_dense_new(d, d), *mean = calloc(size * size + size, sizeof *mean);
  void *work = malloc(symo_random_element_work(s));
  cr_ok(w->context, symo_enumerate(s, 2000, &count, &all));
  for (int n = 0; n < DRAWS; n++) {
    symo_random_element(s, w->rng, q, work);
    double nearest = INFINITY;
    for (size_t k = 0; k < count && nearest > 0.001; k++)
      nearest = fmin(nearest, gens_distance(size, q, all + k * size));
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

Test(random_element, finite_groups) {
  gens_world w = gens_begin(11);
  for (int which = 0; which < GENS_FINITE; which++) check_finite(&w, which);
  gens_end(&w);
}

/* SO(2): E q_ij = 0.  SO(d), d >= 3, and O(d): E q_ij q_kl = [i = k][j = l] / d.  The determinant:
 * 1 always, or both signs as often. */
static void check_rotations(gens_world *w, const generator_set *s, bool reflections) {
  size_t d = s->dim, size = d * d;
  double *q = symo_dense_new(d, d), *one = calloc(size, sizeof *one);
  double *two = calloc(2 * size * size, sizeof *two), *four = two + size * size, traces[2] = {0};
  void *work = malloc(symo_random_element_work(s));
  for (int n = 0; n < DRAWS; n++) {
    symo_random_element(s, w->rng, q, work);
    cr_assert(n > 100 || gens_orthogonality(d, q) <= 1e-12);
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

Test(random_element, rotations) {
  gens_world w = gens_begin(12);
  generator_set *so2 = gens_new(&w, 2), *so3 = gens_new(&w, 3), *o4 = gens_new(&w, 4);
  gens_add_plane(so2, 0, 1, 1e-200);
  check_rotations(&w, so2, false);
  gens_add_plane(so3, 0, 1, 3);
  gens_add_plane(so3, 1, 2, 1e200);
  check_rotations(&w, so3, false);
  generator_set *general = gens_turned(&w, so3); /* no plane of coordinates: by the series */
  check_rotations(&w, general, false);
  for (size_t i = 0; i < 3; i++) gens_add_plane(o4, i, i + 1, 1);
  gens_add_flip(o4, 0);
  check_rotations(&w, o4, true);
  symo_generator_set_destroy(so2);
  symo_generator_set_destroy(so3);
  symo_generator_set_destroy(general);
  symo_generator_set_destroy(o4);
  gens_end(&w);
}

/* The same seed gives the same element, whatever was drawn or lies in the work space before. */
Test(random_element, no_memory) {
  gens_world w = gens_begin(13);
  generator_set *sets[] = {gens_random(&w, 5), gens_finite(&w, GENS_S5), gens_new(&w, 4)};
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
  gens_end(&w);
}

enum { FEWER = 2000 };

/* Few generators, or many, far from most elements: fixed points of S_64 (mean and variance 1), and
 * the square of the trace of sign flips (mean d). */
Test(random_element, far_from_the_generators) {
  gens_world w = gens_begin(14);
  generator_set *few = gens_new(&w, 64), *many = gens_new(&w, 64), *flips = gens_new(&w, 48);
  gens_add_cycle(few);
  gens_add_swap(few, 0, 1);
  for (size_t i = 0; i + 1 < 64; i++) gens_add_swap(many, i, i + 1);
  for (size_t i = 0; i < 48; i++) gens_add_flip(flips, i);
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
  gens_end(&w);
}
