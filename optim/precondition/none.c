/* Conjugate gradients as they are. */
#include "optim/precondition/precondition.h"

const symo_precondition symo_precondition_none = {
    .name = "none",
    .summary = "conjugate gradients as they are",
};
