#ifndef SYMO_OPTIM_COST_H
#define SYMO_OPTIM_COST_H

#include "optim/block.h"

/* Flops of one call, for blocks with a curvature: of everything elementwise in a step; of taking in
 * one vector; of all roots once; of one direction. */
double symo_block_update_flops(const optim_block *b);
double symo_block_accumulate_flops(const optim_block *b);
double symo_block_refresh_flops(const optim_block *b);
double symo_block_apply_flops(const optim_block *b);

/* What a block with a curvature does, each at its own cadence: from step `start` on, every `every`
 * steps; flops of one time; bytes of state, or for directions of work space. */
typedef struct plan_item {
  const char *name;              /* update, exponents, statistics, roots, direction */
  uint64_t every, start;         /* every 0: once */
  double flops, bytes, products; /* products: of the problem */
  bool roots;                    /* taken in phases, one root after the other */
} plan_item;
enum { PLAN_ITEMS = 5 };
size_t symo_block_items(const symo_optim *optim, const optim_block *b, plan_item items[PLAN_ITEMS]);

/* Why a tensor has its method: "rule 0: \"h.*.weight\", 2 axes". */
enum { RULE_REASON = 192 };
void symo_rule_reason(const symo_optim *optim, size_t tensor, char text[RULE_REASON]);

#endif
