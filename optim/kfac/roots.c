/* Eigenbases of both factors of a site, and second moments that go along. */
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/linalg.h"
#include "optim/kfac/kfac.h"

static size_t square_bytes(const kfac_curvature *c, size_t n) {
  return symo_padded(n * n * symo_dtype_size(c->dtype));
}

static size_t largest(const kfac_block *b) { return b->a.n > b->g.n ? b->a.n : b->g.n; }

/* Two squares, values, and what the decomposition takes; or, for moments, a square and the moments
 * between. */
size_t symo_kfac_root_work(const kfac_curvature *c, const kfac_block *b) {
  const size_t n = largest(b);
  if (c->method.rank > 0) return 0;
  return 2 * square_bytes(c, n) + symo_padded(n * sizeof(double)) +
         symo_padded(b->a.n * b->g.n * symo_dtype_size(c->dtype)) + symo_eigh_work(c->dtype, n);
}

static void square(symo_dtype dtype, size_t n, void *x) {
  for (size_t i = 0; i < n; i++) {
    const double v = symo_get(dtype, x, i);
    symo_put(dtype, x, i, v * v);
  }
}

/* M <- R M or M R' with R = (V_new V_old')^2, entry by entry; overlap: room for R. */
static void move_moments(const kfac_curvature *c, const kfac_block *b, bool inputs,
                         const void *fresh, const void *old, void *moments, void *overlap,
                         void *room) {
  const symo_dtype t = c->dtype;
  const size_t n = inputs ? b->a.n : b->g.n;
  symo_mat r = symo_mat_dense(overlap, n, n);
  symo_mat m = symo_mat_dense(moments, b->g.n, b->a.n), to = symo_mat_dense(room, b->g.n, b->a.n);
  symo_gemm(t, 1, symo_mat_dense((void *)(uintptr_t)fresh, n, n),
            symo_mat_t(symo_mat_dense((void *)(uintptr_t)old, n, n)), 0, r);
  square(t, n * n, overlap);
  if (inputs)
    symo_gemm(t, 1, m, symo_mat_t(r), 0, to);
  else
    symo_gemm(t, 1, r, m, 0, to);
  memcpy(moments, room, b->g.n * b->a.n * symo_dtype_size(t));
}

/* What the kept vectors leave of C off the diagonal: |V C V'|^2 - |diag|^2, and the diagonal. 
 * full: C with both triangles, then V C. */
static bool is_good(const kfac_curvature *c, const kfac_side *s, void *const *state, void *full,
                    void *product, double *diagonal) {
  const symo_dtype t = c->dtype;
  const size_t n = s->n;
  memcpy(full, state[s->sum], n * n * symo_dtype_size(t));
  symo_symmetrize(t, n, full);
  symo_gemm(t, 1, symo_mat_dense(state[s->basis], n, n), symo_mat_dense(full, n, n), 0,
            symo_mat_dense(product, n, n));
  const double norm = symo_nrm2(t, n * n, product);
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    const ptrdiff_t at = (ptrdiff_t)(i * n);
    diagonal[i] = fmax(symo_dot(t, n, symo_at(t, state[s->basis], at), symo_at(t, product, at)), 0);
    sum += diagonal[i] * diagonal[i];
  }
  return norm > 0 && fmax(norm * norm - sum, 0) <= pow(c->method.skip_tolerance * norm, 2);
}

static void report_values(size_t n, const double *w, curvature_report *report) {
  double sum = 0, squares = 0, most = 0, least = INFINITY;
  for (size_t i = 0; i < n; i++) {
    sum += w[i], squares += w[i] * w[i];
    most = fmax(most, w[i]), least = fmin(least, w[i]);
  }
  const double rank = squares > 0 ? sum * sum / squares : NAN;
  if (least > 0) report->condition = fmax(report->condition, most / least);
  if (isnan(report->effective_rank) || rank < report->effective_rank) report->effective_rank = rank;
}

void symo_kfac_take_diagonal(const kfac_curvature *c, const kfac_side *s, void *const *state) {
  double *values = state[s->values];
  for (size_t i = 0; i < s->n; i++) values[i] = fmax(symo_get(c->dtype, state[s->sum], i), 0);
  symo_kfac_numbers(s, state)[KFAC_TAKEN] = 1;
}

/* *kept: the vectors are good enough; the values are new in any case. */
static symo_status refresh_side(const kfac_curvature *c, const kfac_block *b, bool inputs,
                                void *const *state, curvature_report *report, bool *kept,
                                char *work) {
  const kfac_side *s = inputs ? &b->a : &b->g;
  const symo_dtype t = c->dtype;
  const size_t n = s->n, most = largest(b);
  double *numbers = symo_kfac_numbers(s, state), *values = state[s->values];
  char *first = work, *second = first + square_bytes(c, most);
  double *w = (double *)(void *)(second + square_bytes(c, most));
  char *moments = (char *)w + symo_padded(most * sizeof *w);
  char *room = moments + symo_padded(b->a.n * b->g.n * symo_dtype_size(t));
  const bool taken = numbers[KFAC_TAKEN] > 0;
  *kept = false;
  if (s->identity) {
    symo_kfac_take_diagonal(c, s, state);
    *kept = taken;
    return SYMO_OK;
  }
  if (taken && c->method.skip_tolerance > 0 && is_good(c, s, state, first, second, w)) {
    memcpy(values, w, n * sizeof *w);
    *kept = true;
    return SYMO_OK;
  }
  memcpy(first, state[s->sum], n * n * symo_dtype_size(t));
  if (symo_eigh(t, n, first, w, room) != SYMO_OK || !symo_all_finite(t, n * n, first))
    return SYMO_NO_CONVERGENCE;
  for (size_t i = 0; i < n; i++) values[i] = fmax(w[i], 0);
  if (b->moments >= 0 && taken)
    move_moments(c, b, inputs, first, state[s->basis], state[b->moments], second, moments);
  memcpy(state[s->basis], first, n * n * symo_dtype_size(t));
  numbers[KFAC_TAKEN] = 1;
  report_values(n, values, report);
  return SYMO_OK;
}

/* The first moments are the products of the eigenvalues. */
static void begin_moments(const kfac_curvature *c, const kfac_block *b, void *const *state) {
  const double *a = state[b->a.values], *g = state[b->g.values];
  for (size_t i = 0; i < b->g.n; i++)
    for (size_t j = 0; j < b->a.n; j++)
      symo_put(c->dtype, state[b->moments], i * b->a.n + j, g[i] * a[j]);
}

symo_status symo_kfac_refresh(const void *self, void *const *state, const curvature_step *step,
                              size_t root, curvature_report *report, void *work) {
  const kfac_curvature *c = self;
  const kfac_block *b = &c->blocks[root];
  curvature_report found = {.condition = NAN, .effective_rank = NAN};
  factor_pair pair;
  bool kept[2];
  char *room = (char *)work + c->head;
  if (c->inverses) {
    const symo_status inverted =
        symo_kfac_refresh_inverses(c, b, state, step->damping, &found, room);
    if (inverted == SYMO_OK && report != NULL) *report = found;
    return inverted;
  }
  const bool taken = symo_kfac_pair_of(c, b, state, &pair);
  symo_status status = refresh_side(c, b, true, state, &found, &kept[0], room);
  if (status == SYMO_OK) status = refresh_side(c, b, false, state, &found, &kept[1], room);
  if (status != SYMO_OK) return status;
  if (b->moments >= 0 && !taken) begin_moments(c, b, state);
  found.kept = kept[0] && kept[1];
  if (report != NULL) *report = found;
  return SYMO_OK;
}
