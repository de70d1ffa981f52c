/* Scaling: its parameters and elements, and the tables that its moments are applied with. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "groups/plan/moments.h"
#include "tests/support/scaling.h"

static symo_status make(symo_context *context, double window, bool signs, bool permute,
                        symo_group **out) {
  symo_group_spec spec = symo_group_spec_default("scaling");
  spec.window = window;
  spec.signs = signs;
  spec.permute = permute;
  return symo_group_create(context, &spec, out);
}

/* ---- parameters ---- */

Test(scaling, windows_are_checked) {
  symo_context *c = symo_test_context();
  symo_group *g = NULL;
  const double bad[] = {0, -1, 20.5, (double)NAN, (double)INFINITY, -(double)INFINITY};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    cr_fails(c, SYMO_E_ARGUMENT, "group scaling: window", make(c, bad[i], false, false, &g));
  cr_assert(g == NULL);
  symo_group_spec spec = symo_group_spec_default("scaling");
  spec.copies = 2;
  cr_fails(c, SYMO_E_ARGUMENT, "no parts", symo_group_create(c, &spec, &g));
  cr_ok(c, make(c, 20, true, true, &g));
  symo_group_destroy(g);
  symo_context_destroy(c);
  cr_no_leaks();
}

Test(scaling, structure_follows_the_flags) {
  static const char *const names[] = {"identity", "sign-flip", "permutation", "signed-permutation"};
  symo_context *c = symo_test_context();
  for (int k = 0; k < 4; k++) {
    symo_group *g, *same, *other;
    cr_ok(c, make(c, 0.5, k % 2, k / 2, &g));
    cr_ok(c, make(c, 0.5, k % 2, k / 2, &same));
    cr_ok(c, make(c, 0.6, k % 2, k / 2, &other));
    cr_assert_str_eq(symo_group_name(g->structure(g)), names[k]);
    cr_assert(symo_group_equal(g, same) && !symo_group_equal(g, other));
    cr_assert(symo_group_dim(g) == 0 && !symo_group_has_parameters(g));
    cr_assert(symo_group_get_spec(g)->signs == (k % 2 == 1));
    symo_generators *none;
    cr_fails(c, SYMO_E_UNSUPPORTED, "no generators", symo_group_generators(c, g, 3, &none));
    symo_group_destroy(g);
    symo_group_destroy(same);
    symo_group_destroy(other);
  }
  cr_assert(symo_scaling_spec(symo_group_find("scaling")) == NULL);
  cr_assert(symo_scaling_spec(symo_group_find("permutation")) == NULL);
  symo_context_destroy(c);
  cr_no_leaks();
}

/* Nothing that needs generators takes it as a part. */
Test(scaling, combinators_refuse_it) {
  symo_context *c = symo_test_context();
  symo_group *g, *out = NULL;
  cr_ok(c, make(c, 1, false, true, &g));
  symo_group_part parts[] = {{g, 2}, {symo_group_find("permutation"), 3}};
  symo_group_spec spec = symo_group_spec_default("product");
  spec.num_parts = 2;
  spec.parts = parts;
  cr_assert(symo_group_create(c, &spec, &out) != SYMO_OK && out == NULL);
  symo_group_destroy(g);
  symo_context_destroy(c);
  cr_no_leaks();
}

Test(scaling, moments_by_quadrature) {
  symo_context *c = symo_test_context();
  symo_group *g, *signs;
  for (double a = 1e-6; a < 4; a *= 3) {
    cr_ok(c, make(c, a, false, false, &g));
    cr_ok(c, make(c, a, true, false, &signs));
    for (int e = -4; e <= 4; e++) {
      double exact = scaling_moment(a, e), both = e % 2 == 0 ? exact : 0;
      cr_assert(fabs(symo_scaling_moment(symo_scaling_spec(g), e) / exact - 1) <= 1e-13);
      cr_assert(fabs(symo_scaling_moment(symo_scaling_spec(signs), e) - both) <= 1e-13 * exact);
    }
    symo_group_destroy(g);
    symo_group_destroy(signs);
  }
  symo_context_destroy(c);
  cr_no_leaks();
}

/* ---- elements ---- */

static double inner(size_t n, const double *x, const double *y) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
  return sum;
}

Test(scaling, elements_pair_with_their_duals) {
  symo_world w;
  symo_world_open(&w, 1);
  symo_world_parse(&w, "in: identity 2; h: scaling(0.8, signs, permute) 3; g: scaling(0.5) 2; "
                       "w[h,in] r[h,h*] v[g,h*] b[g] o[g*]");
  size_t n = w.n;
  double *v[6];
  symo_element *e;
  for (int i = 0; i < 6; i++) v[i] = symo_dense_new(n, 1);
  cr_ok(w.context, symo_element_create(w.layout, &e));
  for (int k = 0; k < 20; k++) {
    symo_dtype t = k % 2 ? SYMO_F32 : SYMO_F64;
    double limit = k % 2 ? 1e-5 : 1e-13;
    symo_test_randn(w.rng, v[0], n);
    symo_test_randn(w.rng, v[1], n);
    cr_ok(w.context, symo_element_sample(e, w.rng));
    scaling_move(&w, e, symo_element_act, t, v[0], v[2]);
    scaling_move(&w, e, symo_element_act_dual, t, v[1], v[3]);
    cr_assert(fabs(inner(n, v[2], v[3]) - inner(n, v[0], v[1])) <= limit * (double)n);
    scaling_move(&w, e, symo_element_act_inverse, t, v[2], v[4]);
    cr_assert(symo_test_rel(v[4], v[0], n) <= limit);
    scaling_move(&w, e, symo_element_act_dual_inverse, t, v[3], v[4]);
    cr_assert(symo_test_rel(v[4], v[1], n) <= limit);
    scaling_move(&w, e, symo_element_act_dual_inverse, t, v[1],
                 v[4]); /* rho', the transpose of rho */
    cr_assert(fabs(inner(n, v[2], v[1]) - inner(n, v[0], v[4])) <= 10 * limit * (double)n);
  }
  symo_element_reset(e);
  scaling_move(&w, e, symo_element_act, SYMO_F64, v[0], v[2]);
  cr_assert(symo_test_rel(v[2], v[0], n) == 0);
  for (int i = 0; i < 6; i++) free(v[i]);
  symo_element_destroy(e);
  symo_world_close(&w);
}

/* Samples stay in the window and have its moments; signs are even. */
Test(scaling, samples_are_log_uniform) {
  enum { SAMPLES = 20000 };
  symo_context *c = symo_test_context();
  symo_rng *rng = symo_test_rng(c, 2);
  symo_group *g;
  double a = 1.3, sums[5] = {0}, squares[5] = {0}, negative = 0, x[4];
  cr_ok(c, make(c, a, true, true, &g));
  for (int k = 0; k < SAMPLES; k++) {
    cr_ok(c, g->element_sample(g, 2, rng, x, NULL));
    cr_assert(x[0] + x[1] == 1 && x[0] * x[1] == 0);
    double scale = fabs(x[2]);
    cr_assert(scale >= exp(-a) && scale <= exp(a));
    negative += x[2] < 0;
    for (int e = -2; e <= 2; e++) {
      sums[e + 2] += pow(scale, e);
      squares[e + 2] += pow(scale, 2 * e);
    }
  }
  for (int e = -2; e <= 2; e++) {
    double mean = sums[e + 2] / SAMPLES, variance = squares[e + 2] / SAMPLES - mean * mean;
    cr_assert(fabs(mean - scaling_moment(a, e)) <= 5 * sqrt(variance / SAMPLES) + 1e-12);
  }
  cr_assert(fabs(negative / SAMPLES - 0.5) <= 5 * sqrt(0.25 / SAMPLES));
  symo_group_destroy(g);
  symo_rng_destroy(rng);
  symo_context_destroy(c);
  cr_no_leaks();
}

/* ---- tables of patterns ---- */

/* Of one axis and one under permutations, M_0 of the mean and M_1 of the rest make
 * (M_0 + (d - 1) M_1) / d of equal indices and (M_0 - M_1) / d of different ones. */
static void check_projectors(const pattern_table *t, size_t d) {
  cr_assert(t->num_entries == 2 && t->num_patterns == 2 && t->entry[0].irrep == 0);
  for (int k = 0; k < 2; k++) {
    const bool equal = t->block[k][0] == t->block[k][1];
    const double n = (double)d, rest = equal ? (n - 1) / n : -1 / n;
    cr_assert(t->tuples[k] == (equal ? n : n * (n - 1)));
    cr_assert(fabs(t->projector[k][0] - 1 / n) <= 1e-14, "%g", t->projector[k][0]);
    cr_assert(fabs(t->projector[k][1] - rest) <= 1e-14, "%g", t->projector[k][1]);
  }
}

/* Moments of 1 change nothing: the projectors are orthonormal, whatever the dimension. */
Test(scaling, pattern_tables_are_changes_of_basis) {
  static const char *const groups[] = {"permutation", "signed-permutation"};
  symo_context *c = symo_test_context();
  double kappa[MAX_EXPONENT + 1], map[MAX_ENTRIES * MAX_ENTRIES];
  for (int e = 0; e <= MAX_EXPONENT; e++) kappa[e] = 1;
  for (size_t g = 0; g < 2; g++)
    for (size_t d = 1; d <= 7; d++) {
      symo_irrep irreps[SYMO_MAX_IRREPS];
      symo_component components[3][SYMO_MAX_IRREPS];
      plan_space space = {.group = symo_group_find(groups[g]), .irreps = irreps};
      space.num_irreps = space.group->irreps(space.group, d, irreps);
      for (int p = 1; p <= 2; p++) {
        space.components[p] = components[p];
        space.num_components[p] = space.group->components(space.group, d, p, components[p]);
      }
      for (int p = 0; p <= 2; p++)
        for (int q = p == 0; q <= 2; q++) {
          pattern_table *t;
          const int side[] = {1, -1, 1, 1};
          cr_ok(c, symo_pattern_table_create(c, &space, d, p, q, &t));
          if (g == 0 && p == 2 && q == 2 && d >= 4)
            cr_assert(t->num_entries == 15 && t->num_patterns == 15);
          if (g == 0 && p == 1 && q == 1 && d >= 2) check_projectors(t, d);
          symo_pattern_table_map(t, kappa, side, map);
          int n = t->num_entries;
          for (int i = 0; i < n * n; i++)
            cr_assert(fabs(map[i] - (i % (n + 1) == 0)) <= 1e-13, "%s %zu: %d, %d", groups[g], d, p,
                      q);
          symo_free(t);
        }
    }
  symo_context_destroy(c);
  cr_no_leaks();
}
