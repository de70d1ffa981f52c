/* Points in blocks a of s_a points, permuted within each block: S_a x S_b x ..
 *
 * One axis:  R^d = one trivial copy a block + standard_a, for each block of two points or more.
 *
 * Two axes:  the part (a, a) is R^s (x) R^s of the symmetric group (groups/forms/permutation.c, the
 * formulas of which are used here); on (a, b), a and b different, with row sums r, column sums c
 * and total t,
 *     trivial                 t / sqrt(s_a s_b)
 *     standard_a              (r_i - t / s_a) / sqrt(s_b)
 *     standard_b              (c_j - t / s_b) / sqrt(s_a)
 *     standard_a (x) _b       x_ij - r_i / s_b - c_j / s_a + t / (s_a s_b)
 * the last of dimension (s_a - 1)(s_b - 1), twice: on (a, b) and, transposed, on (b, a).
 *
 * Check: blocks of 3 and 2: trivial 2 + 2 + 2 = 6, standard_3 2 + 2, standard_2 2 + 2,
 * antisymmetric_3 of dimension 1, standard_3 (x) standard_2 of dimension 2 twice: 6 + 4*2 + 4*1 + 1
 * + 2*2 = 23, and 25 with the third standard_3. */
#include "groups/numeric/blocks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "groups/numeric/orbits.h"

enum { NONE = -1 };

typedef struct block {
  size_t size, *index; /* the points */
  int standard, symmetric, antisymmetric;
} block;

typedef struct blocks {
  group_transform head; /* first */
  size_t num;
  block *blocks;
  size_t *points;    /* [d] of all blocks, one after the other */
  int *product;      /* [num, num] the irrep standard_a (x) standard_b, a < b */
  size_t *offset[3]; /* [p] where each irrep begins among coordinates on p axes */
} blocks;

static const blocks *of(const group_transform *t) { return (const blocks *)(const void *)t; }

static void destroy(group_transform *t) {
  blocks *f = (blocks *)(void *)t;
  symo_free(f->blocks);
  symo_free(f->points);
  symo_free(f->product);
  for (int p = 1; p <= 2; p++) symo_free(f->offset[p]);
  symo_transform_release(t);
  symo_free(f);
}

/* ---- columns ---- */

static size_t trivial_copies(const block *a, const block *b) {
  return a == b && a->size > 1 ? 2 : 1;
}
static size_t standard_copies(const block *a) { return a->size > 2 ? 3 : a->size == 2 ? 2 : 0; }

/* The columns of a part (a, b) behind those of the parts before it, row by row of parts; those of
 * standard_a, own parts first: 0 .. 2, then (a, b) and (b, a) for each other block b. */
static size_t trivial_column(const blocks *f, size_t a, size_t b) {
  size_t column = 0;
  for (size_t i = 0; i < a; i++)
    column += f->num - 1 + trivial_copies(&f->blocks[i], &f->blocks[i]);
  for (size_t j = 0; j < b; j++) column += trivial_copies(&f->blocks[a], &f->blocks[j]);
  return column;
}

static size_t standard_column(const blocks *f, size_t a, size_t other, bool second) {
  return standard_copies(&f->blocks[a]) + 2 * (other - (other > a)) + second;
}

/* ---- one part, to coordinates or back ---- */

/* Where a part lies: entry (i, j) of lane l, and coordinates (row, column) of an irrep. */
typedef struct part {
  const blocks *f;
  size_t a, b, lanes;
  double *x, *coordinates;
} part;

static double *entry(const part *p, size_t i, size_t j) {
  return p->x +
         (p->f->blocks[p->a].index[i] * p->f->head.dim + p->f->blocks[p->b].index[j]) * p->lanes;
}

static double *coordinate(const part *p, int irrep, size_t row, size_t column) {
  size_t copies = p->f->head.irreps[irrep].copies[2];
  return p->coordinates + (p->f->offset[2][irrep] + row * copies + column) * p->lanes;
}

static void add(const part *p, double scale, const double *from, double *to) {
  for (size_t l = 0; l < p->lanes; l++) to[l] += scale * from[l];
}

static void set(const part *p, double scale, const double *from, double *to) {
  for (size_t l = 0; l < p->lanes; l++) to[l] = scale * from[l];
}

/* Sums over what lies off the diagonal (a = b) or all: rows, then columns, then the total; then the
 * sum of the diagonal.  At most 2 d + 2 numbers a lane. */
static void sum_up(const part *p, double *sums) {
  size_t m = p->f->blocks[p->a].size, n = p->f->blocks[p->b].size, lanes = p->lanes;
  double *columns = sums + m * lanes, *total = columns + n * lanes, *diagonal = total + lanes;
  memset(sums, 0, (m + n + 2) * lanes * sizeof *sums);
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      const double *x = entry(p, i, j);
      if (p->a == p->b && i == j) {
        add(p, 1, x, diagonal);
        continue;
      }
      add(p, 1, x, sums + i * lanes);
      add(p, 1, x, columns + j * lanes);
      add(p, 1, x, total);
    }
}

static void analyze_other(const part *p, const double *sums) {
  const block *a = &p->f->blocks[p->a], *b = &p->f->blocks[p->b];
  size_t lanes = p->lanes;
  double m = (double)a->size, n = (double)b->size;
  const double *columns = sums + a->size * lanes, *total = columns + b->size * lanes;
  set(p, 1 / sqrt(m * n), total, coordinate(p, 0, 0, trivial_column(p->f, p->a, p->b)));
  for (size_t i = 0; i < a->size && a->standard != NONE; i++) {
    double *to = coordinate(p, a->standard, i, standard_column(p->f, p->a, p->b, false));
    set(p, 1 / sqrt(n), sums + i * lanes, to);
    add(p, -1 / (m * sqrt(n)), total, to);
  }
  for (size_t j = 0; j < b->size && b->standard != NONE; j++) {
    double *to = coordinate(p, b->standard, j, standard_column(p->f, p->b, p->a, true));
    set(p, 1 / sqrt(m), columns + j * lanes, to);
    add(p, -1 / (n * sqrt(m)), total, to);
  }
  bool turned = p->a > p->b;
  int product =
      turned ? p->f->product[p->b * p->f->num + p->a] : p->f->product[p->a * p->f->num + p->b];
  for (size_t i = 0; i < a->size && product != NONE; i++)
    for (size_t j = 0; j < b->size; j++) {
      double *to = coordinate(p, product, turned ? j * a->size + i : i * b->size + j, turned);
      set(p, 1, entry(p, i, j), to);
      add(p, -1 / n, sums + i * lanes, to);
      add(p, -1 / m, columns + j * lanes, to);
      add(p, 1 / (m * n), total, to);
    }
}

static void synthesize_other(const part *p) {
  const block *a = &p->f->blocks[p->a], *b = &p->f->blocks[p->b];
  double m = (double)a->size, n = (double)b->size;
  bool turned = p->a > p->b;
  int product =
      turned ? p->f->product[p->b * p->f->num + p->a] : p->f->product[p->a * p->f->num + p->b];
  for (size_t i = 0; i < a->size; i++)
    for (size_t j = 0; j < b->size; j++) {
      double *to = entry(p, i, j);
      add(p, 1 / sqrt(m * n), coordinate(p, 0, 0, trivial_column(p->f, p->a, p->b)), to);
      if (a->standard != NONE)
        add(p, 1 / sqrt(n), coordinate(p, a->standard, i, standard_column(p->f, p->a, p->b, false)),
            to);
      if (b->standard != NONE)
        add(p, 1 / sqrt(m), coordinate(p, b->standard, j, standard_column(p->f, p->b, p->a, true)),
            to);
      if (product != NONE)
        add(p, 1, coordinate(p, product, turned ? j * a->size + i : i * b->size + j, turned), to);
    }
}

/* The standard part of (a, a): the diagonal, then q, and p between them for three points or
 * more. */
static void analyze_standard(const part *p, const double *sums) {
  const block *a = &p->f->blocks[p->a];
  size_t s = a->size, lanes = p->lanes;
  double n = (double)s;
  const double *columns = sums + s * lanes, *total = columns + s * lanes, *mean = total + lanes;
  for (size_t i = 0; i < s; i++) {
    const double *r = sums + i * lanes, *c = columns + i * lanes;
    double *to = coordinate(p, a->standard, i, 0);
    set(p, 1, entry(p, i, i), to);
    add(p, -1 / n, mean, to);
    to = coordinate(p, a->standard, i, standard_copies(a) - 1);
    set(p, 1 / sqrt(2 * n), r, to);
    add(p, -1 / sqrt(2 * n), c, to);
    if (s == 2) continue;
    double scale = 1 / sqrt(2 * (n - 2));
    to = coordinate(p, a->standard, i, 1);
    set(p, scale, r, to);
    add(p, scale, c, to);
    add(p, -2 * scale / n, total, to);
  }
}

/* (x + sign x') / 2 off the diagonal, less what the other irreps have of it. */
static void analyze_pairs(const part *p, double sign, int irrep, const double *sums) {
  size_t s = p->f->blocks[p->a].size, lanes = p->lanes;
  double n = (double)s, scale = sign > 0 ? 1 / (2 * (n - 2)) : 1 / (2 * n);
  double constant = sign > 0 ? 2 / (n * (n - 2)) - 1 / (n * (n - 1)) : 0;
  const double *columns = sums + s * lanes, *total = columns + s * lanes;
  for (size_t i = 0; i < s; i++)
    for (size_t j = 0; j < s; j++) {
      double *to = coordinate(p, irrep, i * s + j, 0);
      memset(to, 0, lanes * sizeof *to);
      if (i == j) continue;
      add(p, 0.5, entry(p, i, j), to);
      add(p, sign / 2, entry(p, j, i), to);
      add(p, -scale, sums + i * lanes, to);
      add(p, -scale * sign, columns + i * lanes, to);
      add(p, -scale * sign, sums + j * lanes, to);
      add(p, -scale, columns + j * lanes, to);
      add(p, constant, total, to);
    }
}

static void analyze_own(const part *p, const double *sums) {
  const block *a = &p->f->blocks[p->a];
  double n = (double)a->size;
  size_t column = trivial_column(p->f, p->a, p->a);
  const double *total = sums + 2 * a->size * p->lanes, *diagonal = total + p->lanes;
  set(p, 1 / sqrt(n), diagonal, coordinate(p, 0, 0, column));
  if (a->size > 1) set(p, 1 / sqrt(n * (n - 1)), total, coordinate(p, 0, 0, column + 1));
  if (a->standard != NONE) analyze_standard(p, sums);
  if (a->symmetric != NONE) analyze_pairs(p, 1, a->symmetric, sums);
  if (a->antisymmetric != NONE) analyze_pairs(p, -1, a->antisymmetric, sums);
}

static void synthesize_own(const part *p) {
  const block *a = &p->f->blocks[p->a];
  size_t s = a->size, column = trivial_column(p->f, p->a, p->a), last = standard_copies(a) - 1;
  double n = (double)s, skew = 1 / sqrt(2 * n), even = s > 2 ? 1 / sqrt(2 * (n - 2)) : 0;
  for (size_t i = 0; i < s; i++) {
    double *to = entry(p, i, i);
    add(p, 1 / sqrt(n), coordinate(p, 0, 0, column), to);
    if (a->standard != NONE) add(p, 1, coordinate(p, a->standard, i, 0), to);
    for (size_t j = 0; j < s; j++) {
      if (i == j) continue;
      to = entry(p, i, j);
      add(p, 1 / sqrt(n * (n - 1)), coordinate(p, 0, 0, column + 1), to);
      add(p, skew, coordinate(p, a->standard, i, last), to);
      add(p, -skew, coordinate(p, a->standard, j, last), to);
      if (s > 2) add(p, even, coordinate(p, a->standard, i, 1), to);
      if (s > 2) add(p, even, coordinate(p, a->standard, j, 1), to);
      if (a->symmetric != NONE) add(p, 1, coordinate(p, a->symmetric, i * s + j, 0), to);
      if (a->antisymmetric != NONE) add(p, 1, coordinate(p, a->antisymmetric, i * s + j, 0), to);
    }
  }
}

/* ---- the transform ---- */

/* One axis: block a has column a of the trivial irrep. */
static void one_axis(const blocks *f, size_t lanes, double *x, double *coordinates, bool back) {
  part p = {f, 0, 0, lanes, x, coordinates};
  for (size_t a = 0; a < f->num; a++) {
    const block *b = &f->blocks[a];
    double *mean = coordinates + a * lanes, n = (double)b->size;
    double *own = b->standard == NONE ? NULL : coordinates + f->offset[1][b->standard] * lanes;
    if (!back) memset(mean, 0, lanes * sizeof *mean);
    for (size_t i = 0; i < b->size && !back; i++)
      add(&p, 1 / sqrt(n), x + b->index[i] * lanes, mean);
    for (size_t i = 0; i < b->size; i++) {
      double *here = x + b->index[i] * lanes;
      if (back) set(&p, 1 / sqrt(n), mean, here);
      if (back && own != NULL) add(&p, 1, own + i * lanes, here);
      if (back || own == NULL) continue;
      set(&p, 1, here, own + i * lanes);
      add(&p, -1 / sqrt(n), mean, own + i * lanes);
    }
  }
}

static void analyze(const group_transform *t, int axes, size_t only, size_t lanes, double *x,
                    double *coordinates, double *work) {
  const blocks *f = of(t);
  if (axes == 1) {
    one_axis(f, lanes, x, coordinates, false);
    return;
  }
  for (size_t a = 0; a < f->num; a++)
    for (size_t b = 0; b < f->num; b++) {
      part p = {f, a, b, lanes, x, coordinates};
      sum_up(&p, work);
      if (a == b)
        analyze_own(&p, work);
      else
        analyze_other(&p, work);
    }
}

static void synthesize(const group_transform *t, int axes, size_t only, size_t lanes,
                       double *coordinates, double *x, double *work) {
  const blocks *f = of(t);
  if (axes == 1) {
    one_axis(f, lanes, x, coordinates, true);
    return;
  }
  memset(x, 0, t->dim * t->dim * lanes * sizeof *x);
  for (size_t a = 0; a < f->num; a++)
    for (size_t b = 0; b < f->num; b++) {
      part p = {f, a, b, lanes, x, coordinates};
      if (a == b)
        synthesize_own(&p);
      else
        synthesize_other(&p);
    }
}

/* ---- made ---- */

/* Blocks are the orbits of points, by their least point. */
static symo_status find_blocks(const generator_set *g, blocks *f) {
  size_t d = g->dim, used = 0;
  size_t *part_of = symo_malloc(d * sizeof *part_of);
  f->points = symo_malloc(d * sizeof *f->points);
  f->blocks = symo_calloc(d, sizeof *f->blocks);
  if (part_of == NULL || f->points == NULL || f->blocks == NULL) {
    symo_free(part_of);
    return symo_fail_memory(g->context, "group");
  }
  memset(part_of, 0xff, d * sizeof *part_of);
  for (size_t start = 0; start < d; start++) {
    if (part_of[start] != SIZE_MAX) continue;
    block *b = &f->blocks[f->num];
    b->index = f->points + used;
    b->index[b->size++] = start;
    part_of[start] = f->num;
    for (size_t i = 0; i < b->size; i++)
      for (size_t k = 0; k < g->num_monomial; k++) {
        size_t to = g->image[k * d + b->index[i]];
        if (part_of[to] != SIZE_MAX) continue;
        part_of[to] = f->num;
        b->index[b->size++] = to;
      }
    used += b->size;
    f->num++;
  }
  symo_free(part_of);
  return SYMO_OK;
}

/* Orbits of k-tuples under the product of the symmetric groups: the places are shared out among the
 * blocks, and those of a block fall into sets of equal ones. */
static void count_orbits(const blocks *f, size_t counts[SYMO_TUPLES + 1]) {
  static const size_t choose[SYMO_TUPLES + 1][SYMO_TUPLES + 1] = {
      {1, 0, 0, 0, 0}, {1, 1, 0, 0, 0}, {1, 2, 1, 0, 0}, {1, 3, 3, 1, 0}, {1, 4, 6, 4, 1}};
  memset(counts, 0, (SYMO_TUPLES + 1) * sizeof *counts);
  counts[0] = 1;
  for (size_t a = 0; a < f->num; a++)
    for (size_t k = SYMO_TUPLES; k > 0; k--)
      for (size_t i = 1; i <= k; i++)
        counts[k] += choose[k][i] * counts[k - i] * symo_set_partitions(i, f->blocks[a].size);
}

static symo_status is_proved(const generator_set *g, const blocks *f, unsigned orders, bool *out) {
  size_t counts[SYMO_TUPLES + 1], wanted[SYMO_TUPLES + 1];
  bool counted;
  symo_status status = symo_tuple_orbits(g, symo_tuples_of(orders), &counted, counts);
  count_orbits(f, wanted);
  *out = status == SYMO_OK && counted;
  for (size_t p = 1; p <= 2; p++)
    for (size_t q = p; q <= 2; q++)
      if ((orders >> p & 1) && (orders >> q & 1)) *out = *out && counts[p + q] == wanted[p + q];
  return status;
}

/* A new irrep, of dimension n, with so many rows and copies; NONE if it has no dimension. */
static int new_irrep(blocks *f, const char *name, size_t n, size_t rows, size_t one, size_t two) {
  if (n == 0) return NONE;
  if (!(f->head.orders >> 1 & 1)) one = 0;
  if (!(f->head.orders >> 2 & 1)) two = 0;
  isotypic_irrep *r = &f->head.irreps[f->head.num_irreps];
  *r = (isotypic_irrep){.n = n, .rows = rows, .type = 1, .copies = {0, one, two}};
  (void)snprintf(r->name, sizeof r->name, "%s", name);
  return (int)f->head.num_irreps++;
}

static symo_status make_irreps(symo_context *context, blocks *f) {
  size_t num = f->num, room = 1 + 3 * num + num * (num - 1) / 2, trivial = 0;
  char name[32];
  f->head.irreps = symo_calloc(room, sizeof *f->head.irreps);
  f->product = symo_malloc(num * num * sizeof *f->product);
  if (f->head.irreps == NULL || f->product == NULL) return symo_fail_memory(context, "group");
  for (size_t a = 0; a < num; a++)
    trivial += num - 1 + trivial_copies(&f->blocks[a], &f->blocks[a]);
  new_irrep(f, "trivial", 1, 1, num, trivial);
  for (size_t a = 0; a < num; a++) {
    block *b = &f->blocks[a];
    size_t s = b->size;
    (void)snprintf(name, sizeof name, "standard%u", (unsigned)a + 1);
    b->standard = new_irrep(f, name, s - 1, s, 1, standard_copies(b) + 2 * (num - 1));
    (void)snprintf(name, sizeof name, "symmetric%u", (unsigned)a + 1);
    b->symmetric = new_irrep(f, name, s > 3 ? s * (s - 3) / 2 : 0, s * s, 0, 1);
    (void)snprintf(name, sizeof name, "antisymmetric%u", (unsigned)a + 1);
    b->antisymmetric = new_irrep(f, name, s > 2 ? (s - 1) * (s - 2) / 2 : 0, s * s, 0, 1);
  }
  for (size_t a = 0; a < num; a++)
    for (size_t b = a + 1; b < num; b++) {
      size_t s = f->blocks[a].size, t = f->blocks[b].size;
      (void)snprintf(name, sizeof name, "standard%u-%u", (unsigned)a + 1, (unsigned)b + 1);
      f->product[a * num + b] = new_irrep(f, name, (s - 1) * (t - 1), s * t, 0, 2);
    }
  for (int p = 1; p <= 2; p++) {
    f->offset[p] = symo_calloc(f->head.num_irreps, sizeof *f->offset[p]);
    if (f->offset[p] == NULL) return symo_fail_memory(context, "group");
    for (size_t k = 1; k < f->head.num_irreps; k++)
      f->offset[p][k] = f->offset[p][k - 1] +
                        isotypic_rows(&f->head.irreps[k - 1]) * f->head.irreps[k - 1].copies[p];
  }
  symo_transform_measure(&f->head);
  size_t sums = 2 * f->head.dim + 2; /* which stand in work */
  if (f->head.size[2] < sums) f->head.size[2] = sums;
  return SYMO_OK;
}

symo_status symo_blocks_create(const generator_set *g, unsigned orders, group_transform **out) {
  symo_status status = SYMO_OK;
  bool proved = false;
  *out = NULL;
  if (g->num_dense + g->num_lie > 0 || orders >> 3 != 0) return SYMO_OK;
  for (size_t i = 0; i < g->num_monomial * g->dim; i++)
    if (g->sign[i] < 0) return SYMO_OK;
  blocks *f = symo_calloc(1, sizeof *f);
  if (f == NULL) return symo_fail_memory(g->context, "group");
  f->head = (group_transform){.dim = g->dim,
                              .orders = orders,
                              .info = {.recognised = "blocks of permutations"},
                              .analyze = analyze,
                              .synthesize = synthesize,
                              .destroy = destroy};
  SYMO_TRY(find_blocks(g, f));
  SYMO_TRY(is_proved(g, f, orders, &proved));
  if (proved) {
    SYMO_TRY(make_irreps(g->context, f));
    SYMO_TRY(symo_transform_find_orbits(g, &f->head));
    *out = &f->head;
    return SYMO_OK;
  }
fail:
  destroy(&f->head);
  return status;
}
