/* Second moments in the eigenbasis of orbit covariances: numbers far out, checkpoints, plans and
 * what is refused. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/rig.h"
#include "tests/support/stepping.h"

static const char two_layers[] =
    "in: identity 3; h: signed-permutation 4; out: identity 2; w1[h,in] b1[h] w2[out,h] b2[out]";
static const char *const matrices[] = {"a: orthogonal 9; i: identity 4; w[a,i]",
                                       "a: orthogonal 4; i: identity 9; w[a,i]"};

static symo_method with_memory(const char *basis, double beta, double eps) {
  symo_method method = symo_rig_method();
  cr_ok(NULL, symo_method_set(NULL, &method, "basis", basis));
  method.mean = method.correction = true;
  method.beta2 = beta;
  method.eps = eps;
  return method;
}

/* alpha 1, eps 0: the size of gradients does not count, in float32 either. */
Test(orbit_basis_runs, the_size_of_gradients_does_not_count) {
  static const char *const bases[] = {"column", "adam"};
  static const double sizes[] = {1e-30, 1e25};
  for (int k = 0; k < 8; k++) {
    symo_world w;
    symo_world_open(&w, 68);
    symo_world_parse(&w, matrices[k / 4]);
    symo_method method = with_memory(bases[k % 2], 0.9, 0);
    method.statistics_every = (uint64_t)k / 4 + 1;
    symo_rig one = symo_rig_make(&w, &symo_curvature_orbit, &method, SYMO_F64);
    symo_rig far = symo_rig_make(&w, &symo_curvature_orbit, &method, SYMO_F32);
    double *u = symo_dense_new(4, w.n), *x = u + w.n, *expected = x + w.n, *found = expected + w.n;
    for (int t = 0; t < 12; t++) {
      symo_test_randn(w.rng, u, w.n);
      for (size_t i = 0; i < w.n; i++) x[i] = sizes[k / 2 % 2] * u[i];
      symo_rig_step(&one, t % 4 == 3, u, expected);
      symo_rig_step(&far, t % 4 == 3, x, found);
      if (t < 3) continue; /* no basis yet */
      double error = symo_test_rel(found, expected, w.n);
      cr_assert(error <= 1e-2, "%d, step %d: %g", k, t, error);
    }
    free(u);
    symo_rig_free(&one);
    symo_rig_free(&far);
    symo_world_close(&w);
  }
}

/* A gradient beyond what covariances have seen, in a step in which they take in nothing. */
Test(orbit_basis_runs, sudden_gradients_are_held_between_statistics) {
  static const char *const bases[] = {"column", "adam"};
  for (int k = 0; k < 4; k++) {
    symo_world w;
    symo_world_open(&w, 69);
    symo_world_parse(&w, two_layers);
    symo_method method = with_memory(bases[k % 2], 0.9, 0);
    if (k % 2 == 1) method.source = SYMO_SOURCE_MOMENTUM;
    method.statistics_every = 4;
    symo_rig rig = symo_rig_make(&w, &symo_curvature_orbit, &method, SYMO_F32);
    double *u = symo_dense_new(3, w.n), *found = u + w.n;
    symo_test_vector x = symo_test_vector_make(w.layout, SYMO_F32, NULL);
    symo_test_vector y = symo_test_vector_make(w.layout, SYMO_F32, NULL);
    for (int t = 0; t < 16; t++) {
      symo_test_randn(w.rng, u, w.n);
      for (size_t i = 0; i < w.n; i++) u[i] *= t == 6 ? 1e28 : t == 9 ? 1e-28 : 1;
      symo_test_vector_set(&x, u);
      rig.step.t++;
      if (t % 4 == 0) symo_rig_accumulate(&rig, symo_test_in(&x));
      if (t % 4 == (k < 2 ? 0 : 2) || t == 0) cr_assert(symo_rig_refresh(&rig) == SYMO_OK);
      cr_assert(symo_rig_apply(&rig, symo_test_in(&x), symo_test_in(&x), symo_test_out(&y)) ==
                SYMO_OK);
      symo_test_vector_get(&y, found);
      double most = symo_test_max(found, w.n);
      cr_assert(isfinite(most) && (most > 0 || t < 15), "%d, step %d: %g", k, t, most);
      for (size_t i = 0; i < rig.num_entries; i++)
        cr_assert(rig.entries[i].dtype == SYMO_F64 ||
                  symo_all_finite(SYMO_F32, rig.entry_bytes[i] / 4, rig.state[i]));
    }
    symo_test_vector_free(&x);
    symo_test_vector_free(&y);
    free(u);
    symo_rig_free(&rig);
    symo_world_close(&w);
  }
}

/* Zero gradients, and inputs that are always zero, move nothing. */
Test(orbit_basis_runs, what_never_had_a_gradient_stays) {
  static const char *const bases[] = {"column", "adam"};
  for (int k = 0; k < 8; k++) {
    symo_world w;
    symo_world_open(&w, 70);
    symo_world_parse(&w, matrices[k / 4]);
    symo_method method = with_memory(bases[k % 2], 0.9, k % 2 == 0 ? 0 : 1e-4);
    symo_dtype dtype = k / 2 % 2 == 0 ? SYMO_F64 : SYMO_F32;
    symo_rig rig = symo_rig_make(&w, &symo_curvature_orbit, &method, dtype);
    double *u = symo_dense_new(2, w.n), *found = u + w.n;
    size_t m = k / 4 == 0 ? 4 : 9;
    for (int t = 0; t < 20; t++) {
      if (t > 0) symo_test_randn(w.rng, u, w.n);
      for (size_t i = 0; i < w.n; i += m) u[i] = 0;
      symo_rig_step(&rig, t % 5 == 0, u, found);
      for (size_t i = 0; i < w.n; i++)
        if (t == 0 || i % m == 0)
          cr_assert(fabs(found[i]) <= (dtype == SYMO_F64 ? 1e-6 : 1e-2), "%d, %d: %g", k, t,
                    found[i]);
    }
    free(u);
    symo_rig_free(&rig);
    symo_world_close(&w);
  }
}

static const char *const stacks[] = {
    "basis=column beta2=0.9 refresh_every=4 momentum=0.9 nesterov=true source=momentum "
    "scale=unit-rms",
    "basis=column beta2=0.9 refresh_every=6 statistics_every=3 momentum=0.9",
    "basis=adam beta2=0.9 refresh_every=4 momentum=0.9 eps=1e-8 graft=adam",
    "basis=adam beta2=0.9 refresh_every=4 source=momentum momentum=0.9 eps=1e-8",
    "basis=adam beta2=0.95 refresh_every=3 skip_tolerance=0.5 start_step=3 eps=1e-8",
    "basis=column beta2=0.95 refresh_every=3 skip_tolerance=0.5 curvature=orbit-blocked",
};

Test(orbit_basis_runs, a_run_resumed_from_its_entries_is_the_same_bits) {
  for (size_t k = 0; k < 2 * sizeof stacks / sizeof *stacks; k++) {
    symo_test_stepper a, b;
    symo_dtype dtype = k % 2 == 0 ? SYMO_F64 : SYMO_F32;
    symo_stepper_open(&a, two_layers, dtype, 71, false);
    symo_stepper_open(&b, two_layers, dtype, 71, false);
    symo_stepper_preset(&a, "symo-published", stacks[k / 2]);
    symo_stepper_preset(&b, "symo-published", stacks[k / 2]);
    for (int t = 0; t < 7; t++) symo_stepper_random(&a, 1);
    for (size_t i = 0; i < symo_optim_state_num_entries(a.state); i++) {
      symo_state_entry from = symo_optim_state_entry(a.state, i);
      symo_state_entry to = symo_stepper_entry(&b, from.name);
      size_t bytes = symo_dtype_size(from.dtype);
      for (size_t d = 0; d < from.order; d++) bytes *= from.shape[d];
      memcpy(to.data, from.data, bytes);
    }
    symo_stepper_set(&b, a.theta);
    for (int t = 0; t < 15; t++) {
      cr_assert(symo_stepper_random(&a, 1).accepted);
      memcpy(b.g, a.g, a.w.n * sizeof *a.g);
      symo_stepper_step(&b);
      cr_assert(memcmp(a.theta, b.theta, a.w.n * sizeof *a.theta) == 0, "%zu, step %d", k, t);
    }
    cr_assert(isfinite(symo_test_max(a.theta, a.w.n)));
    symo_stepper_drop(&a);
    symo_stepper_drop(&b);
  }
  cr_no_leaks();
}

Test(orbit_basis_runs, threads_make_the_same_bits) {
  cr_assert_eq(symo_set_threads(1), SYMO_OK); /* of BLAS, as the contract has it */
  for (size_t k = 0; k < sizeof stacks / sizeof *stacks; k++) {
    double theta[2][64];
    for (int how = 0; how < 2; how++) {
      symo_test_stepper s;
      symo_stepper_open(&s, two_layers, SYMO_F32, 76, false);
      symo_method method = symo_stepper_method(&s, "symo-published", stacks[k]);
      symo_rule rule = symo_stepper_rule(&method);
      symo_optim_spec spec = symo_optim_spec_default();
      spec.num_rules = 1;
      spec.rules = &rule;
      spec.dtype = SYMO_F32;
      spec.threads = how == 0 ? 1 : 3;
      cr_ok(s.w.context, symo_optim_create(s.w.layout, &spec, &s.optim));
      cr_ok(s.w.context, symo_optim_state_create(s.optim, &s.state));
      for (int t = 0; t < 10; t++) cr_assert(symo_stepper_random(&s, 1).accepted);
      cr_assert(s.w.n <= 64);
      memcpy(theta[how], s.theta, s.w.n * sizeof *s.theta);
      if (how == 1) cr_assert(memcmp(theta[0], theta[1], s.w.n * sizeof *s.theta) == 0, "%zu", k);
      symo_stepper_drop(&s);
    }
  }
  cr_no_leaks();
}

Test(orbit_basis_runs, plans_say_what_is_kept_and_what_it_costs) {
  symo_test_stepper s;
  char *text;
  symo_stepper_open(&s, "h: orthogonal 9; i: identity 4; w[h,i]", SYMO_F64, 72, false);
  symo_stepper_preset(&s, "symo-published", "refresh_every=10");
  symo_optim_cost plain = symo_optim_cost_of(s.optim);
  symo_stepper_preset(&s, "symo-published", "refresh_every=10 basis=column momentum=0.9");
  symo_optim_cost column = symo_optim_cost_of(s.optim);
  cr_ok(s.w.context, symo_optim_describe(s.optim, &text));
  cr_assert(strstr(text, "4 x 4 eigenbasis by eigh (auto), ") != NULL, "%s", text);
  cr_assert(strstr(text, "1 x 4 second moments in it by column") != NULL, "%s", text);
  symo_free(text);
  symo_stepper_preset(&s, "symo-published", "refresh_every=10 basis=adam momentum=0.9");
  symo_optim_cost entry = symo_optim_cost_of(s.optim);
  cr_ok(s.w.context, symo_optim_describe(s.optim, &text));
  cr_assert(strstr(text, "9 x 4 second moments in it by entry") != NULL, "%s", text);
  symo_free(text);
  cr_assert(column.flops_per_step > plain.flops_per_step);
  cr_assert(entry.flops_per_step > column.flops_per_step);
  cr_assert(entry.state_bytes >= column.state_bytes + 32 * 8);
  symo_state_entry moments = symo_stepper_entry(&s, "rule-0.h:vector/moments");
  cr_assert(moments.order == 3 && moments.shape[1] == 9 && moments.shape[2] == 4);
  symo_stepper_close(&s);
}

static void refused(symo_test_stepper *s, const char *settings, const char *text) {
  cr_assert(symo_stepper_try(s, "symo-published", settings) == SYMO_E_UNSUPPORTED, "%s", settings);
  const char *found = symo_context_detail(s->w.context);
  cr_assert(strstr(found, text) != NULL, "no \"%s\" in \"%s\"", text, found);
}

Test(orbit_basis_runs, what_cannot_be_is_refused) {
  symo_test_stepper s;
  symo_stepper_open(&s, two_layers, SYMO_F64, 73, false);
  cr_ok(s.w.context, symo_stepper_try(&s, "symo-published", "basis=column"));
  cr_ok(s.w.context, symo_stepper_try(&s, "symo-published", "basis=column damping=trace"));
  cr_ok(s.w.context, symo_stepper_try(&s, "symo-published", "curvature=orbit-blocked basis=adam"));
  refused(&s, "basis=column beta2=0", "without memory there is no basis");
  refused(&s, "basis=adam alpha=0", "scale nothing");
  refused(&s, "basis=column solver=coupled-newton", "only eigh gives");
  refused(&s, "basis=adam damping=trace", "eps is added to the root");
  refused(&s, "basis=column beta2=1 correction=false statistics_every=2", "go together");
  refused(&s, "curvature=per-axis basis=column", "go with orbit curvature");
  refused(&s, "curvature=diagonal basis=column", "no eigenbasis");
  symo_stepper_close(&s);
}

/* Momentum forgets what a gradient among small ones is: units are chosen for both. */
Test(orbit_basis_runs, a_large_gradient_behind_a_small_momentum_is_held) {
  symo_test_stepper s;
  symo_stepper_open(&s, two_layers, SYMO_F32, 75, false);
  symo_stepper_preset(&s, "symo-published",
                      "basis=adam source=momentum momentum=0.9999999 beta2=0.9 eps=1e-8 "
                      "schedule=constant rate=1 refresh_every=2");
  for (int t = 0; t < 8; t++) {
    symo_step_report r = symo_stepper_random(&s, t % 3 == 2 ? 1e22 : 1);
    cr_assert(r.accepted && isfinite(r.update_norm) && r.failed_roots == 0, "step %d", t);
    for (size_t i = 0; i < symo_optim_state_num_entries(s.state); i++) {
      symo_state_entry e = symo_optim_state_entry(s.state, i);
      size_t n = 1;
      for (size_t d = 0; d < e.order; d++) n *= e.shape[d];
      cr_assert(symo_all_finite(e.dtype, n, e.data), "%s, step %d", e.name, t);
    }
  }
  symo_stepper_close(&s);
}

typedef struct making {
  const symo_curvature *curvature;
  curvature_task task;
} making;

static symo_status make_and_destroy(void *self) {
  making *m = self;
  void *made = NULL;
  symo_status status = m->curvature->create(&m->task, &made);
  if (status == SYMO_OK) m->curvature->destroy(made);
  return status;
}

Test(orbit_basis_runs, failed_allocations_leave_nothing) {
  symo_world w;
  symo_world_open(&w, 74);
  symo_world_parse(&w, two_layers);
  symo_method method = with_memory("adam", 0.9, 0);
  making m = {&symo_curvature_orbit,
              {.context = w.context,
               .layout = w.layout,
               .dtype = SYMO_F64,
               .method = &method,
               .threads = 1}};
  cr_assert(symo_test_allocations(make_and_destroy, &m) >= 3);
  symo_world_close(&w);
}
