/* The isotypic decomposition of tensor powers of a group given by generators.
 *
 * Random elements of the commutant (groups/numeric/commutant.h) are split into irreducible cells
 * power by power (groups/numeric/irreps_split.c) and the cells matched over all powers
 * (groups/numeric/irreps_match.c); here the parts come together and are checked against what does
 * not depend on them: the number of orbits, which is the dimension of the commutant, and every
 * generator on every basis vector.
 *
 * Check values: S_d on R^d and R^d (x) R^d, d >= 4: trivial 1 + 2, standard 1 + 3, and one of
 * dimension d(d-3)/2 and one of (d-1)(d-2)/2; commutant 9 + 16 + 1 + 1 = 27 with both powers, the
 * 15 of R^d (x) R^d among them. */
#include "groups/numeric/isotypic.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"
#include "groups/numeric/irreps.h"

/* ---- check by characters ----
 *
 * An independent check of a decomposition, for groups that are small enough to be enumerated.  The
 * commutant of a real representation with character chi has dimension (1/|G|) sum_g chi(g)^2, and
 * the sum of tensor powers has the character chi(g) = sum_p (tr g)^p. */

enum { MOST_ELEMENTS = 1000, MOST_NUMBERS = 1 << 21 };

/* True if a generator is close to the identity.  Enumeration treats matrices that differ by less
 * than 1e-6 as one element, so it would not see a rotation by such a small angle. */
static bool has_near_identity(const generator_set *set) {
  size_t d = set->dim;
  for (size_t k = 0; k < set->num_dense; k++) {
    double most = 0;
    for (size_t i = 0; i < d * d; i++)
      most = fmax(most, fabs(set->dense[k * d * d + i] - (i % (d + 1) == 0 ? 1 : 0)));
    if (most < 1e-3) return true;
  }
  return false;
}

symo_status symo_isotypic_check_closure(const generator_set *set, isotypic *iso) {
  size_t d = set->dim, count = 0, cap = MOST_NUMBERS / (d * d);
  double *elements = NULL, sum = 0;
  if (set->num_lie > 0 || cap < 2 || has_near_identity(set)) return SYMO_OK;
  symo_status status =
      symo_enumerate(set, cap < MOST_ELEMENTS ? cap : MOST_ELEMENTS, &count, &elements);
  if (status == SYMO_E_SIZE) return SYMO_OK; /* not small */
  if (status != SYMO_OK) return status;
  for (size_t k = 0; k < count; k++) {
    double trace = symo_trace(SYMO_F64, d, elements + k * d * d), power = 1, character = 0;
    for (int p = 1; p <= SYMO_MAX_REPEAT; p++) {
      power *= trace;
      if (iso->orders >> p & 1) character += power;
    }
    sum += character * character;
  }
  symo_free(elements);
  iso->elements = count;
  if (fabs(sum / (double)count - (double)iso->commutant) <= 1e-6 * (double)iso->commutant)
    return SYMO_OK;
  return symo_fail(set->context, SYMO_E_NUMERIC,
                   "isotypic: the irreps found give a commutant of dimension %zu, but the %zu "
                   "%s of the group give %.6g (are the generators exact?)",
                   iso->commutant, count, symo_plural(count, "element", "elements"),
                   sum / (double)count);
}

enum { ATTEMPTS = 5, POWERS = SYMO_MAX_REPEAT + 1 };

static const double MAX_DEFECT = 1e-8, FIXED = 1e-6;

/* ---- the parts ---- */

static symo_status draw(irreps *r, unsigned p, unsigned q, size_t num, double *const *out,
                        size_t *dimension) {
  return symo_commutant_draw(r->set, p, q, r->rng, num, out, dimension);
}

static void irreps_release(irreps *r) {
  symo_irreps_forget_families(r);
  for (unsigned p = 0; p < POWERS; p++) {
    for (unsigned q = 0; q < POWERS; q++) symo_free(r->c[p][q]);
    symo_free(r->a[p]);
    symo_free(r->basis[p]);
  }
  symo_free(r->scratch);
  symo_free(r->families);
  symo_free(r->cells);
  symo_rng_destroy(r->rng);
}

static symo_status irreps_prepare(irreps *r, size_t total, uint64_t seed) {
  symo_status status = SYMO_OK;
  bool all = true;
  SYMO_TRY(symo_rng_create(r->set->context, seed, &r->rng));
  r->cells = symo_malloc(total * sizeof *r->cells);
  r->families = symo_malloc(total * sizeof *r->families);
  r->scratch = symo_malloc((r->largest + 1) * r->largest * sizeof *r->scratch);
  all = r->cells != NULL && r->families != NULL && r->scratch != NULL;
  for (unsigned p = 1; p < POWERS; p++) {
    size_t bytes = r->size[p] * r->size[p] * sizeof(double);
    if (bytes == 0) continue;
    r->a[p] = symo_malloc(bytes);
    r->basis[p] = symo_malloc(bytes);
    all = all && r->a[p] != NULL && r->basis[p] != NULL;
    for (unsigned q = p; q < POWERS; q++) {
      if (r->size[q] == 0) continue;
      r->c[p][q] = symo_malloc(r->size[p] * r->size[q] * sizeof(double));
      all = all && r->c[p][q] != NULL;
    }
  }
  if (!all) status = symo_fail_memory(r->set->context, "isotypic");
fail:
  return status;
}

/* m := basis[p] m basis[q]' */
static void to_cells(const irreps *r, unsigned p, unsigned q, double *m) {
  size_t rows = r->size[p], cols = r->size[q];
  symo_mat vp = symo_mat_dense(r->basis[p], rows, rows);
  symo_mat vq = symo_mat_dense(r->basis[q], cols, cols), matrix = symo_mat_dense(m, rows, cols);
  symo_mat half = symo_mat_dense(r->scratch, rows, cols);
  symo_gemm(SYMO_F64, 1, vp, matrix, 0, half);
  symo_gemm(SYMO_F64, 1, half, symo_mat_t(vq), 0, matrix);
}

static symo_status split_all(irreps *r) {
  symo_status status = SYMO_OK;
  for (unsigned p = 1; p < POWERS; p++) {
    if (r->size[p] == 0) continue;
    double *two[2] = {r->a[p], r->c[p][p]};
    size_t dimension;
    SYMO_TRY(r->draw(r, p, p, 2, two, &dimension));
    r->dimension += dimension;
    SYMO_TRY(symo_irreps_split(r, p));
    to_cells(r, p, p, r->a[p]);
    to_cells(r, p, p, r->c[p][p]);
  }
fail:
  return status;
}

/* The first attempt has c of the powers alone from the splitting; later ones draw all anew. */
static symo_status match_all(irreps *r) {
  symo_status status = SYMO_OK;
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    for (unsigned p = 1; p < POWERS; p++)
      for (unsigned q = p + (attempt == 0); q < POWERS; q++) {
        if (r->c[p][q] == NULL) continue;
        size_t dimension;
        SYMO_TRY(r->draw(r, p, q, 1, &r->c[p][q], &dimension));
        if (attempt == 0) r->dimension += 2 * dimension;
        to_cells(r, p, q, r->c[p][q]);
      }
    status = symo_irreps_match(r);
    if (status != SYMO_E_NUMERIC) break;
  }
fail:
  return status;
}

/* Whether the first entry that is not small is negative.  Tensors without the space have
 * coordinates in the same labels with no sign of their own, so what the sign of the trivial irrep
 * is must not hang on how this machine rounds: Hessians are written to files. */
static bool is_negative(size_t n, const double *x) {
  double most = 0;
  for (size_t i = 0; i < n; i++) most = fmax(most, fabs(x[i]));
  size_t first = 0;
  while (first + 1 < n && fabs(x[first]) <= 0.37 * most) first++;
  return x[first] < 0;
}

/* Does every generator leave a vector where it is?  work: 2 sizes. */
static bool is_fixed(const irreps *r, unsigned p, const double *x, double *work) {
  size_t n = r->size[p], finite = r->set->num_monomial + r->set->num_dense;
  for (size_t k = 0; k < symo_generator_set_count(r->set); k++) {
    symo_generator_act(r->set, k, p, 1, x, work, work + n);
    if (k < finite) symo_axpy(SYMO_F64, n, -1, x, work);
    if (symo_nrm2(SYMO_F64, n, work) > FIXED * symo_generator_scale(r->set, k)) return false;
  }
  return true;
}

/* ---- the result ---- */

/* Irrep of each family: the trivial one first, then by dimension, then as found. */
static void number_families(const irreps *r, size_t *number) {
  for (size_t k = 0; k < r->num_families; k++) {
    const family *f = &r->families[k];
    bool any_trivial = f->trivial;
    number[k] = 0;
    for (size_t j = 0; j < r->num_families; j++) {
      const family *g = &r->families[j];
      any_trivial = any_trivial || g->trivial;
      if (j != k && !f->trivial) number[k] += g->trivial || g->n < f->n || (g->n == f->n && j < k);
    }
    if (!any_trivial) number[k]++;
  }
}

static symo_status lay_out(const irreps *r, const size_t *number, isotypic *iso) {
  size_t numbers = 0;
  bool trivial = false;
  for (size_t k = 0; k < r->num_families; k++) trivial = trivial || r->families[k].trivial;
  iso->num_irreps = r->num_families + !trivial;
  iso->irreps = symo_calloc(iso->num_irreps, sizeof *iso->irreps);
  if (iso->irreps == NULL) return symo_fail_memory(r->set->context, "isotypic");
  iso->irreps[0].n = iso->irreps[0].type = 1;
  for (size_t k = 0; k < r->num_families; k++) {
    iso->irreps[number[k]].n = r->families[k].n;
    iso->irreps[number[k]].type = r->families[k].type;
  }
  for (size_t k = 0; k < r->num_cells; k++) {
    const cell *c = &r->cells[k];
    iso->irreps[number[c->family]].copies[c->p]++;
    numbers += c->n * r->families[c->family].type * r->size[c->p];
  }
  iso->block = symo_malloc(numbers * sizeof *iso->block);
  if (iso->block == NULL) return symo_fail_memory(r->set->context, "isotypic");
  double *next = iso->block;
  for (size_t k = 0; k < iso->num_irreps; k++) {
    isotypic_irrep *irrep = &iso->irreps[k];
    size_t copies = 0;
    for (unsigned p = 1; p < POWERS; p++) {
      copies += irrep->copies[p];
      if (irrep->copies[p] == 0) continue;
      irrep->basis[p] = next;
      next += irrep->n * irrep->copies[p] * irrep->type * r->size[p];
    }
    iso->commutant += irrep->type * copies * copies;
  }
  return SYMO_OK;
}

/* Rows of all cells, times the units, to their places. */
static symo_status fill(const irreps *r, const size_t *number, isotypic *iso) {
  size_t *copy = symo_calloc(iso->num_irreps * POWERS, sizeof *copy);
  if (copy == NULL) return symo_fail_memory(r->set->context, "isotypic");
  for (size_t k = 0; k < r->num_cells; k++) {
    const cell *c = &r->cells[k];
    const family *f = &r->families[c->family];
    isotypic_irrep *irrep = &iso->irreps[number[c->family]];
    size_t points = r->size[c->p], columns = irrep->copies[c->p] * f->type;
    size_t column = f->type * copy[number[c->family] * POWERS + c->p]++;
    double *rows = r->basis[c->p] + c->first * points;
    for (size_t u = 0; u < f->type; u++, column++) {
      if (u > 0)
        symo_gemm(SYMO_F64, 1, symo_mat_dense(f->units + (u - 1) * f->n * f->n, f->n, f->n),
                  symo_mat_dense(rows, f->n, points), 0, symo_mat_dense(r->scratch, f->n, points));
      const double *from = u > 0 ? r->scratch : rows;
      for (size_t i = 0; i < f->n; i++) {
        double *to = irrep->basis[c->p] + (i * columns + column) * points;
        memcpy(to, from + i * points, points * sizeof *to);
        if (f->type > 1) symo_scal(SYMO_F64, points, 1 / sqrt((double)f->type), to);
        if (f->negative) symo_scal(SYMO_F64, points, -1, to);
      }
    }
  }
  symo_free(copy);
  return SYMO_OK;
}

/* ---- checks ---- */

typedef struct checker {
  const generator_set *set;
  double *x, *y, *work, *matrix; /* room for x, y, work: numbers each */
  size_t numbers;
} checker;

/* Sum of squares of g b[r][c] - sum_s m[r][s] b[s][c], in units of the generator, over columns c of
 * one power.  m is read off the first column if own. */
static double misfit(const checker *c, const isotypic_irrep *irrep, unsigned p, size_t points,
                     size_t generator, bool own) {
  double sum = 0, scale = symo_generator_scale(c->set, generator);
  size_t n = irrep->n, columns = irrep->copies[p] * irrep->type, step = c->numbers / (n * points);
  symo_mat matrix = symo_mat_dense(c->matrix, n, n);
  for (size_t first = 0; first < columns; first += step) {
    size_t some = columns - first < step ? columns - first : step, row = some * points;
    for (size_t i = 0; i < n; i++)
      memcpy(c->x + i * row, irrep->basis[p] + (i * columns + first) * points, row * sizeof *c->x);
    symo_generator_act(c->set, generator, p, n * some, c->x, c->y, c->work);
    symo_mat x = symo_mat_dense(c->x, n, row), y = symo_mat_dense(c->y, n, row);
    if (own && first == 0)
      symo_gemm(SYMO_F64, (double)irrep->type, symo_mat_cols(SYMO_F64, y, 0, points),
                symo_mat_t(symo_mat_cols(SYMO_F64, x, 0, points)), 0, matrix);
    symo_gemm(SYMO_F64, -1, matrix, x, 1, y);
    double norm = scale > 0 ? symo_nrm2(SYMO_F64, n * row, c->y) / scale : 0;
    sum += norm * norm;
  }
  return sum;
}

/* The largest relative misfit over irreps and generators. */
static symo_status measure_defect(const irreps *r, isotypic *iso) {
  checker c = {.set = r->set, .numbers = r->largest * r->largest};
  c.x = symo_malloc(c.numbers * sizeof *c.x);
  c.y = symo_malloc(c.numbers * sizeof *c.y);
  c.work = symo_malloc(c.numbers * sizeof *c.work);
  c.matrix = r->scratch;
  bool all = c.x != NULL && c.y != NULL && c.work != NULL;
  for (size_t k = 0; all && k < iso->num_irreps; k++)
    for (size_t g = 0; g < symo_generator_set_count(r->set); g++) {
      const isotypic_irrep *irrep = &iso->irreps[k];
      double sum = 0;
      size_t rows = 0;
      for (unsigned p = 1; p < POWERS; p++) {
        if (irrep->copies[p] == 0) continue;
        sum += misfit(&c, irrep, p, r->size[p], g, rows == 0);
        rows += irrep->n * irrep->copies[p]; /* the type drops out: columns have norm^2 1 / type */
      }
      if (rows > 0)
        iso->defect = isnan(sum) ? INFINITY : fmax(iso->defect, sqrt(sum / (double)rows));
    }
  symo_free(c.work);
  symo_free(c.y);
  symo_free(c.x);
  return all ? SYMO_OK : symo_fail_memory(r->set->context, "isotypic");
}

static symo_status check(const irreps *r, const isotypic *iso) {
  symo_context *context = r->set->context;
  if (r->dimension != 0 && r->dimension != iso->commutant)
    return symo_fail(context, SYMO_E_NUMERIC,
                     "isotypic: the irreps found give a commutant of dimension %zu, but there are "
                     "%zu %s (eigenvalue gap %.1e, spread %.1e)",
                     iso->commutant, r->dimension, symo_plural(r->dimension, "orbit", "orbits"),
                     iso->gap, iso->spread);
  if (!(iso->defect <= MAX_DEFECT))
    return symo_fail(context, SYMO_E_NUMERIC,
                     "isotypic: generators do not act alike on all copies: defect %.1e, at most "
                     "%.0e is accepted (eigenvalue gap %.1e, spread %.1e)",
                     iso->defect, MAX_DEFECT, iso->gap, iso->spread);
  return SYMO_OK;
}

/* ---- public ---- */

static void isotypic_release(isotypic *iso) {
  symo_free(iso->irreps);
  symo_free(iso->block);
}

void symo_isotypic_destroy(isotypic *iso) {
  if (iso == NULL) return;
  isotypic_release(iso);
  symo_free(iso);
}

static symo_status assemble(irreps *r, isotypic *iso) {
  symo_status status = SYMO_OK;
  size_t *number = symo_malloc(r->num_families * sizeof *number);
  if (number == NULL) return symo_fail_memory(r->set->context, "isotypic");
  for (size_t k = 0; k < r->num_families; k++) {
    family *f = &r->families[k];
    const cell *c = &r->cells[f->first];
    const double *row = r->basis[c->p] + c->first * r->size[c->p];
    f->trivial = f->n == 1 && is_fixed(r, c->p, row, r->scratch);
    f->negative = f->trivial && is_negative(r->size[c->p], row);
  }
  number_families(r, number);
  SYMO_TRY(lay_out(r, number, iso));
  SYMO_TRY(fill(r, number, iso));
  iso->gap = isfinite(r->gap) ? r->gap : 1; /* one eigenvalue: nothing to tell apart */
  iso->spread = r->spread;
  SYMO_TRY(measure_defect(r, iso));
  SYMO_TRY(check(r, iso));
fail:
  symo_free(number);
  return status;
}

/* The matrices of the search, before room is taken for the result. */
static void drop_matrices(irreps *r) {
  for (unsigned p = 0; p < POWERS; p++) {
    symo_free(r->a[p]);
    r->a[p] = NULL;
    for (unsigned q = 0; q < POWERS; q++) {
      symo_free(r->c[p][q]);
      r->c[p][q] = NULL;
    }
  }
}

symo_status symo_isotypic_create(const generator_set *set, unsigned orders, uint64_t seed,
                                 isotypic **out) {
  symo_status status = SYMO_OK;
  irreps r = {.set = set, .draw = draw, .orders = orders, .gap = INFINITY};
  isotypic *iso = NULL;
  size_t total = 0;
  if (set->dim == 0 || orders == 0 || (orders & 1) != 0 || orders >> POWERS != 0)
    return symo_fail(set->context, SYMO_E_ARGUMENT,
                     "isotypic: dimension %zu, orders 0x%x (bits 1 to %d name the tensor powers)",
                     set->dim, orders, SYMO_MAX_REPEAT);
  for (unsigned p = 1; p < POWERS; p++) {
    if ((orders >> p & 1) == 0) continue;
    r.size[p] = symo_tensor_size(set->dim, p);
    total = r.size[p] > SIZE_MAX - total ? SIZE_MAX : total + r.size[p];
    if (r.size[p] > r.largest) r.largest = r.size[p];
  }
  if (total > SYMO_ISOTYPIC_MAX)
    return symo_fail(set->context, SYMO_E_SIZE,
                     "isotypic: tensor powers of R^%zu hold %zu %s, at most %d are decomposed "
                     "(use a smaller space, or fewer of its axes on one tensor)",
                     set->dim, total, symo_plural(total, "number", "numbers"), SYMO_ISOTYPIC_MAX);
  SYMO_TRY(irreps_prepare(&r, total, seed));
  SYMO_TRY(split_all(&r));
  SYMO_TRY(match_all(&r));
  drop_matrices(&r);
  iso = symo_calloc(1, sizeof *iso);
  if (iso == NULL) {
    status = symo_fail_memory(set->context, "isotypic");
    goto fail;
  }
  iso->dim = set->dim;
  iso->orders = orders;
  SYMO_TRY(assemble(&r, iso));
  SYMO_TRY(symo_isotypic_check_closure(set, iso));
  irreps_release(&r);
  *out = iso;
  return SYMO_OK;
fail:
  irreps_release(&r);
  symo_isotypic_destroy(iso);
  return status;
}
