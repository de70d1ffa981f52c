#ifndef SYMO_FACTORS_H
#define SYMO_FACTORS_H

#include <stdbool.h>
#include <symo/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Layer statistics, of which K-FAC is made (docs/mathematics.md, section 10).
 *
 * A site is a place where a network multiplies: z = W a + b at each of `repeats` positions of an
 * example.  With d the derivative of the example's loss by z, the gradient of [W b] is the sum of
 * d [a; 1]' over the positions.  K-FAC takes the curvature of W and b as a Kronecker product
 *
 *     G (x) A,     A = E [a; 1] [a; 1]',     G = E d d'. */
typedef struct symo_factor_site {
  size_t weight;          /* offset of W [outputs, inputs], row-major, in the flat vector */
  size_t bias;            /* offset of b [outputs]; SYMO_NONE: there is none */
  size_t outputs, inputs; /* of W */
  bool table; /* an embedding: a is a unit vector, and W lies transposed, [inputs, outputs] */
} symo_factor_site;

/* Where the labels come from with which d is taken.
 *   empirical  those of the data: the empirical Fisher
 *   sampled    drawn from the model's distribution, one for each example: E d d' is the Fisher
 *   exact      the mean over this distribution: one backward pass for each output */
typedef enum symo_fisher {
  SYMO_FISHER_EMPIRICAL,
  SYMO_FISHER_SAMPLED,
  SYMO_FISHER_EXACT
} symo_fisher;

/* What becomes of several positions of an example (Eschenhagen et al. 2023, arXiv 2311.00636).
 *   expand  each is an example: A is the mean over examples and positions, G the mean over examples
 *           of the sum over positions
 *   reduce  a is the mean over the positions, d their sum.  Tables are always expanded */
typedef enum symo_sharing { SYMO_SHARING_EXPAND, SYMO_SHARING_REDUCE } symo_sharing;

/* The sums of one site; the arrays hold numbers of `dtype` and are the caller's, who clears them.
 * With m = inputs + 1 where `bias` says that a 1 stands behind the inputs, else m = inputs:
 *
 *   inputs    sum of a a', [m, m], the lower triangle; or, where there are test vectors, in the
 * rows
 *             of W [input_columns, m], the sum of (W a) a', [input_columns, m].  Of a table the
 *             diagonal, [inputs], without tests
 *   outputs   the same of d, [outputs, outputs] or [output_columns, outputs]
 *   moments   the sum over examples of the squared entries of V_g D V_a', D [outputs, m] the
 *             gradient of the example and V_a, V_g bases with their vectors in rows; NULL: not
 *             wanted. [outputs, m].  Of a table V_a is the identity
 *
 * A NULL array is not wanted.  Sums are to be divided by their counts; traces are the sums of |a|^2
 * and |d|^2 where there are test vectors. */
typedef struct symo_factor_sums {
  symo_dtype dtype;
  symo_sharing sharing;
  bool bias;
  size_t input_columns, output_columns; /* test vectors; 0: the whole matrix */
  const void *input_tests, *output_tests;
  const void *input_basis, *output_basis; /* of moments: [m, m], [outputs, outputs] */
  void *inputs, *outputs, *moments;
  double input_count, output_count, input_trace, output_trace;
} symo_factor_sums;

/* Pairs (a, d).  Row p of example e is number e * repeats + p, or p * examples + e where
 * `repeats_first`. */
typedef struct symo_factor_rows {
  size_t examples, repeats;
  bool repeats_first;
  const void *inputs;      /* [examples * repeats, inputs]; of a table NULL */
  const uint32_t *indices; /* of a table: which entry of a is 1; [examples * repeats] */
  const void *outputs;     /* [examples * repeats, outputs]; NULL: inputs alone */
  bool known;              /* the inputs were added before, with other d */
  bool counted; /* and so were the examples: d is one more term of their E d d' (exact) */
} symo_factor_rows;

/* What a problem is asked for beside a gradient: sums[s] of site s, which it adds to. */
typedef struct symo_factor_request {
  symo_fisher fisher;
  uint64_t seed;        /* of sampled labels */
  const double *labels; /* empirical: targets in place of those of the data, [N, targets]; NULL: the
                           data's */
  bool known;           /* see symo_factor_rows */
  size_t num_sites;
  symo_factor_sums *sums;
} symo_factor_request;

/* Inputs of a site with the 1 of the bias, if sums->bias: m above. */
size_t symo_factor_width(const symo_factor_site *site, const symo_factor_sums *sums);

/* Zeros in all arrays and numbers that are summed. */
void symo_factor_sums_clear(const symo_factor_site *site, symo_factor_sums *sums);

/* sums += those of the rows.  For a network of the caller's own: called for every site and part of
 * a batch.  Test vectors, moments and `reduce` take work space of a few hundred rows, which is
 * allocated and freed here.  SYMO_E_MEMORY; SYMO_E_ARGUMENT for what is missing. */
symo_status symo_factor_sums_add(symo_context *context, const symo_factor_site *site,
                                 symo_factor_sums *sums, const symo_factor_rows *rows);

/* sums += more, which has the same shapes. */
void symo_factor_sums_join(const symo_factor_site *site, symo_factor_sums *sums,
                           const symo_factor_sums *more);

#ifdef __cplusplus
}
#endif
#endif
