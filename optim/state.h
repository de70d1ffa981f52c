#ifndef SYMO_OPTIM_STATE_H
#define SYMO_OPTIM_STATE_H

#include "optim/optim.h"

/* symo_optim_state_entry for what reads entries and keeps no pointer; who writes them says so. */
symo_state_entry symo_state_entry_at(symo_optim_state *state, size_t index);
void symo_state_forget_bounds(symo_optim_state *state);

/* The fields of the state from the entry "counters", and back. */
void symo_state_load(symo_optim_state *state);
void symo_state_save(symo_optim_state *state);

/* The time since the last look at the clock goes to *item (NULL: to nothing). */
void symo_state_lap(symo_optim_state *state, double *item);

/* The learning rate of step t = 1, 2, .. for the tensors of a block. */
double symo_state_rate(const symo_optim_state *state, const optim_block *b, uint64_t t);

/* A report of nothing yet. */
symo_step_report symo_state_report(const symo_optim_state *state);

/* Whether p can take a change by d times factor 2^exponent, of this norm. */
bool symo_state_holds(symo_dtype dtype, double norm, double factor, int exponent, symo_nd d,
                      symo_nd p);

/* False if a block cannot work with this finite gradient, of this norm: *tensor is the first whose
 * squares or sums would leave the range of the numbers (optim/range.c). */
bool symo_state_in_range(const symo_optim_state *state, symo_const_vector grad, double norm,
                         size_t *tensor);

/* A step that cannot be taken, nothing written yet: counted, and SYMO_OK or the status as the
 * policy says.  The first: `what`, and `where` in it, is not finite. */
symo_status symo_state_refuse(symo_optim_state *state, const char *what, const char *where,
                              symo_step_report *report);
symo_status symo_state_refuse_large(symo_optim_state *state, const char *where,
                                    symo_step_report *report);

#endif
