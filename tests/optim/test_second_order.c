/* Steps with products of a problem against dense solutions and rules written out here. */
#include <math.h>
#include <stdlib.h>

#include "tests/support/problems.h"
#include "tests/support/solvers.h"

typedef struct fixture {
  symo_context *context;
  symo_rng *rng;
  symo_test_problem p;
  symo_test_descent d;
} fixture;

enum { N = 12 };

static void definite(double *w) { solvers_log_spaced(N, 50, w); }

static void open_quadratic(fixture *f, symo_dtype dtype, uint64_t seed, const double *w,
                           const char *preset, const char *settings) {
  double start[N];
  f->context = symo_test_context();
  f->rng = symo_test_rng(f->context, seed);
  symo_test_quadratic(&f->p, f->rng, dtype, N, w);
  symo_descent_open(&f->d, f->context, &f->p.problem, NULL, preset, settings);
  symo_test_randn(f->rng, start, N);
  symo_descent_set(&f->d, start);
}

static void open_valley(fixture *f, const char *preset, const char *settings) {
  static const double start[2] = {-1.2, 1};
  f->context = symo_test_context();
  f->rng = symo_test_rng(f->context, 1);
  symo_test_valley(&f->p);
  symo_descent_open(&f->d, f->context, &f->p.problem, NULL, preset, settings);
  symo_descent_set(&f->d, start);
}

static void close_all(fixture *f) {
  symo_descent_close(&f->d);
  symo_test_problem_free(&f->p);
  symo_rng_destroy(f->rng);
  symo_context_destroy(f->context);
  cr_no_leaks();
}

/* (A + shift I)^-1 b of the quadratic. */
static void minimum(const fixture *f, double shift, double *x) {
  double a[N * N];
  memcpy(a, f->p.a, sizeof a);
  memcpy(x, f->p.b, N * sizeof *x);
  symo_test_solve(N, a, shift, x);
}

/* ---- quadratics ---- */

Test(second_order, a_quadratic_takes_one_step) {
  static const char *const presets[] = {"newton-cg", "ggn-cg", "newton-cg", "ggn-cg"};
  static const char *const settings[] = {
      "damping=constant eps=0 solver_tolerance=1e-14",
      "damping=constant solver_tolerance=1e-14 eps=0",
      "damping=constant eps=0 solver_tolerance=1e-14 precondition=diagonal",
      "damping=constant solver_tolerance=1e-14 eps=0 precondition=orbit beta2=0.9"};
  for (size_t i = 0; i < 8; i++) {
    symo_dtype dtype = i < 4 ? SYMO_F64 : SYMO_F32;
    double w[N], x[N], theta[N];
    fixture f;
    definite(w);
    open_quadratic(&f, dtype, 3 + i, w, presets[i % 4], settings[i % 4]);
    symo_step_report r = symo_descent_step(&f.d);
    cr_assert(r.accepted && r.step == 1 && r.lr == 1 && r.rejected_steps == 0);
    cr_assert(r.cg_iterations > 0 && r.cg_iterations <= 50 && isnan(r.reduction_ratio));
    minimum(&f, 0, x);
    symo_descent_get(&f.d, theta);
    cr_assert(symo_test_rel(theta, x, N) <= (dtype == SYMO_F64 ? 1e-11 : 1e-4), "case %zu: %g", i,
              symo_test_rel(theta, x, N));
    cr_assert(f.p.losses == 0 && f.p.gradients == 1, "no loss without a ratio");
    close_all(&f);
  }
}

Test(second_order, indefinite_quadratics_go_down) {
  for (uint64_t seed = 0; seed < 20; seed++) {
    double w[N], last = INFINITY;
    fixture f;
    definite(w);
    for (size_t i = 0; i < seed % N; i++) w[i] = -w[i];
    open_quadratic(&f, SYMO_F64, seed, w, "newton-cg",
                   seed % 2 == 0 ? "damping=constant eps=0 warm_start=true"
                                 : "damping=constant eps=0 warm_start=false");
    for (int step = 0; step < 5; step++) {
      symo_descent_step(&f.d);
      cr_assert(f.d.loss <= last + 1e-12 * fabs(f.d.loss), "seed %llu, step %d",
                (unsigned long long)seed, step);
      if (step == 1) cr_assert(f.d.loss < last);
      last = f.d.loss;
    }
    close_all(&f);
  }
}

Test(second_order, the_ratio_of_a_quadratic_is_one) {
  double w[N];
  fixture f;
  definite(w);
  open_quadratic(&f, SYMO_F64, 5, w, "lm", "eps=0.5 decay=l2 weight_decay=0.3 lr=0.7");
  double damping = 0.5;
  for (int step = 0; step < 10; step++) {
    symo_step_report r = symo_descent_step(&f.d);
    cr_assert(fabs(r.reduction_ratio - 1) <= 1e-6, "step %d: %g", step, r.reduction_ratio);
    cr_assert_eq(r.damping, damping);
    damping /= 1.5;
  }
  close_all(&f);
}

Test(second_order, l2_decay_is_in_the_model) {
  double w[N], x[N], theta[N];
  fixture f;
  definite(w);
  open_quadratic(&f, SYMO_F64, 6, w, "newton-cg",
                 "damping=constant eps=0 solver_tolerance=1e-14 decay=l2 weight_decay=0.2");
  symo_descent_step(&f.d);
  minimum(&f, 0.2, x);
  symo_descent_get(&f.d, theta);
  cr_assert(symo_test_rel(theta, x, N) <= 1e-11);
  close_all(&f);
}

Test(second_order, warm_starts_and_schedules) {
  double w[N];
  fixture f;
  definite(w);
  open_quadratic(&f, SYMO_F64, 7, w, "ggn-cg", "damping=constant warm_start=true eps=0 lr=0");
  cr_assert_gt(symo_descent_step(&f.d).cg_iterations, 0);
  cr_assert_eq(symo_descent_step(&f.d).cg_iterations, 0); /* the solution is there already */
  close_all(&f);
  open_quadratic(&f, SYMO_F64, 7, w, "newton-cg",
                 "damping=constant eps=0 schedule=exponential rate=0.5 lr=0.25 "
                 "solver_tolerance=1e-14");
  symo_step_report a = symo_descent_step(&f.d), b = symo_descent_step(&f.d);
  cr_assert(a.lr == 0.25 && b.lr == 0.125);
  /* 3/4 of the way is left, and an eighth of that goes. */
  cr_assert(fabs(b.update_norm / a.update_norm - 0.375) <= 1e-10);
  close_all(&f);
}

/* The numbers of the state that are these; NULL if there are none. */
static const double *entry_with(const fixture *f, const double *wanted) {
  for (size_t i = 0; i < symo_optim_state_num_entries(f->d.state); i++) {
    const symo_state_entry e = symo_optim_state_entry(f->d.state, i);
    const double *x = e.data;
    bool same = e.dtype == SYMO_F64 && e.order == 1 && e.shape[0] == N;
    for (size_t k = 0; k < N && same; k++) same = fabs(x[k] - wanted[k]) <= 1e-12 * wanted[k];
    if (same) return x;
  }
  return NULL;
}

/* The gradients of steps 1, 4, 7, .. and of no others. */
Test(second_order, preconditioners_take_in_every_third_gradient) {
  fixture f;
  double w[N], x[N], v[N] = {0};
  definite(w);
  open_quadratic(&f, SYMO_F64, 8, w, "lm",
                 "damping=constant eps=1 precondition=diagonal beta2=0.5 statistics_every=3");
  for (int t = 1; t <= 8; t++) {
    symo_descent_get(&f.d, x);
    for (size_t i = 0; i < N && t % 3 == 1; i++) {
      double g = -f.p.b[i];
      for (size_t j = 0; j < N; j++) g += f.p.a[i * N + j] * x[j];
      v[i] = 0.5 * v[i] + 0.5 * g * g;
    }
    cr_assert(symo_descent_step(&f.d).accepted);
    cr_assert(entry_with(&f, v) != NULL, "step %d", t);
  }
  close_all(&f);
}

Test(second_order, without_a_gradient_nothing_happens) {
  double w[N], zero[N] = {0};
  fixture f;
  definite(w);
  open_quadratic(&f, SYMO_F64, 8, w, "lm", "");
  memset(f.p.b, 0, N * sizeof *f.p.b);
  symo_descent_set(&f.d, zero);
  for (int step = 0; step < 3; step++) {
    symo_step_report r = symo_descent_step(&f.d);
    cr_assert(r.accepted && r.update_norm == 0 && r.damping == 1 && isnan(r.reduction_ratio));
  }
  cr_assert_eq(f.p.products, 0);
  close_all(&f);
}

Test(second_order, units_of_the_loss_do_not_matter) {
  for (int k = 0; k < 2; k++) {
    double w[N], x[N], theta[N], unit = k == 0 ? 1e-60 : 1e60;
    fixture f;
    definite(w);
    open_quadratic(&f, SYMO_F64, 9, w, "newton-cg",
                   "damping=constant eps=0 solver_tolerance=1e-14");
    minimum(&f, 0, x);
    for (size_t i = 0; i < N * N; i++) f.p.a[i] *= unit;
    for (size_t i = 0; i < N; i++) f.p.b[i] *= unit;
    symo_descent_step(&f.d);
    symo_descent_get(&f.d, theta);
    cr_assert(symo_test_rel(theta, x, N) <= 1e-11);
    close_all(&f);
  }
}

/* ---- trust region ---- */

/* The rule, written out: 1.5 up below 1/4, down above 3/4. */
static double next_damping(double damping, double ratio) {
  if (!(ratio >= 0.25)) return damping * 1.5;
  return ratio > 0.75 ? damping / 1.5 : damping;
}

Test(second_order, a_bad_step_is_taken_back_bit_for_bit) {
  static const char *const settings[] = {
      "eps=1e-3", "eps=1e-3 warm_start=true precondition=diagonal beta2=0.9 correction=true",
      "eps=1e-3 warm_start=true precondition=orbit beta2=0.9",
      "eps=1e-3 precondition=orbit refresh_every=3"};
  for (size_t i = 0; i < 4; i++) {
    fixture f;
    double damping = 1e-3, last = INFINITY, theta[2];
    uint64_t rejected = 0, accepted = 0, in_row = 0, most = 0;
    open_valley(&f, "lm", settings[i]);
    for (int step = 0; step < 150; step++) {
      symo_test_bytes before = symo_descent_bytes(&f.d, false);
      symo_step_report r = symo_descent_step(&f.d);
      symo_test_bytes after = symo_descent_bytes(&f.d, false);
      cr_assert_eq(r.damping, damping, "step %d", step);
      if (r.gradient_norm > 0) {
        cr_assert_eq(r.accepted, r.reduction_ratio > 0);
        damping = next_damping(damping, r.reduction_ratio);
      }
      cr_assert(f.d.loss <= last);
      last = f.d.loss;
      if (r.accepted)
        accepted++, in_row = 0;
      else
        rejected++, in_row++;
      if (in_row > most) most = in_row;
      if (!r.accepted) cr_assert(symo_test_same_bytes(before, after) && r.update_norm == 0);
      if (r.accepted && r.gradient_norm > 1e-6) cr_assert(!symo_test_same_bytes(before, after));
      cr_assert(r.step == (uint64_t)step + 1 && r.rejected_steps == rejected);
      free(before.p);
      free(after.p);
    }
    cr_assert(rejected > 1 && most > 1 && accepted > 10, "%d rejected", (int)rejected);
    symo_descent_get(&f.d, theta);
    cr_assert(fabs(theta[0] - 1) <= 1e-7 && fabs(theta[1] - 1) <= 1e-7, "%zu: %g %g", i, theta[0],
              theta[1]);
    close_all(&f);
  }
}

/* Changes of a loss of 1e17 cannot be seen in it: the model is taken at its word. */
Test(second_order, noise_in_the_loss_is_no_reason_to_stop) {
  double w[N], x[N], theta[N], damping = 1;
  fixture f;
  definite(w);
  open_quadratic(&f, SYMO_F64, 15, w, "lm", "");
  minimum(&f, 0, x);
  f.p.c = 1e17;
  for (int step = 0; step < 80; step++) {
    symo_step_report r = symo_descent_step(&f.d);
    cr_assert(r.accepted && r.reduction_ratio == 1 && r.damping == damping);
    damping = fmax(damping / 1.5, 1e-12);
  }
  symo_descent_get(&f.d, theta);
  cr_assert(symo_test_rel(theta, x, N) <= 1e-6);
  close_all(&f);
}

static symo_status nan_behind(void *self, const void *theta, double *loss) {
  *loss = NAN;
  return SYMO_OK;
}

static symo_status refuses(void *self, const void *theta, double *loss) { return SYMO_E_MEMORY; }

Test(second_order, a_loss_that_is_not_finite_is_a_bad_step) {
  fixture f;
  open_valley(&f, "lm", "precondition=diagonal beta2=0.5 warm_start=true");
  symo_descent_step(&f.d);
  f.d.problem.loss = nan_behind;
  symo_test_bytes before = symo_descent_bytes(&f.d, false);
  double damping = symo_descent_step(&f.d).damping;
  symo_step_report r = symo_descent_step(&f.d);
  symo_test_bytes after = symo_descent_bytes(&f.d, false);
  cr_assert(!r.accepted && isnan(r.reduction_ratio) && r.refused_steps == 0);
  cr_assert_eq(r.damping, 1.5 * damping);
  cr_assert(symo_test_same_bytes(before, after));
  free(after.p);
  /* A status of the problem's own goes to the caller, and nothing has happened. */
  f.d.problem.loss = refuses;
  free(before.p);
  before = symo_descent_bytes(&f.d, true);
  cr_assert_eq(symo_optim_problem_step(f.d.state, &f.d.problem, f.d.theta, NULL, NULL),
               SYMO_E_MEMORY);
  after = symo_descent_bytes(&f.d, true);
  cr_assert(symo_test_same_bytes(before, after));
  free(before.p);
  free(after.p);
  close_all(&f);
}

/* ---- not finite, not there ---- */

Test(second_order, what_is_not_finite_is_refused) {
  for (int which = 0; which < 6; which++) {
    double w[N];
    fixture f;
    definite(w);
    open_quadratic(&f, which % 2 == 0 ? SYMO_F64 : SYMO_F32, 11, w, "ggn-cg",
                   "precondition=diagonal beta2=0.9");
    symo_descent_step(&f.d);
    symo_test_bytes before = symo_descent_bytes(&f.d, false);
    f.p.nan_loss = which / 2 == 0;
    f.p.nan_gradient = which / 2 == 1;
    f.p.nan_product = which / 2 == 2;
    symo_step_report r = symo_descent_step(&f.d);
    symo_test_bytes after = symo_descent_bytes(&f.d, false);
    cr_assert(!r.accepted && r.refused_steps == 1 && r.rejected_steps == 0 && r.step == 1);
    cr_assert(symo_test_same_bytes(before, after));
    f.p.nan_loss = f.p.nan_gradient = f.p.nan_product = false;
    r = symo_descent_step(&f.d);
    cr_assert(r.accepted && r.refused_steps == 1 && r.step == 2);
    free(before.p);
    free(after.p);
    close_all(&f);
  }
}

Test(second_order, refusals_may_stop) {
  static const char *const text[] = {"the loss", "the gradient of tensor w", "a product"};
  double w[N];
  fixture f;
  definite(w);
  open_quadratic(&f, SYMO_F64, 12, w, "newton-cg", "");
  symo_optim_state *state;
  symo_optim *optim;
  symo_layout *layout;
  cr_ok(f.context, symo_layout_parse(f.context, "x: identity 12; w[x]", &layout));
  f.d.spec.nan = SYMO_NAN_STOP;
  cr_ok(f.context, symo_optim_create(layout, &f.d.spec, &optim));
  cr_ok(f.context, symo_optim_state_create(optim, &state));
  for (int which = 0; which < 3; which++) {
    f.p.nan_loss = which == 0;
    f.p.nan_gradient = which == 1;
    f.p.nan_product = which == 2;
    cr_fails(f.context, SYMO_E_NONFINITE, text[which],
             symo_optim_problem_step(state, &f.d.problem, f.d.theta, NULL, NULL));
  }
  symo_optim_state_destroy(state);
  symo_optim_destroy(optim);
  symo_layout_destroy(layout);
  close_all(&f);
}

Test(second_order, problems_without_products_are_refused) {
  static const char *const rows[][2] = {
      {"newton-cg", "fill hvp"}, {"ggn-cg", "fill ggn"}, {"lm", "fill loss"}};
  for (size_t i = 0; i < 3; i++) {
    double w[N];
    fixture f;
    definite(w);
    open_quadratic(&f, SYMO_F64, 13, w, rows[i][0], "");
    if (i == 0) f.d.problem.hvp = NULL;
    if (i == 1) f.d.problem.ggn = NULL;
    if (i == 2) f.d.problem.loss = NULL;
    symo_test_bytes before = symo_descent_bytes(&f.d, true);
    cr_fails(f.context, SYMO_E_UNSUPPORTED, rows[i][1],
             symo_optim_problem_step(f.d.state, &f.d.problem, f.d.theta, NULL, NULL));
    symo_test_bytes after = symo_descent_bytes(&f.d, true);
    cr_assert(symo_test_same_bytes(before, after));
    cr_assert_eq(f.p.gradients, 0);
    free(before.p);
    free(after.p);
    close_all(&f);
  }
}

Test(second_order, pairings_that_mean_nothing_are_refused) {
  static const char *const rows[][4] = {
      {"newton-cg", "solver", "eigh", "solver cg"},
      {"newton-cg", "damping", "trace", "trace is not known"},
      {"newton-cg", "alpha", "1", "alpha 2"},
      {"newton-cg", "momentum", "0.9", "momentum 0"},
      {"ggn-cg", "clip_norm", "1", "no clipping"},
      {"ggn-cg", "clip_value", "1", "no clipping"},
      {"lm", "weight_decay", "0.1", "decay l2"},
      {"lm", "graft", "adam", "graft none"},
      {"lm", "scale", "shape", "scale none"},
      {"lm", "basis", "adam", "basis none"},
      {"lm", "beta2", "0.9", "precondition diagonal or orbit"},
      {"lm", "correction", "true", "precondition diagonal or orbit"},
      {"lm", "refresh_every", "5", "precondition diagonal or orbit"},
      {"lm", "statistics_every", "5", "precondition diagonal or orbit"},
      {"lm", "start_step", "5", "precondition diagonal or orbit"},
      {"lm", "groups", "identity", "precondition orbit"},
      {"lm", "centered", "true", "precondition orbit"},
      {"lm", "skip_tolerance", "0.1", "precondition orbit"},
  };
  symo_world w;
  symo_world_open(&w, 14);
  symo_world_parse(&w, "x: orthogonal 3; w[x]");
  for (size_t i = 0; i <= sizeof rows / sizeof *rows; i++) {
    symo_rule rule = {.pattern = "*", .max_order = SYMO_MAX_ORDER};
    symo_optim_spec spec = symo_optim_spec_default();
    symo_optim *optim;
    spec.num_rules = 1;
    spec.rules = &rule;
    bool last = i == sizeof rows / sizeof *rows;
    cr_ok(w.context, symo_method_preset(w.context, last ? "lm" : rows[i][0], &rule.method));
    cr_ok(w.context, symo_method_set(w.context, &rule.method, last ? "precondition" : rows[i][1],
                                     last ? "diagonal" : rows[i][2]));
    if (last) rule.method.centered = true;
    cr_fails(w.context, SYMO_E_UNSUPPORTED, last ? "precondition diagonal: centered" : rows[i][3],
             symo_optim_create(w.layout, &spec, &optim));
  }
  symo_world_close(&w);
}

/* ---- memory ---- */

Test(second_order, a_step_allocates_nothing) {
  static const char *const settings[] = {
      "", "precondition=diagonal beta2=0.9",
      "precondition=orbit beta2=0.9 warm_start=true refresh_every=2", "precondition=orbit"};
  for (size_t i = 0; i < 8; i++) {
    double w[N];
    fixture f;
    definite(w);
    open_quadratic(&f, i < 4 ? SYMO_F64 : SYMO_F32, 42, w, "lm", settings[i % 4]);
    size_t calls = symo_alloc_calls();
    for (int step = 0; step < 5; step++) symo_descent_step(&f.d);
    cr_assert_eq(symo_alloc_calls(), calls, "%s", settings[i % 4]);
    close_all(&f);
  }
}

typedef struct creation {
  symo_layout *layout;
  symo_optim_spec spec;
} creation;

static symo_status create(void *self) {
  creation *c = self;
  symo_optim *optim = NULL;
  symo_optim_state *state = NULL;
  symo_status status = symo_optim_create(c->layout, &c->spec, &optim);
  if (status == SYMO_OK) status = symo_optim_state_create(optim, &state);
  symo_optim_state_destroy(state);
  symo_optim_destroy(optim);
  return status;
}

Test(second_order, plans_may_run_out_of_memory) {
  symo_world w;
  symo_world_open(&w, 43);
  symo_world_parse(&w, "x: signed-permutation 3; y: identity 2; w[x,y] b[x]");
  symo_rule rule = {.pattern = "*", .max_order = SYMO_MAX_ORDER};
  creation c = {w.layout, symo_optim_spec_default()};
  c.spec.num_rules = 1;
  c.spec.rules = &rule;
  cr_ok(w.context, symo_method_preset(w.context, "ggn-cg", &rule.method));
  cr_ok(w.context, symo_method_set(w.context, &rule.method, "precondition", "orbit"));
  cr_assert_gt(symo_test_allocations(create, &c), 5);
  symo_world_close(&w);
}
