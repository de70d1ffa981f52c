#ifndef SYMO_OPTIM_ALPHAS_H
#define SYMO_OPTIM_ALPHAS_H

#include "hessian/problem.h"
#include "optim/state.h"

/* Whether the exponents of a block are measured (alpha auto); and whether any block's are before step
 * t, and by products with the Hessian. */
bool symo_block_measures(const optim_block *b);
bool symo_optim_measures(const symo_optim *optim);
bool symo_alphas_are_due(const symo_optim *optim, uint64_t t, bool *hessian);

/* Products of a measurement of the block at most, one for each direction; and flops of its singular
 * vectors. */
double symo_block_alpha_products(const optim_block *b);
double symo_block_alpha_flops(const optim_block *b);

/* Measures the exponents of all blocks that are due before step t at call->theta, where the gradient,
 * flat and finite, is state->gradient, and hands them to the curvatures; *measured: of how many
 * matrices.  *good false: a product was not finite, and nothing was handed over.  Takes memory for
 * the time of the call. */
symo_status symo_alphas_measure(symo_optim_state *state, const problem_call *call, uint64_t t,
                                bool *good, uint64_t *measured);

#endif
