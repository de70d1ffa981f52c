/* What happens to gradients and directions, each against its formula. */
#include <math.h>
#include <stdlib.h>

#include "core/linalg.h"
#include "optim/damping/damping.h"
#include "optim/update/loops.h"
#include "optim/update/moments.h"
#include "optim/update/rows.h"
#include "optim/update/update.h"
#include "tests/support/stepping.h"

static symo_method method_of(const char *preset) {
  symo_method m;
  cr_ok(NULL, symo_method_preset(NULL, preset, &m));
  return m;
}

static void schedule(symo_method *m, const char *name) {
  cr_ok(NULL, symo_method_set(NULL, m, "schedule", name));
}

static bool near(double a, double b) { return fabs(a - b) <= 1e-14 * fabs(b) + 1e-300; }

Test(optim_updates, schedules) {
  symo_method m = method_of("adam");
  m.lr = 0.3;
  for (uint64_t t = 1; t < 50; t++) cr_assert(symo_schedule_rate(&m, t) == 0.3);
  schedule(&m, "exponential");
  m.rate = 0.91;
  m.min_lr = 0.01;
  for (uint64_t t = 1; t < 100; t++) {
    double x = 0.3 * pow(0.91, (double)(t - 1));
    cr_assert(near(symo_schedule_rate(&m, t), x > 0.01 ? x : 0.01));
  }
  m.warmup_steps = 10;
  m.total_steps = 110;
  m.stable_fraction = 0.25;
  static const char *const names[] = {"constant", "exponential", "linear", "cosine", "wsd"};
  for (int k = 0; k < 5; k++) {
    schedule(&m, names[k]);
    for (uint64_t t = 1; t <= 10; t++)
      cr_assert(near(symo_schedule_rate(&m, t), 0.3 * (double)t / 10));
    cr_assert(symo_schedule_rate(&m, 11) == 0.3, "%s", names[k]);
    for (uint64_t t = 11; t < 200; t++) {
      double x = fmin(1, (double)(t - 11) / 100), expected = 0.3;
      if (k == 1) expected = fmax(0.01, 0.3 * pow(0.91, (double)(t - 11)));
      if (k == 2) expected = 0.3 - 0.29 * x;
      if (k == 3) expected = 0.01 + 0.145 * (1 + cos(acos(-1) * x));
      if (k == 4) expected = x < 0.25 ? 0.3 : 0.3 - 0.29 * (x - 0.25) / 0.75;
      cr_assert(fabs(symo_schedule_rate(&m, t) - expected) <= 1e-14, "%s %d", names[k], (int)t);
    }
  }
  schedule(&m, "wsd");
  m.stable_fraction = 1;
  cr_assert(symo_schedule_rate(&m, 110) == 0.3 && symo_schedule_rate(&m, 1000) == 0.3);
}

/* ---- kernels on strided views ---- */

enum { ROWS = 3, COLS = 5, N = ROWS * COLS };

static symo_nd view_of(double *p, bool turned) {
  symo_nd x = symo_nd_dense(SYMO_F64, p, 2, (size_t[]){ROWS, COLS});
  if (turned) {
    x.s[0] = 1;
    x.s[1] = ROWS;
  }
  return x;
}

static double entry(const double *p, bool turned, int i) {
  return turned ? p[i / COLS + i % COLS * ROWS] : p[i];
}

static void fill(double *p, uint64_t seed) {
  symo_rng *rng;
  cr_ok(NULL, symo_rng_create(NULL, seed, &rng));
  symo_test_randn(rng, p, N);
  symo_rng_destroy(rng);
}

Test(optim_updates, clipping_and_l2_decay) {
  for (int k = 0; k < 16; k++) {
    double g[N], p[N], out[N];
    bool tg = k & 1, tp = (k & 2) != 0;
    fill(g, 1);
    fill(p, 2);
    symo_method m = method_of("adam");
    m.clip_norm = k & 4 ? 0.5 : 0;
    m.clip_value = k & 8 ? 0.1 : 0;
    double norm = 3, decay = tg == tp ? 0.2 : 0;
    symo_update_gradient(&m, norm, decay, view_of(g, tg), view_of(p, tp), view_of(out, false));
    for (int i = 0; i < N; i++) {
      double x = entry(g, tg, i);
      if (k & 4) x *= 0.5 / 3;
      if (k & 8) x = fmax(-0.1, fmin(0.1, x));
      x += decay * entry(p, tp, i);
      cr_assert(fabs(out[i] - x) <= 1e-15);
    }
    m.clip_norm = 4; /* above the norm: nothing happens */
    m.clip_value = 0;
    symo_update_gradient(&m, norm, 0, view_of(g, tg), view_of(p, tp), view_of(out, false));
    for (int i = 0; i < N; i++) cr_assert(out[i] == entry(g, tg, i));
  }
}

typedef struct stretches {
  size_t count, next, length;
} stretches;

static void take_stretch(void *self, size_t n, size_t first, void *const *p, const ptrdiff_t *s) {
  stretches *t = self;
  cr_assert(first == t->next);
  t->count++, t->length = n, t->next += n;
}

/* Axes are joined as far as they lie one behind the other in every operand, and no further: dense ones
 * are one stretch, and one operand with a gap cuts all of them there. */
Test(optim_updates, loops_run_over_the_longest_stretches) {
  enum { A = 2, B = 3, C = 4 };
  static const struct {
    int axis; /* behind which there is a gap; -1: none */
    size_t count, length;
  } cases[] = {{-1, 1, A * B * C}, {0, A, B * C}, {1, A * B, C}};
  static double room[4][4 * A * B * C];
  for (int operands = 1; operands <= LOOP_MAX; operands++)
    for (int gap = 0; gap < operands; gap++)
      for (int k = 0; k < 3; k++) {
        symo_nd x[LOOP_MAX];
        stretches t = {0, 0, 0};
        for (int i = 0; i < operands; i++)
          x[i] = symo_nd_dense(SYMO_F64, room[i], 3, (size_t[]){A, B, C});
        if (cases[k].axis >= 0) x[gap].s[cases[k].axis] += 1;
        if (cases[k].axis == 1) x[gap].s[0] = B * x[gap].s[1];
        symo_loop(operands, x, take_stretch, &t);
        cr_assert(t.next == A * B * C && t.count == cases[k].count && t.length == cases[k].length,
                  "%d operands, gap %d in %d: %zu of %zu", operands, k, gap, t.count, t.length);
      }
}

/* Of every other number: those between are not looked at, and no other is overlooked. */
Test(optim_updates, second_moments_are_looked_through_by_their_strides) {
  static const double wrong[] = {-1, -1e-30, (double)NAN, -INFINITY};
  for (int type = 0; type < 2; type++)
    for (size_t stride = 1; stride <= 3; stride++)
      for (size_t at = 0; at < N * stride; at++)
        for (int k = 0; k < 4; k++) {
          const symo_dtype dtype = type ? SYMO_F32 : SYMO_F64;
          double v[3 * N] = {0};
          size_t n = N;
          symo_nd x = symo_nd_dense(dtype, v, 1, &n);
          x.s[0] = (ptrdiff_t)stride;
          for (size_t i = 0; i < N * stride; i++) symo_put(dtype, v, i, i % 4 == 0 ? 0 : (double)i);
          cr_assert(symo_update_is_second(x));
          symo_put(dtype, v, at, wrong[k]);
          cr_assert(symo_update_is_second(x) == (at % stride != 0), "%g at %zu of %zu", wrong[k],
                    at, stride);
        }
}

Test(optim_updates, momentum_variants) {
  for (int k = 0; k < 8; k++) {
    symo_method m = method_of("sgd");
    bool ema = k & 1, nesterov = (k & 2) != 0, correct = ema && (k & 4) != 0;
    m.momentum = 0.8;
    m.momentum_ema = ema;
    m.nesterov = nesterov;
    m.momentum_correction = correct;
    double store[N] = {0}, mine[N] = {0}, u[N], g[N];
    for (uint64_t t = 1; t <= 12; t++) {
      bool turned = t % 2 == 0;
      fill(g, 10 + t);
      symo_nd at = {.p = NULL};
      if (nesterov || correct) at = view_of(u, false);
      bool same = symo_update_momentum(&m, t, view_of(g, turned), view_of(store, false), at);
      cr_assert(same == !(nesterov || correct));
      for (int i = 0; i < N; i++) {
        double c = ema ? 1 - 0.8 : 1, x = entry(g, turned, i);
        mine[i] = 0.8 * mine[i] + c * x;
        double expected = nesterov ? c * x + 0.8 * mine[i] : mine[i];
        if (correct) expected /= 1 - pow(0.8, (double)t);
        cr_assert(fabs(store[i] - mine[i]) <= 1e-15);
        cr_assert(fabs((same ? store[i] : u[i]) - expected) <= 1e-14);
      }
    }
  }
}

Test(optim_updates, scale_modes) {
  static const struct {
    size_t order, shape[3];
  } shapes[] = {{2, {6, 4}}, {2, {4, 6}}, {2, {5, 5}}, {3, {8, 2, 2}}, {1, {9}}, {0, {0}}};
  symo_method m = method_of("muon");
  for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
    size_t size = 1;
    for (size_t a = 0; a < shapes[k].order; a++) size *= shapes[k].shape[a];
    double r = shapes[k].order > 0 ? (double)shapes[k].shape[0] : 1, c = (double)size / r;
    m.scale = SYMO_SCALE_SHAPE;
    cr_assert(near(symo_update_scale(&m, shapes[k].order, shapes[k].shape, 3, size),
                   sqrt(fmax(1, r / c))));
    m.scale = SYMO_SCALE_MATCH_RMS;
    cr_assert(near(symo_update_scale(&m, shapes[k].order, shapes[k].shape, 3, size),
                   0.2 * sqrt(fmax(r, c))));
    m.scale = SYMO_SCALE_UNIT_RMS;
    cr_assert(near(symo_update_scale(&m, shapes[k].order, shapes[k].shape, 3, size),
                   sqrt((double)size) / 3));
    cr_assert(symo_update_scale(&m, shapes[k].order, shapes[k].shape, 0, size) == 0);
    m.scale = SYMO_SCALE_NONE;
    cr_assert(symo_update_scale(&m, shapes[k].order, shapes[k].shape, 3, size) == 1);
  }
}

Test(optim_updates, norms_neither_overflow_nor_vanish) {
  const double scales[] = {1, 1e-30, 1e-200, 1e-300, 1e150, 1e200, 1e300};
  double x[N], y[N];
  fill(x, 3);
  double norm = 0;
  for (int i = 0; i < N; i++) norm += x[i] * x[i];
  norm = sqrt(norm);
  for (size_t k = 0; k < sizeof scales / sizeof *scales; k++) {
    for (int i = 0; i < N; i++) y[i] = x[i] * scales[k];
    double got = symo_update_norm(view_of(y, false));
    cr_assert(fabs(got / scales[k] - norm) <= 1e-13 * norm, "%g: %g", scales[k], got);
  }
  for (int i = 0; i < N; i++) y[i] = 0;
  cr_assert(symo_update_norm(view_of(y, false)) == 0);
  y[7] = 5e-324;
  cr_assert(symo_update_norm(view_of(y, false)) > 0);
  y[7] = (double)NAN;
  cr_assert(!isfinite(symo_update_norm(view_of(y, false))));
  y[7] = -(double)INFINITY;
  cr_assert(!isfinite(symo_update_norm(view_of(y, true))));
  /* The same bits however the numbers lie. */
  for (int i = 0; i < N; i++) y[i / COLS + i % COLS * ROWS] = x[i];
  cr_assert(symo_update_norm(view_of(x, false)) == symo_update_norm(view_of(y, true)));
}

Test(optim_updates, the_step_and_its_length) {
  for (int k = 0; k < 8; k++) {
    double d[N], p[N], q[N], change = 0, decay = k & 4 ? 0.3 : 0;
    fill(d, 4);
    fill(p, 5);
    memcpy(q, p, sizeof q);
    symo_nd dv = view_of(d, k & 1), pv = view_of(p, (k & 2) != 0);
    double length = symo_update_advance(0.1, decay, 2, dv, pv), r[N];
    memcpy(r, q, sizeof q);
    symo_update_apply(0.1, decay, 2, dv, view_of(r, (k & 2) != 0));
    cr_assert(memcmp(p, r, sizeof r) == 0);
    for (int i = 0; i < N; i++) {
      double old = entry(q, (k & 2) != 0, i), now = entry(p, (k & 2) != 0, i);
      double expected = (1 - 0.1 * decay) * old - 0.2 * entry(d, k & 1, i);
      cr_assert(fabs(now - expected) <= 1e-15);
      change += (now - old) * (now - old);
    }
    cr_assert(fabs(length - sqrt(change)) <= 1e-13 * length);
  }
}

Test(optim_updates, levenberg_marquardt_follows_the_ratio) {
  const symo_damping *lm = &symo_damping_levenberg_marquardt;
  static const struct {
    double ratio, factor;
    bool accept;
  } rows[] = {{1, 1 / 1.5, true}, {0.76, 1 / 1.5, true},     {0.75, 1, true},
              {0.3, 1, true},     {0.2, 1.5, true},          {0, 1.5, false},
              {-2, 1.5, false},   {(double)NAN, 1.5, false}, {(double)INFINITY, 1.5, false}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    bool accept;
    double got = lm->update(2, rows[i].ratio, &accept);
    cr_assert(near(got, 2 * rows[i].factor) && accept == rows[i].accept, "%g", rows[i].ratio);
  }
  bool accept;
  cr_assert(lm->update(0, 1, &accept) > 0 && lm->update(1e300, -1, &accept) < 1e300);
  cr_assert(lm->needs_ratio && symo_damping_trace.relative);
  cr_assert(symo_damping_is_constant(&symo_damping_constant));
  cr_assert(!symo_damping_is_constant(lm) && !symo_damping_is_constant(&symo_damping_trace));
}
