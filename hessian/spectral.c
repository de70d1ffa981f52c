/* The eigenvectors of a structured matrix as coordinates: S = sum over labels of I (x) M with
 * M = V' diag(w) V, so X V' are coordinates in which S multiplies column i by w[i].  For labels of
 * complex or quaternionic type the columns are redundant, but the map is isometric all the same, and
 * functions of w alone act on them as on the matrix. */
#include "hessian/spectral.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/spectrum.h"

static size_t groups_of(const plan_label *l) { return l->dropped ? 1 : l->count * l->m; }

static size_t largest(size_t a, size_t b) { return a > b ? a : b; }

static void measure(const symo_plan *plan, spectral *s) {
  size_t coordinates = 0, scratch = 0;
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    size_t numbers = symo_label_rows(l) * l->m;
    s->first[i] = s->groups;
    s->at[i] = s->numbers;
    s->groups += groups_of(l);
    s->numbers += numbers;
    coordinates = largest(coordinates, symo_padded(numbers * symo_dtype_size(plan->dtype)));
    scratch = largest(scratch, symo_gather_scratch(plan, l, l->num_rows > 0 ? l->row[0] : 1));
    scratch = largest(scratch, symo_scatter_scratch(plan, l));
  }
  s->work = coordinates + scratch + 64;
}

static symo_status decompose(const symo_hessian *h, const char *where, spectral *s) {
  const symo_plan *plan = h->plan;
  symo_status status = SYMO_OK;
  size_t m = 1, item = symo_dtype_size(plan->dtype);
  for (size_t i = 0; i < plan->num_labels; i++)
    if (!plan->labels[i].dropped) m = largest(m, plan->labels[i].m);
  void *work = symo_malloc(symo_eigh_work(plan->dtype, m));
  if (work == NULL) return symo_fail_memory(h->context, where);
  for (size_t i = 0; i < plan->num_labels && status == SYMO_OK; i++) {
    const plan_label *l = &plan->labels[i];
    if (l->dropped) s->w[s->first[i]] = 0;
    for (size_t c = 0; !l->dropped && c < l->count && status == SYMO_OK; c++) {
      void *v = symo_hessian_member(s->basis, i, c);
      memcpy(v, symo_hessian_member(h, i, c), l->m * l->m * item);
      status = symo_eigh(plan->dtype, l->m, v, s->w + s->first[i] + c * l->m, work);
      if (status != SYMO_OK)
        symo_fail(h->context, status, "%s: label %s: the eigendecomposition failed (try float64)",
                  where, l->name);
    }
  }
  symo_free(work);
  return status;
}

symo_status spectral_create(const symo_hessian *h, const char *where, spectral *out) {
  const symo_plan *plan = h->plan;
  spectral s = {0};
  symo_status status;
  size_t groups = 0;
  SYMO_TRY(symo_hessian_create(plan, where, &s.basis));
  for (size_t i = 0; i < plan->num_labels; i++) groups += groups_of(&plan->labels[i]);
  s.w = symo_calloc(groups + 1, sizeof *s.w);
  s.first = symo_calloc(plan->num_labels + 1, sizeof *s.first);
  s.at = symo_calloc(plan->num_labels + 1, sizeof *s.at);
  if (s.w == NULL || s.first == NULL || s.at == NULL) SYMO_TRY(symo_fail_memory(h->context, where));
  measure(plan, &s);
  SYMO_TRY(decompose(h, where, &s));
  *out = s;
  return SYMO_OK;
fail:
  spectral_drop(&s);
  return status;
}

void spectral_drop(spectral *s) {
  symo_hessian_destroy(s->basis);
  symo_free(s->w);
  symo_free(s->first);
  symo_free(s->at);
  *s = (spectral){0};
}

/* to [rows, m] := from V' (or from V, for the way back), member by member. */
static void rotate(const spectral *s, size_t label, bool back, const void *from, void *to) {
  const symo_plan *plan = s->basis->plan;
  const plan_label *l = &plan->labels[label];
  symo_dtype t = plan->dtype;
  if (l->dropped) {
    memcpy(to, from, symo_label_rows(l) * l->m * symo_dtype_size(t));
    return;
  }
  for (size_t c = 0; c < l->count; c++) {
    ptrdiff_t at = (ptrdiff_t)(c * l->ambient * l->m);
    symo_mat v = symo_mat_dense(symo_hessian_member(s->basis, label, c), l->m, l->m);
    symo_gemm(t, 1, symo_mat_dense(symo_at(t, from, at), l->ambient, l->m),
              back ? v : symo_mat_t(v), 0, symo_mat_dense(symo_at(t, to, at), l->ambient, l->m));
  }
}

void spectral_analyze(const spectral *s, symo_const_vector x, void *coordinates, void *work) {
  const symo_plan *plan = s->basis->plan;
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    size_t bytes = symo_padded(symo_label_rows(l) * l->m * symo_dtype_size(plan->dtype));
    arena scratch = {.base = (char *)work + bytes};
    symo_label_gather(plan, l, x, 0, l->num_rows > 0 ? l->row[0] : 1, work, &scratch);
    rotate(s, i, false, work, symo_at(plan->dtype, coordinates, (ptrdiff_t)s->at[i]));
  }
}

void spectral_synthesize(const spectral *s, const void *coordinates, symo_vector y, void *work) {
  const symo_plan *plan = s->basis->plan;
  for (size_t i = 0; i < plan->layout->num_tensors; i++)
    symo_nd_fill(0, symo_layout_view(plan->layout, plan->dtype, symo_vector_const(y), i));
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    size_t bytes = symo_padded(symo_label_rows(l) * l->m * symo_dtype_size(plan->dtype));
    arena scratch = {.base = (char *)work + bytes};
    rotate(s, i, true, symo_at(plan->dtype, coordinates, (ptrdiff_t)s->at[i]), work);
    symo_label_scatter(plan, l, work, y, &scratch);
  }
}

/* ---- by groups ---- */

/* The coordinates of member c of a label: row by row, [ambient, m].  A dropped label is one member.
 */
typedef struct piece {
  size_t at, rows, m, group;
  bool one; /* one group for all columns */
} piece;

static piece member_of(const spectral *s, size_t label, size_t c) {
  const plan_label *l = &s->basis->plan->labels[label];
  if (l->dropped) return (piece){s->at[label], symo_label_rows(l), l->m, s->first[label], true};
  return (piece){s->at[label] + c * l->ambient * l->m, l->ambient, l->m, s->first[label] + c * l->m,
                 false};
}

static size_t members(const spectral *s, size_t label) {
  const plan_label *l = &s->basis->plan->labels[label];
  return l->dropped ? 1 : l->count;
}

void spectral_weigh(const spectral *s, const double *factor, size_t stride, const void *in,
                    bool add, void *out) {
  symo_dtype t = s->basis->plan->dtype;
  for (size_t i = 0; i < s->basis->plan->num_labels; i++)
    for (size_t c = 0; c < members(s, i); c++) {
      const piece p = member_of(s, i, c);
      for (size_t r = 0, k = p.at; r < p.rows; r++)
        for (size_t j = 0; j < p.m; j++, k++) {
          double f = factor[(p.group + (p.one ? 0 : j)) * stride];
          symo_put(t, out, k, (add ? symo_get(t, out, k) : 0) + f * symo_get(t, in, k));
        }
    }
}

void spectral_dots(const spectral *s, const void *x, const void *y, double *out, size_t stride) {
  symo_dtype t = s->basis->plan->dtype;
  for (size_t g = 0; g < s->groups; g++) out[g * stride] = 0;
  for (size_t i = 0; i < s->basis->plan->num_labels; i++)
    for (size_t c = 0; c < members(s, i); c++) {
      const piece p = member_of(s, i, c);
      for (size_t r = 0, k = p.at; r < p.rows; r++)
        for (size_t j = 0; j < p.m; j++, k++)
          out[(p.group + (p.one ? 0 : j)) * stride] += symo_get(t, x, k) * symo_get(t, y, k);
    }
}

void spectral_shift(const spectral *s, double damping, double *w, spectral_signs *signs) {
  const symo_plan *plan = s->basis->plan;
  *signs = (spectral_signs){0};
  for (size_t i = 0; i < plan->num_labels; i++)
    for (size_t c = 0; c < members(s, i); c++) {
      const piece p = member_of(s, i, c);
      const size_t n = p.one ? 1 : p.m;
      double *v = w + p.group;
      const double most = symo_spectrum_largest(n, s->w + p.group);
      const double tolerance = symo_rank_tolerance(plan->dtype, n), zero = tolerance * most;
      for (size_t j = 0; j < n; j++) {
        double x = s->w[p.group + j];
        if (fabs(x) <= zero) x = 0;
        v[j] = x + damping;
        if (fabs(v[j]) <= tolerance * fabs(x)) v[j] = 0; /* the two cancel */
        signs->negative = signs->negative || v[j] < -sqrt(symo_epsilon(plan->dtype)) * most;
        signs->below = signs->below || v[j] < 0;
        signs->zero = signs->zero || v[j] == 0;
      }
    }
}
