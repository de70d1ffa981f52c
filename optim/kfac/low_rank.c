/* Factors of low rank, T = V' L V + tau (I - V'V) with V [k, n], without a matrix [n, n] anywhere.
 *
 * A pass over a batch gives the product of the new statistics S with c > k test vectors: the
 * rows of W [c, n], which are those of V, for what is known, and random ones, for what is new
 * (Halko, Martinsson, Tropp 2011, arXiv 0909.4061; a step of subspace iteration).  With it the
 * product of the average T' = b T + (1 - b) S is known too,
 *
 *     Y = W T' = b (W V' (L - tau) V + tau W) + (1 - b) W S,
 *
 * and so is its Nystroem approximation Y' (Y W')^+ Y, the best that can be had from one pass
 * (Tropp, Yurtsever, Udell, Cevher 2017, arXiv 1706.05736).  Taken in an orthonormal basis Q of the
 * rows of Y: T' ~ Q' S Q with
 *
 *     S = R B^-1 R',     R = Q Y',     B = Y W',
 *
 * of which the leading k eigenpairs are kept, or as many as have the share rank_share of the trace;
 * tau is the mean of what the trace says the others are.  Y + nu W, nu near rounding, keeps B
 * positive definite, and nu is taken off the eigenvalues again.  All in float64.
 *
 * Cost O(n c^2), memory O(n c).  Exact where c = n. */
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/hash.h"
#include "core/linalg.h"
#include "optim/kfac/kfac.h"

/* ---- test vectors ---- */

enum { MORE = 8 }; /* one in so many */

/* Where a share of the trace chooses the rank, some more than there were pairs: it may grow. */
size_t symo_kfac_num_tests(const kfac_curvature *c, const kfac_side *s, void *const *state) {
  const double *numbers = symo_kfac_numbers(s, state);
  if (c->method.rank_share == 0 || !(numbers[KFAC_TAKEN] > 0)) return s->tests;
  const size_t active = (size_t)numbers[KFAC_ACTIVE];
  const size_t wanted = active + active / MORE + KFAC_OVERSAMPLE;
  return wanted < s->tests ? wanted : s->tests;
}

symo_status symo_kfac_tests(const kfac_curvature *c, const kfac_side *s, void *const *state,
                            size_t count, uint64_t seed, void *tests, void *work) {
  const double *numbers = symo_kfac_numbers(s, state);
  const size_t known = numbers[KFAC_TAKEN] > 0 ? (size_t)numbers[KFAC_ACTIVE] : 0, n = s->n;
  if (known > 0) memcpy(tests, state[s->basis], known * n * symo_dtype_size(c->dtype));
  for (size_t i = known * n; i < count * n; i++)
    symo_put(c->dtype, tests, i, (double)(symo_hash_join(seed, i) >> 11) * 0x1p-52 - 1);
  return symo_orthonormal_panel(c->dtype, count, n, tests, work);
}

/* ---- the update ---- */

/* What an update with c test vectors works with, float64: Y, W and Q [c, n], of which Q is room for
 * V before; squares [c, c]; values [c]. */
typedef struct low_room {
  size_t tests;
  double *y, *w, *q, *b, *r, *s, *values;
  void *work;
} low_room;

static size_t take(size_t *bytes, size_t numbers) {
  const size_t at = *bytes;
  *bytes += symo_padded(numbers * sizeof(double));
  return at;
}

static size_t place(const kfac_side *s, size_t c, char *memory, low_room *room) {
  size_t bytes = 0;
  const size_t panel = c * s->n;
  const size_t y = take(&bytes, panel), w = take(&bytes, panel), q = take(&bytes, panel);
  const size_t b = take(&bytes, c * c), r = take(&bytes, c * c), sq = take(&bytes, c * c);
  const size_t values = take(&bytes, c);
  const size_t qr = symo_orthonormal_panel_work(SYMO_F64, c), eigh = symo_eigh_work(SYMO_F64, c);
  if (room != NULL)
    *room = (low_room){c,
                       (double *)(void *)(memory + y),
                       (double *)(void *)(memory + w),
                       (double *)(void *)(memory + q),
                       (double *)(void *)(memory + b),
                       (double *)(void *)(memory + r),
                       (double *)(void *)(memory + sq),
                       (double *)(void *)(memory + values),
                       memory + bytes};
  return bytes + (qr > eigh ? qr : eigh);
}

size_t symo_kfac_low_work(const kfac_side *s) {
  return s->tests == 0 ? 0 : place(s, s->tests, NULL, NULL);
}

static symo_mat panel(const double *p, size_t rows, size_t columns) {
  return symo_mat_dense((void *)(uintptr_t)p, rows, columns);
}

/* y = W T for the factor as it was: y [c, n]; v: room for its vectors. */
static void multiply_old(const kfac_curvature *c, const kfac_side *s, void *const *state,
                         const low_room *room) {
  const double *values = state[s->values], *numbers = symo_kfac_numbers(s, state);
  const size_t k = (size_t)numbers[KFAC_ACTIVE], n = s->n, t = room->tests;
  const double tail = numbers[KFAC_TAIL];
  double *v = room->q, *inside = room->b;
  for (size_t i = 0; i < k * n; i++) v[i] = symo_get(c->dtype, state[s->basis], i);
  symo_gemm(SYMO_F64, 1, panel(room->w, t, n), symo_mat_t(panel(v, k, n)), 0, panel(inside, t, k));
  for (size_t i = 0; i < t; i++)
    for (size_t j = 0; j < k; j++) inside[i * k + j] *= values[j] - tail;
  memcpy(room->y, room->w, t * n * sizeof *room->y);
  symo_scal(SYMO_F64, t * n, tail, room->y);
  symo_gemm(SYMO_F64, 1, panel(inside, t, k), panel(v, k, n), 1, panel(room->y, t, n));
}

/* Y, and whether T has hardly moved.  fresh: the new statistics' part of it. */
static bool take_product(const kfac_curvature *c, const kfac_side *s, void *const *state,
                         const void *sum, double count, double keep, const low_room *room) {
  const size_t total = room->tests * s->n;
  const bool taken = symo_kfac_numbers(s, state)[KFAC_TAKEN] > 0;
  double moved = 0, all = 0;
  if (taken)
    multiply_old(c, s, state, room);
  else
    memset(room->y, 0, total * sizeof *room->y);
  for (size_t i = 0; i < total; i++) {
    const double fresh = symo_get(c->dtype, sum, i) / count;
    const double off = (1 - keep) * (fresh - room->y[i]);
    room->y[i] += off;
    moved += off * off, all += room->y[i] * room->y[i];
  }
  return taken && c->method.skip_tolerance > 0 &&
         moved <= c->method.skip_tolerance * c->method.skip_tolerance * all;
}

/* The Cholesky factor of B = (Y + nu W) W' in room->b, nu as small as it goes; Y becomes Y + nu W.
 * */
static symo_status factorise(const kfac_curvature *c, const kfac_side *s, const low_room *room,
                             double *nu) {
  const size_t n = s->n, t = room->tests;
  const double norm = symo_nrm2(SYMO_F64, t * n, room->y);
  double added = 0;
  *nu = 10 * (double)t * symo_epsilon(c->dtype) * norm;
  for (int attempt = 0; attempt < 4; attempt++) {
    symo_axpy(SYMO_F64, t * n, *nu - added, room->w, room->y);
    added = *nu;
    symo_gemm(SYMO_F64, 0.5, panel(room->y, t, n), symo_mat_t(panel(room->w, t, n)), 0,
              panel(room->b, t, t));
    symo_gemm(SYMO_F64, 0.5, panel(room->w, t, n), symo_mat_t(panel(room->y, t, n)), 1,
              panel(room->b, t, t));
    if (symo_cholesky(SYMO_F64, t, room->b, NULL, room->work) == SYMO_OK) return SYMO_OK;
    *nu *= 100;
  }
  return SYMO_NO_CONVERGENCE;
}

/* Eigenpairs of Q' S Q: values ascending, and vectors E Q in place of Y. */
static symo_status decompose(const kfac_side *s, const low_room *room) {
  const size_t n = s->n, t = room->tests;
  memcpy(room->q, room->y, t * n * sizeof *room->q);
  symo_status status = symo_orthonormal_panel(SYMO_F64, t, n, room->q, room->work);
  if (status != SYMO_OK) return status;
  /* R' [t, t] = Y Q'; S = (L^-1 R')' (L^-1 R'). */
  symo_gemm(SYMO_F64, 1, panel(room->y, t, n), symo_mat_t(panel(room->q, t, n)), 0,
            panel(room->r, t, t));
  symo_trsm(SYMO_F64, t, room->b, false, panel(room->r, t, t));
  symo_syrk(SYMO_F64, 1, panel(room->r, t, t), 0, panel(room->s, t, t));
  status = symo_eigh(SYMO_F64, t, room->s, room->values, room->work);
  if (status != SYMO_OK) return status;
  symo_gemm(SYMO_F64, 1, panel(room->s, t, t), panel(room->q, t, n), 0, panel(room->y, t, n));
  return symo_all_finite(SYMO_F64, t * n, room->y) ? SYMO_OK : SYMO_NO_CONVERGENCE;
}

/* The leading pairs, as many as the method says. */
static void keep_leading(const kfac_curvature *c, const kfac_side *s, void *const *state,
                         const low_room *room, double nu, double trace) {
  double *values = state[s->values], *numbers = symo_kfac_numbers(s, state), sum = 0;
  const size_t n = s->n, t = room->tests;
  const double share = c->method.rank_share > 0 ? c->method.rank_share : 1;
  size_t k = 0;
  while (k < s->k && k < t && !(k > 0 && c->method.rank_share > 0 && sum >= share * trace)) {
    values[k] = fmax(room->values[t - 1 - k] - nu, 0);
    for (size_t i = 0; i < n; i++)
      symo_put(c->dtype, state[s->basis], k * n + i, room->y[(t - 1 - k) * n + i]);
    sum += values[k++];
  }
  for (size_t i = k; i < s->k; i++) values[i] = 0;
  numbers[KFAC_TAIL] = k < n ? fmax(trace - sum, 0) / (double)(n - k) : 0;
  numbers[KFAC_ACTIVE] = (double)k;
  numbers[KFAC_TRACE] = trace;
  numbers[KFAC_TAKEN] = 1;
}

/* Nothing was ever seen: zero, in the first directions. */
static void keep_zero(const kfac_curvature *c, const kfac_side *s, void *const *state) {
  double *numbers = symo_kfac_numbers(s, state);
  memset(state[s->basis], 0, s->k * s->n * symo_dtype_size(c->dtype));
  symo_put(c->dtype, state[s->basis], 0, 1);
  numbers[KFAC_ACTIVE] = 1;
  numbers[KFAC_TAKEN] = 1;
}

symo_status symo_kfac_low_update(const kfac_curvature *c, const kfac_side *s, void *const *state,
                                 size_t columns, const void *tests, const void *sum, double count,
                                 double trace, double keep, void *work) {
  const size_t total = columns * s->n;
  double *numbers = symo_kfac_numbers(s, state), nu;
  const bool taken = numbers[KFAC_TAKEN] > 0;
  low_room room;
  place(s, columns, work, &room);
  for (size_t i = 0; i < total; i++) room.w[i] = symo_get(c->dtype, tests, i);
  if (!taken) keep = 0;
  const double now = keep * numbers[KFAC_TRACE] + (1 - keep) * trace / count;
  if (take_product(c, s, state, sum, count, keep, &room)) return SYMO_OK;
  if (!(now > 0) || !(symo_nrm2(SYMO_F64, total, room.y) > 0)) {
    if (!taken) keep_zero(c, s, state);
    return SYMO_OK;
  }
  symo_status status = factorise(c, s, &room, &nu);
  if (status == SYMO_OK) status = decompose(s, &room);
  if (status == SYMO_OK) keep_leading(c, s, state, &room, nu, now);
  return status < 0 ? SYMO_NO_CONVERGENCE : status;
}
