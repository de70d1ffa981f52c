/* Root mean squares of the gradient, coordinate by coordinate: z = r / (sqrt(v) + damping), with v
 * as Adam has it.  Martens (2010, section 4.7) takes the power 3/4 of sums over examples, which a
 * gradient of their mean does not tell; 1/2 is what makes v a curvature (docs/mathematics.md, the
 * estimate h-g with sign flips for the group). */
#include "optim/precondition/precondition.h"

static double eps(double damping) { return damping; }

const symo_precondition symo_precondition_diagonal = {
    .name = "diagonal",
    .summary = "by root mean squares of the gradient",
    .curvature = &symo_curvature_diagonal,
    .eps = eps,
};
