/* A tensor power into irreducible subspaces.
 *
 * On the copies of an irrep of dimension n an element of the commutant is I_n (x) M, and M is as
 * good as random.  So the eigenspaces of a random symmetric element are irreducible, one eigenvalue
 * each, with probability one (Dixon 1970; Murota, Kanno, Kojima and Kojima, A numerical algorithm
 * for block-diagonal decomposition of matrix *-algebras, 2010).
 *
 * In floating point an eigenspace is as accurate as its eigenvalue is apart: eps |A| / gap.  With K
 * irreps some pair of random eigenvalues comes as close as 1/K^2.  Hence cuts are made only at gaps
 * above 1 / (20 K), and what hangs together is taken apart by a second element on that subspace
 * alone, then a third: the loss is a factor of about 20 K instead of K^2.  A cell is believed when
 * two independent elements are multiples of the identity on it. */
#include "groups/numeric/irreps.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"

/* Relative to the largest eigenvalue. */
static const double SAME = 1e-10, CUT = 1e-3, CUT_LAST = 1e-8;

enum { LEVELS = 7, PATIENT = 4 }; /* elements tried; those before cuts are made at any gap */

typedef enum verdict { OPEN, SCALAR_ONCE, SETTLED } verdict;

typedef struct pieces { /* consecutive rows of the basis */
  size_t num, *n;
  unsigned char *state;
} pieces;

typedef struct splitting {
  irreps *r;
  unsigned p;
  size_t size;
  double *v, *t; /* the basis; as large, scratch */
  double *w, scale, cut;
  double *h; /* [widest piece squared] */
  void *work;
  pieces now, next;
} splitting;

static void pieces_append(splitting *s, size_t n, verdict verdict_now) {
  s->next.n[s->next.num] = n;
  s->next.state[s->next.num++] = (unsigned char)(n == 1 ? SETTLED : verdict_now);
}

static void pieces_swap(splitting *s) {
  pieces old = s->now;
  s->now = s->next;
  s->next = old;
  s->next.num = 0;
}

/* (H + H') / 2 in place. */
static void symmetric_part(size_t n, double *h) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++) {
      double mean = (h[i * n + j] + h[j * n + i]) / 2;
      h[i * n + j] = h[j * n + i] = mean;
    }
}

/* h = symmetric part of (rows of left) (rows of right)'; left, right: [n, size] dense. */
static void restrict_to(const splitting *s, size_t n, const double *left, const double *right) {
  symo_mat l = symo_mat_dense((void *)(uintptr_t)left, n, s->size);
  symo_mat right_rows = symo_mat_dense((void *)(uintptr_t)right, n, s->size);
  symo_gemm(SYMO_F64, 1, l, symo_mat_t(right_rows), 0, symo_mat_dense(s->h, n, n));
  symmetric_part(n, s->h);
}

/* Is h [n, n] a multiple of the identity? */
static bool is_scalar(const splitting *s, size_t n) {
  double mean = symo_trace(SYMO_F64, n, s->h) / (double)n, sum = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      double x = s->h[i * n + j] - (i == j ? mean : 0);
      sum += x * x;
    }
  return sqrt(sum) <= SAME * s->scale;
}

/* Cuts n rows with ascending eigenvalues w where the gap is wide; appends what comes out. */
static void cut_rows(splitting *s, size_t n, const double *w) {
  irreps *r = s->r;
  for (size_t begin = 0, end; begin < n; begin = end) {
    for (end = begin + 1; end < n && w[end] - w[end - 1] <= s->cut * s->scale;) end++;
    double spread = (w[end - 1] - w[begin]) / s->scale;
    bool narrow = spread <= SAME;
    if (end < n) r->gap = fmin(r->gap, (w[end] - w[end - 1]) / s->scale);
    if (narrow) r->spread = fmax(r->spread, spread);
    pieces_append(s, end - begin, narrow ? SCALAR_ONCE : OPEN);
  }
}

/* The first element on the whole power. */
static symo_status split_whole(splitting *s) {
  irreps *r = s->r;
  size_t n = s->size, distinct = 1;
  memcpy(s->v, r->a[s->p], n * n * sizeof *s->v);
  symmetric_part(n, s->v);
  void *work = symo_malloc(symo_eigh_work(SYMO_F64, n));
  if (work == NULL) return symo_fail_memory(r->set->context, "isotypic");
  symo_status status = symo_eigh(SYMO_F64, n, s->v, s->w, work);
  symo_free(work);
  if (status != SYMO_OK)
    return symo_fail(r->set->context, status,
                     "isotypic: no eigendecomposition of a commutant element of order %zu", n);
  /* Elements have standard normal coordinates, so 1 / sqrt(n) is the least natural size. */
  s->scale = fmax(fmax(fabs(s->w[0]), fabs(s->w[n - 1])), 1 / sqrt((double)n));
  for (size_t k = 1; k < n; k++) distinct += s->w[k] - s->w[k - 1] > SAME * s->scale;
  s->cut = fmin(CUT, 0.05 / (double)distinct);
  cut_rows(s, n, s->w);
  pieces_swap(s);
  return SYMO_OK;
}

/* Rows [first, first + n), whose images under the element are in t, by that element. */
static symo_status split_piece(splitting *s, size_t first, size_t n, verdict before) {
  double *v = s->v + first * s->size, *t = s->t + first * s->size;
  restrict_to(s, n, t, v);
  if (is_scalar(s, n)) {
    pieces_append(s, n, before == SCALAR_ONCE ? SETTLED : SCALAR_ONCE);
    return SYMO_OK;
  }
  symo_status status = symo_eigh(SYMO_F64, n, s->h, s->w, s->work);
  if (status != SYMO_OK)
    return symo_fail(s->r->set->context, status,
                     "isotypic: no eigendecomposition of a commutant element of order %zu", n);
  symo_mat rows = symo_mat_dense(v, n, s->size), turned = symo_mat_dense(t, n, s->size);
  symo_gemm(SYMO_F64, 1, symo_mat_dense(s->h, n, n), rows, 0, turned);
  memcpy(v, t, n * s->size * sizeof *v);
  size_t piece = s->next.num, row = first;
  cut_rows(s, n, s->w);
  for (; piece < s->next.num; row += s->next.n[piece++]) {
    if (s->next.state[piece] != SCALAR_ONCE) continue;
    /* The first element is the second opinion. */
    size_t m = s->next.n[piece];
    rows = symo_mat_dense(s->v + row * s->size, m, s->size);
    turned = symo_mat_dense(s->t + row * s->size, m, s->size);
    symo_gemm(SYMO_F64, 1, rows, symo_mat_dense(s->r->a[s->p], s->size, s->size), 0, turned);
    restrict_to(s, m, turned.p, rows.p);
    if (is_scalar(s, m)) s->next.state[piece] = SETTLED;
  }
  return SYMO_OK;
}

static size_t widest_open(const splitting *s) {
  size_t widest = 0;
  for (size_t k = 0; k < s->now.num; k++)
    if (s->now.state[k] != SETTLED && s->now.n[k] > widest) widest = s->now.n[k];
  return widest;
}

static symo_status split_again(splitting *s, double *element) {
  symo_status status = SYMO_OK;
  size_t n = s->size, first = 0;
  symo_gemm(SYMO_F64, 1, symo_mat_dense(s->v, n, n), symo_mat_dense(element, n, n), 0,
            symo_mat_dense(s->t, n, n));
  for (size_t k = 0; k < s->now.num; first += s->now.n[k++]) {
    if (s->now.state[k] == SETTLED)
      pieces_append(s, s->now.n[k], SETTLED);
    else
      SYMO_TRY(split_piece(s, first, s->now.n[k], s->now.state[k]));
  }
  pieces_swap(s);
fail:
  return status;
}

/* The second element is c; later ones, rarely wanted, are drawn. */
static symo_status split_rest(splitting *s) {
  symo_status status = SYMO_OK;
  irreps *r = s->r;
  double *fresh = NULL;
  size_t widest = widest_open(s), dimension;
  s->h = symo_malloc(widest * widest * sizeof *s->h);
  s->work = symo_malloc(symo_eigh_work(SYMO_F64, widest));
  if (s->h == NULL || s->work == NULL) goto memory;
  for (int level = 1; level < LEVELS && widest_open(s) > 0; level++) {
    if (level == 2) {
      fresh = symo_malloc(s->size * s->size * sizeof *fresh);
      if (fresh == NULL) goto memory;
    }
    if (level >= 2) SYMO_TRY(r->draw(r, s->p, s->p, 1, &fresh, &dimension));
    if (level == PATIENT) s->cut = CUT_LAST;
    SYMO_TRY(split_again(s, level == 1 ? r->c[s->p][s->p] : fresh));
  }
  if (widest_open(s) > 0)
    status = symo_fail(r->set->context, SYMO_E_NUMERIC,
                       "isotypic: %d random commutant elements on tensors of order %u leave %zu "
                       "%s in which eigenvalues cannot be told apart (gap %.1e, spread "
                       "%.1e; are the generators exact?)",
                       LEVELS, s->p, widest_open(s),
                       symo_plural(widest_open(s), "dimension", "dimensions"), r->gap, r->spread);
fail:
  symo_free(fresh);
  return status;
memory:
  status = symo_fail_memory(r->set->context, "isotypic");
  goto fail;
}

symo_status symo_irreps_split(irreps *r, unsigned p) {
  symo_status status = SYMO_OK;
  splitting s = {.r = r, .p = p, .size = r->size[p], .v = r->basis[p], .t = r->scratch};
  s.w = symo_malloc(s.size * sizeof *s.w);
  s.now.n = symo_malloc(s.size * sizeof *s.now.n);
  s.now.state = symo_malloc(s.size);
  s.next.n = symo_malloc(s.size * sizeof *s.next.n);
  s.next.state = symo_malloc(s.size);
  if (s.w == NULL || s.now.n == NULL || s.now.state == NULL || s.next.n == NULL ||
      s.next.state == NULL) {
    status = symo_fail_memory(r->set->context, "isotypic");
    goto fail;
  }
  SYMO_TRY(split_whole(&s));
  SYMO_TRY(split_rest(&s));
  for (size_t k = 0, first = 0; k < s.now.num; first += s.now.n[k++])
    r->cells[r->num_cells++] = (cell){.p = p, .first = first, .n = s.now.n[k], .family = SIZE_MAX};
fail:
  symo_free(s.work);
  symo_free(s.h);
  symo_free(s.next.state);
  symo_free(s.next.n);
  symo_free(s.now.state);
  symo_free(s.now.n);
  symo_free(s.w);
  return status;
}
