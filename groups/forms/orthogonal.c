/* The orthogonal group O(d).
 *
 * One axis:  R^d is one irrep ("vector"): the tensor as it lies.
 * Two axes:  trivial  tr x / sqrt(d)
 *            symmetric  (x + x')/2 - (tr x / d) I, dimension d (d + 1)/2 - 1
 *            antisymmetric  (x - x')/2, dimension d (d - 1)/2
 * Samples: the Q of a Gaussian matrix's QR with positive diagonal of R (Mezzadri, How to generate
 * random matrices from the classical compact groups, Notices AMS 54, 2007). */
#include <math.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "groups/generators.h"
#include "groups/group.h"

enum { TRIVIAL, VECTOR, SYMMETRIC, ANTISYMMETRIC };

static int irreps(const symo_group *self, size_t d, symo_irrep *out) {
  size_t half = d * (d - 1) / 2;
  out[TRIVIAL] = (symo_irrep){.name = "trivial", .dim = 1, .count = 1};
  out[VECTOR] = (symo_irrep){.name = "vector", .dim = d, .count = 1, .ambient = 1, .frame = {d}};
  out[SYMMETRIC] = (symo_irrep){
      .name = "symmetric", .dim = half + d - 1, .count = 1, .ambient = 2, .frame = {d, d}};
  out[ANTISYMMETRIC] =
      (symo_irrep){.name = "antisymmetric", .dim = half, .count = 1, .ambient = 2, .frame = {d, d}};
  return 4;
}

static int components(const symo_group *self, size_t d, int order, symo_component *out) {
  if (order == 1) {
    out[0] = (symo_component){VECTOR, 1};
    return 1;
  }
  out[0] = (symo_component){TRIVIAL, 1};
  out[1] = (symo_component){SYMMETRIC, 1};
  out[2] = (symo_component){ANTISYMMETRIC, 1};
  return d > 1 ? 3 : 1;
}

static void analyze(const symo_group *self, int order, int irrep, symo_nd x, symo_nd red,
                    size_t first, symo_nd out) {
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

static void synthesize(const symo_group *self, int order, int irrep, symo_nd x, symo_nd work,
                       symo_nd out) {
  if (order == 1)
    symo_nd_axpy(1, symo_nd_pick(x, 1, 0), out);
  else if (irrep == TRIVIAL)
    symo_pair_spread(1 / sqrt((double)out.n[0]), 0, symo_nd_pick(x, 0, 0), out);
  else
    symo_nd_axpy(1, symo_nd_pick(x, 2, 0), out);
}

static void diagonal(const symo_group *self, int order, int irrep, symo_nd m, symo_nd out,
                     void *work) {
  double n = (double)out.n[0];
  if (order == 1) {
    symo_nd_axpy(1, symo_nd_stretch(m, 0, out.n[0]), out);
    return;
  }
  double on = irrep == TRIVIAL ? 1 / n : irrep == SYMMETRIC ? (n - 1) / n : 0;
  symo_pair_spread(on, irrep == TRIVIAL ? 0 : 0.5, symo_nd_pick(m, 0, 0), out);
}

/* tau [d], and then LAPACK's own: blocks of up to 64 columns, and the signs. */
static size_t sample_work(const symo_group *self, size_t dim) { return 72 * dim * sizeof(double); }

static symo_status element_sample(const symo_group *self, size_t dim, symo_rng *rng, double *g,
                                  void *work) {
  for (size_t i = 0; i < dim * dim; i++) g[i] = symo_rng_normal(rng);
  size_t bytes = sample_work(self, dim) - dim * sizeof(double);
  return symo_haar_orthogonal(dim, g, work, (double *)work + dim, bytes);
}

/* so(d), whose basis of neighbouring planes suffices, and one reflection. */
static symo_status generators(const symo_group *self, size_t dim, generator_set *out) {
  symo_status status = symo_monomial_add_flip(dim, 0, out);
  double *plane = symo_calloc(dim * dim, sizeof *plane);
  if (plane == NULL) return symo_fail_memory(out->context, "generators");
  for (size_t i = 0; i + 1 < dim && status == SYMO_OK; i++) {
    double *upper = &plane[i * dim + i + 1], *lower = &plane[(i + 1) * dim + i];
    *upper = -1;
    *lower = 1;
    status = symo_generator_set_add_lie(out, plane);
    *upper = *lower = 0;
  }
  symo_free(plane);
  return status;
}

const symo_group symo_group_orthogonal = {
    .name = "orthogonal",
    .summary = "the orthogonal group O(d): rotations and reflections",
    .irreps_text = "one, of dimension d",
    .average = "(x'y/d) I",
    .exact = "linear hidden layers; the inner axis of query/key and of value/output",
    .max_axes = 2,
    .stable = true,
    .irreps = irreps,
    .components = components,
    .view = symo_vector_view,
    .reduced = symo_trace_reduced,
    .reduce = symo_trace_reduce,
    .analyze = analyze,
    .synthesize = synthesize,
    .diagonal = diagonal,
    .element_size = symo_matrix_size,
    .sample_work = sample_work,
    .element_identity = symo_matrix_identity,
    .element_sample = element_sample,
    .act = symo_matrix_act,
    .generators = generators,
};
