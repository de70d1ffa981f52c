/* The group (Z_2)^d of sign flips.  R^d is d different characters of dimension 1; on every
 * coordinate this is the diagonal approximation.
 *
 * One axis:  family "character", [d]: the tensor as it lies.
 * Two axes:  the diagonal is trivial (d copies); entries (i, j) and (j, i), i < j, carry the same
 * character: family "pair", [d (d - 1) / 2] ordered (0,1), (0,2), .., (1,2), .., with 2 copies. */
#include "groups/generators.h"
#include "groups/group.h"

enum { TRIVIAL, CHARACTER, PAIR };

static int irreps(const symo_group *self, size_t d, symo_irrep *out) {
  out[TRIVIAL] = (symo_irrep){.name = "trivial", .dim = 1, .count = 1};
  out[CHARACTER] = (symo_irrep){.name = "character", .dim = 1, .count = d, .family = true};
  out[PAIR] = (symo_irrep){.name = "pair", .dim = 1, .count = d * (d - 1) / 2, .family = true};
  return 3;
}

static int components(const symo_group *self, size_t d, int order, symo_component *out) {
  if (order == 1) {
    out[0] = (symo_component){CHARACTER, 1};
    return 1;
  }
  out[0] = (symo_component){TRIVIAL, d};
  out[1] = (symo_component){PAIR, 2};
  return d > 1 ? 2 : 1;
}

static bool view(const symo_group *self, int order, int irrep, symo_nd x, symo_nd *out) {
  if (irrep == PAIR) return false;
  *out = order == 1 ? symo_nd_insert(x, 1, 1, 0) : symo_nd_diag(x, 0, 1);
  return true;
}

static size_t reduced(const symo_group *self, size_t d, int order) { return 0; }

/* Rows [start, start + d - 1 - i) of the family are the pairs (i, j > i).  For every i that the cut
 * [first, end) meets, the parts x[i, j..] and x[j.., i] that go with its rows. */
typedef struct run {
  size_t row, n; /* rows of the family */
  symo_nd upper, lower;
} run;

static bool next_run(size_t d, symo_nd x, size_t first, size_t end, size_t *i, size_t *start,
                     run *out) {
  for (; *i + 1 < d; ++*i) {
    size_t length = d - 1 - *i, from = *start;
    *start += length;
    size_t low = from > first ? from : first, high = from + length < end ? from + length : end;
    if (low >= high) continue;
    size_t j = *i + 1 + (low - from);
    out->row = low;
    out->n = high - low;
    out->upper = symo_nd_slice(symo_nd_pick(x, 0, *i), 0, j, out->n);
    out->lower = symo_nd_slice(symo_nd_pick(x, 1, *i), 0, j, out->n);
    ++*i;
    return true;
  }
  return false;
}

static void analyze(const symo_group *self, int order, int irrep, symo_nd x, symo_nd red,
                    size_t first, symo_nd out) {
  size_t i = 0, start = 0;
  run r;
  while (next_run(x.n[0], x, first, first + out.n[0], &i, &start, &r)) {
    symo_nd rows = symo_nd_slice(out, 0, r.row - first, r.n);
    symo_nd_copy(1, r.upper, symo_nd_pick(rows, 1, 0));
    symo_nd_copy(1, r.lower, symo_nd_pick(rows, 1, 1));
  }
}

/* The embedding is the transpose, and an entry's own projector is 1: both add the same way. */
static void scatter(int irrep, symo_nd x, symo_nd out) {
  if (irrep == TRIVIAL) {
    symo_nd_axpy(1, x, symo_nd_diag(out, 0, 1));
    return;
  }
  size_t i = 0, start = 0;
  run r;
  while (next_run(out.n[0], out, 0, x.n[0], &i, &start, &r)) {
    symo_nd rows = symo_nd_slice(x, 0, r.row, r.n);
    symo_nd_axpy(1, symo_nd_pick(rows, 1, 0), r.upper);
    symo_nd_axpy(1, symo_nd_pick(rows, 1, 1), r.lower);
  }
}

static void synthesize(const symo_group *self, int order, int irrep, symo_nd x, symo_nd work,
                       symo_nd out) {
  if (order == 1)
    symo_nd_axpy(1, symo_nd_pick(x, 1, 0), out);
  else
    scatter(irrep, x, out);
}

static void diagonal(const symo_group *self, int order, int irrep, symo_nd m, symo_nd out,
                     void *work) {
  synthesize(self, order, irrep, m, m, out);
}

static symo_status element_sample(const symo_group *self, size_t dim, symo_rng *rng, double *g,
                                  void *work) {
  symo_monomial_sample(dim, rng, false, true, g);
  return SYMO_OK;
}

static symo_status generators(const symo_group *self, size_t dim, generator_set *out) {
  symo_status status = SYMO_OK;
  for (size_t i = 0; i < dim && status == SYMO_OK; i++)
    status = symo_monomial_add_flip(dim, i, out);
  return status;
}

const symo_group symo_group_sign_flip = {
    .name = "sign-flip",
    .summary = "(Z_2)^d: flips the signs of the d coordinates",
    .irreps_text = "d different characters of dimension 1",
    .average = "diag(x_i y_i)",
    .exact = "hidden units of an odd nonlinearity; on every coordinate, the diagonal approximation",
    .max_axes = 2,
    .irreps = irreps,
    .components = components,
    .view = view,
    .reduced = reduced,
    .analyze = analyze,
    .synthesize = synthesize,
    .diagonal = diagonal,
    .element_size = symo_monomial_size,
    .element_identity = symo_monomial_identity,
    .element_sample = element_sample,
    .generators = generators,
    .act = symo_monomial_act,
};
