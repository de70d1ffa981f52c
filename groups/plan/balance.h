#ifndef SYMO_GROUPS_PLAN_BALANCE_H
#define SYMO_GROUPS_PLAN_BALANCE_H

#include "groups/plan/layout.h"

/* c: [dim] for every scaling space, one after the other, in the order of the spaces: the scales of
 * the balanced frame of theta.  SYMO_NO_CONVERGENCE after 1000 sweeps. */
symo_status symo_balance(const symo_layout *layout, symo_dtype dtype, symo_const_vector theta,
                         double *c);

#endif
