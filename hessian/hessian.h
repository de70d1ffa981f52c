#ifndef SYMO_HESSIAN_HESSIAN_H
#define SYMO_HESSIAN_HESSIAN_H

#include <symo/hessian.h>

#include "groups/plan/plan.h"

struct symo_hessian {
  symo_context *context;
  symo_plan *plan;
  char name[32];
  void *store; /* all M, one block */
  void **m;    /* [num_labels] into store; NULL for a dropped label */
};

/* With M unset (but allocated).  SYMO_E_MEMORY says how much was wanted. */
symo_status symo_hessian_create(const symo_plan *plan, const char *name, symo_hessian **out);

void symo_hessian_set_name(symo_hessian *hessian, const char *name);

/* SYMO_E_NUMERIC with the label's name if a number has overflowed. */
symo_status symo_hessian_check(const symo_hessian *hessian, const char *what);

/* The same if the M of a label, the largest entry of which would be `largest`, is below the normal
 * numbers of the type. */
symo_status symo_hessian_check_small(const symo_hessian *hessian, size_t label, double largest,
                                     const char *what);

/* The power of two near the largest entry of a vector, or of the M of a label; 0 where
 * it is harmless as it is. */
int symo_near_level(symo_dtype dtype, double largest);
int symo_vector_level(const symo_plan *plan, symo_const_vector x);
int symo_label_level(const symo_hessian *hessian, size_t label, double damping);

/* A dense copy of x over 2^level; *block, which the caller frees, holds it. */
symo_status symo_vector_near(const symo_plan *plan, const char *what, symo_const_vector x,
                             int level, void **block, symo_const_vector *out);

/* SYMO_E_NUMERIC with the tensor's name if an entry of a result is not finite; or if the result of
 * x is no normal number although its largest entry is near 2^log_size, unless x is none either and
 * of about that size. */
symo_status symo_vector_check(const symo_plan *plan, const char *what, symo_const_vector x,
                              double log_size, symo_const_vector y);

/* SYMO_E_ARGUMENT with the label's name if an M of complex or quaternionic type is not the real form
 * of a Hermitian matrix (to 100 sqrt(eps), on a random vector). */
symo_status symo_hessian_check_structure(const symo_hessian *hessian, const char *what);

/* The M of one member of a label. */
static inline void *symo_hessian_member(const symo_hessian *h, size_t label, size_t member) {
  size_t m = h->plan->labels[label].m;
  return symo_at(h->plan->dtype, h->m[label], (ptrdiff_t)(member * m * m));
}

/* A new Hessian whose eigenvalues are f(those of h); f is told the largest absolute eigenvalue of
 * the label and 10 m eps.  It may refuse with a status. */
typedef symo_status (*symo_spectral_function)(size_t n, double *values, double tolerance,
                                              const double *parameters);
symo_status symo_hessian_map(const symo_hessian *h, const char *what, symo_spectral_function f,
                             const double *parameters, symo_hessian **out);

#endif
