/* Groups in the caller's own code: cyclic shifts by their real Fourier transform and quaternions by
 * left multiplication, against the same groups given by generators; and tables that are wrong. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/claim.h"
#include "tests/support/world.h"

/* What is wrong with the table, for the tests that want it refused. */
typedef enum fault { NONE, SCALED, UNTRUE_INVERSE, WRONG_SUM } fault;
typedef struct shifts {
  fault fault;
  int destroyed;
  size_t image[16];
  symo_generators generators;
} shifts;

static size_t num_irreps(void *self, size_t d) { return d / 2 + 1; }

static void irrep(void *self, size_t d, size_t k, symo_group_irrep *out) {
  const shifts *s = self;
  bool real = k == 0 || 2 * k == d;
  snprintf(out->name, sizeof out->name, "wave %zu", k);
  out->dim = real ? 1 : 2;
  out->type = real ? SYMO_REAL : SYMO_COMPLEX;
  out->multiplicity[1] = s->fault == WRONG_SUM && k == 1 ? 2 : 1;
}

/* The number of row (k, part) and its entry at i. */
static double wave(const shifts *s, size_t d, size_t k, size_t part, size_t i) {
  double n = (double)d, t = 2 * acos(-1) * (double)(k * i % d) / n;
  double scale = s->fault == SCALED ? 1.01 : 1;
  if (k == 0) return scale / sqrt(n);
  if (2 * k == d) return (i % 2 ? -1 : 1) / sqrt(n);
  return sqrt(2 / n) * (part == 0 ? cos(t) : sin(t));
}

static void transform(const shifts *s, bool back, size_t d, size_t lanes, const double *x,
                      double *y) {
  memset(y, 0, d * lanes * sizeof *y);
  for (size_t k = 0, row = 0; k <= d / 2; k++)
    for (size_t part = 0; part < (k == 0 || 2 * k == d ? 1U : 2U); part++, row++)
      for (size_t i = 0; i < d; i++)
        for (size_t l = 0; l < lanes; l++) {
          size_t from = back ? row : i, to = back ? i : row;
          y[to * lanes + l] += wave(s, d, k, part, i) * x[from * lanes + l];
        }
}

static void analyze(void *self, size_t d, int axes, size_t lanes, const double *x, double *out) {
  transform(self, false, d, lanes, x, out);
}

static void synthesize(void *self, size_t d, int axes, size_t lanes, const double *x, double *out) {
  transform(self, true, d, lanes, x, out);
  if (((shifts *)self)->fault == UNTRUE_INVERSE) out[0] += 1e-3;
}

static symo_status sample(void *self, size_t d, symo_rng *rng, double *q) {
  size_t by = (size_t)symo_rng_below(rng, d);
  memset(q, 0, d * d * sizeof *q);
  for (size_t i = 0; i < d; i++) q[(i + by) % d * d + i] = 1;
  return SYMO_OK;
}

static const symo_generators *generators(void *self, size_t d) {
  shifts *s = self;
  for (size_t i = 0; i < d && d <= 16; i++) s->image[i] = (i + 1) % d;
  s->generators = (symo_generators){.dim = d, .num_permutations = 1, .permutations = s->image};
  return &s->generators;
}

static symo_status accept(void *self, size_t d) { return d <= 16 ? SYMO_OK : SYMO_E_SIZE; }

static void destroy(void *self) { ((shifts *)self)->destroyed++; }

static symo_group_ops table(shifts *s) {
  return (symo_group_ops){.size = sizeof(symo_group_ops),
                          .name = "shifts",
                          .summary = "translations of d positions",
                          .exact = "circular padding",
                          .self = s,
                          .max_axes = 1,
                          .accept = accept,
                          .num_irreps = num_irreps,
                          .irrep = irrep,
                          .analyze = analyze,
                          .synthesize = synthesize,
                          .sample = sample,
                          .generators = generators,
                          .destroy = destroy};
}

static symo_layout *layout_of(symo_context *context, const symo_group *group, size_t d,
                              bool recurrent) {
  symo_layout *layout;
  const char *axes[] = {"h", "h"}, *mixed[] = {"i", "h"};
  cr_ok(context, symo_layout_create(context, &layout));
  cr_ok(context, symo_layout_add_space(layout, "h", d, group));
  cr_ok(context, symo_layout_add_space(layout, "i", 3, symo_group_find("identity")));
  cr_ok(context, symo_layout_add_tensor(layout, "b", 1, axes));
  cr_ok(context, symo_layout_add_tensor(layout, "w", 2, mixed));
  if (recurrent) cr_ok(context, symo_layout_add_tensor(layout, "r", 2, axes));
  return layout;
}

Test(callbacks, a_transform_gives_what_generators_give) {
  symo_world w;
  symo_world_open(&w, 320);
  for (size_t d = 1; d <= 7; d++)
    for (int recurrent = 0; recurrent < 2; recurrent++) {
      shifts s = {.fault = NONE};
      symo_group_ops ops = table(&s);
      symo_group *group, *custom;
      cr_ok(w.context, symo_group_from_ops(w.context, &ops, &group));
      symo_group_spec spec = symo_group_spec_default("custom");
      spec.generators = *generators(&s, d);
      cr_ok(w.context, symo_group_create(w.context, &spec, &custom));
      symo_layout *layouts[2] = {layout_of(w.context, group, d, recurrent),
                                 layout_of(w.context, custom, d, recurrent)};
      symo_test_case how = {"h-g", SYMO_F64, false, false, 0};
      w.n = symo_layout_num_parameters(layouts[0]);
      symo_test_batch g = symo_test_batch_make(layouts[0], SYMO_F64, w.rng, 2);
      w.layout = layouts[0];
      double *found = symo_world_dense(&w, &how, &g, NULL);
      w.layout = layouts[1];
      double *wanted = symo_world_dense(&w, &how, &g, NULL);
      double defect = symo_test_rel(found, wanted, w.n * w.n);
      cr_assert(defect <= 1e-9, "d = %zu, recurrent %d: off by %g", d, recurrent, defect);
      free(found);
      free(wanted);
      symo_test_batch_free(&g);
      symo_group_destroy(group);
      cr_assert_eq(s.destroyed, 0, "the layout keeps it");
      symo_layout_destroy(layouts[0]);
      cr_assert_eq(s.destroyed, 1);
      symo_world_drop(&w);
      symo_group_destroy(custom);
    }
  symo_world_close(&w);
}

static void refuse(symo_context *context, fault wrong, size_t d, symo_status status,
                   const char *text) {
  shifts s = {.fault = wrong};
  symo_group_ops ops = table(&s);
  symo_group *group;
  symo_plan *plan;
  cr_ok(context, symo_group_from_ops(context, &ops, &group));
  symo_layout *layout = layout_of(context, group, d, false);
  cr_fails(context, status, text, symo_plan_create(layout, NULL, &plan));
  symo_layout_destroy(layout);
  symo_group_destroy(group);
}

/* The texts are copied, each whole. */
Test(callbacks, texts_are_the_groups_own) {
  shifts s = {.fault = NONE};
  char name[] = "shifts", summary[] = "translations", exact[] = "circular padding";
  symo_context *context = symo_test_context();
  symo_group_ops ops = table(&s);
  symo_group *group;
  ops.name = name, ops.summary = summary, ops.exact = exact;
  cr_ok(context, symo_group_from_ops(context, &ops, &group));
  memset(name, '?', sizeof name - 1), memset(summary, '?', sizeof summary - 1);
  memset(exact, '?', sizeof exact - 1);
  cr_assert_str_eq(symo_group_name(group), "shifts");
  cr_assert_str_eq(symo_group_summary(group), "translations");
  cr_assert_str_eq(symo_group_exact(group), "circular padding");
  symo_group_destroy(group);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(callbacks, wrong_tables_are_refused_with_the_defect) {
  symo_context *context = symo_test_context();
  refuse(context, SCALED, 5, SYMO_E_NUMERIC, "not orthogonal: defect 0.0201");
  refuse(context, UNTRUE_INVERSE, 5, SYMO_E_NUMERIC, "synthesize does not undo analyze");
  refuse(context, WRONG_SUM, 5, SYMO_E_ARGUMENT, "add to 7, not 5");
  refuse(context, NONE, 17, SYMO_E_SHAPE, "does not act on dimension 17");
  shifts s = {.fault = NONE};
  symo_group_ops ops = table(&s);
  symo_group *group;
  static const char *const names[] = {"", "a \"b\"", "shift s", "x:y"};
  for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
    ops.name = names[k]; /* layouts are written as text and JSON */
    cr_fails(context, SYMO_E_NAME, "not a name", symo_group_from_ops(context, &ops, &group));
  }
  ops.name = "shifts";
  ops.analyze = NULL;
  cr_fails(context, SYMO_E_ARGUMENT, "analyze", symo_group_from_ops(context, &ops, &group));
  ops.size = 8;
  cr_fails(context, SYMO_E_ARGUMENT, "size", symo_group_from_ops(context, &ops, &group));
  symo_context_destroy(context);
  cr_no_leaks();
}

/* A character put beside another of its dimension is not noticed by orthogonality, only by what
 * samples do. */
static void mixed_irrep(void *self, size_t d, size_t k, symo_group_irrep *out) {
  *out = (symo_group_irrep){"trivial", 1, SYMO_REAL, {0, d, 0}};
}

static size_t one(void *self, size_t d) { return 1; }

static void unchanged(void *self, size_t d, int axes, size_t lanes, const double *x, double *out) {
  memcpy(out, x, d * lanes * sizeof *x);
}

/* Flips of the sign of R^1, and of each coordinate of R^2: characters that are not trivial. */
static void flipped_irrep(void *self, size_t d, size_t k, symo_group_irrep *out) {
  *out = (symo_group_irrep){"trivial", 1, SYMO_REAL, {0, 1, 0}};
}

static symo_status flip(void *self, size_t d, symo_rng *rng, double *q) {
  for (size_t i = 0; i < d * d; i++) q[i] = i % (d + 1) == 0 ? -1 : 0;
  return SYMO_OK;
}

static size_t three(void *self, size_t d) { return 3; }

static void namesakes(void *self, size_t d, size_t k, symo_group_irrep *out) {
  *out = (symo_group_irrep){"flip", 1, SYMO_REAL, {0, k > 0, 0}};
}

static void vast(void *self, size_t d, size_t k, symo_group_irrep *out) {
  *out = (symo_group_irrep){"vast", k == 0 ? 1 : SIZE_MAX / 2 + 1, SYMO_REAL, {0, 1, 0}};
}

Test(callbacks, irreps_that_samples_contradict) {
  static const struct {
    size_t d;
    size_t (*num)(void *self, size_t d);
    void (*irrep)(void *self, size_t d, size_t k, symo_group_irrep *out);
    symo_status (*sample)(void *self, size_t d, symo_rng *rng, double *q);
    symo_status status;
    const char *text;
  } rows[] = {{4, one, mixed_irrep, sample, SYMO_E_NUMERIC, "does not act alike"},
              {1, one, flipped_irrep, flip, SYMO_E_NUMERIC, "moves the trivial irrep"},
              {2, three, namesakes, flip, SYMO_E_NAME, "irrep 2: the name \"flip\" is taken"},
              {1, three, vast, flip, SYMO_E_ARGUMENT, "irrep 1: dimension 9223372036854775808"}};
  symo_context *context = symo_test_context();
  for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
    shifts s = {.fault = NONE};
    symo_group_ops ops = table(&s);
    ops.num_irreps = rows[k].num;
    ops.irrep = rows[k].irrep;
    ops.sample = rows[k].sample;
    ops.analyze = ops.synthesize = unchanged;
    symo_group *group;
    symo_plan *plan;
    cr_ok(context, symo_group_from_ops(context, &ops, &group));
    symo_layout *layout = layout_of(context, group, rows[k].d, false);
    cr_fails(context, rows[k].status, rows[k].text, symo_plan_create(layout, NULL, &plan));
    symo_layout_destroy(layout);
    symo_group_destroy(group);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- quaternions: right multiplication commutes with left multiplication ---- */

static void quaternion_irrep(void *self, size_t d, size_t k, symo_group_irrep *out) {
  *out = (symo_group_irrep){"trivial", 1, SYMO_REAL, {0, 0, 0}};
  if (k == 1) *out = (symo_group_irrep){"quaternion", 4, SYMO_QUATERNIONIC, {0, d / 4, 0}};
}

static size_t two(void *self, size_t d) { return 2; }

/* Copies stand one after the other in R^d, side by side in coordinates. */
static void gather(void *self, size_t d, int axes, size_t lanes, const double *x, double *out) {
  for (size_t i = 0; i < d; i++)
    memcpy(out + (i % 4 * (d / 4) + i / 4) * lanes, x + i * lanes, lanes * sizeof *x);
}

static void scatter(void *self, size_t d, int axes, size_t lanes, const double *x, double *out) {
  for (size_t i = 0; i < d; i++)
    memcpy(out + i * lanes, x + (i % 4 * (d / 4) + i / 4) * lanes, lanes * sizeof *x);
}

static const double left[2][16] = {{0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 0, -1, 0, 0, 1, 0},
                                   {0, 0, -1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, -1, 0, 0}};

static symo_status one_of_eight(void *self, size_t d, symo_rng *rng, double *q) {
  symo_claim group = symo_claim_closure(4, 2, left[0]);
  const double *g = group.elements + 16 * symo_rng_below(rng, group.count);
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++) q[i * d + j] = i / 4 == j / 4 ? g[i % 4 * 4 + j % 4] : 0;
  symo_claim_free(&group);
  return SYMO_OK;
}

Test(callbacks, quaternionic_type) {
  symo_world w;
  symo_world_open(&w, 321);
  symo_group_ops ops = {.size = sizeof ops,
                        .name = "q8",
                        .summary = "the quaternion group",
                        .exact = "a test",
                        .max_axes = 1,
                        .num_irreps = two,
                        .irrep = quaternion_irrep,
                        .analyze = gather,
                        .synthesize = scatter,
                        .sample = one_of_eight};
  symo_group *group;
  cr_ok(w.context, symo_group_from_ops(w.context, &ops, &group));
  w.layout = layout_of(w.context, group, 8, false);
  w.n = symo_layout_num_parameters(w.layout);
  symo_test_batch g = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 2);
  double both[2 * 64] = {0};
  for (size_t k = 0; k < 2; k++)
    for (size_t i = 0; i < 8; i++)
      for (size_t j = 0; j < 8; j++)
        if (i / 4 == j / 4) both[k * 64 + i * 8 + j] = left[k][i % 4 * 4 + j % 4];
  symo_claim claim = symo_claim_closure(8, 2, both);
  double *gg = symo_dense_outer(w.n, 2, g.flat, g.flat);
  double *wanted = symo_claim_average(&claim, w.layout, 0, gg);
  symo_test_case how = {"covariance", SYMO_F64, false, false, 0};
  double *found = symo_world_dense(&w, &how, &g, NULL);
  cr_assert(symo_test_rel(found, wanted, w.n * w.n) <= 1e-12);
  free(gg);
  free(wanted);
  free(found);
  symo_claim_free(&claim);
  symo_test_batch_free(&g);
  symo_world_drop(&w);
  /* On two axes its transform does not reach, and it has no generators. */
  symo_layout *recurrent = layout_of(w.context, group, 4, true);
  symo_plan *plan;
  cr_fails(w.context, SYMO_E_UNSUPPORTED, "no generators",
           symo_plan_create(recurrent, NULL, &plan));
  symo_layout_destroy(recurrent);
  symo_group_destroy(group);
  symo_world_close(&w);
}

Test(callbacks, a_context_knows_groups_by_name) {
  symo_context *context = symo_test_context();
  shifts s = {.fault = NONE};
  symo_group_ops ops = table(&s);
  symo_group *group;
  cr_ok(context, symo_group_from_ops(context, &ops, &group));
  cr_assert_null(symo_context_find_group(context, "shifts"));
  cr_ok(context, symo_context_add_group(context, group));
  symo_group_destroy(group);
  cr_assert(symo_context_find_group(context, "shifts") == group);
  cr_fails(context, SYMO_E_NAME, "taken", symo_context_add_group(context, group));
  cr_assert_eq(s.destroyed, 0);
  symo_context_destroy(context);
  cr_assert_eq(s.destroyed, 1);
  cr_no_leaks();
}
