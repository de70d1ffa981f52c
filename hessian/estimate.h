#ifndef SYMO_HESSIAN_ESTIMATE_H
#define SYMO_HESSIAN_ESTIMATE_H

#include "hessian/estimator.h"
#include "hessian/hessian.h"

/* An estimate under way: shared by estimate.c and estimate_work.c. */

typedef struct estimate_job {
  const symo_plan *plan;
  const symo_estimator *estimator;
  symo_estimate_spec spec;
  size_t count;
  const symo_const_vector *grads, *params;
  bool with_params;
  const double *loss; /* [num_labels] of precision, by subtracting orbit means; NULL: none */
} estimate_job;

typedef struct estimate_buffers {
  char *block, *near;   /* near: copies of vectors, taken where some are far from 1 */
  void **params, *work; /* params [num_labels]: of labels with scaling spaces apart, else shared */
  double *w, *roots;
} estimate_buffers;

/* How `work` is divided for a stack: Gram matrix, Y, eigendecomposition or gathered coordinates. */
typedef struct stack_parts {
  size_t rows, gram, y, eigh, all;
} stack_parts;

/* Vectors are taken over 2^grad and 2^param. */
typedef struct estimate_levels {
  int grad, param;
} estimate_levels;

/* True if the label is done from the smaller side, and how the work space is divided then. */
bool symo_estimate_use_stack(const estimate_job *j, const plan_label *l);
stack_parts symo_estimate_divide_stack(const estimate_job *j, const plan_label *l);

/* True if C_g of a block is x x' for one vector x. */
static inline bool symo_estimate_rank_one(const estimate_job *j, const plan_label *l) {
  return l->ambient == 1 && j->count == 1 && !l->scaled;
}

/* Allocates one block: the workspace of the label that needs most, and C_t of all labels that are
 * averaged together. */
symo_status symo_estimate_allocate(const estimate_job *j, estimate_buffers *out);

/* The job with vectors near 1, for a label or, where it is NULL, for all that have scaling spaces. */
symo_status symo_estimate_come_near(const estimate_job *j, const plan_label *label,
                                    estimate_levels at, estimate_buffers *b, estimate_job *out);

#endif
