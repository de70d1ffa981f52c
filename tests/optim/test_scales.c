/* Steps of c g for powers of two c from the smallest to the largest number of the type: those of g,
 * times the power of c that the method has. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/linalg.h"
#include "groups/plan/layout.h"
#include "tests/support/stepping.h"

enum { N = 96, STEPS = 3 };

static const char coupled[] = "i: identity 5; a: signed-permutation 6; o: identity 3; "
                              "w1[a,i] b1[a] w2[o,a] b2[o]";
/* As muon wants them: matrices alone. */
static const char matrices[] = "i: identity 5; a: signed-permutation 6; o: identity 3; "
                               "w1[a,i] w2[o,a]";
/* As bases want them: no eigenvalue is zero, so that no eigenvector is anything. */
static const char full[] = "i: identity 3; a: signed-permutation 6; w[a,i]";
static const char square[] = "i: identity 4; a: signed-permutation 4; w[a,i]";

typedef struct scale_case {
  const char *layout, *preset, *settings;
  double degree; /* of the step in c */
} scale_case;

static const scale_case cases[] = {
    {coupled, "symo-published", "lr=0.5", 0},
    {coupled, "symo-published", "centered=true beta2=0.5", 0},
    {coupled, "symo-published", "groups=sign-flip", 0},
    {coupled, "symo-published", "alpha=0.5", 0.5},
    {coupled, "symo-published", "scale=unit-rms graft=sgd", 0},
    {coupled, "symo-published", "graft=sgd", 1},
    {coupled, "symo-published", "basis=column refresh_every=2", 0},
    {full, "symo-published", "basis=adam refresh_every=2 momentum=0.9", 0},
    {coupled, "symo-published", "source=momentum momentum=0.9 skip_tolerance=0.1", 0},
    {coupled, "symo-published", "damping=trace eps=0.01 solver=coupled-newton", 0},
    {coupled, "symo-published", "curvature=orbit-blocked lr=1", 0},
    {coupled, "symo-coupled", "", 0},
    {coupled, "symo-bd", "", 0},
    {coupled, "symo-stateless", "", 0},
    {coupled, "symo-stateless", "alpha=0.5 scale=none", 0.5},
    {matrices, "muon", "", 0},
    {matrices, "muon", "scale=match-rms", 0},
    {matrices, "muon-exact", "", 0},
    {coupled, "normalized-sgd", "", 0},
    {coupled, "normalized-sgd", "momentum=0.9 beta2=0.9 source=momentum mean=true", 0},
    {matrices, "adagrad-full", "eps=0", 0},
    {matrices, "shampoo", "eps=0 damping=trace", 0},
    {matrices, "shampoo", "damping=trace eps=1e-3 momentum=0 beta2=0", 0},
    {matrices, "shampoo", "damping=trace eps=1e-3 beta2=0.9 alpha=0.5", 0.5},
    {square, "soap", "eps=0 weight_decay=0", 0},
    {coupled, "sgd", "scale=unit-rms", 0},
    {coupled, "sgd", "scale=unit-rms momentum=0.9", 0},
    {coupled, "sgd", "lr=1", 1},
    {coupled, "sgd", "lr=0.1 momentum=0.9 nesterov=true", 1},
};
enum { CASES = sizeof cases / sizeof *cases };

static double round_to(symo_dtype dtype, double x) {
  return dtype == SYMO_F32 ? (double)(float)x : x;
}

/* What the gradient 2^c g of the type is over 2^c: as good as g, less what its last bits lose. */
static double as_taken(symo_dtype dtype, double g, int c) {
  return ldexp(round_to(dtype, ldexp(g, c)), -c);
}

static int least_of(symo_dtype dtype) { return dtype == SYMO_F32 ? -149 : -1074; }
static int most_of(symo_dtype dtype) { return dtype == SYMO_F32 ? 127 : 1023; }

/* One step from zero parameters, of g 2^c; the change over 2^d. */
static void change_of(symo_test_stepper *s, const double *g, int c, double *out) {
  double zero[N] = {0};
  symo_stepper_set(s, zero);
  for (size_t i = 0; i < s->w.n; i++) s->g[i] = ldexp(g[i], c);
  symo_step_report report = symo_stepper_step(s);
  cr_assert(report.accepted && report.failed_roots == 0);
  for (size_t i = 0; i < s->w.n; i++) out[i] = s->theta[i];
}

/* The largest difference beside the largest entry, tensor by tensor; what the step itself loses as
 * it is subnormal is no difference. */
static double apart(const symo_test_stepper *s, const double *a, const double *b, double lost) {
  double most = 0;
  size_t at = 0;
  for (size_t t = 0; t < symo_layout_num_tensors(s->w.layout); t++) {
    size_t n = s->w.layout->tensors[t].size;
    double size = 0, off = 0;
    for (size_t i = at; i < at + n; i++) {
      size = fmax(size, fabs(b[i]));
      off = fmax(off, fmax(fabs(a[i] - b[i]) - lost, 0));
      if (!isfinite(a[i])) return INFINITY;
    }
    most = fmax(most, size > 0 ? off / size : off > 0 ? INFINITY : 0);
    at += n;
  }
  return most;
}

static void compare(const scale_case *k, symo_dtype dtype, int c) {
  symo_test_stepper far, near;
  double degree = k->degree * c;
  symo_stepper_open(&far, k->layout, dtype, 70, false);
  symo_stepper_open(&near, k->layout, dtype, 70, false);
  symo_stepper_preset(&far, k->preset, k->settings);
  symo_stepper_preset(&near, k->preset, k->settings);
  cr_assert(far.w.n <= N);
  /* Squares are summed and roots of them taken of other numbers than near 1, by other paths: near
   * the rounding of a root of what is singular to a thousandth. */
  double tolerance = 2000 * symo_epsilon(dtype);
  for (int t = 0; t < STEPS; t++) {
    double g[N], a[N], b[N];
    for (size_t i = 0; i < far.w.n; i++)
      g[i] = as_taken(dtype, 2 * symo_rng_uniform(far.w.rng) - 1, c);
    change_of(&near, g, 0, b);
    change_of(&far, g, c, a);
    for (size_t i = 0; i < far.w.n; i++)
      a[i] = ldexp(a[i], -(int)floor(degree)) * exp2(floor(degree) - degree);
    double lost = degree == 0 ? 0 : ldexp(4, least_of(dtype) - (int)floor(degree));
    double off = apart(&far, a, b, lost);
    cr_assert(off <= tolerance, "%s %s, %s, 2^%d, step %d: %g", k->preset, k->settings,
              symo_dtype_name(dtype), c, t + 1, off);
  }
  symo_stepper_drop(&far);
  symo_stepper_drop(&near);
}

Test(optim_scales, steps_of_all_powers_of_two) {
  for (size_t k = 0; k < CASES; k++)
    for (int narrow = 0; narrow < 2; narrow++) {
      symo_dtype dtype = narrow ? SYMO_F32 : SYMO_F64;
      int least = least_of(dtype), most = most_of(dtype), step = narrow ? 23 : 233;
      for (int c = least; c < most; c += step) compare(&cases[k], dtype, c);
      compare(&cases[k], dtype, most);
    }
  cr_no_leaks();
}

/* ---- tensors of their own size ---- */

static const char mixed[] = "a: identity 4; b: signed-permutation 4; w[a,b] c[a]";

/* Tensor 1 far below tensor 0, or above: float32 against float64, which holds both.  With curvature
 * of all tensors together each of these has a label of its own. */
Test(optim_scales, tensors_far_apart) {
  static const struct {
    const char *preset, *settings;
  } method[] = {
      {"symo-published", ""},
      {"symo-published", "source=momentum momentum=0.9 beta2=0.5"},
      {"symo-published", "curvature=orbit-blocked"},
      {"symo-stateless", "groups=layout"},
      {"muon-exact", "groups=layout"},
      {"shampoo", "eps=0 damping=trace"},
      {"normalized-sgd", "momentum=0.9 source=momentum"},
  };
  for (size_t k = 0; k < 7 * 4; k++) {
    static const int powers[4][2] = {{0, -140}, {-149, 0}, {127, -130}, {-60, 126}};
    symo_test_stepper narrow, wide;
    symo_stepper_open(&narrow, mixed, SYMO_F32, 81, false);
    symo_stepper_open(&wide, mixed, SYMO_F64, 81, false);
    symo_stepper_preset(&narrow, method[k / 4].preset, method[k / 4].settings);
    symo_stepper_preset(&wide, method[k / 4].preset, method[k / 4].settings);
    for (int t = 0; t < STEPS; t++) {
      double g[N], a[N], b[N];
      for (size_t i = 0; i < narrow.w.n; i++) {
        int c = powers[k % 4][i >= 16];
        g[i] = ldexp(as_taken(SYMO_F32, 2 * symo_rng_uniform(narrow.w.rng) - 1, c), c);
      }
      change_of(&narrow, g, 0, a);
      change_of(&wide, g, 0, b);
      double off = apart(&narrow, a, b, 0);
      cr_assert(off <= 2000 * symo_epsilon(SYMO_F32), "%s %s, %d, step %d: %g",
                method[k / 4].preset, method[k / 4].settings, (int)(k % 4), t + 1, off);
    }
    symo_stepper_drop(&narrow);
    symo_stepper_drop(&wide);
  }
  cr_no_leaks();
}

/* One entry, the smallest there is, then nothing, then ordinary gradients: as for an entry of 1. */
Test(optim_scales, one_entry_and_none) {
  for (size_t k = 0; k < 2 * CASES; k++) {
    const scale_case *p = &cases[k / 2];
    symo_dtype dtype = k % 2 == 0 ? SYMO_F32 : SYMO_F64;
    if (p->degree != 0) continue;
    symo_test_stepper far, near;
    symo_stepper_open(&far, p->layout, dtype, 82, false);
    symo_stepper_open(&near, p->layout, dtype, 82, false);
    symo_stepper_preset(&far, p->preset, p->settings);
    symo_stepper_preset(&near, p->preset, p->settings);
    for (int t = 0; t < 4; t++) {
      double g[N] = {0}, a[N], b[N];
      if (t < 2) g[7] = t == 0 ? 1 : 0;
      if (t == 3) symo_test_randn(far.w.rng, g, far.w.n);
      change_of(&near, g, 0, b);
      change_of(&far, g, t == 0 ? least_of(dtype) : 0, a);
      for (size_t i = 0; i < far.w.n; i++) cr_assert(isfinite(a[i]));
      if (t < 2) {
        double off = apart(&far, a, b, 0);
        cr_assert(off <= 2000 * symo_epsilon(dtype), "%s %s, %s, step %d: %g", p->preset,
                  p->settings, symo_dtype_name(dtype), t + 1, off);
      }
    }
    symo_stepper_drop(&far);
    symo_stepper_drop(&near);
  }
  cr_no_leaks();
}

/* eps of Adam is absolute: the first step is lr g / (|g| + eps).  Squares that overflow are
 * refused. */
Test(optim_scales, adam_is_as_published) {
  static const char *const presets[] = {"adam", "adamw"};
  for (int k = 0; k < 4; k++)
    for (int c = least_of(SYMO_F32); c < 128; c += 23) {
      symo_dtype dtype = k % 2 == 0 ? SYMO_F32 : SYMO_F64;
      symo_test_stepper s;
      double zero[N] = {0};
      symo_stepper_open(&s, coupled, dtype, 83, false);
      symo_stepper_preset(&s, presets[k / 2], "weight_decay=0 lr=0.5");
      symo_stepper_set(&s, zero);
      for (size_t i = 0; i < s.w.n; i++)
        s.g[i] = ldexp(as_taken(dtype, 2 * symo_rng_uniform(s.w.rng) - 1, c), c);
      symo_step_report report = symo_stepper_step(&s);
      cr_assert(report.accepted == !(dtype == SYMO_F32 && c > 60));
      for (size_t i = 0; i < s.w.n && report.accepted; i++) {
        long double g = s.g[i], want = -0.5L * (g / (fabsl(g) + 1e-8L));
        /* A running mean of a subnormal is that over 10, rounded as one, before eps divides it. */
        double lost = dtype == SYMO_F32 ? 1e9 * 0x1p-149 : 0;
        cr_assert(fabs(s.theta[i] - (double)want) <=
                      10 * symo_epsilon(dtype) * fabs((double)want) + lost,
                  "%s, 2^%d: %g, %g", presets[k / 2], c, s.theta[i], (double)want);
      }
      symo_stepper_drop(&s);
    }
  cr_no_leaks();
}

/* Norms that float64 cannot hold are clipped to what is asked for; what parameters cannot hold is
 * refused by the tensor's name, and they stay as they are. */
Test(optim_scales, clipping_and_the_end_of_the_range) {
  symo_test_stepper s;
  double zero[N] = {0}, sum = 0;
  symo_stepper_open(&s, matrices, SYMO_F64, 84, false);
  symo_stepper_preset(&s, "sgd", "lr=1 clip_norm=1");
  symo_stepper_set(&s, zero);
  for (size_t i = 0; i < s.w.n; i++) s.g[i] = (i % 2 == 0 ? 1 : -0.5) * 0x1p1023;
  symo_step_report report = symo_stepper_step(&s);
  cr_assert(report.accepted && report.gradient_norm > 0x1p1023);
  for (size_t i = 0; i < s.w.n; i++) {
    cr_assert(s.theta[i] * s.g[i] < 0);
    sum += s.theta[i] * s.theta[i];
  }
  cr_assert(fabs(sum - 1) <= 1e-13 && fabs(report.update_norm - 1) <= 1e-13);
  symo_stepper_preset(&s, "sgd", "lr=4");
  symo_stepper_set(&s, zero);
  symo_test_vector_set(&s.grad, s.g);
  cr_fails(s.w.context, SYMO_E_NUMERIC, "the step of tensor w1 overflows f64",
           symo_optim_step(s.state, symo_test_in(&s.grad), symo_test_out(&s.params), NULL));
  symo_test_vector_get(&s.params, s.theta);
  cr_assert(memcmp(s.theta, zero, s.w.n * sizeof *zero) == 0);
  symo_stepper_close(&s);
}

/* A run that converges: gradients shrink through all that the type holds, are zero for a while, and
 * come back.  No step fails, and ordinary steps follow. */
Test(optim_scales, runs_go_on_at_the_bottom) {
  enum { DOWN = 120, ZEROS = 10, AFTER = 5 };
  for (size_t k = 0; k < 2 * (CASES + 2); k++) {
    static const scale_case more[] = {{coupled, "adam", "", 0}, {coupled, "soap", "", 0}};
    const scale_case *p = k / 2 < CASES ? &cases[k / 2] : &more[k / 2 - CASES];
    symo_dtype dtype = k % 2 == 0 ? SYMO_F32 : SYMO_F64;
    double by = (double)(10 - least_of(dtype)) / DOWN; /* binary digits a step */
    symo_test_stepper s;
    symo_stepper_open(&s, p->layout, dtype, 85, false);
    symo_stepper_preset(&s, p->preset, p->settings);
    for (int t = 0; t < DOWN + ZEROS + AFTER; t++) {
      double size = t < DOWN ? exp2(-by * t) : t < DOWN + ZEROS ? 0 : 1;
      symo_step_report report = symo_stepper_random(&s, size);
      cr_assert(report.accepted && report.failed_roots == 0 && isfinite(report.update_norm),
                "%s %s, %s, step %d", p->preset, p->settings, symo_dtype_name(dtype), t + 1);
      for (size_t i = 0; i < s.w.n; i++) cr_assert(isfinite(s.theta[i]));
    }
    symo_stepper_drop(&s);
  }
  cr_no_leaks();
}
