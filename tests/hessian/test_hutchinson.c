/* Traces and diagonals by random signs. */
#include <math.h>
#include <stdlib.h>

#include "core/linalg.h"
#include "tests/support/operators.h"
#include "tests/support/world.h"

enum { N = 40 };

static symo_test_matrix diagonal_matrix(symo_dtype dtype, const double *w) {
  symo_test_matrix m = {.n = N, .dtype = dtype, .a = symo_dense_new(N, N)};
  for (size_t i = 0; i < N; i++) m.a[i * N + i] = w[i];
  return m;
}

static double trace_of(const symo_test_matrix *m) {
  double sum = 0;
  for (size_t i = 0; i < m->n; i++) sum += m->a[i * m->n + i];
  return sum;
}

/* One probe is enough for a diagonal matrix. */
Test(hutchinson, exact_on_diagonal_matrices) {
  symo_world w;
  symo_world_open(&w, 91);
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++)
    for (size_t probes = 1; probes <= 3; probes += 2) {
      double spectrum[N], packed[N], found[N], trace, error;
      symo_test_randn(w.rng, spectrum, N);
      symo_test_pack((symo_dtype)dtype, spectrum, packed, N);
      symo_test_unpack((symo_dtype)dtype, packed, spectrum, N);
      symo_test_matrix m = diagonal_matrix((symo_dtype)dtype, spectrum);
      symo_operator a = symo_test_operator(&m);
      cr_ok(w.context, symo_hutchinson(w.context, &a, probes, w.rng, &trace, &error, packed));
      cr_assert(m.products == probes);
      cr_assert(fabs(trace - trace_of(&m)) <= symo_test_bound((symo_dtype)dtype, N, 1));
      cr_assert(probes == 1 ? isnan(error) : error <= symo_test_bound((symo_dtype)dtype, N, 1));
      symo_test_unpack((symo_dtype)dtype, packed, found, N);
      cr_assert(symo_test_rel(found, spectrum, N) <= symo_test_bound((symo_dtype)dtype, 1, 1));
      symo_test_matrix_drop(&m);
    }
  symo_world_close(&w);
}

/* Means over many calls are within 5 standard errors, and the errors that are said are theirs. */
Test(hutchinson, unbiased) {
  symo_world w;
  symo_world_open(&w, 92);
  enum { CALLS = 400 };
  double spectrum[N], trace, error, diagonal[N], mean[N] = {0}, squares[N] = {0};
  for (size_t i = 0; i < N; i++) spectrum[i] = (i % 3 == 0 ? -1 : 1) * pow(0.9, (double)i);
  symo_test_matrix m = symo_test_matrix_of(w.rng, SYMO_F64, N, spectrum);
  symo_operator a = symo_test_operator(&m);
  for (int plus = 0; plus < 2; plus++) {
    double sum = 0, square = 0, said = 0;
    for (int c = 0; c < CALLS; c++) {
      if (plus)
        cr_ok(w.context, symo_hutchpp(w.context, &a, 18, w.rng, &trace, &error));
      else
        cr_ok(w.context, symo_hutchinson(w.context, &a, 6, w.rng, &trace, &error, diagonal));
      sum += trace / CALLS;
      square += trace * trace / CALLS;
      said += error * error / CALLS;
      for (size_t i = 0; !plus && i < N; i++) {
        mean[i] += diagonal[i] / CALLS;
        squares[i] += diagonal[i] * diagonal[i] / CALLS;
      }
    }
    double variance = square - sum * sum;
    cr_assert(fabs(sum - trace_of(&m)) <= 5 * sqrt(variance / CALLS), "%d: %g for %g", plus, sum,
              trace_of(&m));
    /* Both estimate one variance from some 2000 numbers. */
    cr_assert(said >= 0.7 * variance && said <= 1.4 * variance, "%d: %g for %g", plus, said,
              variance);
  }
  for (size_t i = 0; i < N; i++) {
    double limit = 5 * sqrt((squares[i] - mean[i] * mean[i]) / CALLS);
    cr_assert(fabs(mean[i] - m.a[i * N + i]) <= limit, "%zu: %g for %g", i, mean[i],
              m.a[i * N + i]);
  }
  symo_test_matrix_drop(&m);
  symo_world_close(&w);
}

/* Nothing is left to chance below a third of the products, and little where the spectrum decays. */
Test(hutchinson, hutchpp_finds_what_decays) {
  symo_world w;
  symo_world_open(&w, 93);
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++)
    for (int scale = -1; scale <= 1; scale++) {
      const double unit = ldexp(1, scale * (dtype == SYMO_F32 ? 60 : 600));
      double spectrum[N], trace, error, plain;
      for (size_t i = 0; i < N; i++) spectrum[i] = i < 4 ? unit * (double)(i + 1) : 0;
      symo_test_matrix m = symo_test_matrix_of(w.rng, (symo_dtype)dtype, N, spectrum);
      symo_operator a = symo_test_operator(&m);
      cr_ok(w.context, symo_hutchpp(w.context, &a, 18, w.rng, &trace, &error));
      cr_assert(m.products <= 18);
      double rounding = symo_test_bound((symo_dtype)dtype, N, 10) * unit;
      cr_assert(fabs(trace - 10 * unit) <= rounding && error <= rounding, "%g", trace);
      symo_test_matrix_drop(&m);
      for (size_t i = 0; i < N; i++) spectrum[i] = unit / (double)((i + 1) * (i + 1));
      m = symo_test_matrix_of(w.rng, (symo_dtype)dtype, N, spectrum);
      a = symo_test_operator(&m);
      cr_ok(w.context, symo_hutchpp(w.context, &a, 30, w.rng, &trace, &error));
      cr_ok(w.context, symo_hutchinson(w.context, &a, 30, w.rng, &trace, &plain, NULL));
      cr_assert(error < plain / 4, "%g, %g", error, plain);
      symo_test_matrix_drop(&m);
    }
  symo_world_close(&w);
}

/* A space smaller than a third of the products, and a product that fails. */
Test(hutchinson, small_spaces_and_failures) {
  symo_world w;
  symo_world_open(&w, 94);
  double spectrum[3] = {1, -2, 4}, trace, error;
  symo_test_matrix m = symo_test_matrix_of(w.rng, SYMO_F64, 3, spectrum);
  symo_operator a = symo_test_operator(&m);
  cr_ok(w.context, symo_hutchpp(w.context, &a, 30, w.rng, &trace, &error));
  cr_assert(fabs(trace - 3) <= symo_test_bound(SYMO_F64, 30, 10), "%g", trace);
  m.later = SYMO_E_IO;
  for (size_t k = 1; k < 8; k++) {
    m.products = 0;
    m.fail_after = k;
    cr_fails(w.context, SYMO_E_IO, "hutchpp: the product of matrix",
             symo_hutchpp(w.context, &a, 12, w.rng, &trace, &error));
  }
  m.products = 0;
  m.fail_after = 2;
  cr_fails(w.context, SYMO_E_IO, "hutchinson: the product of matrix",
           symo_hutchinson(w.context, &a, 3, w.rng, &trace, &error, NULL));
  symo_test_matrix_drop(&m);
  symo_world_close(&w);
}
