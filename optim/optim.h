#ifndef SYMO_OPTIM_OPTIM_H
#define SYMO_OPTIM_OPTIM_H

#include <stdatomic.h>

#include "core/comm.h"
#include "core/pool.h"
#include "optim/curvature/curvature.h"
#include "optim/damping/damping.h"
#include "optim/update/update.h"

/* A rule with its tensors, and the modules it was paired with. */
typedef struct optim_block {
  symo_method method;
  size_t rule, num_tensors;
  size_t *tensors;                 /* of the user's layout, ascending */
  symo_layout *layout;             /* of these tensors alone */
  const symo_curvature *curvature; /* NULL for hessian and ggn */
  const symo_damping *damping;
  void *self;                             /* of the curvature */
  struct cg_preconditioner *precondition; /* of hessian and ggn; NULL: none */
  size_t first_entry, num_entries;        /* of its state, in the list of all: momentum first */
  size_t *chunk_at; /* [num_tensors + 1]: the first chunk of each tensor (UPDATE_CHUNK numbers) */
  const struct optim_block *all; /* of a share of a rule that is divided: that of all tensors */
  size_t all_roots, *root_at; /* of a share: roots of the rule, and which of them are ours; root_at
                                 NULL: all */
} optim_block;

struct symo_optim {
  symo_context *context;
  symo_layout *layout;
  atomic_size_t references;
  symo_optim_spec spec; /* rules copied */
  symo_rule *rules;
  symo_dtype dtype;
  size_t num_blocks;
  optim_block *blocks;
  size_t *rule_of;         /* [num_tensors] */
  symo_factor_site *sites; /* [spec.num_sites], copied */
  size_t sums_bytes;       /* of layer statistics, all blocks */
  size_t num_entries, state_bytes, work_bytes;
  symo_state_entry *entries; /* data NULL */
  size_t *entry_offset;      /* in the state's one allocation */
  struct optim_share *share; /* NULL: the blocks have all tensors (share.h) */
};

struct symo_optim_state {
  symo_optim *optim;
  char *store;
  void **data; /* [num_entries] */
  void *work;
  double *lr;        /* [num_rules]: of the method, or of symo_optim_state_set_lr */
  double *log_norms; /* [tensors], binary, of the gradient at hand */
  double far_norm;   /* of all of it, over a power of two */
  double *partial;   /* [most chunks of a block]: sums of squares */
  double *bounds;    /* [tensors]: no entry of a momentum is larger, and second moments are >= 0;
                        infinity: unknown */
  bool measured;     /* the step at hand reports norms */
  bool light;        /* .. and did not look for more than the largest entries of its gradient:
                        log_norms are bounds */
  bool shared;       /* the caller has a pointer to entries: bounds hold for one step at most */
  symo_pool *pool;   /* NULL for one thread */
  uint64_t steps, refused, rejected;
  double damping;   /* of levenberg-marquardt */
  symo_clock clock; /* of the caller's; NULL: none */
  void *clock_self;
  double plain_seconds; /* of the last gradient of a problem without layer statistics */
  double mark;          /* when the clock was last looked at */
  void *gradient;       /* [parameters] of symo_optim_problem_step, taken by the first one */
  void *row_work;       /* of steps in the space of rows, [row_bytes], which follow the examples */
  size_t row_bytes;
  double *numbers, *changes; /* of a share: what is exchanged, and norms of changes [tensors] */
  symo_comm_piece *pieces;   /* [tensors] */
  void *estimates;           /* of diagonals, taken by the first step that has some */
  bool estimated;            /* those of the step at hand are made */
  symo_factor_sums *sums;    /* [num_sites] of layer statistics; NULL: none */
  void *sums_memory;
  void **sums_state; /* of a share: what sums of all sites look at, in the plan of all tensors */
  symo_factor_request request;
};

/* For use while a plan is made.  The first adds an entry to the state, with number num_entries - 1.
 * The second asks for work space; blocks use it one after the other, so the plan takes the most
 * that any asks for. */
symo_status symo_optim_add_entry(symo_optim *optim, const symo_state_entry *entry);
void symo_optim_need_work(symo_optim *optim, size_t bytes);

/* Curvature hessian or ggn. */
bool symo_optim_has_products(const symo_optim *optim);
/* That, estimates of diagonals, or alpha auto; whether a tensor is part of a site. */
bool symo_optim_asks(const symo_optim *optim);
bool symo_optim_has_site(const symo_optim *optim, size_t tensor);

/* Layer statistics (optim/factors.c): room for those of all sites in a state; whether the coming
 * step takes them; what it wants, cleared; SYMO_OK if the step has what it wants. */
symo_status symo_state_take_sums(symo_optim_state *state);
symo_status symo_state_take_gradient(symo_optim_state *state); /* room for that of a problem: */
size_t symo_optim_gradient_bytes(const symo_optim *optim);
bool symo_state_wants_factors(const symo_optim_state *state);
symo_status symo_state_check_factors(const symo_optim_state *state);

/* Entry 0 of every state, "counters", [4]: steps, refused, rejected, damping.  Between steps the
 * entry is what counts: a step reads the fields of the state from it, and writes them back at its
 * end. */

/* Methods on the whole vector with products of a problem (optim/second_order*.c): newton-cg, ggn-cg,
 * lm.  Called by symo_optim_problem_step when the plan has one block with curvature hessian or
 * ggn. */
const char *symo_second_order_refuse(const symo_method *method);
symo_status symo_second_order_size(symo_optim *optim); /* adds its entries and work space */
symo_status symo_second_order_step(symo_optim_state *state, const symo_problem *problem,
                                   void *theta, double *loss, symo_step_report *report);

#endif
