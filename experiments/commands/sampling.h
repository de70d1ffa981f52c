#ifndef SYMO_EXPERIMENTS_COMMANDS_SAMPLING_H
#define SYMO_EXPERIMENTS_COMMANDS_SAMPLING_H

#include <stdbool.h>
#include <symo/symo.h>

/* The statistics of symo verify: running means and variances of probes over a sample of the group.
 */

typedef struct sampling_block {
  size_t row, column; /* tensors, row <= column */
} sampling_block;

/* Running mean and sum of squared deviations (Welford 1962): no cancellation where the variance is
 * small beside the mean. */
typedef struct sampling_moment {
  double mean, squares;
} sampling_moment;

typedef struct sampling {
  const symo_layout *layout;
  size_t size, num_tensors, num_blocks, num_entries, samples, drawn, probes;
  bool dense;                     /* all entries are looked at as well */
  double *x, *y, *a, *b;          /* [size]: fixed, and moved by the last element */
  double *u, *v;                  /* [probes, size] fixed; tensors are separate probes */
  double *dots;                   /* [4, num_tensors, probes]: u'a, u'b, v'a, v'b */
  void **pointers;                /* [4, num_tensors]: x, y, a, b by tensor */
  sampling_block *blocks;         /* [num_blocks] */
  sampling_moment *block_moments; /* [num_blocks, probes] */
  sampling_moment *mean_moments;  /* [num_tensors, probes]: u'a */
  sampling_moment *entry_moments; /* [num_entries]: lower triangle by rows */
} sampling;

/* Largest deviations in standard errors. */
typedef struct sampling_result {
  double *blocks, *means; /* [num_blocks], [num_tensors] */
  double entries;
  double largest; /* of blocks and means */
} sampling_result;

/* *out must be zeroed, and goes to sampling_drop also after a failure. */
symo_status sampling_create(symo_context *context, const symo_plan *plan, size_t samples,
                            symo_rng *rng, sampling *out);
symo_status sampling_add(sampling *s, const symo_element *element);
symo_status sampling_compare(sampling *s, const symo_plan *plan, const symo_hessian *closed_form,
                             sampling_result *out);
void sampling_drop(sampling *s, sampling_result *r);

/* |mean - expected| in standard errors of n values; rounding, as big as eps times `scale`, counts
 * as no deviation where nothing varies. */
double sampling_deviation(sampling_moment m, size_t n, double expected, double scale);

/* The bound for the largest of n deviations that leaves the chance of a false alarm where `single`
 * has it for one (Bonferroni). */
double sampling_threshold(size_t n, double single);

#endif
