#include "tests/support/factors.h"

#include <math.h>

static void *random_array(symo_dtype dtype, symo_rng *rng, size_t n) {
  double *x = symo_calloc(n, sizeof *x);
  void *out = symo_calloc(n, symo_dtype_size(dtype));
  cr_assert(x != NULL && out != NULL);
  symo_test_randn(rng, x, n);
  symo_test_pack(dtype, x, out, n);
  symo_free(x);
  return out;
}

static void *zeros(symo_dtype dtype, size_t n) {
  void *out = symo_calloc(n, symo_dtype_size(dtype));
  cr_assert(out != NULL);
  return out;
}

factor_case factor_case_create(const symo_problem *problem, symo_sharing sharing, size_t columns,
                               bool moments, symo_rng *rng) {
  factor_case f = {.problem = problem, .columns = columns, .moments = moments};
  const symo_dtype t = problem->dtype;
  f.sums = symo_calloc(problem->num_sites, sizeof *f.sums);
  cr_assert(f.sums != NULL);
  for (size_t s = 0; s < problem->num_sites; s++) {
    const symo_factor_site *site = &problem->sites[s];
    symo_factor_sums *x = &f.sums[s];
    *x = (symo_factor_sums){.dtype = t, .sharing = sharing, .bias = site->bias != SYMO_NONE};
    const size_t m = symo_factor_width(site, x), n = site->outputs;
    x->input_columns = site->table ? 0 : columns, x->output_columns = columns;
    if (columns > 0 && !site->table) x->input_tests = random_array(t, rng, m * columns);
    if (columns > 0) x->output_tests = random_array(t, rng, n * columns);
    x->inputs = zeros(t, site->table ? m : columns > 0 ? m * columns : m * m);
    x->outputs = zeros(t, n * (columns > 0 ? columns : n));
    if (!moments) continue;
    if (!site->table) x->input_basis = random_array(t, rng, m * m);
    x->output_basis = random_array(t, rng, n * n);
    x->moments = zeros(t, n * m);
  }
  return f;
}

void factor_case_clear(factor_case *f) {
  for (size_t s = 0; s < f->problem->num_sites; s++)
    symo_factor_sums_clear(&f->problem->sites[s], &f->sums[s]);
}

void factor_case_destroy(factor_case *f) {
  for (size_t s = 0; s < f->problem->num_sites; s++) {
    symo_factor_sums *x = &f->sums[s];
    symo_free((void *)(uintptr_t)x->input_tests);
    symo_free((void *)(uintptr_t)x->output_tests);
    symo_free((void *)(uintptr_t)x->input_basis);
    symo_free((void *)(uintptr_t)x->output_basis);
    symo_free(x->inputs);
    symo_free(x->outputs);
    symo_free(x->moments);
  }
  symo_free(f->sums);
}

symo_factor_request factor_case_request(factor_case *f, symo_fisher fisher) {
  return (symo_factor_request){
      .fisher = fisher, .num_sites = f->problem->num_sites, .sums = f->sums};
}

/* ---- by definition ---- */

static double number(const symo_factor_sums *s, const void *p, size_t i) {
  return s->dtype == SYMO_F32 ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

/* sum_r x_r x_r' of rows x [n, m]; the mean or the sum of positions comes before. */
static void outer(size_t n, size_t m, const double *x, double *out) {
  memset(out, 0, m * m * sizeof *out);
  for (size_t r = 0; r < n; r++)
    for (size_t i = 0; i < m; i++)
      for (size_t j = 0; j < m; j++) out[i * m + j] += x[r * m + i] * x[r * m + j];
}

/* Rows [n, m] that are one for each example: factor times the sum of its r rows. */
static double *summed(size_t n, size_t r, size_t m, double factor, const double *x) {
  double *out = symo_calloc(n * m, sizeof *out);
  for (size_t e = 0; e < n * r; e++)
    for (size_t i = 0; i < m; i++) out[e / r * m + i] += factor * x[e * m + i];
  return out;
}

static double compare(const symo_factor_sums *s, size_t m, size_t columns, const void *tests,
                      bool diagonal, const double *want, double scale, double count,
                      const void *got) {
  const size_t width = diagonal ? 1 : columns > 0 ? columns : m;
  const bool tested = columns > 0 && !diagonal;
  double off = 0, all = 0;
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < width; j++) {
      double x = 0;
      if (tested)
        for (size_t k = 0; k < m; k++) x += want[i * m + k] * scale * number(s, tests, j * m + k);
      else
        x = want[i * m + (diagonal ? i : j)] * scale;
      if (columns == 0 && !diagonal && j > i) continue; /* lower triangles */
      const double y = number(s, got, tested ? j * m + i : i * width + j) / count;
      off += (x - y) * (x - y), all += x * x;
    }
  return off == 0 ? 0 : sqrt(off / all);
}

/* E of the squares of V_g D V_a'. */
static double compare_moments(const symo_factor_sums *s, size_t n, size_t r, size_t m, size_t out,
                              const double *a, const double *d) {
  double off = 0, all = 0;
  for (size_t i = 0; i < out; i++)
    for (size_t j = 0; j < m; j++) {
      double want = 0;
      for (size_t e = 0; e < n; e++) {
        double entry = 0;
        for (size_t p = e * r; p < (e + 1) * r; p++) {
          double x = s->input_basis == NULL ? a[p * m + j] : 0, y = 0;
          for (size_t k = 0; k < m && s->input_basis != NULL; k++)
            x += number(s, s->input_basis, j * m + k) * a[p * m + k];
          for (size_t k = 0; k < out; k++)
            y += number(s, s->output_basis, i * out + k) * d[p * out + k];
          entry += x * y;
        }
        want += entry * entry / (double)n;
      }
      const double got = number(s, s->moments, i * m + j) / s->output_count;
      off += (want - got) * (want - got), all += want * want;
    }
  return off == 0 ? 0 : sqrt(off / all);
}

double factor_case_error(const factor_case *f, size_t index, size_t n, size_t r, const double *a,
                         const double *d) {
  const symo_factor_site *site = &f->problem->sites[index];
  const symo_factor_sums *s = &f->sums[index];
  const size_t m = symo_factor_width(site, s), out = site->outputs;
  const bool reduced = s->sharing == SYMO_SHARING_REDUCE && !site->table;
  const size_t rows = reduced ? n : n * r;
  double *wide = symo_calloc(n * r * m, sizeof *wide);
  double *ga = symo_calloc(m * m, sizeof *ga), *gd = symo_calloc(out * out, sizeof *gd);
  for (size_t e = 0; e < n * r; e++)
    for (size_t i = 0; i < m; i++) wide[e * m + i] = i < site->inputs ? a[e * site->inputs + i] : 1;
  double *ra = summed(n, r, m, 1 / (double)r, wide), *rd = summed(n, r, out, 1, d);
  outer(rows, m, reduced ? ra : wide, ga);
  outer(rows, out, reduced ? rd : d, gd);
  double worst = compare(s, m, s->input_columns, s->input_tests, site->table, ga, 1 / (double)rows,
                         s->input_count, s->inputs);
  worst = fmax(worst, compare(s, out, s->output_columns, s->output_tests, false, gd, 1 / (double)n,
                              s->output_count, s->outputs));
  double trace = 0;
  for (size_t i = 0; i < m; i++) trace += ga[i * m + i] / (double)rows;
  if (s->input_columns > 0)
    worst = fmax(worst, fabs(s->input_trace / s->input_count - trace) / trace);
  if (s->moments != NULL) worst = fmax(worst, compare_moments(s, n, r, m, out, wide, d));
  symo_free(wide), symo_free(ga), symo_free(gd), symo_free(ra), symo_free(rd);
  return worst;
}
