#ifndef SYMO_OPTIM_SOLVER_H
#define SYMO_OPTIM_SOLVER_H

#include <symo/optim.h>

#include "core/linalg.h"

/* How a matrix power is computed.  One const table a file; one row of SYMO_SOLVER_LIST registers
 * it. Nothing allocates: work space is given, aligned as symo_malloc does it.  Reports are written
 * where the status is SYMO_OK.  What is not finite is SYMO_NO_CONVERGENCE. */
typedef struct solver_options {
  symo_dtype dtype;
  double eps;   /* added to C; absolute, the damping module has seen to that */
  double power; /* of C + eps I, <= 0: -alpha/2 */
  int steps;    /* of iterations */
  double tolerance;
} solver_options;

typedef struct solver_report {
  double condition; /* largest over smallest eigenvalue of C + eps I that counts; NaN unknown */
  double effective_rank; /* (tr C)^2 / |C|_F^2 */
  int iterations;
} solver_report;

struct symo_solver {
  const char *name, *summary;
  int default_steps; /* where the method says 0 */

  /* NULL if it can take C to this power, else the reason why not. */
  const char *(*refuse)(double power);

  /* root := (C + eps I)^power, [m, m] dense, both triangles.  c: lower triangle, may be spoilt.
   * Eigenvalues at most 10 m eps of the largest (eps of the dtype) count as zero where nothing is
   * added to them, and stay zero.  C all zero and eps 0: root 0.  Positive status: not found (and
   * root untouched, so that the caller may keep the last one).  NULL: only `polar`. */
  size_t (*root_work)(symo_dtype dtype, size_t m);
  symo_status (*root)(const solver_options *o, size_t m, void *c, void *root, solver_report *report,
                      void *work);

  /* y := x (x'x + eps I)^power for a view x [rows, cols] that BLAS can take, y dense row-major,
   * apart from x.  From whichever side is smaller.  Scale-free: any finite x, zero and 1e-30
   * included (zero gives zero).  NULL: only `root`. */
  size_t (*polar_work)(symo_dtype dtype, size_t rows, size_t cols);
  symo_status (*polar)(const solver_options *o, symo_mat x, void *y, solver_report *report,
                       void *work);

  /* What is made of a singular value of a matrix that has no other: 1 by a method that is exact, NULL;
   * else the value of its polynomials.  (c + eps)^power of one number c is that times this. */
  double (*number)(int steps);

  double (*root_flops)(size_t m, int steps);
  double (*polar_flops)(size_t rows, size_t cols, int steps);
};

#define SYMO_SOLVER_LIST(X)                                                                        \
  X(eigh)                                                                                          \
  X(newton_schulz)                                                                                 \
  X(polar_express)                                                                                 \
  X(coupled_newton)                                                                                \
  X(cholesky)

/* What a method asks for: its steps, else those of its solver, SYMO_AUTO_STEPS for "auto", 100 for cg. */
int symo_solver_steps(const symo_method *method);

const symo_solver *symo_solver_find(const char *name); /* NULL: there is none; not for "auto" */
size_t symo_solver_count(void);
const symo_solver *symo_solver_at(size_t index);

/* What `auto` takes for a root of an m x m matrix, or for a polar factor of rows x cols, with a
 * number of threads, from measured crossovers (optim/solver/auto.c says which). */
enum { SYMO_AUTO_STEPS = 8 };
const symo_solver *symo_solver_auto_root(symo_dtype dtype, double power, size_t m, int threads);
const symo_solver *symo_solver_auto_polar(symo_dtype dtype, double power, size_t rows, size_t cols,
                                          int threads);

/* Conjugate gradients for (A + damping I) x = b (optim/solver/cg.c): A by products, truncated on
 * negative curvature, tolerances relative to |b|; x holds the start on entry.  All vectors [n] of
 * dtype.  work: symo_cg_work bytes. */
typedef struct cg_task {
  symo_dtype dtype;
  size_t n;
  double damping, tolerance;
  int max_iterations;
  void *self;
  symo_status (*multiply)(void *self, const void *v, void *av);
  symo_status (*precondition)(void *self, const void *r, void *z); /* NULL: none */
} cg_task;
typedef struct cg_report {
  int iterations;
  bool converged, negative_curvature;
  double residual; /* relative */
} cg_report;
size_t symo_cg_work(symo_dtype dtype, size_t n);
symo_status symo_cg(const cg_task *task, const void *b, void *x, cg_report *report, void *work);

#endif
