#ifndef SYMO_HESSIAN_PROBES_H
#define SYMO_HESSIAN_PROBES_H

#include <symo/lowrank.h>

#include "hessian/estimator.h"
#include "hessian/hessian.h"

/* scale P + D, D the fit to pairs (v, left) with strength added to C_v; left = A v - scale P v. */
symo_status symo_probes_fit(const symo_hessian *prior, double strength, double scale, size_t count,
                            const symo_const_vector *probes, const symo_const_vector *left,
                            symo_hessian **out);

/* The c of least |product - c known|; 0 where nothing is known. */
double symo_probes_scale(symo_dtype dtype, size_t n, const void *product, const void *known);

#endif
