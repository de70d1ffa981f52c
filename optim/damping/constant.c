/* eps as it is. */
#include "optim/damping/damping.h"

const symo_damping symo_damping_constant = {
    .name = "constant",
    .summary = "eps added to C as it is",
};
