#ifndef SYMO_HESSIAN_LOWRANK_H
#define SYMO_HESSIAN_LOWRANK_H

#include <symo/lowrank.h>
#include <symo/operator.h>

#include "hessian/spectral.h"

struct symo_lowrank {
  symo_context *context;
  symo_hessian *rest;
  size_t k;
  double *values;    /* [k] */
  void *vectors;     /* [k, P] */
  spectral s;        /* of the rest */
  void *coordinates; /* [k, s.numbers], of the vectors */
  double *inner;     /* [k, k]: U S U' */
  double *image;     /* [k]: |S u| */
};

static inline void *symo_lowrank_coordinates(const symo_lowrank *h, size_t i) {
  return symo_at(h->rest->plan->dtype, h->coordinates, (ptrdiff_t)(i * h->s.numbers));
}

/* gram [k, k] := U (S + damping I)^-1 U' for eigenvalues w [groups] of S + damping I, none zero;
 * scaled [k, numbers]: the coordinates over w, or NULL.  */
symo_status symo_lowrank_gram(const symo_lowrank *h, const char *where, const double *w,
                              double *gram, void *scaled);

/* Whether an operator is one over the parameters of the plan, in its dtype. */
symo_status symo_lowrank_check_operator(const symo_plan *plan, const char *where,
                                        const symo_operator *a);

#endif
