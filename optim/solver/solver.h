#ifndef SYMO_OPTIM_SOLVER_H
#define SYMO_OPTIM_SOLVER_H

#include <symo/optim.h>

#include "core/linalg.h"
#include "core/pool.h"
#include "optim/solver/filter.h"

/* How powers of matrices are computed, and systems solved.  One const table a file; one row of
 * SYMO_SOLVER_LIST (symo/optim.h) registers it.  A slot that is NULL is something that the solver
 * cannot do.  Nothing allocates: work space is given, aligned as symo_malloc does it.  Reports are
 * written where the status is SYMO_OK.  What is not finite is SYMO_NO_CONVERGENCE. */
typedef struct solver_options {
  symo_dtype dtype;
  double eps;   /* added to C; absolute, the damping module has seen to that */
  double power; /* of C + eps I, <= 0: -alpha/2 */
  int steps;    /* of iterations */
  double tolerance;
  /* NULL: the power alone.  Else the power bends at a cut (optim/solver/filter.h; alpha there is -2
   * power), of which `exact` solvers look at the shape, and `fits` at the polynomial. */
  const symo_filter *filter;
  /* Where it bends.  With another reference than `largest` there are SYMO_FILTER_RUNGS of them,
   * from filter on, for solvers that fit. */
  symo_filter_bend bend;
  symo_pool *pool; /* NULL: none.  A solver that `shares` has its threads take part in `polar` */
} solver_options;

typedef struct solver_report {
  double condition; /* largest over smallest eigenvalue of C + eps I that counts; NaN unknown */
  double effective_rank; /* (tr C)^2 / |C|_F^2 */
  int iterations;
} solver_report;

/* (A + damping I) x = b, A by products.  All vectors [n] of dtype; the tolerance is relative to
 * |b|; x holds the start on entry. */
typedef struct solver_system {
  symo_dtype dtype;
  size_t n;
  double damping, tolerance;
  int max_iterations;
  void *self;
  symo_status (*multiply)(void *self, const void *v, void *av);
  symo_status (*multiply_block)(void *self, size_t k, const void *v, void *av); /* [k, n] */
  symo_status (*form)(void *self, double *a); /* A, lower triangle; NULL: by products */
  symo_status (*precondition)(void *self, const void *r, void *z); /* NULL: none */
} solver_system;
typedef struct solver_system_report {
  int iterations;
  bool converged, negative_curvature;
  double residual; /* relative */
} solver_system_report;

struct symo_solver {
  const char *name, *summary;
  int default_steps; /* where the method says 0 */
  bool chooses;      /* auto: the plan takes others, by size; no slot below is set */
  bool eigenbasis;   /* a root comes with an eigenbasis, which may serve again */

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

  /* What is made of a singular value of a matrix that has no other, in units of itself: 1 by a
   * method that is exact, NULL; else the value of its polynomials.  (c + eps)^power of one number c
   * is that times this.  value: c + eps above 0, which bends at the edge of noise look at. */
  double (*number)(const solver_options *o, double value);

  bool takes_cut; /* looks at options.filter */
  bool fits;      /* needs its polynomial: symo_filter_fit with `steps` products */
  bool shares;    /* looks at options.pool; the bits are the same with and without */

  double (*root_flops)(size_t m, int steps);
  double (*polar_flops)(size_t rows, size_t cols, int steps);

  /* x := (A + damping I)^-1 b.  Iterations start at x and end at negative curvature; `most`, if not
   * 0: the matrix is formed, by multiply_block, and n may be no larger; SYMO_INDEFINITE,
   * SYMO_SINGULAR.  work: solve_work bytes. */
  size_t most;
  size_t (*solve_work)(symo_dtype dtype, size_t n);
  symo_status (*solve)(const solver_system *task, const void *b, void *x,
                       solver_system_report *report, void *work);
};

/* The iterations that a method asks for, else those of its solver; auto has its own. */
int symo_solver_steps(const symo_method *method);

/* What `auto` takes for a root of an m x m matrix, or for a polar factor of rows x cols, with a
 * number of threads, from measured crossovers (optim/solver/auto.c says which). */
enum { SYMO_AUTO_STEPS = 8 };
const symo_solver *symo_solver_auto_root(symo_dtype dtype, double power, size_t m, int threads);
const symo_solver *symo_solver_auto_polar(symo_dtype dtype, double power, size_t rows, size_t cols,
                                          int threads);
/* What solves systems for a method. */
const symo_solver *symo_solver_of_systems(const symo_method *method);

#endif
