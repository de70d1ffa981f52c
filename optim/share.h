#ifndef SYMO_OPTIM_SHARE_H
#define SYMO_OPTIM_SHARE_H

#include "core/reduction.h"
#include "optim/block.h"

/* Optimizers of which each of several processes has a share: some of the tensors, with their
 * momentum, their covariances and roots.  A step takes the gradient of these tensors (that of others is not looked at), steps them, and
 * brings the parameters of the others from where they are; it comes to what one process comes to,
 * up to the rounding of sums over labels.  Tensors that a curvature cannot take apart are in one
 * share.  All processes call symo_optim_step at the same time; parameters lie dense. */
typedef struct optim_share {
  const symo_comm *comm;
  symo_optim *whole; /* the plan of all tensors; the other processes have the same */
  int *owner;        /* [tensors] */
  int **units;       /* [blocks of whole]: of rules that are divided the process of every unit
                        (curvature.h); NULL: units are where their tensors are */
} optim_share;

/* The share of this process.  A method with products of the problem, and a process by itself, have
 * the whole optimizer. */
symo_status symo_optim_create_share(symo_layout *layout, const symo_optim_spec *spec,
                                    const symo_comm *comm, symo_optim **out);
void symo_share_destroy(optim_share *share); /* NULL is accepted */

/* The plan of all tensors, of which names in checkpoints and the spec are. */
symo_optim *symo_optim_whole(symo_optim *optim);

/* Where in the flat vector the tensors of each process lie, in order: what symo_net_set_reduction takes.
 * parts [tensors]; gives how many. */
size_t symo_share_list(const symo_optim *optim, symo_reduction_part *parts);

/* What a process has to do and to keep, of all: flops of a step, bytes of state, parameters that it
 * moves. */
typedef struct share_load {
  double flops, bytes, parameters;
  double sent; /* numbers that go to units of other processes, or come back from here */
} share_load;

/* How many parts a block of the plan of all tensors falls into, and which each tensor is in: to
 * [num_tensors].  0 for products of all parameters: every process has all of the method. */
size_t symo_share_parts(const optim_block *b, size_t *to);

/* Which of `ranks` processes each tensor belongs to: owner [tensors], load [ranks].  Parts go, those
 * with most to do first, to where the larger of the shares in flops and in bytes stays least.  A part
 * with more than its share goes tensor by tensor and unit by unit where its curvature has units:
 * units [blocks of whole], NULL on entry, of these the caller's to free, stay NULL of others. */
symo_status symo_share_assign(const symo_optim *whole, int ranks, int *owner, int **units,
                              share_load *load);
void symo_share_free_units(const symo_optim *whole, int **units); /* NULL is accepted */

/* Between a state of the plan of all tensors in the first process (NULL in others) and the shares:
 * entries keep their names, and numbers of entries of a whole rule are found by what they are of. */
symo_status symo_share_collect(symo_optim_state *share, symo_optim_state *whole);
symo_status symo_share_distribute(symo_optim_state *whole, symo_optim_state *share);

/* ---- for optim.c, state.c and step.c ---- */

/* optim.c: a plan of the tensors of share->owner that are this process's; takes share over. */
symo_status symo_optim_create_part(symo_layout *layout, const symo_optim_spec *spec,
                                   optim_share *share, symo_optim **out);
/* sublayout.c: some tensors of a layout, as they are in it. */
symo_status symo_block_extract(const symo_layout *layout, size_t num_tensors, const size_t *tensors,
                               symo_dtype dtype, symo_layout **out);
/* The block of the plan of all tensors with this rule; the same of the share, or NULL. */
const optim_block *symo_share_block(const symo_optim *optim, size_t rule);
/* The process of every unit of a rule that is divided, or NULL. */
const int *symo_share_units(const optim_share *share, size_t rule);
/* Numbers of the roots of a block among those of its rule: fills root_at and all_roots. */
symo_status symo_share_number_roots(const optim_share *share, symo_context *context,
                                    optim_block *b);

/* Layer statistics are of all sites in every process, and each site's go to the process that has it.
 * Bytes that they take; what they look at of other processes brought here, as entries of the plan of
 * all tensors (NULL: nobody looks). */
size_t symo_share_sums_bytes(const symo_optim *optim);
symo_status symo_share_take_sums(symo_optim_state *state);
void symo_share_bring_sums(symo_optim_state *state);

/* Numbers that processes exchange in a step. */
size_t symo_share_numbers(const optim_share *share);

/* What the tensors of other processes have in x [tensors, width]; here it is 0. */
void symo_share_join(const symo_optim_state *state, size_t width, double *x);
/* status: the first failure of any process; found: in all. */
symo_status symo_share_agree(const symo_optim_state *state, symo_status status, bool *found);
void symo_share_combine(const symo_optim_state *state, curvature_common *common);
/* After the last block: changes [tensors], the report of all processes, and the parameters. */
symo_status symo_share_finish(symo_optim_state *state, symo_status status, symo_vector params,
                              symo_step_report *report);

#endif
