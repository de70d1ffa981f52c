/* Estimates with scaling spaces whose windows are narrow or wide, and numbers far from one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/world.h"

static const char *const flags[] = {"", ", signs", ", permute", ", signs, permute"};
static const char *const plain[] = {"identity", "sign-flip", "permutation", "signed-permutation"};
enum { FLAGS = sizeof flags / sizeof *flags };

/* ---- limits of the window ---- */

static double *estimate_text(symo_world *w, const char *text, const char *estimator,
                             uint64_t seed) {
  symo_world_parse(w, text);
  symo_rng *rng = symo_test_rng(w->context, seed);
  symo_test_batch g = symo_test_batch_make(w->layout, SYMO_F64, rng, 80);
  symo_test_batch t = symo_test_batch_make(w->layout, SYMO_F64, rng, 80);
  symo_test_case how = {.estimator = estimator, .dtype = SYMO_F64};
  double *out = symo_world_dense(w, &how, &g, &t);
  symo_test_batch_free(&g);
  symo_test_batch_free(&t);
  symo_rng_destroy(rng);
  return out;
}

Test(scaling_windows, small_windows_are_the_structure_group) {
  static const char *const estimators[] = {"covariance", "h-g", "h-g-bd", "h-pd", "h-star"};
  symo_world w;
  symo_world_open(&w, 8);
  for (size_t f = 0; f < FLAGS; f++)
    for (size_t e = 0; e < sizeof estimators / sizeof *estimators; e++) {
      char a[256], b[256];
      static const char tail[] = "in: identity 2; w1[h,in] b1[h] r[h,h*] w2[in,h*] b2[in]";
      snprintf(a, sizeof a, "h: scaling(1e-7%s) 3; %s", flags[f], tail);
      snprintf(b, sizeof b, "h: %s 3; %s", plain[f], tail);
      double *x = estimate_text(&w, a, estimators[e], 9);
      double *y = estimate_text(&w, b, estimators[e], 9);
      cr_assert(symo_test_rel(x, y, w.n * w.n) <= 1e-9, "%s: %s", estimators[e], a);
      free(x);
      free(y);
    }
  symo_world_close(&w);
}

/* Over k2, what is left as the window grows is the blocks of equal units and sides: opposite sides
 * of a unit go like 1/k2, different units like k1^2 / k2 -> 1/a, or are gone with signs. */
Test(scaling_windows, large_windows_are_block_diagonal) {
  symo_world w;
  symo_world_open(&w, 10);
  for (int signs = 0; signs < 2; signs++)
    for (int a = 5; a <= 20; a += 5) {
      char text[256];
      double k2 = sinh(2.0 * a) / (2.0 * a), k1 = sinh((double)a) / a;
      snprintf(text, sizeof text, "in: identity 2; h: scaling(%d%s) 3; w[h,in] b[h] v[in,h*]", a,
               signs ? ", signs" : "");
      double *c = estimate_text(&w, text, "covariance", 11);
      double *raw = estimate_text(&w, "in: identity 2; h: identity 3; w[h,in] b[h] v[in,h*]",
                                  "covariance", 11);
      static const size_t unit[15] = {0, 0, 1, 1, 2, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2};
      for (size_t i = 0; i < 15; i++)
        for (size_t j = 0; j < 15; j++) {
          bool side = (i < 9) == (j < 9), same = unit[i] == unit[j];
          double factor = same ? (side ? 1 : 1 / k2) : signs ? 0 : k1 * k1 / k2;
          double found = c[i * 15 + j] / k2, expected = factor * raw[i * 15 + j];
          cr_assert(fabs(found - expected) <= 1e-13 * fabs(expected), "%s", text);
          if (!same) cr_assert(fabs(found) <= 1.01 / a * fabs(raw[i * 15 + j]));
          if (same && !side) cr_assert(fabs(found) <= 1e-3 * fabs(raw[i * 15 + j]));
        }
      free(c);
      free(raw);
    }
  symo_world_close(&w);
}

/* ---- range ---- */

/* Gradients times s, parameters times r: estimates scale as their definitions say. */
Test(scaling_windows, numbers_far_from_one) {
  static const char *const estimators[] = {"covariance", "h-g", "h-g-bd", "h-pd", "h-star"};
  static const int grad_power[] = {2, 1, 1, 1, 1}, param_power[] = {0, 0, 0, -1, -1};
  symo_world w;
  symo_world_open(&w, 12);
  symo_world_parse(&w, "in: identity 2; h: scaling(8, permute) 3; w1[h,in] b1[h] w2[in,h*] b2[in]");
  for (size_t e = 0; e < sizeof estimators / sizeof *estimators; e++) {
    symo_test_batch g = symo_test_batch_make(w.layout, SYMO_F32, w.rng, 60);
    symo_test_batch t = symo_test_batch_make(w.layout, SYMO_F32, w.rng, 60);
    symo_test_case how = {.estimator = estimators[e], .dtype = SYMO_F32};
    double *before = symo_world_dense(&w, &how, &g, &t);
    symo_test_batch_scale(&g, e == 0 ? 0x1p30 : 0x1p-80);
    symo_test_batch_scale(&t, 0x1p-60);
    double *after = symo_world_dense(&w, &how, &g, &t);
    double back = ldexp(1, -(e == 0 ? 30 : -80) * grad_power[e] + 60 * param_power[e]);
    for (size_t i = 0; i < w.n * w.n; i++) after[i] *= back;
    cr_assert(symo_test_rel(after, before, w.n * w.n) <= 1e-3, "%s: %g", estimators[e],
              symo_test_rel(after, before, w.n * w.n));
    free(before);
    free(after);
    symo_test_batch_free(&g);
    symo_test_batch_free(&t);
  }
  symo_world_close(&w);
}

/* Moments near the end of float32: k2^2 = 8e30. */
Test(scaling_windows, wide_windows_in_float32) {
  static const char *const estimators[] = {"covariance", "h-g", "h-g-bd", "h-pd", "h-star"};
  symo_world w;
  symo_world_open(&w, 16);
  symo_world_parse(&w, "h: scaling(20, permute) 3; g: scaling(20) 2; w1[h] w2[g,h*] w3[g*]");
  symo_test_batch g = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 40);
  symo_test_batch t = symo_test_batch_make(w.layout, SYMO_F32, w.rng, 40);
  symo_test_batch narrow = symo_test_batch_make(w.layout, SYMO_F32, w.rng, 40);
  for (size_t k = 0; k < 40; k++) symo_test_vector_set(&narrow.vectors[k], g.flat + k * w.n);
  for (size_t e = 0; e < sizeof estimators / sizeof *estimators; e++) {
    symo_test_case how = {.estimator = estimators[e], .dtype = SYMO_F32};
    double *found = symo_world_dense(&w, &how, &narrow, &t);
    cr_assert(isfinite(symo_dense_norm(w.n, found)), "%s", estimators[e]);
    if (e < 3) {
      how.dtype = SYMO_F64;
      double *expected = symo_world_dense(&w, &how, &g, NULL);
      cr_assert(symo_test_rel(found, expected, w.n * w.n) <= 1e-5, "%s", estimators[e]);
      free(expected);
    }
    free(found);
  }
  symo_test_batch_free(&g);
  symo_test_batch_free(&t);
  symo_test_batch_free(&narrow);
  symo_world_close(&w);
}

/* Orbit means take away nearly everything where the window is narrow; what rounding leaves of that
 * is not taken for a direction.  One unit with two incoming weights: with g and t of one gradient
 * and point, C_t is a multiple of t t', so M = |cos(g, t)| |g| / |t| times the projector on t. */
Test(scaling_windows, centred_in_narrow_windows) {
  static const double windows[] = {1, 0.1, 0.03, 0.01, 0.001};
  symo_world w;
  symo_world_open(&w, 431);
  for (int k = 0; k < 5; k++) {
    char text[80];
    snprintf(text, sizeof text, "s: scaling(%g) 1; a[s] b[s]", windows[k]);
    symo_world_parse(&w, text);
    symo_test_batch g = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 1);
    symo_test_batch t = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 1);
    symo_test_case how = {"h-pd", SYMO_F64, true, false, 0};
    double *found = symo_world_dense(&w, &how, &g, &t), wanted[4];
    const double *x = g.flat, *y = t.flat;
    double tt = y[0] * y[0] + y[1] * y[1], factor = fabs(x[0] * y[0] + x[1] * y[1]) / (tt * tt);
    for (int i = 0; i < 4; i++) wanted[i] = factor * y[i / 2] * y[i % 2];
    cr_assert(symo_test_rel(found, wanted, 4) <= 1e-8, "window %g", windows[k]);
    free(found);
    symo_test_batch_free(&g);
    symo_test_batch_free(&t);
    symo_world_drop(&w);
  }
  symo_world_close(&w);
}
