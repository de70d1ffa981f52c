#ifndef SYMO_HESSIAN_HESSIAN_H
#define SYMO_HESSIAN_HESSIAN_H

#include <symo/hessian.h>

#include "core/comm.h"
#include "groups/plan/plan.h"

struct symo_hessian {
  symo_context *context;
  symo_plan *plan;
  char name[32];
  void *store; /* all M, one block */
  void **m;    /* [num_labels] into store; NULL for a dropped label */
};

/* Allocates a Hessian; its M are not initialised.  The detail of SYMO_E_MEMORY says how much memory
 * was requested. */
symo_status symo_hessian_create(const symo_plan *plan, const char *name, symo_hessian **out);

/* SYMO_E_NUMERIC if a number has overflowed; the detail names the label. */
symo_status symo_hessian_check(const symo_hessian *hessian, const char *what);

/* SYMO_E_NUMERIC if the M of a label has underflowed: in exact arithmetic its largest entry would
 * be `largest`, which is not zero, and no entry is a normal number. */
symo_status symo_hessian_check_small(const symo_hessian *hessian, size_t label, double largest,
                                     const char *what);

/* The exponent of a power of two near the largest entry of a vector or of the M of a label; 0 if
 * the entries can be used without scaling.  `damping` counts as an entry. */
int symo_near_level(symo_dtype dtype, double largest);
int symo_vector_level(const symo_plan *plan, symo_const_vector x);
int symo_label_level(const symo_hessian *hessian, size_t label, double damping);

/* A dense copy of x / 2^level.  It lies in *block, which the caller frees. */
symo_status symo_vector_near(const symo_plan *plan, const char *what, symo_const_vector x,
                             int level, void **block, symo_const_vector *out);

/* Checks y, a product or a solution computed from x.  In exact arithmetic its largest entry is near
 * 2^log_size.  SYMO_E_NUMERIC if an entry of y is not finite (the detail names the tensor), or if
 * the largest entry is subnormal although x is not. */
symo_status symo_vector_check(const symo_plan *plan, const char *what, symo_const_vector x,
                              double log_size, symo_const_vector y);

/* SYMO_E_ARGUMENT if an M of complex or quaternionic type is not the real form of a Hermitian
 * matrix; the detail names the label.  Tested on a random vector, to 100 sqrt(eps). */
symo_status symo_hessian_check_structure(const symo_hessian *hessian, const char *what);

/* The M of one member of a label. */
static inline void *symo_hessian_member(const symo_hessian *h, size_t label, size_t member) {
  size_t m = h->plan->labels[label].m;
  return symo_at(h->plan->dtype, h->m[label], (ptrdiff_t)(member * m * m));
}

/* symo_reynolds of several processes that have the same matrix: each analyses some of its rows and
 * traces some columns of every label, all get the bits that one process would. */
symo_status symo_reynolds_among(const symo_plan *plan, const double *dense, const symo_comm *comm,
                                symo_hessian **out);

/* Makes the Hessian with the eigenvectors of h and the eigenvalues f(values).  f changes the `n`
 * eigenvalues of one M in place; tolerance is 10 m eps.  f may fail with a status. */
typedef symo_status (*symo_spectral_function)(size_t n, double *values, double tolerance,
                                              const double *parameters);
symo_status symo_hessian_map(const symo_hessian *h, const char *what, symo_spectral_function f,
                             const double *parameters, symo_hessian **out);

#endif
