/* Methods that ask a problem for products with its curvature (hessian, ggn, fisher): what goes with
 * them, their entries of the state and their work space.  Their step: second_order_step.c. */
#include "optim/second_order.h"

#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "optim/block.h"
#include "optim/precondition/precondition.h"

/* ---- what is refused ---- */

/* Settings that nothing would look at without a preconditioner. */
static const char *refuse_unused(const symo_method *m) {
  if (m->beta2 > 0 || m->correction)
    return "beta2 and correction are of the preconditioner: precondition diagonal or orbit";
  if (m->statistics_every > 1 || m->refresh_every > 1 || m->start_step > 1)
    return "statistics_every, refresh_every and start_step are of the preconditioner: precondition "
           "diagonal or orbit";
  if (strcmp(m->groups, "layout") != 0 || m->centered || m->skip_tolerance > 0)
    return "groups, centered and skip_tolerance are of the preconditioner: precondition orbit";
  return NULL;
}

/* What goes with iterations on vectors of the parameters only. */
static const char *refuse_lane(const symo_method *m) {
  const bool dense = symo_solver_of_systems(m)->most > 0, rows = m->space == SYMO_SPACE_ROWS;
  if (rows && m->curvature->matrix == SYMO_MATRIX_HESSIAN)
    return "the Hessian has no rows: space parameters, or curvature ggn or fisher";
  if (rows && m->precondition->curvature != NULL)
    return "preconditioners are of the parameters: precondition none, or space parameters";
  if (rows && m->warm_start)
    return "rows are of other examples in the next step: warm_start false, or space parameters";
  if (dense && m->precondition->curvature != NULL)
    return "a factorisation needs no preconditioner: precondition none, or solver cg";
  if (dense && m->warm_start)
    return "a factorisation starts nowhere: warm_start false, or solver cg";
  if (dense && m->solver_steps > 0) return "a factorisation has no iterations: solver_steps 0";
  return NULL;
}

const char *symo_second_order_refuse(const symo_method *m) {
  if (symo_solver_of_systems(m)->solve == NULL)
    return "systems with products are solved by cg or cholesky: solver cg";
  if (refuse_lane(m) != NULL) return refuse_lane(m);
  if (m->damping->relative)
    return "the trace is not known where there are only products: damping constant or "
           "levenberg-marquardt";
  if (m->alpha != 2) return "products solve for A^-1 and no other power: alpha 2";
  if (m->momentum > 0)
    return "the model is that of the gradient at hand: momentum 0 (warm_start remembers the last "
           "solution)";
  if (m->clip_norm > 0 || m->clip_value > 0)
    return "the model is that of the whole gradient: no clipping (damping bounds the step)";
  if (m->weight_decay > 0 && m->decay != SYMO_DECAY_L2)
    return "decoupled decay is no part of the model: decay l2";
  if (m->graft != SYMO_GRAFT_NONE)
    return "the step has the length that the model gives it: graft none";
  if (m->scale != SYMO_SCALE_NONE)
    return "the step has the length that the model gives it: scale none";
  if (m->basis != SYMO_BASIS_NONE) return "there is no eigenbasis for second moments: basis none";
  return m->precondition->curvature == NULL ? refuse_unused(m) : NULL;
}

/* ---- sizes ---- */

static size_t take(size_t *bytes, size_t more) {
  size_t at = *bytes;
  *bytes += symo_padded(more);
  return at;
}

second_order_work symo_second_order_work(const symo_optim *optim) {
  const optim_block *b = &optim->blocks[0];
  size_t n = b->layout->parameters, vector = n * symo_dtype_size(optim->dtype);
  const bool rows = b->method.space == SYMO_SPACE_ROWS; /* have work space of their own */
  size_t solver = rows ? 0 : symo_solver_of_systems(&b->method)->solve_work(optim->dtype, n),
         trial = 2 * symo_padded(vector);
  second_order_work w = {.bytes = 0};
  w.pointers_at = take(&w.bytes, 3 * b->num_tensors * sizeof(void *));
  w.gradient_at = take(&w.bytes, vector);
  w.solution_at = take(&w.bytes, vector);
  w.solver_at = take(&w.bytes, solver > trial ? solver : trial);
  if (b->precondition == NULL) return w;
  w.precondition_at = take(&w.bytes, symo_preconditioner_work(b->precondition));
  w.saved_at = take(&w.bytes, optim->state_bytes - optim->entry_offset[b->first_entry]);
  return w;
}

static symo_status add(symo_optim *optim, const symo_state_entry *entry, const char *before,
                       const char *behind) {
  symo_state_entry e = *entry;
  int n = snprintf(e.name, sizeof e.name, "%s.%s", before, behind);
  if (n < 0 || (size_t)n >= sizeof e.name)
    return symo_fail(optim->context, SYMO_E_NAME, "optim: the name %.40s.. is too long", before);
  return symo_optim_add_entry(optim, &e);
}

static symo_status add_entries(symo_optim *optim, optim_block *b) {
  char rule[40];
  symo_status status = SYMO_OK;
  b->first_entry = optim->num_entries;
  for (size_t i = 0; b->method.warm_start && i < b->num_tensors; i++) {
    const layout_tensor *t = &b->layout->tensors[i];
    symo_state_entry entry = {.dtype = optim->dtype, .order = t->order};
    memcpy(entry.shape, t->dim, sizeof entry.shape);
    SYMO_TRY(add(optim, &entry, t->name, "solution"));
  }
  snprintf(rule, sizeof rule, "rule-%zu", b->rule);
  for (size_t i = 0; b->precondition != NULL && i < b->precondition->num_entries; i++) {
    symo_state_entry entry = symo_preconditioner_entry(b->precondition, i);
    char name[sizeof entry.name];
    memcpy(name, entry.name, sizeof name);
    SYMO_TRY(add(optim, &entry, rule, name));
  }
  b->num_entries = optim->num_entries - b->first_entry;
fail:
  return status;
}

symo_status symo_second_order_size(symo_optim *optim) {
  optim_block *b = &optim->blocks[0];
  const char *reason = symo_preconditioner_refuse(&b->method, b->layout);
  const size_t most = symo_solver_of_systems(&b->method)->most, n = b->layout->parameters;
  symo_status status;
  if (most > 0 && n > most && b->method.space == SYMO_SPACE_PARAMETERS)
    return symo_fail(optim->context, SYMO_E_SIZE,
                     "optim: rule %zu: solver %s forms a matrix of the parameters, %zu, and takes "
                     "at most %zu (take cg, or space rows)",
                     b->rule, b->method.solver->name, n, most);
  if (reason != NULL)
    return symo_fail(optim->context, SYMO_E_UNSUPPORTED, "optim: rule %zu: precondition %s: %s",
                     b->rule, b->method.precondition->name, reason);
  curvature_task task = {.context = optim->context,
                         .layout = b->layout,
                         .dtype = optim->dtype,
                         .method = &b->method,
                         .threads = optim->spec.threads};
  SYMO_TRY(symo_preconditioner_create(&task, &b->precondition));
  SYMO_TRY(add_entries(optim, b));
  symo_optim_need_work(optim, symo_second_order_work(optim).bytes);
fail:
  return status;
}

/* ---- the three rows ---- */

const symo_curvature symo_curvature_hessian = {
    .name = "hessian",
    .summary = "products with the exact Hessian of a problem",
    .products = true,
};

const symo_curvature symo_curvature_ggn = {
    .name = "ggn",
    .summary = "products with the Gauss-Newton matrix of a problem",
    .products = true,
    .matrix = SYMO_MATRIX_GGN,
};

const symo_curvature symo_curvature_fisher = {
    .name = "fisher",
    .summary =
        "products with the empirical Fisher matrix of a problem, the mean of g g' over examples",
    .products = true,
    .matrix = SYMO_MATRIX_FISHER,
};
