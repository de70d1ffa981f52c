/* Every function that takes a vector looks at the type of its numbers, of each of its vectors: none
 * said, and another than that of the plan or the optimizer, or than that of the other vector. */
#include <math.h>

#include "tests/support/world.h"

typedef struct stage {
  symo_world w;
  symo_plan *plan;
  symo_hessian *h;
  symo_element *g;
  symo_optim *optim;
  symo_optim_state *state;
} stage;

/* A call with vectors whose types were set; both point to the same kind of arrays of float64. */
typedef symo_status attempt(const stage *s, symo_const_vector in, symo_const_vector also,
                            symo_vector out);

static symo_status matvec(const stage *s, symo_const_vector in, symo_const_vector also,
                          symo_vector out) {
  return symo_hessian_matvec(s->h, in, out);
}
static symo_status solve(const stage *s, symo_const_vector in, symo_const_vector also,
                         symo_vector out) {
  return symo_hessian_solve(s->h, 1, in, out);
}
static symo_status diagonal(const stage *s, symo_const_vector in, symo_const_vector also,
                            symo_vector out) {
  return symo_hessian_diagonal(s->h, out);
}
static symo_status sample(const stage *s, symo_const_vector in, symo_const_vector also,
                          symo_vector out) {
  return symo_hessian_sample(s->h, 1, s->w.rng, out);
}
static symo_status mean(const stage *s, symo_const_vector in, symo_const_vector also,
                        symo_vector out) {
  return symo_plan_mean(s->plan, in, out);
}
static symo_status estimate(const stage *s, symo_const_vector in, symo_const_vector also,
                            symo_vector out) {
  symo_estimate_spec spec = symo_estimate_spec_default();
  symo_hessian *made = NULL;
  spec.estimator = symo_estimator_find("h-pd");
  symo_status status = symo_estimate(s->plan, &spec, 1, &in, &also, &made);
  cr_assert((made != NULL) == (status == SYMO_OK));
  symo_hessian_destroy(made);
  return status;
}
static symo_status act(const stage *s, symo_const_vector in, symo_const_vector also,
                       symo_vector out) {
  return symo_element_act(s->g, in, out);
}
static symo_status act_inverse(const stage *s, symo_const_vector in, symo_const_vector also,
                               symo_vector out) {
  return symo_element_act_inverse(s->g, in, out);
}
static symo_status act_dual(const stage *s, symo_const_vector in, symo_const_vector also,
                            symo_vector out) {
  return symo_element_act_dual(s->g, in, out);
}
static symo_status act_dual_inverse(const stage *s, symo_const_vector in, symo_const_vector also,
                                    symo_vector out) {
  return symo_element_act_dual_inverse(s->g, in, out);
}
static symo_status balance(const stage *s, symo_const_vector in, symo_const_vector also,
                           symo_vector out) {
  return symo_element_balance(s->g, in);
}
static symo_status step(const stage *s, symo_const_vector in, symo_const_vector also,
                        symo_vector out) {
  return symo_optim_step(s->state, in, out, NULL);
}

/* What the vectors are called; NULL: not taken.  free: the type of the first is free. */
static const struct row {
  attempt *call;
  const char *in, *also, *out;
  bool free;
} rows[] = {
    {matvec, "matvec: x", NULL, "matvec: y", false},
    {solve, "solve: x", NULL, "solve: y", false},
    {diagonal, NULL, NULL, "diagonal: out", false},
    {sample, NULL, NULL, "sample: out", false},
    {mean, "mean: x", NULL, "mean: y", false},
    {estimate, "estimate: gradient 0", "estimate: parameters 0", NULL, false},
    {act, "act: x", NULL, "act: y", true},
    {act_inverse, "act_inverse: x", NULL, "act_inverse: y", true},
    {act_dual, "act_dual: x", NULL, "act_dual: y", true},
    {act_dual_inverse, "act_dual_inverse: x", NULL, "act_dual_inverse: y", true},
    {balance, "balance: theta", NULL, NULL, true},
    {step, "optim: gradient", NULL, "optim: parameters", false},
};

static void open_stage(stage *s) {
  symo_optim_spec spec = symo_optim_spec_default();
  symo_rule rules[4];
  symo_method method;
  symo_world_open(&s->w, 7);
  symo_world_parse(&s->w, "i: identity 2; h: signed-permutation 3; w[h,i] b[h]");
  s->plan = symo_world_plan(&s->w, SYMO_F64, SYMO_COUPLED, false);
  s->h = symo_world_definite(&s->w, s->plan);
  cr_ok(s->w.context, symo_element_create(s->w.layout, &s->g));
  cr_ok(s->w.context, symo_method_preset(s->w.context, "adam", &method));
  cr_ok(s->w.context, symo_optim_preset_rules(s->w.context, &method, &spec.num_rules, rules));
  spec.rules = rules;
  cr_ok(s->w.context, symo_optim_create(s->w.layout, &spec, &s->optim));
  cr_ok(s->w.context, symo_optim_state_create(s->optim, &s->state));
}

static void close_stage(stage *s) {
  symo_optim_state_destroy(s->state);
  symo_optim_destroy(s->optim);
  symo_element_destroy(s->g);
  symo_hessian_destroy(s->h);
  symo_plan_destroy(s->plan);
  symo_world_close(&s->w);
}

/* The call with vector number `which` in the type, all others in float64. */
static void refused(const stage *s, const struct row *r, int which, symo_dtype type) {
  symo_test_batch x = symo_test_batch_make(s->w.layout, SYMO_F64, s->w.rng, 3);
  const char *const names[] = {r->in, r->also, r->out};
  symo_const_vector in = x.in[0], also = x.in[1];
  symo_vector out = symo_test_out(&x.vectors[2]);
  double after[9];
  if (which == 0) in.dtype = type;
  if (which == 1) also.dtype = type;
  if (which == 2) out.dtype = type;
  symo_status status = r->call(s, in, also, out);
  const char *detail = symo_context_detail(s->w.context);
  symo_status expected = type == SYMO_F32 ? SYMO_E_DTYPE : SYMO_E_ARGUMENT;
  cr_assert(status == expected, "%s: %s: %s", names[which], symo_status_name(status), detail);
  if (type == SYMO_F32)
    cr_assert(strstr(detail, "f32") != NULL && strstr(detail, "f64") != NULL, "%s", detail);
  else
    cr_assert(strstr(detail, "no number type") != NULL, "%s", detail);
  /* Where the first is free, it is the second that does not agree. */
  const char *named = type == SYMO_F32 && r->free && r->out != NULL ? r->out : names[which];
  cr_assert(strstr(detail, named) == detail, "\"%s\" does not begin with %s", detail, named);
  symo_test_vector_get(&x.vectors[2], after);
  cr_assert(symo_test_rel(after, x.flat + 18, 9) == 0, "%s: the output was written to", detail);
  symo_test_batch_free(&x);
}

Test(interface, vectors_say_what_they_hold) {
  stage s;
  open_stage(&s);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const struct row *r = &rows[i];
    const char *const names[] = {r->in, r->also, r->out};
    for (int which = 0; which < 3; which++) {
      if (names[which] == NULL) continue;
      refused(&s, r, which, SYMO_ANY);
      refused(&s, r, which, (symo_dtype)7);
      if (!r->free || r->out != NULL) refused(&s, r, which, SYMO_F32);
    }
  }
  close_stage(&s);
}

/* The constructors, and that what they make is taken. */
Test(interface, vectors_from_arrays) {
  symo_world w;
  symo_world_open(&w, 8);
  symo_world_parse(&w, "h: permutation 3; b[h]");
  symo_plan *plan = symo_world_plan(&w, SYMO_F32, SYMO_COUPLED, false);
  float x[3] = {1, 2, 6}, y[3] = {0};
  void *to[1] = {y};
  const void *from[1] = {x};
  symo_vector out = symo_vector_of(SYMO_F32, to);
  cr_ok(w.context, symo_plan_mean(plan, symo_const_vector_of(SYMO_F32, from), out));
  for (int i = 0; i < 3; i++) cr_assert(fabsf(y[i] - 3) <= 1e-6f);
  symo_const_vector again = symo_vector_const(out);
  cr_assert(again.dtype == SYMO_F32 && again.data[0] == y && again.strides == NULL);
  symo_plan_destroy(plan);
  symo_world_close(&w);
}
