#ifndef SYMO_HESSIAN_H
#define SYMO_HESSIAN_H

#include <symo/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A symmetric matrix over all parameters that commutes with the group of its plan: one small
 * symmetric M for every label.  Every operation on it is that operation on the M; nothing of the
 * size of the parameters squared is formed except by symo_hessian_dense and symo_hessian_block.
 * Immutable once made; may be shared between threads. */
typedef struct symo_hessian symo_hessian;

/* NULL is accepted.  A Hessian keeps its plan alive, and a plan its layout. */
void symo_hessian_destroy(symo_hessian *hessian);

/* symo_context_detail of its context; "" for NULL. */
const char *symo_hessian_detail(const symo_hessian *hessian);

/* ---- making one ---- */

/* An estimator turns orbit averages into a Hessian (docs/mathematics.md, section 5). */
typedef struct symo_estimator symo_estimator;

size_t symo_estimator_count(void);
const symo_estimator *symo_estimator_at(size_t index);       /* NULL past the end */
const symo_estimator *symo_estimator_find(const char *name); /* NULL when there is none: refused
                                                                by symo_estimate */
const char *symo_estimator_name(const symo_estimator *estimator);
const char *symo_estimator_summary(const symo_estimator *estimator);
bool symo_estimator_needs_parameters(const symo_estimator *estimator);
symo_coupling symo_estimator_coupling(const symo_estimator *estimator); /* of the plan it wants */

typedef struct symo_estimate_spec {
  const symo_estimator *estimator; /* default h-g; NULL is refused, a lookup may have given it */
  double damping; /* added to the averaged parameter covariance C_t; >= 0, default 0 */
  bool scale;     /* h-g, h-g-bd: divide by sqrt(tr C_t / m); needs params */
} symo_estimate_spec;

symo_estimate_spec symo_estimate_spec_default(void);

/* The estimate from `count` >= 1 gradients, whose averages add: C_g = sum_i X_i'X_i / n and so on.
 * spec NULL: the default.  grads: [count]; params: [count], the parameters each gradient was taken
 * at, or NULL for estimators that do not need them.  Vectors hold numbers of the plan's dtype and are only read.
 *
 * Singular C_t: eigenvalues at most 10 m eps times the largest (eps of the dtype) count as zero and are
 * left out, so a Moore-Penrose pseudo-inverse stands where the formula has an inverse.  All zero
 * gives zero.
 *
 * SYMO_E_NONFINITE names the tensor that holds NaN or infinity, SYMO_E_DTYPE the vector of another
 * type; SYMO_E_ARGUMENT: no estimator, no gradient, a plan whose coupling is not the estimator's,
 * missing params, negative damping, scale or damping where it means nothing.  SYMO_E_NUMERIC names a
 * label whose numbers the dtype cannot hold: the largest of them overflows, or is no normal number
 * although gradients are.  For all powers of two c the estimate of c g is that of g times c, or c^2
 * for covariance, as long as it is one.
 * One syrk or gemm and at most two eigendecompositions per label. */
symo_status symo_estimate(const symo_plan *plan, const symo_estimate_spec *spec, size_t count,
                          const symo_const_vector *grads, const symo_const_vector *params,
                          symo_hessian **out);

/* The Reynolds average (1/|G|) sum_g rho(g) H rho(g)' of any symmetric matrix H, [P, P] row-major,
 * float64: the structured matrix nearest to H in Frobenius norm.  Scaling spaces: the average of
 * rho(g)^-T H rho(g)^-1 over their window, which is no projection.  H is read only.
 * SYMO_E_NONFINITE.  O(P^2) time and memory. */
symo_status symo_reynolds(const symo_plan *plan, const double *dense, symo_hessian **out);

/* s times the identity (zero on the dropped label).  SYMO_E_NONFINITE. */
symo_status symo_hessian_identity(const symo_plan *plan, double s, symo_hessian **out);

/* From the M themselves: m[label] points to [count, m, m] numbers of the plan's dtype, both
 * triangles (only the lower is read); NULL for a dropped label.  They are copied.  Labels of complex
 * or quaternionic type want the real form of a Hermitian matrix: else SYMO_E_ARGUMENT, as without a
 * block.  SYMO_E_NONFINITE names the label. */
symo_status symo_hessian_from_blocks(const symo_plan *plan, const void *const *m,
                                     symo_hessian **out);

/* ---- looking at it ---- */

/* Of NULL: NULL, "", NaN.  What is given lives as long as the Hessian. */

const symo_plan *symo_hessian_plan(const symo_hessian *hessian);

/* What it is, for people and files: "h-pd", or "" . */
const char *symo_hessian_name(const symo_hessian *hessian);

/* The M of a label: [count, multiplicity, multiplicity], symmetric, dense, owned by the Hessian;
 * NULL for a dropped label, and for one that there is not, with a detail. */
const void *symo_hessian_blocks(const symo_hessian *hessian, size_t label);

/* Distinct eigenvalues as the M give them, ascending, with multiplicities (the dimension of the
 * irrep; the dropped part counts as zeros).  *values and *multiplicities, [*count], are the
 * caller's (symo_free). */
symo_status symo_hessian_eigenvalues(const symo_hessian *hessian, size_t *count, double **values,
                                     size_t **multiplicities);

double symo_hessian_trace(const symo_hessian *hessian);
double symo_hessian_frobenius(const symo_hessian *hessian); /* norm; no overflow at 1e30 */

/* log det (A + damping I).  SYMO_SINGULAR if it is not positive definite, the dropped part
 * included: an eigenvalue at most 10 m eps times the largest of its M counts as zero.
 * SYMO_E_ARGUMENT, here and below, unless damping is finite and >= 0. */
symo_status symo_hessian_logdet(const symo_hessian *hessian, double damping, double *out);

/* The diagonal, as a vector over the parameters, numbers of the plan's dtype.  Closed form. */
symo_status symo_hessian_diagonal(const symo_hessian *hessian, symo_vector out);

/* The block between two tensors, [size of row tensor, size of column tensor] row-major, float64.
 * SYMO_E_ARGUMENT if there is no such tensor. */
symo_status symo_hessian_block(const symo_hessian *hessian, size_t row_tensor, size_t column_tensor,
                               double *out);

/* The whole matrix, [P, P] row-major, float64. */
symo_status symo_hessian_dense(const symo_hessian *hessian, double *out);

/* A few lines for people.  *out is the caller's (symo_free). */
symo_status symo_hessian_describe(const symo_hessian *hessian, char **out);

/* ---- computing with it ---- */

/* A new symo_hessian whose numbers leave the range of the dtype is refused with SYMO_E_NUMERIC,
 * here and above; so is a product or a solution that overflows, or that is no normal number although
 * the vector is (y is then not to be used).  Vectors read are checked: SYMO_E_NONFINITE names the tensor that holds NaN or infinity. */

/* y = A x.  x and y hold numbers of the plan's dtype and share no memory: else SYMO_E_DTYPE and
 * SYMO_E_ARGUMENT, here and below. */
symo_status symo_hessian_matvec(const symo_hessian *hessian, symo_const_vector x, symo_vector y);

/* y = (A + damping I)^-1 x by symmetric eigendecomposition or Cholesky of each M.  With damping 0 a
 * singular A gives the pseudo-inverse (relative tolerance 10 m eps, as in symo_estimate).
 * SYMO_SINGULAR never: what cannot be inverted is mapped to zero. */
symo_status symo_hessian_solve(const symo_hessian *hessian, double damping, symo_const_vector x,
                               symo_vector y);

/* (A + damping I)^p for any real p of a semi-definite A.  Eigenvalues at most 10 m eps times the
 * largest of their label count as zero; zero to a negative power is zero (pseudo-inverse), also on
 * the dropped part, which stays dropped.  SYMO_INDEFINITE if an eigenvalue is below -sqrt(eps)
 * times the largest and p is not a whole number; smaller negative ones count as zero. */
symo_status symo_hessian_power(const symo_hessian *hessian, double p, double damping,
                               symo_hessian **out);
symo_status symo_hessian_sqrt(const symo_hessian *hessian, double damping, symo_hessian **out);
symo_status symo_hessian_invsqrt(const symo_hessian *hessian, double damping, symo_hessian **out);

/* The matrix with the absolute values of the eigenvalues. */
symo_status symo_hessian_abs(const symo_hessian *hessian, symo_hessian **out);

/* a A + b B.  Both must have the same plan or plans of equal layouts and specs: else SYMO_E_SHAPE.
 * SYMO_E_NONFINITE for the factors.  x and y may be the same. */
symo_status symo_hessian_add(double a, const symo_hessian *x, double b, const symo_hessian *y,
                             symo_hessian **out);
symo_status symo_hessian_scale(double a, const symo_hessian *x, symo_hessian **out);

/* A draw from N(0, (A + damping I)^-1): (A + damping I)^{-1/2} z, pseudo-inverse as above;
 * the draw is zero on the dropped part.
 * For many draws take symo_hessian_invsqrt once and multiply normal vectors by it. */
symo_status symo_hessian_sample(const symo_hessian *hessian, double damping, symo_rng *rng,
                                symo_vector out);

#ifdef __cplusplus
}
#endif
#endif
