/* What every row of the registries of solvers and of dampings must satisfy. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "optim/damping/damping.h"
#include "optim/solver/solver.h"
#include "tests/support/testing.h"

enum { M = 6, N = M * M, GUARD = 64 };

static const double powers[] = {-0.25, -0.5, -1};
static const symo_dtype dtypes[] = {SYMO_F32, SYMO_F64};

static char *guarded(size_t bytes) {
  char *p = symo_malloc(bytes + GUARD);
  cr_assert(p != NULL);
  memset(p, 0x5a, bytes + GUARD);
  return p;
}

static void check_guard(const char *p, size_t bytes, const char *name) {
  for (size_t i = 0; i < GUARD; i++) cr_assert(p[bytes + i] == 0x5a, "%s writes beyond", name);
}

/* A symmetric matrix with eigenvalues between 1 and 6, times `scale`. */
static void matrix(symo_dtype dtype, double scale, void *a) {
  for (size_t i = 0; i < M; i++)
    for (size_t j = 0; j < M; j++)
      symo_put(dtype, a, i * M + j, scale * (i == j ? 3 : 1 / (1 + fabs((double)i - (double)j))));
}

/* Root or polar factor of the matrix times `scale`; the status. */
static symo_status run(const symo_solver *s, bool polar, symo_dtype dtype, double power,
                       double scale, void *out) {
  const solver_options o = {dtype, 0, power, s->default_steps, 1e-7};
  const size_t bytes = N * symo_dtype_size(dtype);
  const size_t need = polar ? s->polar_work(dtype, M, M) : s->root_work(dtype, M);
  char *in = guarded(bytes), *to = guarded(bytes), *work = guarded(need);
  solver_report report = {0};
  matrix(dtype, scale, in);
  memcpy(to, out, bytes);
  const size_t calls = symo_alloc_calls();
  const symo_status status = polar ? s->polar(&o, symo_mat_dense(in, M, M), to, &report, work)
                                   : s->root(&o, M, in, to, &report, work);
  cr_assert(symo_alloc_calls() == calls, "%s allocates", s->name);
  check_guard(in, bytes, s->name);
  check_guard(to, bytes, s->name);
  check_guard(work, need, s->name);
  memcpy(out, to, bytes);
  symo_free(in), symo_free(to), symo_free(work);
  return status;
}

static void for_each_case(void (*check)(const symo_solver *s, bool polar, symo_dtype dtype,
                                        double power)) {
  size_t cases = 0;
  for (size_t i = 0; i < symo_solver_count(); i++)
    for (int polar = 0; polar < 2; polar++)
      for (size_t p = 0; p < 3; p++)
        for (size_t d = 0; d < 2; d++) {
          const symo_solver *s = symo_solver_at(i);
          if ((polar ? s->polar == NULL : s->root == NULL) || s->refuse(powers[p]) != NULL)
            continue;
          check(s, polar, dtypes[d], powers[p]);
          cases++;
        }
  cr_assert(cases >= symo_solver_count());
  cr_no_leaks();
}

Test(solver_kit, rows_are_named_and_whole) {
  for (size_t i = 0; i < symo_solver_count(); i++) {
    const symo_solver *s = symo_solver_at(i);
    cr_assert(s->name != NULL && s->summary != NULL && s->summary[0] != '\0');
    cr_assert(symo_solver_find(s->name) == s, "%s is found by its name", s->name);
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

static void check_zero(const symo_solver *s, bool polar, symo_dtype dtype, double power) {
  double out[N] = {0};
  memset(out, 0x3f, sizeof out);
  const symo_status status = run(s, polar, dtype, power, 0, out);
  cr_assert(status >= 0 && (status == SYMO_OK || !polar), "%s: %d", s->name, (int)status);
  for (size_t i = 0; i < N && status == SYMO_OK; i++)
    cr_assert(symo_get(dtype, out, i) == 0, "%s makes something of zero", s->name);
}

Test(solver_kit, zero_gives_zero) { for_each_case(check_zero); }

static void check_not_finite(const symo_solver *s, bool polar, symo_dtype dtype, double power) {
  double out[N] = {0}, before[N] = {0};
  const symo_status status = run(s, polar, dtype, power, (double)NAN, out);
  cr_assert(status == SYMO_NO_CONVERGENCE, "%s: %d", s->name, (int)status);
  cr_assert(polar || memcmp(out, before, sizeof out) == 0, "%s writes a root", s->name);
}

Test(solver_kit, what_is_not_finite_is_no_convergence) { for_each_case(check_not_finite); }

/* root(t C) = t^power root(C);  polar(t x) = t^(1 + 2 power) polar(x).  t is a power of two. */
static void check_scale(const symo_solver *s, bool polar, symo_dtype dtype, double power) {
  const double scales[] = {0x1p-100, 0x1p60};
  double base[N] = {0}, again[N] = {0};
  const symo_status status = run(s, polar, dtype, power, 1, base);
  cr_assert(status == SYMO_OK, "%s: %d", s->name, (int)status);
  cr_assert(run(s, polar, dtype, power, 1, again) == SYMO_OK);
  cr_assert(memcmp(base, again, sizeof base) == 0, "%s: two runs differ", s->name);
  for (size_t k = 0; k < 2; k++) {
    double out[N] = {0}, error = 0, size = 0;
    const double by = pow(scales[k], polar ? 1 + 2 * power : power);
    if (dtype == SYMO_F32 && !(by < 1e38 && by > 1e-37)) continue;
    cr_assert(run(s, polar, dtype, power, scales[k], out) == SYMO_OK, "%s", s->name);
    for (size_t i = 0; i < N; i++) {
      const double wanted = by * symo_get(dtype, base, i);
      error += pow((symo_get(dtype, out, i) - wanted) / by, 2);
      size += pow(wanted / by, 2);
    }
    /* Matrices are brought to size 1 by a power of two before anything is rounded. */
    const double bound = 100 * M * symo_epsilon(dtype);
    cr_assert(sqrt(error / size) <= bound, "%s, %s, power %g: %g", s->name, symo_dtype_name(dtype),
              power, sqrt(error / size));
  }
}

Test(solver_kit, scales_as_powers_do) { for_each_case(check_scale); }

Test(damping_kit, rows_are_named_and_updates_are_finite) {
  const double ratios[] = {-1, 0, 0.1, 0.5, 0.9, 10, (double)NAN, (double)INFINITY};
  for (size_t i = 0; i < symo_damping_count(); i++) {
    const symo_damping *d = symo_damping_at(i);
    cr_assert(d->name != NULL && d->summary != NULL && d->summary[0] != '\0');
    cr_assert(symo_damping_find(d->name) == d, "%s is found by its name", d->name);
    cr_assert(d->needs_ratio == (d->update != NULL), "%s", d->name);
    for (size_t k = 0; k < 8 && d->update != NULL; k++) {
      bool accept = ratios[k] <= 0;
      const double next = d->update(1e-3, ratios[k], &accept);
      cr_assert(next > 0 && next < 1, "%s: %g", d->name, next);
      cr_assert(accept == (isfinite(ratios[k]) && ratios[k] > 0), "%s at %g", d->name, ratios[k]);
    }
  }
}
