/* Coordinates on two axes by way of the factors: x -> U x U', blocks (j, k) of that by the bases of
 * the cells of V_j (x) V_k.  4 d^3 flops for the first, n_j n_k m_j m_k times the rows of the cells
 * for the second. */
#include <string.h>

#include "core/linalg.h"
#include "groups/numeric/factored_parts.h"

static const factored *of(const group_transform *t) { return (const factored *)(const void *)t; }

/* out = U x or U' x along the first axis of [d, rest], or the middle one of [d, d, rest]. */
static void change_basis(const factored *f, bool back, size_t outer, size_t rest, const double *x,
                         double *out) {
  size_t d = f->head.dim;
  symo_mat u = symo_mat_dense(f->u, d, d);
  if (back) u = symo_mat_t(u);
  if (rest == 1 && outer > 1) {
    symo_gemm(SYMO_F64, 1, symo_mat_dense((void *)(uintptr_t)x, outer, d), symo_mat_t(u), 0,
              symo_mat_dense(out, outer, d));
    return;
  }
  for (size_t o = 0; o < outer; o++)
    symo_gemm(SYMO_F64, 1, u, symo_mat_dense((void *)(uintptr_t)(x + o * d * rest), d, rest), 0,
              symo_mat_dense(out + o * d * rest, d, rest));
}

/* The block of V_j (x) V_k, or turned of V_k (x) V_j, in y [d, d, lanes] from or to z
 * [n_j n_k, copies of both, lanes]. */
static void move_block(const factored *f, const factor_pair *pair, bool turned, size_t lanes,
                       double *y, double *z, bool back) {
  const factor *a = &f->factors[pair->j], *b = &f->factors[pair->k];
  const factor *one = turned ? b : a, *two = turned ? a : b; /* on the first axis, the second */
  size_t d = f->head.dim, run = two->copies * lanes;
  for (size_t r = 0; r < one->n; r++)
    for (size_t c = 0; c < one->copies; c++)
      for (size_t s = 0; s < two->n; s++) {
        size_t row = turned ? s * b->n + r : r * b->n + s;
        double *there = z + (row * one->copies + c) * run;
        double *here =
            y + ((one->first + r * one->copies + c) * d + two->first + s * two->copies) * lanes;
        memcpy(back ? here : there, back ? there : here, run * sizeof *y);
      }
}

static bool wanted(const factored *f, const factor_pair *pair, size_t only) {
  if (f->factors[pair->j].copies == 0 || f->factors[pair->k].copies == 0) return false;
  for (size_t c = 0; c < pair->num_cells; c++)
    if (only >= f->head.num_irreps || pair->cells[c].irrep == only) return true;
  return false;
}

/* The coordinates of a cell: rows of the irrep, some of its columns. */
static symo_mat place_of(const factored *f, const factor_pair *pair, const pair_cell *own,
                         bool turned, size_t lanes, double *coordinates) {
  size_t stride = f->head.irreps[own->irrep].copies[2] * lanes;
  size_t columns = f->factors[pair->j].copies * f->factors[pair->k].copies * lanes;
  double *first = coordinates + (f->offset[own->irrep] + own->column[turned]) * lanes;
  return (symo_mat){first, own->n, columns, (ptrdiff_t)stride, 1};
}

static void copy(symo_mat from, symo_mat to) {
  for (size_t i = 0; i < from.rows; i++)
    memcpy((double *)to.p + (ptrdiff_t)i * to.rs, (const double *)from.p + (ptrdiff_t)i * from.rs,
           from.cols * sizeof(double));
}

void symo_factored_analyze(const group_transform *t, int axes, size_t only, size_t lanes, double *x,
                           double *coordinates, double *work) {
  const factored *f = of(t);
  size_t d = t->dim;
  if (axes == 1) {
    change_basis(f, false, 1, lanes, x, coordinates);
    return;
  }
  change_basis(f, false, 1, d * lanes, x, work);
  change_basis(f, false, d, lanes, work, x);
  for (size_t p = 0; p < f->num_pairs; p++) {
    const factor_pair *pair = &f->pairs[p];
    size_t rows = f->factors[pair->j].n * f->factors[pair->k].n;
    size_t columns = f->factors[pair->j].copies * f->factors[pair->k].copies * lanes;
    if (!wanted(f, pair, only)) continue;
    for (int turned = 0; turned <= (pair->j != pair->k); turned++) {
      move_block(f, pair, turned, lanes, x, work, false);
      symo_mat z = symo_mat_dense(work, rows, columns);
      for (size_t c = 0; c < pair->num_cells; c++) {
        const pair_cell *own = &pair->cells[c];
        symo_mat place = place_of(f, pair, own, turned, lanes, coordinates);
        if (own->basis == NULL)
          copy(z, place);
        else
          symo_gemm(SYMO_F64, 1, symo_mat_dense(own->basis, own->n, rows), z, 0, place);
      }
    }
  }
}

void symo_factored_synthesize(const group_transform *t, int axes, size_t only, size_t lanes,
                              double *coordinates, double *x, double *work) {
  const factored *f = of(t);
  size_t d = t->dim;
  if (axes == 1) {
    change_basis(f, true, 1, lanes, coordinates, x);
    return;
  }
  memset(x, 0, d * d * lanes * sizeof *x);
  for (size_t p = 0; p < f->num_pairs; p++) {
    const factor_pair *pair = &f->pairs[p];
    size_t rows = f->factors[pair->j].n * f->factors[pair->k].n;
    size_t columns = f->factors[pair->j].copies * f->factors[pair->k].copies * lanes;
    if (!wanted(f, pair, only)) continue;
    for (int turned = 0; turned <= (pair->j != pair->k); turned++) {
      symo_mat z = symo_mat_dense(work, rows, columns);
      bool any = false;
      for (size_t c = 0; c < pair->num_cells; c++) {
        const pair_cell *own = &pair->cells[c];
        if (only < t->num_irreps && own->irrep != only) continue;
        symo_mat place = place_of(f, pair, own, turned, lanes, coordinates);
        if (own->basis == NULL)
          copy(place, z);
        else
          symo_gemm(SYMO_F64, 1, symo_mat_t(symo_mat_dense(own->basis, own->n, rows)), place, any,
                    z);
        any = true;
      }
      move_block(f, pair, turned, lanes, x, work, true);
    }
  }
  change_basis(f, true, d, lanes, x, work);
  change_basis(f, true, 1, d * lanes, work, x);
}
