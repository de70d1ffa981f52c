/* Adam in the eigenbasis of per-axis factors (Vyas et al. 2024, arXiv 2409.11321), step by step as
 * published.
 *
 * V_k (rows) is the basis of axis k.  With G' = G x_1 V_1 .. x_q V_q the gradient in that basis,
 *
 *     m <- b1 m + (1 - b1) G',   v <- b2 v + (1 - b2) G'^2        (b1 = momentum, b2 = beta2)
 *     step = m / (v^{alpha/2} + eps) * (1 - b2^s)^{alpha/2} / (1 - b1^s), turned back,
 *
 * and only then does G enter the factors L_k, so that no gradient is projected on a basis made of
 * itself.  The first step gives nothing but the factors and their eigenvectors: s = t - 1.
 *
 * A new basis is one power iteration: the rows of V_k are sorted by v' L v, descending, multiplied
 * by L and made orthonormal again; v moves with the sort, m is turned to the new basis.  As
 * published it comes at the end of a step, from the L that holds the gradient of that step: a
 * refresh says that an axis is due, the step does it.  L, m and v are all in the unit of the tensor
 * (unit.c). */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "optim/damping/damping.h"
#include "optim/per_axis/per_axis.h"
#include "optim/solver/scaled.h"

const char *symo_axis_basis_refuse(const symo_method *method) {
  const symo_damping *damping = method->damping;
  if ((damping->relative || damping->needs_ratio))
    return "with a basis, eps is added to the root of second moments (set damping to constant)";
  if (method->source == SYMO_SOURCE_MOMENTUM)
    return "with a basis, factors and moments are those of gradients (set source to gradient)";
  if (method->nesterov)
    return "momentum in an eigenbasis is an average of gradients as published (set nesterov to "
           "false)";
  return NULL;
}

/* ---- second moments ---- */

typedef struct moment_rule {
  double b1, w1, b2, w2; /* m <- b1 m + w1 g, v <- b2 v + w2 g^2 */
  double half, eps, factor;
} moment_rule;

/* s: steps made, this one included, the first not. */
static moment_rule rule_of(const per_axis *p, double s) {
  const symo_method *q = &p->method;
  moment_rule r = {.b1 = q->momentum, .b2 = q->beta2, .half = q->alpha / 2};
  r.w1 = q->momentum_ema ? 1 - r.b1 : 1;
  r.w2 = r.b2 >= 1 ? 1 : 1 - r.b2;
  r.factor = 1;
  if (q->correction && r.b2 < 1) r.factor *= pow(1 - pow(r.b2, s), r.half);
  if (q->momentum_correction) r.factor /= 1 - pow(r.b1, s);
  return r;
}

static double root_of(double v, double half) { return half == 0.5 ? sqrt(v) : pow(v, half); }

#define SYMO_KERNELS "optim/per_axis/basis.inc"
#include "core/real.h"

/* ---- a new basis ---- */

static size_t tensor_bytes(const per_axis *p) {
  return symo_padded(p->largest * symo_dtype_size(p->dtype));
}

static size_t square_bytes(const per_axis *p, const axis_factor *a) {
  return symo_padded(a->dim * a->dim * symo_dtype_size(p->dtype));
}

/* Work: L, then the product of the new basis with the old one; the new basis; a tensor; what the QR
 * decomposition needs; values and their order. */
static size_t values_bytes(const axis_factor *a) {
  return symo_padded(a->dim * (sizeof(double) + sizeof(size_t)));
}

size_t symo_axis_basis_work(const per_axis *p, const axis_factor *a) {
  return 2 * square_bytes(p, a) + tensor_bytes(p) + values_bytes(a) +
         symo_padded(symo_eigh_work(p->dtype, a->dim));
}

/* Descending; equal ones stay in order. */
static void sort(size_t n, const double *value, size_t *order) {
  for (size_t i = 0; i < n; i++) {
    size_t j = i;
    for (; j > 0 && value[order[j - 1]] < value[i]; j--) order[j] = order[j - 1];
    order[j] = i;
  }
}

/* m turned by `turn`, v sorted. */
static void move_moments(const per_axis *p, const axis_factor *a, void *const *state,
                         const void *turn, const size_t *order, void *room) {
  const axis_tensor *t = &p->tensors[a->tensor];
  symo_nd m = symo_axis_dense(p, state[t->moment], a->tensor);
  symo_nd v = symo_axis_dense(p, state[t->second], a->tensor);
  symo_nd spare = symo_axis_dense(p, room, a->tensor);
  symo_axis_multiply(symo_mat_dense((void *)(uintptr_t)turn, a->dim, a->dim), m, a->axis, spare);
  symo_nd_copy(1, spare, m);
  symo_nd_copy(1, v, spare);
  for (size_t i = 0; i < a->dim; i++)
    symo_nd_copy(1, symo_nd_pick(spare, a->axis, order[i]), symo_nd_pick(v, a->axis, i));
}

/* Values v' L v from P = V L, and what they say. */
static curvature_report judge(const per_axis *p, const axis_factor *a, const void *v,
                              const void *product, double made, double *value) {
  size_t n = a->dim;
  assert(n > 0);
  double square = symo_nrm2(p->dtype, n * n, product), sum = 0, diagonal = 0, most = 0, least = 0;
  square *= square; /* |V L V'|^2, V being orthogonal */
  for (size_t i = 0; i < n; i++) {
    ptrdiff_t at = (ptrdiff_t)(i * n);
    value[i] = symo_dot(p->dtype, n, symo_at(p->dtype, v, at), symo_at(p->dtype, product, at));
    sum += value[i];
    diagonal += value[i] * value[i];
    most = fmax(most, value[i]);
    least = i == 0 ? value[i] : fmin(least, value[i]);
  }
  double off = sqrt(fmax(square - diagonal, 0)), tolerance = p->method.skip_tolerance;
  size_t columns = p->tensors[a->tensor].size / n;
  bool full = made * (double)columns >= (double)n; /* before, bases are of what is yet to come */
  return (curvature_report){.condition = least > 0 ? most / least : NAN,
                            .effective_rank = square > 0 ? sum * sum / square : NAN,
                            .kept = full && square > 0 && off <= tolerance * sqrt(square)};
}

/* product = V L; l: room for both triangles of L. */
static void iterate(const per_axis *p, const axis_factor *a, void *const *state, void *l,
                    void *product) {
  size_t n = a->dim;
  memcpy(l, state[a->factor], n * n * symo_dtype_size(p->dtype));
  symo_symmetrize(p->dtype, n, l);
  symo_gemm(p->dtype, 1, symo_mat_dense(state[a->root], n, n), symo_mat_dense(l, n, n), 0,
            symo_mat_dense(product, n, n));
}

static void renew(const per_axis *p, const axis_factor *a, void *const *state, char *work) {
  symo_dtype t = p->dtype;
  size_t n = a->dim, square = square_bytes(p, a), row = n * symo_dtype_size(t);
  char *l = work, *fresh = l + square, *room = fresh + square, *values = room + tensor_bytes(p);
  char *qr = values + values_bytes(a);
  double *value = (double *)(void *)values;
  size_t *order = (size_t *)(void *)(value + n);
  symo_mat old = symo_mat_dense(state[a->root], n, n), now = symo_mat_dense(fresh, n, n);
  iterate(p, a, state, l, fresh);
  judge(p, a, state[a->root], fresh, 0, value);
  sort(n, value, order);
  memcpy(l, fresh, n * row);
  for (size_t i = 0; i < n; i++) memcpy(fresh + i * row, l + order[i] * row, row);
  /* What is not finite leaves the last basis; the next refresh says so. */
  if (!symo_all_finite(t, n * n, fresh) || symo_orthonormal_rows(t, n, fresh, qr) != SYMO_OK ||
      !symo_all_finite(t, n * n, fresh))
    return;
  symo_gemm(t, 1, now, symo_mat_t(old), 0, symo_mat_dense(l, n, n));
  move_moments(p, a, state, l, order, room);
  memcpy(state[a->root], fresh, n * row);
}

symo_status symo_axis_basis_refresh(const per_axis *p, void *const *state, size_t root,
                                    curvature_report *report, void *work) {
  const axis_factor *a = &p->axes[root];
  double *progress = state[p->progress];
  char *l = work, *product = l + square_bytes(p, a);
  char *values = product + square_bytes(p, a) + tensor_bytes(p);
  curvature_report found = {.condition = NAN, .effective_rank = NAN, .kept = true};
  if (progress[0] > 0) { /* else the first step makes the basis */
    if (!isfinite(symo_trace(p->dtype, a->dim, state[a->factor]))) return SYMO_NO_CONVERGENCE;
    if (p->method.skip_tolerance > 0) {
      iterate(p, a, state, l, product);
      found = judge(p, a, state[a->root], product, progress[0], (double *)(void *)values);
    } else { /* the product can wait for the step */
      double rank = symo_lower_effective_rank(p->dtype, a->dim, state[a->factor]);
      found = (curvature_report){.condition = NAN, .effective_rank = rank};
    }
    progress[1 + root] = found.kept ? 0 : 1;
  }
  if (report != NULL) *report = found;
  return SYMO_OK;
}

/* ---- steps ---- */

/* Factors of the first gradient, and their eigenvectors.  Can be done again. */
static symo_status begin(const per_axis *p, void *const *state, const curvature_step *step,
                         symo_const_vector g, symo_vector out, char *work) {
  for (size_t t = 0; t < p->num_tensors; t++) {
    symo_axis_take_unit(p, state, step, t, g, &step->g);
    symo_axis_accumulate(p, state, t, g, &step->g, 0, work);
  }
  for (size_t i = 0; i < p->num_axes; i++) {
    const axis_factor *a = &p->axes[i];
    size_t bytes = a->dim * a->dim * symo_dtype_size(p->dtype);
    double *w = (double *)(void *)work;
    if (!isfinite(symo_trace(p->dtype, a->dim, state[a->factor]))) return SYMO_NO_CONVERGENCE;
    memcpy(state[a->root], state[a->factor], bytes);
    symo_status status =
        symo_eigh(p->dtype, a->dim, state[a->root], w, work + symo_padded(a->dim * sizeof *w));
    if (status != SYMO_OK) return SYMO_NO_CONVERGENCE;
  }
  for (size_t t = 0; t < p->num_tensors; t++)
    symo_nd_fill(0, symo_axis_view(p, symo_vector_const(out), t));
  ((double *)state[p->progress])[0] = 1;
  return SYMO_OK;
}

typedef struct basis_job {
  const per_axis *p;
  void *const *state;
  const curvature_step *step;
  symo_const_vector g;
  symo_vector out;
  char *work;
  moment_rule rule;
  bool statistics; /* are due */
} basis_job;

static void apply_one(void *arg, size_t index, int worker) {
  const basis_job *j = arg;
  const per_axis *p = j->p;
  const size_t t = p->order[index], bytes = tensor_bytes(p);
  const axis_tensor *tensor = &p->tensors[t];
  void *const *matrix = symo_axis_head(p, j->work).matrix;
  double *progress = j->state[p->progress];
  char *a = (char *)curvature_work(j->step, j->work, worker) + p->head, *b = a + bytes;
  char *x = b + bytes;
  symo_nd inside = symo_axis_dense(p, x, t), to = symo_axis_view(p, symo_vector_const(j->out), t);
  symo_axis_take_unit(p, j->state, j->step, t, j->g, &j->step->g);
  const double unit = symo_axis_unit(p, j->state, t);
  moment_rule rule = j->rule;
  rule.eps = symo_axis_damping(p, j->step, p->method.alpha * unit);
  if (j->step->out != NULL) j->step->out[t] = (1 - p->method.alpha) * unit;
  symo_nd from = symo_axis_source(p, symo_axis_view(p, j->g, t),
                                  curvature_stored(&j->step->g, t) - (int)unit, t, b);
  symo_axis_multiply_all(p, t, matrix, false, from, inside, a, b);
  SYMO_BY_TYPE(p->dtype, moments, &rule, tensor->size, (void *)x, j->state[tensor->moment],
               j->state[tensor->second]);
  symo_axis_multiply_all(p, t, matrix, true, inside, to, a, b);
  if (j->step->out == NULL && unit != 0) symo_nd_copy(exp2((1 - p->method.alpha) * unit), to, to);
  if (j->statistics) symo_axis_accumulate(p, j->state, t, j->g, &j->step->g, p->method.beta2, a);
  for (size_t i = tensor->first; i < tensor->first + tensor->num; i++) {
    if (progress[1 + i] > 0) renew(p, &p->axes[i], j->state, a);
    progress[1 + i] = 0;
  }
}

symo_status symo_axis_basis_apply(const per_axis *p, void *const *state, const curvature_step *step,
                                  symo_const_vector g, symo_vector out, void *work) {
  double *progress = state[p->progress], made = progress[0],
         every = (double)p->method.statistics_every;
  if (made == 0) return begin(p, state, step, g, out, (char *)work + p->head);
  basis_job j = {.p = p, .state = state, .step = step, .g = g, .out = out, .work = work};
  j.rule = rule_of(p, made);
  j.statistics = !(every > 1) || fmod(made, every) == 0;
  axis_head head = symo_axis_head(p, work);
  for (size_t i = 0; i < p->num_axes; i++) head.matrix[i] = state[p->axes[i].root];
  symo_pool_run(step->pool, p->num_tensors, apply_one, &j);
  progress[0] = made + 1;
  return SYMO_OK;
}
