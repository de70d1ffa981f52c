#ifndef SYMO_EXPERIMENTS_SPECTRUM_EXPONENTS_H
#define SYMO_EXPERIMENTS_SPECTRUM_EXPONENTS_H

#include "cli/cli.h"
#include "experiments/spectrum/matrix.h"
#include "hessian/directions.h"
#include "hessian/power_law.h"

/* Spectral exponents (arXiv 2606.02596; docs/mathematics.md, section 6a).  For the gradient of a
 * layer, G = sum_k sigma_k u_k v_k', and curvature h_k = <u_k v_k', H u_k v_k'> along its singular
 * directions:
 *     h_k ~ sigma_k^alpha     sigma_k ~ k^-gamma     h sorted ~ k^-s     s = alpha gamma ?
 *     Phi_k = (u_k' B u_k)(v_k' A v_k) / sigma_k^2 ~ sigma_k^(alpha - 2) ? */

/* A network at a point, and the examples of its data that the loss is on, by their numbers. */
typedef struct spectrum_subject {
  cli *c; /* for progress; NULL: none */
  symo_context *context;
  symo_net *net;
  const void *theta; /* of the network's number type */
  size_t examples;
  const size_t *rows; /* [examples] */
} spectrum_subject;

typedef struct spectrum_options {
  double range;       /* directions count with sigma_k >= range sigma_1 */
  size_t directions;  /* measured per matrix at most, spread over log k; 0: all */
  size_t eigenvalues; /* of a matrix's own block of the Hessian, the largest; 0: none */
  double tolerance;   /* of their residuals, relative to the largest; 0: the root of eps */
  size_t samples;     /* draws of labels for B */
  size_t resamples;   /* for intervals; 0: none */
  uint64_t seed;
} spectrum_options;

spectrum_options spectrum_options_default(void); /* .001, 48, 10, 1e-4, 1, 200, 1 */

/* One matrix.  Of its rank = min(rows, cols) directions the first `range` count, and `count` of
 * those were measured: number at[i], from 1. */
typedef struct spectrum_matrix {
  spectrum_place place;
  size_t rank, range, count, negative; /* negative: h of the Hessian below 0, left out of fits */
  double *sigma;                       /* [rank] */
  double *at;                          /* [count], whole numbers */
  double *measured;                    /* [count]: sigma at these */
  double *hessian, *ggn;               /* [count]: h by products with H, with Gauss-Newton */
  double *kfac;                        /* [count]: (u'Bu)(v'Av); NaN where there are no factors */
  double *phi;                         /* [count]: kfac / sigma^2 */
  double *sorted, *sorted_ggn;         /* [count]: h descending; below 0: at the end */
  symo_power gamma;                    /* of sigma against k, with the sign turned */
  symo_power alpha, alpha_ggn, alpha_kfac; /* of h, and of kfac, against sigma */
  symo_power alignment;                    /* of Phi against sigma */
  size_t num_eigenvalues, eigen_products;
  double *eigenvalues;  /* [num_eigenvalues], of the matrix's block of H, largest |.| first */
  symo_power s_eigen;   /* of their absolute values against their number, sign turned */
  double captured;      /* the largest h of H over the largest |eigenvalue| */
  symo_power s, s_ggn;  /* of h sorted against k, with the sign turned */
  double participation; /* of h of Gauss-Newton over the range */
  double participation_power, participation_limit; /* of k^-s_ggn over the range, and without end */
} spectrum_matrix;

typedef struct spectrum_exponents {
  size_t count, parameters;
  spectrum_matrix *matrices;
  double loss, gradient; /* its norm */
  size_t products;       /* Hessian- and Gauss-Newton products that were taken, together */
} spectrum_exponents;

/* *out is written on success only. */
symo_status spectrum_exponents_measure(const spectrum_subject *subject,
                                       const spectrum_options *options, spectrum_exponents *out);
void spectrum_exponents_drop(spectrum_exponents *e); /* {0} is accepted */

/* The largest eigenvalues of a matrix's block of the Hessian, by Lanczos iterations; into m. */
symo_status spectrum_eigenvalues(const spectrum_subject *subject, const spectrum_options *options,
                                 symo_rng *rng, spectrum_matrix *m);

/* The fits of a matrix whose arrays are filled. */
symo_status spectrum_matrix_fit(symo_context *context, symo_rng *rng, size_t resamples,
                                spectrum_matrix *m);

/* |s - alpha gamma| / |s|, NaN where there is none. */
double spectrum_transfer_error(double s, double alpha, double gamma);

/* The Kronecker factors of a weight, by the problem's `factors`: a [inputs, inputs], the mean over
 * examples and positions of what enters; b [outputs, outputs], the sum over positions of the mean over
 * examples of d d', d the derivative of the example's loss by what leaves, at labels drawn from the
 * model `samples` times, times the number of tokens where these are the targets. */
symo_status spectrum_factors(const spectrum_subject *subject, size_t weight, size_t samples,
                             symo_rng *rng, double *a, double *b);

/* The exponent that a rule takes, and an optimizer of such rules, {"rules": [..]} (rules.c). */
double spectrum_rule_alpha(const spectrum_matrix *m);
json_t *spectrum_rules_json(cli *c, const spectrum_exponents *e);

/* exponents.json, the table on stdout, the pictures. */
json_t *spectrum_exponents_json(cli *c, const spectrum_exponents *e);
void spectrum_exponents_print(const spectrum_exponents *e);
int spectrum_exponents_plot(cli *c, const char *plots, const spectrum_exponents *e);

#endif
