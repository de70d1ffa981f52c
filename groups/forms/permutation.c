/* The file to copy for a new group.  The symmetric group S_d permuting the coordinates: hidden
 * units under any pointwise nonlinearity.
 *
 * One axis:  R^d = trivial (1) + standard (d - 1).  With the mean mu = sum x / d,
 *     trivial   sqrt(d) mu          standard  x - mu
 *
 * Two axes:  with the diagonal D, and r, c, t the row sums, column sums and total off the diagonal,
 * p = r + c less its mean, q = r - c,
 *     trivial        sum D / sqrt(d),   t / sqrt(d (d - 1))
 *     standard       D less its mean,   p / sqrt(2 (d - 2)),   q / sqrt(2 d)
 *     symmetric      (x + x')/2 - t / (d (d - 1)) - (p_i + p_j) / (2 (d - 2))
 *     antisymmetric  (x - x')/2 - (q_i - q_j) / (2 d)
 * the last two off the diagonal and zero on it; dimensions d (d - 3) / 2 and (d - 1)(d - 2) / 2.
 *
 * These are the irreps (d), (d-1,1), (d-2,2), (d-2,1,1) of Young's lattice; 2 + 3 (d - 1) and the
 * last two add up to d^2.  Check: d = 3 gives 2 + 3*2 + 0 + 1 = 9. */
#include <math.h>

#include "groups/generators.h"
#include "groups/group.h"

enum { TRIVIAL, STANDARD, SYMMETRIC, ANTISYMMETRIC };

static int irreps(const symo_group *self, size_t d, symo_irrep *out) {
  size_t symmetric = d > 3 ? d * (d - 3) / 2 : 0;
  size_t antisymmetric = d > 2 ? (d - 1) * (d - 2) / 2 : 0;
  out[TRIVIAL] = (symo_irrep){.name = "trivial", .dim = 1, .count = 1};
  out[STANDARD] =
      (symo_irrep){.name = "standard", .dim = d - 1, .count = 1, .ambient = 1, .frame = {d}};
  out[SYMMETRIC] = (symo_irrep){
      .name = "symmetric", .dim = symmetric, .count = 1, .ambient = 2, .frame = {d, d}};
  out[ANTISYMMETRIC] = (symo_irrep){
      .name = "antisymmetric", .dim = antisymmetric, .count = 1, .ambient = 2, .frame = {d, d}};
  return 4;
}

static int components(const symo_group *self, size_t d, int order, symo_component *out) {
  int n = 0;
  out[n++] = (symo_component){TRIVIAL, order == 1 || d == 1 ? 1 : 2};
  if (d > 1) out[n++] = (symo_component){STANDARD, order == 1 ? 1 : d == 2 ? 2 : 3};
  if (order == 2 && d > 3) out[n++] = (symo_component){SYMMETRIC, 1};
  if (order == 2 && d > 2) out[n++] = (symo_component){ANTISYMMETRIC, 1};
  return n;
}

/* One axis: the mean.  Two: D, r, c ([d] each), then the mean of D and the total t. */
static size_t reduced(const symo_group *self, size_t d, int order) {
  return order == 1 ? 1 : 3 * d + 2;
}

static void reduce(const symo_group *self, int order, symo_nd x, symo_nd red) {
  size_t d = x.n[0];
  if (order == 1) {
    symo_nd_axpy(1 / (double)d, x, symo_nd_stretch(red, 0, d));
    return;
  }
  symo_nd diagonal = symo_nd_slice(red, 0, 0, d), rows = symo_nd_slice(red, 0, d, d);
  symo_nd columns = symo_nd_slice(red, 0, 2 * d, d), mean = symo_nd_slice(red, 0, 3 * d, 1);
  symo_nd total = symo_nd_slice(red, 0, 3 * d + 1, 1);
  symo_nd_copy(1, symo_nd_diag(x, 0, 1), diagonal);
  symo_nd_axpy(1, x, symo_nd_insert(rows, 1, d, 0));
  symo_nd_axpy(1, x, symo_nd_insert(columns, 0, d, 0));
  symo_nd_axpy(-1, diagonal, rows);
  symo_nd_axpy(-1, diagonal, columns);
  symo_nd_axpy(1 / (double)d, diagonal, symo_nd_stretch(mean, 0, d));
  symo_nd_axpy(1, rows, symo_nd_stretch(total, 0, d));
}

/* out += a (row_i + s column_j) for the d x d part; `v` = [d, lanes]. */
static void outer_sum(double a, double s, symo_nd v, size_t first, symo_nd out) {
  size_t rows = out.n[0], d = out.n[1];
  symo_nd_axpy(a, symo_nd_insert(symo_nd_slice(v, 0, first, rows), 1, d, 0), out);
  symo_nd_axpy(a * s, symo_nd_insert(v, 0, rows, 0), out);
}

static void analyze_pair(int irrep, symo_nd x, symo_nd red, size_t first, symo_nd out) {
  size_t d = x.n[0], rows = irrep == TRIVIAL ? 0 : out.n[0];
  double n = (double)d;
  symo_nd diagonal = symo_nd_slice(red, 0, 0, d), r = symo_nd_slice(red, 0, d, d);
  symo_nd c = symo_nd_slice(red, 0, 2 * d, d), mean = symo_nd_slice(red, 0, 3 * d, 1);
  symo_nd total = symo_nd_slice(red, 0, 3 * d + 1, 1);
  if (irrep == TRIVIAL) { /* out: [copies, lanes] */
    symo_nd_copy(sqrt(n), mean, symo_nd_slice(out, 0, 0, 1));
    if (d > 1) symo_nd_copy(1 / sqrt(n * (n - 1)), total, symo_nd_slice(out, 0, 1, 1));
    return;
  }
  if (irrep == STANDARD) { /* out: [rows, copies, lanes] */
    symo_nd e1 = symo_nd_pick(out, 1, 0);
    symo_nd_copy(1, symo_nd_slice(diagonal, 0, first, rows), e1);
    symo_nd_axpy(-1, symo_nd_stretch(mean, 0, rows), e1);
    r = symo_nd_slice(r, 0, first, rows);
    c = symo_nd_slice(c, 0, first, rows);
    symo_nd e3 = symo_nd_pick(out, 1, out.n[1] - 1);
    symo_nd_copy(1 / sqrt(2 * n), r, e3);
    symo_nd_axpy(-1 / sqrt(2 * n), c, e3);
    if (d == 2) return;
    symo_nd e2 = symo_nd_pick(out, 1, 1);
    double scale = 1 / sqrt(2 * (n - 2));
    symo_nd_copy(scale, r, e2);
    symo_nd_axpy(scale, c, e2);
    symo_nd_axpy(-2 * scale / n, symo_nd_stretch(total, 0, rows), e2);
    return;
  }
  double sign = irrep == SYMMETRIC ? 1 : -1; /* out: [rows, d, 1, lanes] */
  symo_pair_offdiagonal(sign, x, first, out);
  symo_nd to = symo_nd_pick(out, 2, 0);
  double a = irrep == SYMMETRIC ? -1 / (2 * (n - 2)) : -1 / (2 * n);
  outer_sum(a, sign, r, first, to);
  outer_sum(a * sign, sign, c, first, to);
  if (irrep == SYMMETRIC) { /* -t / (n (n-1)), and the two means of p: 4 t / n / (2 (n - 2)) */
    double constant = -1 / (n * (n - 1)) + 2 / (n * (n - 2));
    symo_nd wide = symo_nd_insert(symo_nd_stretch(total, 0, d), 0, rows, 0);
    symo_nd_axpy(constant, wide, to);
  }
  symo_nd_fill(0, symo_pair_diagonal(to, first));
}

static void analyze(const symo_group *self, int order, int irrep, symo_nd x, symo_nd red,
                    size_t first, symo_nd out) {
  if (order == 2) {
    analyze_pair(irrep, x, red, first, out);
  } else if (irrep == TRIVIAL) {
    symo_nd_copy(sqrt((double)x.n[0]), red, out);
  } else {
    symo_nd to = symo_nd_pick(out, 1, 0);
    symo_nd_copy(1, symo_nd_slice(x, 0, first, to.n[0]), to);
    symo_nd_axpy(-1, symo_nd_stretch(red, 0, to.n[0]), to);
  }
}

static void synthesize_pair(int irrep, symo_nd x, symo_nd out) {
  size_t d = out.n[0];
  double n = (double)d;
  if (irrep == TRIVIAL) {
    symo_pair_spread(1 / sqrt(n), 0, symo_nd_pick(x, 0, 0), out);
    if (d > 1) symo_pair_spread(0, 1 / sqrt(n * (n - 1)), symo_nd_pick(x, 0, 1), out);
  } else if (irrep == STANDARD) {
    symo_nd diagonal = symo_nd_diag(out, 0, 1);
    symo_nd_axpy(1, symo_nd_pick(x, 1, 0), diagonal);
    symo_nd e3 = symo_nd_pick(x, 1, x.n[1] - 1);
    outer_sum(1 / sqrt(2 * n), -1, e3, 0, out); /* u_i - u_j: zero on the diagonal by itself */
    if (d == 2) return;
    symo_nd e2 = symo_nd_pick(x, 1, 1);
    double scale = 1 / sqrt(2 * (n - 2));
    outer_sum(scale, 1, e2, 0, out);
    symo_nd_axpy(-2 * scale, e2, diagonal);
  } else {
    symo_nd_axpy(1, symo_nd_pick(x, 2, 0), out);
  }
}

static void synthesize(const symo_group *self, int order, int irrep, symo_nd x, symo_nd work,
                       symo_nd out) {
  if (order == 2)
    synthesize_pair(irrep, x, out);
  else if (irrep == TRIVIAL)
    symo_nd_axpy(1 / sqrt((double)out.n[0]), symo_nd_stretch(x, 0, out.n[0]), out);
  else
    symo_nd_axpy(1, symo_nd_pick(x, 1, 0), out);
}

static void diagonal(const symo_group *self, int order, int irrep, symo_nd m, symo_nd out,
                     void *work) {
  size_t d = out.n[0];
  double n = (double)d;
  if (order == 1) {
    double weight = irrep == TRIVIAL ? 1 / n : (n - 1) / n;
    symo_nd_axpy(weight, symo_nd_stretch(m, 0, d), out);
  } else if (irrep == TRIVIAL) {
    symo_pair_spread(1 / n, 0, symo_nd_pick(m, 0, 0), out);
    if (d > 1) symo_pair_spread(0, 1 / (n * (n - 1)), symo_nd_pick(m, 0, 1), out);
  } else if (irrep == STANDARD) {
    symo_pair_spread((n - 1) / n, 0, symo_nd_pick(m, 0, 0), out);
    for (size_t copy = 1; copy < m.n[0]; copy++)
      symo_pair_spread(0, 1 / n, symo_nd_pick(m, 0, copy), out);
  } else {
    double off = 0.5 - 1 / n - (irrep == SYMMETRIC ? 1 / (n * (n - 1)) : 0);
    symo_pair_spread(0, off, symo_nd_pick(m, 0, 0), out);
  }
}

static symo_status element_sample(const symo_group *self, size_t dim, symo_rng *rng, double *g,
                                  void *work) {
  symo_monomial_sample(dim, rng, true, false, g);
  return SYMO_OK;
}

static symo_status generators(const symo_group *self, size_t dim, generator_set *out) {
  return symo_monomial_add_symmetric(dim, out);
}

const symo_group symo_group_permutation = {
    .name = "permutation",
    .summary = "the symmetric group S_d: permutes the d coordinates",
    .irreps_text = "trivial (1) + standard (d-1)",
    .average = "a J + b (I - J), J = 11'/d, a = x'Jy, b = x'(I-J)y/(d-1)",
    .exact = "hidden units of any pointwise nonlinearity (relu, gelu, tanh), biases included",
    .max_axes = 2,
    .stable = true,
    .irreps = irreps,
    .components = components,
    .reduced = reduced,
    .reduce = reduce,
    .analyze = analyze,
    .synthesize = synthesize,
    .diagonal = diagonal,
    .element_size = symo_monomial_size,
    .element_identity = symo_monomial_identity,
    .element_sample = element_sample,
    .generators = generators,
    .act = symo_monomial_act,
};
