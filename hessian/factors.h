#ifndef SYMO_HESSIAN_FACTORS_H
#define SYMO_HESSIAN_FACTORS_H

#include <symo/factors.h>

#include "core/comm.h"

/* sums := those of all processes, which ask for the same; owner >= 0: arrays in that one alone. */
void symo_factor_sums_exchange(const symo_comm *comm, int owner, const symo_factor_site *site,
                               symo_factor_sums *sums);

#endif
