#ifndef SYMO_OPTIM_CURVATURE_ELEMENTWISE_H
#define SYMO_OPTIM_CURVATURE_ELEMENTWISE_H

#include "optim/curvature/curvature.h"

/* What curvatures without matrices share: they keep the task, and have no roots and no work
 * space. */
typedef struct elementwise {
  curvature_task task;
  const char *what; /* "second moments" */
} elementwise;

symo_status symo_elementwise_create(const curvature_task *task, const char *what, void **self);

/* State of one array for each tensor, of its shape: how many, and the entry TENSOR.name. */
size_t symo_elementwise_num_entries(const void *self);
symo_state_entry symo_elementwise_entry(const void *self, size_t tensor, const char *name);

void symo_elementwise_destroy(void *self);
size_t symo_elementwise_work(const void *self);
size_t symo_elementwise_roots(const void *self);
size_t symo_elementwise_parts(const void *self, size_t *part);
bool symo_elementwise_key(const void *self, size_t entry, size_t index, char key[CURVATURE_KEY]);
symo_status symo_elementwise_describe(const void *self, char **text);

/* Reasons for refusing what no curvature without matrices can do; NULL: none. */
const char *symo_elementwise_refuse(const symo_method *method);

/* Views of what vectors hold. */
static inline symo_nd symo_elementwise_view(const elementwise *e, symo_const_vector x, size_t t) {
  return symo_layout_view(e->task.layout, e->task.dtype, x, t);
}
static inline symo_nd symo_elementwise_dense(const elementwise *e, void *p, size_t t) {
  const layout_tensor *tensor = &e->task.layout->tensors[t];
  return symo_nd_dense(e->task.dtype, p, (int)tensor->order, tensor->dim);
}

#endif
