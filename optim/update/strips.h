#ifndef SYMO_OPTIM_UPDATE_STRIPS_H
#define SYMO_OPTIM_UPDATE_STRIPS_H

#include "optim/update/rows.h"

/* All that a step does to the entries of a tensor in one pass over memory: the loops of a step, one
 * after the other, on strips that stay in the first cache.  Operands are views of one shape; where
 * the method has no momentum or second moments, any view will do in their place. */
enum { STRIP_GRADIENT, STRIP_MOMENTUM, STRIP_SECOND, STRIP_PARAMETERS, STRIP_OPERANDS };

typedef struct strip_stage {
  loop_row f32, f64;
  size_t settings; /* offset of what it takes as self */
  int operands[4];
} strip_stage;

/* Plain data: a copy may be changed and run by itself. */
typedef struct strip_plan {
  update_clip clip;
  update_adam adam;
  update_squares squares;
  update_factors factors;
  size_t num_stages;
  strip_stage stages[6];
  int direction; /* the operand that the direction stands in */
} strip_plan;

/* What the plan of a step depends on. */
typedef struct strip_task {
  const symo_method *method;
  uint64_t t;
  double norm;                /* of the gradients of all tensors, for clipping */
  bool momentum, second, due; /* due: second moments take this gradient in */
  double correction;          /* of second moments */
} strip_task;

/* The stages up to the direction.  The stages behind it: the sum of the squares of the direction
 * (p false) or of the change; the change itself. */
strip_plan symo_strip_plan(const strip_task *task);
void symo_strip_add_squares(strip_plan *plan, bool change);
void symo_strip_add_apply(strip_plan *plan);

/* The gradient alone, as the method clips it and with L2 decay, for the sum of its squares. */
strip_plan symo_strip_plan_gradient(const strip_task *task);

void symo_strip_run(strip_plan *plan, const symo_nd x[STRIP_OPERANDS]);

/* The same for numbers [first, first + n) of dense operands, which begin at x. */
void symo_strip_run_dense(strip_plan *plan, symo_dtype dtype, size_t first, size_t n,
                          void *const x[STRIP_OPERANDS]);

#endif
