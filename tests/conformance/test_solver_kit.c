/* What every row of the registries of solvers and of dampings must satisfy.  Every call is watched
 * as tests/support/solvers.h says: no allocation, nothing written behind its arrays, finite and
 * symmetric answers or none. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/alloc.h"
#include "optim/damping/damping.h"
#include "optim/modules.h"
#include "optim/solver/solver.h"
#include "tests/support/solvers.h"
#include "tests/support/testing.h"

enum { POWERS = 4, SHAPES = 7, WIDE = 9, MOST = 160 * 96 };

static const double powers[POWERS] = {-0.25, -0.3, -0.5, -1};
static const symo_dtype dtypes[] = {SYMO_F64, SYMO_F32};
/* Square, wide, tall, one row, one column, one number.  Roots have the order of the rows. */
static const size_t shapes[SHAPES][2] = {{6, 6}, {2, 2}, {4, 9}, {9, 4}, {1, 7}, {7, 1}, {1, 1}};

/* A matrix known by its singular values, of condition COND (polar), or its eigenvalues (root). */
enum { COND = 4 };
typedef struct input {
  const symo_solver *s;
  bool polar;
  solver_options o;
  size_t rows, cols;
  int view; /* how polar's matrix is stored: dense, with a leading dimension, column-major */
  char text[160];
} input;

static size_t size_of(const input *in) { return in->rows * (in->polar ? in->cols : in->rows); }
static size_t order_of(const input *in) {
  return in->polar && in->cols < in->rows ? in->cols : in->rows;
}

/* The matrix of these singular or eigenvalues; its vectors are always the same, random ones. */
static void make(const input *in, const double *values, double *out) {
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 5);
  if (in->polar)
    solvers_matrix(rng, in->rows, in->cols, values, out);
  else
    solvers_spd(rng, in->rows, values, out);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
}

/* Singular values of 3 down to 3 / COND, or eigenvalues down to 3 / COND^2, and the matrix. */
static void draw(const input *in, double *values, double *a) {
  const double condition = in->polar ? COND : COND * COND;
  solvers_log_spaced(order_of(in), condition, values);
  for (size_t i = 0; i < order_of(in); i++) values[i] *= 3;
  make(in, values, a);
}

static symo_status run(const input *in, const double *a, double *out) {
  solver_report report = {0};
  return in->polar ? solvers_polar(in->s, &in->o, in->rows, in->cols, in->view, a, out, &report)
                   : solvers_root(in->s, &in->o, in->rows, a, out, &report);
}

static void must_run(const input *in, const double *a, double *out) {
  const symo_status status = run(in, a, out);
  cr_assert(status == SYMO_OK, "%s: %s", in->text, symo_status_name(status));
}

static void name_input(input *in) {
  snprintf(in->text, sizeof in->text, "%s %s, %zu x %zu, view %d, power %g, eps %g, %s",
           in->s->name, in->polar ? "polar" : "root", in->rows, in->polar ? in->cols : in->rows,
           in->view, in->o.power, in->o.eps, symo_dtype_name(in->o.dtype));
}

/* Every row, slot, power that the row takes, type of numbers, shape and view, with eps. */
static void for_each_case(double eps, void (*check)(const input *in)) {
  size_t cases = 0;
  for (size_t i = 0; i < solvers_count() * 2 * POWERS * 2 * SHAPES * 3; i++) {
    const symo_solver *s = solvers_at(i / (2 * POWERS * 2 * SHAPES * 3));
    const size_t *shape = shapes[i / 3 % SHAPES];
    input in = {.s = s, .view = (int)(i % 3), .rows = shape[0], .cols = shape[1]};
    in.polar = i / (POWERS * 2 * SHAPES * 3) % 2 == 1;
    const double power = powers[i / (2 * SHAPES * 3) % POWERS];
    if (in.polar ? s->polar == NULL : s->root == NULL || in.view > 0) continue;
    if (s->refuse(power) != NULL) continue;
    in.o = solvers_options(s, dtypes[i / (SHAPES * 3) % 2], eps, power);
    name_input(&in);
    check(&in);
    cases++;
  }
  cr_assert(cases >= solvers_count() * 2 * SHAPES);
  cr_no_leaks();
}

Test(solver_kit, rows_are_named_and_whole) {
  for (size_t i = 0; i < solvers_count(); i++) {
    const symo_solver *s = solvers_at(i);
    cr_assert(s->name != NULL && s->summary != NULL && s->summary[0] != '\0');
    for (size_t j = 0; j < i; j++) cr_assert_str_neq(s->name, solvers_at(j)->name);
    cr_assert(s->refuse != NULL && (s->root != NULL || s->polar != NULL), "%s", s->name);
    cr_assert((s->root != NULL) == (s->root_work != NULL && s->root_flops != NULL), "%s", s->name);
    cr_assert((s->polar != NULL) == (s->polar_work != NULL && s->polar_flops != NULL), "%s",
              s->name);
    size_t taken = 0;
    for (int k = 1; k <= 20; k++) {
      const char *why = s->refuse(-0.05 * k);
      taken += why == NULL;
      cr_assert(why == NULL || why[0] != '\0', "%s refuses without a reason", s->name);
    }
    cr_assert(taken > 0, "%s takes no power", s->name);
  }
}

/* ---- what is computed ---- */

/* What a row makes of a singular value that holds `share` of the squares of all: 1, or the value of
 * its polynomials, which two numbers in float64 show. */
static double value_at(const input *in, double share) {
  if (in->s->number == NULL || (in->o.filter == NULL && in->s->takes_cut)) return 1;
  if (share > 1 - 1e-12) return in->s->number(&in->o, 1);
  input two = *in;
  two.polar = true, two.rows = two.cols = 2, two.view = 0, two.o.eps = 0, two.o.dtype = SYMO_F64;
  const double a[] = {sqrt(share), 0, 0, sqrt(1 - share)};
  double out[4];
  must_run(&two, a, out);
  return out[0] / pow(a[0], 1 + 2 * in->o.power);
}

/* A solver may go by the Gram matrix, so rounding is magnified by its condition, at most COND^2, or
 * by how fast the polynomials of a row rise from zero. */
static double condition_of(const input *in) {
  const double least = 1e-6, condition = COND * COND;
  if (in->s->fits) return fmax(condition, pow(in->o.filter->shape.cut, 2 * in->o.power));
  if (in->s->number == NULL) return condition;
  return fmax(condition, value_at(in, least * least) / least);
}

/* Against eigenvectors known from how the case was made, in float64. */
static void check_oracle(const input *in) {
  const size_t n = order_of(in);
  double values[WIDE], wanted_values[WIDE], a[WIDE * WIDE], out[WIDE * WIDE], wanted[WIDE * WIDE];
  double sum = 0, norm = 0;
  draw(in, values, a);
  for (size_t i = 0; i < n; i++) {
    const double square = (in->polar ? values[i] * values[i] : values[i]) + in->o.eps;
    sum += square;
    norm = hypot(norm, square);
  }
  for (size_t i = 0; i < n; i++) {
    const double square = (in->polar ? values[i] * values[i] : values[i]) + in->o.eps;
    wanted_values[i] =
        in->s->fits ? pow(norm, in->o.power) * symo_filter_polynomial(in->o.filter, square / norm)
                    : pow(square, in->o.power) * value_at(in, square / sum);
    if (in->polar) wanted_values[i] *= values[i];
  }
  make(in, wanted_values, wanted);
  must_run(in, a, out);
  const double bound = symo_test_bound(in->o.dtype, in->rows + in->cols, condition_of(in));
  const double error = symo_test_rel(out, wanted, size_of(in));
  cr_assert(error <= bound, "%s: %g, bound %g", in->text, error, bound);
}

Test(solver_kit, powers_are_those_of_eigenvalues) { for_each_case(0, check_oracle); }
Test(solver_kit, eps_is_added_to_eigenvalues) { for_each_case(0.25, check_oracle); }

static void check_zero(const input *in) {
  double a[WIDE * WIDE] = {0}, out[WIDE * WIDE];
  must_run(in, a, out);
  cr_assert(symo_test_max(out, size_of(in)) == 0, "%s makes something of zero", in->text);
}

Test(solver_kit, zero_gives_zero) { for_each_case(0, check_zero); }

static void check_not_finite(const input *in) {
  const double bad[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
  double values[WIDE], a[WIDE * WIDE], out[WIDE * WIDE];
  for (size_t i = 0; i < 6; i++) {
    draw(in, values, a);
    a[i < 3 ? 0 : size_of(in) - 1] = bad[i % 3];
    const symo_status status = run(in, a, out);
    cr_assert(status == SYMO_NO_CONVERGENCE, "%s of %g: %s", in->text, bad[i % 3],
              symo_status_name(status));
  }
}

Test(solver_kit, what_is_not_finite_is_no_convergence) { for_each_case(0, check_not_finite); }

/* root(t C) = t^power root(C);  polar(t x) = t^(1 + 2 power) polar(x).  t is a power of two:
 * matrices are brought to size 1 by another before anything is rounded, and only the power of t is
 * rounded in the end. */
static void check_scale(const input *in) {
  const int exponents[] = {-100, 60};
  double values[WIDE], a[WIDE * WIDE], base[WIDE * WIDE], again[WIDE * WIDE], out[WIDE * WIDE];
  draw(in, values, a);
  must_run(in, a, base);
  must_run(in, a, again);
  cr_assert(memcmp(base, again, size_of(in) * sizeof *base) == 0, "%s: two runs differ", in->text);
  for (size_t k = 0; k < 2; k++) {
    double scaled[WIDE * WIDE], wanted[WIDE * WIDE];
    const double by = exp2(exponents[k] * (in->polar ? 1 + 2 * in->o.power : in->o.power));
    if (in->o.dtype == SYMO_F32 && !(by < 1e36 && by > 1e-36)) continue;
    for (size_t i = 0; i < size_of(in); i++) {
      scaled[i] = ldexp(a[i], exponents[k]);
      wanted[i] = by * base[i];
    }
    must_run(in, scaled, out);
    const double error = symo_test_rel(out, wanted, size_of(in));
    cr_assert(error <= symo_test_bound(in->o.dtype, 1, 1), "%s times 2^%d: %g", in->text,
              exponents[k], error);
  }
}

Test(solver_kit, scales_as_powers_do) { for_each_case(0, check_scale); }

/* Large enough for BLAS to use its threads. */
Test(solver_kit, threads_change_rounding_only) {
  double *a = calloc(5 * MOST, sizeof *a), values[96];
  double *one = a + MOST, *two = one + MOST, *again = two + MOST;
  cr_assert(a != NULL);
  for (size_t i = 0; i < 4 * solvers_count(); i++) {
    input in = {.s = solvers_at(i / 4), .polar = i % 2 == 1, .rows = 96, .cols = 160};
    const double power = in.s->refuse(-0.5) != NULL ? -1 : -0.5;
    in.o = solvers_options(in.s, dtypes[i / 2 % 2], 0, power);
    if (in.polar ? in.s->polar == NULL : in.s->root == NULL) continue;
    name_input(&in);
    draw(&in, values, a);
    cr_assert(symo_set_threads(1) == SYMO_OK);
    must_run(&in, a, one);
    cr_assert(symo_set_threads(2) == SYMO_OK);
    must_run(&in, a, two);
    must_run(&in, a, again);
    cr_assert(memcmp(two, again, size_of(&in) * sizeof *two) == 0, "%s: two runs differ", in.text);
    const double error = symo_test_rel(two, one, size_of(&in));
    cr_assert(error <= symo_test_bound(in.o.dtype, 160, condition_of(&in)), "%s: %g", in.text,
              error);
  }
  free(a);
  cr_no_leaks();
}

Test(damping_kit, rows_are_named_and_updates_are_finite) {
  const double ratios[] = {-1, 0, 0.1, 0.5, 0.9, 10, (double)NAN, (double)INFINITY};
  const symo_registry dampings = symo_modules(MODULE_DAMPING);
  for (size_t i = 0; i < dampings.count; i++) {
    const symo_damping *d = dampings.rows[i];
    cr_assert(d->name != NULL && d->summary != NULL && d->summary[0] != '\0');
    cr_assert(d->needs_ratio == (d->update != NULL), "%s", d->name);
    for (size_t k = 0; k < 8 && d->update != NULL; k++) {
      bool accept = ratios[k] <= 0;
      const double next = d->update(1e-3, ratios[k], &accept);
      cr_assert(next > 0 && next < 1, "%s: %g", d->name, next);
      cr_assert(accept == (isfinite(ratios[k]) && ratios[k] > 0), "%s at %g", d->name, ratios[k]);
    }
  }
}
