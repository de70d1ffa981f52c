#ifndef SYMO_OPTIM_PRECONDITION_H
#define SYMO_OPTIM_PRECONDITION_H

#include "optim/curvature/curvature.h"

/* Preconditioners of conjugate gradients: (M + damping I)^-1 with M = C^{1/2} for the covariance C
 * that a curvature keeps of the gradients that steps take anyway; no other pass over the data.  The
 * module says which curvature, and what to hand it for the damping.  One const table a file; one
 * row of SYMO_PRECONDITION_LIST (symo/optim.h) registers it. */
struct symo_precondition {
  const char *name, *summary;
  const symo_curvature *curvature; /* NULL: none */
  double (*eps)(double damping);
};

/* One made for the tensors of a rule.  Entries of its state: those of the curvature, then
 * "counters", [1 + roots]: gradients taken in, and 1 for every root that has been taken. */
typedef struct cg_preconditioner {
  const symo_precondition *module;
  symo_method method; /* of the curvature */
  void *self;
  size_t num_curvature, num_roots, num_entries;
} cg_preconditioner;

/* Why the method of a rule cannot have the preconditioner it names for these tensors; NULL: it
 * can. */
const char *symo_preconditioner_refuse(const symo_method *method, const symo_layout *layout);

/* task->method: of the rule.  *out NULL for `none`. */
symo_status symo_preconditioner_create(const curvature_task *task, cg_preconditioner **out);
void symo_preconditioner_destroy(cg_preconditioner *p); /* NULL is accepted */
symo_state_entry symo_preconditioner_entry(const cg_preconditioner *p, size_t index);
size_t symo_preconditioner_work(const cg_preconditioner *p);
symo_status symo_preconditioner_describe(const cg_preconditioner *p, char **text);

/* What preconditioning needs between steps and in one.  state: its entries in order. */
typedef struct preconditioner_step {
  uint64_t t;     /* steps, this one included */
  double damping; /* > 0, in units of M */
  void *const *state;
  void *work;
} preconditioner_step;

/* Takes the gradient in and its roots, as their cadences say.  *ready: there is something to apply.
 * Counts of roots go to the report. */
symo_status symo_preconditioner_update(const cg_preconditioner *p, const preconditioner_step *step,
                                       symo_const_vector g, bool *ready, symo_step_report *report);

/* Flops a step, its cadences seen to, with `applications` of it. */
double symo_preconditioner_flops(const cg_preconditioner *p, double applications);

/* z := (M + damping I)^-1 r. */
symo_status symo_preconditioner_apply(const cg_preconditioner *p, const preconditioner_step *step,
                                      symo_const_vector r, symo_vector z);

#endif
