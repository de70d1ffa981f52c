#ifndef SYMO_TESTS_SUPPORT_VECTORS_H
#define SYMO_TESTS_SUPPORT_VECTORS_H

#include <symo/symo.h>

/* A vector over the parameters of a layout, row-major and dense, or (given a generator) with every
 * tensor stored in an order of axes, with gaps and with directions of its own.  What lies between
 * the entries is NaN, so that reading it shows; symo_test_vector_get fails the test if it was
 * written to. */
typedef struct symo_test_vector {
  const symo_layout *layout;
  symo_dtype dtype;
  size_t n, room;
  unsigned char *store, *untouched; /* untouched: 1 for every number that is no entry */
  void **data;
  ptrdiff_t (*strides)[SYMO_MAX_ORDER];
  const ptrdiff_t **stride_rows; /* NULL: dense */
} symo_test_vector;

symo_test_vector symo_test_vector_make(const symo_layout *layout, symo_dtype dtype, symo_rng *rng);
void symo_test_vector_free(symo_test_vector *x);

/* To and from flat float64 vectors in layout order. */
void symo_test_vector_set(symo_test_vector *x, const double *flat);
void symo_test_vector_get(const symo_test_vector *x, double *flat);

symo_vector symo_test_out(const symo_test_vector *x);
symo_const_vector symo_test_in(const symo_test_vector *x);

/* `count` dense vectors of independent standard normal numbers, also flat [count, n]. */
typedef struct symo_test_batch {
  size_t count, n;
  double *flat;
  symo_test_vector *vectors;
  symo_const_vector *in;
} symo_test_batch;

symo_test_batch symo_test_batch_make(const symo_layout *layout, symo_dtype dtype, symo_rng *rng,
                                     size_t count);
void symo_test_batch_free(symo_test_batch *batch);

/* Overwrites the vectors with s times the numbers. */
void symo_test_batch_scale(symo_test_batch *batch, double s);

#endif
