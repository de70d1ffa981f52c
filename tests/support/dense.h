#ifndef SYMO_TESTS_SUPPORT_DENSE_H
#define SYMO_TESTS_SUPPORT_DENSE_H

#include <symo/symo.h>

/* Dense linear algebra for oracles, [n, n] row-major, by GSL and plain loops: nothing of the
 * library. Matrices that are returned are the caller's (free). */
double *symo_dense_new(size_t rows, size_t columns);
double *symo_dense_identity(size_t n, double s);

/* A = V diag(w) V', ascending; column k of V is the eigenvector of w[k]. */
void symo_dense_eigen(size_t n, const double *a, double *w, double *v);

/* A^p; eigenvalues at most `tolerance` times the largest count as zero, and stay zero for every p.
 */
double *symo_dense_power(size_t n, const double *a, double p, double tolerance);

/* By how much (A + damping I)^p X, X [n, count], magnifies a relative change of A, in Frobenius
 * norm: the largest there is.  In the eigenvectors of A the derivative multiplies entry (i, j) of
 * the change by the divided difference of the power at the eigenvalues i and j; the worst change
 * lies all in one row.  With damping 0 eigenvalues up to `tolerance` times the largest stay out of
 * it. */
double symo_dense_power_condition(size_t n, const double *a, double damping, double p,
                                  double tolerance, size_t count, const double *x);

/* Largest over smallest eigenvalue of those above `tolerance` times the largest; 1 of zero. */
double symo_dense_condition(size_t n, const double *a, double tolerance);

/* a b, and a b a. */
double *symo_dense_product(size_t n, const double *a, const double *b);
double *symo_dense_sandwich(size_t n, const double *a, const double *b);

/* C_t^{-1/2} (C_t^{1/2} C_g C_t^{1/2})^{1/2} C_t^{-1/2}, and the symmetric solution of least norm
 * of C M + M C = B; pseudo-inverses at the tolerance. */
double *symo_dense_mean(size_t n, const double *ct, const double *cg, double tolerance);
double *symo_dense_lyapunov(size_t n, const double *c, const double *b, double tolerance);

/* sum_i (x_i y_i' + y_i x_i') / 2 over flat batches [count, n]. */
double *symo_dense_outer(size_t n, size_t count, const double *x, const double *y);

/* y = A x; the Frobenius norm of [n, n]. */
void symo_dense_matvec(size_t n, const double *a, const double *x, double *y);
double symo_dense_norm(size_t n, const double *a);

/* The average of rho A rho' and the projector on what the group does not move (finite groups). */
double *symo_dense_average(const symo_layout *layout, const double *a);
double *symo_dense_fixed(const symo_layout *layout);

/* symo_hessian_dense into new memory. */
double *symo_dense_of(const symo_hessian *h);

#endif
