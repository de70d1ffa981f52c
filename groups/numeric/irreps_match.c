/* Which irreducible cells are the same irrep, and of which type.
 *
 * With R_i the rows of cell i and c in the commutant, R_i c R_j' intertwines the actions on cells j
 * and i.  By Schur's lemma it is zero if they are inequivalent; else it is a random multiple of an
 * isometry, because the maps that commute with a real irrep form R, C or the quaternions, and in
 * these every element is one.  c is Gaussian with unit variance in the Frobenius norm, so that norm
 * of the block (its link) is of order 1 where it is not rounding: no scale enters.  A family grows
 * from its first cell along the strongest links.
 *
 * The blocks i = j are a 1 + skew: no skew part, R; one direction J of skew parts, J^2 = -1, C;
 * more than one, H.  Two independent elements show two directions.  J1, J2 orthogonal in the
 * Frobenius product anti-commute, and J3 = J1 J2.
 *
 * Check value: C_3 turning R^3 has a cell of dimension 2, type C, J a rotation by 90 degrees. */
#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "groups/numeric/irreps.h"

static const double WEAK = SYMO_LINK_WEAK, STRONG = SYMO_LINK_STRONG, ISOMETRY = 1e-6;

typedef struct small { /* [n, n] each */
  double *t, *g, *out;
} small;

/* R_i c R_j', as it lies in memory; false if only its transpose does. */
static bool block_of(const irreps *r, const cell *i, const cell *j, symo_mat *out) {
  bool direct = i->p <= j->p;
  const cell *row = direct ? i : j, *column = direct ? j : i;
  size_t cols = r->size[column->p];
  symo_mat whole = symo_mat_dense(r->c[row->p][column->p], r->size[row->p], cols);
  whole = symo_mat_rows(SYMO_F64, whole, row->first, row->n);
  *out = symo_mat_cols(SYMO_F64, whole, column->first, column->n);
  return direct;
}

static double norm_of(symo_mat a) {
  double sum = 0;
  for (size_t i = 0; i < a.rows; i++) {
    const double *row = (const double *)a.p + (ptrdiff_t)i * a.rs;
    for (size_t j = 0; j < a.cols; j++) sum += row[j] * row[j];
  }
  return sqrt(sum);
}

/* The stronger of R_i c R_j' and (R_j c R_i')'; *transposed: `out` must be. */
static double link_of(const irreps *r, const cell *i, const cell *j, symo_mat *out,
                      bool *transposed) {
  *transposed = !block_of(r, i, j, out);
  double norm = norm_of(*out);
  if (i->p == j->p) {
    symo_mat back;
    block_of(r, j, i, &back);
    double other = norm_of(back);
    if (other > norm) {
      *out = back;
      *transposed = true;
      norm = other;
    }
  }
  return norm;
}

bool symo_irreps_isometry(size_t n, double *t, double *gram, double *out) {
  symo_mat tm = symo_mat_dense(t, n, n), g = symo_mat_dense(gram, n, n);
  double root = sqrt((double)n), norm = symo_nrm2(SYMO_F64, n * n, t);
  if (!(norm > 0)) return false;
  symo_scal(SYMO_F64, n * n, root / norm, t);
  symo_gemm(SYMO_F64, 1, tm, symo_mat_t(tm), 0, g);
  symo_add_diagonal(SYMO_F64, n, -1, gram);
  bool isometry = symo_nrm2(SYMO_F64, n * n, gram) <= ISOMETRY * root;
  memcpy(out, t, n * n * sizeof *t);
  symo_gemm(SYMO_F64, -0.5, g, tm, 1, symo_mat_dense(out, n, n));
  return isometry;
}

static bool orthogonalise(size_t n, const small *m) {
  return symo_irreps_isometry(n, m->t, m->g, m->out);
}

static symo_status ambiguous(const irreps *r, const char *what, size_t n, double value) {
  return symo_fail(r->set->context, SYMO_E_NUMERIC,
                   "isotypic: %s (irreps of dimension %zu, link %.1e; eigenvalue gap %.1e, spread "
                   "%.1e)",
                   what, n, value, r->gap, r->spread);
}

/* ---- type ---- */

/* t = skew part of a square block. */
static double skew_part(symo_mat from, double *t) {
  size_t n = from.rows;
  const double *p = from.p;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      t[i * n + j] =
          (p[(ptrdiff_t)i * from.rs + (ptrdiff_t)j] - p[(ptrdiff_t)j * from.rs + (ptrdiff_t)i]) / 2;
  return symo_nrm2(SYMO_F64, n * n, t);
}

/* unit = m->t made orthogonal, and antisymmetric to the last digit. */
static bool make_unit(size_t n, const small *m, double *unit) {
  bool isometry = orthogonalise(n, m);
  skew_part(symo_mat_dense(m->out, n, n), unit);
  return isometry;
}

/* The type of a family from its first cell, and its units. */
static symo_status find_type(const irreps *r, family *f, const small *m) {
  const cell *first = &r->cells[f->first];
  size_t n = f->n, numbers = n * n;
  symo_mat e[2] = {{0}, symo_mat_dense(r->a[first->p], r->size[first->p], r->size[first->p])};
  block_of(r, first, first, &e[0]);
  e[1] = symo_mat_rows(SYMO_F64, e[1], first->first, n);
  e[1] = symo_mat_cols(SYMO_F64, e[1], first->first, n);
  double skew[2] = {skew_part(e[0], m->t), skew_part(e[1], m->g)};
  int big = skew[0] >= skew[1] ? 0 : 1;
  f->type = 1;
  if (skew[big] <= WEAK) return SYMO_OK;
  if (skew[big] < STRONG) return ambiguous(r, "real or complex type undecided", n, skew[big]);
  double *units = symo_malloc(3 * numbers * sizeof *units);
  if (units == NULL) return symo_fail_memory(r->set->context, "isotypic");
  f->units = units;
  skew_part(e[big], m->t);
  if (n % 2 != 0 || !make_unit(n, m, units))
    return ambiguous(r, "a cell is not irreducible: its skew part is no unit", n, skew[big]);
  skew_part(e[1 - big], m->t);
  for (int twice = 0; twice < 2; twice++) { /* Gram-Schmidt */
    double along = symo_dot(SYMO_F64, numbers, units, m->t) / (double)n;
    symo_axpy(SYMO_F64, numbers, -along, units, m->t);
  }
  double rest = symo_nrm2(SYMO_F64, numbers, m->t);
  f->type = rest <= WEAK ? 2 : 4;
  if (rest <= WEAK) return SYMO_OK;
  if (rest < STRONG) return ambiguous(r, "complex or quaternionic type undecided", n, rest);
  if (n % 4 != 0 || !make_unit(n, m, units + numbers))
    return ambiguous(r, "a cell is not irreducible: its second skew part is no unit", n, rest);
  symo_gemm(SYMO_F64, 1, symo_mat_dense(units, n, n), symo_mat_dense(units + numbers, n, n), 0,
            symo_mat_dense(units + 2 * numbers, n, n));
  return SYMO_OK;
}

/* ---- families ---- */

/* The rotation of a matched cell to the coordinates of its family.  It is stored in the place of
 * the block of the cell. */
static symo_mat rotation_of(const irreps *r, const cell *c) {
  symo_mat own;
  block_of(r, c, c, &own);
  return own;
}

static void copy_square(size_t n, const double *from, symo_mat to) {
  for (size_t i = 0; i < n; i++)
    memcpy((double *)to.p + (ptrdiff_t)i * to.rs, from + i * n, n * sizeof *from);
}

/* Cell `index` joins the family of the cell it is linked to best. */
static symo_status join(irreps *r, size_t index, const small *m) {
  cell *c = &r->cells[index];
  const cell *parent = &r->cells[c->from];
  size_t n = c->n;
  symo_mat block;
  bool transposed;
  double link = link_of(r, parent, c, &block, &transposed);
  const double *p = block.p;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      m->t[i * n + j] = transposed ? p[(ptrdiff_t)j * block.rs + (ptrdiff_t)i]
                                   : p[(ptrdiff_t)i * block.rs + (ptrdiff_t)j];
  if (!orthogonalise(n, m))
    return ambiguous(r, "a cell is not irreducible: an intertwiner is no isometry", n, link);
  symo_gemm(SYMO_F64, 1, rotation_of(r, parent), symo_mat_dense(m->out, n, n), 0,
            symo_mat_dense(m->t, n, n));
  copy_square(n, m->t, rotation_of(r, c));
  c->family = parent->family;
  return SYMO_OK;
}

/* All cells of the family that starts with cell `first`, by the strongest link each time. */
static symo_status grow(irreps *r, size_t first, const small *m) {
  symo_status status = SYMO_OK;
  size_t n = r->cells[first].n, last = first;
  family *f = &r->families[r->num_families];
  *f = (family){.n = n, .type = 1, .first = first};
  r->cells[first].family = r->num_families++;
  if (n > 1) SYMO_TRY(find_type(r, f, m));
  memset(m->out, 0, n * n * sizeof *m->out);
  symo_add_diagonal(SYMO_F64, n, 1, m->out);
  copy_square(n, m->out, rotation_of(r, &r->cells[first]));
  for (size_t j = first; j < r->num_cells; j++) r->cells[j].best = 0;
  for (;;) {
    size_t next = SIZE_MAX;
    for (size_t j = first + 1; j < r->num_cells; j++) {
      cell *c = &r->cells[j];
      if (c->family != SIZE_MAX || c->n != n) continue;
      symo_mat block;
      bool transposed;
      double link = link_of(r, &r->cells[last], c, &block, &transposed);
      if (link > c->best) {
        c->best = link;
        c->from = last;
      }
      if (next == SIZE_MAX || c->best > r->cells[next].best) next = j;
    }
    if (next == SIZE_MAX || r->cells[next].best <= WEAK) break;
    if (r->cells[next].best < STRONG)
      return ambiguous(r, "equal or different irreps undecided", n, r->cells[next].best);
    SYMO_TRY(join(r, next, m));
    last = next;
  }
fail:
  return status;
}

void symo_irreps_forget_families(irreps *r) {
  for (size_t k = 0; k < r->num_families; k++) symo_free(r->families[k].units);
  for (size_t k = 0; k < r->num_cells; k++) r->cells[k].family = SIZE_MAX;
  r->num_families = 0;
}

/* Changes the rows of all cells to the coordinates of their families. */
static void rotate_rows(irreps *r) {
  for (size_t k = 0; k < r->num_cells; k++) {
    const cell *c = &r->cells[k];
    size_t cols = r->size[c->p];
    double *rows = r->basis[c->p] + c->first * cols;
    symo_gemm(SYMO_F64, 1, rotation_of(r, c), symo_mat_dense(rows, c->n, cols), 0,
              symo_mat_dense(r->scratch, c->n, cols));
    memcpy(rows, r->scratch, c->n * cols * sizeof *rows);
  }
}

symo_status symo_irreps_match(irreps *r) {
  symo_status status = SYMO_OK;
  size_t widest = 0;
  for (size_t k = 0; k < r->num_cells; k++)
    if (r->cells[k].n > widest) widest = r->cells[k].n;
  double *block = symo_malloc(3 * widest * widest * sizeof *block);
  if (block == NULL) return symo_fail_memory(r->set->context, "isotypic");
  small m = {block, block + widest * widest, block + 2 * widest * widest};
  for (size_t k = 0; k < r->num_cells; k++)
    if (r->cells[k].family == SIZE_MAX) SYMO_TRY(grow(r, k, &m));
  rotate_rows(r);
fail:
  symo_free(block);
  if (status != SYMO_OK) symo_irreps_forget_families(r);
  return status;
}
