/* What is checked of a transform to isotypic coordinates, by random tensors. */
#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "groups/numeric/commutant.h"
#include "groups/numeric/transform.h"

/* y = Q x on every axis; x is kept, work as large. */
static void act(size_t d, int axes, const double *q, const double *x, double *y, double *work) {
  size_t rest = symo_tensor_size(d, (unsigned)axes) / d;
  const double *from = x;
  /* Acting on the last axis and writing it as the first, once for each axis. */
  for (int a = 0; a < axes; a++) {
    double *to = (axes - a) % 2 == 1 ? y : work;
    symo_gemm(SYMO_F64, 1, symo_mat_dense((void *)(uintptr_t)q, d, d),
              symo_mat_t(symo_mat_dense((void *)(uintptr_t)from, rest, d)), 0,
              symo_mat_dense(to, d, rest));
    from = to;
  }
}

/* (X a) . (X b) with X the columns of an irrep and their images; a, b: [copies type]. */
static double sketch(const isotypic_irrep *r, size_t copies, const double *x, const double *a,
                     const double *b) {
  double sum = 0, sign;
  for (size_t row = 0; row < isotypic_rows(r); row++) {
    double left = 0, right = 0;
    for (size_t u = 0; u < r->type; u++) {
      const double *from = x + symo_unit_row(r->type, u, row, &sign) * copies;
      for (size_t c = 0; c < copies; c++) {
        left += sign * from[c] * a[c * r->type + u];
        right += sign * from[c] * b[c * r->type + u];
      }
    }
    sum += left * right;
  }
  return sum;
}

/* The largest one; infinity for NaN. */
static double larger(double a, double b) { return isnan(b) ? (double)INFINITY : fmax(a, b); }

symo_status symo_transform_defect(symo_context *context, const group_transform *t, int axes,
                                  const double *q, symo_rng *rng, double *defect, double *trivial) {
  size_t points = symo_tensor_size(t->dim, (unsigned)axes), widest = 1;
  for (size_t k = 0; k < t->num_irreps; k++)
    if (t->irreps[k].copies[axes] * t->irreps[k].type > widest)
      widest = t->irreps[k].copies[axes] * t->irreps[k].type;
  size_t size = t->size[axes];
  double *x = symo_calloc(5 * size + 2 * widest, sizeof *x);
  if (x == NULL) return symo_fail_memory(context, "group");
  double *y = x + size, *cx = y + size, *cy = cx + size, *work = cy + size;
  double *a = work + size, *b = a + widest;
  double norm = 1 / sqrt((double)points);
  for (size_t i = 0; i < points; i++) x[i] = norm * symo_rng_normal(rng);
  act(t->dim, axes, q, x, y, work);
  t->analyze(t, axes, t->num_irreps, 1, x, cx, work);
  t->analyze(t, axes, t->num_irreps, 1, y, cy, work);
  *defect = *trivial = 0;
  for (size_t k = 0, at = 0; k < t->num_irreps; k++) {
    const isotypic_irrep *r = &t->irreps[k];
    size_t copies = r->copies[axes], columns = copies * r->type;
    for (size_t c = 0; c < columns; c++) {
      a[c] = symo_rng_normal(rng);
      b[c] = symo_rng_normal(rng);
    }
    if (copies > 0) {
      /* An irrep holds n copies of the points numbers whose squares add to 1 on average. */
      double scale = sqrt((double)columns) * (double)(r->n * copies) / (double)points;
      double moved = sketch(r, copies, cy + at, a, b) - sketch(r, copies, cx + at, a, b);
      *defect = larger(*defect, fabs(moved) / scale);
    }
    for (size_t c = 0; k == 0 && c < copies; c++)
      *trivial = larger(*trivial, fabs(cy[c] - cx[c]) / norm);
    at += isotypic_rows(r) * copies;
  }
  symo_free(x);
  return SYMO_OK;
}

static size_t root_of(const uint32_t *parent, size_t i) {
  while (parent[i] != i) i = parent[i];
  return i;
}

/* The image of an index tuple under a generator, signs aside. */
static size_t image_of(const generator_set *set, size_t generator, int axes, size_t tuple) {
  size_t d = set->dim, to = 0, place = 1;
  for (int a = 0; a < axes; a++, place *= d, tuple /= d)
    to += place * set->image[generator * d + tuple % d];
  return to;
}

symo_status symo_transform_find_orbits(const generator_set *set, group_transform *t) {
  if (set->num_dense + set->num_lie > 0) return SYMO_OK;
  for (int p = 1; p <= 2; p++) {
    if (!(t->orders >> p & 1)) continue;
    size_t points = symo_tensor_size(set->dim, (unsigned)p);
    if (points > UINT32_MAX / 2) continue;
    uint32_t *parent = symo_malloc(points * sizeof *parent);
    if (parent == NULL) return symo_fail_memory(set->context, "group");
    for (size_t i = 0; i < points; i++) parent[i] = (uint32_t)i;
    for (size_t g = 0; g < set->num_monomial; g++)
      for (size_t i = 0; i < points; i++) {
        size_t a = root_of(parent, i), b = root_of(parent, image_of(set, g, p, i));
        if (a < b) parent[b] = (uint32_t)a;
        if (b < a) parent[a] = (uint32_t)b;
        parent[i] = (uint32_t)(a < b ? a : b);
      }
    for (size_t i = 0; i < points; i++) parent[i] = (uint32_t)root_of(parent, i);
    t->orbit[p] = parent;
  }
  return SYMO_OK;
}
