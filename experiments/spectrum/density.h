#ifndef SYMO_EXPERIMENTS_SPECTRUM_DENSITY_H
#define SYMO_EXPERIMENTS_SPECTRUM_DENSITY_H

#include "experiments/spectrum/exponents.h"

#include <symo/operator.h>

/* The spectrum of the Hessian, Gauss-Newton or empirical Fisher matrix A of a network of P parameters: leading
 * eigenpairs by Lanczos iterations; traces of the blocks of its tensors, and the density of
 * eigenvalues, from probes z of entries +1 and -1 (docs/mathematics.md, section 6b). */
typedef struct spectrum_density_options {
  symo_problem_matrix matrix;
  size_t count;     /* eigenpairs, at most P */
  double tolerance; /* of their residuals, relative to the largest */
  size_t probes;    /* at least 2: errors come from their spread */
  size_t steps;     /* of each quadrature, at most P */
  uint64_t seed;
} spectrum_density_options;

spectrum_density_options spectrum_density_options_default(void); /* Hessian, 10, 1e-4, 8, 30, 1 */

/* A figure with the standard error of its mean over probes. */
typedef struct spectrum_mean {
  double value, error;
} spectrum_mean;

typedef struct spectrum_tensor {
  char name[SYMO_MAX_NAME + 1];
  size_t offset, size;
  spectrum_mean trace; /* of its block of A */
} spectrum_tensor;

typedef struct spectrum_density {
  size_t parameters, products;
  double loss, gradient;
  symo_eigenpairs pairs;
  double *spread; /* [pairs.count]: 1 / sum u_i^4, how many parameters an eigenvector has */
  double *shares; /* [pairs.count, num_tensors]: of |u|^2 in each tensor */
  size_t num_tensors;
  spectrum_tensor *tensors;
  spectrum_mean trace, squares; /* tr A, tr A^2 = |A|_F^2 */
  double participation; /* (sum |lambda|)^2 / sum lambda^2 over the spectrum, by quadrature */
  size_t num_nodes;
  double *nodes, *weights; /* [num_nodes]: all quadratures, the weights together 1; ascending */
} spectrum_density;

/* *out is written on success only. */
symo_status spectrum_density_measure(const spectrum_subject *subject,
                                     const spectrum_density_options *options,
                                     spectrum_density *out);
void spectrum_density_drop(spectrum_density *d); /* {0} is accepted */

/* The density at x, the nodes blurred by normal distributions of that deviation. */
double spectrum_density_at(const spectrum_density *d, double deviation, double x);

json_t *spectrum_density_json(cli *c, const spectrum_density *d);
void spectrum_density_print(const spectrum_density *d);
int spectrum_density_plot(cli *c, const char *plots, const spectrum_density *d);

#endif
