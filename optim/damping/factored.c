/* eps shared between the factors of a Kronecker product, by the ratio of their traces (Martens,
 * Grosse 2015, section 6.3). */
#include "optim/damping/damping.h"

const symo_damping symo_damping_factored = {
    .name = "factored",
    .summary = "sqrt(eps) to each factor of a Kronecker product, by their traces (curvature kfac)",
    .factored = true,
};
