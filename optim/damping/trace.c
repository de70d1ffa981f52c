/* eps times the mean eigenvalue of C: the step then does not depend on the units of the loss. */
#include "optim/damping/damping.h"

const symo_damping symo_damping_trace = {
    .name = "trace",
    .summary = "eps times tr C / m of each root",
    .relative = true,
};
