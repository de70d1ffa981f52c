/* eps times the largest eigenvalue of all labels: no label is damped less than the others. */
#include "optim/damping/damping.h"

const symo_damping symo_damping_largest = {
    .name = "largest",
    .summary = "eps times the largest eigenvalue of all labels (estimators h-pd and h-star)",
    .largest = true,
};
