/* Random maps between products of two irreps of R^d that commute with the group.
 *
 * Random matrices of the form sum A (x) B, with A and B the blocks of random matrices on R^d, are
 * averaged, T <- (T + g T) / 2, over the same random elements for all pairs, which are known as
 * matrices on the factors (compare groups/numeric/commutant.c).  A and B are drawn in the coordinates of
 * R^d, so that what comes out does not depend on how this machine rounded the factors. */
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/linalg.h"
#include "groups/numeric/factored_parts.h"

static const double TARGET = 1e-13, ACCEPTED = 1e-10;
enum { PASSES = 6, SMALL = 1024 }; /* SMALL: multiplications below which BLAS does not pay */

static const double *element_on(const factoring *b, size_t element, size_t j) {
  return b->bank + element * b->stride + b->f->factors[j].block;
}

/* out [n, rest] = g x' with x [rest, n]: what was the last axis is turned and becomes the first. */
static void turn_last(size_t n, size_t rest, const double *g, const double *x, double *out) {
  if (n * n * rest > SMALL) {
    symo_gemm(SYMO_F64, 1, symo_mat_dense((void *)(uintptr_t)g, n, n),
              symo_mat_t(symo_mat_dense((void *)(uintptr_t)x, rest, n)), 0,
              symo_mat_dense(out, n, rest));
    return;
  }
  for (size_t i = 0; i < n; i++)
    for (size_t r = 0; r < rest; r++) {
      double sum = 0;
      for (size_t k = 0; k < n; k++) sum += g[i * n + k] * x[r * n + k];
      out[i * rest + r] = sum;
    }
}

void symo_factored_act(const factoring *b, size_t element, size_t j, size_t k, size_t count,
                       const double *x, double *y, double *work) {
  size_t nj = b->f->factors[j].n, nk = b->f->factors[k].n;
  const double *gj = element_on(b, element, j), *gk = element_on(b, element, k);
  for (size_t c = 0; c < count; c++) {
    turn_last(nk, nj, gk, x + c * nj * nk, work);
    turn_last(nj, nk, gj, work, y + c * nj * nk);
  }
}

/* g T in place, on all four axes; returns |g T - T|.  half: T <- (T + g T) / 2 instead. */
static double move_all(const factoring *b, size_t element, const size_t *irrep, size_t size,
                       double *t, double *work, bool half) {
  double *from = t, *to = work, moved = 0;
  for (int a = 3; a >= 0; a--) {
    size_t n = b->f->factors[irrep[a]].n;
    turn_last(n, size / n, element_on(b, element, irrep[a]), from, to);
    from = to;
    to = from == work ? work + size : work;
  }
  for (size_t i = 0; i < size; i++) {
    double step = from[i] - t[i];
    moved += step * step;
    if (half) t[i] += step / 2;
  }
  return sqrt(moved);
}

static void noise(const factoring *b, size_t draw, const size_t *irrep, double *out) {
  const factor *f[4];
  for (int a = 0; a < 4; a++) f[a] = &b->f->factors[irrep[a]];
  size_t columns = f[2]->n * f[3]->n, size = b->rows * b->rows;
  memset(out, 0, f[0]->n * f[1]->n * columns * sizeof *out);
  for (size_t term = 0; term < SYMO_FACTORED_TERMS; term++) {
    const double *left =
        b->noise + (draw % SYMO_FACTORED_DRAWS * SYMO_FACTORED_TERMS + term) * 2 * size;
    const double *right = left + size;
    for (size_t r = 0; r < f[0]->n; r++)
      for (size_t s = 0; s < f[1]->n; s++)
        for (size_t c = 0; c < f[2]->n; c++)
          for (size_t e = 0; e < f[3]->n; e++)
            out[(r * f[1]->n + s) * columns + c * f[3]->n + e] +=
                left[(f[0]->row + r) * b->rows + f[2]->row + c] *
                right[(f[1]->row + s) * b->rows + f[3]->row + e] / sqrt(SYMO_FACTORED_TERMS);
  }
}

symo_status symo_factored_draw(const factoring *b, size_t draw, size_t j, size_t k, size_t l,
                               size_t m, double *out, double *work) {
  const size_t irrep[4] = {j, k, l, m};
  size_t size = 1;
  double defect = INFINITY;
  for (int a = 0; a < 4; a++) size *= b->f->factors[irrep[a]].n;
  noise(b, draw, irrep, out);
  for (int pass = 0; pass < PASSES && !(defect <= TARGET); pass++) {
    for (size_t s = 0; s < b->num_random; s++) move_all(b, s, irrep, size, out, work, true);
    double before = defect;
    defect = 0;
    for (size_t s = 0; s < b->num_generators; s++) {
      double moved = move_all(b, b->num_random + s, irrep, size, out, work, false);
      defect = isnan(moved) ? (double)INFINITY : fmax(defect, moved);
    }
    defect /= fmax(1, symo_nrm2(SYMO_F64, size, out));
    if (defect > before / 2) break;
  }
  if (defect <= ACCEPTED) return SYMO_OK;
  return symo_fail(b->set->context, SYMO_NO_CONVERGENCE,
                   "commutant: maps between products of irreps of dimensions %zu, %zu and %zu, %zu "
                   "still move by %.1e under the generators (at most %.0e is accepted; give the "
                   "generators to full precision)",
                   b->f->factors[l].n, b->f->factors[m].n, b->f->factors[j].n, b->f->factors[k].n,
                   defect, ACCEPTED);
}
