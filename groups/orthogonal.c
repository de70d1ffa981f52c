/* The orthogonal group O(d).
 *
 * One axis:  R^d is one irrep ("vector"): the tensor as it lies.
 * Two axes:  trivial  tr x / sqrt(d)
 *            symmetric  (x + x')/2 - (tr x / d) I, dimension d (d + 1)/2 - 1
 *            antisymmetric  (x - x')/2, dimension d (d - 1)/2
 * Samples: the Q of a Gaussian matrix's QR with positive diagonal of R (Mezzadri, How to generate
 * random matrices from the classical compact groups, Notices AMS 54, 2007). */
#include <math.h>

#include "core/linalg.h"
#include "groups/group.h"

enum { TRIVIAL, VECTOR, SYMMETRIC, ANTISYMMETRIC };

static int irreps(size_t d, symo_irrep *out) {
  size_t half = d * (d - 1) / 2;
  out[TRIVIAL] = (symo_irrep){.name = "trivial", .dim = 1, .count = 1};
  out[VECTOR] = (symo_irrep){.name = "vector", .dim = d, .count = 1, .ambient = 1};
  out[SYMMETRIC] = (symo_irrep){.name = "symmetric", .dim = half + d - 1, .count = 1, .ambient = 2};
  out[ANTISYMMETRIC] = (symo_irrep){.name = "antisymmetric", .dim = half, .count = 1, .ambient = 2};
  return 4;
}

static int components(size_t d, int order, symo_component *out) {
  if (order == 1) {
    out[0] = (symo_component){VECTOR, 1};
    return 1;
  }
  out[0] = (symo_component){TRIVIAL, 1};
  out[1] = (symo_component){SYMMETRIC, 1};
  out[2] = (symo_component){ANTISYMMETRIC, 1};
  return d > 1 ? 3 : 1;
}

static void analyze(int order, int irrep, symo_nd x, symo_nd red, size_t first, symo_nd out) {
  (void)order;
  if (irrep == TRIVIAL) {
    symo_nd_copy(sqrt((double)x.n[0]), red, out);
    return;
  }
  symo_pair_offdiagonal(irrep == SYMMETRIC ? 1 : -1, x, first, out);
  if (irrep == ANTISYMMETRIC) return;
  symo_nd to = symo_pair_diagonal(symo_nd_pick(out, 2, 0), first);
  symo_nd_copy(1, symo_nd_slice(symo_nd_diag(x, 0, 1), 0, first, to.n[0]), to);
  symo_nd_axpy(-1, symo_nd_stretch(red, 0, to.n[0]), to);
}

static void synthesize(int order, int irrep, symo_nd x, symo_nd out) {
  if (order == 1)
    symo_nd_axpy(1, symo_nd_pick(x, 1, 0), out);
  else if (irrep == TRIVIAL)
    symo_pair_spread(1 / sqrt((double)out.n[0]), 0, symo_nd_pick(x, 0, 0), out);
  else
    symo_nd_axpy(1, symo_nd_pick(x, 2, 0), out);
}

static void diagonal(int order, int irrep, symo_nd m, symo_nd out) {
  double n = (double)out.n[0];
  if (order == 1) {
    symo_nd_axpy(1, symo_nd_stretch(m, 0, out.n[0]), out);
    return;
  }
  double on = irrep == TRIVIAL ? 1 / n : irrep == SYMMETRIC ? (n - 1) / n : 0;
  symo_pair_spread(on, irrep == TRIVIAL ? 0 : 0.5, symo_nd_pick(m, 0, 0), out);
}

static size_t element_size(size_t dim) { return dim * dim; }

static void element_identity(size_t dim, double *g) {
  for (size_t i = 0; i < dim * dim; i++) g[i] = i / dim == i % dim ? 1 : 0;
}

/* tau [d], and then LAPACK's own: blocks of up to 64 columns, and the signs. */
static size_t sample_work(size_t dim) { return 72 * dim * sizeof(double); }

static symo_status element_sample(size_t dim, symo_rng *rng, double *g, void *work) {
  for (size_t i = 0; i < dim * dim; i++) g[i] = symo_rng_normal(rng);
  size_t bytes = sample_work(dim) - dim * sizeof(double);
  return symo_haar_orthogonal(dim, g, work, (double *)work + dim, bytes);
}

/* One gemm where the lanes make a matrix, else one for every index of the first lane. */
static void multiply(symo_mat q, symo_nd x, symo_nd out) {
  symo_mat from, to;
  if (symo_nd_matrix(x, 1, &from) && symo_nd_matrix(out, 1, &to)) {
    symo_gemm(x.dtype, 1, q, from, 0, to);
  } else if (x.nd > 2) {
    for (size_t i = 0; i < x.n[1]; i++) multiply(q, symo_nd_pick(x, 1, i), symo_nd_pick(out, 1, i));
  } else { /* strides that BLAS cannot take */
    symo_nd_fill(0, out);
    for (size_t i = 0; i < q.rows; i++)
      for (size_t j = 0; j < q.cols; j++) {
        size_t at = i * (size_t)q.rs + j * (size_t)q.cs;
        symo_nd_axpy(symo_get(x.dtype, q.p, at), symo_nd_pick(x, 0, j), symo_nd_pick(out, 0, i));
      }
  }
}

static void act(size_t dim, const double *g, bool inverse, symo_nd x, symo_nd out, void *work) {
  void *matrix = (void *)(uintptr_t)g;
  if (x.dtype == SYMO_F32) {
    for (size_t i = 0; i < dim * dim; i++) symo_put(SYMO_F32, work, i, g[i]);
    matrix = work;
  }
  symo_mat q = symo_mat_dense(matrix, dim, dim);
  multiply(inverse ? symo_mat_t(q) : q, x, out);
}

const symo_group symo_group_orthogonal = {
    .name = "orthogonal",
    .summary = "the orthogonal group O(d): rotations and reflections",
    .irreps_text = "one, of dimension d",
    .average = "(x'y/d) I",
    .exact = "linear hidden layers; the inner axis of query/key and of value/output",
    .irreps = irreps,
    .components = components,
    .view = symo_vector_view,
    .reduced = symo_trace_reduced,
    .reduce = symo_trace_reduce,
    .analyze = analyze,
    .synthesize = synthesize,
    .diagonal = diagonal,
    .element_size = element_size,
    .sample_work = sample_work,
    .element_identity = element_identity,
    .element_sample = element_sample,
    .act = act,
};
