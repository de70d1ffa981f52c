/* Common to curvatures without matrices. */
#include "optim/curvature/elementwise.h"

#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"

symo_status symo_elementwise_create(const curvature_task *task, const char *what, void **self) {
  elementwise *e = symo_calloc(1, sizeof *e);
  if (e == NULL) return symo_fail_memory(task->context, "optim");
  e->task = *task;
  e->what = what;
  *self = e;
  return SYMO_OK;
}

void symo_elementwise_destroy(void *self) { symo_free(self); }
size_t symo_elementwise_work(const void *self) { return 0; }
size_t symo_elementwise_roots(const void *self) { return 0; }

size_t symo_elementwise_num_entries(const void *self) {
  return ((const elementwise *)self)->task.layout->num_tensors;
}

symo_state_entry symo_elementwise_entry(const void *self, size_t tensor, const char *name) {
  const elementwise *e = self;
  const layout_tensor *t = &e->task.layout->tensors[tensor];
  symo_state_entry out = {.dtype = e->task.dtype, .order = t->order};
  (void)snprintf(out.name, sizeof out.name, "%s.%s", t->name, name);
  memcpy(out.shape, t->dim, sizeof out.shape);
  return out;
}

size_t symo_elementwise_parts(const void *self, size_t *part) {
  return symo_curvature_each(((const elementwise *)self)->task.layout, part);
}

bool symo_elementwise_key(const void *self, size_t entry, size_t index, char key[CURVATURE_KEY]) {
  return false;
}

symo_status symo_elementwise_describe(const void *self, char **text) {
  const elementwise *e = self;
  symo_text out = {0};
  symo_text_add(&out, "%s for %zu %s\n", e->what, e->task.layout->parameters,
                symo_plural(e->task.layout->parameters, "number", "numbers"));
  return symo_text_finish(&out, e->task.context, text);
}

const char *symo_elementwise_refuse(const symo_method *method) {
  if (strcmp(method->groups, "layout") != 0) return "groups mean something to orbit curvature only";
  if (method->centered) return "centered means something to orbit curvature only";
  if (method->basis != SYMO_BASIS_NONE)
    return "there is no eigenbasis for second moments (orbit and per-axis curvature have one)";
  if (!method->solver->chooses) return "there is no root for a solver (leave it at auto)";
  return NULL;
}
