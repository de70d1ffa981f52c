#ifndef SYMO_OPTIM_UPDATE_CHANGE_H
#define SYMO_OPTIM_UPDATE_CHANGE_H

#include "core/nd.h"

/* The norm of what symo_update_apply is about to take off p. */
double symo_update_change(double rate, double decay, double factor, symo_nd d, symo_nd p);

#endif
