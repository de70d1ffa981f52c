/* Steps that are made in one pass over memory, against recursions written down operation by
 * operation, bit for bit; and what such a step must leave as it was. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "optim/optim.h"
#include "tests/support/stepping.h"

#include <symo/io.h>

/* Tensors of one number, of odd lengths, of one strip and one more, of one chunk and more. */
static const char layout[] =
    "a: identity 7; b: identity 73; c: identity 27; d: identity 19; e: identity 513; "
    "f: identity 65537; w1[] w2[a] w3[b,a] w4[c,d] w5[e] w6[f] w7[c,a,d]";

enum { STEPS = 4 };

typedef struct entries_case {
  const char *preset, *settings;
  double largest; /* of gradients */
} entries_case;

static double norm_of(size_t n, const double *x) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * x[i];
  return sqrt(sum);
}

static bool same_bits(double a, double b) { return memcmp(&a, &b, sizeof a) == 0; }

/* Normal numbers, zeros, subnormal ones, and some that are large. */
static void make_gradient(symo_test_stepper *s, const entries_case *c, uint64_t t) {
  double tiny = s->dtype == SYMO_F32 ? 0x1p-149 : 0x1p-1074;
  symo_test_randn(s->w.rng, s->g, s->w.n);
  for (size_t i = 0; i < s->w.n; i++) {
    if (i % 11 == t % 11) s->g[i] = 0;
    if (i % 13 == 5) s->g[i] = tiny * (double)(i % 1000);
    if (i % 17 == 3) s->g[i] *= c->largest;
  }
  symo_test_vector_set(&s->grad, s->g);
  symo_test_vector_get(&s->grad, s->g);
}

static double *scales_of(symo_test_stepper *s, const symo_method *m) {
  double *scale = malloc(s->w.n * sizeof *scale);
  for (size_t i = 0, at = 0; i < symo_layout_num_tensors(s->w.layout); i++) {
    size_t size = symo_layout_tensor_size(s->w.layout, i);
    double rows = i == 0 ? 1 : (double)symo_layout_axis_dim(s->w.layout, i, 0);
    double columns = (double)size / rows, factor = 1;
    if (m->scale == SYMO_SCALE_SHAPE) factor = sqrt(fmax(1, rows / columns));
    if (m->scale == SYMO_SCALE_MATCH_RMS) factor = 0.2 * sqrt(fmax(rows, columns));
    for (size_t k = 0; k < size; k++) scale[at++] = factor;
  }
  return scale;
}

/* The length of the change: its entries are rounded as parameters. */
static void check_report(const symo_test_stepper *s, const entries_case *c,
                         const symo_step_report *r, double length, bool finite) {
  double bound = symo_test_bound(s->dtype, s->w.n, 1) * norm_of(s->w.n, s->theta);
  cr_assert(finite && r->accepted && r->update_norm > 0);
  cr_assert(fabs(r->update_norm - length) <= bound + 1e-6 * length, "%s %s: %g, %g", c->preset,
            c->settings, r->update_norm, length);
  double norm = norm_of(s->w.n, s->g);
  cr_assert(fabs(r->gradient_norm - norm) <= symo_test_bound(SYMO_F64, s->w.n, 1) * norm);
}

#define SYMO_KERNELS "tests/optim/entries.inc"
#include "core/real.h"

static const entries_case cases[] = {
    {"adamw", "", 1e6},
    {"adamw", "lr=0.1 weight_decay=0.3 eps=1e-4", 1e3},
    {"adamw", "weight_decay=0 momentum_correction=false", 1e3},
    {"adamw", "nesterov=true", 1e3},
    {"adamw", "momentum=0", 1e3},
    {"adamw", "source=momentum", 1e3},
    {"adamw", "statistics_every=3", 1e3},
    {"adamw", "beta2=1 correction=false", 1e3},
    {"adamw", "alpha=0.5", 1e3},
    {"adamw", "alpha=0", 1e3},
    {"adamw", "clip_norm=0.5 clip_value=0.01", 1e3},
    {"adamw", "clip_value=0.25 momentum=0", 1e3},
    {"adamw", "scale=match-rms", 1e3},
    {"adam", "", 1e15},
    {"adam", "weight_decay=0.1 nesterov=true", 1e3},
    {"sgd", "", 1e6},
    {"sgd", "lr=0.1 momentum=0.9", 1e3},
    {"sgd", "lr=0.1 momentum=0.9 nesterov=true weight_decay=0.01", 1e3},
    {"sgd", "momentum=0.9 momentum_ema=true momentum_correction=true clip_norm=2", 1e3},
    {"sgd", "momentum=0.8 clip_value=0.5 decay=decoupled weight_decay=0.1 scale=shape", 1e3},
};
enum { CASES = sizeof cases / sizeof *cases };

Test(optim_entries, are_their_recursions_to_the_last_bit) {
  for (size_t k = 0; k < CASES; k++)
    for (int way = 0; way < 4; way++) {
      const bool strided = way == 3, reported = way == 1, looked = way == 2;
      follow_f32(&cases[k], strided, reported, looked);
      follow_f64(&cases[k], strided, reported, looked);
    }
}

/* ---- threads ---- */

Test(optim_entries, do_not_depend_on_threads) {
  static const char *const settings[] = {"clip_norm=1", "weight_decay=0"};
  cr_assert_eq(symo_set_threads(1), SYMO_OK);
  for (int k = 0; k < 4; k++) {
    symo_step_report first = {0}, now = {0};
    double *one = NULL;
    for (int threads = 1; threads <= 3; threads++) {
      symo_test_stepper s;
      symo_stepper_open(&s, layout, k % 2 == 0 ? SYMO_F32 : SYMO_F64, 92, false);
      symo_method method = symo_stepper_method(&s, "adamw", settings[k / 2]);
      symo_rule rule = symo_stepper_rule(&method);
      symo_optim_spec spec = symo_optim_spec_default();
      spec.num_rules = 1, spec.rules = &rule, spec.dtype = s.dtype, spec.threads = threads;
      cr_ok(s.w.context, symo_optim_create(s.w.layout, &spec, &s.optim));
      cr_ok(s.w.context, symo_optim_state_create(s.optim, &s.state));
      for (int t = 0; t < 3; t++) now = symo_stepper_random(&s, 1);
      if (threads == 1) {
        first = now;
        one = malloc(s.w.n * sizeof *one);
        memcpy(one, s.theta, s.w.n * sizeof *one);
      }
      cr_assert(memcmp(one, s.theta, s.w.n * sizeof *one) == 0, "%d threads", threads);
      cr_assert(same_bits(first.update_norm, now.update_norm));
      cr_assert(same_bits(first.gradient_norm, now.gradient_norm));
      symo_stepper_drop(&s);
    }
    free(one);
  }
  cr_no_leaks();
}

/* ---- refusals ---- */

typedef struct snapshot {
  char *p;
  size_t n;
} snapshot;

/* All entries but the counters, without asking the state for them. */
static snapshot take(const symo_test_stepper *s) {
  const symo_optim *o = s->optim;
  snapshot x = {.n = (size_t)o->state_bytes - o->entry_offset[1]};
  x.p = malloc(x.n);
  memcpy(x.p, s->state->store + o->entry_offset[1], x.n);
  return x;
}

Test(optim_entries, are_not_begun_with_a_gradient_that_is_not_finite) {
  static const char *const presets[] = {"adamw", "sgd", "adam"};
  static const char *const settings[] = {"", "momentum=0.9 weight_decay=0.1", "clip_norm=1"};
  const double bad[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
  for (int k = 0; k < 12; k++) {
    symo_test_stepper s;
    symo_stepper_open(&s, layout, k % 2 == 0 ? SYMO_F32 : SYMO_F64, 93, false);
    symo_stepper_preset(&s, presets[k % 3], settings[k % 3]);
    symo_stepper_random(&s, 1);
    snapshot before = take(&s);
    double *theta = malloc(s.w.n * sizeof *theta);
    memcpy(theta, s.theta, s.w.n * sizeof *theta);
    symo_test_randn(s.w.rng, s.g, s.w.n);
    s.g[k < 6 ? s.w.n - 1 : s.w.n / 2] = bad[k / 3 % 3];
    symo_test_vector_set(&s.grad, s.g);
    for (int reported = 0; reported < 2; reported++) {
      symo_step_report r;
      cr_ok(s.w.context, symo_optim_step(s.state, symo_test_in(&s.grad), symo_test_out(&s.params),
                                         reported ? &r : NULL));
      snapshot after = take(&s);
      symo_test_vector_get(&s.params, s.theta);
      cr_assert(memcmp(before.p, after.p, before.n) == 0);
      cr_assert(memcmp(theta, s.theta, s.w.n * sizeof *theta) == 0);
      free(after.p);
      if (reported) cr_assert(!r.accepted && r.refused_steps == 2);
    }
    free(before.p);
    free(theta);
    symo_stepper_drop(&s);
  }
  cr_no_leaks();
}

/* Entries that the caller wrote, through a pointer that it keeps: a direction that overflows, or
 * has no root, is not taken, not even in the chunks before. */
Test(optim_entries, are_not_begun_where_written_states_overflow) {
  for (int k = 0; k < 8; k++) {
    const bool narrow = k % 2 == 0, negative = k / 2 % 2 == 1;
    symo_test_stepper s;
    symo_stepper_open(&s, "f: identity 140000; w[f]", narrow ? SYMO_F32 : SYMO_F64, 94, false);
    symo_stepper_preset(&s, "adamw", "weight_decay=0");
    void *entry = symo_stepper_entry(&s, negative ? "rule-0.w.second" : "w.momentum").data;
    double huge = negative ? -1 : narrow ? 3e38 : 1e305;
    for (int t = 0; t < k / 4 + 1; t++) symo_stepper_random(&s, 1);
    if (narrow)
      ((float *)entry)[139990] = (float)huge;
    else
      ((double *)entry)[139990] = huge;
    double *theta = malloc(s.w.n * sizeof *theta);
    memcpy(theta, s.theta, s.w.n * sizeof *theta);
    if (!negative) { /* its root has nothing in it */
      for (size_t i = 139990; i < s.w.n; i++) s.g[i] = 0;
      void *second = symo_stepper_entry(&s, "rule-0.w.second").data;
      memset((char *)second + 139990 * symo_dtype_size(s.dtype), 0, symo_dtype_size(s.dtype));
    }
    symo_test_vector_set(&s.grad, s.g);
    cr_fails(s.w.context, SYMO_E_NUMERIC, "tensor w",
             symo_optim_step(s.state, symo_test_in(&s.grad), symo_test_out(&s.params), NULL));
    symo_test_vector_get(&s.params, s.theta);
    cr_assert(memcmp(theta, s.theta, s.w.n * sizeof *theta) == 0, "%d", k);
    free(theta);
    symo_stepper_drop(&s);
  }
  cr_no_leaks();
}

/* The same from a file, behind which no pointer is kept. */
Test(optim_entries, look_at_states_that_were_read) {
  static const char path[] = "entries.safetensors";
  for (int k = 0; k < 2; k++) {
    symo_test_stepper s;
    symo_stepper_open(&s, "f: identity 140000; w[f]", k == 0 ? SYMO_F32 : SYMO_F64, 95, false);
    symo_stepper_preset(&s, "adamw", "weight_decay=0");
    symo_stepper_random(&s, 1);
    void *entry = s.state->data[1];
    memset(s.state->data[2], 0, 140000 * symo_dtype_size(s.dtype));
    for (size_t i = 0; i < 140000; i++)
      if (k == 0)
        ((float *)entry)[i] = i == 139990 ? 3e38F : 0;
      else
        ((double *)entry)[i] = i == 139990 ? 1e305 : 0;
    cr_ok(s.w.context, symo_optim_state_write(s.state, path));
    cr_assert(!s.state->shared); /* writing looks at entries, and no more */
    symo_optim_state_destroy(s.state);
    s.state = NULL;
    cr_ok(s.w.context, symo_optim_state_read(s.optim, path, 0, NULL, &s.state));
    double *theta = malloc(s.w.n * sizeof *theta);
    memcpy(theta, s.theta, s.w.n * sizeof *theta);
    memset(s.g, 0, s.w.n * sizeof *s.g);
    symo_test_vector_set(&s.grad, s.g);
    cr_fails(s.w.context, SYMO_E_NUMERIC, "tensor w",
             symo_optim_step(s.state, symo_test_in(&s.grad), symo_test_out(&s.params), NULL));
    symo_test_vector_get(&s.params, s.theta);
    cr_assert(memcmp(theta, s.theta, s.w.n * sizeof *theta) == 0);
    free(theta);
    remove(path);
    symo_stepper_drop(&s);
  }
  cr_no_leaks();
}
