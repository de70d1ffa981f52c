/* Leading eigenpairs of a symmetric matrix by the Lanczos method with thick restarts (Wu and Simon
 * 2000, SIAM J. Matrix Anal. Appl. 22).  An orthonormal basis v_0 .. v_j grows by w = A v_j, from
 * which all of the basis is projected out, twice.  The coefficients are the column j of
 *     T = V A V' ,        A V' = V'T + beta v_{j+1} e_j' ,
 * so the Ritz vectors u = V's of T s = theta s have the residuals |A u - theta u| = beta |s_j|.
 * When the basis is full, the leading Ritz vectors and v_{j+1} take its place, and it grows again.
 * T is taken from all coefficients, so what is coupled after a restart needs no formula of its own.
 *
 * One Krylov space holds only one vector of each eigenspace.  Once the wanted pairs have converged
 * they stay in the basis, and the search goes on from a random vector in place of v_{j+1}: a second
 * vector of an eigenspace then appears as any other eigenpair does.  What the residuals lose by
 * that (beta s_j along the vector left out) is kept in `slack`. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "hessian/operator.h"

symo_lanczos_spec symo_lanczos_spec_default(void) {
  return (symo_lanczos_spec){.count = 10, .repeated = true};
}

void symo_eigenpairs_free(symo_eigenpairs *pairs) {
  if (pairs == NULL) return;
  symo_free(pairs->values);
  symo_free(pairs->residuals);
  symo_free(pairs->vectors);
  *pairs = (symo_eigenpairs){0};
}

typedef struct search {
  symo_context *context;
  const char *where;
  const symo_operator *a;
  symo_rng *rng;
  size_t n, item, room; /* of the basis: room vectors, and one more */
  size_t used;          /* vectors in the basis; v[used] is the next one */
  bool closed;          /* A maps the basis into itself: v[used] is random */
  double beta;          /* |A v - projection| of the last column */
  double largest;       /* |A v| so far */
  double slack;         /* residuals along vectors that were left out */
  size_t products;
  char *block;
  void *v, *fresh, *column, *scratch; /* [room + 1, n], [room + 1, n], [room + 1], [room + 1] */
  double *t, *s, *w;                  /* [room, room], [room, room] eigenvectors in rows, [room] */
  size_t *order;                      /* [room] Ritz values by size */
  void *work;
} search;

static void *basis(const search *l, size_t i) {
  return symo_at(l->a->dtype, l->v, (ptrdiff_t)(i * l->n));
}

/* Allocates all at once.  fresh: whether restarts need a second basis. */
static symo_status take(search *l, bool fresh) {
  size_t vectors, all, squares = l->room * l->room * sizeof(double), rows = l->room + 1;
  l->n = l->a->size;
  l->item = symo_dtype_size(l->a->dtype);
  bool fits = symo_mul_size(rows, l->n, &vectors) && symo_mul_size(vectors, l->item, &vectors);
  vectors = symo_padded(vectors);
  size_t column = symo_padded(rows * l->item), square = symo_padded(squares);
  size_t values = symo_padded(rows * sizeof(double)), eigh = symo_eigh_work(SYMO_F64, l->room);
  size_t small = 2 * column + 2 * square + 2 * values + eigh;
  fits = fits && symo_mul_size(vectors, 4, &all);
  if (fits) l->block = symo_malloc((fresh ? 2 : 1) * vectors + small);
  if (l->block == NULL) return symo_fail_memory(l->context, l->where);
  char *p = l->block;
  l->v = p;
  p += vectors;
  l->fresh = fresh ? p : NULL;
  p += fresh ? vectors : 0;
  l->column = p;
  l->scratch = p + column;
  p += 2 * column;
  l->t = (double *)(void *)p;
  l->s = (double *)(void *)(p + square);
  p += 2 * square;
  l->w = (double *)(void *)p;
  l->order = (size_t *)(void *)(p + values);
  l->work = p + 2 * values;
  return SYMO_OK;
}

/* v[used] := w over its norm, or a random vector orthogonal to the basis, if w is rounding alone.
 */
static void settle(search *l, double norm, double limit) {
  symo_dtype t = l->a->dtype;
  void *next = basis(l, l->used);
  l->closed = !(norm > limit);
  for (int tries = 0; l->closed && l->used < l->n && tries < 4; tries++) {
    symo_random_normal(t, l->n, l->rng, next);
    projected_norms p = symo_project_out(t, l->n, l->used, l->v, next, l->column, l->scratch);
    norm = p.after;
    if (norm > 1e-2 * p.before / (double)l->n) break;
  }
  /* A norm out of the range of 1 / norm goes in two steps. */
  if (norm > 0 && norm < 1e-30) {
    symo_scal(t, l->n, 0x1p100, next);
    norm = symo_nrm2(t, l->n, next);
  }
  if (norm > 0) symo_scal(t, l->n, 1 / norm, next);
}

/* One more product: the vector v[used] joins the basis. */
static symo_status extend(search *l) {
  symo_dtype t = l->a->dtype;
  size_t j = l->used, rows = j + 1;
  void *w = basis(l, rows);
  symo_status status = symo_operator_apply(l->context, l->where, l->a, 1, basis(l, j), w);
  if (status != SYMO_OK) return status;
  l->products++;
  projected_norms p = symo_project_out(t, l->n, rows, l->v, w, l->column, l->scratch);
  for (size_t i = 0; i < rows; i++)
    l->t[i * l->room + j] = l->t[j * l->room + i] = symo_get(t, l->column, i);
  l->used = rows;
  l->beta = rows < l->n ? p.after : 0;
  /* What the rounding of products leaves of a vector in the span. */
  l->largest = fmax(l->largest, p.before);
  settle(l, l->beta, 64 * symo_epsilon(t) * l->largest);
  if (l->closed) l->beta = 0;
  return SYMO_OK;
}

/* Eigenpairs of T, and their order by size. */
static symo_status ritz(search *l) {
  size_t n = l->used;
  for (size_t i = 0; i < n; i++) memcpy(l->s + i * n, l->t + i * l->room, n * sizeof *l->s);
  symo_status status = symo_eigh(SYMO_F64, n, l->s, l->w, l->work);
  if (status != SYMO_OK)
    return symo_fail(l->context, status, "%s: the eigendecomposition of the basis failed",
                     l->where);
  /* Ascending by value: the largest sizes are at the two ends. */
  for (size_t k = 0, low = 0, high = n; k < n; k++)
    l->order[k] = fabs(l->w[low]) > fabs(l->w[high - 1]) ? low++ : --high;
  return SYMO_OK;
}

/* Without the slack. */
static double residual(const search *l, size_t k) {
  size_t i = l->order[k];
  return l->beta * fabs(l->s[i * l->used + l->used - 1]);
}

static bool all_converged(const search *l, size_t count, double tolerance) {
  double limit = tolerance * fabs(l->w[l->order[0]]);
  bool all = l->used >= count;
  for (size_t k = 0; all && k < count; k++) all = residual(l, k) <= limit;
  return all;
}

/* out [count, n] := the leading Ritz vectors.  coefficients: room for them in dtype. */
static void rotate(search *l, size_t count, void *coefficients, void *out) {
  symo_dtype t = l->a->dtype;
  for (size_t k = 0; k < count; k++)
    for (size_t i = 0; i < l->used; i++)
      symo_put(t, coefficients, k * l->used + i, l->s[l->order[k] * l->used + i]);
  symo_gemm(t, 1, symo_mat_dense(coefficients, count, l->used), symo_mat_dense(l->v, l->used, l->n),
            0, symo_mat_dense(out, count, l->n));
}

/* The leading `keep` Ritz vectors become the basis; the vector behind it stays, unless `anew`. */
static symo_status restart(search *l, size_t keep, bool anew) {
  symo_dtype t = l->a->dtype;
  void *coefficients = symo_malloc(keep * l->used * l->item + 1);
  if (coefficients == NULL) return symo_fail_memory(l->context, l->where);
  rotate(l, keep, coefficients, l->fresh);
  symo_free(coefficients);
  void *next = symo_at(t, l->fresh, (ptrdiff_t)(keep * l->n));
  memcpy(next, basis(l, l->used), l->n * l->item);
  double most = 0;
  if (anew) {
    for (size_t k = 0; k < keep; k++) most = fmax(most, residual(l, k));
    l->slack = hypot(l->slack, most);
  }
  for (size_t i = 0; i < keep; i++)
    for (size_t j = 0; j < keep; j++) l->t[i * l->room + j] = i == j ? l->w[l->order[i]] : 0;
  void *old = l->v;
  l->v = l->fresh;
  l->fresh = old;
  l->used = keep;
  if (anew || l->closed) settle(l, 0, 0);
  return SYMO_OK;
}

/* The searches go on to the tolerance over this, which leaves room for what they lose. */
enum { MARGIN = 8 };

typedef struct goal {
  size_t count, products;
  double tolerance;
  bool repeated;
} goal;

/* True if the leading values are those of the search before, to the tolerance. */
static bool same_values(const search *l, const goal *g, double *before) {
  bool same = true;
  double limit = 4 * g->tolerance * fabs(l->w[l->order[0]]);
  for (size_t k = 0; k < g->count; k++) {
    double value = fabs(l->w[l->order[k]]);
    same = same && fabs(value - before[k]) <= limit;
    before[k] = value;
  }
  return same;
}

static symo_status iterate(search *l, const goal *g, double *before) {
  symo_status status = SYMO_OK;
  size_t since = 0; /* products since the last look */
  for (size_t k = 0; k < g->count; k++) before[k] = -1;
  settle(l, 0, 0);
  while (l->products < g->products) {
    SYMO_TRY(extend(l));
    bool full = l->used == l->room, last = l->products == g->products || l->used == l->n;
    if (++since < 4 && !full && !last) continue;
    since = 0;
    SYMO_TRY(ritz(l));
    if (l->used == l->n) break;
    if (all_converged(l, g->count, g->tolerance / MARGIN)) {
      if (!g->repeated) break;
      if (before[0] < 0 || full || l->closed) { /* the first search, or a whole further one */
        if (same_values(l, g, before)) break;
        SYMO_TRY(restart(l, g->count, true));
        continue;
      }
    }
    if (full && !last) {
      size_t keep = g->count + (l->room - g->count) / 3;
      SYMO_TRY(restart(l, keep < l->room ? keep : l->room - 1, false));
    }
  }
fail:
  return status;
}

/* The pairs at hand. */
static symo_status answer(search *l, const goal *g, symo_eigenpairs *pairs) {
  size_t count = g->count < l->used ? g->count : l->used, bytes;
  symo_eigenpairs out = {.size = l->n, .dtype = l->a->dtype, .products = l->products};
  void *coefficients = symo_malloc(count * l->used * l->item + 1);
  out.count = count;
  out.values = symo_malloc(count * sizeof *out.values + 1);
  out.residuals = symo_malloc(count * sizeof *out.residuals + 1);
  if (symo_mul_size(count * l->n, l->item, &bytes)) out.vectors = symo_malloc(bytes + 1);
  if (coefficients == NULL || out.values == NULL || out.residuals == NULL || out.vectors == NULL) {
    symo_free(coefficients);
    symo_eigenpairs_free(&out);
    return symo_fail_memory(l->context, l->where);
  }
  rotate(l, count, coefficients, out.vectors);
  for (size_t k = 0; k < count; k++) {
    out.values[k] = l->w[l->order[k]];
    out.residuals[k] = hypot(residual(l, k), l->slack);
    out.converged += out.residuals[k] <= g->tolerance * fabs(out.values[0]);
  }
  symo_free(coefficients);
  *pairs = out;
  return SYMO_OK;
}

static symo_status check(symo_context *context, const symo_operator *a,
                         const symo_lanczos_spec *s) {
  symo_status status = symo_operator_check(context, "lanczos", a);
  if (status != SYMO_OK) return status;
  if (s->count == 0)
    return symo_fail(context, SYMO_E_ARGUMENT, "lanczos: count is 0 (ask for one eigenpair)");
  if (s->count > a->size)
    return symo_fail(context, SYMO_E_SIZE, "lanczos: %zu eigenpairs of a matrix of size %zu",
                     s->count, a->size);
  if (s->basis != 0 && s->basis <= s->count && s->basis < a->size)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "lanczos: a basis of %zu for %zu eigenpairs (it must be larger)", s->basis,
                     s->count);
  if (!(s->tolerance >= 0) || !isfinite(s->tolerance))
    return symo_fail(context, SYMO_E_ARGUMENT, "lanczos: tolerance %g (must be 0 or more)",
                     s->tolerance);
  return SYMO_OK;
}

symo_status symo_lanczos(symo_context *context, const symo_operator *a,
                         const symo_lanczos_spec *spec, symo_rng *rng, symo_eigenpairs *pairs) {
  const symo_lanczos_spec s = spec == NULL ? symo_lanczos_spec_default() : *spec;
  if (rng == NULL || pairs == NULL)
    return symo_fail_null(context, "lanczos", rng == NULL ? "rng" : "pairs");
  symo_status status = check(context, a, &s);
  if (status != SYMO_OK) return status;
  const double eps = symo_epsilon(a->dtype), least = 32 * eps;
  const goal g = {s.count, s.products == 0 ? 1000 + 20 * s.count : s.products,
                  s.tolerance == 0 ? sqrt(eps) : fmax(s.tolerance, least), s.repeated};
  search l = {.context = context, .where = "lanczos", .a = a, .rng = rng};
  l.room = s.basis == 0 ? 2 * s.count + 20 : s.basis;
  if (l.room > a->size) l.room = a->size;
  if (l.room > g.products) l.room = g.products;
  double *before = symo_malloc(g.count * sizeof *before);
  if (before == NULL) return symo_fail_memory(context, "lanczos");
  SYMO_TRY(take(&l, true));
  SYMO_TRY(iterate(&l, &g, before));
  status = answer(&l, &g, pairs);
fail:
  symo_free(l.block);
  symo_free(before);
  return status;
}

/* ---- quadrature ---- */

symo_status symo_lanczos_quadrature(symo_context *context, const symo_operator *a, size_t steps,
                                    const void *start, symo_rng *rng, size_t *count, double *nodes,
                                    double *weights) {
  const char *where = "lanczos_quadrature";
  symo_status status = symo_operator_check(context, where, a);
  if (status != SYMO_OK) return status;
  if (count == NULL || nodes == NULL || weights == NULL)
    return symo_fail_null(context, where,
                          count == NULL   ? "count"
                          : nodes == NULL ? "nodes"
                                          : "weights");
  if (start == NULL && rng == NULL) return symo_fail_null(context, where, "rng");
  if (steps == 0)
    return symo_fail(context, SYMO_E_ARGUMENT, "%s: no steps (take at least one)", where);
  search l = {.context = context, .where = where, .a = a, .rng = rng};
  l.room = steps < a->size ? steps : a->size;
  SYMO_TRY(take(&l, false));
  if (start != NULL) {
    memcpy(l.v, start, l.n * l.item);
    double norm = symo_nrm2(a->dtype, l.n, start);
    if (!(norm > 0) || !isfinite(norm))
      SYMO_TRY(symo_fail(context, SYMO_E_ARGUMENT,
                         "%s: the norm of the start is %g (give another vector)", where, norm));
    settle(&l, norm, 0);
  } else {
    settle(&l, 0, 0);
  }
  l.closed = false;
  while (l.used < l.room && !l.closed) SYMO_TRY(extend(&l));
  SYMO_TRY(ritz(&l));
  for (size_t i = 0; i < l.used; i++) {
    nodes[i] = l.w[i];
    weights[i] = l.s[i * l.used] * l.s[i * l.used];
  }
  *count = l.used;
fail:
  symo_free(l.block);
  return status;
}
