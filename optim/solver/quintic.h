#ifndef SYMO_OPTIM_SOLVER_QUINTIC_H
#define SYMO_OPTIM_SOLVER_QUINTIC_H

#include "optim/solver/solver.h"

/* Odd polynomials of degree 5 applied to the singular values again and again
 * (optim/solver/quintic.c). Power -1/2 only. */
typedef struct quintic {
  const double (*first)[3]; /* a, b, c of a s + b s^3 + c s^5, step by step, .. */
  int num_first;
  double later[3]; /* .. and of all steps after these */
  double safety;   /* divides singular values at the start */
} quintic;

enum { QUINTIC_STEPS = 5 }; /* where the options ask for none */

const char *symo_quintic_refuse(double power);
size_t symo_quintic_root_work(symo_dtype dtype, size_t m);
symo_status symo_quintic_root(const quintic *q, const solver_options *o, size_t m, void *c,
                              void *root, solver_report *report, void *work);
/* solver: whose coefficients they are; with eps the factor is made by its root. */
size_t symo_quintic_polar_work(const symo_solver *solver, symo_dtype dtype, size_t rows,
                               size_t cols);
symo_status symo_quintic_polar(const quintic *q, const symo_solver *solver, const solver_options *o,
                               symo_mat x, void *y, solver_report *report, void *work);
double symo_quintic_number(const quintic *q, int steps);
double symo_quintic_root_flops(size_t m, int steps);
double symo_quintic_polar_flops(size_t rows, size_t cols, int steps);

#endif
