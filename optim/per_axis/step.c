/* What a step does with all tensors: factors take gradients in, roots are taken, directions multiplied
 * (per_axis.c has the formulas). */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "optim/per_axis/per_axis.h"

/* What accumulate and apply do with all tensors, each by itself. */
typedef struct axis_job {
  const per_axis *p;
  void *const *state;
  const curvature_step *step;
  symo_const_vector x; /* of accumulate; the direction of apply */
  symo_vector out;
  void *work;
} axis_job;

static void accumulate_one(void *arg, size_t index, int worker) {
  const axis_job *j = arg;
  const size_t t = j->p->order[index];
  symo_axis_take_unit(j->p, j->state, j->step, t, j->x, &j->step->x);
  symo_axis_accumulate(j->p, j->state, t, j->x, &j->step->x, j->p->method.beta2,
                       curvature_work(j->step, j->work, worker));
}

symo_status symo_axis_accumulate_all(const void *self, void *const *state,
                                     const curvature_step *step, symo_const_vector x, void *work) {
  const per_axis *p = self;
  axis_job j = {.p = p, .state = state, .step = step, .x = x, .work = work};
  /* With a basis, the gradient enters after the step that it makes: see there. */
  if (!p->basis && p->method.beta2 > 0)
    symo_pool_run(step->pool, p->num_tensors, accumulate_one, &j);
  return SYMO_OK;
}

/* ---- roots and steps ---- */

static symo_status take_root(const per_axis *p, const axis_factor *a, const curvature_step *step,
                             double unit, void *c, void *root, solver_report *report, void *work) {
  double trace = symo_trace(p->dtype, a->dim, c);
  if (!isfinite(trace)) return SYMO_NO_CONVERGENCE;
  solver_options options = {.dtype = p->dtype,
                            .eps = p->relative ? step->damping * trace / (double)a->dim
                                               : symo_axis_damping(p, step, 2 * unit),
                            .power = a->power,
                            .steps = symo_solver_steps(&p->method),
                            .tolerance = p->method.solver_tolerance};
  return a->solver->root(&options, a->dim, c, root, report, work);
}

symo_status symo_axis_refresh(const void *self, void *const *state, const curvature_step *step,
                              size_t root, curvature_report *report, void *work) {
  const per_axis *p = self;
  assert(root < p->num_axes);
  if (p->basis) return symo_axis_basis_refresh(p, state, root, report, work);
  const axis_factor *a = &p->axes[root];
  size_t numbers = a->dim * a->dim;
  double beta = p->method.beta2;
  solver_report solved = {NAN, NAN, 0};
  memcpy(work, state[a->factor], numbers * symo_dtype_size(p->dtype));
  if (p->method.correction && beta < 1 && step->updates > 0)
    symo_scal(p->dtype, numbers, 1 / (1 - pow(beta, (double)step->updates)), work);
  double unit = symo_axis_unit(p, state, a->tensor);
  symo_status status = take_root(p, a, step, unit, work, state[a->root], &solved,
                                 (char *)work + symo_axis_square_bytes(p, a));
  if (status == SYMO_OK) ((double *)state[p->root_units])[root] = unit;
  if (status == SYMO_OK && report != NULL)
    *report =
        (curvature_report){.condition = solved.condition, .effective_rank = solved.effective_rank};
  return status;
}

/* The roots of the factors of x itself, one behind the other. */
static symo_status roots_of(const per_axis *p, size_t tensor, const curvature_step *step,
                            double unit, symo_nd x, void **matrix, char *room, char *work) {
  const axis_tensor *t = &p->tensors[tensor];
  solver_report report;
  for (size_t i = t->first; i < t->first + t->num; i++) {
    const axis_factor *a = &p->axes[i];
    matrix[i] = room;
    room += symo_axis_square_bytes(p, a);
    symo_axis_gram(x, a->axis, a->weight, 0, work);
    symo_status status =
        take_root(p, a, step, unit, work, matrix[i], &report, work + symo_axis_square_bytes(p, a));
    if (status != SYMO_OK) return status;
  }
  return SYMO_OK;
}

static void apply_one(void *arg, size_t index, int worker) {
  const axis_job *j = arg;
  const per_axis *p = j->p;
  const size_t t = p->order[index];
  axis_head head = symo_axis_head(p, j->work);
  char *a = (char *)curvature_work(j->step, j->work, worker) + p->head,
       *b = a + symo_axis_tensor_bytes(p);
  char *x = b + symo_axis_tensor_bytes(p), *room = x + symo_axis_tensor_bytes(p);
  symo_nd from = symo_axis_view(p, j->x, t), to = symo_axis_view(p, symo_vector_const(j->out), t);
  head.status[t] = SYMO_OK;
  const int stored = curvature_stored(&j->step->x, t);
  if (p->num_axes == 0) { /* alpha 0 */
    symo_nd_copy(1, from, to);
    if (j->step->out != NULL) j->step->out[t] = stored;
    return;
  }
  const double level = symo_axis_level(p, j->step, &j->step->x, t);
  from = symo_axis_source(p, from, stored - (int)level, t, x);
  if (p->method.beta2 == 0)
    head.status[t] =
        roots_of(p, t, j->step, level, from, head.matrix, room, room + symo_axis_roots_bytes(p, t));
  if (head.status[t] != SYMO_OK) return;
  symo_axis_multiply_all(p, t, head.matrix, false, from, to, a, b);
  double left = level; /* powers of two that are not in the result */
  for (size_t i = p->tensors[t].first; i < p->tensors[t].first + p->tensors[t].num; i++)
    left +=
        2 * p->axes[i].power * (p->method.beta2 == 0 ? level : symo_axis_root_unit(p, j->state, i));
  if (j->step->out != NULL)
    j->step->out[t] = left;
  else if (left != 0)
    symo_nd_copy(exp2(left), to, to);
}

symo_status symo_axis_apply(const void *self, void *const *state, const curvature_step *step,
                            symo_const_vector g, symo_const_vector u, symo_vector out, void *work) {
  const per_axis *p = self;
  axis_job j = {.p = p, .state = state, .step = step, .x = u, .out = out, .work = work};
  axis_head head = symo_axis_head(p, work);
  if (p->basis) return symo_axis_basis_apply(p, state, step, g, out, work);
  for (size_t i = 0; i < p->num_axes && p->method.beta2 > 0; i++)
    head.matrix[i] = state[p->axes[i].root];
  symo_pool_run(step->pool, p->layout->num_tensors, apply_one, &j);
  symo_status status = SYMO_OK;
  for (size_t t = 0; t < p->layout->num_tensors && status == SYMO_OK; t++) status = head.status[t];
  return status;
}
