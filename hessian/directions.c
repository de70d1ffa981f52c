/* Curvature along the singular directions of matrices.
 *
 * Products are with vectors over all parameters that are u v' in one matrix and zero elsewhere; of
 * what comes back the part in that matrix counts.
 *
 * Check: A diagonal, G diagonal with entries g_k: h_k is the entry of A that belongs to g_k. */
#include "hessian/directions.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"

enum { TOGETHER = 8 }; /* products at once, at most */
#define MOST_BYTES 268435456.0

void symo_directions_drop(symo_directions *d) {
  symo_free(d->sigma);
  *d = (symo_directions){0};
}

/* ---- choice ---- */

/* Numbers from 1 to range, as even in their logarithms as they can be: at [range]; how many. */
static size_t choose(size_t range, size_t most, double *at) {
  size_t count = 0;
  if (most == 0 || range <= most) {
    for (; count < range; count++) at[count] = (double)count + 1;
    return count;
  }
  double last = 0;
  for (size_t i = 0; i < most; i++) {
    double left = log((double)range / fmax(last, 1)) / (double)(most - i);
    double next = last < 1 ? 1 : floor(last * exp(left) + 0.5);
    last = fmax(next, last + 1);
    at[count++] = last;
  }
  at[count - 1] = (double)range;
  return count;
}

/* a: the large factor as symo_svd leaves it, `small` the other one. */
static void put_vectors(symo_directions *d, const double *a, const double *small) {
  const bool wide = d->rows <= d->cols;
  for (size_t c = 0; c < d->count; c++) {
    const size_t k = (size_t)d->at[c] - 1, n = d->rank;
    for (size_t i = 0; i < d->rows; i++)
      d->u[c * d->rows + i] = wide ? small[i * n + k] : a[i * n + k];
    for (size_t j = 0; j < d->cols; j++)
      d->v[c * d->cols + j] = wide ? a[k * d->cols + j] : small[k * n + j];
  }
}

/* ---- singular vectors ---- */

/* What is known before the vectors have their room: singular values, and how many directions. */
static symo_status decompose(symo_context *context, symo_dtype dtype, const void *g, double range,
                             size_t most, double *a, void *work, symo_directions *d) {
  const size_t size = d->rows * d->cols, n = d->rank;
  for (size_t i = 0; i < size; i++) a[i] = symo_get(dtype, g, i);
  symo_status status = symo_svd(d->rows, d->cols, a, d->sigma, a + size, work);
  if (status != SYMO_OK)
    return symo_fail(context, status, "spectrum: no singular values of a %zu x %zu matrix", d->rows,
                     d->cols);
  while (d->range < n && d->sigma[d->range] > 0 && d->sigma[d->range] >= range * d->sigma[0])
    d->range++;
  d->count = choose(d->range, most, d->at);
  for (size_t i = 0; i < d->count; i++) d->chosen[i] = d->sigma[(size_t)d->at[i] - 1];
  return SYMO_OK;
}

symo_status symo_directions_make(symo_context *context, symo_dtype dtype, size_t rows, size_t cols,
                                 const void *g, double range, size_t most, symo_directions *out) {
  symo_directions d = {.rows = rows, .cols = cols, .rank = rows < cols ? rows : cols};
  const size_t n = d.rank, vectors = most > 0 && most < n ? most : n;
  d.sigma = symo_calloc(3 * n + vectors * (rows + cols), sizeof *d.sigma);
  double *a = symo_calloc(rows * cols + n * n, sizeof *a);
  void *work = symo_malloc(symo_svd_work(rows, cols));
  symo_status status = SYMO_OK;
  if (d.sigma == NULL || a == NULL || work == NULL) {
    status = symo_fail_memory(context, "spectrum");
    goto fail;
  }
  d.at = d.sigma + n, d.chosen = d.at + n;
  d.u = d.chosen + n, d.v = d.u + vectors * rows;
  SYMO_TRY(decompose(context, dtype, g, range, most, a, work, &d));
  put_vectors(&d, a, a + rows * cols);
  *out = d;
  d = (symo_directions){0};
fail:
  symo_directions_drop(&d);
  symo_free(a);
  symo_free(work);
  return status;
}

/* ---- products ---- */

typedef struct bench {
  const problem_call *call;
  size_t room;  /* directions in a block */
  void *v, *hv; /* [room, P]; v is zero but for the block at hand */
} bench;

static void *entry(const bench *b, void *block, size_t k, size_t offset) {
  const symo_problem *p = b->call->problem;
  return symo_at(p->dtype, block, (ptrdiff_t)(k * p->size + offset));
}

/* v := u_i v_i' where the matrix is. */
static void put(symo_dtype dtype, const symo_along *m, size_t i, void *v) {
  const symo_directions *d = m->directions;
  const double *left = d->u + i * d->rows, *right = d->v + i * d->cols;
  for (size_t r = 0; r < d->rows; r++)
    for (size_t c = 0; c < d->cols; c++)
      symo_put(dtype, v, m->offset + r * d->cols + c, left[r] * right[c]);
}

/* Directions number first .. of all matrices one after the other; the matrix of the first is *at,
 * its own number *inside; both go on to what follows. */
static symo_status multiply(const bench *b, bool ggn, size_t n, const symo_along *matrices,
                            size_t *at, size_t *inside) {
  const symo_dtype dtype = b->call->problem->dtype;
  const symo_along *of[TOGETHER];
  size_t number[TOGETHER];
  for (size_t k = 0; k < n; k++) {
    while (*inside == matrices[*at].directions->count) ++*at, *inside = 0;
    of[k] = &matrices[*at], number[k] = (*inside)++;
    put(dtype, of[k], number[k], entry(b, b->v, k, 0));
  }
  symo_status status = symo_problem_call_product(b->call, ggn, n, b->v, b->hv);
  for (size_t k = 0; k < n; k++) {
    const size_t size = of[k]->directions->rows * of[k]->directions->cols;
    if (status == SYMO_OK)
      of[k]->h[number[k]] = symo_dot(dtype, size, entry(b, b->v, k, of[k]->offset),
                                     entry(b, b->hv, k, of[k]->offset));
    memset(entry(b, b->v, k, of[k]->offset), 0, size * symo_dtype_size(dtype));
  }
  return status;
}

symo_status symo_curvature_along(const problem_call *call, bool ggn, size_t num,
                                 const symo_along *matrices) {
  const size_t bytes = symo_dtype_size(call->problem->dtype), size = call->problem->size;
  const double most = MOST_BYTES / (2.0 * (double)size * (double)bytes);
  bench b = {.call = call, .room = most >= TOGETHER ? TOGETHER : most >= 1 ? (size_t)most : 1};
  size_t all = 0, at = 0, inside = 0;
  for (size_t i = 0; i < num; i++) all += matrices[i].directions->count;
  if (all == 0) return SYMO_OK;
  b.v = symo_calloc(b.room * size, bytes), b.hv = symo_calloc(b.room * size, bytes);
  symo_status status = SYMO_OK;
  if (b.v == NULL || b.hv == NULL) status = symo_fail_memory(call->context, call->where);
  for (size_t first = 0; first < all && status == SYMO_OK; first += b.room)
    status = multiply(&b, ggn, all - first < b.room ? all - first : b.room, matrices, &at, &inside);
  symo_free(b.v);
  symo_free(b.hv);
  return status;
}
