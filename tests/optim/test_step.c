/* Steps against recursions on flat arrays, bit for bit; refusals, cadences, telemetry. */
#include <math.h>
#include <stdlib.h>

#include "tests/support/stepping.h"

static const char net[] = "in: identity 5; h: signed-permutation 7; out: identity 3; "
                          "w1[h,in] b1[h] w2[out,h] b2[out] s[]";

/* ---- textbook recursions, in both number types ---- */

typedef struct textbook {
  double lr, b1, b2, eps, decay; /* decay: decoupled */
} textbook;

static void adam_f64(const textbook *o, int t, size_t n, const double *g, double *m, double *v,
                     double *p) {
  double keep = 1.0 - o->lr * o->decay, take1 = 1.0 - o->b1, take2 = 1.0 - o->b2;
  double c1 = 1.0 - pow(o->b1, t), c2 = 1.0 - pow(o->b2, t);
  for (size_t i = 0; i < n; i++) {
    double a = o->b1 * m[i], b = take1 * g[i];
    m[i] = a + b;
    double c = o->b2 * v[i], square = g[i] * g[i], d = take2 * square;
    v[i] = c + d;
    double mean = m[i] / c1, second = v[i] / c2, root = sqrt(second), below = root + o->eps;
    double direction = mean / below, step = o->lr * direction, kept = keep * p[i];
    p[i] = kept - step;
  }
}

static void adam_f32(const textbook *o, int t, size_t n, const float *g, float *m, float *v,
                     float *p) {
  float keep = (float)(1.0 - o->lr * o->decay), lr = (float)o->lr, eps = (float)o->eps;
  float b1 = (float)o->b1, b2 = (float)o->b2;
  float take1 = (float)(1.0 - o->b1), take2 = (float)(1.0 - o->b2);
  float c1 = (float)(1.0 - pow(o->b1, t)), c2 = (float)(1.0 - pow(o->b2, t));
  for (size_t i = 0; i < n; i++) {
    float a = b1 * m[i], b = take1 * g[i];
    m[i] = a + b;
    float c = b2 * v[i], square = g[i] * g[i], d = take2 * square;
    v[i] = c + d;
    float mean = m[i] / c1, second = v[i] / c2, root = sqrtf(second), below = root + eps;
    float direction = mean / below, step = lr * direction, kept = keep * p[i];
    p[i] = kept - step;
  }
}

/* 100 steps of a plan against the recursion; strided or not. */
static void follow_adam(const char *preset, const char *settings, const textbook *o,
                        symo_dtype dtype, bool strided) {
  symo_test_stepper s;
  symo_stepper_open(&s, net, dtype, 11, strided);
  symo_stepper_preset(&s, preset, settings);
  size_t n = s.w.n;
  double *m = calloc(3 * n, sizeof *m), *v = m + n, *p = v + n;
  float *narrow = calloc(4 * n, sizeof *narrow);
  cr_assert(m != NULL && narrow != NULL);
  memcpy(p, s.theta, n * sizeof *p);
  symo_test_narrow(p, narrow + 2 * n, n);
  for (int t = 1; t <= 100; t++) {
    symo_stepper_random(&s, t % 7 == 0 ? 1e-6 : 1);
    if (dtype == SYMO_F64) {
      adam_f64(o, t, n, s.g, m, v, p);
    } else {
      symo_test_narrow(s.g, narrow + 3 * n, n);
      adam_f32(o, t, n, narrow + 3 * n, narrow, narrow + n, narrow + 2 * n);
      symo_test_widen(narrow + 2 * n, p, n);
    }
    for (size_t i = 0; i < n; i++)
      cr_assert(s.theta[i] == p[i], "%s, %s, step %d, entry %zu: %.17g instead of %.17g", preset,
                symo_dtype_name(dtype), t, i, s.theta[i], p[i]);
  }
  free(m);
  free(narrow);
  symo_stepper_close(&s);
}

static const symo_dtype both[] = {SYMO_F64, SYMO_F32};

Test(optim_step, adam_is_the_textbook_recursion_to_the_last_bit) {
  const textbook o = {.lr = 1e-3, .b1 = 0.9, .b2 = 0.999, .eps = 1e-8};
  for (int k = 0; k < 4; k++) follow_adam("adam", "", &o, both[k % 2], k > 1);
}

Test(optim_step, adamw_is_the_textbook_recursion_to_the_last_bit) {
  const textbook o = {.lr = 0.02, .b1 = 0.8, .b2 = 0.97, .eps = 1e-6, .decay = 0.1};
  for (int k = 0; k < 4; k++)
    follow_adam("adamw", "lr=0.02 momentum=0.8 beta2=0.97 eps=1e-6 weight_decay=0.1", &o,
                both[k % 2], k > 1);
}

/* p <- p - lr u with u of torch.optim.SGD: L2 decay, momentum, Nesterov. */
Test(optim_step, sgd_is_the_textbook_recursion_to_the_last_bit) {
  for (int k = 0; k < 4; k++) {
    symo_test_stepper s;
    symo_stepper_open(&s, net, SYMO_F64, 12, k > 1);
    bool nesterov = k % 2 == 1;
    symo_stepper_preset(&s, "sgd",
                        nesterov ? "lr=0.05 momentum=0.9 weight_decay=0.01 nesterov=true"
                                 : "lr=0.05 momentum=0.9 weight_decay=0.01");
    double *m = calloc(2 * s.w.n, sizeof *m), *p = m + s.w.n;
    memcpy(p, s.theta, s.w.n * sizeof *p);
    for (int t = 1; t <= 100; t++) {
      symo_stepper_random(&s, 1);
      for (size_t i = 0; i < s.w.n; i++) {
        double pull = 0.01 * p[i], g = s.g[i] + pull, old = 0.9 * m[i];
        m[i] = old + g;
        double ahead = 0.9 * m[i], u = nesterov ? g + ahead : m[i], step = 0.05 * u;
        p[i] -= step;
        cr_assert(s.theta[i] == p[i], "step %d: %.17g, %.17g", t, s.theta[i], p[i]);
      }
    }
    free(m);
    symo_stepper_close(&s);
  }
}

/* ---- gradients that are not numbers, or hardly any ---- */

static void copy_state(symo_test_stepper *s, char *out, size_t room, size_t *used) {
  *used = 0;
  for (size_t i = 1; i < symo_optim_state_num_entries(s->state); i++) {
    symo_state_entry e = symo_optim_state_entry(s->state, i);
    size_t bytes = symo_dtype_size(e.dtype);
    for (size_t a = 0; a < e.order; a++) bytes *= e.shape[a];
    cr_assert(*used + bytes <= room);
    memcpy(out + *used, e.data, bytes);
    *used += bytes;
  }
}

Test(optim_step, nan_leaves_everything_as_it_was) {
  static char before[1 << 16], after[1 << 16];
  const double bad[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
  for (int k = 0; k < 12; k++) {
    symo_test_stepper s;
    size_t used, again;
    symo_step_report report;
    symo_stepper_open(&s, net, both[k % 2], 13, k >= 6);
    symo_stepper_preset(&s, "adamw", "graft=adam");
    for (int t = 0; t < 3; t++) symo_stepper_random(&s, 1);
    double *theta = malloc(s.w.n * sizeof *theta);
    memcpy(theta, s.theta, s.w.n * sizeof *theta);
    copy_state(&s, before, sizeof before, &used);
    symo_test_randn(s.w.rng, s.g, s.w.n);
    s.g[s.w.n - 1 - (size_t)k] = bad[k % 3];
    report = symo_stepper_step(&s);
    cr_assert(!report.accepted && report.refused_steps == 1 && report.step == 3);
    copy_state(&s, after, sizeof after, &again);
    cr_assert(used == again && memcmp(before, after, used) == 0);
    cr_assert(memcmp(theta, s.theta, s.w.n * sizeof *theta) == 0);
    report = symo_stepper_random(&s, 1);
    cr_assert(report.accepted && report.refused_steps == 1 && report.step == 4);
    free(theta);
    symo_stepper_close(&s);
  }
}

Test(optim_step, the_policy_stop_names_the_tensor) {
  symo_test_stepper s;
  symo_stepper_open(&s, net, SYMO_F64, 14, false);
  symo_method method = symo_stepper_method(&s, "adam", "");
  symo_rule rule = symo_stepper_rule(&method);
  symo_optim_spec spec = symo_optim_spec_default();
  spec.num_rules = 1;
  spec.rules = &rule;
  spec.nan = SYMO_NAN_STOP;
  cr_ok(s.w.context, symo_optim_create(s.w.layout, &spec, &s.optim));
  cr_ok(s.w.context, symo_optim_state_create(s.optim, &s.state));
  symo_stepper_random(&s, 1);
  s.g[35 + 7] = (double)NAN; /* the first of w2 */
  symo_test_vector_set(&s.grad, s.g);
  symo_step_report report;
  cr_fails(s.w.context, SYMO_E_NONFINITE, "w2",
           symo_optim_step(s.state, symo_test_in(&s.grad), symo_test_out(&s.params), &report));
  cr_assert(
      strstr(symo_context_detail(s.w.context), "set nan to skip, which leaves such steps out"));
  cr_assert(report.refused_steps == 1 && report.step == 1 && !report.accepted);
  symo_stepper_close(&s);
}

Test(optim_step, zero_and_tiny_gradients_give_finite_steps) {
  static const char *const presets[] = {"adam", "adamw", "sgd", "normalized-sgd"};
  const double scales[] = {0, 1e-30, 1e-44, 1e30};
  for (int p = 0; p < 4; p++)
    for (int k = 0; k < 2; k++)
      for (int j = 0; j < 4; j++) {
        symo_test_stepper s;
        symo_stepper_open(&s, net, both[k], 15, false);
        symo_stepper_preset(&s, presets[p], j % 2 == 0 || p == 2 ? "" : "eps=0");
        double before[80];
        memcpy(before, s.theta, s.w.n * sizeof *before);
        for (int t = 0; t < 3; t++) {
          symo_step_report report = symo_stepper_random(&s, scales[j]);
          bool refused = scales[j] > 1 && k == 1 && p < 2; /* squares of 1e30 in float32 */
          cr_assert(report.accepted == !refused && isfinite(report.update_norm) == !refused);
          for (size_t i = 0; i < s.w.n; i++) cr_assert(isfinite(s.theta[i]));
        }
        if (j == 0 && p != 1)
          cr_assert(memcmp(before, s.theta, s.w.n * sizeof *before) == 0, "%s", presets[p]);
        symo_stepper_close(&s);
      }
}

/* ---- the work of a step ---- */

Test(optim_step, a_step_allocates_nothing) {
  static const char *const presets[] = {"adam", "sgd", "normalized-sgd", "adamw"};
  for (int p = 0; p < 4; p++) {
    symo_test_stepper s;
    symo_stepper_open(&s, net, SYMO_F64, 16, p % 2 == 1);
    symo_stepper_preset(&s, presets[p], "clip_norm=1 graft=adam");
    symo_test_randn(s.w.rng, s.g, s.w.n);
    symo_test_vector_set(&s.grad, s.g);
    size_t calls = symo_alloc_calls();
    symo_alloc_fail_after(0);
    for (int t = 0; t < 5; t++)
      cr_ok(s.w.context,
            symo_optim_step(s.state, symo_test_in(&s.grad), symo_test_out(&s.params), NULL));
    symo_alloc_fail_after(-1);
    cr_assert(symo_alloc_calls() == calls);
    symo_stepper_close(&s);
  }
}

Test(optim_step, telemetry_says_what_happened) {
  symo_test_stepper s;
  symo_stepper_open(&s, net, SYMO_F64, 17, false);
  symo_stepper_preset(&s, "adamw", "lr=0.1 weight_decay=0.3 clip_norm=0.5");
  for (uint64_t t = 1; t <= 5; t++) {
    double before[80], g = 0, change = 0;
    memcpy(before, s.theta, s.w.n * sizeof *before);
    symo_step_report r = symo_stepper_random(&s, 1);
    for (size_t i = 0; i < s.w.n; i++) {
      g += s.g[i] * s.g[i];
      change += (s.theta[i] - before[i]) * (s.theta[i] - before[i]);
    }
    cr_assert(r.step == t && r.accepted && r.lr == 0.1);
    cr_assert(fabs(r.gradient_norm - sqrt(g)) <= 1e-13 * sqrt(g));
    cr_assert(fabs(r.update_norm - sqrt(change)) <= 1e-12 * sqrt(change));
    cr_assert(isnan(r.damping) && isnan(r.reduction_ratio) && isnan(r.worst_condition));
    cr_assert(isnan(r.effective_rank) && r.refreshes == 0 && r.failed_roots == 0);
    cr_assert(r.refused_steps == 0 && r.rejected_steps == 0 && r.cg_iterations == 0);
  }
  symo_stepper_close(&s);
}

/* Entries carried over to a fresh state continue to the same bits. */
Test(optim_step, entries_hold_all_that_a_run_needs) {
  for (int k = 0; k < 2; k++) {
    symo_test_stepper s;
    symo_stepper_open(&s, net, both[k], 18, false);
    symo_stepper_preset(&s, "adamw", "statistics_every=3 graft=adam start_step=4 lr=0.01");
    for (int t = 0; t < 7; t++) symo_stepper_random(&s, 1);
    symo_optim_state *second = NULL;
    cr_ok(s.w.context, symo_optim_state_create(s.optim, &second));
    for (size_t i = 0; i < symo_optim_state_num_entries(second); i++) {
      symo_state_entry from = symo_optim_state_entry(s.state, i);
      symo_state_entry to = symo_optim_state_entry(second, i);
      size_t bytes = symo_dtype_size(from.dtype);
      for (size_t a = 0; a < from.order; a++) bytes *= from.shape[a];
      memcpy(to.data, from.data, bytes);
    }
    symo_test_vector params = symo_test_vector_make(s.w.layout, both[k], NULL);
    symo_test_vector_set(&params, s.theta);
    double other[80];
    for (int t = 0; t < 20; t++) {
      symo_step_report r;
      symo_stepper_random(&s, 1);
      cr_ok(s.w.context,
            symo_optim_step(second, symo_test_in(&s.grad), symo_test_out(&params), &r));
      symo_test_vector_get(&params, other);
      cr_assert(r.step == (uint64_t)(8 + t));
      cr_assert(memcmp(other, s.theta, s.w.n * sizeof *other) == 0);
    }
    symo_test_vector_free(&params);
    symo_optim_state_destroy(second);
    symo_stepper_close(&s);
  }
}

/* ---- Muon, as published, on every matrix ---- */

enum { MUON_MOST = 9 };

/* The polar factor by the cubic Newton-Schulz iteration, slow and sure. */
static void polar(size_t r, size_t c, double *x) {
  double xx[MUON_MOST * MUON_MOST], y[MUON_MOST * MUON_MOST], norm = 0;
  for (size_t i = 0; i < r * c; i++) norm += x[i] * x[i];
  for (size_t i = 0; i < r * c; i++) x[i] /= sqrt(norm);
  for (int k = 0; k < 100; k++) {
    for (size_t i = 0; i < r * r; i++) {
      xx[i] = 0;
      for (size_t j = 0; j < c; j++) xx[i] += x[i / r * c + j] * x[i % r * c + j];
    }
    for (size_t i = 0; i < r * c; i++) {
      y[i] = 1.5 * x[i];
      for (size_t j = 0; j < r; j++) y[i] -= 0.5 * xx[i / c * r + j] * x[j * c + i % c];
    }
    memcpy(x, y, r * c * sizeof *x);
  }
}

Test(optim_step, muon_is_its_published_rule) {
  static const char matrices[] = "in: identity 4; a: permutation 9; b: signed-permutation 9; "
                                 "out: identity 3; w1[a,in] w2[b,a] w3[out,b] q[out,in]";
  static const char *const presets[] = {"muon-exact weight_decay=0.1", "muon-exact nesterov=false",
                                        "muon-exact scale=match-rms", "muon-exact momentum=0.5"};
  for (int k = 0; k < 4; k++) {
    symo_test_stepper s;
    symo_stepper_open(&s, matrices, SYMO_F64, 19, false);
    symo_stepper_preset(&s, "muon-exact", strchr(presets[k], ' ') + 1);
    double m[200] = {0}, p[200], decay = k == 0 ? 0.1 : 0, b = k == 3 ? 0.5 : 0.95;
    memcpy(p, s.theta, s.w.n * sizeof *p);
    for (int t = 1; t <= 50; t++) {
      symo_stepper_random(&s, 1);
      for (size_t i = 0; i < symo_layout_num_tensors(s.w.layout); i++) {
        size_t r = symo_layout_axis_dim(s.w.layout, i, 0),
               c = symo_layout_axis_dim(s.w.layout, i, 1);
        size_t at = symo_layout_tensor_offset(s.w.layout, i);
        double u[MUON_MOST * MUON_MOST], rows = (double)r, columns = (double)c;
        for (size_t e = 0; e < r * c; e++) {
          m[at + e] += (1 - b) * (s.g[at + e] - m[at + e]);
          u[e] = k == 1 ? m[at + e] : (1 - b) * s.g[at + e] + b * m[at + e];
        }
        polar(r, c, u);
        double scale = k == 2 ? 0.2 * sqrt(fmax(rows, columns)) : sqrt(fmax(1, rows / columns));
        for (size_t e = 0; e < r * c; e++)
          p[at + e] = (1 - 0.02 * decay) * p[at + e] - 0.02 * scale * u[e];
      }
      cr_assert(symo_test_rel(s.theta, p, s.w.n) <= 1e-10, "%s, step %d: %g", presets[k], t,
                symo_test_rel(s.theta, p, s.w.n));
    }
    symo_stepper_close(&s);
  }
}

/* ---- the rest ---- */

Test(optim_step, directions_that_overflow_are_not_taken) {
  symo_test_stepper s;
  symo_stepper_open(&s, net, SYMO_F32, 20, false);
  symo_stepper_preset(&s, "normalized-sgd", "alpha=2 lr=100");
  double before[80];
  memcpy(before, s.theta, sizeof before);
  for (size_t i = 0; i < s.w.n; i++) s.g[i] = 1e-40;
  symo_test_vector_set(&s.grad, s.g);
  cr_fails(s.w.context, SYMO_E_NUMERIC, "tensor w1",
           symo_optim_step(s.state, symo_test_in(&s.grad), symo_test_out(&s.params), NULL));
  symo_test_vector_get(&s.params, s.theta);
  cr_assert(memcmp(before, s.theta, s.w.n * sizeof *before) == 0);
  symo_stepper_close(&s);
}

Test(optim_step, missing_arrays_are_named) {
  symo_test_stepper s;
  symo_stepper_open(&s, net, SYMO_F64, 21, false);
  symo_stepper_preset(&s, "adam", "");
  void *data[5];
  memcpy(data, s.params.data, sizeof data);
  data[3] = NULL;
  cr_fails(s.w.context, SYMO_E_ARGUMENT, "b2",
           symo_optim_step(s.state, symo_test_in(&s.grad), symo_vector_of(SYMO_F64, data), NULL));
  cr_fails(s.w.context, SYMO_E_ARGUMENT, "gradient",
           symo_optim_step(s.state, (symo_const_vector){0}, symo_test_out(&s.params), NULL));
  symo_stepper_close(&s);
}

Test(optim_step, threads_do_not_change_the_numbers) {
  cr_assert_eq(symo_set_threads(1), SYMO_OK); /* of BLAS, as the contract has it */
  static const char *const presets[] = {"adam", "symo-bd", "muon", "soap"};
  for (int p = 0; p < 4; p++) {
    double first[80];
    for (int threads = 1; threads <= 2; threads++) {
      symo_test_stepper s;
      symo_stepper_open(&s, net, SYMO_F64, 22, false);
      symo_method method = symo_stepper_method(&s, presets[p], "");
      symo_rule rules[4];
      symo_optim_spec spec = symo_optim_spec_default();
      cr_ok(s.w.context, symo_optim_preset_rules(s.w.context, &method, &spec.num_rules, rules));
      spec.rules = rules;
      spec.threads = threads;
      cr_ok(s.w.context, symo_optim_create(s.w.layout, &spec, &s.optim));
      cr_ok(s.w.context, symo_optim_state_create(s.optim, &s.state));
      for (int t = 0; t < 5; t++) symo_stepper_random(&s, 1);
      if (threads == 1) memcpy(first, s.theta, s.w.n * sizeof *first);
      cr_assert(memcmp(first, s.theta, s.w.n * sizeof *first) == 0, "%s", presets[p]);
      symo_stepper_close(&s);
    }
  }
}

/* Lengths that follow from the settings alone, for five tensors. */
Test(optim_step, lengths_are_as_set) {
  static const struct {
    const char *preset, *settings;
    double length; /* of the step; < 0: of every entry, root mean square */
  } rows[] = {
      {"sgd", "lr=0.1 clip_norm=0.25", 0.025},
      {"normalized-sgd", "lr=0.1 momentum=0.9 source=momentum", 0.1 * 2.2360679774997896964},
      {"symo", "lr=0.1", -0.1},
      {"symo", "lr=0.1 graft=sgd", -0.1},
      {"sgd", "lr=0.1 scale=unit-rms momentum=0.5", -0.1},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    symo_test_stepper s;
    symo_stepper_open(&s, net, SYMO_F64, 23, false);
    symo_stepper_preset(&s, rows[i].preset, rows[i].settings);
    for (int t = 0; t < 5; t++) {
      symo_step_report r = symo_stepper_random(&s, 1);
      double expected = rows[i].length;
      if (expected < 0) expected = -expected * sqrt((double)s.w.n);
      cr_assert(fabs(r.update_norm - expected) <= 1e-12 * expected, "%zu: %g, %g", i, r.update_norm,
                expected);
    }
    symo_stepper_close(&s);
  }
}

/* ---- rates ---- */

/* A rate that is set counts as if the method had it, with warm-up and schedule, and from the next
 * step on. */
Test(optim_step, a_rate_that_is_set_is_that_of_the_method) {
  static const char *const presets[] = {"adamw", "symo", "muon", "soap", "sgd"};
  for (int k = 0; k < 5; k++)
    for (int f32 = 0; f32 < 2; f32++) {
      symo_dtype dtype = f32 ? SYMO_F32 : SYMO_F64;
      symo_test_stepper a, b;
      symo_stepper_open(&a, net, dtype, 12, false);
      symo_stepper_open(&b, net, dtype, 12, false);
      symo_stepper_preset(&a, presets[k], "lr=0.5 schedule=exponential rate=0.9 warmup_steps=2");
      symo_stepper_preset(&b, presets[k], "lr=0.03 schedule=exponential rate=0.9 warmup_steps=2");
      for (int t = 0; t < 6; t++) {
        cr_ok(b.w.context, symo_optim_state_set_lr(b.state, 0, 0.5));
        symo_step_report x = symo_stepper_random(&a, 1), y = symo_stepper_random(&b, 1);
        cr_assert(x.lr == y.lr && memcmp(a.theta, b.theta, a.w.n * sizeof *a.theta) == 0,
                  "%s, step %d", presets[k], t);
        cr_assert(x.update_norm > 0 || t == 0, "%s, step %d: nothing moved", presets[k], t);
      }
      cr_ok(b.w.context, symo_optim_state_set_lr(b.state, 0, 0.0625));
      symo_step_report x = symo_stepper_random(&a, 1), y = symo_stepper_random(&b, 1);
      cr_assert(y.lr == x.lr / 8, "%s: %g, %g", presets[k], y.lr, x.lr);
      cr_assert(symo_optim_state_set_lr(b.state, 0, -1) == SYMO_E_ARGUMENT);
      y = symo_stepper_random(&b, 1);
      cr_assert(y.lr > 0, "a rate that is refused changes nothing");
      symo_stepper_drop(&a);
      symo_stepper_close(&b);
    }
}
