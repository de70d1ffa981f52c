/* The isotypic decomposition of R^d (x) R^d by way of the irreps of R^d, which are found first
 * (groups/numeric/isotypic.c), and what becomes of it: a transform.
 *
 * Check values: shifts and reversal of d = 2 k + 1 positions: R^d = 1 + W_1 + .. + W_k with planes
 * W_j, W_i (x) W_j = W_{i+j} + W_{i-j} and W_j (x) W_j = 1 + A + W_{2j}, A alternating under
 * reversal: on two axes trivial k + 1, A k, each W_j d copies. */
#include "groups/numeric/factored_parts.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "groups/numeric/orbits.h"
#include "groups/rotation.h"

enum { POOL = 8, REFRESH = 16, MIB = 2048 };
static const double MAX_DEFECT = 1e-8, RATE = 1.5e10; /* flops a second, for predictions */

static void destroy(group_transform *t) {
  factored *f = (factored *)(void *)t;
  for (size_t p = 0; p < f->num_pairs; p++) {
    symo_free(f->pairs[p].cells);
    symo_free(f->pairs[p].block);
  }
  symo_free(f->pairs);
  symo_free(f->factors);
  symo_free(f->u);
  symo_free(f->offset);
  symo_transform_release(t);
  symo_free(f);
}

/* ---- factors ---- */

/* out = J x */
static void apply(size_t n, const double *j, const double *x, double *out) {
  for (size_t i = 0; i < n; i++) out[i] = symo_dot(SYMO_F64, n, j + i * n, x);
}

/* The unit vector that is furthest from the first `rows` rows of q, made orthogonal to them. */
static void next_row(size_t n, size_t rows, double *q) {
  size_t best = 0;
  double most = -1, *out = q + rows * n;
  for (size_t i = 0; i < n; i++) {
    double rest = 1;
    for (size_t r = 0; r < rows; r++) rest -= q[r * n + i] * q[r * n + i];
    if (rest > most) {
      most = rest;
      best = i;
    }
  }
  memset(out, 0, n * sizeof *out);
  out[best] = 1;
  for (int twice = 0; twice < 2; twice++)
    for (size_t r = 0; r < rows; r++)
      symo_axpy(SYMO_F64, n, -symo_dot(SYMO_F64, n, q + r * n, out), q + r * n, out);
  symo_scal(SYMO_F64, n, 1 / symo_nrm2(SYMO_F64, n, out), out);
}

/* With J antisymmetric, row 0 of q J = i q is q_0 J = -q_1: q_1 = J q_0 as columns; likewise
 * q_2 = J_2 q_0 and q_3 = J_2 q_1. */
void symo_factored_standard(size_t n, size_t type, const double *units, double *q) {
  for (size_t row = 0; row < n; row += type) {
    next_row(n, row, q);
    apply(n, units, q + row * n, q + (row + 1) * n);
    if (type == 2) continue;
    apply(n, units + n * n, q + row * n, q + (row + 2) * n);
    apply(n, units + n * n, q + (row + 1) * n, q + (row + 3) * n);
  }
}

/* The rows of u that belong to an irrep of R^d. */
static symo_status create_factor(symo_context *context, const isotypic_irrep *r, size_t d,
                                 const factor *f, double *u) {
  size_t n = r->n, type = r->type, columns = f->copies * type;
  const double *basis = r->basis[1];
  double *room = symo_malloc(((type + 1) * n * n + 2 * n * d) * sizeof *room);
  if (room == NULL) return symo_fail_memory(context, "isotypic");
  double *q = room, *units = q + n * n, *from = units + type * n * n, *to = from + n * d;
  for (size_t s = 1; s < type; s++) {
    for (size_t i = 0; i < n; i++) {
      memcpy(from + i * d, basis + i * columns * d, d * sizeof *from);
      memcpy(to + i * d, basis + (i * columns + s) * d, d * sizeof *to);
    }
    symo_gemm(SYMO_F64, (double)type, symo_mat_dense(to, n, d),
              symo_mat_t(symo_mat_dense(from, n, d)), 0,
              symo_mat_dense(units + (s - 1) * n * n, n, n));
  }
  if (type > 1) symo_factored_standard(n, type, units, q);
  for (size_t c = 0; c < f->copies; c++) {
    for (size_t i = 0; i < n; i++)
      memcpy(from + i * d, basis + (i * columns + c * type) * d, d * sizeof *from);
    if (type > 1) {
      symo_gemm(SYMO_F64, sqrt((double)type), symo_mat_dense(q, n, n), symo_mat_dense(from, n, d),
                0, symo_mat_dense(to, n, d));
      memcpy(from, to, n * d * sizeof *from);
    }
    for (size_t i = 0; i < n; i++)
      memcpy(u + (f->first + i * f->copies + c) * d, from + i * d, d * sizeof *u);
  }
  symo_free(room);
  return SYMO_OK;
}

static symo_status create_factors(factoring *b, const isotypic *iso) {
  factored *f = b->f;
  symo_status status = SYMO_OK;
  size_t d = iso->dim, first = 0;
  f->num_factors = iso->num_irreps;
  f->factors = symo_calloc(f->num_factors, sizeof *f->factors);
  f->u = symo_malloc(d * d * sizeof *f->u);
  if (f->factors == NULL || f->u == NULL) SYMO_TRY(symo_fail_memory(b->set->context, "isotypic"));
  for (size_t k = 0; k < f->num_factors; k++) {
    const isotypic_irrep *r = &iso->irreps[k];
    f->factors[k] = (factor){r->n, r->type, r->copies[1], first, b->rows, b->stride};
    if (r->copies[1] > 0) SYMO_TRY(create_factor(b->set->context, r, d, &f->factors[k], f->u));
    first += r->n * r->copies[1];
    b->rows += r->n;
    b->stride += r->n * r->n;
  }
fail:
  return status;
}

/* ---- cost ---- */

static symo_status check_cost(const factoring *b, double most_flops) {
  const factored *f = b->f;
  double flops = 0, bytes = 8 * (double)b->stride * SYMO_FACTORED_ELEMENTS, most = 0;
  size_t widest = 0;
  for (size_t j = 1; j < f->num_factors; j++)
    for (size_t k = j; k < f->num_factors; k++) {
      double n = (double)(f->factors[j].n * f->factors[k].n);
      double sum = (double)(f->factors[j].n + f->factors[k].n);
      flops += 8.0 * SYMO_FACTORED_ELEMENTS * n * n * sum + 30 * n * n * n;
      bytes += 8 * n * n;
      most = fmax(most, 80 * n * n);
    }
  for (size_t j = 1; j < f->num_factors; j++)
    if (f->factors[j].n > widest) widest = f->factors[j].n;
  bytes += most;
  if (flops <= fmin(SYMO_FACTORED_FLOPS, most_flops) && bytes <= MIB * 1048576.0) return SYMO_OK;
  return symo_fail(b->set->context, SYMO_E_SIZE,
                   "isotypic: R^%zu has irreps of dimension up to %zu; to split their products on "
                   "two axes would take some %.2g s and %.2g GiB (at most %.0f s and %d GiB; use a "
                   "group of closed form, or axes of their own for what this one is made of)",
                   b->set->dim, widest, flops / RATE, bytes / 1073741824,
                   SYMO_FACTORED_FLOPS / RATE, MIB / 1024);
}

/* ---- elements ---- */

/* The blocks of a [d, d] matrix on one copy of each factor: u0 matrix u0', the diagonal ones only,
 * or all.  u0 [rows, d]; half: as large. */
static void to_factors(const factoring *b, const double *u0, const double *matrix, bool all,
                       double *half, double *out) {
  size_t d = b->set->dim;
  symo_mat u = symo_mat_dense((void *)(uintptr_t)u0, b->rows, d);
  symo_mat h = symo_mat_dense(half, b->rows, d);
  symo_gemm(SYMO_F64, 1, u, symo_mat_dense((void *)(uintptr_t)matrix, d, d), 0, h);
  if (all) {
    symo_gemm(SYMO_F64, 1, h, symo_mat_t(u), 0, symo_mat_dense(out, b->rows, b->rows));
    return;
  }
  for (size_t k = 0; k < b->f->num_factors; k++) {
    const factor *f = &b->f->factors[k];
    symo_mat block = symo_mat_dense(out + f->block, f->n, f->n);
    symo_gemm(SYMO_F64, 1, symo_mat_rows(SYMO_F64, h, f->row, f->n),
              symo_mat_t(symo_mat_rows(SYMO_F64, u, f->row, f->n)), 0, block);
    if (f->copies == 0) out[f->block] = 1; /* the trivial irrep, where R^d has none */
  }
}

/* Generator k as a matrix; of a Lie generator a rotation by at most one radian. */
static void generator_matrix(const generator_set *set, size_t k, double *q, double *scratch) {
  size_t d = set->dim;
  if (k < set->num_monomial) {
    memset(q, 0, d * d * sizeof *q);
    for (size_t i = 0; i < d; i++) q[set->image[k * d + i] * d + i] = set->sign[k * d + i];
    return;
  }
  k -= set->num_monomial;
  if (k < set->num_dense) {
    memcpy(q, set->dense + k * d * d, d * d * sizeof *q);
    return;
  }
  symo_rotation_identity(d, q);
  symo_rotation_exp(d, set->lie + (k - set->num_dense) * d * d, 1, q, scratch);
}

/* Random elements: of signed permutations all anew; else products of two out of a pool, of which
 * one is replaced from time to time, for they are dear. */
static void fill_elements(factoring *b, const double *u0, double *room, void *element_work) {
  const generator_set *set = b->set;
  size_t d = set->dim, size = d * d;
  double *q = room, *half = q + size, *pool = half + (d + 1) * d;
  bool exact = set->num_dense + set->num_lie == 0;
  for (size_t k = 0; k < POOL && !exact; k++)
    symo_random_element(set, b->rng, pool + k * size, element_work);
  for (size_t s = 0; s < b->num_random; s++) {
    if (exact) {
      symo_random_element(set, b->rng, q, element_work);
    } else {
      size_t i = symo_rng_below(b->rng, POOL),
             j = (i + 1 + symo_rng_below(b->rng, POOL - 1)) % POOL;
      if (s % REFRESH == REFRESH - 1)
        symo_random_element(set, b->rng, pool + s / REFRESH % POOL * size, element_work);
      symo_gemm(SYMO_F64, 1, symo_mat_dense(pool + i * size, d, d),
                symo_mat_dense(pool + j * size, d, d), 0, symo_mat_dense(q, d, d));
    }
    to_factors(b, u0, q, false, half, b->bank + s * b->stride);
  }
  for (size_t k = 0; k < b->num_generators; k++) {
    generator_matrix(set, k, q, pool);
    to_factors(b, u0, q, false, half, b->bank + (b->num_random + k) * b->stride);
  }
}

static void fill_noise(factoring *b, const double *u0, double *room) {
  size_t d = b->set->dim, count = SYMO_FACTORED_DRAWS * SYMO_FACTORED_TERMS * 2;
  for (size_t k = 0; k < count; k++) {
    for (size_t i = 0; i < d * d; i++) room[i] = symo_rng_normal(b->rng);
    to_factors(b, u0, room, true, room + d * d, b->noise + k * b->rows * b->rows);
  }
}

static symo_status draw_elements(factoring *b) {
  const generator_set *set = b->set;
  symo_status status = SYMO_OK;
  size_t d = set->dim, elements = SYMO_FACTORED_ELEMENTS + symo_generator_set_count(set);
  size_t noise = SYMO_FACTORED_DRAWS * SYMO_FACTORED_TERMS * 2 * b->rows * b->rows;
  double *u0 = symo_malloc(b->rows * d * sizeof *u0), *room = NULL;
  void *element_work = symo_malloc(symo_random_element_work(set));
  b->num_random = SYMO_FACTORED_ELEMENTS;
  b->num_generators = symo_generator_set_count(set);
  b->bank = symo_malloc(elements * b->stride * sizeof *b->bank);
  b->noise = symo_malloc(noise * sizeof *b->noise);
  room = symo_malloc(((POOL + 2) * d * d + d) * sizeof *room); /* POOL >= SYMO_EXP_SCRATCH */
  if (u0 == NULL || room == NULL || element_work == NULL || b->bank == NULL || b->noise == NULL)
    SYMO_TRY(symo_fail_memory(set->context, "isotypic"));
  for (size_t k = 0; k < b->f->num_factors; k++) {
    const factor *f = &b->f->factors[k];
    for (size_t r = 0; r < f->n; r++) {
      double *row = u0 + (f->row + r) * d;
      for (size_t i = 0; i < d && f->copies == 0; i++) row[i] = 1 / sqrt((double)d);
      if (f->copies > 0) memcpy(row, b->f->u + (f->first + r * f->copies) * d, d * sizeof *row);
    }
  }
  fill_elements(b, u0, room, element_work);
  fill_noise(b, u0, room);
fail:
  symo_free(u0);
  symo_free(room);
  symo_free(element_work);
  return status;
}

/* ---- the result ---- */

/* Copies of each irrep on one and two axes; *number: its place in the result, the trivial one
 * first, then by dimension, then as found; SIZE_MAX where it does not occur. */
static symo_status count_copies(const factoring *b, isotypic_irrep *found, size_t *number) {
  const factored *f = b->f;
  for (size_t k = 0; k < b->num_known; k++) {
    found[k] = (isotypic_irrep){.n = b->known[k].n, .type = b->known[k].type};
    if (k < f->num_factors && (f->head.orders >> 1 & 1)) found[k].copies[1] = f->factors[k].copies;
  }
  for (size_t p = 0; p < f->num_pairs; p++) {
    const factor_pair *pair = &f->pairs[p];
    size_t copies = f->factors[pair->j].copies * f->factors[pair->k].copies;
    for (size_t c = 0; c < pair->num_cells; c++) {
      pair_cell *own = &pair->cells[c];
      for (int turned = 0; turned <= (pair->j != pair->k); turned++) {
        own->column[turned] = found[own->irrep].copies[2];
        found[own->irrep].copies[2] += copies;
      }
    }
  }
  size_t next = 0, most = 0;
  for (size_t k = 0; k < b->num_known; k++) {
    number[k] = SIZE_MAX;
    if (found[k].n > most) most = found[k].n;
  }
  number[0] = next++;
  size_t *after = symo_calloc(most + 2, sizeof *after);
  if (after == NULL) return symo_fail_memory(b->set->context, "isotypic");
  for (size_t k = 1; k < b->num_known; k++)
    after[found[k].n + 1] += found[k].copies[1] + found[k].copies[2] > 0;
  for (size_t n = 1; n <= most + 1; n++) after[n] += after[n - 1];
  for (size_t k = 1; k < b->num_known; k++)
    if (found[k].copies[1] + found[k].copies[2] > 0) number[k] = next + after[found[k].n]++;
  symo_free(after);
  return SYMO_OK;
}

static symo_status lay_out(factoring *b) {
  factored *f = b->f;
  symo_status status = SYMO_OK;
  isotypic_irrep *found = symo_calloc(b->num_known, sizeof *found);
  size_t *number = symo_malloc(b->num_known * sizeof *number), offset = 0;
  if (found == NULL || number == NULL) SYMO_TRY(symo_fail_memory(b->set->context, "isotypic"));
  SYMO_TRY(count_copies(b, found, number));
  for (size_t k = 0; k < b->num_known; k++) f->head.num_irreps += number[k] != SIZE_MAX;
  f->head.irreps = symo_calloc(f->head.num_irreps, sizeof *f->head.irreps);
  f->offset = symo_calloc(f->head.num_irreps, sizeof *f->offset);
  if (f->head.irreps == NULL || f->offset == NULL)
    SYMO_TRY(symo_fail_memory(b->set->context, "isotypic"));
  for (size_t k = 0; k < b->num_known; k++)
    if (number[k] != SIZE_MAX) f->head.irreps[number[k]] = found[k];
  for (size_t k = 0; k < f->head.num_irreps; k++) {
    const isotypic_irrep *r = &f->head.irreps[k];
    size_t copies = r->copies[1] + r->copies[2];
    f->offset[k] = offset;
    offset += r->n * r->copies[2];
    f->head.info.commutant += r->type * copies * copies;
  }
  symo_transform_measure(&f->head);
  for (size_t p = 0; p < f->num_pairs; p++)
    for (size_t c = 0; c < f->pairs[p].num_cells; c++)
      f->pairs[p].cells[c].irrep = number[f->pairs[p].cells[c].irrep];
fail:
  symo_free(found);
  symo_free(number);
  return status;
}

/* ---- checks ---- */

static symo_status check_action(factoring *b) {
  const generator_set *set = b->set;
  symo_space_info *info = &b->f->head.info;
  size_t d = set->dim;
  symo_status status = SYMO_OK;
  double *q = symo_malloc((1 + SYMO_EXP_SCRATCH) * d * d * sizeof *q), defect, trivial;
  if (q == NULL) return symo_fail_memory(set->context, "isotypic");
  for (size_t k = 0; k < symo_generator_set_count(set); k++) {
    generator_matrix(set, k, q, q + d * d);
    for (int p = 1; p <= 2; p++) {
      if (!(b->f->head.orders >> p & 1)) continue;
      SYMO_TRY(symo_transform_defect(set->context, &b->f->head, p, q, b->rng, &defect, &trivial));
      defect = isnan(defect) || isnan(trivial) ? (double)INFINITY : fmax(defect, trivial);
      info->defect = fmax(info->defect, defect);
    }
  }
  if (!(info->defect <= MAX_DEFECT))
    status = symo_fail(set->context, SYMO_E_NUMERIC,
                       "isotypic: generators do not act alike on all copies: defect %.1e, at most "
                       "%.0e is accepted (eigenvalue gap %.1e, spread %.1e)",
                       info->defect, MAX_DEFECT, b->gap, b->spread);
fail:
  symo_free(q);
  return status;
}

/* Against the number of orbits of tuples, which is the dimension of the commutant, and against the
 * elements of a group that is small. */
static symo_status check_commutant(factoring *b) {
  group_transform *t = &b->f->head;
  isotypic small = {.dim = t->dim, .orders = t->orders, .commutant = t->info.commutant};
  size_t orbits = 0;
  symo_status status = symo_commutant_count(b->set, t->orders, &orbits);
  if (status == SYMO_OK && orbits != 0 && orbits != t->info.commutant)
    status = symo_fail(b->set->context, SYMO_E_NUMERIC,
                       "isotypic: the irreps found give a commutant of dimension %zu, but there "
                       "are %zu %s (eigenvalue gap %.1e, spread %.1e)",
                       t->info.commutant, orbits, symo_plural(orbits, "orbit", "orbits"), b->gap,
                       b->spread);
  if (status == SYMO_OK) status = symo_isotypic_check_closure(b->set, &small);
  t->info.elements = small.elements;
  return status;
}

symo_status symo_factored_create(const generator_set *set, unsigned orders, double most_flops,
                                 uint64_t seed, group_transform **out) {
  symo_status status;
  factoring b = {.set = set, .gap = INFINITY};
  isotypic *iso = NULL;
  b.f = symo_calloc(1, sizeof *b.f);
  if (b.f == NULL) return symo_fail_memory(set->context, "isotypic");
  b.f->head = (group_transform){.dim = set->dim,
                                .orders = orders,
                                .info = {.numeric = true},
                                .analyze = symo_factored_analyze,
                                .synthesize = symo_factored_synthesize,
                                .destroy = destroy};
  SYMO_TRY(symo_rng_create(set->context, seed, &b.rng));
  SYMO_TRY(symo_isotypic_create(set, 1U << 1, seed, &iso));
  b.gap = iso->gap;
  b.spread = iso->spread;
  SYMO_TRY(create_factors(&b, iso));
  SYMO_TRY(check_cost(&b, most_flops));
  SYMO_TRY(draw_elements(&b));
  SYMO_TRY(symo_factored_split(&b));
  b.f->head.info.gap = isfinite(b.gap) ? b.gap : 1;
  SYMO_TRY(lay_out(&b));
  SYMO_TRY(symo_transform_find_orbits(set, &b.f->head));
  SYMO_TRY(check_action(&b));
  SYMO_TRY(check_commutant(&b));
  *out = &b.f->head;
fail:
  if (status != SYMO_OK) destroy(&b.f->head);
  symo_isotypic_destroy(iso);
  symo_rng_destroy(b.rng);
  symo_free(b.bank);
  symo_free(b.noise);
  symo_free(b.known);
  return status;
}
