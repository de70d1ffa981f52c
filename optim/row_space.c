/* Gauss-Newton steps by the rows of S (symo/problem.h), of which there are R = examples times
 * outputs, instead of by the P parameters: with S'S + l I and a right side S'w + c theta,
 *
 *     d = S'(S S' + l I)^-1 (w - (c / l) S theta) + (c / l) theta,
 *
 * the push-through identity; c is the L2 decay, which l holds too.  It costs R x R systems where
 * the other way has P x P ones.  The exact Gauss-Newton step of Korbit et al. (2024) is this with
 * a Cholesky factorisation.
 *
 * Check: S = (1 2), w = 1, l = 1, c = 0: S S' + 1 = 6, d = (1, 2) / 6. */
#include "optim/row_space.h"

#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"

enum { DIRECTIONS = 16 }; /* at a time */

typedef struct row_run {
  const row_task *task;
  size_t rows;
  void *right, *solution, *lifted, *solver; /* [R], [R], [DIRECTIONS, n], of the solver */
} row_run;

const char *symo_row_space_lacks(const symo_problem *p) {
  return p->rows == NULL             ? "rows"
         : p->row_residual == NULL   ? "row_residual"
         : p->row_product == NULL    ? "row_product"
         : p->row_transposed == NULL ? "row_transposed"
                                     : NULL;
}

/* ---- calls ---- */

static symo_status lift(const row_run *r, size_t k, const void *u, void *su) {
  const problem_call *call = &r->task->call;
  return symo_problem_call_rows(call, PROBLEM_ROW_TRANSPOSED, k, u, su);
}

static symo_status lower(const row_run *r, size_t k, const void *v, void *sv) {
  return symo_problem_call_rows(&r->task->call, PROBLEM_ROW_PRODUCT, k, v, sv);
}

/* S S'u. */
static symo_status multiply_block(void *self, size_t k, const void *u, void *out) {
  const row_run *r = self;
  symo_status status = lift(r, k, u, r->lifted);
  return status == SYMO_OK ? lower(r, k, r->lifted, out) : status;
}

static symo_status multiply(void *self, const void *u, void *out) {
  return multiply_block(self, 1, u, out);
}

/* ---- work space ---- */

static symo_status check_rows(const row_run *r, const symo_solver *solver) {
  symo_context *context = r->task->state->optim->context;
  if (r->rows == 0)
    return symo_fail(context, SYMO_E_SHAPE, "optim: the problem has no rows (give it examples)");
  if (solver->most == 0 || r->rows <= solver->most) return SYMO_OK;
  return symo_fail(context, SYMO_E_SIZE,
                   "optim: space rows: solver %s takes at most %zu rows, not %zu, which are "
                   "examples times outputs (take a smaller batch, or solver cg)",
                   solver->name, solver->most, r->rows);
}

/* More rows than ever before take new memory; others none. */
static symo_status take_work(row_run *r, const symo_solver *solver) {
  symo_optim_state *state = r->task->state;
  const size_t item = symo_dtype_size(r->task->dtype);
  const size_t row = symo_padded(r->rows * item),
               lifted = symo_padded(DIRECTIONS * r->task->n * item);
  const size_t bytes = 2 * row + lifted + solver->solve_work(r->task->dtype, r->rows);
  if (bytes > state->row_bytes) {
    symo_free(state->row_work);
    state->row_bytes = 0;
    state->row_work = symo_malloc(bytes);
    if (state->row_work == NULL) return symo_fail_memory(state->optim->context, "optim");
    state->row_bytes = bytes;
  }
  char *at = state->row_work;
  r->right = at, r->solution = at + row, r->lifted = at + 2 * row,
  r->solver = at + 2 * row + lifted;
  return SYMO_OK;
}

/* ---- the system ---- */

/* w - (decay / shift) S theta. */
static symo_status right_side(const row_run *r, double shift) {
  const row_task *t = r->task;
  symo_status status = symo_problem_call_rows(&t->call, PROBLEM_ROW_RESIDUAL, 1, NULL, r->right);
  if (status != SYMO_OK || t->decay == 0) return status;
  status = lower(r, 1, t->call.theta, r->solution);
  if (status == SYMO_OK) symo_axpy(t->dtype, r->rows, -t->decay / shift, r->solution, r->right);
  return status;
}

symo_status symo_row_space_solve(const row_task *task, void *d, solver_system_report *report) {
  const symo_solver *solver = symo_solver_of_systems(task->method);
  const double shift = task->damping + task->decay;
  row_run r = {.task = task, .rows = task->call.problem->rows(task->call.problem->self)};
  symo_status status = check_rows(&r, solver);
  if (status == SYMO_OK) status = take_work(&r, solver);
  if (status == SYMO_OK) status = right_side(&r, shift);
  if (status != SYMO_OK) return status;
  memset(r.solution, 0, r.rows * symo_dtype_size(task->dtype));
  const solver_system system = {.dtype = task->dtype,
                                .n = r.rows,
                                .damping = shift,
                                .tolerance = task->method->solver_tolerance,
                                .max_iterations = symo_solver_steps(task->method),
                                .self = &r,
                                .multiply = multiply,
                                .multiply_block = multiply_block};
  status = solver->solve(&system, r.right, r.solution, report, r.solver);
  if (status == SYMO_OK) status = lift(&r, 1, r.solution, d);
  if (status == SYMO_OK && task->decay != 0)
    symo_axpy(task->dtype, task->n, task->decay / shift, task->call.theta, d);
  return status;
}
