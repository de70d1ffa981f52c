/* Steps that are made entry by entry (SGD, Adam) in one pass over memory: clipping, momentum,
 * second moments, direction, decay and the change, on strips that stay in the first cache
 * (update/strips.c), chunk by chunk on the threads of the state.
 *
 * Parameters that have been changed cannot be put back, so a step goes this way only where it is
 * known beforehand that nothing in it overflows.  With G the norm of a tensor's gradient, M a bound
 * on its momentum m, and r the smallest root that second moments can have,
 *     |m| <= b M + c G,    |u| <= c G + b |m|,    |d| <= |u| / (r correction).
 * M is kept from step to step; it is looked for in m where the caller may have written there. */
#include <float.h>
#include <math.h>

#include "core/linalg.h"
#include "optim/diagonal_estimate.h"
#include "optim/step.h"
#include "optim/update/moments.h"
#include "optim/update/strips.h"

/* What rounding may add to a bound in one step. */
#define SLACK (1 + 1e-5)

/* For the squares of directions in float64: bounds beyond 2^MOST are not gone into. */
enum { MOST = 460 };

static bool has_second(const block_step *s) { return s->b->curvature->elementwise; }

static size_t momentum_entry(const block_step *s, size_t i) { return s->b->first_entry + i; }
static size_t second_entry(const block_step *s, size_t i) {
  return symo_block_curvature_entry(s->b) + i;
}

static strip_task task_of(const block_step *s) {
  const symo_method *m = &s->b->method;
  uint64_t updates = (uint64_t)s->counters[0] + (s->due ? 1 : 0);
  return (strip_task){.method = m,
                      .t = s->t,
                      .norm = s->norm,
                      .momentum = symo_block_has_momentum(s->b),
                      .second = has_second(s),
                      .due = s->due,
                      .correction = symo_update_correction(m->beta2, updates, m->correction)};
}

/* ---- chunks ---- */

typedef struct entries_job {
  const block_step *s;
  strip_plan plan;
} entries_job;

/* On the caller's strides. */
static void run_views(const block_step *s, size_t i, strip_plan *plan) {
  symo_nd x[STRIP_OPERANDS];
  for (int k = 0; k < STRIP_OPERANDS; k++) x[k] = symo_step_view(s, s->g, i);
  x[STRIP_PARAMETERS] = symo_step_view(s, symo_vector_const(s->p), i);
  if (symo_block_has_momentum(s->b))
    x[STRIP_MOMENTUM] = symo_step_entry(s, momentum_entry(s, i), i);
  if (has_second(s)) x[STRIP_SECOND] = symo_step_entry(s, second_entry(s, i), i);
  symo_strip_run(plan, x);
}

static void run_dense(const block_step *s, size_t i, size_t first, strip_plan *plan) {
  void *const g = (void *)(uintptr_t)s->g.data[i];
  void *x[STRIP_OPERANDS] = {g, g, g, s->p.data[i]};
  size_t left = s->b->layout->tensors[i].size - first;
  if (symo_block_has_momentum(s->b)) x[STRIP_MOMENTUM] = s->state->data[momentum_entry(s, i)];
  if (has_second(s)) x[STRIP_SECOND] = s->state->data[second_entry(s, i)];
  symo_strip_run_dense(plan, s->state->optim->dtype, first,
                       left < UPDATE_CHUNK ? left : UPDATE_CHUNK, x);
}

static void run_chunk(void *arg, size_t index, int worker) {
  const entries_job *j = arg;
  const block_step *s = j->s;
  strip_plan plan = j->plan;
  size_t first, i = symo_block_tensor_of(s->b, index, &first);
  (void)worker;
  plan.factors = symo_update_factors(s->rate, s->decay, s->graft[i]);
  plan.squares.a = plan.squares.two ? s->rate * s->graft[i] : exp2(s->shift[i]);
  plan.squares.b = s->rate * s->decay;
  if (s->g.strides[i] == NULL && s->p.strides[i] == NULL)
    run_dense(s, i, first, &plan);
  else if (first == 0) /* this task takes all of the tensor */
    run_views(s, i, &plan);
  s->state->partial[index] = symo_update_sum_of(&plan.squares);
}

static void run_chunks(const block_step *s, const strip_plan *plan) {
  entries_job j = {s, *plan};
  symo_pool_run(s->state->pool, s->b->chunk_at[s->b->num_tensors], run_chunk, &j);
}

/* ---- bounds ---- */

/* The largest entry of the momentum, as it lies there; infinity if second moments are none. */
static double look_for_bound(const block_step *s, size_t i) {
  double most = symo_block_has_momentum(s->b)
                    ? symo_nd_max_abs(symo_step_entry(s, momentum_entry(s, i), i))
                    : 0;
  if (has_second(s) && !symo_update_is_second(symo_step_entry(s, second_entry(s, i), i)))
    return INFINITY;
  return most;
}

/* The smallest number but 0 that directions are divided by. */
static double smallest_root(const block_step *s) {
  const bool narrow = s->state->optim->dtype == SYMO_F32;
  const double alpha = s->b->method.alpha, eps = s->b->method.eps;
  if (!has_second(s) || alpha == 0) return 1;
  double root = pow(narrow ? 0x1p-149 : 0x1p-1074, alpha / 2);
  return fmax(root, narrow ? (double)(float)eps : eps);
}

/* Whether the step of tensor i stays in range, by a gradient of norm g with a momentum of at most
 * `most`, and its factor is plain; *next: the bound on the momentum then. */
static bool stays_in_range(const block_step *s, size_t i, double g, double most, double *next) {
  const symo_dtype dtype = s->state->optim->dtype;
  const double range = symo_largest(dtype) / 4, take = fabs(s->rate * s->graft[i]);
  double u = g;
  *next = most;
  if (symo_block_has_momentum(s->b)) {
    const update_memory o = symo_update_memory(&s->b->method, s->t);
    *next = SLACK * (o.b * most + o.c * g);
    u = (o.nesterov ? o.c * g + o.b * *next : *next) / o.correction;
  }
  double length = SLACK * u / smallest_root(s) * sqrt((double)s->b->layout->tensors[i].size);
  s->shift[i] = 0;
  if (dtype == SYMO_F64) {
    if (!(length <= ldexp(1, MOST))) return false;
    s->shift[i] = length > 0 ? fmin(MOST - ceil(log2(length)), 2 * MOST) : 0;
  }
  return g <= range && *next <= range && u <= range && length <= range && take * length <= range &&
         symo_step_is_plain(dtype, s->rate * s->graft[i]);
}

static bool is_bounded(const block_step *s, size_t i, double g) {
  double *bound = &s->state->bounds[s->b->tensors[i]], next;
  const bool known = !s->state->shared && isfinite(*bound);
  if (!stays_in_range(s, i, g, 0, &next)) return false; /* whatever there is */
  if (!known || !stays_in_range(s, i, g, *bound, &next)) {
    *bound = look_for_bound(s, i);
    if (!stays_in_range(s, i, g, *bound, &next)) return false;
  }
  *bound = next;
  return true;
}

/* Momentum that is kept in powers of two stands as it is where norms are near 1. */
static bool is_near(const block_step *s, size_t i, double g) {
  if (!symo_block_has_exponents(s->b)) return true;
  const double *exponents = s->state->data[symo_block_exponent_entry(s->b)];
  const double tame = curvature_tame(s->state->optim->dtype) - 1, most = log2(g);
  const double light = s->state->light ? log2((double)s->b->layout->tensors[i].size) / 2 : 0;
  return exponents[i] == 0 && most < tame && most - light > -tame;
}

/* Norms of the gradients as they are taken in, in s->norms. */
static void find_norms(const block_step *s) {
  const symo_method *m = &s->b->method;
  const strip_task task = task_of(s);
  const bool l2 = m->decay == SYMO_DECAY_L2 && m->weight_decay > 0;
  const bool again = l2 || (m->clip_value > 0 && symo_block_has_exponents(s->b));
  strip_plan plan = symo_strip_plan_gradient(&task);
  for (size_t i = 0; again && i < s->b->num_tensors; i++) s->shift[i] = 0;
  symo_strip_add_squares(&plan, false);
  if (again) run_chunks(s, &plan);
  for (size_t i = 0; i < s->b->num_tensors; i++)
    s->norms[i] = again ? symo_block_norm(s->state, s->b, i)
                        : plan.clip.factor * exp2(s->state->log_norms[s->b->tensors[i]]);
}

/* ---- the pass ---- */

bool symo_step_may_be_entries(const optim_block *b, uint64_t t) {
  return (b->curvature->elementwise || b->curvature->identity) && !symo_block_grafts(b) &&
         !symo_block_estimates(b) && t >= symo_curvature_start(&b->method) &&
         b->method.scale != SYMO_SCALE_UNIT_RMS;
}

bool symo_step_is_entries(block_step *s) {
  const optim_block *b = s->b;
  const symo_method *m = &b->method;
  bool can = symo_step_may_be_entries(b, s->t) && s->norm <= DBL_MAX;
  if (can) find_norms(s);
  for (size_t i = 0; i < b->num_tensors && can; i++) {
    const layout_tensor *t = &b->layout->tensors[i];
    s->graft[i] = symo_update_scale(m, t->order, t->dim, 0, t->size);
    can = is_near(s, i, s->norms[i]) && is_bounded(s, i, s->norms[i]);
  }
  for (size_t i = 0; i < b->num_tensors && !can; i++) {
    s->state->bounds[b->tensors[i]] = INFINITY;
    s->graft[i] = s->shift[i] = 0;
  }
  return can;
}

void symo_step_entries(block_step *s) {
  const symo_method *m = &s->b->method;
  const strip_task task = task_of(s);
  strip_plan plan = symo_strip_plan(&task);
  s->decay = m->decay == SYMO_DECAY_L2 ? 0 : m->weight_decay;
  if (s->due && has_second(s)) s->counters[0]++;
  if (s->state->measured) symo_strip_add_squares(&plan, s->decay > 0);
  symo_strip_add_apply(&plan);
  run_chunks(s, &plan);
  for (size_t i = 0; i < s->b->num_tensors; i++) {
    double norm = s->state->measured ? symo_block_norm(s->state, s->b, i) : 0;
    if (!plan.squares.two) norm = fabs(s->rate * s->graft[i]) * norm * exp2(-s->shift[i]);
    s->norms[i] = s->rate == 0 ? 0 : norm;
  }
}
