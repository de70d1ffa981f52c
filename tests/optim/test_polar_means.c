/* Polar factors of matrices whose columns sum to zero, as coordinates of permutation groups do: one
 * singular value is zero, the others are not, and the answer comes without a wider type.  And of
 * those that miss that by little: they have full rank. */
#include <math.h>
#include <stdlib.h>

#include "tests/support/solvers.h"
#include "tests/support/testing.h"

static const symo_dtype dtypes[] = {SYMO_F64, SYMO_F32};
enum { MOST = 64 * 200 };

/* |Y Y' - (I - c v v')|, entry by entry, Y [n, m]; transposed: stored as [m, n]. */
static double defect(size_t n, size_t m, bool transposed, const double *y, double c) {
  double most = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      double sum = 0;
      for (size_t l = 0; l < m; l++)
        sum += transposed ? y[l * n + i] * y[l * n + j] : y[i * m + l] * y[j * m + l];
      most = fmax(most, fabs(sum - (i == j) + c / (double)n));
    }
  return most;
}

/* Columns with the given mean, of numbers of order 1. */
static void draw(symo_rng *rng, size_t n, size_t m, bool transposed, double mean, double *x) {
  for (size_t l = 0; l < m; l++) {
    double sum = 0;
    for (int pass = 0; pass < 2; pass++)
      for (size_t i = 0; i < n; i++) {
        double *at = &x[transposed ? l * n + i : i * m + l];
        if (pass == 0)
          sum += *at = symo_rng_normal(rng);
        else
          *at += mean * (l % 2 == 0 ? 1 : -1) - sum / (double)n;
      }
  }
}

/* lost: how many singular values are zero. */
static void check(double mean, size_t lost) {
  static const size_t shapes[][2] = {{2, 9}, {7, 40}, {30, 200}, {64, 200}, {9, 9}};
  static double x[MOST], y[MOST], s[64];
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 5);
  solver_report report;
  for (size_t k = 0; k < 5; k++)
    for (int variant = 0; variant < 4; variant++) {
      size_t n = shapes[k][0], m = shapes[k][1];
      bool transposed = variant / 2 > 0;
      solver_options o = {.dtype = dtypes[variant % 2], .power = -0.5};
      draw(rng, n, m, transposed, mean, x);
      cr_ok(context, solvers_polar(&symo_solver_eigh, &o, transposed ? m : n, transposed ? n : m,
                                   transposed, x, y, &report));
      solvers_singular_values(transposed ? m : n, transposed ? n : m, x, s);
      double off = defect(n, m, transposed, y, (double)lost), condition = s[0] / s[n - 1 - lost];
      cr_assert(off <= symo_test_bound(o.dtype, n, solvers_polar_condition(o.dtype, condition)),
                "%zux%zu %s: %g, condition %g", n, m, symo_dtype_name(o.dtype), off, condition);
      cr_assert(report.condition >= 1 && report.condition < 1e6);
      cr_assert(report.effective_rank > 0 && report.effective_rank <= (double)n + 0.01);
    }
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(polar_means, zero_means_are_a_zero_singular_value) { check(0, 1); }

Test(polar_means, small_means_are_a_singular_value) { check(1e-2, 0); }
