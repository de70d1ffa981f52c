#ifndef SYMO_EXPERIMENTS_COMPARE_METRICS_H
#define SYMO_EXPERIMENTS_COMPARE_METRICS_H

#include "experiments/compare/approx.h"

/* How near a matrix B comes to the exact Hessian.  Every figure is NaN where it is not defined: a
 * zero matrix has no direction, a zero gradient no step. */
typedef struct compare_metrics {
  double
      cosine_abs_hessian; /* <B, |H|> / (|B| |H|), Frobenius; |H| = H with absolute eigenvalues */
  double cosine_hessian;  /* the same with H(theta) */
  double cosine_hessian_star;   /* the same with H(theta*) */
  double rel_error_abs_hessian; /* min over s of |s B - |H|| / ||H|| */
  double scale;                 /* that s */
  double scale_hessian;         /* the multiple of B nearest to H(theta) */
  double hvp_cosine;            /* mean over random v of the cosine between B v and |H| v */
  double newton_decrease; /* best decrease of the loss by B's damped step over that by |H|'s */
  double best_damping;    /* damping of that step, as a fraction of the largest eigenvalue */
  double solve_error;     /* mean over random v of |(s|B| + lambda I)^-1 v - (|H| + lambda I)^-1 v|
                             over the norm of the latter; s as above */
  double logdet_error;    /* |log det(s|B| + lambda I) - log det(|H| + lambda I)| / P */
  double spectrum_top;    /* largest absolute eigenvalue of B */
} compare_metrics;

compare_metrics compare_metrics_none(void); /* all NaN */

/* What is compared with.  Matrices [size, size], both triangles. */
typedef struct compare_reference {
  symo_context *context;
  size_t size;
  const double *abs, *h, *star; /* star: NULL where it is not known */
  size_t directions;            /* K */
  const double *v, *abs_v;      /* [K, size]: v and |H| v */
  const symo_problem *problem;  /* NULL: there is no loss, and no decrease of a step */
  const void *theta;            /* where the steps start */
  const double *grad;           /* [size] */
  double loss;                  /* there */
  double decrease;              /* of the exact step; <= 0: undefined */
  double lambda;        /* damping of solutions and determinants: COMPARE_DAMPING of the largest
                         eigenvalue of |H| */
  const double *solved; /* [COMPARE_SOLVES, size]: (|H| + lambda I)^-1 v for the first v */
  double logdet;        /* log det(|H| + lambda I) */
} compare_reference;

/* The figures that need the entries of B.  [K, size] numbers of scratch. */
void compare_metrics_dense(const compare_reference *ref, const double *b, double *scratch,
                           compare_metrics *m);

#define COMPARE_DAMPING 1e-3
enum { COMPARE_SOLVES = 8 };

/* The figures of a damped matrix, with metrics.scale taken from compare_metrics_dense; values: [size]
 * absolute eigenvalues of B.  NaN unless the scale is positive.  Memory: size numbers. */
symo_status compare_metrics_damped(const compare_reference *ref, compare_approx *a,
                                   const double *values, compare_metrics *m);

enum { COMPARE_HALVINGS = 8 };

/* The largest decrease of the loss by the steps -eta (|B| + lambda I)^-1 g.  lambda: the largest
 * eigenvalue times 10^-6 .. 1 in half decades.  eta: 2^-8 .. 2^8 times the length that minimises
 * the quadratic model with |H| along the step, searched from there up and down, so the scale of B
 * does not matter.  0 if none goes down; *damping is the best lambda over the largest eigenvalue.
 * Memory: 27 size numbers. */
symo_status compare_best_decrease(const compare_reference *ref, compare_approx *a, double top,
                                  double *decrease, double *damping);

#endif
