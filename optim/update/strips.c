/* A step in strips.  See the header. */
#include "optim/update/strips.h"

#include <stdalign.h>
#include <stddef.h>

#include "core/linalg.h"

/* Numbers of a strip: those of all operands fit the first cache, in both types. */
enum { STRIP = 512 };

/* Behind the operands: the gradient as it is taken in, and the direction. */
enum { TAKEN = STRIP_OPERANDS, DIRECTION, PLACES };

static void add(strip_plan *plan, loop_row f32, loop_row f64, size_t settings, int a, int b, int c,
                int d) {
  plan->stages[plan->num_stages++] = (strip_stage){f32, f64, settings, {a, b, c, d}};
}
#define ADD(plan, row, member, ...)                                                                \
  add(plan, symo_update_##row##_f32, symo_update_##row##_f64, offsetof(strip_plan, member),        \
      __VA_ARGS__)

/* The operand that holds the gradient as it is taken in. */
static int add_gradient(strip_plan *plan, const strip_task *task) {
  const symo_method *m = task->method;
  const double decay = m->decay == SYMO_DECAY_L2 ? m->weight_decay : 0;
  if (!symo_update_clip(m, task->norm, decay, &plan->clip)) return STRIP_GRADIENT;
  ADD(plan, clip_row, clip, STRIP_GRADIENT, STRIP_PARAMETERS, TAKEN, 0);
  return TAKEN;
}

strip_plan symo_strip_plan_gradient(const strip_task *task) {
  strip_plan plan = {.num_stages = 0};
  plan.direction = add_gradient(&plan, task);
  return plan;
}

/* Second moments of g, and u over their root. */
static void add_quotient(strip_plan *plan, const strip_task *task, int g, int u) {
  if (task->due) ADD(plan, average_row, adam.average, g, STRIP_SECOND, 0, 0);
  if (task->method->alpha == 1)
    ADD(plan, root_row, adam.quotient, u, STRIP_SECOND, DIRECTION, 0);
  else
    ADD(plan, power_row, adam.quotient, u, STRIP_SECOND, DIRECTION, 0);
}

strip_plan symo_strip_plan(const strip_task *task) {
  const symo_method *m = task->method;
  const bool of_u = m->source == SYMO_SOURCE_MOMENTUM, divides = task->second && m->alpha != 0;
  strip_plan plan = {.num_stages = 0};
  int g = add_gradient(&plan, task), u = g;
  if (task->momentum) {
    plan.adam.memory = symo_update_memory(m, task->t);
    u = plan.adam.memory.direction ? DIRECTION : STRIP_MOMENTUM;
  }
  plan.adam.average = symo_update_average(m->beta2);
  if (plan.adam.average.sum) plan.adam.average.c = 1;
  plan.adam.quotient = (update_quotient){task->correction, m->eps, m->alpha / 2};
  plan.direction = divides ? DIRECTION : u;
  if (task->momentum && task->due && divides && m->alpha == 1 && !of_u) {
    ADD(&plan, adam_row, adam, g, STRIP_MOMENTUM, STRIP_SECOND, DIRECTION);
  } else {
    if (task->momentum) ADD(&plan, memory_row, adam.memory, g, STRIP_MOMENTUM, u, 0);
    if (divides)
      add_quotient(&plan, task, of_u ? u : g, u);
    else if (task->second && task->due)
      ADD(&plan, average_row, adam.average, of_u ? u : g, STRIP_SECOND, 0, 0);
  }
  return plan;
}

void symo_strip_add_squares(strip_plan *plan, bool change) {
  plan->squares.two = change;
  ADD(plan, square_row, squares, plan->direction, STRIP_PARAMETERS, 0, 0);
}

void symo_strip_add_apply(strip_plan *plan) {
  ADD(plan, apply_row, factors, plan->direction, STRIP_PARAMETERS, 0, 0);
}

/* ---- running ---- */

typedef struct strip_run {
  strip_plan *plan;
  symo_dtype dtype;
} strip_run;

static void run_row(void *self, size_t n, size_t first, void *const *p, const ptrdiff_t *s) {
  const strip_run *run = self;
  alignas(64) double room[2][STRIP];
  void *at[PLACES] = {[TAKEN] = room[0], [DIRECTION] = room[1]};
  ptrdiff_t stride[PLACES] = {[TAKEN] = 1, [DIRECTION] = 1};
  for (int k = 0; k < STRIP_OPERANDS; k++) stride[k] = s[k];
  for (size_t from = 0; from < n; from += STRIP) {
    const size_t count = n - from < STRIP ? n - from : STRIP;
    for (int k = 0; k < STRIP_OPERANDS; k++)
      at[k] = symo_at(run->dtype, p[k], (ptrdiff_t)from * s[k]);
    for (size_t i = 0; i < run->plan->num_stages; i++) {
      const strip_stage *stage = &run->plan->stages[i];
      void *q[4];
      ptrdiff_t t[4];
      for (int k = 0; k < 4; k++) q[k] = at[stage->operands[k]], t[k] = stride[stage->operands[k]];
      (run->dtype == SYMO_F32 ? stage->f32 : stage->f64)((char *)run->plan + stage->settings, count,
                                                         first + from, q, t);
    }
  }
}

void symo_strip_run(strip_plan *plan, const symo_nd x[STRIP_OPERANDS]) {
  strip_run run = {plan, x[0].dtype};
  symo_loop(STRIP_OPERANDS, x, run_row, &run);
}

void symo_strip_run_dense(strip_plan *plan, symo_dtype dtype, size_t first, size_t n,
                          void *const x[STRIP_OPERANDS]) {
  static const ptrdiff_t one[STRIP_OPERANDS] = {1, 1, 1, 1};
  strip_run run = {plan, dtype};
  void *at[STRIP_OPERANDS];
  for (int k = 0; k < STRIP_OPERANDS; k++) at[k] = symo_at(dtype, x[k], (ptrdiff_t)first);
  run_row(&run, n, first, at, one);
}
