/* Optimizers for gpt.  Methods that adapt by matrices take the hidden ones, h.*.weight with two
 * axes; embeddings, lm_head, norms and biases are AdamW's, with nanoGPT's settings.  Other methods
 * take everything.  All rules share warm-up, cosine to a tenth of the rate (min-lr), and a gradient
 * of at most grad-clip over all tensors; parameters decay where they have two axes. */
#include "experiments/train/gpt.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"

/* ---- kinds of methods ---- */

static bool is_for_matrices(const symo_method *m) {
  return m->curvature == &symo_curvature_orbit || m->curvature == &symo_curvature_orbit_blocked ||
         m->curvature == &symo_curvature_per_axis;
}

/* They model the whole loss: no clipping, no schedule. */
static bool is_newton(const symo_method *m) {
  return m->curvature == &symo_curvature_hessian || m->curvature == &symo_curvature_ggn;
}

/* ---- nanoGPT's settings ---- */

/* A run that ends within the warm-up has no cosine. */
static symo_status set_schedule(symo_context *context, const train_spec *spec, symo_method *m) {
  const size_t end = spec->gpt.decay > 0 ? spec->gpt.decay : spec->steps;
  const bool cosine = end > spec->gpt.warmup;
  if (!cosine && spec->steps > spec->gpt.warmup)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "lr-decay-iters: %zu, but the warm-up takes %zu (lower --warmup-iters)", end,
                     spec->gpt.warmup);
  m->schedule = cosine ? SYMO_SCHEDULE_COSINE : SYMO_SCHEDULE_CONSTANT;
  m->warmup_steps = spec->gpt.warmup;
  m->total_steps = end;
  m->min_lr = spec->gpt.min_lr;
  m->clip_norm = spec->gpt.grad_clip;
  return SYMO_OK;
}

static void set_adam(const train_spec *spec, symo_method *m) {
  m->lr = spec->gpt.adamw_lr;
  m->momentum = spec->gpt.beta1;
  m->beta2 = spec->gpt.beta2;
}

symo_status train_gpt_method(symo_context *context, const train_spec *spec, symo_method *method) {
  if (is_newton(method)) return SYMO_OK;
  if (method->curvature == &symo_curvature_diagonal) set_adam(spec, method);
  if (method->decay == SYMO_DECAY_DECOUPLED) method->weight_decay = spec->gpt.weight_decay;
  return set_schedule(context, spec, method);
}

/* ---- rules ---- */

static symo_rule rule(const char *pattern, int min_order, int max_order, const symo_method *m) {
  symo_rule out = {.min_order = min_order, .max_order = max_order, .method = *m};
  snprintf(out.pattern, sizeof out.pattern, "%s", pattern);
  if (isnan(out.method.min_lr)) out.method.min_lr = 0.1 * out.method.lr;
  if (max_order < 2) out.method.weight_decay = 0;
  return out;
}

symo_status train_gpt_rules(symo_context *context, const train_spec *spec,
                            const symo_method *method, size_t *num, symo_rule *rules) {
  symo_method adamw;
  size_t count = 0;
  if (is_newton(method)) return symo_optim_preset_rules(context, method, num, rules);
  symo_status status = symo_method_preset(context, "adamw", &adamw);
  if (status != SYMO_OK) return status;
  set_adam(spec, &adamw);
  adamw.weight_decay = spec->gpt.weight_decay;
  status = set_schedule(context, spec, &adamw);
  if (is_for_matrices(method)) {
    adamw.min_lr = NAN; /* --min-lr is of the method that --lr is of */
    rules[count++] = rule("h.*.weight", 2, SYMO_MAX_ORDER, method);
    method = &adamw;
  }
  rules[count++] = rule("*", 2, SYMO_MAX_ORDER, method);
  rules[count++] = rule("*", 0, 1, method);
  *num = count;
  return status;
}
