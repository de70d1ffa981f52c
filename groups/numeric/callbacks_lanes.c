/* Groups in the caller's own code whose bases are too large to be kept: their functions are called
 * for every tensor.
 *
 * What the table claims is checked on random tensors instead of all unit vectors, which finds every
 * fault with probability one: inner products stay, synthesis is the transpose and the inverse, and
 * samples leave the products of the columns of each irrep as they are
 * (groups/numeric/transform.c). */
#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "groups/numeric/commutant.h"
#include "groups/numeric/numeric.h"

/* Tensors at a time; samples, whose matrices may take so many bytes. */
enum { LANES = 4, SAMPLES = 3, SAMPLE_BYTES = 1 << 29 };

typedef struct lanes {
  group_transform head; /* first */
  symo_group_ops ops;
} lanes;

static const lanes *of(const group_transform *t) { return (const lanes *)(const void *)t; }

static void analyze(const group_transform *t, int axes, size_t only, size_t count, double *x,
                    double *coordinates, double *work) {
  const symo_group_ops *ops = &of(t)->ops;
  ops->analyze(ops->self, t->dim, axes, count, x, coordinates);
}

static void synthesize(const group_transform *t, int axes, size_t only, size_t count,
                       double *coordinates, double *x, double *work) {
  const symo_group_ops *ops = &of(t)->ops;
  ops->synthesize(ops->self, t->dim, axes, count, coordinates, x);
}

static void destroy(group_transform *t) {
  symo_transform_release(t);
  symo_free(t);
}

symo_status symo_callbacks_doubt(symo_context *context, const char *group, size_t dim,
                                 const char *what, double defect) {
  return symo_fail(context, SYMO_E_NUMERIC,
                   "group %s on dimension %zu: %s: defect %.3g (at most %g; the code of the group "
                   "is wrong)",
                   group, dim, what, defect, SYMO_CALLBACKS_TOLERANCE);
}

typedef struct checking {
  symo_context *context;
  const symo_group *group;
  const lanes *t;
  symo_rng *rng;
} checking;

static symo_status doubt(const checking *c, const char *what, double defect) {
  return symo_callbacks_doubt(c->context, c->group->name, c->t->head.dim, what, defect);
}

/* With A the transform and S the synthesis: (Ax)'Ax = x'x, SAx = x and (Sz)'x = z'Ax for random z,
 * for some x at a time.  x has entries of variance 1 / points. */
static symo_status check_transform(const checking *c, int axes) {
  const group_transform *t = &c->t->head;
  size_t points = symo_tensor_size(t->dim, (unsigned)axes), numbers = points * LANES;
  double *x = symo_malloc(6 * numbers * sizeof *x), gram[3][LANES * LANES];
  if (x == NULL) return symo_fail_memory(c->context, "group");
  double *ax = x + numbers, *z = ax + numbers, *sz = z + numbers, *spare = sz + numbers;
  double *back = spare + numbers, scale = 1 / sqrt((double)points);
  for (size_t i = 0; i < numbers; i++) x[i] = scale * symo_rng_normal(c->rng);
  for (size_t i = 0; i < numbers; i++) z[i] = scale * symo_rng_normal(c->rng);
  memcpy(spare, x, numbers * sizeof *x);
  analyze(t, axes, t->num_irreps, LANES, spare, ax, NULL);
  memcpy(spare, ax, numbers * sizeof *x);
  synthesize(t, axes, t->num_irreps, LANES, spare, back, NULL);
  memcpy(spare, z, numbers * sizeof *x);
  synthesize(t, axes, t->num_irreps, LANES, spare, sz, NULL);
  symo_mat xm = symo_mat_dense(x, points, LANES), am = symo_mat_dense(ax, points, LANES);
  symo_status status = SYMO_OK;
  symo_gemm(SYMO_F64, 1, symo_mat_t(xm), xm, 0, symo_mat_dense(gram[0], LANES, LANES));
  symo_gemm(SYMO_F64, 1, symo_mat_t(am), am, 0, symo_mat_dense(gram[1], LANES, LANES));
  double defect = symo_callbacks_distance((size_t)LANES * LANES, gram[0], gram[1]);
  if (!(defect <= SYMO_CALLBACKS_TOLERANCE))
    SYMO_TRY(doubt(c, "the transform is not orthogonal", defect));
  symo_gemm(SYMO_F64, 1, symo_mat_t(symo_mat_dense(z, points, LANES)), am, 0,
            symo_mat_dense(gram[0], LANES, LANES));
  symo_gemm(SYMO_F64, 1, symo_mat_t(symo_mat_dense(sz, points, LANES)), xm, 0,
            symo_mat_dense(gram[1], LANES, LANES));
  defect = fmax(symo_callbacks_distance(numbers, x, back) / scale,
                symo_callbacks_distance((size_t)LANES * LANES, gram[0], gram[1]));
  if (!(defect <= SYMO_CALLBACKS_TOLERANCE))
    SYMO_TRY(doubt(c, "synthesize does not undo analyze", defect));
fail:
  symo_free(x);
  return status;
}

static symo_status check_samples(const checking *c, int axes) {
  const group_transform *t = &c->t->head;
  const symo_group_ops *ops = &c->t->ops;
  size_t d = t->dim;
  symo_status status = SYMO_OK;
  if (ops->sample == NULL || d * d > SAMPLE_BYTES / sizeof(double)) return SYMO_OK;
  double *g = symo_malloc(d * d * sizeof *g), defect, trivial;
  if (g == NULL) return symo_fail_memory(c->context, "group");
  for (int i = 0; i < SAMPLES; i++) {
    SYMO_TRY(ops->sample(ops->self, d, c->rng, g));
    SYMO_TRY(symo_transform_defect(c->context, t, axes, g, c->rng, &defect, &trivial));
    defect = isnan(defect) || isnan(trivial) ? (double)INFINITY : fmax(defect, trivial);
    if (!(defect <= SYMO_CALLBACKS_TOLERANCE))
      SYMO_TRY(doubt(
          c, "a sample moves the trivial irrep, or does not act alike on the copies of another",
          defect));
  }
fail:
  symo_free(g);
  return status;
}

/* The orbits of its generators, if it has some and they are signed permutations: diagonals are then
 * computed once for each. */
static symo_status find_orbits(symo_context *context, const symo_group *group, lanes *t) {
  generator_set *set = NULL;
  const symo_generators *g =
      t->ops.generators == NULL ? NULL : t->ops.generators(t->ops.self, t->head.dim);
  if (g == NULL || g->dim != t->head.dim) return SYMO_OK;
  symo_status status = symo_generator_set_create(context, t->head.dim, &set);
  if (status == SYMO_OK) status = symo_generator_set_add(set, g, group->name);
  if (status == SYMO_OK) status = symo_transform_find_orbits(set, &t->head);
  symo_generator_set_destroy(set);
  return status;
}

symo_status symo_callbacks_transform(symo_context *context, const symo_group *group,
                                     const symo_group_ops *ops, isotypic *iso,
                                     group_transform **out) {
  symo_status status;
  symo_rng *rng = NULL;
  lanes *t = symo_calloc(1, sizeof *t);
  if (t == NULL) return symo_fail_memory(context, "group");
  t->ops = *ops;
  t->head = (group_transform){.dim = iso->dim,
                              .orders = iso->orders,
                              .num_irreps = iso->num_irreps,
                              .irreps = iso->irreps,
                              .info = {.numeric = true},
                              .analyze = analyze,
                              .synthesize = synthesize,
                              .destroy = destroy};
  iso->irreps = NULL;
  symo_transform_measure(&t->head);
  SYMO_TRY(symo_rng_create(context, 1, &rng));
  checking c = {context, group, t, rng};
  for (int p = 1; p <= ops->max_axes; p++) {
    if (!(iso->orders >> p & 1)) continue;
    SYMO_TRY(check_transform(&c, p));
    SYMO_TRY(check_samples(&c, p));
  }
  SYMO_TRY(find_orbits(context, group, t));
  symo_rng_destroy(rng);
  *out = &t->head;
  return SYMO_OK;
fail:
  symo_rng_destroy(rng);
  destroy(&t->head);
  return status;
}
