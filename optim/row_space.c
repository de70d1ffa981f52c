/* Steps by the rows of S (symo/problem.h) instead of by the P parameters: of the Gauss-Newton matrix
 * S'S, where there are R = examples times outputs; of the empirical Fisher matrix, whose rows are the
 * gradients of the N examples over the root of N, and w is 1 over the root of N.  With S'S + l I and a
 * right side S'w + c theta,
 *
 *     d = S'(S S' + l I)^-1 (w - (c / l) S theta) + (c / l) theta,
 *
 * the push-through identity; c is the L2 decay, which l holds too.  It costs R x R systems where
 * the other way has P x P ones.  The exact Gauss-Newton step of Korbit et al. (2024) is this with
 * a Cholesky factorisation.
 *
 * Check: S = (1 2), w = 1, l = 1, c = 0: S S' + 1 = 6, d = (1, 2) / 6. */
#include "optim/row_space.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"
#include "hessian/examples.h"

enum { DIRECTIONS = 16 };          /* at a time */
enum { MOST_GRADIENTS = 1 << 30 }; /* bytes of them that are kept */

typedef struct row_run {
  const row_task *task;
  size_t rows;
  void *right, *solution, *lifted, *solver; /* [R], [R], [DIRECTIONS, n], of the solver */
  void *gradients;                          /* room of all examples; NULL: not taken */
} row_run;

const char *symo_row_space_lacks(const symo_problem *p, symo_problem_matrix matrix) {
  if (matrix == SYMO_MATRIX_FISHER)
    return p->examples == NULL             ? "examples"
           : p->example_product == NULL    ? "example_product"
           : p->example_transposed == NULL ? "example_transposed"
                                           : NULL;
  return p->rows == NULL             ? "rows"
         : p->row_residual == NULL   ? "row_residual"
         : p->row_product == NULL    ? "row_product"
         : p->row_transposed == NULL ? "row_transposed"
                                     : NULL;
}

/* ---- calls ---- */

static bool of_examples(const row_run *r) { return r->task->matrix == SYMO_MATRIX_FISHER; }

/* `numbers` of an answer, of rows of examples over the root of N. */
static symo_status call(const row_run *r, problem_rows of_outputs, problem_rows of_ones, size_t k,
                        size_t numbers, const void *in, void *out) {
  symo_status status =
      symo_problem_call_rows(&r->task->call, of_examples(r) ? of_ones : of_outputs, k, in, out);
  if (status == SYMO_OK && of_examples(r))
    symo_scal(r->task->dtype, numbers, 1 / sqrt((double)r->rows), out);
  return status;
}

static symo_status lift(const row_run *r, size_t k, const void *u, void *su) {
  return call(r, PROBLEM_ROW_TRANSPOSED, PROBLEM_EXAMPLE_TRANSPOSED, k, k * r->task->n, u, su);
}

static symo_status lower(const row_run *r, size_t k, const void *v, void *sv) {
  return call(r, PROBLEM_ROW_PRODUCT, PROBLEM_EXAMPLE_PRODUCT, k, k * r->rows, v, sv);
}

static symo_status residual(const row_run *r) {
  if (!of_examples(r))
    return symo_problem_call_rows(&r->task->call, PROBLEM_ROW_RESIDUAL, 1, NULL, r->right);
  for (size_t i = 0; i < r->rows; i++)
    symo_put(r->task->dtype, r->right, i, 1 / sqrt((double)r->rows));
  return SYMO_OK;
}

/* S S' by the gradients themselves, where they are kept. */
static symo_status form(void *self, double *a) {
  const row_run *r = self;
  return symo_problem_gram(&r->task->call, r->gradients, a);
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
                   "examples%s (take a smaller batch, or solver cg)",
                   solver->name, solver->most, r->rows, of_examples(r) ? "" : " times outputs");
}

/* Gradients of all examples are kept where they are not too many; else A is formed by products. */
static size_t gram_bytes(const row_run *r) {
  const symo_problem *p = r->task->call.problem;
  const size_t bytes = symo_problem_gram_bytes(p);
  return of_examples(r) && p->example_gradients != NULL && bytes <= MOST_GRADIENTS ? bytes : 0;
}

/* More rows than ever before take new memory; others none. */
static symo_status take_work(row_run *r, const symo_solver *solver) {
  symo_optim_state *state = r->task->state;
  const size_t item = symo_dtype_size(r->task->dtype);
  const size_t row = symo_padded(r->rows * item),
               lifted = symo_padded(DIRECTIONS * r->task->n * item);
  const size_t work = symo_padded(solver->solve_work(r->task->dtype, r->rows));
  const size_t gradients = solver->most > 0 ? gram_bytes(r) : 0;
  const size_t bytes = 2 * row + lifted + work + gradients;
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
  r->gradients = gradients > 0 ? at + 2 * row + lifted + work : NULL;
  return SYMO_OK;
}

/* ---- the system ---- */

/* w - (decay / shift) S theta. */
static symo_status right_side(const row_run *r, double shift) {
  const row_task *t = r->task;
  symo_status status = residual(r);
  if (status != SYMO_OK || t->decay == 0) return status;
  status = lower(r, 1, t->call.theta, r->solution);
  if (status == SYMO_OK) symo_axpy(t->dtype, r->rows, -t->decay / shift, r->solution, r->right);
  return status;
}

symo_status symo_row_space_solve(const row_task *task, void *d, solver_system_report *report) {
  const symo_solver *solver = symo_solver_of_systems(task->method);
  const double shift = task->damping + task->decay;
  const symo_problem *p = task->call.problem;
  row_run r = {.task = task};
  r.rows = (of_examples(&r) ? p->examples : p->rows)(p->self);
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
                                .multiply_block = multiply_block,
                                .form = r.gradients != NULL ? form : NULL};
  status = solver->solve(&system, r.right, r.solution, report, r.solver);
  if (status == SYMO_OK) status = lift(&r, 1, r.solution, d);
  if (status == SYMO_OK && task->decay != 0)
    symo_axpy(task->dtype, task->n, task->decay / shift, task->call.theta, d);
  return status;
}
