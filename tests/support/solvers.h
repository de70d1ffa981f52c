#ifndef SYMO_TESTS_SUPPORT_SOLVERS_H
#define SYMO_TESTS_SUPPORT_SOLVERS_H

#include <symo/symo.h>

#include "optim/solver/solver.h"

/* Dense oracles for powers of matrices (GSL), and calls of solvers that watch their work space. */

/* The solvers of roots and polar factors; those that choose others or solve systems are left
 * out. */
size_t solvers_count(void);
const symo_solver *solvers_at(size_t index); /* NULL past the end */

/* Options with the steps that are the solver's own and, where it fits its polynomials, such ones
 * with a cut of 0.05 (the same for the same power). */
solver_options solvers_options(const symo_solver *solver, symo_dtype dtype, double eps,
                               double power);

/* q: random orthogonal [n, n]. */
void solvers_orthogonal(symo_rng *rng, size_t n, double *q);

/* a := q' diag(w) q, with random q: [n, n]. */
void solvers_spd(symo_rng *rng, size_t n, const double *w, double *a);

/* x := u diag(s) v' with random orthonormal u, v: [rows, cols]; s has min(rows, cols). */
void solvers_matrix(symo_rng *rng, size_t rows, size_t cols, const double *s, double *x);

/* n numbers from 1 down to 1 / cond, evenly on a log scale. */
void solvers_log_spaced(size_t n, double cond, double *w);

/* out := (a + eps)^power by GSL's eigenvectors; eigenvalues up to zero times the largest stay zero
 * if eps is 0. */
void solvers_oracle_root(size_t n, const double *a, double eps, double power, double zero,
                         double *out);

/* out := x (x'x + eps)^power by GSL's singular values, zero likewise (of singular values). */
void solvers_oracle_polar(size_t rows, size_t cols, const double *x, double eps, double power,
                          double zero, double *out);

/* What a polar factor by eigh magnifies rounding by (optim/solver/eigh.c): the square of the
 * condition of x while that times eps is within the accuracy that is asked for, and the condition
 * beyond. */
double solvers_polar_condition(symo_dtype dtype, double condition);

/* Singular values, descending, of x [rows, cols]. */
void solvers_singular_values(size_t rows, size_t cols, const double *x, double *s);

/* The solver on numbers of o->dtype made from a (or x), and its answer as double.  Asserts that it
 * takes no memory, keeps to its work space, writes the answer only, all of it if it returns SYMO_OK
 * and nothing otherwise. */
symo_status solvers_root(const symo_solver *solver, const solver_options *o, size_t n,
                         const double *a, double *out, solver_report *report);

/* view: 0 dense, 1 with a leading dimension, 2 column-major. */
symo_status solvers_polar(const symo_solver *solver, const solver_options *o, size_t rows,
                          size_t cols, int view, const double *x, double *out,
                          solver_report *report);

#endif
