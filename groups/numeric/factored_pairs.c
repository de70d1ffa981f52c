/* The products V_j (x) V_k of two irreps of R^d: split into cells, and cells recognised that are
 * the same irrep, within a pair and from pair to pair.
 *
 * Within a pair all goes as for R^d itself (groups/numeric/irreps_split.c,
 * groups/numeric/irreps_match.c).  From pair to pair, equal characters at some random elements name
 * the candidates, and a random map that commutes with the group decides: by Schur's lemma it is
 * zero between different irreps, else a multiple of an isometry, which carries the coordinates of
 * the first cell over. */
#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "groups/numeric/factored_parts.h"

/* ---- random maps that commute with the group ----
 *
 * Random matrices of the form sum A (x) B, with A and B the blocks of random matrices on R^d, are
 * averaged, T <- (T + g T) / 2, over the same random elements for all pairs, which are known as
 * matrices on the factors (compare groups/numeric/commutant.c).  A and B are drawn in the
 * coordinates of R^d, so that what comes out does not depend on how this machine rounded the
 * factors. */
static const double TARGET = 1e-13, ACCEPTED = 1e-10;
enum { PASSES = 6, SMALL = 1024 }; /* SMALL: multiplications below which BLAS does not pay */

static const double *element_on(const factoring *b, size_t element, size_t j) {
  return b->bank + element * b->stride + b->f->factors[j].block;
}

/* out [n, rest] = g x' with x [rest, n]: g acts on the last axis, which becomes the first. */
static void multiply_last(size_t n, size_t rest, const double *g, const double *x, double *out) {
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

/* y = element on `count` tensors [n_j, n_k]; work: as large. */
static void act_on_pair(const factoring *b, size_t element, size_t j, size_t k, size_t count,
                        const double *x, double *y, double *work) {
  size_t nj = b->f->factors[j].n, nk = b->f->factors[k].n;
  const double *gj = element_on(b, element, j), *gk = element_on(b, element, k);
  for (size_t c = 0; c < count; c++) {
    multiply_last(nk, nj, gk, x + c * nj * nk, work);
    multiply_last(nj, nk, gj, work, y + c * nj * nk);
  }
}

/* g T in place, on all four axes; returns |g T - T|.  half: T <- (T + g T) / 2 instead. */
static double move_all(const factoring *b, size_t element, const size_t *irrep, size_t size,
                       double *t, double *work, bool half) {
  double *from = t, *to = work, moved = 0;
  for (int a = 3; a >= 0; a--) {
    size_t n = b->f->factors[irrep[a]].n;
    multiply_last(n, size / n, element_on(b, element, irrep[a]), from, to);
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

/* A random map from V_l (x) V_m to V_j (x) V_k that commutes with the group, [n_j n_k, n_l n_m];
 * work: as large, twice.  SYMO_NO_CONVERGENCE. */
static symo_status draw_map(const factoring *b, size_t draw, size_t j, size_t k, size_t l, size_t m,
                            double *out, double *work) {
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

/* ---- cells ---- */

enum { ATTEMPTS = 5 };
static const double SAME_CHARACTER = 1e-6;

/* What one pair needs while it is split. */
typedef struct splitting {
  const factoring *b;
  size_t j, k, draws; /* draws: how many elements were drawn */
  double *work;       /* two matrices */
} splitting;

static symo_status draw(irreps *r, unsigned p, unsigned q, size_t num, double *const *out,
                        size_t *dimension) {
  splitting *s = (splitting *)(uintptr_t)r->owner;
  *dimension = 0;
  for (size_t i = 0; i < num; i++) {
    symo_status status = draw_map(s->b, s->draws++, s->j, s->k, s->j, s->k, out[i], s->work);
    if (status != SYMO_OK) return status;
  }
  return SYMO_OK;
}

/* m := basis m basis' */
static void to_cells(const irreps *r, double *m) {
  size_t n = r->size[1];
  symo_mat v = symo_mat_dense(r->basis[1], n, n), half = symo_mat_dense(r->scratch, n, n);
  symo_gemm(SYMO_F64, 1, v, symo_mat_dense(m, n, n), 0, half);
  symo_gemm(SYMO_F64, 1, half, symo_mat_t(v), 0, symo_mat_dense(m, n, n));
}

/* Cells and families of V_j (x) V_k. */
static symo_status split_pair(irreps *r) {
  double *two[2] = {r->a[1], r->c[1][1]};
  size_t dimension;
  symo_status status;
  SYMO_TRY(r->draw(r, 1, 1, 2, two, &dimension));
  SYMO_TRY(symo_irreps_split(r, 1));
  to_cells(r, r->a[1]);
  to_cells(r, r->c[1][1]);
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt > 0) {
      SYMO_TRY(r->draw(r, 1, 1, 1, &r->c[1][1], &dimension));
      to_cells(r, r->c[1][1]);
    }
    status = symo_irreps_match(r);
    if (status != SYMO_E_NUMERIC) break;
  }
fail:
  return status;
}

/* ---- from pair to pair ---- */

/* Traces of the first random elements on the n tensors at rows; work: twice as large. */
static void characters(const factoring *b, size_t j, size_t k, size_t n, const double *rows,
                       double *out, double *work) {
  size_t size = n * b->f->factors[j].n * b->f->factors[k].n;
  for (size_t s = 0; s < SYMO_FACTORED_CHARACTERS; s++) {
    act_on_pair(b, s, j, k, n, rows, work, work + size);
    out[s] = symo_dot(SYMO_F64, size, rows, work);
  }
}

static bool same_character(const known_irrep *known, size_t n, size_t type, const double *other) {
  if (known->n != n || known->type != type) return false;
  for (size_t s = 0; s < SYMO_FACTORED_CHARACTERS; s++)
    if (!(fabs(known->character[s] - other[s]) <= SAME_CHARACTER * (double)n)) return false;
  return true;
}

/* t [n, n] = rows T rows' of the known irrep, for a random T.  room: what T and its work need. */
static symo_status link_to(const factoring *b, size_t attempt, const factor_pair *pair, size_t n,
                           const double *rows, const known_irrep *known, double *room, double *t) {
  size_t here = b->f->factors[pair->j].n * b->f->factors[pair->k].n;
  size_t there = b->f->factors[known->j].n * b->f->factors[known->k].n;
  double *half = room + here * there;
  symo_status status = draw_map(b, attempt, pair->j, pair->k, known->j, known->k, room, half);
  if (status != SYMO_OK) return status;
  symo_mat own = symo_mat_dense((void *)(uintptr_t)rows, n, here);
  symo_mat target = symo_mat_dense(known->basis == NULL ? t : half, n, there);
  symo_gemm(SYMO_F64, 1, own, symo_mat_dense(room, here, there), 0, target);
  if (known->basis != NULL)
    symo_gemm(SYMO_F64, 1, target,
              symo_mat_t(symo_mat_dense((void *)(uintptr_t)known->basis, n, there)), 0,
              symo_mat_dense(t, n, n));
  return SYMO_OK;
}

/* Whether the irrep of these rows is the known one; turn [n, n]: an orthogonal matrix whose
 * transpose brings them to its coordinates. */
static symo_status compare(const factoring *b, const factor_pair *pair, size_t n,
                           const double *rows, const known_irrep *known, bool *same, double *turn) {
  size_t here = b->f->factors[pair->j].n * b->f->factors[pair->k].n;
  size_t there = b->f->factors[known->j].n * b->f->factors[known->k].n;
  double *t = symo_malloc((2 * n * n + 3 * here * there) * sizeof *t), link = 0, most = 0;
  if (t == NULL) return symo_fail_memory(b->set->context, "isotypic");
  double *gram = t + n * n, *room = gram + n * n;
  symo_status status = SYMO_OK;
  *same = false;
  for (size_t attempt = 0; attempt < ATTEMPTS && link < SYMO_LINK_STRONG; attempt++) {
    SYMO_TRY(link_to(b, attempt, pair, n, rows, known, room, t));
    link = symo_nrm2(SYMO_F64, n * n, t);
    most = isnan(link) ? (double)INFINITY : fmax(most, link);
  }
  *same = link >= SYMO_LINK_STRONG && symo_irreps_isometry(n, t, gram, turn);
  if (!*same && most > SYMO_LINK_WEAK)
    status = symo_fail(b->set->context, SYMO_E_NUMERIC,
                       "isotypic: equal or different irreps undecided (irreps of dimension %zu, "
                       "link %.1e; eigenvalue gap %.1e, spread %.1e)",
                       n, most, b->gap, b->spread);
fail:
  symo_free(t);
  return status;
}

static symo_status add_known(factoring *b, const known_irrep *known) {
  if (b->num_known == b->room_known) {
    size_t room = b->room_known == 0 ? 64 : 2 * b->room_known;
    known_irrep *grown = symo_calloc(room, sizeof *grown);
    if (grown == NULL) return symo_fail_memory(b->set->context, "isotypic");
    if (b->num_known > 0) memcpy(grown, b->known, b->num_known * sizeof *grown);
    symo_free(b->known);
    b->known = grown;
    b->room_known = room;
  }
  b->known[b->num_known++] = *known;
  return SYMO_OK;
}

/* rows of every cell of a family := by rows; by: [n, n], or its transpose. */
static void rotate_cells(const irreps *r, size_t index, const double *by, bool transposed) {
  size_t points = r->size[1];
  for (size_t c = 0; c < r->num_cells; c++) {
    const cell *own = &r->cells[c];
    if (own->family != index) continue;
    symo_mat m = symo_mat_dense((void *)(uintptr_t)by, own->n, own->n);
    symo_mat rows = symo_mat_dense(r->basis[1] + own->first * points, own->n, points);
    symo_mat out = symo_mat_dense(r->scratch, own->n, points);
    symo_gemm(SYMO_F64, 1, transposed ? symo_mat_t(m) : m, rows, 0, out);
    memcpy(rows.p, out.p, own->n * points * sizeof(double));
  }
}

/* The number of the irrep of family `index`, whose cells take over its coordinates. */
static symo_status place_family(factoring *b, const factor_pair *pair, irreps *r, size_t index,
                                size_t *irrep) {
  const family *f = &r->families[index];
  size_t n = f->n, points = r->size[1];
  double *rows = r->basis[1] + r->cells[f->first].first * points;
  double *turn = symo_malloc((n * n + 2 * n * points) * sizeof *turn);
  if (turn == NULL) return symo_fail_memory(b->set->context, "isotypic");
  known_irrep own = {n, f->type, pair->j, pair->k, rows, {0}};
  symo_status status = SYMO_OK;
  bool same = false;
  characters(b, pair->j, pair->k, n, rows, own.character, turn + n * n);
  for (*irrep = 0; *irrep < b->num_known; ++*irrep) {
    const known_irrep *known = &b->known[*irrep];
    if (!same_character(known, n, f->type, own.character)) continue;
    SYMO_TRY(compare(b, pair, n, rows, known, &same, turn));
    if (same) break;
  }
  if (same) {
    rotate_cells(r, index, turn, true);
  } else {
    if (f->type > 1) {
      symo_factored_standard(n, f->type, f->units, turn);
      rotate_cells(r, index, turn, false);
    }
    SYMO_TRY(add_known(b, &own));
  }
fail:
  symo_free(turn);
  return status;
}

/* ---- pairs ---- */

static symo_status create_pair(factoring *b, irreps *r, factor_pair *pair) {
  symo_status status = SYMO_OK;
  size_t *irrep = symo_malloc(r->num_families * sizeof *irrep);
  pair->cells = symo_calloc(r->num_cells, sizeof *pair->cells);
  if (irrep == NULL || pair->cells == NULL) SYMO_TRY(symo_fail_memory(b->set->context, "isotypic"));
  pair->block = r->basis[1]; /* known irreps point into it */
  for (size_t k = 0; k < r->num_families; k++) SYMO_TRY(place_family(b, pair, r, k, &irrep[k]));
  for (size_t c = 0; c < r->num_cells; c++)
    pair->cells[c] = (pair_cell){.irrep = irrep[r->cells[c].family],
                                 .n = r->cells[c].n,
                                 .basis = pair->block + r->cells[c].first * r->size[1]};
  pair->num_cells = r->num_cells;
fail:
  symo_free(irrep);
  return status;
}

static symo_status do_pair(factoring *b, factor_pair *pair) {
  symo_status status = SYMO_OK;
  size_t n = b->f->factors[pair->j].n * b->f->factors[pair->k].n;
  splitting s = {.b = b, .j = pair->j, .k = pair->k};
  irreps r = {.set = b->set, .draw = draw, .owner = &s, .largest = n, .gap = INFINITY};
  r.size[1] = n;
  r.cells = symo_malloc(n * sizeof *r.cells);
  r.families = symo_malloc(n * sizeof *r.families);
  /* scratch, a, c, and the work of draws; the basis apart, for it stays. */
  double *room = symo_malloc((5 * n + 1) * n * sizeof *room);
  r.basis[1] = symo_malloc(n * n * sizeof *room);
  if (r.cells == NULL || r.families == NULL || room == NULL || r.basis[1] == NULL) {
    symo_free(r.basis[1]);
    SYMO_TRY(symo_fail_memory(b->set->context, "isotypic"));
  }
  r.a[1] = room;
  r.c[1][1] = room + n * n;
  s.work = room + 2 * n * n;
  r.scratch = room + 4 * n * n;
  status = split_pair(&r);
  if (status == SYMO_OK) status = create_pair(b, &r, pair);
  if (pair->block == NULL) symo_free(r.basis[1]);
  b->gap = fmin(b->gap, r.gap);
  b->spread = fmax(b->spread, r.spread);
fail:
  symo_irreps_forget_families(&r);
  symo_free(room);
  symo_free(r.families);
  symo_free(r.cells);
  return status;
}

/* V_0 (x) V_k is V_k. */
static symo_status do_trivial(factoring *b, factor_pair *pair) {
  pair->cells = symo_calloc(1, sizeof *pair->cells);
  if (pair->cells == NULL) return symo_fail_memory(b->set->context, "isotypic");
  pair->num_cells = 1;
  pair->cells[0] = (pair_cell){.irrep = pair->k, .n = b->f->factors[pair->k].n};
  known_irrep own = {pair->cells[0].n, b->f->factors[pair->k].type, 0, pair->k, NULL, {0}};
  for (size_t s = 0; s < SYMO_FACTORED_CHARACTERS; s++)
    own.character[s] =
        symo_trace(SYMO_F64, own.n, b->bank + s * b->stride + b->f->factors[pair->k].block);
  return add_known(b, &own);
}

symo_status symo_factored_split(factoring *b) {
  factored *f = b->f;
  size_t k = f->num_factors;
  f->pairs = symo_calloc(k * (k + 1) / 2, sizeof *f->pairs);
  if (f->pairs == NULL) return symo_fail_memory(b->set->context, "isotypic");
  for (size_t i = 0; i < k; i++)
    for (size_t j = i; j < k; j++) {
      factor_pair *pair = &f->pairs[f->num_pairs++];
      pair->j = i;
      pair->k = j;
      symo_status status = i == 0 ? do_trivial(b, pair) : do_pair(b, pair);
      if (status != SYMO_OK) return status;
    }
  return SYMO_OK;
}
