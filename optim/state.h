#ifndef SYMO_OPTIM_STATE_H
#define SYMO_OPTIM_STATE_H

#include "optim/optim.h"

/* The fields of the state from the entry "counters", and back. */
void symo_state_load(symo_optim_state *state);
void symo_state_save(symo_optim_state *state);

/* A report of nothing yet. */
symo_step_report symo_state_report(const symo_optim_state *state);

/* The loss or the gradient (`what`, and `where` in it) is not finite: counted, and SYMO_OK or
 * SYMO_E_NONFINITE as the policy says. */
symo_status symo_state_refuse(symo_optim_state *state, const char *what, const char *where,
                              symo_step_report *report);

#endif
