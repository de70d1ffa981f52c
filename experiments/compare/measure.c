/* One estimate against the exact matrices: figures, spectrum, image, file. */
#include "experiments/compare/measure.h"
#include "core/alloc.h"
#include "core/error.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- images: matrices made small enough to look at ---- */

double compare_shown(const compare_row *row, bool *of_h) {
  const compare_metrics *m = &row->metrics;
  *of_h = m->cosine_hessian > m->cosine_abs_hessian;
  return *of_h ? m->scale_hessian : m->scale;
}

/* First index of block k of `side` nearly equal ones. */
static size_t edge(size_t k, size_t size, size_t side) {
  return (size_t)(((double)k * (double)size) / (double)side);
}

void compare_image(const double *b, size_t size, double scale, size_t side, double *out) {
  for (size_t r = 0; r < side; r++) {
    size_t i0 = edge(r, size, side), i1 = r + 1 == side ? size : edge(r + 1, size, side);
    for (size_t c = 0; c < side; c++) {
      size_t j0 = edge(c, size, side), j1 = c + 1 == side ? size : edge(c + 1, size, side);
      double sum = 0, squares = 0;
      for (size_t i = i0; i < i1; i++)
        for (size_t j = j0; j < j1; j++) {
          double x = b[i * size + j];
          sum += x;
          squares += x * x;
        }
      double mean = sqrt(squares / (double)((i1 - i0) * (j1 - j0)));
      out[r * side + c] = copysign(mean * fabs(scale), sum * scale);
    }
  }
}

/* ---- figures ---- */

static int descending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x < y) - (x > y);
}

/* Absolute eigenvalues, descending, in b->values. */
symo_status compare_spectrum(compare_bench *b, compare_approx *a, compare_row *row) {
  size_t n = b->run->setup.parameters;
  symo_status status = a->form->eigenvalues(a, b->values);
  if (status != SYMO_OK) return status;
  for (size_t i = 0; i < n; i++) b->values[i] = fabs(b->values[i]);
  qsort(b->values, n, sizeof *b->values, descending);
  row->metrics.spectrum_top = b->values[0];
  if (!b->want->pictures) return SYMO_OK;
  row->spectrum = symo_malloc(n * sizeof *row->spectrum);
  if (row->spectrum == NULL) return symo_fail_memory(a->context, "compare");
  memcpy(row->spectrum, b->values, n * sizeof *row->spectrum);
  return SYMO_OK;
}

symo_status compare_picture(compare_bench *b, const double *dense, double scale, compare_row *row) {
  if (!b->want->pictures) return SYMO_OK;
  size_t side = b->run->side;
  row->image = symo_malloc(side * side * sizeof *row->image);
  if (row->image == NULL) return symo_fail_memory(b->ref.context, "compare");
  compare_image(dense, b->run->setup.parameters, isfinite(scale) ? scale : 0, side, row->image);
  return SYMO_OK;
}

symo_status compare_save(compare_bench *b, const char *name, const double *dense) {
  if (b->want->save == NULL) return SYMO_OK;
  char file[64];
  (void)snprintf(file, sizeof file, "%s.npy", name);
  char *path = cli_join(b->want->save, file);
  if (path == NULL) return symo_fail_memory(b->ref.context, "compare");
  size_t n = b->run->setup.parameters;
  symo_status status = symo_npy_write(b->ref.context, path, dense, n, n);
  symo_free(path);
  return status;
}

/* All figures of one estimate; takes it over. */
symo_status compare_measure(compare_bench *b, compare_approx *a, compare_row *row) {
  symo_status status = SYMO_OK;
  row->stored = a->stored;
  row->metrics = compare_metrics_none();
  SYMO_TRY(a->form->dense(a, b->dense));
  compare_metrics_dense(&b->ref, b->dense, b->scratch, &row->metrics);
  SYMO_TRY(compare_spectrum(b, a, row));
  SYMO_TRY(compare_metrics_damped(&b->ref, a, b->values, &row->metrics));
  double decrease = 0;
  if (b->ref.decrease > 0) {
    SYMO_TRY(compare_best_decrease(&b->ref, a, row->metrics.spectrum_top, &decrease,
                                   &row->metrics.best_damping));
    if (row->metrics.spectrum_top > 0) row->metrics.newton_decrease = decrease / b->ref.decrease;
  }
  bool of_h;
  SYMO_TRY(compare_picture(b, b->dense, compare_shown(row, &of_h), row));
  SYMO_TRY(compare_save(b, row->name, b->dense));
  row->done = true;
fail:
  compare_approx_destroy(a);
  return status;
}

compare_row *compare_row_add(compare_bench *b, const compare_row *like) {
  assert(b->run->count < COMPARE_MAX_ROWS);
  compare_row *row = &b->run->rows[b->run->count++];
  *row = *like;
  row->metrics = compare_metrics_none();
  cli_progress(b->c, "seed %llu: %s", (unsigned long long)b->run->setup.spec.seed, row->name);
  return row;
}
