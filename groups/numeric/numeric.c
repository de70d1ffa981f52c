/* Groups whose isotypic bases are stored as matrices.  Plans use them if there are no closed forms.
 *
 * The coordinates of a lane x are basis . x, one matrix product for all lanes.
 * groups/numeric/isotypic.h describes the rows of the basis. */
#include "groups/numeric/numeric.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "groups/numeric/blocks.h"
#include "groups/numeric/commutant.h"
#include "groups/numeric/factored.h"
#include "groups/numeric/orbits.h"

typedef struct numeric {
  group_instance instance;
  isotypic *iso;
  float **narrow; /* [irreps * (SYMO_MAX_REPEAT + 1)] the bases in float32 */
  float *store;
  char (*names)[SYMO_FOUND_NAME];
  size_t points[SYMO_MAX_REPEAT + 1], work[SYMO_MAX_REPEAT + 1];
} numeric;

static const numeric *of(const symo_group *self) { return (const numeric *)(const void *)self; }

symo_irrep symo_found_irrep(const isotypic_irrep *r, const char *name) {
  symo_irrep irrep = {.name = name, .dim = r->n / r->type, .count = 1, .type = r->type};
  irrep.ambient = isotypic_rows(r) > 1 ? 1 : 0;
  irrep.frame[0] = isotypic_rows(r);
  return irrep;
}

void symo_found_name(const isotypic_irrep *r, size_t number, char out[SYMO_FOUND_NAME]) {
  const char *type = r->type == 1 ? "" : r->type == 2 ? "-complex" : "-quaternionic";
  if (r->name[0] != 0)
    memcpy(out, r->name, SYMO_FOUND_NAME);
  else
    snprintf(out, SYMO_FOUND_NAME, number == 0 ? "trivial" : "irrep%zu-%zu%s", number, r->n, type);
}

symo_group symo_found_group(const symo_group *like, size_t num_irreps) {
  return (symo_group){.name = like->name,
                      .summary = like->summary,
                      .irreps_text = like->irreps_text,
                      .average = like->average,
                      .exact = like->exact,
                      .max_irreps = (int)num_irreps,
                      .cross = true};
}

int symo_found_irreps(size_t num, const isotypic_irrep *irreps, char (*names)[SYMO_FOUND_NAME],
                      symo_irrep *out) {
  for (size_t k = 0; k < num; k++) out[k] = symo_found_irrep(&irreps[k], names[k]);
  return (int)num;
}

int symo_found_components(size_t num, const isotypic_irrep *irreps, int order,
                          symo_component *out) {
  int n = 0;
  for (size_t k = 0; k < num; k++)
    if (irreps[k].copies[order] > 0)
      out[n++] = (symo_component){(int)k, irreps[k].copies[order] * irreps[k].type};
  return n;
}

static int irreps(const symo_group *self, size_t dim, symo_irrep *out) {
  return symo_found_irreps(of(self)->iso->num_irreps, of(self)->iso->irreps, of(self)->names, out);
}

static int components(const symo_group *self, size_t dim, int order, symo_component *out) {
  return symo_found_components(of(self)->iso->num_irreps, of(self)->iso->irreps, order, out);
}

/* A copy of the lanes, and coordinates. */
static size_t reduced(const symo_group *self, size_t dim, int order) {
  return of(self)->work[order];
}

/* Rows [first, first + n) of the basis of an irrep, in the number type of x. */
static symo_mat basis(const numeric *g, int order, int irrep, symo_dtype t, size_t first,
                      size_t n) {
  const isotypic_irrep *r = &g->iso->irreps[irrep];
  size_t copies = r->copies[order] * r->type, points = g->points[order];
  void *p =
      t == SYMO_F64 ? (void *)r->basis[order] : g->narrow[irrep * (SYMO_MAX_REPEAT + 1) + order];
  return symo_mat_dense(symo_at(t, p, (ptrdiff_t)(first * copies * points)), n * copies, points);
}

/* The first `axes` axes of x together as rows: as it lies, or a place in memory for them. */
static symo_mat lanes_of(symo_nd x, int axes, void *memory, symo_nd *there) {
  symo_mat mat;
  if (symo_nd_matrix(x, axes, &mat)) {
    *there = x;
    return mat;
  }
  *there = symo_nd_dense(x.dtype, memory, x.nd, x.n);
  symo_nd_matrix(*there, axes, &mat);
  return mat;
}

static void analyze(const symo_group *self, int order, int irrep, symo_nd x, symo_nd red,
                    size_t first, symo_nd out) {
  const numeric *g = of(self);
  int rows = g->iso->irreps[irrep].n > 1 ? 2 : 1; /* the row axis, copies */
  symo_nd from, to;
  void *second = symo_at(x.dtype, red.p, (ptrdiff_t)symo_nd_size(&x));
  symo_mat source = lanes_of(x, order, red.p, &from), target = lanes_of(out, rows, second, &to);
  if (from.p != x.p) symo_nd_copy(1, x, from);
  symo_mat b = basis(g, order, irrep, x.dtype, first, rows == 2 ? out.n[0] : 1);
  symo_gemm(x.dtype, 1, b, source, 0, target);
  if (to.p != out.p) symo_nd_copy(1, to, out);
}

static void synthesize(const symo_group *self, int order, int irrep, symo_nd x, symo_nd work,
                       symo_nd out) {
  const numeric *g = of(self);
  int rows = g->iso->irreps[irrep].n > 1 ? 2 : 1;
  symo_nd from, to;
  void *second = symo_at(x.dtype, work.p, (ptrdiff_t)symo_nd_size(&out));
  symo_mat target = lanes_of(out, order, work.p, &to), source = lanes_of(x, rows, second, &from);
  if (from.p != x.p) symo_nd_copy(1, x, from);
  symo_mat b = symo_mat_t(basis(g, order, irrep, x.dtype, 0, g->iso->irreps[irrep].n));
  symo_gemm(x.dtype, 1, b, source, to.p == out.p, target);
  if (to.p != out.p) symo_nd_axpy(1, to, out);
}

/* out[i] += sum over copies c, c' of m[c, c'] sum_r basis[r, c, i] basis[r, c', i]. */
static void diagonal(const symo_group *self, int order, int irrep, symo_nd m, symo_nd out,
                     void *work) {
  const numeric *g = of(self);
  const isotypic_irrep *r = &g->iso->irreps[irrep];
  size_t copies = r->copies[order] * r->type, points = g->points[order], d = g->iso->dim;
  const double *b = r->basis[order];
  for (size_t i = 0; i < points; i++) {
    symo_nd at = out;
    size_t rest = i, block = points;
    for (int a = 0; a < order; a++) {
      block /= d;
      at = symo_nd_pick(at, 0, rest / block);
      rest %= block;
    }
    for (size_t c = 0; c < copies; c++)
      for (size_t e = 0; e < copies; e++) {
        double weight = 0;
        for (size_t k = 0; k < r->n; k++)
          weight += b[(k * copies + c) * points + i] * b[(k * copies + e) * points + i];
        symo_nd_axpy(weight, symo_nd_pick(symo_nd_pick(m, 0, c), 0, e), at);
      }
  }
}

static void finish(group_instance *self) {
  numeric *g = (numeric *)self;
  symo_isotypic_destroy(g->iso);
  symo_free(g->narrow);
  symo_free(g->store);
  symo_free(g->names);
}

/* Names, sizes of work, and the bases in float32. */
static symo_status prepare(symo_context *context, numeric *g) {
  const isotypic *iso = g->iso;
  size_t numbers = 0, used = 0;
  for (int p = 0; p <= SYMO_MAX_REPEAT; p++)
    g->points[p] = p == 0 ? 1 : g->points[p - 1] * iso->dim;
  g->names = symo_calloc(iso->num_irreps, sizeof *g->names);
  g->narrow = symo_calloc(iso->num_irreps * (SYMO_MAX_REPEAT + 1), sizeof *g->narrow);
  if (g->names == NULL || g->narrow == NULL) return symo_fail_memory(context, "group");
  for (size_t k = 0; k < iso->num_irreps; k++) {
    const isotypic_irrep *r = &iso->irreps[k];
    symo_found_name(r, k, g->names[k]);
    for (int p = 1; p <= SYMO_MAX_REPEAT; p++) {
      size_t rows = r->n * r->copies[p] * r->type;
      if (g->points[p] + rows > g->work[p]) g->work[p] = g->points[p] + rows;
      numbers += r->basis[p] == NULL ? 0 : rows * g->points[p];
    }
  }
  g->store = symo_malloc(numbers * sizeof *g->store);
  if (g->store == NULL) return symo_fail_memory(context, "group");
  for (size_t k = 0; k < iso->num_irreps; k++)
    for (int p = 1; p <= SYMO_MAX_REPEAT; p++) {
      const isotypic_irrep *r = &iso->irreps[k];
      size_t count = r->n * r->copies[p] * r->type * g->points[p];
      if (r->basis[p] == NULL) continue;
      g->narrow[k * (SYMO_MAX_REPEAT + 1) + (size_t)p] = g->store + used;
      for (size_t i = 0; i < count; i++) g->store[used + i] = (float)r->basis[p][i];
      used += count;
    }
  return SYMO_OK;
}

symo_status symo_numeric_create(symo_context *context, const symo_group *like, isotypic *iso,
                                group_instance **out) {
  symo_group table = symo_found_group(like, iso->num_irreps);
  table.max_axes = SYMO_MAX_REPEAT;
  table.reduced = reduced;
  table.analyze = analyze;
  table.synthesize = synthesize;
  table.diagonal = diagonal;
  table.irreps = irreps, table.components = components;
  group_instance *g;
  symo_status status = symo_group_instance_create(context, &table, sizeof(numeric), iso->dim, &g);
  if (status != SYMO_OK) {
    symo_isotypic_destroy(iso);
    return status;
  }
  ((numeric *)g)->iso = iso;
  g->orders = iso->orders;
  g->finish = finish;
  status = prepare(context, (numeric *)g);
  if (status != SYMO_OK)
    symo_group_destroy(&g->group);
  else
    *out = g;
  return status;
}

symo_space_info symo_group_info(const symo_group *group) {
  const group_transform *t = symo_transform_of(group);
  if (t != NULL) return t->info;
  if (group->analyze != analyze) return (symo_space_info){.numeric = false};
  const isotypic *iso = of(group)->iso;
  return (symo_space_info){.numeric = true,
                           .gap = iso->gap,
                           .defect = iso->defect,
                           .commutant = iso->commutant,
                           .elements = iso->elements};
}

/* ---- which group a plan works with ---- */

/* Up to so many numbers the bases are matrices always.  Beyond: a row of the registry that does as
 * well, else by factors if the space stands on two axes at most, else matrices up to
 * SYMO_ISOTYPIC_MAX. */
enum { SMALL = 1024 };

static size_t numbers_of(size_t dim, unsigned orders) {
  size_t total = 0;
  for (unsigned p = 1; p <= SYMO_MAX_REPEAT; p++) {
    size_t n = orders >> p & 1 ? symo_tensor_size(dim, p) : 0;
    total = n > SIZE_MAX - total ? SIZE_MAX : total + n;
  }
  return total;
}

/* What a decomposition by matrices takes on two axes at most: eigenvectors and products of order
 * D = d + d^2, and to average tensors of order 4 where generators are no signed permutations. */
static double matrix_flops(const generator_set *set, size_t total) {
  double n = (double)total, d = (double)set->dim;
  if (total > SYMO_ISOTYPIC_MAX) return INFINITY;
  return 10 * n * n * n + (set->num_dense + set->num_lie > 0 ? 2000 * pow(d, 5) : 0);
}

/* By blocks or by factors, or by matrices where these fit and take less. */
static symo_status search(const generator_set *set, const symo_group *like, unsigned orders,
                          const symo_group **out) {
  symo_context *context = set->context;
  group_transform *transform = NULL;
  isotypic *iso = NULL;
  group_instance *made = NULL;
  size_t total = numbers_of(set->dim, orders);
  bool factors = total > SMALL && orders >> 3 == 0 && (orders >> 2 & 1);
  symo_status status = SYMO_E_SIZE;
  if (factors) {
    status = symo_blocks_create(set, orders, &transform);
    if (status == SYMO_OK && transform == NULL)
      status = symo_factored_create(set, orders, matrix_flops(set, total), 1, &transform);
  }
  if (transform != NULL) {
    status = symo_transform_group(context, like, transform, &made);
  } else if (status == SYMO_E_SIZE && (!factors || total <= SYMO_ISOTYPIC_MAX)) {
    status = symo_isotypic_create(set, orders, 1, &iso);
    if (status == SYMO_OK) status = symo_numeric_create(context, like, iso, &made);
  }
  if (status == SYMO_OK) *out = &made->group;
  return status;
}

/* *out: a row of the registry, or an instance made for this. */
static symo_status decompose(symo_context *context, const symo_group *group, size_t dim,
                             unsigned orders, const symo_group **out) {
  generator_set *set = NULL;
  group_instance *made = NULL;
  const symo_group *row = NULL;
  symo_status status;
  int most = 0;
  for (int p = 1; p <= SYMO_MAX_REPEAT; p++)
    if (orders >> p & 1) most = p;
  if (symo_group_is_callbacks(group) && most <= group->max_axes) {
    status = symo_callbacks_decompose(context, group, dim, orders, &made);
    if (status == SYMO_OK) *out = &made->group;
    return status;
  }
  SYMO_TRY(symo_generator_set_create(context, dim, &set));
  SYMO_TRY(symo_group_add_generators(group, dim, set));
  if (numbers_of(dim, orders) > SMALL) SYMO_TRY(symo_group_recognise(set, orders, &row));
  if (row != NULL)
    *out = row;
  else
    SYMO_TRY(search(set, group, orders, out));
fail:
  symo_generator_set_destroy(set);
  return status;
}

symo_status symo_group_resolve(symo_context *context, const symo_group *group, size_t dim,
                               unsigned orders, const symo_group **out) {
  if (group->structure != NULL) group = group->structure(group);
  bool closed = group == &symo_group_identity ||
                (group->irreps != NULL && orders >> (group->max_axes + 1) == 0);
  if (closed) {
    *out = symo_group_retain(group);
    return SYMO_OK;
  }
  if (!symo_group_is_instance(group)) return decompose(context, group, dim, orders, out);
  group_instance *owner = (group_instance *)(uintptr_t)group, *made;
  const symo_group *found = NULL;
  symo_status status = SYMO_OK;
  pthread_mutex_lock(&owner->lock);
  for (made = owner->found; made != NULL; made = made->next)
    if (made->dim == dim && made->orders == orders) break;
  if (made != NULL) {
    found = &made->group;
  } else {
    status = decompose(context, group, dim, orders, &found);
    if (status == SYMO_OK && symo_group_is_instance(found)) {
      made = (group_instance *)(uintptr_t)found;
      made->next = owner->found;
      owner->found = made;
    }
  }
  if (status == SYMO_OK) *out = symo_group_retain(found);
  pthread_mutex_unlock(&owner->lock);
  return status;
}
