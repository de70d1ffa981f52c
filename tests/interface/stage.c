/* What the tests of bad arguments stand on. */
#include "tests/interface/stage.h"

#include <math.h>
#include <string.h>

static const char text[] = "i: identity 2; h: signed-permutation 3; w[h,i] b[h]";
const char stage_marker[] = "the detail of another failure";

/* ---- a problem: L = |theta|^2 / 2 ---- */

static symo_status loss_of(void *self, const void *theta, double *loss) {
  *loss = 0;
  for (size_t i = 0; i < STAGE_SIZE; i++) *loss += pow(((const double *)theta)[i], 2) / 2;
  return SYMO_OK;
}

static symo_status gradient_of(void *self, const void *theta, double *loss, void *grad) {
  memcpy(grad, theta, STAGE_SIZE * sizeof(double));
  return loss == NULL ? SYMO_OK : loss_of(self, theta, loss);
}

static symo_status product_of(void *self, const void *theta, size_t k, const void *v, void *hv) {
  memcpy(hv, v, k * STAGE_SIZE * sizeof(double));
  return SYMO_OK;
}

/* w and b, as if x = (1, -2) had come in. */
static const symo_factor_site site = {.weight = 0, .bias = 6, .outputs = 3, .inputs = 2};

static symo_status factors_of(void *self, const void *theta, double *loss, void *grad,
                              const symo_factor_request *request) {
  static const double in[] = {1, -2}, out[] = {1, 0.5, -1};
  const symo_factor_rows rows = {.examples = 1, .repeats = 1, .inputs = in, .outputs = out};
  symo_status status = symo_factor_sums_add(NULL, &site, &request->sums[0], &rows);
  if (status != SYMO_OK) return status;
  return grad != NULL ? gradient_of(self, theta, loss, grad) : loss_of(self, theta, loss);
}

/* ---- the objects ---- */

static void make_optim(stage *s, const char *preset, symo_optim **optim, symo_optim_state **state) {
  s->spec = symo_optim_spec_default();
  s->spec.rules = s->rules;
  s->spec.nan = SYMO_NAN_STOP;
  cr_ok(s->context, symo_method_preset(s->context, preset, &s->method));
  cr_ok(s->context, symo_optim_preset_rules(s->context, &s->method, &s->spec.num_rules, s->rules));
  cr_ok(s->context, symo_optim_create(s->layout, &s->spec, optim));
  cr_ok(s->context, symo_optim_state_create(*optim, state));
}

static void make_faults(stage *s) {
  static const ptrdiff_t zeros[] = {0, 1};
  const symo_const_vector good = s->in, out = symo_vector_const(s->y);
  s->hollow[0] = s->x;
  s->shifted[0] = s->x + 3; /* w on b's entries of x, b behind them */
  s->shifted[1] = s->out.vector + 6;
  s->twice[0] = s->twice[1] = s->out.vector;
  s->still[0] = zeros;
  symo_const_vector v[STAGE_OUTPUT_FAULTS];
  for (int i = 0; i < 4; i++) v[i] = good;
  v[0].dtype = SYMO_ANY;
  v[1].dtype = SYMO_F32;
  v[2].data = NULL;
  v[3].data = s->hollow;
  s->inputs[0] = (stage_fault){v[0], SYMO_E_ARGUMENT, "no number type"};
  s->inputs[1] = (stage_fault){v[1], SYMO_E_DTYPE, "f32"};
  s->inputs[2] = (stage_fault){v[2], SYMO_E_ARGUMENT, "data is NULL"};
  s->inputs[3] = (stage_fault){v[3], SYMO_E_ARGUMENT, "tensor b: the array is NULL"};
  v[0].dtype = (symo_dtype)17;
  s->inputs[4] = (stage_fault){v[0], SYMO_E_ARGUMENT, "no number type"};
  s->inputs[5] = (stage_fault){symo_const_vector_of(SYMO_F64, s->nan_data), SYMO_E_NONFINITE,
                               "tensor w holds NaN"};
  memcpy(s->outputs, s->inputs, 5 * sizeof *s->inputs);
  v[5] = out;
  v[5].data = (const void *const *)s->shifted;
  v[6] = out;
  v[6].data = (const void *const *)s->twice;
  v[7] = out;
  v[7].strides = s->still;
  s->outputs[5] = (stage_fault){good, SYMO_E_ARGUMENT, "tensor w shares memory with tensor w of"};
  s->outputs[6] = (stage_fault){v[5], SYMO_E_ARGUMENT, "tensor w shares memory with tensor"};
  s->outputs[7] = (stage_fault){v[6], SYMO_E_ARGUMENT, "shares memory with tensor"};
  s->outputs[8] = (stage_fault){v[7], SYMO_E_ARGUMENT, "strides of tensor w"};
}

void stage_open(stage *s) {
  memset(s, 0, sizeof *s);
  for (size_t i = 0; i < STAGE_SIZE; i++) {
    s->x[i] = s->nan[i] = 1 + (double)i / 4;
    s->theta[i] = s->x[i];
    s->dense[i * STAGE_SIZE + i] = 1;
  }
  s->nan[4] = (double)NAN;
  cr_assert(symo_context_create(&s->context) == SYMO_OK);
  cr_ok(s->context, symo_rng_create(s->context, 1, &s->rng));
  cr_ok(s->context, symo_layout_parse(s->context, text, &s->layout));
  cr_ok(s->context, symo_layout_parse(s->context, text, &s->open));
  symo_plan_spec blocked = symo_plan_spec_default();
  blocked.coupling = SYMO_BLOCKED;
  cr_ok(s->context, symo_plan_create(s->layout, NULL, &s->plan));
  cr_ok(s->context, symo_plan_create(s->layout, &blocked, &s->blocked));
  cr_ok(s->context, symo_hessian_identity(s->plan, 2, &s->h));
  cr_ok(s->context, symo_hessian_identity(s->blocked, 2, &s->other));
  cr_ok(s->context, symo_element_create(s->layout, &s->g));
  make_optim(s, "newton-cg", &s->second, &s->second_state);
  make_optim(s, "sgd", &s->optim, &s->state);
  s->problem = (symo_problem){.name = "quadratic",
                              .size = STAGE_SIZE,
                              .dtype = SYMO_F64,
                              .loss = loss_of,
                              .gradient = gradient_of,
                              .hvp = product_of,
                              .ggn = product_of,
                              .num_sites = 1,
                              .sites = &site,
                              .factors = factors_of};
  s->spec.num_sites = 1;
  s->spec.sites = &site;
  cr_ok(s->context, symo_layout_split_const(s->layout, SYMO_F64, s->x, s->x_data));
  cr_ok(s->context, symo_layout_split_const(s->layout, SYMO_F64, s->nan, s->nan_data));
  cr_ok(s->context, symo_layout_split(s->layout, SYMO_F64, s->out.vector, s->y_data));
  s->in = symo_const_vector_of(SYMO_F64, s->x_data);
  s->y = symo_vector_of(SYMO_F64, s->y_data);
  make_faults(s);
  memset(&s->poison, 0x5A, sizeof s->poison);
}

void stage_close(stage *s) {
  symo_optim_state_destroy(s->second_state);
  symo_optim_state_destroy(s->state);
  symo_optim_destroy(s->second);
  symo_optim_destroy(s->optim);
  symo_element_destroy(s->g);
  symo_hessian_destroy(s->other);
  symo_hessian_destroy(s->h);
  symo_plan_destroy(s->blocked);
  symo_plan_destroy(s->plan);
  symo_layout_destroy(s->open);
  symo_layout_destroy(s->layout);
  symo_rng_destroy(s->rng);
  symo_context_destroy(s->context);
  cr_no_leaks();
}

/* ---- one call ---- */

void stage_prepare(stage *s) {
  memcpy(&s->out, &s->poison, sizeof s->out);
  symo_fail(s->context, SYMO_E_IO, "%s", stage_marker);
}

void stage_check(const stage *s, const char *function, symo_status status, symo_status expected,
                 const char *where, const char *word) {
  const char *detail = symo_context_detail(s->context);
  cr_assert(status == expected, "%s: %s instead of %s: %s", function, symo_status_name(status),
            symo_status_name(expected), detail);
  if (where == NULL) {
    cr_assert(strcmp(detail, stage_marker) == 0, "%s: \"%s\"", function, detail);
  } else {
    cr_assert(strncmp(detail, where, strlen(where)) == 0, "%s: \"%s\" does not begin with \"%s\"",
              function, detail, where);
    cr_assert(strstr(detail + strlen(where), word) != NULL, "%s: no \"%s\" in \"%s\"", function,
              word, detail);
  }
  cr_assert(memcmp(&s->out, &s->poison, sizeof s->out) == 0, "%s: an output was written to (%s)",
            function, detail);
  for (size_t i = 0; i < STAGE_SIZE; i++)
    cr_assert(s->x[i] == 1 + (double)i / 4, "%s: an input was written to", function);
}
