#ifndef SYMO_OPERATOR_H
#define SYMO_OPERATOR_H

#include <stdbool.h>
#include <symo/problem.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A symmetric matrix A over `size` numbers that is known by its products alone.  product computes
 * AV = A V for k directions; V and AV: [k, size] row-major in `dtype`; AV does not alias V.  It
 * returns SYMO_OK or a status of its choice, which the library passes on. */
typedef struct symo_operator {
  const char *name; /* for details; may be NULL */
  size_t size;
  symo_dtype dtype;
  void *self;
  symo_status (*product)(void *self, size_t k, const void *v, void *av);
} symo_operator;

/* A matrix of a problem at theta.  The caller owns the struct, which must outlive the operator. */
typedef struct symo_problem_point {
  const symo_problem *problem;
  const void *theta;          /* [size] in the problem's dtype */
  symo_problem_matrix matrix; /* default: the Hessian */
} symo_problem_point;

/* Makes an operator of it.  SYMO_E_UNSUPPORTED if the problem lacks hvp (ggn; fisher and
 * example_gradients), SYMO_E_ARGUMENT for another matrix, SYMO_E_DTYPE if it has no dtype.  context may be NULL, here and below. */
symo_status symo_operator_of_problem(symo_context *context, const symo_problem_point *point,
                                     symo_operator *out);

/* ---- leading eigenpairs ---- */

/* What is asked of an iteration, and how exactly. */
typedef struct symo_lanczos_spec {
  size_t count;     /* eigenpairs that are wanted; at least 1, at most the size */
  size_t basis;     /* vectors that are kept; 0: 2 count + 20, at most the size */
  size_t products;  /* at most so many; 0: 1000 + 20 count */
  double tolerance; /* on |A u - value u| over the largest |eigenvalue|; 0: the root of eps; what
                       is below 32 eps counts as that */
  bool repeated;    /* look again for eigenvalues that occur several times; default true */
} symo_lanczos_spec;

symo_lanczos_spec symo_lanczos_spec_default(void); /* 10 eigenpairs */

/* The eigenpairs of largest |value|, descending in |value|. */
typedef struct symo_eigenpairs {
  size_t count, size;
  symo_dtype dtype;
  double *values;    /* [count] */
  double *residuals; /* [count]: |A u - value u|, but for rounding; with `repeated` plus at most
                        those of the pairs that were held fixed */
  void *vectors;     /* [count, size] in dtype, orthonormal rows */
  size_t products;   /* that were taken */
  size_t converged;  /* of the pairs, how many have residuals within the tolerance */
} symo_eigenpairs;

void symo_eigenpairs_free(symo_eigenpairs *pairs); /* NULL and {0} are accepted; leaves {0} */

/* Leading eigenpairs by Lanczos iterations from a random vector, with full reorthogonalisation and
 * thick restarts (Wu and Simon 2000).  Where the products run out first, the pairs at hand are
 * returned, with their residuals, and `converged` is below `count`: that is no failure.
 *
 * One Krylov space holds one vector of each eigenspace.  With `repeated`, after the pairs have
 * converged they are held fixed and the search starts again from a random vector orthogonal to
 * them, until a search finds nothing larger; that costs about `basis - count` products for each
 * copy, and as many at the end.  Without it, a copy of an eigenvalue may be missed.
 *
 * spec NULL: the default.  *pairs is the caller's (symo_eigenpairs_free).
 *   SYMO_E_ARGUMENT   count is 0, a basis that is not larger than count (unless it is the whole
 *                     space), a negative tolerance, or an operator without product
 *   SYMO_E_SIZE       count is above the size
 *   SYMO_E_DTYPE      the operator has no dtype
 *   SYMO_E_NUMERIC    a product holds NaN or infinity
 * Memory: basis + 1 vectors.  Time: the products, and 4 basis size flops for each of them. */
symo_status symo_lanczos(symo_context *context, const symo_operator *a,
                         const symo_lanczos_spec *spec, symo_rng *rng, symo_eigenpairs *pairs);

/* The Gauss quadrature of the spectral measure of A at one vector: sum_i weights[i] f(nodes[i]) is
 * v'f(A)v / v'v, exactly so for polynomials of degree up to 2 steps - 1.  v is the start, [size] in
 * the operator's dtype, or normal numbers from rng if start is NULL: the mean over such vectors is
 * tr f(A) / size (Ubaru, Chen and Saad 2017).  nodes, weights: room for `steps`; ascending; *count
 * is less than `steps` where the Krylov space ends before.  Lanczos without restart, with full
 * reorthogonalisation; `steps` products, `steps + 1` vectors.  Statuses as above; SYMO_E_ARGUMENT
 * if the start is zero. */
symo_status symo_lanczos_quadrature(symo_context *context, const symo_operator *a, size_t steps,
                                    const void *start, symo_rng *rng, size_t *count, double *nodes,
                                    double *weights);

/* ---- traces and diagonals ---- */

/* The trace of A by `probes` >= 1 random vectors z of signs: *trace is the mean of z'A z, which is
 * unbiased (Hutchinson 1989), *error its standard error (NaN for one probe).  diagonal, [size] in
 * the operator's dtype: the mean of z times A z, entry by entry, unbiased as well (Bekas, Kokiopoulou
 * and Saad 2007).  Both are exact for diagonal matrices.  error and diagonal may be NULL.  One
 * product for each probe; four vectors.  Statuses of symo_lanczos; SYMO_E_ARGUMENT for no probes. */
symo_status symo_hutchinson(symo_context *context, const symo_operator *a, size_t probes,
                            symo_rng *rng, double *trace, double *error, void *diagonal);

/* The trace by Hutch++ (Meyer, Musco, Musco and Woodruff 2021): exact on the span of A times a third
 * of the products' random vectors, by Hutchinson's estimate on what is orthogonal to it.  Unbiased;
 * for positive semi-definite A its error falls as 1 / products instead of the root.  Exact where the
 * rank of A is below a third of the products.  products >= 6; products / 3 + 3 vectors. */
symo_status symo_hutchpp(symo_context *context, const symo_operator *a, size_t products,
                         symo_rng *rng, double *trace, double *error);

#ifdef __cplusplus
}
#endif
#endif
