/* A preconditioner at work: a curvature of its own, fed with the gradients.
 *
 * Its memory is the method's beta2.  Without (beta2 0) C is that of the gradient at hand, but kept,
 * since it is applied to other vectors: a memory too short to count. */
#include "optim/precondition/precondition.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"

#define NO_MEMORY 1e-300

/* The method of the curvature: M = C^{1/2}, and nothing of what is for the step. */
static symo_method inner_method(const symo_method *method, const symo_precondition *module) {
  symo_method m = *method;
  m.curvature = module->curvature;
  m.source = SYMO_SOURCE_GRADIENT;
  m.solver = &symo_solver_auto;
  m.damping = &symo_damping_constant;
  m.precondition = &symo_precondition_none;
  m.alpha = 1;
  if (!(m.beta2 > 0)) m.beta2 = NO_MEMORY;
  m.warm_start = false;
  return m;
}

const char *symo_preconditioner_refuse(const symo_method *method, const symo_layout *layout) {
  const symo_precondition *module = method->precondition;
  if (module->curvature == NULL) return NULL;
  symo_method inner = inner_method(method, module);
  return module->curvature->refuse(&inner, layout);
}

symo_status symo_preconditioner_create(const curvature_task *task, cg_preconditioner **out) {
  const symo_precondition *module = task->method->precondition;
  *out = NULL;
  if (module->curvature == NULL) return SYMO_OK;
  cg_preconditioner *p = symo_calloc(1, sizeof *p);
  if (p == NULL) return symo_fail_memory(task->context, "optim");
  p->module = module;
  p->method = inner_method(task->method, module);
  curvature_task inner = *task;
  inner.method = &p->method;
  symo_status status = module->curvature->create(&inner, &p->self);
  if (status != SYMO_OK) {
    symo_preconditioner_destroy(p);
    return status;
  }
  p->num_curvature = module->curvature->num_entries(p->self);
  p->num_roots = module->curvature->num_roots(p->self);
  p->num_entries = p->num_curvature + 1;
  *out = p;
  return SYMO_OK;
}

void symo_preconditioner_destroy(cg_preconditioner *p) {
  if (p == NULL) return;
  if (p->self != NULL) p->module->curvature->destroy(p->self);
  symo_free(p);
}

symo_state_entry symo_preconditioner_entry(const cg_preconditioner *p, size_t index) {
  if (index < p->num_curvature) return p->module->curvature->entry(p->self, index);
  symo_state_entry entry = {.dtype = SYMO_F64, .order = 1, .shape = {1 + p->num_roots}};
  strcpy(entry.name, "counters");
  return entry;
}

size_t symo_preconditioner_work(const cg_preconditioner *p) {
  return p->module->curvature->work_bytes(p->self);
}

symo_status symo_preconditioner_describe(const cg_preconditioner *p, char **text) {
  return p->module->curvature->describe(p->self, text);
}

/* ---- steps ---- */

static curvature_step curvature_now(const cg_preconditioner *p, const preconditioner_step *step) {
  const double *counters = step->state[p->num_curvature];
  return (curvature_step){
      .t = step->t, .updates = (uint64_t)counters[0], .damping = p->module->eps(step->damping)};
}

static symo_status refresh(const cg_preconditioner *p, const preconditioner_step *step, bool *ready,
                           symo_step_report *report) {
  double *counters = step->state[p->num_curvature];
  curvature_step now = curvature_now(p, step);
  *ready = true;
  for (size_t r = 0; r < p->num_roots; r++) {
    if (counters[1 + r] == 0 || symo_curvature_is_due(&p->method, step->t, r, p->num_roots)) {
      curvature_report root = {.condition = NAN, .effective_rank = NAN};
      symo_status status =
          p->module->curvature->refresh(p->self, step->state, &now, r, &root, step->work);
      if (status < 0) return status;
      if (status == SYMO_OK) {
        counters[1 + r] = 1;
        symo_curvature_report(&root, report);
      } else {
        report->failed_roots++;
      }
    }
    *ready = *ready && counters[1 + r] > 0;
  }
  return SYMO_OK;
}

symo_status symo_preconditioner_update(const cg_preconditioner *p, const preconditioner_step *step,
                                       symo_const_vector g, bool *ready, symo_step_report *report) {
  const symo_method *m = &p->method;
  double *counters = step->state[p->num_curvature];
  *ready = false;
  if (counters[0] == 0 || (step->t - 1) % m->statistics_every == 0) {
    counters[0]++;
    curvature_step now = curvature_now(p, step);
    symo_status status =
        p->module->curvature->accumulate(p->self, step->state, &now, g, step->work);
    if (status != SYMO_OK) return status;
  }
  return step->t < symo_curvature_start(m) ? SYMO_OK : refresh(p, step, ready, report);
}

symo_status symo_preconditioner_apply(const cg_preconditioner *p, const preconditioner_step *step,
                                      symo_const_vector r, symo_vector z) {
  curvature_step now = curvature_now(p, step);
  return p->module->curvature->apply(p->self, step->state, &now, r, r, z, step->work);
}

double symo_preconditioner_flops(const cg_preconditioner *p, double applications) {
  const symo_curvature *c = p->module->curvature;
  double flops = 0;
  if (c->accumulate_flops != NULL)
    flops += c->accumulate_flops(p->self) / (double)p->method.statistics_every;
  for (size_t r = 0; r < p->num_roots && c->refresh_flops != NULL; r++)
    flops += c->refresh_flops(p->self, r) / (double)p->method.refresh_every;
  return c->apply_flops != NULL ? flops + applications * c->apply_flops(p->self) : flops;
}
