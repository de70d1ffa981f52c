/* A group of one's own in C: Z_2^k on R^d, d = 2^k, an element t moving coordinate i to i XOR t.
 * It is no group of the registry.  All its irreps have dimension one, the characters
 *     chi_s(t) = (-1)^(number of ones in s AND t),   s = 0 .. d - 1,
 * each once in R^d; the coordinates are the Walsh-Hadamard transform.  In R^d (x) R^d the pair of
 * characters a, b is chi_(a XOR b), so each stands there d times: the transform of both axes,
 * sorted by a XOR b.
 *
 * As a program it estimates in-process; as a shared object it lends the group to the command:
 *
 *     make examples && build/examples/plugin_hadamard
 *     cc -shared -fPIC -Iinclude -o hadamard.so experiments/examples/plugin_hadamard.c -lm
 *     build/symo layout --plugin hadamard.so --layout "h: hadamard 8; w[h,h] b[h]" */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <symo/plugin.h>
#include <symo/symo.h>

/* Which d it acts on: powers of two, up to the number of irreps that a table may have. */
static symo_status accept(void *self, size_t d) {
  (void)self;
  return d > 0 && (d & (d - 1)) == 0 && d <= 65536 ? SYMO_OK : SYMO_E_SHAPE;
}

static size_t num_irreps(void *self, size_t d) {
  (void)self;
  return d;
}

static void irrep(void *self, size_t d, size_t s, symo_group_irrep *out) {
  (void)self;
  snprintf(out->name, sizeof out->name, "chi%zu", s); /* chi0 is the trivial one */
  out->dim = 1;
  out->type = SYMO_REAL;
  out->multiplicity[1] = 1;
  out->multiplicity[2] = d;
}

/* The transform of the axis of x = [before, d, after], in place; it is its own inverse. */
static void walsh_hadamard(size_t before, size_t d, size_t after, double *x) {
  for (size_t b = 0; b < before; b++, x += d * after)
    for (size_t bit = 1; bit < d; bit *= 2)
      for (size_t i = 0; i < d; i++)
        for (size_t l = 0; (i & bit) == 0 && l < after; l++) {
          double *p = x + i * after + l, *q = x + (i + bit) * after + l, sum = *p + *q;
          *q = sqrt(.5) * (*p - *q);
          *p = sqrt(.5) * sum;
        }
}

/* Two axes: entry (a, b) of the transform is copy a of irrep a XOR b. */
static void analyze(void *self, size_t d, int axes, size_t lanes, const double *x, double *out) {
  size_t size = axes == 1 ? d * lanes : d * d * lanes;
  (void)self;
  double *y = malloc(size * sizeof *y);
  if (y == NULL) abort();
  for (size_t i = 0; i < size; i++) y[i] = x[i];
  for (int axis = 0; axis < axes; axis++)
    walsh_hadamard(axis == 0 ? 1 : d, d, axis + 1 == axes ? lanes : d * lanes, y);
  for (size_t i = 0; i < size; i++) {
    size_t row = i / lanes, a = row / d, b = row % d;
    size_t to = axes == 1 ? row : (a ^ b) * d + a;
    out[to * lanes + i % lanes] = y[i];
  }
  free(y);
}

static void synthesize(void *self, size_t d, int axes, size_t lanes, const double *x, double *out) {
  size_t size = axes == 1 ? d * lanes : d * d * lanes;
  (void)self;
  for (size_t i = 0; i < size; i++) {
    size_t row = i / lanes, s = row / d, a = row % d;
    size_t to = axes == 1 ? row : a * d + (a ^ s);
    out[to * lanes + i % lanes] = x[i];
  }
  for (int axis = 0; axis < axes; axis++)
    walsh_hadamard(axis == 0 ? 1 : d, d, axis + 1 == axes ? lanes : d * lanes, out);
}

static symo_status sample(void *self, size_t d, symo_rng *rng, double *q) {
  size_t t = symo_rng_below(rng, d);
  (void)self;
  for (size_t i = 0; i < d * d; i++) q[i] = i % d == ((i / d) ^ t);
  return SYMO_OK;
}

/* One for each bit, made when first asked for and kept. */
typedef struct cache {
  symo_generators generators;
  size_t *images;
} cache;

static const symo_generators *generators(void *self, size_t d) {
  cache *c = self;
  size_t k = 0;
  if (c->generators.dim == d) return &c->generators;
  while ((size_t)1 << k < d) k++;
  free(c->images);
  c->images = malloc((k * d + 1) * sizeof *c->images);
  if (c->images == NULL) return NULL;
  for (size_t g = 0; g < k; g++)
    for (size_t i = 0; i < d; i++) c->images[g * d + i] = i ^ (size_t)1 << g;
  c->generators = (symo_generators){.dim = d, .num_permutations = k, .permutations = c->images};
  return &c->generators;
}

static void destroy(void *self) {
  cache *c = self;
  free(c->images);
  *c = (cache){0};
}

static cache kept;
static const symo_group_ops table = {.size = sizeof table,
                                     .name = "hadamard",
                                     .summary = "i -> i XOR t, d a power of two",
                                     .exact = "weights on a hypercube, alike at all corners",
                                     .self = &kept,
                                     .max_axes = 2,
                                     .accept = accept,
                                     .num_irreps = num_irreps,
                                     .irrep = irrep,
                                     .analyze = analyze,
                                     .synthesize = synthesize,
                                     .sample = sample,
                                     .generators = generators,
                                     .destroy = destroy};

size_t symo_plugin_groups(const symo_group_ops **ops) {
  *ops = &table;
  return 1;
}

/* ---- in-process ---- */

/* The block of the estimate that belongs to b, [4, 4]: what stands at i, j depends on i XOR j. */
static symo_status estimate(symo_context *context, double *block) {
  double w[16] = {2, 1, 0, -1, 1, 0, 1, 3, 0, 2, -2, 1, 1, 1, 0, 0}, b[4] = {1, -1, 2, 0.5};
  symo_const_vector gradient = {.dtype = SYMO_F64, .data = (const void *[]){w, b}};
  symo_layout *layout = NULL;
  symo_plan *plan = NULL;
  symo_hessian *hessian = NULL;
  symo_status status = symo_layout_parse(context, "h: hadamard 4; w[h,h] b[h]", &layout);
  if (status == SYMO_OK) status = symo_plan_create(layout, NULL, &plan);
  if (status == SYMO_OK) status = symo_estimate(plan, NULL, 1, &gradient, NULL, &hessian);
  if (status == SYMO_OK) status = symo_hessian_block(hessian, 1, 1, block);
  symo_hessian_destroy(hessian);
  symo_plan_destroy(plan);
  symo_layout_destroy(layout);
  return status;
}

int main(void) {
  symo_context *context;
  symo_group *group = NULL;
  double block[16];
  if (symo_context_create(&context)) return 1;
  int failed = symo_group_from_ops(context, &table, &group) ||
               symo_context_add_group(context, group) || estimate(context, block);
  if (failed)
    fprintf(stderr, "%s\n", symo_context_detail(context));
  else
    printf("estimate for b, rows 0 and 1: %.4f %.4f %.4f %.4f, %.4f %.4f %.4f %.4f\n", block[0],
           block[1], block[2], block[3], block[4], block[5], block[6], block[7]);
  symo_group_destroy(group); /* the context has its own reference */
  symo_context_destroy(context);
  return failed;
}
