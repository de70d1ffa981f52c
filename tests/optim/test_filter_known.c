/* Filters that are not fitted anew: the table against the fit, and what a process remembers. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/pool.h"
#include "optim/solver/filter.h"
#include "tests/support/testing.h"

#include <symo/optim.h>

/* A row as it would stand in the table. */
static void print_row(const symo_filter *f) {
  fprintf(stderr, "{{%a, %a, %a}, %d, %a, %a,", f->shape.alpha, f->shape.cut, f->shape.order,
          f->products, f->slope, f->offset);
  const double *lists[] = {f->scale, f->shift, f->weight};
  for (int i = 0; i < 3; i++)
    for (int j = 0, n = f->products + (i == 2 ? 2 : 0); j < n; j++)
      fprintf(stderr, "%s%a%s", j > 0 ? ", " : " {", lists[i][j], j + 1 == n ? "}," : "");
  fprintf(stderr, " %a},\n", f->error);
}

/* The fit ends elsewhere by rounding with other kernels of BLAS, but no worse. */
Test(filter_known, table_is_what_is_fitted) {
  size_t count = 0;
  bool same = true;
  for (const symo_filter *f; (f = symo_filter_known(count)) != NULL; count++) {
    symo_filter fitted;
    cr_assert(symo_filter_compute(&f->shape, f->products, 0, &fitted) == SYMO_OK);
    bool close = fabs(fitted.error / f->error - 1) <= 0.05;
    for (int i = 0; i <= 2000 && close; i++) {
      double s = pow(f->shape.cut / 20, i / 2000.0), half = fmax(s, f->shape.cut / 2);
      double unit = half * symo_filter_value(&f->shape, half * half);
      double a = s * symo_filter_polynomial(f, s * s),
             b = s * symo_filter_polynomial(&fitted, s * s);
      /* Both are within their errors of one function, which the grid of the fit shows to a sixth. */
      close = fabs(a - b) <= 1.15 * (f->error + fitted.error) * unit;
    }
    if (!close) print_row(&fitted);
    same = same && close;
  }
  cr_assert(same, "the rows above differ");
  cr_assert(count == (size_t)2 * SYMO_FILTER_RUNGS);
  cr_no_leaks();
}

/* Presets take theirs from it, whatever their cut is relative to. */
Test(filter_known, presets_are_tabled) {
  static const char *const names[] = {"symo", "symo-coupled", "spectral-newton"};
  symo_context *context = symo_test_context();
  for (int i = 0; i < 3; i++) {
    symo_method m;
    cr_ok(context, symo_method_preset(context, names[i], &m));
    for (int k = -1; k < SYMO_FILTER_RUNGS; k++) {
      const symo_filter_shape shape = {m.alpha, k < 0 ? m.cut : symo_filter_rung_cut(k), m.alpha};
      symo_filter f;
      size_t calls = symo_alloc_calls();
      cr_assert(symo_filter_fit(&shape, m.solver_steps > 0 ? (int)m.solver_steps : 8, 0, &f) ==
                SYMO_OK);
      cr_assert(symo_alloc_calls() == calls, "%s, cut %g is fitted", names[i], shape.cut);
    }
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

enum { SHAPES = 5, TASKS = 40 };

static symo_filter_shape shape_of(size_t index) {
  const double alpha = 0.7 + 0.1 * (double)(index % SHAPES);
  return (symo_filter_shape){alpha, 0.05, alpha};
}

static void fit_one(void *arg, size_t index, int worker) {
  symo_filter *out = arg;
  const symo_filter_shape shape = shape_of(index);
  (void)worker;
  cr_assert(symo_filter_fit(&shape, 2, 0, &out[index]) == SYMO_OK);
}

Test(filter_known, one_fit_serves_all_threads) {
  static symo_filter found[TASKS];
  symo_context *context = symo_test_context();
  symo_pool *pool = NULL;
  cr_ok(context, symo_pool_create(context, 4, &pool));
  (void)symo_set_threads(1);
  symo_pool_run(pool, TASKS, fit_one, found);
  symo_pool_destroy(pool);
  for (size_t i = 0; i < TASKS; i++) {
    symo_filter own, again;
    const symo_filter_shape shape = shape_of(i);
    cr_assert(symo_filter_compute(&shape, 2, 0, &own) == SYMO_OK);
    cr_assert(memcmp(&own, &found[i], sizeof own) == 0, "%zu", i);
    size_t calls = symo_alloc_calls();
    cr_assert(symo_filter_fit(&shape, 2, 0, &again) == SYMO_OK);
    cr_assert(symo_alloc_calls() == calls, "%zu is fitted again", i);
    cr_assert(memcmp(&again, &own, sizeof own) == 0);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

/* More shapes than there is room for: they are fitted each time, and right. */
Test(filter_known, what_there_is_no_room_for_is_fitted) {
  for (int i = 0; i < 100; i++) {
    const symo_filter_shape shape = {1, 0.05 + 0.001 * i, 1};
    symo_filter f, own;
    cr_assert(symo_filter_fit(&shape, 1, 0, &f) == SYMO_OK);
    if (i % 33 != 0) continue;
    cr_assert(symo_filter_compute(&shape, 1, 0, &own) == SYMO_OK);
    cr_assert(memcmp(&f, &own, sizeof f) == 0 && f.shape.cut == shape.cut);
  }
  cr_no_leaks();
}
