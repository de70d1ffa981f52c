/* Groups whose isotypic coordinates are computed by a transform of whole lanes.
 *
 * A plan asks for one irrep at a time, in its own number type, together with the images of the
 * coordinates under the units of the algebra of the irrep: X_cu = (J_u X_c) / sqrt(type).  Each
 * such call transforms a float64 copy of the lanes to all irreps and keeps nothing for later calls.
 * Its cost is small beside that of the Gram matrices of a space on two axes. */
#include "groups/numeric/transform.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "groups/numeric/commutant.h"
#include "groups/numeric/numeric.h"

/* ---- checks by random tensors ---- */

/* y = Q x on every axis.  x is not changed; work is as large as x. */
static void act(size_t d, int axes, const double *q, const double *x, double *y, double *work) {
  size_t rest = symo_tensor_size(d, (unsigned)axes) / d;
  const double *from = x;
  /* Acts on the last axis and writes it as the first one, once for each axis. */
  for (int a = 0; a < axes; a++) {
    double *to = (axes - a) % 2 == 1 ? y : work;
    symo_gemm(SYMO_F64, 1, symo_mat_dense((void *)(uintptr_t)q, d, d),
              symo_mat_t(symo_mat_dense((void *)(uintptr_t)from, rest, d)), 0,
              symo_mat_dense(to, d, rest));
    from = to;
  }
}

/* The product (X a) . (X b), where X are the columns of an irrep with their images under the units;
 * a, b: [copies type]. */
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

/* The maximum of a and b; infinity if b is NaN. */
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
      /* The squares of all coordinates add to about 1, and the irrep has n copies of `points`. */
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

/* The image of an index tuple under a monomial generator; signs are ignored. */
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

/* Float64 arrays that a call needs: the lanes, coordinates, work.  In numbers of float32. */
enum { ARRAYS = 3, NARROW = 2, BATCH = 64 };

typedef struct transformed {
  group_instance instance;
  group_transform *t;
  char (*names)[SYMO_FOUND_NAME];
} transformed;

static const transformed *of(const symo_group *self) {
  return (const transformed *)(const void *)self;
}

static size_t points_of(const group_transform *t, int axes) {
  return symo_tensor_size(t->dim, (unsigned)axes);
}

/* Where the coordinates of an irrep begin, in numbers of one lane. */
static size_t transform_offset(const group_transform *t, int axes, size_t irrep) {
  size_t offset = 0;
  for (size_t k = 0; k < irrep; k++)
    offset += isotypic_rows(&t->irreps[k]) * t->irreps[k].copies[axes];
  return offset;
}

void symo_transform_measure(group_transform *t) {
  for (int p = 1; p <= 2; p++) {
    size_t points = points_of(t, p), numbers = transform_offset(t, p, t->num_irreps);
    t->size[p] = points > numbers ? points : numbers;
  }
}

size_t symo_unit_row(size_t type, size_t u, size_t row, double *sign) {
  static const int complex_from[2] = {1, 0}, complex_sign[2] = {-1, 1};
  /* q i, q j, q k for q = a + b i + c j + d k */
  static const int from[3][4] = {{1, 0, 3, 2}, {2, 3, 0, 1}, {3, 2, 1, 0}};
  static const int signs[3][4] = {{-1, 1, 1, -1}, {-1, -1, 1, 1}, {-1, 1, -1, 1}};
  size_t part = row % type;
  *sign = 1;
  if (u == 0) return row;
  *sign = type == 2 ? complex_sign[part] : signs[u - 1][part];
  return row - part + (size_t)(type == 2 ? complex_from[part] : from[u - 1][part]);
}

void symo_transform_release(group_transform *t) {
  symo_free(t->irreps);
  for (int p = 0; p < 3; p++) symo_free(t->orbit[p]);
}

/* ---- slots ---- */

static int irreps(const symo_group *self, size_t dim, symo_irrep *out) {
  return symo_found_irreps(of(self)->t->num_irreps, of(self)->t->irreps, of(self)->names, out);
}

static int components(const symo_group *self, size_t dim, int order, symo_component *out) {
  return symo_found_components(of(self)->t->num_irreps, of(self)->t->irreps, order, out);
}

static size_t reduced(const symo_group *self, size_t dim, int order) {
  return ARRAYS * NARROW * of(self)->t->size[order];
}

/* The arrays in a work space for `lanes`; part 0 .. 2. */
static double *array_of(const group_transform *t, int order, symo_nd work, size_t lanes, int part) {
  return (double *)work.p + (size_t)part * t->size[order] * lanes;
}

static size_t lanes_of(const symo_nd *x, int rows) {
  size_t lanes = 1;
  for (int i = rows; i < x->nd; i++) lanes *= x->n[i];
  return lanes;
}

/* n numbers between float64 and the number type of a view. */
static void widen(symo_dtype t, size_t n, const void *from, double *to) {
  for (size_t i = 0; i < n; i++) to[i] = symo_get(t, from, i);
}

static void narrow(symo_dtype t, size_t n, const double *from, void *to) {
  for (size_t i = 0; i < n; i++) symo_put(t, to, i, from[i]);
}

static void reduce(const symo_group *self, int order, symo_nd x, symo_nd red) {
  const group_transform *t = of(self)->t;
  size_t lanes = lanes_of(&x, order), n = points_of(t, order) * lanes;
  double *lane = array_of(t, order, red, lanes, 0);
  double *work = array_of(t, order, red, lanes, 2);
  bool wide = x.dtype == SYMO_F64;
  symo_nd_copy(1, x, symo_nd_dense(x.dtype, wide ? lane : work, x.nd, x.n));
  if (!wide) widen(x.dtype, n, work, lane);
  /* Which irrep is asked for is not known yet. */
  t->analyze(t, order, t->num_irreps, lanes, lane, array_of(t, order, red, lanes, 1), work);
}

/* The columns of unit u: copies lie `type` apart. */
static symo_nd unit_columns(symo_nd x, size_t type, size_t u) {
  x.p = symo_at(x.dtype, x.p, (ptrdiff_t)u * x.s[0]);
  x.n[0] /= type;
  x.s[0] *= (ptrdiff_t)type;
  return x;
}

/* [rows][copies][lanes] of an irrep of complex or quaternionic type and its images [rows from
 * `first`][copies type][lanes], to or fro. */
static void spread_units(const isotypic_irrep *r, size_t first, symo_nd plain, symo_nd images,
                         bool back) {
  double scale = 1 / sqrt((double)r->type), sign;
  for (size_t i = 0; i < images.n[0]; i++)
    for (size_t u = 0; u < r->type; u++) {
      size_t row = symo_unit_row(r->type, u, first + i, &sign);
      symo_nd one = symo_nd_pick(plain, 0, row);
      symo_nd image = unit_columns(symo_nd_pick(images, 0, i), r->type, u);
      if (back)
        symo_nd_axpy(sign * scale, image, one);
      else
        symo_nd_copy(sign * scale, one, image);
    }
}

/* The coordinates of an irrep in dense memory at p: [n][copies][lanes of x, behind `skip` axes]. */
static symo_nd plain_view(const isotypic_irrep *r, int order, symo_dtype dtype, void *p, symo_nd x,
                          int skip) {
  size_t shape[SYMO_ND_MAX] = {isotypic_rows(r), r->copies[order]};
  for (int i = skip; i < x.nd; i++) shape[2 + i - skip] = x.n[i];
  return symo_nd_dense(dtype, p, 2 + x.nd - skip, shape);
}

static void analyze(const symo_group *self, int order, int irrep, symo_nd x, symo_nd red,
                    size_t first, symo_nd out) {
  const group_transform *t = of(self)->t;
  const isotypic_irrep *r = &t->irreps[irrep];
  size_t rows = isotypic_rows(r), lanes = lanes_of(&x, order), n = rows * r->copies[order] * lanes;
  double *all = array_of(t, order, red, lanes, 1);
  void *mine = all + transform_offset(t, order, (size_t)irrep) * lanes;
  if (out.dtype != SYMO_F64) {
    narrow(out.dtype, n, mine, array_of(t, order, red, lanes, 2));
    mine = array_of(t, order, red, lanes, 2);
  }
  symo_nd plain = plain_view(r, order, out.dtype, mine, x, order);
  if (rows == 1)
    symo_nd_copy(1, symo_nd_pick(plain, 0, 0), out);
  else if (r->type == 1)
    symo_nd_copy(1, symo_nd_slice(plain, 0, first, out.n[0]), out);
  else
    spread_units(r, first, plain, out, false);
}

static void synthesize(const symo_group *self, int order, int irrep, symo_nd x, symo_nd work,
                       symo_nd out) {
  const group_transform *t = of(self)->t;
  const isotypic_irrep *r = &t->irreps[irrep];
  size_t lanes = lanes_of(&out, order), n = points_of(t, order) * lanes, rows = isotypic_rows(r);
  double *lane = array_of(t, order, work, lanes, 0), *all = array_of(t, order, work, lanes, 1);
  double *spare = array_of(t, order, work, lanes, 2);
  double *mine = all + transform_offset(t, order, (size_t)irrep) * lanes;
  bool wide = x.dtype == SYMO_F64;
  symo_nd plain = plain_view(r, order, x.dtype, wide ? mine : spare, out, order);
  if (wide) memset(all, 0, t->size[order] * lanes * sizeof *all);
  if (r->type > 1) {
    symo_nd_fill(0, plain);
    spread_units(r, 0, plain, x, true);
  } else {
    symo_nd_copy(1, x, rows == 1 ? symo_nd_pick(plain, 0, 0) : plain);
  }
  if (!wide) {
    memset(all, 0, t->size[order] * lanes * sizeof *all);
    widen(x.dtype, rows * r->copies[order] * lanes, spare, mine);
  }
  t->synthesize(t, order, (size_t)irrep, lanes, all, lane, spare);
  if (!wide) narrow(x.dtype, n, lane, spare);
  symo_nd_axpy(1, symo_nd_dense(x.dtype, wide ? lane : spare, out.nd, out.n), out);
}

/* ---- diagonals ---- */

static size_t batch_of(const isotypic_irrep *r) {
  size_t rows = isotypic_rows(r);
  return rows >= BATCH ? 1 : BATCH / rows;
}

/* In numbers: lanes, coordinates and work of a batch of unit vectors, their columns with images and
 * the product with M, and M. */
static size_t diagonal_numbers(const group_transform *t, int order, const isotypic_irrep *r) {
  size_t columns = r->copies[order] * r->type, batch = batch_of(r);
  return batch * (ARRAYS * t->size[order] + 2 * isotypic_rows(r) * columns) + columns * columns;
}

static size_t diagonal_work(const symo_group *self, int order, int irrep) {
  const group_transform *t = of(self)->t;
  return diagonal_numbers(t, order, &t->irreps[irrep]) * sizeof(double);
}

/* z [count][n, columns]: the coordinates, images included, of unit vectors. */
static void unit_coordinates(const group_transform *t, int order, size_t irrep, size_t count,
                             const size_t *index, double *memory, double *z) {
  const isotypic_irrep *r = &t->irreps[irrep];
  size_t size = t->size[order], copies = r->copies[order], columns = copies * r->type;
  size_t rows = isotypic_rows(r);
  double *lane = memory, *all = lane + size * count, *work = all + size * count, sign;
  double *mine = all + transform_offset(t, order, irrep) * count;
  double scale = 1 / sqrt((double)r->type);
  memset(lane, 0, size * count * sizeof *lane);
  for (size_t b = 0; b < count; b++) lane[index[b] * count + b] = 1;
  t->analyze(t, order, irrep, count, lane, all, work);
  for (size_t row = 0; row < rows; row++)
    for (size_t u = 0; u < r->type; u++) {
      size_t from = symo_unit_row(r->type, u, row, &sign);
      for (size_t c = 0; c < copies; c++)
        for (size_t b = 0; b < count; b++)
          z[(b * rows + row) * columns + c * r->type + u] =
              sign * scale * mine[(from * copies + c) * count + b];
    }
}

/* The entries of a lane with this index, or all with it as the least of their orbit, get
 * weights. */
static void add_diagonal(const group_transform *t, int order, size_t index, double weight,
                         symo_nd out) {
  size_t points = points_of(t, order), d = t->dim;
  const uint32_t *orbit = t->orbit[order];
  size_t end = orbit == NULL ? index + 1 : points;
  for (size_t i = index; i < end; i++) {
    if (orbit != NULL && orbit[i] != index) continue;
    symo_nd at = out;
    for (size_t a = 0, rest = i, block = points; a < (size_t)order; a++) {
      block /= d;
      at = symo_nd_pick(at, 0, rest / block);
      rest %= block;
    }
    symo_put(out.dtype, at.p, 0, symo_get(out.dtype, at.p, 0) + weight);
  }
}

/* Lane number `lane` of a view with `rows` axes before its lanes; lanes are counted row-major. */
static symo_nd one_lane(symo_nd x, int rows, size_t lane) {
  for (int i = x.nd - 1; i >= rows; i--) {
    size_t n = x.n[i];
    x = symo_nd_pick(x, i, lane % n);
    lane /= n;
  }
  return x;
}

/* weight of unit vector i = sum over rows r of z_ir M z_ir'. */
static void add_batch(const group_transform *t, int order, const isotypic_irrep *r, size_t count,
                      const size_t *index, const double *z, double *product, double *square,
                      symo_nd m, symo_nd out) {
  size_t columns = r->copies[order] * r->type, lanes = lanes_of(&m, 2);
  size_t each = isotypic_rows(r), rows = count * each;
  for (size_t lane = 0; lane < lanes; lane++) {
    symo_nd own = one_lane(m, 2, lane), to = one_lane(out, order, lane);
    for (size_t c = 0; c < columns; c++)
      for (size_t e = 0; e < columns; e++)
        square[c * columns + e] =
            symo_get(m.dtype, symo_at(m.dtype, own.p, (ptrdiff_t)c * own.s[0]),
                     (size_t)((ptrdiff_t)e * own.s[1]));
    symo_gemm(SYMO_F64, 1, symo_mat_dense((void *)(uintptr_t)z, rows, columns),
              symo_mat_dense(square, columns, columns), 0, symo_mat_dense(product, rows, columns));
    for (size_t b = 0; b < count; b++)
      add_diagonal(
          t, order, index[b],
          symo_dot(SYMO_F64, each * columns, z + b * each * columns, product + b * each * columns),
          to);
  }
}

static void diagonal(const symo_group *self, int order, int irrep, symo_nd m, symo_nd out,
                     void *work) {
  const group_transform *t = of(self)->t;
  const isotypic_irrep *r = &t->irreps[irrep];
  size_t points = points_of(t, order), columns = r->copies[order] * r->type, batch = batch_of(r);
  size_t each = isotypic_rows(r);
  double *memory = work, *z = memory + ARRAYS * t->size[order] * batch;
  double *product = z + batch * each * columns, *square = product + batch * each * columns;
  size_t index[BATCH], count = 0;
  for (size_t i = 0; i < points; i++) {
    if (t->orbit[order] == NULL || t->orbit[order][i] == i) index[count++] = i;
    if (count == 0 || (count < batch && i + 1 < points)) continue;
    unit_coordinates(t, order, (size_t)irrep, count, index, memory, z);
    add_batch(t, order, r, count, index, z, product, square, m, out);
    count = 0;
  }
}

/* ---- made and gone ---- */

static void finish(group_instance *self) {
  transformed *g = (transformed *)self;
  g->t->destroy(g->t);
  symo_free(g->names);
}

symo_status symo_transform_group(symo_context *context, const symo_group *like, group_transform *t,
                                 group_instance **out) {
  symo_group table = symo_found_group(like, t->num_irreps);
  table.max_axes = 2;
  table.reduced = reduced;
  table.reduce = reduce;
  table.analyze = analyze;
  table.synthesize = synthesize;
  table.diagonal = diagonal;
  table.diagonal_work = diagonal_work;
  table.irreps = irreps, table.components = components;
  group_instance *g = NULL;
  char(*names)[SYMO_FOUND_NAME] = symo_calloc(t->num_irreps, sizeof *names);
  symo_status status =
      names == NULL ? symo_fail_memory(context, "group")
                    : symo_group_instance_create(context, &table, sizeof(transformed), t->dim, &g);
  if (status != SYMO_OK) {
    symo_free(names);
    t->destroy(t);
    return status;
  }
  for (size_t k = 0; k < t->num_irreps; k++) symo_found_name(&t->irreps[k], k, names[k]);
  ((transformed *)g)->t = t;
  ((transformed *)g)->names = names;
  g->orders = t->orders;
  g->finish = finish;
  *out = g;
  return SYMO_OK;
}

const group_transform *symo_transform_of(const symo_group *group) {
  return group->analyze == analyze ? of(group)->t : NULL;
}
