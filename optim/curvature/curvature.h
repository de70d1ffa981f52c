#ifndef SYMO_OPTIM_CURVATURE_H
#define SYMO_OPTIM_CURVATURE_H

#include <symo/optim.h>

#include "core/comm.h"
#include "core/pool.h"
#include "groups/plan/layout.h"
#include "optim/solver/solver.h"

/* A curvature: what a rule remembers of its gradients, and how that preconditions a direction.  One
 * const table a file; one row of SYMO_CURVATURE_LIST (symo/optim.h) registers it.
 *
 * A rule's tensors form a layout of their own (`layout`, spaces and names as in the user's), and
 * vectors hold those tensors alone.  `create` checks, sizes and chooses; afterwards nothing
 * allocates.  State is a list of entries, zeroed at the start, whose memory the executor owns and
 * hands in as `state`, in the order of `entry`. */
/* In several processes tensors of a rule may be in one and what belongs to them in another: units, of
 * which the curvature has num_units.  Of a divided rule every process has a curvature, perhaps of
 * no tensor or no unit, and all of them call accumulate, refresh of root 0 where the roots are those
 * of all units, and apply at the same time, from their first threads. */
typedef struct curvature_division {
  const symo_comm *comm;
  symo_layout *layout; /* of all tensors of the rule; that of the task has those of the process */
  const int *tensor, *unit; /* the process of each */
} curvature_division;

typedef struct curvature_task {
  symo_context *context;
  symo_layout *layout; /* of the rule; frozen by the first plan made from it */
  symo_dtype dtype;
  const symo_method *method;
  int threads;
  bool share;                         /* other processes have more tensors of the rule */
  const curvature_division *division; /* NULL: units are where their tensors are */
  /* For layer statistics: the user's layout, the indices in it of the rule's tensors, and sites, by
   * offsets in it. */
  const symo_layout *whole;
  const size_t *tensors;
  size_t num_sites;
  const symo_factor_site *sites;
} curvature_task;

/* What the parts of a rule in several processes have in common: how many had no root, and the sum
 * and number of eigenvalues, those of sum over 4^level. */
typedef struct curvature_common {
  double failed, sum, number, level;
} curvature_common;

/* A vector whose tensors are stored with powers of two: tensor t is x_t 2^stored[t].  Its norm is
 * near 2^level[t]; the level is 0 where squares of the norm stay in range, and CURVATURE_ZERO where
 * the tensor is zero.  NULL: all 0.  log_norm: binary, of what the tensors are; NULL: not known. */
enum { CURVATURE_ZERO = -100000 };
typedef struct curvature_scale {
  const int *stored, *level;
  const double *log_norm;
} curvature_scale;

static inline int curvature_stored(const curvature_scale *scale, size_t tensor) {
  return scale->stored != NULL ? scale->stored[tensor] : 0;
}
static inline int curvature_level(const curvature_scale *scale, size_t tensor) { /* 0 for zero */
  const int level = scale->level != NULL ? scale->level[tensor] : 0;
  return level != CURVATURE_ZERO ? level : 0;
}

/* Norms with a level of 0 have binary exponents of at most this size. */
static inline int curvature_tame(symo_dtype dtype) { return dtype == SYMO_F32 ? 40 : 300; }

/* What a curvature is told in each step.  t counts from 1. */
typedef struct curvature_step {
  uint64_t t;              /* of the rule: steps since start */
  uint64_t updates;        /* accumulate calls so far, the current one included */
  double damping;          /* eps, times what the damping module says (1 for constant) */
  symo_pool *pool;         /* for what accumulate and apply can do at once; NULL: nothing */
  size_t stride;           /* bytes from the work space of one worker to that of the next */
  symo_const_vector theta; /* the parameters before the step; of any size, not only tame.  Of a
                              divided rule those of all processes */
  curvature_scale x,
      g;       /* of the vector of accumulate and the direction of apply; of its gradient */
  double rate; /* the learning rate of the step */
  const symo_factor_sums *sums; /* of accumulate: of every site of the plan; NULL without sites */
  double *out; /* of apply, all 0 before: tensor t of its result is to be taken times
                           2^out[t]; NULL: there is no such factor */
  void (*combine)(void *self, curvature_common *common); /* NULL: one process */
  void *combine_self;
} curvature_step;

/* common := that of all processes.  Of apply, which calls it once or never: the others wait. */
static inline void curvature_combine(const curvature_step *step, curvature_common *common) {
  if (step->combine != NULL) step->combine(step->combine_self, common);
}

static inline void *curvature_work(const curvature_step *step, void *work, int worker) {
  return (char *)work + (size_t)worker * step->stride;
}

typedef struct curvature_report {
  double condition, effective_rank; /* of the root just taken; NaN unknown */
  bool kept;                        /* good enough as it was: skipped */
  bool elsewhere;                   /* a root of all processes, which another one counts */
} curvature_report;

/* A unit of a rule that can be divided: flops of a step and bytes of state; how many vectors go to
 * it in a step (one comes back). */
typedef struct curvature_unit {
  double flops, bytes, vectors;
} curvature_unit;

enum { CURVATURE_KEY = 4 * SYMO_MAX_NAME };

struct symo_curvature {
  const char *name, *summary;
  bool products;              /* of the problem (hessian, ggn): no slot below is set */
  symo_problem_matrix matrix; /* of those: with which */
  bool sites;                 /* of layer statistics, which sums and accumulate are about */
  bool couples;               /* axes of tensors that name one space are coupled */
  bool for_matrices;          /* made for tensors of two axes and more */
  bool elementwise;           /* second moments of every entry, one array of them a tensor */
  bool identity;     /* the direction as it is.  Of either kind a step may go over memory once */
  bool own_momentum; /* second moments in its basis come with a momentum of their own */

  /* Whether the method's roots are kept from step to step.  NULL: there are none. */
  bool takes_cut;       /* looks at cut and cut_order */
  bool takes_estimator; /* looks at estimator */
  bool takes_max_dim;   /* looks at max_dim */
  bool takes_estimates; /* accumulate may be given estimates of a diagonal */
  bool needs_estimates; /* .. and must be */
  bool (*keeps_roots)(const symo_method *method);

  /* NULL if it can do what the method asks for these tensors, else the reason (a static
   * sentence). */
  const char *(*refuse)(const symo_method *method, const symo_layout *layout);

  symo_status (*create)(const curvature_task *task, void **self);
  void (*destroy)(void *self);

  size_t (*num_entries)(const void *self);
  symo_state_entry (*entry)(const void *self, size_t index); /* data NULL; names within the rule */
  size_t (*work_bytes)(const void *self); /* of one worker; `work` is that of all */

  /* With sites: the bytes of all sums; and sets in sums (those of the sites of the plan, of which
   * only dtype is set) what is wanted at a step, with arrays in memory, not cleared. */
  size_t (*sums_bytes)(const void *self);
  void (*sums)(const void *self, void *const *state, uint64_t step, void *memory,
               symo_factor_sums *sums);
  /* Of an entry that `sums` looks at, a tensor whose process has it; SYMO_NONE: it does not. */
  size_t (*sums_reads)(const void *self, size_t entry);

  /* Adds a vector to the covariances: the gradient or the momentum, as the method's source says.
   * NULL: there are none. */
  symo_status (*accumulate)(const void *self, void *const *state, const curvature_step *step,
                            symo_const_vector x, void *work);

  /* The largest norm of a tensor of x for which nothing in accumulate and apply leaves the range of
   * the numbers; NULL: any. */
  double (*room)(const void *self, void *const *state);

  /* Independent roots.  Each is refreshed on its own cadence, perhaps several at once.  0 where the
   * curvature is used as it is or has no memory.  A positive status leaves the last root in
   * place. */
  size_t (*num_roots)(const void *self);
  symo_status (*refresh)(const void *self, void *const *state, const curvature_step *step,
                         size_t root, curvature_report *report, void *work);

  /* For rules in several processes.  parts: how many parts its tensors fall into that do not need
   * each other but by curvature_combine, and which each is in: part [tensors].  key: what number
   * `index` of an entry that is of the whole rule belongs to, "" for all, or, of entry SYMO_NONE,
   * root `index`; a text that does not depend on which tensors are there.  false: the entry is of one
   * part.  parts NULL: the tensors stay together, and key is not asked. */
  size_t (*parts)(const void *self, size_t *part);
  bool (*key)(const void *self, size_t entry, size_t index, char key[CURVATURE_KEY]);

  /* Units that may be in a process other than those of their tensors; NULL: there are none.  in: how
   * many numbers of a tensor belong to a unit. */
  size_t (*num_units)(const void *self);
  curvature_unit (*unit)(const void *self, size_t unit);
  double (*unit_in)(const void *self, size_t unit, size_t tensor);

  /* out := u C^{-alpha/2}, all tensors written; u and out do not overlap.  g: the gradient of this
   * step, for what updates second moments in a basis. */
  symo_status (*apply)(const void *self, void *const *state, const curvature_step *step,
                       symo_const_vector g, symo_const_vector u, symo_vector out, void *work);

  /* For alpha auto; NULL: it measures none.  take_alphas: averages in what was measured of each tensor
   * of the rule (NaN: nothing) and chooses the powers of the steps to come, or leaves all as it was
   * (SYMO_E_MEMORY).  Not to be called in a step.  alpha: the exponent of a tensor, and the average. */
  symo_status (*take_alphas)(const void *self, void *const *state, const double *measured);
  double (*alpha)(const void *self, void *const *state, size_t tensor, double *measured);

  /* Lines for the plan: "h1: 256 x 256 root by eigh (auto), 0.2 Gflop", one a root; *text is the
   * caller's.  Costs of one call, flops. */
  symo_status (*describe)(const void *self, char **text);
  double (*accumulate_flops)(const void *self);
  double (*refresh_flops)(const void *self, size_t root);
  double (*apply_flops)(const void *self);
};

/* parts of what takes every tensor by itself. */
size_t symo_curvature_each(const symo_layout *layout, size_t *part);

/* The first step that uses the curvature of a method. */
uint64_t symo_curvature_start(const symo_method *method);

/* Whether root number `root` is to be taken in step t, the first or a later one; and the step since
 * the first, modulo refresh_every, in which it is. */
bool symo_curvature_is_due(const symo_method *method, uint64_t t, size_t root, size_t num_roots);
uint64_t symo_curvature_phase(const symo_method *method, size_t root, size_t num_roots);

/* Adds what a root that was taken or kept says to the report of a step. */
void symo_curvature_report(const curvature_report *root, symo_step_report *report);

#endif
