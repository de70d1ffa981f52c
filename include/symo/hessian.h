#ifndef SYMO_HESSIAN_H
#define SYMO_HESSIAN_H

#include <symo/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A symmetric matrix over all parameters that commutes with the group of its plan.  It is stored as
 * one small symmetric matrix M for each irrep of each label, and every operation acts on these M.
 * Only symo_hessian_dense, symo_hessian_block and symo_reynolds handle arrays of the size of the
 * dense matrix.  Hessians are immutable and may be shared between threads. */
typedef struct symo_hessian symo_hessian;

/* NULL is accepted.  A Hessian keeps its plan alive, and a plan its layout. */
void symo_hessian_destroy(symo_hessian *hessian);

/* The detail of the last failure (symo_context_detail) of the Hessian's context.  "" for NULL. */
const char *symo_hessian_detail(const symo_hessian *hessian);

/* ---- making one ---- */

/* An estimator turns orbit averages into a Hessian (docs/mathematics.md, section 5). */
typedef struct symo_estimator symo_estimator;

/* The registry of estimators, in the order of the documentation; constant, for any thread. */
size_t symo_estimator_count(void);
const symo_estimator *symo_estimator_at(size_t index);       /* NULL past the end */
const symo_estimator *symo_estimator_find(const char *name); /* NULL if there is none */
/* Texts and properties of an estimator; constant.  "" or false for NULL. */
const char *symo_estimator_name(const symo_estimator *estimator);
const char *symo_estimator_summary(const symo_estimator *estimator);
bool symo_estimator_needs_parameters(const symo_estimator *estimator);
symo_coupling symo_estimator_coupling(const symo_estimator *estimator); /* required of the plan */

/* How an estimate is made. */
typedef struct symo_estimate_spec {
  const symo_estimator *estimator; /* default h-g; NULL (as from a failed lookup) is refused */
  double damping; /* added to the averaged parameter covariance C_t; >= 0, default 0 */
  bool scale;     /* h-g, h-g-bd: divide by sqrt(tr C_t / m); needs params; default false */
} symo_estimate_spec;

/* h-g, without damping and scale. */
symo_estimate_spec symo_estimate_spec_default(void);

/* Estimates a Hessian from `count` >= 1 gradients.  Orbit averages of the gradients are summed,
 * C_g = sum_i X_i'X_i / n, and likewise the other averages.  spec NULL: the default.  grads:
 * [count].  params: [count], the parameters at which each gradient was taken, or NULL for
 * estimators that do not need them.  All vectors have the plan's dtype; they are only read.
 *
 * Rank: eigenvalues of C_t that are at most 10 m eps times the largest (eps of the dtype) count as
 * zero.  Where the formula has an inverse, the Moore-Penrose pseudo-inverse is used.  If all
 * gradients are zero, so is the estimate.
 *
 * Scale: for every power of two c, the estimate from c g is exactly c times that from g (c^2 times
 * for `covariance`), as long as no number leaves the range of the dtype.
 *
 *   SYMO_E_ARGUMENT   no estimator, no gradient, or params missing; the plan's coupling is not the
 *                     estimator's; damping is negative; the estimator has no use for scale or
 *                     damping
 *   SYMO_E_DTYPE      a vector does not have the plan's dtype (the detail names it)
 *   SYMO_E_NONFINITE  a vector holds NaN or infinity (the detail names the tensor)
 *   SYMO_E_NUMERIC    the largest number of a label overflows, or is subnormal although the
 *                     gradients are not (the detail names the label)
 *
 * Cost: one syrk or gemm and at most two eigendecompositions per label. */
symo_status symo_estimate(const symo_plan *plan, const symo_estimate_spec *spec, size_t count,
                          const symo_const_vector *grads, const symo_const_vector *params,
                          symo_hessian **out);

/* The Reynolds average (1/|G|) sum_g rho(g) H rho(g)' of a symmetric matrix H: the structured
 * matrix nearest to H in Frobenius norm.  dense: H, [P, P] row-major, float64, only read.  With
 * scaling spaces, the average of rho(g)^-T H rho(g)^-1 over their window; this is not a projection.
 * SYMO_E_NONFINITE if H holds NaN or infinity.  O(P^2) time and memory. */
symo_status symo_reynolds(const symo_plan *plan, const double *dense, symo_hessian **out);

/* s times the identity; zero on a dropped label.  SYMO_E_NONFINITE if s is not finite. */
symo_status symo_hessian_identity(const symo_plan *plan, double s, symo_hessian **out);

/* Makes a Hessian from the matrices M of all labels, which are copied.  m[label]: [count, m, m]
 * numbers of the plan's dtype, m being the multiplicity; only the lower triangles are read.  NULL
 * for a dropped label.  For a label of complex or quaternionic type, M must be the real form of a
 * Hermitian matrix.  SYMO_E_ARGUMENT if it is not, or if a block is missing; SYMO_E_NONFINITE if a
 * block holds NaN or infinity (the detail names the label). */
symo_status symo_hessian_from_blocks(const symo_plan *plan, const void *const *m,
                                     symo_hessian **out);

/* ---- what it holds ---- */

/* For NULL these return NULL, "" or NaN.  Pointers are valid as long as the Hessian is. */

const symo_plan *symo_hessian_plan(const symo_hessian *hessian);

/* The name of the estimator, or of the operation, that made the Hessian ("h-pd"); "" if it has
 * none. */
const char *symo_hessian_name(const symo_hessian *hessian);

/* The matrices M of a label, [count, multiplicity, multiplicity], symmetric, dense, in the plan's
 * dtype.  They belong to the Hessian.  NULL for a dropped label, and (with a detail) for a label
 * out of range. */
const void *symo_hessian_blocks(const symo_hessian *hessian, size_t label);

/* The eigenvalues of all M, ascending.  Each has as its multiplicity the dimension of the irrep of
 * its label; a dropped label contributes zeros.  *values and *multiplicities: [*count]; the caller
 * frees both with symo_free.  One symmetric eigendecomposition per M. */
symo_status symo_hessian_eigenvalues(const symo_hessian *hessian, size_t *count, double **values,
                                     size_t **multiplicities);

/* Sums over the eigenvalues with their multiplicities; NaN for NULL. */
double symo_hessian_trace(const symo_hessian *hessian);
double symo_hessian_frobenius(const symo_hessian *hessian); /* norm; squares do not overflow */

/* *out = log det (A + damping I).  SYMO_SINGULAR if A + damping I, including the dropped part, is
 * not positive definite; an eigenvalue that is at most 10 m eps times the largest of its M counts
 * as zero.  SYMO_E_ARGUMENT, here and below, if damping is negative or not finite. */
symo_status symo_hessian_logdet(const symo_hessian *hessian, double damping, double *out);

/* The diagonal of A, as a vector over the parameters in the plan's dtype, by a closed form. */
symo_status symo_hessian_diagonal(const symo_hessian *hessian, symo_vector out);

/* The block of A between two tensors, [size of row tensor, size of column tensor] row-major,
 * float64.  SYMO_E_ARGUMENT if an index is out of range. */
symo_status symo_hessian_block(const symo_hessian *hessian, size_t row_tensor, size_t column_tensor,
                               double *out);

/* The whole matrix, [P, P] row-major, float64. */
symo_status symo_hessian_dense(const symo_hessian *hessian, double *out);

/* A summary of a few lines, as text.  The caller frees *out with symo_free. */
symo_status symo_hessian_describe(const symo_hessian *hessian, char **out);

/* ---- computing with it ---- */

/* Statuses of all functions here and above:
 *   SYMO_E_NUMERIC    the numbers of a new Hessian leave the range of the dtype; or a product or a
 *                     solution y overflows, or is subnormal although x is not (y is then undefined)
 *   SYMO_E_NONFINITE  a vector that is read holds NaN or infinity (the detail names the tensor) */

/* y = A x.  x and y have the plan's dtype and share no memory: otherwise SYMO_E_DTYPE or
 * SYMO_E_ARGUMENT, here and below. */
symo_status symo_hessian_matvec(const symo_hessian *hessian, symo_const_vector x, symo_vector y);

/* y = (A + damping I)^-1 x, by a Cholesky factorization or a symmetric eigendecomposition of each
 * M.  If the matrix is singular, the pseudo-inverse is used (relative tolerance 10 m eps, as in
 * symo_estimate): its null space is mapped to zero, and SYMO_SINGULAR is never returned. */
symo_status symo_hessian_solve(const symo_hessian *hessian, double damping, symo_const_vector x,
                               symo_vector y);

/* (A + damping I)^p for a positive semi-definite A and any real p.  Eigenvalues that are at most
 * 10 m eps times the largest of their label count as zero, and zero to a negative power is zero
 * (pseudo-inverse).  A dropped label stays dropped.  If p is not a whole number, negative
 * eigenvalues above -sqrt(eps) times the largest count as zero, and a smaller one is
 * SYMO_INDEFINITE. */
symo_status symo_hessian_power(const symo_hessian *hessian, double p, double damping,
                               symo_hessian **out);
symo_status symo_hessian_sqrt(const symo_hessian *hessian, double damping, symo_hessian **out);
symo_status symo_hessian_invsqrt(const symo_hessian *hessian, double damping, symo_hessian **out);

/* |A|, the matrix with the same eigenvectors and the absolute values of the eigenvalues. */
symo_status symo_hessian_abs(const symo_hessian *hessian, symo_hessian **out);

/* a A + b B, with A = x and B = y, which may be the same Hessian.  SYMO_E_SHAPE unless both have
 * the same plan or plans of equal layouts and specs; SYMO_E_NONFINITE if a or b is not finite. */
symo_status symo_hessian_add(double a, const symo_hessian *x, double b, const symo_hessian *y,
                             symo_hessian **out);
symo_status symo_hessian_scale(double a, const symo_hessian *x, symo_hessian **out);

/* Moves A to a layout with other dimensions.  The labels of some groups are the same for all large
 * dimensions; *out is the matrix over the parameters of `layout` with the M of A on every label.
 * Inverses, powers and |A| of *out are those of A moved in the same way, and the distinct
 * eigenvalues are the same; trace, determinant and norms are not, as the dimensions of the irreps
 * change.  For equal layouts, *out is a copy of A.
 *
 * `layout` must have the spaces and the tensors of the layout of A, with the same names in the same
 * order; it is frozen.  The dimension of a space may change if its group is permutation,
 * signed-permutation, orthogonal, a scaling with `permute`, or a wreath product (whose number of
 * copies may change too, and whose inner group may change as a space may), and if the smaller of
 * the two sizes is at least twice the number of axes of one tensor on which the space stands.
 *   SYMO_E_SHAPE        the spaces, groups or tensors do not correspond (the detail names them)
 *   SYMO_E_UNSUPPORTED  the labels of the group depend on the dimension, a size is too small, or
 *                       the space stands on so many axes that irreps are found numerically
 *   SYMO_E_DTYPE        the layout asks for another number type than that of A
 * Or a status of symo_plan_create.  On failure the detail is that of A. */
symo_status symo_hessian_transport(const symo_hessian *hessian, symo_layout *layout,
                                   symo_hessian **out);

/* Draws out = (A + damping I)^{-1/2} z with z normal, a sample of N(0, (A + damping I)^-1), with
 * the pseudo-inverse as above; it is zero on a dropped label.  Each call computes the inverse
 * square root; for many samples, call symo_hessian_invsqrt once and multiply normal vectors by
 * it. */
symo_status symo_hessian_sample(const symo_hessian *hessian, double damping, symo_rng *rng,
                                symo_vector out);

#ifdef __cplusplus
}
#endif
#endif
