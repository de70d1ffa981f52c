#ifndef SYMO_OPTIM_COST_H
#define SYMO_OPTIM_COST_H

#include "optim/block.h"

/* Flops of one call, for blocks with a curvature: of everything elementwise in a step; of taking in
 * one vector; of all roots once; of one direction. */
double symo_block_update_flops(const optim_block *b);
double symo_block_accumulate_flops(const optim_block *b);
double symo_block_refresh_flops(const optim_block *b);
double symo_block_apply_flops(const optim_block *b);

#endif
