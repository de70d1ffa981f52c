#ifndef SYMO_OPTIM_DIAGONAL_ESTIMATE_H
#define SYMO_OPTIM_DIAGONAL_ESTIMATE_H

#include "hessian/problem.h"
#include "optim/state.h"

/* Whether covariances of the block take estimates of a diagonal, made by the problem, instead of
 * gradients; and whether any block does in step t, of products with the Hessian among them. */
bool symo_block_estimates(const optim_block *b);
bool symo_diagonal_is_due(const symo_optim *optim, uint64_t t, bool *hessian);

/* Makes the estimates of step t at call->theta for all blocks that are due; *good: they are finite
 * and have squares in the range of the numbers. */
symo_status symo_diagonal_estimate(symo_optim_state *state, const problem_call *call, uint64_t t,
                                   bool *good);

/* Those of block k, of its tensors; after symo_diagonal_estimate. */
symo_const_vector symo_diagonal_of_block(const symo_optim_state *state, const optim_block *b);

#endif
