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

/* The number type of parameters, gradients and estimates.  SYMO_ANY: not chosen; each function says
 * what it then takes. */
typedef enum symo_dtype { SYMO_ANY = 0, SYMO_F32 = 1, SYMO_F64 = 2 } symo_dtype;

size_t symo_dtype_size(symo_dtype dtype);      /* bytes: 4, 8, and 0 for SYMO_ANY */
const char *symo_dtype_name(symo_dtype dtype); /* "f32", "f64", "any" */

enum { SYMO_MAX_ORDER = 8, SYMO_MAX_NAME = 127 };

/* The index or offset that functions return where the one asked for does not exist. */
#define SYMO_NONE ((size_t)-1)

/* Frees memory that a function of the library returned to the caller.  NULL is accepted. */
void symo_free(void *memory);

/* A vector over all parameters, where the caller keeps it: one array per tensor, in layout order.
 * strides NULL: every tensor is row-major and dense.  Else strides[t] is NULL (row-major) or points
 * to `order` strides of tensor t, in elements, of either sign.  Nothing is copied: the library
 * reads and writes there, and keeps no pointer after the call.
 *
 * dtype says what the arrays hold.  Every function that takes a vector refuses SYMO_ANY, which is
 * what a member that was left out is, with SYMO_E_ARGUMENT, and another type than that of the plan
 * or optimizer with SYMO_E_DTYPE.
 *
 * A vector that is written shares no memory with one that is read, nor its tensors or entries among
 * each other (SYMO_E_ARGUMENT, with the names of the tensors): vectors that take turns, or are
 * columns of one matrix, are fine; strides of 0 are for reading only, and of what is written each
 * stride, in order of size, steps over all that the smaller ones reach. */
typedef struct symo_vector {
  symo_dtype dtype;
  void *const *data;
  const ptrdiff_t *const *strides;
} symo_vector;

typedef struct symo_const_vector {
  symo_dtype dtype;
  const void *const *data;
  const ptrdiff_t *const *strides;
} symo_const_vector;

/* Dense vectors. */
static inline symo_vector symo_vector_of(symo_dtype dtype, void *const *data) {
  symo_vector x = {dtype, data, NULL};
  return x;
}

static inline symo_const_vector symo_const_vector_of(symo_dtype dtype, const void *const *data) {
  symo_const_vector x = {dtype, data, NULL};
  return x;
}

/* The same vector, to be read. */
static inline symo_const_vector symo_vector_const(symo_vector x) {
  symo_const_vector y = {x.dtype, (const void *const *)x.data, x.strides};
  return y;
}

/* A generator of random numbers, seeded by the caller; a seed gives the same numbers on every
 * machine.  One thread at a time may use it.  It keeps no pointer to the context. */
typedef struct symo_rng symo_rng;

symo_status symo_rng_create(symo_context *context, uint64_t seed, symo_rng **out);
void symo_rng_destroy(symo_rng *rng); /* NULL is accepted */

/* Of NULL: NaN, NaN and 0. */
double symo_rng_uniform(symo_rng *rng);             /* in [0, 1) */
double symo_rng_normal(symo_rng *rng);              /* mean 0, variance 1 */
uint64_t symo_rng_below(symo_rng *rng, uint64_t n); /* 0 .. n-1; 0 for n = 0 */

#ifdef __cplusplus
}
#endif
#endif
