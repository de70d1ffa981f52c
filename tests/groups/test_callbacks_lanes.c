/* Groups in the caller's own code on more numbers than bases are made for: shifts of d positions by
 * their real Fourier transform on one and two axes, against the row of the registry. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/world.h"

enum { D = 66 };

typedef enum fault { NONE, SCALED, UNTRUE_INVERSE, MIXED } fault;

static const double pi = 3.14159265358979323846;

static size_t num_irreps(void *self, size_t d) { return d / 2 + 1; }

static void irrep(void *self, size_t d, size_t k, symo_group_irrep *out) {
  bool real = k == 0 || 2 * k == d;
  snprintf(out->name, sizeof out->name, k == 0 ? "trivial" : "wave%zu", k);
  out->dim = real ? 1 : 2;
  out->type = real ? SYMO_REAL : SYMO_COMPLEX;
  out->multiplicity[1] = 1;
  out->multiplicity[2] = d;
}

/* Row (k, part) of the Fourier transform at i. */
static double wave(size_t d, size_t k, size_t part, size_t i) {
  double t = 2 * pi * (double)(k * i % d) / (double)d, n = (double)d;
  if (k == 0) return 1 / sqrt(n);
  if (2 * k == d) return (i % 2 ? -1 : 1) / sqrt(n);
  return sqrt(2 / n) * (part == 0 ? cos(t) : sin(t));
}

/* Entries x[i], or x[i, i + s] for each shift s, are one copy of R^d. */
static void transform(bool back, size_t d, int axes, size_t lanes, const double *from, double *to) {
  size_t copies = axes == 1 ? 1 : d;
  memset(to, 0, d * copies * lanes * sizeof *to);
  for (size_t k = 0, row = 0; k <= d / 2; k++)
    for (size_t part = 0; part < (k == 0 || 2 * k == d ? 1U : 2U); part++, row++)
      for (size_t i = 0; i < d; i++)
        for (size_t s = 0; s < copies; s++) {
          size_t coordinate = (row * copies + s) * lanes;
          size_t entry = (axes == 1 ? i : i * d + (i + s) % d) * lanes;
          double w = wave(d, k, part, i);
          for (size_t l = 0; l < lanes; l++)
            to[(back ? entry : coordinate) + l] += w * from[(back ? coordinate : entry) + l];
        }
}

static void analyze(void *self, size_t d, int axes, size_t lanes, const double *x, double *out) {
  fault wrong = *(fault *)self;
  transform(false, d, axes, lanes, x, out);
  size_t n = d * (axes == 1 ? 1 : d) * lanes;
  for (size_t i = 0; wrong == SCALED && i < n; i++) out[i] *= 1.01;
  for (size_t i = 0; wrong == MIXED && axes == 2 && i < d * lanes; i++) { /* rows 0 and 1 */
    double old = out[i];
    out[i] = out[d * lanes + i];
    out[d * lanes + i] = old;
  }
}

static void synthesize(void *self, size_t d, int axes, size_t lanes, const double *x, double *out) {
  fault wrong = *(fault *)self;
  double *copy = malloc(d * d * lanes * sizeof *copy);
  size_t n = d * (axes == 1 ? 1 : d) * lanes;
  memcpy(copy, x, n * sizeof *copy);
  for (size_t i = 0; wrong == MIXED && axes == 2 && i < d * lanes; i++) {
    double old = copy[i];
    copy[i] = copy[d * lanes + i];
    copy[d * lanes + i] = old;
  }
  transform(true, d, axes, lanes, copy, out);
  if (wrong == UNTRUE_INVERSE) out[0] += 1e-3;
  free(copy);
}

static symo_status sample(void *self, size_t d, symo_rng *rng, double *q) {
  size_t by = (size_t)symo_rng_below(rng, d);
  memset(q, 0, d * d * sizeof *q);
  for (size_t i = 0; i < d; i++) q[(i + by) % d * d + i] = 1;
  return SYMO_OK;
}

static const symo_generators *generators(void *self, size_t d) {
  static size_t image[D];
  static symo_generators g;
  for (size_t i = 0; i < D; i++) image[i] = (i + 1) % D;
  g = (symo_generators){.dim = D, .num_permutations = 1, .permutations = image};
  return &g;
}

static symo_layout *layout_of(symo_context *context, const symo_group *group) {
  symo_layout *layout;
  const char *axes[] = {"h", "h"};
  cr_ok(context, symo_layout_create(context, &layout));
  cr_ok(context, symo_layout_add_space(layout, "h", D, group));
  cr_ok(context, symo_layout_add_tensor(layout, "r", 2, axes));
  cr_ok(context, symo_layout_add_tensor(layout, "b", 1, axes));
  return layout;
}

static symo_group *group_of(symo_context *context, fault *wrong, bool orbits) {
  symo_group_ops ops = {.size = sizeof ops,
                        .name = "shifts",
                        .summary = "translations",
                        .exact = "circular padding",
                        .self = wrong,
                        .max_axes = 2,
                        .num_irreps = num_irreps,
                        .irrep = irrep,
                        .analyze = analyze,
                        .synthesize = synthesize,
                        .sample = sample,
                        .generators = orbits ? generators : NULL};
  symo_group *group;
  cr_ok(context, symo_group_from_ops(context, &ops, &group));
  return group;
}

/* covariance v, and its diagonal, behind each other. */
static double *products(symo_world *w, symo_dtype dtype, const symo_test_batch *g,
                        const symo_test_batch *v) {
  symo_test_case how = {"covariance", dtype, false, false, 0};
  symo_plan *plan;
  symo_hessian *h = symo_world_estimate(w, &how, g, NULL, &plan);
  symo_test_vector out = symo_test_vector_make(w->layout, dtype, w->rng);
  double *both = malloc(2 * g->n * sizeof *both);
  cr_ok(w->context, symo_hessian_matvec(h, v->in[0], symo_test_out(&out)));
  symo_test_vector_get(&out, both);
  cr_ok(w->context, symo_hessian_diagonal(h, symo_test_out(&out)));
  symo_test_vector_get(&out, both + g->n);
  symo_test_vector_free(&out);
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
  return both;
}

Test(callbacks_lanes, two_axes_beyond_the_size_of_matrices) {
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
    symo_world w;
    symo_world_open(&w, 370);
    fault wrong = NONE;
    symo_group *group = group_of(w.context, &wrong, true);
    symo_layout *layouts[2] = {layout_of(w.context, symo_group_find("cyclic")),
                               layout_of(w.context, group)};
    symo_test_batch g = symo_test_batch_make(layouts[0], (symo_dtype)dtype, w.rng, 2);
    symo_test_batch v = symo_test_batch_make(layouts[0], (symo_dtype)dtype, w.rng, 1);
    double *found[2];
    for (int k = 0; k < 2; k++) {
      w.layout = layouts[k];
      found[k] = products(&w, (symo_dtype)dtype, &g, &v);
    }
    double tolerance = dtype == SYMO_F32 ? 1e-5 : 1e-12;
    double defect = symo_test_rel(found[1], found[0], g.n);
    cr_assert(defect <= tolerance, "off by %g", defect);
    defect = symo_test_rel(found[1] + g.n, found[0] + g.n, g.n);
    cr_assert(defect <= tolerance, "diagonal: off by %g", defect);
    free(found[0]);
    free(found[1]);
    symo_test_batch_free(&g);
    symo_test_batch_free(&v);
    symo_layout_destroy(layouts[0]);
    symo_world_drop(&w);
    symo_group_destroy(group);
    symo_world_close(&w);
  }
}

Test(callbacks_lanes, wrong_tables_are_refused) {
  static const char *const texts[] = {"the transform is not orthogonal",
                                      "synthesize does not undo analyze", "does not act alike"};
  symo_context *context = symo_test_context();
  for (int k = 0; k < 3; k++) {
    fault wrong = (fault)(k + 1);
    symo_group *group = group_of(context, &wrong, false);
    symo_layout *layout = layout_of(context, group);
    symo_plan *plan;
    cr_fails(context, SYMO_E_NUMERIC, texts[k], symo_plan_create(layout, NULL, &plan));
    symo_layout_destroy(layout);
    symo_group_destroy(group);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}
