/* Functions of the caller's that fail: their status is passed on, with their own words where they
 * leave some in the context, and never with those of an earlier failure. */
#include <string.h>

#include "tests/interface/stage.h"

/* What the functions of the problem do after `good` calls, from then on. */
typedef struct moody {
  symo_context *context; /* NULL: fails without a word */
  int good;
} moody;

static symo_status mood(void *self) {
  moody *m = self;
  if (m->good-- > 0) return SYMO_OK;
  return symo_fail(m->context, SYMO_E_ARGUMENT, "the model: it has moods");
}

static symo_status loss_of(void *self, const void *theta, double *loss) {
  *loss = 1;
  return mood(self);
}

static symo_status gradient_of(void *self, const void *theta, double *loss, void *grad) {
  memcpy(grad, theta, STAGE_SIZE * sizeof(double));
  if (loss != NULL) *loss = 1;
  return mood(self);
}

static symo_status product_of(void *self, const void *theta, size_t k, const void *v, void *hv) {
  memcpy(hv, v, k * STAGE_SIZE * sizeof(double));
  return mood(self);
}

static symo_status hessian_of(void *self, const void *theta, double *hessian) {
  memset(hessian, 0, STAGE_SIZE * STAGE_SIZE * sizeof *hessian);
  return mood(self);
}

/* With words and without. */
#define BOTH(calls, where, what, function, ...)                                                    \
  for (int words_ = 0; words_ < 2; words_++) {                                                     \
    m = (moody){words_ ? s.context : NULL, calls};                                                 \
    stage_prepare(&s);                                                                             \
    cr_fails(s.context, SYMO_E_ARGUMENT, words_ ? "the model: it has moods" : where,               \
             function(__VA_ARGS__));                                                               \
    cr_assert(words_ || strstr(symo_context_detail(s.context), what " of moody ended") != NULL,    \
              "%s", symo_context_detail(s.context));                                               \
  }

Test(interface, what_fails_in_the_callers_code) {
  stage s;
  stage_open(&s);
  moody m;
  symo_problem p = {.name = "moody",
                    .size = STAGE_SIZE,
                    .dtype = SYMO_F64,
                    .self = &m,
                    .loss = loss_of,
                    .gradient = gradient_of,
                    .hvp = product_of,
                    .ggn = product_of};
  symo_optim *optim;
  symo_optim_state *state;
  double matrix[STAGE_SIZE * STAGE_SIZE], loss;
  BOTH(0, "problem_hessian: ", "Hessian product", symo_problem_hessian, s.context, &p, s.theta,
       matrix);
  p.ggn = NULL;
  p.hessian = hessian_of;
  BOTH(0, "problem_hessian: ", "Hessian", symo_problem_hessian, s.context, &p, s.theta, matrix);
  p.hessian = NULL;
  BOTH(0, "symmetry: ", "gradient", symo_symmetry_measure, &p, s.layout, s.theta, s.rng, NULL,
       &s.out.report);
  BOTH(1, "symmetry: ", "gradient", symo_symmetry_measure, &p, s.layout, s.theta, s.rng, NULL,
       &s.out.report);
  BOTH(2, "symmetry: ", "gradient", symo_symmetry_measure, &p, s.layout, s.theta, s.rng, NULL,
       &s.out.report);
  BOTH(0, "optim: ", "gradient", symo_optim_problem_step, s.state, &p, s.theta, &loss, NULL);
  BOTH(0, "optim: ", "gradient", symo_optim_problem_step, s.second_state, &p, s.theta, &loss, NULL);
  BOTH(1, "optim: ", "Hessian product", symo_optim_problem_step, s.second_state, &p, s.theta, &loss,
       NULL);
  p.ggn = product_of;
  p.hvp = NULL;
  BOTH(0, "problem_ggn: ", "Gauss-Newton product", symo_problem_ggn, s.context, &p, s.theta,
       matrix);
  cr_ok(s.context, symo_method_preset(s.context, "lm", &s.method));
  cr_ok(s.context, symo_optim_preset_rules(s.context, &s.method, &s.spec.num_rules, s.rules));
  cr_ok(s.context, symo_optim_create(s.layout, &s.spec, &optim));
  cr_ok(s.context, symo_optim_state_create(optim, &state));
  bool seen = false; /* gradient, some products, then the loss of the trial */
  for (int calls = 0; calls < 20 && !seen; calls++) {
    m = (moody){NULL, calls};
    if (symo_optim_problem_step(state, &p, s.theta, &loss, NULL) == SYMO_OK) break;
    const char *detail = symo_context_detail(s.context);
    cr_assert(strstr(detail, "of moody ended with SYMO_E_ARGUMENT") != NULL, "%s", detail);
    seen = strstr(detail, "optim: the loss") != NULL;
  }
  cr_assert(seen, "the loss of the trial was not asked for");
  symo_optim_state_destroy(state);
  symo_optim_destroy(optim);
  stage_close(&s);
}
