#ifndef SYMO_KFAC_H
#define SYMO_KFAC_H

#include <symo/problem.h>

#ifdef __cplusplus
extern "C" {
#endif

/* K-FAC as an operator over all parameters: block-diagonal, with a block G (x) A for the weight and
 * the bias of each site (symo/factors.h), and a diagonal for the parameters of no site.  Numbers
 * are float64, vectors flat: [parameters] in the order of the problem. */
typedef struct symo_kfac symo_kfac;

/* How lambda is added (hessian/pair.c).
 *   exact     to the block: G (x) A + lambda I, in the eigenbasis
 *   factored  to the factors, (G + sqrt(lambda) / pi I) (x) (A + sqrt(lambda) pi I), pi^2 the ratio
 *             of the mean eigenvalues of A and G
 *   plain     the same with pi = 1
 * To moments (EKFAC) the last two add what they add to the product that these stand for. */
typedef enum symo_kfac_damping {
  SYMO_KFAC_EXACT,
  SYMO_KFAC_FACTORED,
  SYMO_KFAC_PLAIN
} symo_kfac_damping;

/* All zero; the sites are copied.  SYMO_E_ARGUMENT for a site that leaves the vector. */
symo_status symo_kfac_create(symo_context *context, size_t parameters, size_t num_sites,
                             const symo_factor_site *sites, symo_kfac **out);
void symo_kfac_destroy(symo_kfac *kfac); /* NULL is accepted */

/* Which statistics of the layers are taken. */
typedef struct symo_kfac_spec {
  symo_fisher fisher;
  symo_sharing sharing;
  size_t draws;                /* label draws for each example, of sampled */
  uint64_t seed;               /* of the first draw; the others have those behind it */
  const double *const *labels; /* empirical: `draws` sets of targets, [N, targets] each, in place of
                                  those of the data; NULL: the data's, once */
  bool corrected; /* EKFAC: second moments of the gradients of single examples, in the eigenbasis */
} symo_kfac_spec;
symo_kfac_spec symo_kfac_spec_default(void); /* sampled, expand, 1 draw, seed 1, not corrected */

/* That of a problem at theta, by its `factors`; zero on the parameters of no site.
 * SYMO_E_UNSUPPORTED if it has none. */
symo_status symo_kfac_of_problem(symo_context *context, const symo_problem *problem,
                                 const void *theta, const symo_kfac_spec *spec, symo_kfac **out);

/* The same in steps, for statistics that come from elsewhere: the factors of a site from its sums
 * (whole matrices); then, for EKFAC, sums with moments taken in the bases that these have.  Vectors
 * stand in rows; the bases are valid as long as the factors are; inputs of a table: NULL.
 * set_diagonal: entries at parameters of no site; the others are ignored.
 * SYMO_E_NONFINITE; SYMO_E_ARGUMENT for sums of something else. */
symo_status symo_kfac_set(symo_kfac *kfac, size_t site, const symo_factor_sums *sums);
symo_status symo_kfac_basis(const symo_kfac *kfac, size_t site, const double **inputs,
                            const double **outputs);
symo_status symo_kfac_set_moments(symo_kfac *kfac, size_t site, const symo_factor_sums *sums);
symo_status symo_kfac_set_diagonal(symo_kfac *kfac, const double *diagonal);

/* Keeps of each factor the leading eigenpairs, and for the others their mean: rank of them (1 or
 * more), that share of its dimension (rank below 1), and no more than make up `share` of its trace
 * (1: all).  SYMO_E_UNSUPPORTED for EKFAC, whose moments are of whole bases. */
symo_status symo_kfac_truncate(symo_kfac *kfac, double rank, double share);

/* Its side, what it takes to store, and its trace without damping; 0 or NaN for NULL. */
size_t symo_kfac_size(const symo_kfac *kfac);
double symo_kfac_stored(const symo_kfac *kfac); /* numbers: triangles, or vectors and values */
double symo_kfac_trace(const symo_kfac *kfac);

/* All eigenvalues, in any order. */
symo_status symo_kfac_eigenvalues(const symo_kfac *kfac, double *out);

/* y = A x.  x and y apart, here and below. */
symo_status symo_kfac_matvec(const symo_kfac *kfac, const double *x, double *y);

/* y = (A, damped)^power x.  Where that has eigenvalue zero, negative powers are zero.
 * SYMO_E_ARGUMENT for a lambda that is negative or not finite; SYMO_E_UNSUPPORTED for EKFAC with
 * damping of factors, which it does not have; SYMO_E_NONFINITE.  solve: power -1. */
symo_status symo_kfac_power(const symo_kfac *kfac, double power, symo_kfac_damping damping,
                            double lambda, const double *x, double *y);
symo_status symo_kfac_solve(const symo_kfac *kfac, symo_kfac_damping damping, double lambda,
                            const double *x, double *y);

/* log det of A, damped.  SYMO_SINGULAR if an eigenvalue is zero. */
symo_status symo_kfac_logdet(const symo_kfac *kfac, symo_kfac_damping damping, double lambda,
                             double *out);

/* A sample of N(0, (A, damped)^-1). */
symo_status symo_kfac_sample(const symo_kfac *kfac, symo_kfac_damping damping, double lambda,
                             symo_rng *rng, double *out);

/* (A, damped)^power, [parameters, parameters]. */
symo_status symo_kfac_dense(const symo_kfac *kfac, double power, symo_kfac_damping damping,
                            double lambda, double *out);

#ifdef __cplusplus
}
#endif
#endif
