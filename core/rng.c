/* Random numbers: MT19937 and the ziggurat Gaussian
 * (Marsaglia and Tsang 2000).  Check value: seed 1, first uniform 0.417022004702574 (numpy's
 * RandomState(1).random_sample() draws 53 bits and differs; this is the 32-bit draw). */
#include <math.h>

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

#include "core/alloc.h"
#include "core/error.h"

#include <symo/types.h>

struct symo_rng {
  gsl_rng base; /* its state stands behind this struct */
};

/* Put together by hand: gsl_rng_alloc calls GSL's error handler, which aborts, when memory runs
 * out, and the handler is global. */
symo_status symo_rng_create(symo_context *context, uint64_t seed, symo_rng **out) {
  if (out == NULL) return symo_fail_null(context, "rng_create", "out");
  const gsl_rng_type *type = gsl_rng_mt19937;
  symo_rng *rng = symo_calloc(1, sizeof *rng + type->size);
  if (rng == NULL) return symo_fail_memory(context, "rng_create");
  rng->base = (gsl_rng){type, rng + 1};
  /* mt19937 takes 32 bits: fold the high half in, so that every 64-bit seed counts; 0 is 4357
   * there. */
  uint64_t folded = (seed ^ (seed >> 32) * 0x9E3779B1u) & 0xFFFFFFFFu;
  gsl_rng_set(&rng->base, (unsigned long)folded);
  *out = rng;
  return SYMO_OK;
}

void symo_rng_destroy(symo_rng *rng) { symo_free(rng); }

double symo_rng_uniform(symo_rng *rng) {
  return rng == NULL ? (double)NAN : gsl_rng_uniform(&rng->base);
}

double symo_rng_normal(symo_rng *rng) {
  return rng == NULL ? (double)NAN : gsl_ran_gaussian_ziggurat(&rng->base, 1.0);
}

/* GSL's own ends the program for n = 0 and beyond 32 bits.  Those take two draws, and none of the
 * last incomplete run of n, so that all remainders are equally likely. */
uint64_t symo_rng_below(symo_rng *rng, uint64_t n) {
  if (rng == NULL || n == 0) return 0;
  if (n <= UINT32_MAX) return gsl_rng_uniform_int(&rng->base, (unsigned long)n);
  const uint64_t whole = UINT64_MAX - UINT64_MAX % n;
  uint64_t x;
  do x = (uint64_t)gsl_rng_get(&rng->base) << 32 | gsl_rng_get(&rng->base);
  while (x >= whole);
  return x % n;
}
