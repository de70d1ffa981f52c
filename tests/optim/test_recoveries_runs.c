/* Whole runs of every preset: they move with the group of the network, end where zeros and extremes
 * should, refuse NaN, and go on from what was saved of them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "optim/curvature/curvature.h"
#include "optim/method.h"
#include "tests/support/problems.h"
#include "tests/support/solvers.h"
#include "tests/support/stepping.h"

static void plan_rules(symo_test_stepper *s, const char *preset, const char *settings) {
  symo_rule rules[4];
  size_t num;
  symo_method method = symo_stepper_method(s, preset, settings);
  cr_ok(s->w.context, symo_optim_preset_rules(s->w.context, &method, &num, rules));
  symo_stepper_plan(s, num, rules);
}

/* ---- a network by hand ---- */

enum { LAYERS = 3, SAMPLES = 40, WIDEST = 6 };
static const size_t width[LAYERS + 1] = {4, 6, 5, 3};

typedef struct network {
  bool relu;
  double x[SAMPLES][WIDEST], y[SAMPLES][WIDEST]; /* inputs, targets */
} network;

static const double *layer(const double *theta, int l, const double **bias) {
  for (int k = 0; k < l; k++) theta += width[k + 1] * (width[k] + 1);
  *bias = theta + width[l + 1] * width[l];
  return theta;
}

/* Gradient of sum |f(x) - y|^2 / (2 SAMPLES), in the order of the layout. */
static void gradient(const network *net, const double *theta, size_t n, double *g) {
  memset(g, 0, n * sizeof *g);
  for (int i = 0; i < SAMPLES; i++) {
    double a[LAYERS + 1][WIDEST], back[WIDEST], next[WIDEST];
    const double *b;
    memcpy(a[0], net->x[i], sizeof a[0]);
    for (int l = 0; l < LAYERS; l++) {
      const double *w = layer(theta, l, &b);
      for (size_t r = 0; r < width[l + 1]; r++) {
        double z = b[r];
        for (size_t c = 0; c < width[l]; c++) z += w[r * width[l] + c] * a[l][c];
        a[l + 1][r] = l + 1 == LAYERS ? z : net->relu ? fmax(z, 0) : tanh(z);
      }
    }
    for (size_t r = 0; r < width[LAYERS]; r++) back[r] = (a[LAYERS][r] - net->y[i][r]) / SAMPLES;
    for (int l = LAYERS - 1; l >= 0; l--) {
      const double *w = layer(theta, l, &b);
      double *gw = g + (w - theta), *gb = g + (b - theta);
      memset(next, 0, sizeof next);
      for (size_t r = 0; r < width[l + 1]; r++) {
        double slope = net->relu ? (a[l + 1][r] > 0 ? 1 : 0) : 1 - a[l + 1][r] * a[l + 1][r];
        double d = l + 1 == LAYERS ? back[r] : back[r] * slope;
        gb[r] += d;
        for (size_t c = 0; c < width[l]; c++) {
          gw[r * width[l] + c] += d * a[l][c];
          next[c] += d * w[r * width[l] + c];
        }
      }
      memcpy(back, next, sizeof back);
    }
  }
}

/* An element: unit u of space k goes to to[k][u] with sign[k][u]; ends stay. */
typedef struct element {
  size_t to[LAYERS + 1][WIDEST];
  double sign[LAYERS + 1][WIDEST];
} element;

static element random_element(symo_rng *rng, bool signs) {
  element e;
  for (int k = 0; k <= LAYERS; k++) {
    bool hidden = k > 0 && k < LAYERS;
    for (size_t u = 0; u < WIDEST; u++) {
      e.to[k][u] = u;
      e.sign[k][u] = hidden && signs && symo_rng_uniform(rng) < 0.5 ? -1 : 1;
    }
    for (size_t u = width[k] - 1; hidden && u > 0; u--) {
      size_t v = (size_t)(symo_rng_uniform(rng) * (double)(u + 1)), old = e.to[k][u];
      e.to[k][u] = e.to[k][v];
      e.to[k][v] = old;
    }
  }
  return e;
}

static void act(const element *e, const double *theta, double *out) {
  size_t at = 0;
  for (int l = 0; l < LAYERS; l++) {
    size_t rows = width[l + 1], cols = width[l];
    for (size_t r = 0; r < rows; r++)
      for (size_t c = 0; c < cols; c++)
        out[at + e->to[l + 1][r] * cols + e->to[l][c]] =
            e->sign[l + 1][r] * e->sign[l][c] * theta[at + r * cols + c];
    at += rows * cols;
    for (size_t r = 0; r < rows; r++) out[at + e->to[l + 1][r]] = e->sign[l + 1][r] * theta[at + r];
    at += rows;
  }
}

/* ---- equivariance ---- */

typedef struct run_case {
  const char *preset, *settings;
  bool polar; /* steps are polar factors */
} run_case;

/* 100 steps from theta and from rho theta; the farthest that one is from rho times the other, in
 * units of what rounding may do: inverse roots of C magnify it by the root of the condition, as
 * what they are applied to is part of C. */
static double follow(const run_case *how, bool relu) {
  static network net;
  symo_test_stepper one, other;
  char text[256];
  const char *group = relu ? "permutation" : "signed-permutation";
  snprintf(text, sizeof text,
           "i: identity %zu; h1: %s %zu; h2: %s %zu; o: identity %zu; "
           "w1[h1,i] b1[h1] w2[h2,h1] b2[h2] w3[o,h2] b3[o]",
           width[0], group, width[1], group, width[2], width[3]);
  symo_stepper_open(&one, text, SYMO_F64, 201, false);
  symo_stepper_open(&other, text, SYMO_F64, 201, false);
  net.relu = relu;
  symo_test_randn(one.w.rng, net.x[0], SAMPLES * WIDEST);
  symo_test_randn(one.w.rng, net.y[0], SAMPLES * WIDEST);
  element e = random_element(one.w.rng, !relu);
  plan_rules(&one, how->preset, how->settings);
  plan_rules(&other, how->preset, how->settings);
  size_t n = one.w.n;
  double *moved = symo_dense_new(2, n), *start = moved + n, worst = 0, distance = 0;
  for (size_t i = 0; i < n; i++) start[i] = 0.5 * one.theta[i];
  symo_stepper_set(&one, start);
  act(&e, start, moved);
  symo_stepper_set(&other, moved);
  cr_assert(symo_test_rel(moved, start, n) > 0.5);
  for (int t = 1; t <= 100; t++) {
    gradient(&net, one.theta, n, one.g);
    gradient(&net, other.theta, n, other.g);
    double condition = symo_stepper_step(&one).worst_condition; /* NaN without roots */
    symo_stepper_step(&other);
    act(&e, one.theta, moved);
    double root = isnan(condition) ? 1 : sqrt(condition);
    if (how->polar) root = solvers_polar_condition(SYMO_F64, root);
    /* momentum of 0.9 carries the rounding of ten gradients */
    double bound = symo_test_bound(SYMO_F64, 10 * WIDEST, 1 + root);
    worst = fmax(worst, symo_test_rel(other.theta, moved, n) / bound);
    distance = symo_test_rel(one.theta, start, n);
    symo_stepper_set(&other, moved); /* runs are chaotic: every step from the same point */
  }
  cr_assert(distance > 0.01, "%s went %g", how->preset, distance);
  free(moved);
  symo_stepper_drop(&one);
  symo_stepper_close(&other);
  return worst;
}

/* Not soap, nor skip_tolerance: as long as factors are singular, vectors of their null spaces are
 * rounding's choice, and second moments along them (or values on their diagonal) depend on it. */
Test(recoveries_runs, runs_move_with_the_group) {
  static const run_case rows[] = {
      {"symo-published", "", false},
      {"symo-published", "lr=0.02 rate=1 momentum=0.9", false},
      {"symo-published", "lr=0.02 rate=1 refresh_every=5 graft=adam", false},
      {"symo-published", "centered=true", false},
      {"symo-published", "curvature=orbit-blocked", false},
      {"symo-published",
       "curvature=orbit-blocked source=momentum beta2=0 mean=false momentum=0.9 groups=alternate",
       true},
      {"muon-exact", "", true},
      {"muon", "", false},
      {"shampoo", "", false},
      {"adamw", "lr=0.01", false},
      {"normalized-sgd", "", false},
      {"sgd", "lr=0.1 momentum=0.9 nesterov=true", false},
  };
  for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
    for (int relu = 0; relu < 2; relu++) {
      double worst = follow(&rows[k], relu == 1);
      cr_assert(worst <= 1, "%s %s, %s: %g", rows[k].preset, rows[k].settings,
                relu ? "relu" : "tanh", worst);
    }
}

/* ---- every preset ---- */

/* Layer statistics are no function of a gradient: tests/optim/test_kfac.c. */
static bool has_sites(const char *preset) {
  symo_method m;
  cr_ok(NULL, symo_method_preset(NULL, preset, &m));
  return m.curvature == &symo_curvature_kfac;
}

static const char net[] = "in: identity 5; h1: signed-permutation 7; h2: signed-permutation 6; "
                          "out: identity 3; w1[h1,in] b1[h1] w2[h2,h1] b2[h2] w3[out,h2] b3[out]";

/* A plan for a preset with gradients or a quadratic problem behind it. */
typedef struct bench {
  symo_test_stepper s;
  bool products;
  symo_test_problem quadratic;
  double unit;
} bench;

static void bench_open(bench *b, const char *preset, const char *settings, symo_dtype dtype,
                       double unit) {
  symo_stepper_open(&b->s, net, dtype, 202, false);
  plan_rules(&b->s, preset, settings);
  b->products = symo_optim_needs_problem(b->s.optim);
  b->unit = unit;
  double *w = symo_dense_new(1, b->s.w.n);
  for (size_t i = 0; i < b->s.w.n; i++) w[i] = 1 + (double)i / (double)b->s.w.n;
  symo_rng *rng = symo_test_rng(b->s.w.context, 203);
  symo_test_quadratic(&b->quadratic, rng, dtype, b->s.w.n, w);
  for (size_t i = 0; i < b->s.w.n * b->s.w.n; i++) b->quadratic.a[i] *= unit;
  for (size_t i = 0; i < b->s.w.n; i++) b->quadratic.b[i] *= unit;
  symo_rng_destroy(rng);
  free(w);
}

static void bench_close(bench *b) {
  symo_test_problem_free(&b->quadratic);
  symo_stepper_close(&b->s);
}

/* One step with a state, from s->theta to s->theta. */
static symo_step_report bench_step(bench *b, symo_optim_state *state) {
  symo_test_stepper *s = &b->s;
  symo_step_report report;
  if (b->products) {
    void *flat = malloc(s->w.n * sizeof(double));
    cr_assert(flat != NULL);
    symo_test_pack(s->dtype, s->theta, flat, s->w.n);
    cr_ok(s->w.context, symo_optim_problem_step(state, &b->quadratic.problem, flat, NULL, &report));
    symo_test_unpack(s->dtype, flat, s->theta, s->w.n);
    free(flat);
    return report;
  }
  symo_test_vector_set(&s->params, s->theta);
  symo_test_vector_set(&s->grad, s->g);
  cr_ok(s->w.context,
        symo_optim_step(state, symo_test_in(&s->grad), symo_test_out(&s->params), &report));
  symo_test_vector_get(&s->params, s->theta);
  return report;
}

/* F of 1e60 has no factor with the damping of gradients of 1: the step says so and moves nothing. */
static void check_refused(bench *b) {
  symo_test_stepper *s = &b->s;
  symo_step_report report;
  const size_t bytes = s->w.n * symo_dtype_size(s->dtype);
  void *flat = malloc(bytes), *before = malloc(bytes);
  cr_assert(flat != NULL && before != NULL);
  symo_test_pack(s->dtype, s->theta, flat, s->w.n);
  memcpy(before, flat, bytes);
  const symo_status status =
      symo_optim_problem_step(s->state, &b->quadratic.problem, flat, NULL, &report);
  cr_assert(status == SYMO_INDEFINITE || (status == SYMO_OK && !report.accepted), "%s",
            symo_status_name(status));
  cr_assert_arr_eq(flat, before, bytes);
  free(flat), free(before);
}

static symo_step_report bench_random(bench *b) {
  symo_test_randn(b->s.w.rng, b->s.g, b->s.w.n);
  for (size_t i = 0; i < b->s.w.n; i++) b->s.g[i] *= b->unit;
  return bench_step(b, b->s.state);
}

static size_t entry_bytes(const symo_state_entry *e) {
  size_t bytes = symo_dtype_size(e->dtype);
  for (size_t a = 0; a < e->order; a++) bytes *= e->shape[a];
  return bytes;
}

/* All entries one behind the other but entry 0, which counts refusals; the caller's (free). */
static unsigned char *entries_of(symo_optim_state *state, size_t *total) {
  size_t count = symo_optim_state_num_entries(state), used = 0;
  *total = 0;
  for (size_t i = 1; i < count; i++) {
    symo_state_entry e = symo_optim_state_entry(state, i);
    *total += entry_bytes(&e);
  }
  unsigned char *out = malloc(*total + 1);
  cr_assert(out != NULL);
  for (size_t i = 1; i < count; i++) {
    symo_state_entry e = symo_optim_state_entry(state, i);
    memcpy(out + used, e.data, entry_bytes(&e));
    used += entry_bytes(&e);
  }
  return out;
}

/* Gradients of 1e30 have squares that float32 does not hold: finite is all that is asked there.
 * sgd goes as far as it is told to. */
Test(recoveries_runs, zero_stays_zero_and_extremes_are_finite) {
  static const double units[] = {0, 1e-30, 1e30};
  for (size_t p = 0; p < symo_method_num_presets(); p++)
    for (int k = 0; k < 6; k++) {
      bench b;
      const char *preset = symo_method_preset_name(p);
      if (has_sites(preset)) continue;
      bool narrow = k >= 3, free_size = narrow || strcmp(preset, "sgd") == 0;
      bench_open(&b, preset, "weight_decay=0", narrow ? SYMO_F32 : SYMO_F64, units[k % 3]);
      if (k % 3 == 2 && strcmp(preset, "ngd") == 0) {
        check_refused(&b);
        bench_close(&b);
        continue;
      }
      double *before = malloc(b.s.w.n * sizeof *before);
      cr_assert(before != NULL);
      memcpy(before, b.s.theta, b.s.w.n * sizeof *before);
      for (int t = 0; t < 12; t++) {
        symo_step_report r = bench_random(&b);
        cr_assert(isfinite(symo_test_max(b.s.theta, b.s.w.n)), "%s, %g", preset, units[k % 3]);
        if (!r.accepted) continue; /* a loss of 1e60 in float32 */
        cr_assert(r.update_norm <= (free_size ? 1e32 : 20), "%s, %g: %g", preset, units[k % 3],
                  r.update_norm);
      }
      bool same = memcmp(before, b.s.theta, b.s.w.n * sizeof *before) == 0;
      cr_assert(k % 3 > 0 || same, "%s", preset);
      /* A natural gradient is as small as the gradient is large: 1e-30, which parameters of 1 round off. */
      cr_assert(k != 2 || same == (strcmp(preset, "ngd-cg") == 0), "%s", preset);
      free(before);
      bench_close(&b);
    }
}

Test(recoveries_runs, nan_is_refused_and_the_state_is_as_it_was) {
  for (size_t p = 0; p < symo_method_num_presets(); p++)
    for (int k = 0; k < 4; k++) {
      bench b;
      size_t before_size, after_size;
      const char *preset = symo_method_preset_name(p);
      if (has_sites(preset)) continue;
      bench_open(&b, preset, "", k < 2 ? SYMO_F64 : SYMO_F32, 1);
      for (int t = 0; t < 3; t++) bench_random(&b);
      size_t bytes = b.s.w.n * sizeof(double);
      double *theta = malloc(bytes);
      cr_assert(theta != NULL);
      memcpy(theta, b.s.theta, bytes);
      unsigned char *before = entries_of(b.s.state, &before_size);
      symo_test_randn(b.s.w.rng, b.s.g, b.s.w.n);
      b.s.g[k % 2 == 0 ? 3 : b.s.w.n - 1] = k % 2 == 0 ? (double)NAN : -(double)INFINITY;
      b.quadratic.nan_gradient = true;
      symo_step_report r = bench_step(&b, b.s.state);
      cr_assert(!r.accepted && r.refused_steps == 1 && r.step == 3, "%s", preset);
      unsigned char *after = entries_of(b.s.state, &after_size);
      cr_assert(before_size == after_size && memcmp(before, after, after_size) == 0, "%s", preset);
      cr_assert(memcmp(theta, b.s.theta, bytes) == 0, "%s", preset);
      b.quadratic.nan_gradient = false;
      r = bench_random(&b);
      cr_assert(r.step == 4 && r.refused_steps == 1, "%s", preset);
      free(theta);
      free(before);
      free(after);
      bench_close(&b);
    }
}

/* What a checkpoint does: arrays by name, into a state of a plan made anew. */
static void restore(symo_optim_state *from, symo_optim_state *to) {
  size_t count = symo_optim_state_num_entries(from);
  cr_assert_eq(count, symo_optim_state_num_entries(to));
  for (size_t i = 0; i < count; i++) {
    symo_state_entry a = symo_optim_state_entry(from, i);
    size_t found = 0;
    for (size_t k = 0; k < count; k++) {
      symo_state_entry b = symo_optim_state_entry(to, k);
      if (strcmp(a.name, b.name) != 0) continue;
      cr_assert(entry_bytes(&a) == entry_bytes(&b) && a.dtype == b.dtype);
      memcpy(b.data, a.data, entry_bytes(&a));
      found++;
    }
    cr_assert_eq(found, 1, "%s", a.name);
  }
}

static bool has_products(const char *preset) {
  symo_method m;
  cr_ok(NULL, symo_method_preset(NULL, preset, &m));
  return m.curvature->products;
}

static bool takes_cadence(const char *preset) {
  symo_method m;
  cr_ok(NULL, symo_method_preset(NULL, preset, &m));
  m.refresh_every = 2;
  return !has_products(preset) && symo_method_refuse(&m) == NULL;
}

Test(recoveries_runs, what_was_saved_goes_on_to_the_same_bits) {
  static const char *const settings[] = {"", "refresh_every=4", "refresh_every=3 start_step=5"};
  for (size_t p = 0; p < symo_method_num_presets(); p++)
    for (int k = 0; k < 6; k++) {
      bench one, other;
      const char *preset = symo_method_preset_name(p);
      symo_dtype dtype = k % 2 == 0 ? SYMO_F64 : SYMO_F32;
      if (has_sites(preset) || (k > 1 && !takes_cadence(preset))) continue;
      bench_open(&one, preset, settings[k / 2], dtype, 1);
      bench_open(&other, preset, settings[k / 2], dtype, 1);
      for (int t = 0; t < 6; t++) bench_random(&one);
      restore(one.s.state, other.s.state);
      size_t bytes = one.s.w.n * sizeof(double);
      memcpy(other.s.theta, one.s.theta, bytes);
      for (int t = 0; t < 12; t++) {
        bench_random(&one);
        memcpy(other.s.g, one.s.g, bytes);
        symo_step_report r = bench_step(&other, other.s.state);
        cr_assert(r.step == (uint64_t)(7 + t), "%s", preset);
        cr_assert(memcmp(one.s.theta, other.s.theta, bytes) == 0, "%s, \"%s\", step %d", preset,
                  settings[k / 2], 7 + t);
      }
      symo_test_problem_free(&one.quadratic);
      symo_stepper_drop(&one.s);
      bench_close(&other);
    }
}

Test(recoveries_runs, every_plan_can_be_read) {
  for (size_t p = 0; p < symo_method_num_presets(); p++) {
    bench b;
    char *text = NULL;
    const char *preset = symo_method_preset_name(p);
    if (has_sites(preset)) continue;
    bench_open(&b, preset, "", SYMO_F64, 1);
    cr_ok(b.s.w.context, symo_optim_describe(b.s.optim, &text));
    cr_assert(strstr(text, preset) != NULL && strstr(text, "in all: state") != NULL);
    for (size_t i = 0; i < symo_layout_num_tensors(b.s.w.layout); i++)
      cr_assert(strstr(text, symo_layout_tensor_name(b.s.w.layout, i)) != NULL);
    cr_assert(strstr(text, "nan") == NULL && strstr(text, "inf") == NULL, "%s", text);
    symo_free(text);
    bench_close(&b);
  }
}
