#ifndef SYMO_TYPES_H
#define SYMO_TYPES_H

#include <stddef.h>
#include <stdint.h>
#include <symo/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Types that every other header uses: number types, vectors over the caller's arrays, random
 * numbers, and the function that frees what the library allocated for the caller. */

/* The number type of parameters, gradients and estimates.  SYMO_ANY means that no type was chosen;
 * each function that accepts it says which type it then uses. */
typedef enum symo_dtype { SYMO_ANY = 0, SYMO_F32 = 1, SYMO_F64 = 2 } symo_dtype;

size_t symo_dtype_size(symo_dtype dtype);      /* bytes: 4, 8, and 0 for SYMO_ANY */
const char *symo_dtype_name(symo_dtype dtype); /* "f32", "f64", "any" */

enum { SYMO_MAX_ORDER = 8, SYMO_MAX_NAME = 127 };

/* Functions return this index or offset if what was asked for does not exist. */
#define SYMO_NONE ((size_t)-1)

/* Frees memory that a function of the library returned to the caller.  NULL is accepted. */
void symo_free(void *memory);

/* A view of a vector over all parameters, which stays in the caller's memory: data[t] is the array
 * of tensor t, in layout order.  If strides is NULL, every tensor is dense and row-major.
 * Otherwise strides[t] is NULL (dense and row-major) or points to `order` strides of tensor t, in
 * elements; strides may be negative.  The library copies nothing and keeps no pointer after the
 * call.
 *
 * dtype is the number type of the arrays.  Every function that takes a vector refuses SYMO_ANY,
 * which is also what an omitted initializer gives, with SYMO_E_ARGUMENT.  It refuses a type other
 * than that of the plan or optimizer with SYMO_E_DTYPE.
 *
 * Aliasing: an output vector must not share memory with an input vector, and no two entries of an
 * output may be the same number in memory (SYMO_E_ARGUMENT; the detail names the tensors).
 * Interleaved vectors, such as two columns of one matrix, are allowed.  A stride of 0 is allowed in
 * inputs only.  The strides of an output, sorted by size, must nest: each is larger than the extent
 * that the smaller ones reach. */
typedef struct symo_vector {
  symo_dtype dtype;
  void *const *data;
  const ptrdiff_t *const *strides;
} symo_vector;

/* The same for vectors that are only read. */
typedef struct symo_const_vector {
  symo_dtype dtype;
  const void *const *data;
  const ptrdiff_t *const *strides;
} symo_const_vector;

/* Vectors whose tensors are all dense and row-major. */
static inline symo_vector symo_vector_of(symo_dtype dtype, void *const *data) {
  symo_vector x = {dtype, data, NULL};
  return x;
}

static inline symo_const_vector symo_const_vector_of(symo_dtype dtype, const void *const *data) {
  symo_const_vector x = {dtype, data, NULL};
  return x;
}

/* The same vector as an input. */
static inline symo_const_vector symo_vector_const(symo_vector x) {
  symo_const_vector y = {x.dtype, (const void *const *)x.data, x.strides};
  return y;
}

/* A random number generator, seeded by the caller.  Equal seeds give equal numbers on every
 * machine.  Only one thread at a time may use a generator.  It keeps no pointer to the context. */
typedef struct symo_rng symo_rng;

/* A generator of its own, which the caller destroys. */
symo_status symo_rng_create(symo_context *context, uint64_t seed, symo_rng **out);
void symo_rng_destroy(symo_rng *rng); /* NULL is accepted */

/* For NULL they return NaN, NaN and 0. */
double symo_rng_uniform(symo_rng *rng);             /* in [0, 1) */
double symo_rng_normal(symo_rng *rng);              /* mean 0, variance 1 */
uint64_t symo_rng_below(symo_rng *rng, uint64_t n); /* 0 .. n-1; 0 for n = 0 */

#ifdef __cplusplus
}
#endif
#endif
