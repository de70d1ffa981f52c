#ifndef SYMO_OPTIM_DAMPING_H
#define SYMO_OPTIM_DAMPING_H

#include <symo/optim.h>

/* How much is added to the curvature.  constant: eps.  trace: eps times tr C / m of each root (the
 * curvature module does it).  factored: eps shared between two factors (curvature kfac).  largest: eps times the largest eigenvalue of a matrix over
 * all labels, for the estimators of orbit curvature that see the parameters.  levenberg-marquardt: eps is the start; after every step by the ratio
 * of actual to predicted reduction: below 1/4 times 1.5, above 3/4 over 1.5; a step that raises the
 * loss (ratio <= 0, or not finite) is rejected and theta put back.  One row of SYMO_DAMPING_LIST
 * (symo/optim.h) registers a module. */
struct symo_damping {
  const char *name, *summary;
  bool relative;    /* times tr C / m */
  bool factored;    /* shared between the factors of a Kronecker product */
  bool largest;     /* times the largest eigenvalue of all labels */
  bool needs_ratio; /* wants losses before and after, and the model's decrease */
  /* The next damping, and whether the step stands; NULL where it never changes. */
  double (*update)(double damping, double ratio, bool *accept);
};

/* Whether what is added is eps at every root and in every step. */
static inline bool symo_damping_is_constant(const symo_damping *damping) {
  return !damping->relative && !damping->largest && damping->update == NULL;
}

#endif
