/* Matrices that commute with a group of permutations, in two ways: by isotypic blocks, and by
 * values on patterns of equal indices.
 *
 * A matrix A between R^{d^p} and R^{d^q} that commutes with S_d (or with B_d, which contains it)
 * has equal entries at (i, j) and (g i, g j), so it is one number for every way in which the p + q
 * indices may be equal: a set partition.  With blocks M and coordinates X of unit tensors,
 *
 *     A[i, j] = sum_irrep sum_ab M_ab P_ab(i, j) ,   P_ab(i, j) = <X_a(e_i), X_b(e_j)> ,
 *     M_ab    = (1/n) sum_ij A[i, j] P_ab(i, j) = (1/n) sum_patterns tuples A P_ab .
 *
 * Independent scales multiply A[i, j] by the product over different indices of kappa(sum of the
 * exponents there), which is constant on patterns; so on the M it is a small linear map.
 *
 * Check: p = q = 1, S_d, a = (M_0 + (d-1) M_1) / d on equal indices, b = (M_0 - M_1) / d on
 * different ones, and back M_0 = a + (d-1) b, M_1 = a - b. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "groups/plan/moments.h"

/* Work space for the coordinates of unit tensors. */
typedef struct units {
  const plan_space *space;
  size_t dim, numbers; /* room for one set of coordinates */
  double *x, *red, *left, *right;
} units;

/* All set partitions of n positions with at most d blocks, as growth strings: every number is at
 * most one above those before it. */
static int list_patterns(int n, size_t d, int block[MAX_PATTERNS][2 * SCALED_AXES]) {
  int found = 0, codes = 1;
  for (int i = 0; i < n; i++) codes *= n;
  for (int code = 0; code < codes; code++) {
    int digit[2 * SCALED_AXES] = {0}, most = -1, rest = code;
    bool grows = true;
    for (int i = 0; i < n; i++, rest /= n) {
      digit[i] = rest % n;
      grows = grows && digit[i] <= most + 1;
      most = digit[i] > most ? digit[i] : most;
    }
    if (!grows || (size_t)most >= d) continue;
    assert(found < MAX_PATTERNS);
    memcpy(block[found++], digit, sizeof digit);
  }
  return found;
}

static size_t copies_of(const plan_space *space, int order, int irrep) {
  if (order == 0) return irrep == 0;
  for (int i = 0; i < space->num_components[order]; i++)
    if (space->components[order][i].irrep == irrep) return space->components[order][i].copies;
  return 0;
}

static size_t rows_of(const symo_irrep *irrep) {
  size_t rows = 1;
  for (int i = 0; i < irrep->ambient; i++) rows *= irrep->frame[i];
  return rows;
}

/* out [rows, copies] := the coordinates of the unit tensor with the given indices. */
static void coordinates(const units *u, int order, int irrep, const int *index, double *out) {
  const symo_group *g = u->space->group;
  const symo_irrep *r = &u->space->irreps[irrep];
  size_t shape[SYMO_MAX_FRAME + 2], points = 1, at = 0, lanes = 1, reduced;
  if (order == 0) {
    out[0] = 1;
    return;
  }
  for (int k = 0; k < order; k++) {
    shape[k] = u->dim;
    points *= u->dim;
    at = at * u->dim + (size_t)index[k];
  }
  shape[order] = lanes;
  memset(u->x, 0, points * sizeof *u->x);
  u->x[at] = 1;
  symo_nd seen, x = symo_nd_dense(SYMO_F64, u->x, order + 1, shape);
  for (int k = 0; k < r->ambient; k++) shape[k] = r->frame[k];
  shape[r->ambient] = copies_of(u->space, order, irrep);
  shape[r->ambient + 1] = lanes;
  symo_nd to = symo_nd_dense(SYMO_F64, out, r->ambient + 2, shape);
  if (g->view != NULL && g->view(g, order, irrep, x, &seen)) {
    symo_nd_copy(1, seen, to);
    return;
  }
  reduced = g->reduced == NULL ? 0 : g->reduced(g, u->dim, order);
  size_t red_shape[2] = {reduced, lanes};
  symo_nd red = symo_nd_dense(SYMO_F64, u->red, 2, red_shape);
  symo_nd_fill(0, red);
  if (g->reduce != NULL) g->reduce(g, order, x, red);
  g->analyze(g, order, irrep, x, red, 0, to);
}

static symo_status create_units(symo_context *context, const plan_space *space, size_t dim,
                                int order, units *out) {
  const symo_group *g = space->group;
  size_t points = 1, reduced = 0;
  bool fits = true;
  *out = (units){.space = space, .dim = dim, .numbers = 1};
  for (int k = 0; k < order; k++) fits = fits && symo_mul_size(points, dim, &points);
  for (int k = 1; k <= order; k++) {
    size_t need = g->reduced == NULL ? 0 : g->reduced(g, dim, k);
    reduced = need > reduced ? need : reduced;
    for (int i = 0; i < space->num_irreps; i++) {
      size_t numbers = rows_of(&space->irreps[i]) * copies_of(space, k, i);
      out->numbers = numbers > out->numbers ? numbers : out->numbers;
    }
  }
  size_t bytes;
  fits = fits && symo_mul_size(points + reduced + 2 * out->numbers, sizeof(double), &bytes);
  out->x = fits ? symo_malloc(bytes) : NULL;
  if (out->x == NULL) return symo_fail_memory(context, "plan");
  out->red = out->x + points;
  out->left = out->red + reduced;
  out->right = out->left + out->numbers;
  return SYMO_OK;
}

static void list_entries(const plan_space *space, pattern_table *t) {
  for (int k = 0; k < space->num_irreps; k++)
    for (size_t a = 0; a < copies_of(space, t->p, k); a++)
      for (size_t b = 0; b < copies_of(space, t->q, k); b++) {
        int e = t->num_entries++;
        assert(e < MAX_ENTRIES);
        t->entry[e].irrep = k;
        t->entry[e].dim = space->irreps[k].dim;
        t->entry[e].a = a;
        t->entry[e].b = b;
      }
}

/* The projectors of one irrep at one pattern. */
static void fill(const units *u, pattern_table *t, int pattern, int irrep) {
  size_t left = copies_of(u->space, t->p, irrep), right = copies_of(u->space, t->q, irrep);
  size_t rows = rows_of(&u->space->irreps[irrep]);
  if (left == 0 || right == 0) return;
  coordinates(u, t->p, irrep, t->block[pattern], u->left);
  coordinates(u, t->q, irrep, t->block[pattern] + t->p, u->right);
  for (int e = 0; e < t->num_entries; e++) {
    double sum = 0;
    if (t->entry[e].irrep != irrep) continue;
    for (size_t r = 0; r < rows; r++)
      sum += u->left[r * left + t->entry[e].a] * u->right[r * right + t->entry[e].b];
    t->projector[pattern][e] = sum;
  }
}

symo_status symo_pattern_table_create(symo_context *context, const plan_space *space, size_t dim,
                                      int p, int q, pattern_table **out) {
  units u;
  symo_status status = create_units(context, space, dim, p > q ? p : q, &u);
  if (status != SYMO_OK) return status;
  pattern_table *t = symo_calloc(1, sizeof *t);
  if (t == NULL) {
    symo_free(u.x);
    return symo_fail_memory(context, "plan");
  }
  t->p = p;
  t->q = q;
  list_entries(space, t);
  t->num_patterns = list_patterns(p + q, dim, t->block);
  for (int i = 0; i < t->num_patterns; i++) {
    int blocks = 0;
    for (int k = 0; k < p + q; k++) blocks = t->block[i][k] >= blocks ? t->block[i][k] + 1 : blocks;
    t->tuples[i] = 1;
    for (int k = 0; k < blocks; k++) t->tuples[i] *= (double)dim - k;
    for (int k = 0; k < space->num_irreps; k++) fill(&u, t, i, k);
  }
  symo_free(u.x);
  *out = t;
  return SYMO_OK;
}

void symo_pattern_table_map(const pattern_table *t, const double *kappa, const int *side,
                            double *map) {
  int n = t->num_entries;
  for (int i = 0; i < n * n; i++) map[i] = 0;
  for (int k = 0; k < t->num_patterns; k++) {
    double moment = t->tuples[k];
    int sum[2 * SCALED_AXES] = {0};
    for (int i = 0; i < t->p + t->q; i++) sum[t->block[k][i]] += side[i];
    for (int i = 0; i < t->p + t->q; i++) moment *= kappa[abs(sum[i])];
    for (int i = 0; i < n; i++)
      for (int j = 0; j < n; j++)
        map[i * n + j] +=
            t->projector[k][i] * moment * t->projector[k][j] / (double)t->entry[i].dim;
  }
}
