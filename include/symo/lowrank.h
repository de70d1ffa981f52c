#ifndef SYMO_LOWRANK_H
#define SYMO_LOWRANK_H

#include <symo/hessian.h>
#include <symo/operator.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- structured estimates from products ---- */

/* How pairs (v, A v) of a symmetric matrix A become a structured matrix. */
typedef enum symo_probe_method {
  /* The M of least sum |A v - M v|^2 over all pairs: C_v M + M C_v = C_va + C_va' with C_v = V'V /
   * n and C_va = V'(AV) / n, as `h-star`.  It gives A itself where A commutes with the group and
   * the pairs determine it; where they do not, the solution of least Frobenius norm. */
  SYMO_LEAST_SQUARES,
  /* The mean of the symmetrised A v v'.  For probes of covariance I. */
  SYMO_AVERAGE
} symo_probe_method;

/* Estimates the Reynolds average of A from `count` >= 1 pairs.  For independent normal probes both
 * methods are unbiased (least squares where the pairs determine M); least squares have the smaller
 * error, and none from the part of A that commutes with the group.  probes, products: [count], of
 * the plan's dtype; only read.  Any coupling.  Ranks, scales and statuses as for symo_estimate, with
 * the products in the place of gradients and the probes in that of parameters. */
symo_status symo_estimate_probes(const symo_plan *plan, symo_probe_method method, size_t count,
                                 const symo_const_vector *probes, const symo_const_vector *products,
                                 symo_hessian **out);

/* The same by least squares that prefer what is near a multiple of `prior`, such as an estimate from
 * one gradient: with the number c of least sum |A v - c P v|^2, the M of least
 *     sum |A v - M v|^2 + strength |M - c P|^2 ,
 * where of a label each |.|^2 is taken on one copy of its irrep.  So the prior weighs as much as
 * `strength` normal probes, and says all where the pairs say nothing.  *scale, unless NULL: c.
 *   SYMO_E_ARGUMENT  strength is not positive and finite
 *   SYMO_E_SHAPE     the prior is of another plan, as for symo_hessian_add */
symo_status symo_estimate_probes_near(const symo_hessian *prior, double strength, size_t count,
                                      const symo_const_vector *probes,
                                      const symo_const_vector *products, double *scale,
                                      symo_hessian **out);

/* ---- low rank plus symmetry ---- */

/* A symmetric matrix with k given eigenpairs, and a structured matrix S on the rest of the space:
 *
 *     H = U' diag(values) U + Q S Q ,   Q = I - U'U ,
 *
 * U [k, P] with orthonormal rows, which are exact eigenvectors of H.  Handles are immutable and may be shared between threads. */
typedef struct symo_lowrank symo_lowrank;

void symo_lowrank_destroy(symo_lowrank *h); /* NULL is accepted */

/* The detail of the last failure of the context of h.  "" for NULL. */
const char *symo_lowrank_detail(const symo_lowrank *h);

/* Makes one of its parts.  rest: S, which is copied.  values: [k].  vectors: [k, P] row-major in the
 * dtype of the plan of S, orthonormal rows, copied.  k may be 0.
 *   SYMO_E_ARGUMENT   the rows of `vectors` are not orthonormal to 100 sqrt(P) eps
 *   SYMO_E_SIZE       k is above P
 *   SYMO_E_NONFINITE  a value or a vector holds NaN or infinity */
symo_status symo_lowrank_create(const symo_hessian *rest, size_t k, const double *values,
                                const void *vectors, symo_lowrank **out);

/* How much an estimate may ask, and what it takes. */
typedef struct symo_lowrank_spec {
  size_t products; /* of A in all: the budget; default 60 */
  size_t rank;     /* pairs that are kept; 0: all that the iteration finds, a vector for each of its
                      products, which it holds in any case */
  size_t probes;   /* random vectors for the rest; 0: twice what determines every label, but at
                       most a quarter of the products */
  bool absolute;   /* take |S| and |values|; default true */
  const symo_hessian *prior; /* of the plan, what S is drawn to a multiple of; NULL: to zero */
  double strength; /* what the prior counts, in probes; default 0.1; 0: nothing, which is fragile
                      where a label has about as many rows of probes as its multiplicity */
} symo_lowrank_spec;

/* The defaults above. */
symo_lowrank_spec symo_lowrank_spec_default(void);

/* What an estimate will take, or took. */
typedef struct symo_lowrank_cost {
  size_t rank, probes;
  size_t iteration;      /* products of the Lanczos iteration */
  size_t products;       /* all of them */
  double prior_scale;    /* of the prior in S; 0 where there is none, and in a plan */
  double stored_numbers; /* of the result */
  double work_numbers;   /* held at once while it is made */
} symo_lowrank_cost;

/* The rank, the probes and the cost that a spec means for a plan.  spec NULL: the default.
 * SYMO_E_ARGUMENT if the products do not suffice for one eigenpair and one probe, or for the rank
 * and the probes that were asked for, or if the strength is negative, not finite, or 0 of a prior
 * that is given; SYMO_E_SHAPE if the prior is of another plan. */
symo_status symo_lowrank_plan(const symo_plan *plan, const symo_lowrank_spec *spec,
                              symo_lowrank_cost *cost);

/* Estimates A by a Lanczos iteration of its share of the products, without restart, and from random
 * probes z orthogonal to all of its Ritz vectors.  Of these the leading ones are kept, all by
 * default: pairs that have not converged are exact on their span all the same.  S is the
 * structured matrix of least squares of the pairs (w, value w) of the other Ritz vectors and of the
 * pairs (z, A z), projected as z is.  The probes, divided by the root of their number, stand for the
 * space that the iteration has not seen, so that the sum of squares is, in the mean, the squared
 * Frobenius norm of what is left; the prior, projected too, is worth `strength` of them.  a: of the
 * plan's number of parameters and dtype.  *cost, unless NULL, is what it took.  Statuses of
 * symo_lowrank_plan, symo_lanczos and symo_estimate_probes_near; SYMO_E_SHAPE, SYMO_E_DTYPE. */
symo_status symo_lowrank_estimate(const symo_plan *plan, const symo_operator *a,
                                  const symo_lowrank_spec *spec, symo_rng *rng, symo_lowrank **out,
                                  symo_lowrank_cost *cost);

/* How far H is from A, by products of A with fresh random vectors alone. */
typedef struct symo_lowrank_quality {
  double relative; /* |A - H| / |A|, Frobenius norms */
  double error;    /* standard error of that; NaN from one probe */
  double norm;     /* |A| */
} symo_lowrank_quality;

/* Estimates them with `probes` >= 1 normal vectors z: |A - H|^2 is the mean of |A z - H z|^2, and
 * |A|^2 = |H|^2 + 2 tr H (A - H) + |A - H|^2, the second term the mean of (H z)'(A z - H z).  Both
 * squares are unbiased, and vary with what H misses, not with the large eigenvalues that it has.
 * H is to be an estimate of A, not of |A| (`absolute` false; symo_lowrank_abs comes afterwards).
 * rng: not that state which the estimate was made with.  `probes` products, two vectors.  Statuses of
 * symo_lowrank_matvec and of the operator; SYMO_E_ARGUMENT, SYMO_E_SHAPE, SYMO_E_DTYPE. */
symo_status symo_lowrank_measure(const symo_lowrank *h, const symo_operator *a, size_t probes,
                                 symo_rng *rng, symo_lowrank_quality *out);

/* The parts; they belong to h.  NULL and 0 for NULL. */
const symo_hessian *symo_lowrank_rest(const symo_lowrank *h);
size_t symo_lowrank_rank(const symo_lowrank *h);
const double *symo_lowrank_values(const symo_lowrank *h); /* [k] */
const void *symo_lowrank_vectors(const symo_lowrank *h);  /* [k, P] */

/* |values| and |S| in the place of values and S: positive semi-definite, the estimate of |A|. */
symo_status symo_lowrank_abs(const symo_lowrank *h, symo_lowrank **out);

double symo_lowrank_trace(const symo_lowrank *h); /* NaN for NULL, here and below */
double symo_lowrank_frobenius(const symo_lowrank *h);

/* log det (H + damping I); SYMO_SINGULAR unless S + damping I and values + damping are positive
 * (eigenvalues as in symo_hessian_logdet).  The determinant of the rest is, by the lemma for
 * determinants of blocks, that of S + damping I times det(U (S + damping I)^-1 U'). */
symo_status symo_lowrank_logdet(const symo_lowrank *h, double damping, double *out);

/* The diagonal, and the whole matrix. */
symo_status symo_lowrank_diagonal(const symo_lowrank *h, symo_vector out);
symo_status symo_lowrank_dense(const symo_lowrank *h, double *out); /* [P, P], float64 */

/* y = H x. */
symo_status symo_lowrank_matvec(const symo_lowrank *h, symo_const_vector x, symo_vector y);

/* y = (H + damping I)^-1 x, by one transform there and back and a k x k system:
 *     (Q S Q)^+ = S^-1 - S^-1 U' (U S^-1 U')^-1 U S^-1 .
 * SYMO_SINGULAR if S + damping I, a value + damping or that system is singular. */
symo_status symo_lowrank_solve(const symo_lowrank *h, double damping, symo_const_vector x,
                               symo_vector y);

/* y = (H + damping I)^p x for a positive semi-definite H and any real p: products and solutions for
 * whole p, and for the fraction an integral over resolvents, by the trapezoidal rule to about 1e-13.
 * SYMO_INDEFINITE if S or a value is negative; SYMO_SINGULAR for p < 0 as in solve. */
symo_status symo_lowrank_power(const symo_lowrank *h, double p, double damping, symo_const_vector x,
                               symo_vector y);

/* A sample of N(0, (H + damping I)^-1), which is (H + damping I)^{-1/2} z for a normal z. */
symo_status symo_lowrank_sample(const symo_lowrank *h, double damping, symo_rng *rng,
                                symo_vector out);

/* A few lines of text; the caller frees *out with symo_free. */
symo_status symo_lowrank_describe(const symo_lowrank *h, char **out);

#ifdef __cplusplus
}
#endif
#endif
