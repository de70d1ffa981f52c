/* Random elements of the commutant: linear maps T from tensors of order q to tensors of order p
 * with g T = T g for every g of the group.  As g is orthogonal these are the invariant tensors of
 * order p + q, and all that happens here happens to tensors of that order.
 *
 * Signed permutations map index tuples to index tuples.  An invariant tensor is constant, up to the
 * signs, on each orbit of tuples (for permutations and p = q = 1: an orbital), and zero on an orbit
 * that meets itself with the other sign.  One value per orbit, of variance 1 / size, is the
 * projection of white noise on the invariant tensors; it costs one pass over tuples and generators.
 *
 * Otherwise, random averaging (compare Dixon, Computing irreducible representations of groups,
 * Math. Comp. 24 (1970), whose averages are over generators): T <- (T + g T) / 2 with g uniform
 * keeps the invariant part and halves the expected square of the rest, because its mean over g is
 * zero.  From white noise of norm d^((p+q)/2) to rounding takes some 110 steps.  The step |gT - T|
 * itself says how far it has come; at the end all generators are tried.  Where errors stop it
 * early, conjugate gradients on the generators alone do the rest.  On matrices (p = q = 1) a
 * random element costs far more than a step, so there they are products of two out of a pool, in
 * which one is replaced from time to time.
 *
 * Check value: S_d on R^d has two orbitals, i = j and i != j; O(d) the multiples of 1 alone. */
#include "groups/numeric/commutant.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"

static const double TARGET = 1e-13, ACCEPTED = 1e-11, STEP_DONE = 4e-15;
/* Below, per generator and norm, gradients are rounding: going on would follow it. */
static const double DESCENT_DONE = 2e-15;

enum { WINDOW = 8, MAX_WINDOWS = 100, PATIENCE = 3, POOL = 8, MAX_DESCENT = 400 };

size_t symo_tensor_size(size_t d, unsigned p) {
  size_t n = 1;
  for (unsigned k = 0; k < p; k++)
    if (!symo_mul_size(n, d, &n)) return SIZE_MAX;
  return n;
}

/* ---- generators on tensors ---- */

/* y = g x, or g' x, along one axis of x: [outer, d, inner]; beta 1 adds. */
static void act_dense(size_t d, const double *g, bool inverse, size_t outer, size_t inner,
                      const double *x, double beta, double *y) {
  symo_mat gm = symo_mat_dense((void *)(uintptr_t)g, d, d);
  if (inverse) gm = symo_mat_t(gm);
  if (inner == 1) {
    symo_mat rows = symo_mat_dense((void *)(uintptr_t)x, outer, d);
    symo_gemm(SYMO_F64, 1, rows, symo_mat_t(gm), beta, symo_mat_dense(y, outer, d));
    return;
  }
  for (size_t o = 0; o < outer; o++) {
    symo_mat part = symo_mat_dense((void *)(uintptr_t)(x + o * d * inner), d, inner);
    symo_gemm(SYMO_F64, 1, gm, part, beta, symo_mat_dense(y + o * d * inner, d, inner));
  }
}

static void act_monomial(size_t d, const size_t *image, const signed char *sign, bool inverse,
                         size_t outer, size_t inner, const double *x, double *y) {
  for (size_t o = 0; o < outer; o++)
    for (size_t i = 0; i < d; i++) {
      const double *from = x + (o * d + (inverse ? image[i] : i)) * inner;
      double *to = y + (o * d + (inverse ? i : image[i])) * inner, s = sign[i];
      for (size_t k = 0; k < inner; k++) to[k] = s * from[k];
    }
}

static void act(const generator_set *set, size_t index, bool inverse, unsigned order, size_t count,
                const double *x, double *y, double *work) {
  size_t d = set->dim, size = symo_tensor_size(d, order), outer = count, inner = size;
  bool lie = index >= set->num_monomial + set->num_dense;
  if (lie) memset(y, 0, count * size * sizeof *y);
  for (unsigned axis = 0; axis < order; axis++) {
    inner /= d;
    if (lie) {
      const double *a = set->lie + (index - set->num_monomial - set->num_dense) * d * d;
      act_dense(d, a, inverse, outer, inner, x, 1, y);
    } else {
      /* The last axis writes to y. */
      double *to = (order - axis) % 2 == 1 ? y : work;
      const double *from = axis == 0 ? x : to == y ? work : y;
      if (index < set->num_monomial)
        act_monomial(d, set->image + index * d, set->sign + index * d, inverse, outer, inner, from,
                     to);
      else
        act_dense(d, set->dense + (index - set->num_monomial) * d * d, inverse, outer, inner, from,
                  0, to);
    }
    outer *= d;
  }
}

void symo_generator_act(const generator_set *set, size_t index, unsigned order, size_t count,
                        const double *x, double *y, double *work) {
  act(set, index, false, order, count, x, y, work);
}

double symo_generator_scale(const generator_set *set, size_t index) {
  size_t d = set->dim, finite = set->num_monomial + set->num_dense;
  return index < finite ? 1 : symo_nrm2(SYMO_F64, d * d, set->lie + (index - finite) * d * d);
}

/* ---- signed permutations: orbits of index tuples ---- */

typedef struct monomial_tables { /* images (index << 1 | negative) of tuples of length p and of q */
  size_t rows, cols;
  uint32_t *p, *q; /* [num_monomial, rows], [num_monomial, cols] */
} monomial_tables;

static uint32_t *table_create(const generator_set *set, unsigned order, size_t size) {
  size_t d = set->dim, total;
  if (!symo_mul_size(set->num_monomial, size, &total)) return NULL;
  uint32_t *table = symo_calloc(total, sizeof *table);
  if (table == NULL) return NULL;
  for (size_t k = 0; k < set->num_monomial; k++) {
    const size_t *image = set->image + k * d;
    const signed char *sign = set->sign + k * d;
    for (size_t tuple = 0; tuple < size; tuple++) {
      size_t to = 0, place = 1, rest = tuple;
      uint32_t negative = 0;
      for (unsigned axis = 0; axis < order; axis++) {
        size_t i = rest % d;
        to += place * image[i];
        negative ^= sign[i] < 0;
        rest /= d;
        place *= d;
      }
      table[k * size + tuple] = (uint32_t)(to << 1) | negative;
    }
  }
  return table;
}

enum { UNSEEN = 2 }; /* else the sign of a tuple beside the first of its orbit: 0, 1 */

/* The orbit of `start` goes to the queue; false if it meets itself with the other sign. */
static bool orbit(const monomial_tables *t, size_t num_generators, size_t start,
                  unsigned char *sign, uint32_t *queue, size_t *length) {
  bool alive = true;
  size_t end = 1;
  queue[0] = (uint32_t)start;
  sign[start] = 0;
  for (size_t begin = 0; begin < end; begin++) {
    size_t i = queue[begin] / t->cols, j = queue[begin] % t->cols;
    unsigned char own = sign[queue[begin]];
    for (size_t k = 0; k < num_generators; k++) {
      uint32_t ti = t->p[k * t->rows + i], tj = t->q[k * t->cols + j];
      size_t to = (size_t)(ti >> 1) * t->cols + (tj >> 1);
      unsigned char s = (unsigned char)(own ^ ((ti ^ tj) & 1));
      if (sign[to] == UNSEEN) {
        sign[to] = s;
        queue[end++] = (uint32_t)to;
      } else if (sign[to] != s) {
        alive = false;
      }
    }
  }
  *length = end;
  return alive;
}

static symo_status draw_orbits(const generator_set *set, unsigned p, unsigned q, symo_rng *rng,
                               size_t num, double *const *out, size_t *dimension) {
  symo_status status = SYMO_OK;
  monomial_tables t = {symo_tensor_size(set->dim, p), symo_tensor_size(set->dim, q), NULL, NULL};
  size_t size = t.rows * t.cols, length = 0;
  unsigned char *sign = symo_malloc(size);
  uint32_t *queue = symo_malloc(size * sizeof *queue);
  t.p = table_create(set, p, t.rows);
  t.q = table_create(set, q, t.cols);
  *dimension = 0;
  if (sign == NULL || queue == NULL || t.p == NULL || t.q == NULL) {
    status = symo_fail_memory(set->context, "commutant");
    goto done;
  }
  memset(sign, UNSEEN, size);
  for (size_t start = 0; start < size; start++) {
    if (sign[start] != UNSEEN) continue;
    bool alive = orbit(&t, set->num_monomial, start, sign, queue, &length);
    *dimension += alive;
    for (size_t m = 0; m < num; m++) {
      double value = alive ? symo_rng_normal(rng) / sqrt((double)length) : 0;
      for (size_t k = 0; k < length; k++) out[m][queue[k]] = sign[queue[k]] ? -value : value;
    }
  }
done:
  symo_free(t.q);
  symo_free(t.p);
  symo_free(queue);
  symo_free(sign);
  return status;
}

/* ---- any generators: averaging ---- */

typedef struct averaging {
  const generator_set *set;
  unsigned order;
  size_t size, num;
  double *const *t;         /* num tensors */
  double *element, *buf[2]; /* [d, d]; two tensors */
  double *pool;             /* [POOL, d, d], or NULL: a new element for every step */
  void *element_work;
} averaging;

static void fill_pool(const averaging *a, symo_rng *rng, size_t first, size_t n) {
  size_t numbers = a->set->dim * a->set->dim;
  for (size_t k = first; a->pool != NULL && k < first + n; k++)
    symo_random_element(a->set, rng, a->pool + k % POOL * numbers, a->element_work);
}

static void next_element(const averaging *a, symo_rng *rng) {
  size_t d = a->set->dim;
  if (a->pool == NULL) {
    symo_random_element(a->set, rng, a->element, a->element_work);
    return;
  }
  size_t i = symo_rng_below(rng, POOL), j = (i + 1 + symo_rng_below(rng, POOL - 1)) % POOL;
  symo_gemm(SYMO_F64, 1, symo_mat_dense(a->pool + i * d * d, d, d),
            symo_mat_dense(a->pool + j * d * d, d, d), 0, symo_mat_dense(a->element, d, d));
}

/* The larger one; infinity for NaN, which fmax would pass over. */
static double larger(double a, double b) { return isnan(b) ? (double)INFINITY : fmax(a, b); }

/* T <- (T + g T) / 2 for every T; the largest |g T - T| in units of max(1, |T|).  Acting on the
 * last axis and writing it as the first, once per axis, brings all axes back to their place. */
static double average_once(const averaging *a) {
  size_t d = a->set->dim, rest = a->size / d;
  symo_mat g = symo_mat_dense(a->element, d, d);
  double step = 0;
  for (size_t m = 0; m < a->num; m++) {
    double *t = a->t[m], *from = t, *to = a->buf[0];
    for (unsigned axis = 0; axis < a->order; axis++) {
      symo_gemm(SYMO_F64, 1, g, symo_mat_t(symo_mat_dense(from, rest, d)), 0,
                symo_mat_dense(to, d, rest));
      from = to;
      to = from == a->buf[0] ? a->buf[1] : a->buf[0];
    }
    symo_axpy(SYMO_F64, a->size, -1, t, from); /* g T - T */
    symo_axpy(SYMO_F64, a->size, 0.5, from, t);
    double moved = symo_nrm2(SYMO_F64, a->size, from), norm = symo_nrm2(SYMO_F64, a->size, t);
    step = larger(step, moved / fmax(1, norm));
  }
  return step;
}

/* How far the generators move the tensors, at most, in the same units. */
static double invariance_defect(const averaging *a, double *work) {
  const generator_set *set = a->set;
  size_t finite = set->num_monomial + set->num_dense;
  double defect = 0;
  for (size_t k = 0; k < symo_generator_set_count(set); k++) {
    double scale = symo_generator_scale(set, k);
    if (scale == 0) continue;
    for (size_t m = 0; m < a->num; m++) {
      double norm = fmax(1, symo_nrm2(SYMO_F64, a->size, a->t[m]));
      symo_generator_act(set, k, a->order, 1, a->t[m], a->buf[0], work);
      if (k < finite) symo_axpy(SYMO_F64, a->size, -1, a->t[m], a->buf[0]);
      defect = larger(defect, symo_nrm2(SYMO_F64, a->size, a->buf[0]) / scale / norm);
    }
  }
  return defect;
}

/* y = L t, L = sum over generators of (g - 1)'(g - 1), X'X for Lie ones: zero exactly
 * on the invariant tensors.  image: as large. */
static void energy_gradient(const averaging *a, const double *t, double *y, double *image) {
  const generator_set *set = a->set;
  size_t finite = set->num_monomial + set->num_dense;
  memset(y, 0, a->size * sizeof *y);
  for (size_t k = 0; k < symo_generator_set_count(set); k++) {
    double scale = symo_generator_scale(set, k);
    if (scale == 0) continue;
    act(set, k, false, a->order, 1, t, a->buf[0], a->buf[1]);
    if (k < finite) symo_axpy(SYMO_F64, a->size, -1, t, a->buf[0]);
    if (k < finite) symo_axpy(SYMO_F64, a->size, -1, a->buf[0], y);
    act(set, k, true, a->order, 1, a->buf[0], image, a->buf[1]);
    symo_axpy(SYMO_F64, a->size, 1 / scale / scale, image, y);
  }
}

/* Conjugate gradients on t'L t from t: takes out what is left beside the invariant part, up to the
 * errors of the generators themselves.  work: 4 tensors. */
static void descend(const averaging *a, double *t, double *work) {
  size_t n = a->size;
  double *r = work, *p = work + n, *lp = work + 2 * n, *image = work + 3 * n;
  energy_gradient(a, t, r, image);
  symo_scal(SYMO_F64, n, -1, r);
  memcpy(p, r, n * sizeof *p);
  double norm = fmax(1, symo_nrm2(SYMO_F64, n, t)), rr = symo_dot(SYMO_F64, n, r, r);
  double done = DESCENT_DONE * (double)symo_generator_set_count(a->set) * norm;
  for (int k = 0; k < MAX_DESCENT && sqrt(rr) > done; k++) {
    energy_gradient(a, p, lp, image);
    double curvature = symo_dot(SYMO_F64, n, p, lp);
    if (!(curvature > 0)) break;
    symo_axpy(SYMO_F64, n, rr / curvature, p, t);
    symo_axpy(SYMO_F64, n, -rr / curvature, lp, r);
    double before = rr;
    rr = symo_dot(SYMO_F64, n, r, r);
    symo_scal(SYMO_F64, n, rr / before, p);
    symo_axpy(SYMO_F64, n, 1, r, p);
  }
}

static symo_status polish(const averaging *a, double *defect) {
  double *work = symo_calloc(4 * sizeof(double), a->size);
  if (work == NULL) return symo_fail_memory(a->set->context, "commutant");
  for (size_t m = 0; m < a->num; m++) descend(a, a->t[m], work);
  symo_free(work);
  *defect = invariance_defect(a, a->buf[1]);
  return SYMO_OK;
}

static symo_status average(const averaging *a, unsigned p, unsigned q, symo_rng *rng) {
  double before = INFINITY, defect = INFINITY;
  size_t still = 0, window = 0;
  fill_pool(a, rng, 0, POOL);
  for (; window < MAX_WINDOWS && still < PATIENCE; window++) {
    double step = 0;
    if (window > 0) fill_pool(a, rng, window, 1);
    for (int k = 0; k < WINDOW; k++) {
      next_element(a, rng);
      step = larger(step, average_once(a));
    }
    /* A window brings a factor of 16 on average, until errors of the elements stop it: words in
     * inexact generators are further from the group than the generators. */
    still += step > before / 2;
    before = step;
    if (step > STEP_DONE) continue;
    defect = invariance_defect(a, a->buf[1]);
    if (defect <= TARGET) return SYMO_OK;
  }
  defect = invariance_defect(a, a->buf[1]);
  if (defect <= ACCEPTED / 10) return SYMO_OK;
  symo_status status = polish(a, &defect);
  if (status != SYMO_OK || defect <= ACCEPTED) return status;
  return symo_fail(a->set->context, SYMO_NO_CONVERGENCE,
                   "commutant: maps from tensors of order %u to order %u, averaged over %zu random "
                   "elements, still move by %.1e under the generators (at most %.0e is accepted; "
                   "give the generators to full precision)",
                   q, p, window * WINDOW, defect, ACCEPTED);
}

static symo_status draw_average(const generator_set *set, unsigned p, unsigned q, symo_rng *rng,
                                size_t num, double *const *out) {
  symo_status status = SYMO_OK;
  size_t d = set->dim, size = symo_tensor_size(d, p + q);
  averaging a = {.set = set, .order = p + q, .size = size, .num = num, .t = out};
  a.element = symo_malloc(d * d * sizeof(double));
  a.buf[0] = symo_malloc(size * sizeof(double));
  a.buf[1] = symo_malloc(size * sizeof(double));
  a.element_work = symo_malloc(symo_random_element_work(set));
  if (a.order == 2) a.pool = symo_calloc(POOL * d, d * sizeof(double));
  if (a.element == NULL || a.buf[0] == NULL || a.buf[1] == NULL || a.element_work == NULL ||
      (a.order == 2 && a.pool == NULL)) {
    status = symo_fail_memory(set->context, "commutant");
  } else {
    for (size_t m = 0; m < num; m++)
      for (size_t k = 0; k < size; k++) out[m][k] = symo_rng_normal(rng);
    status = average(&a, p, q, rng);
  }
  symo_free(a.pool);
  symo_free(a.element_work);
  symo_free(a.buf[1]);
  symo_free(a.buf[0]);
  symo_free(a.element);
  return status;
}

symo_status symo_commutant_draw(const generator_set *set, unsigned p, unsigned q, symo_rng *rng,
                                size_t num, double *const *out, size_t *dimension) {
  if (set->num_dense == 0 && set->num_lie == 0)
    return draw_orbits(set, p, q, rng, num, out, dimension);
  *dimension = 0;
  return draw_average(set, p, q, rng, num, out);
}
