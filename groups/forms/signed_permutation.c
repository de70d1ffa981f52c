/* The hyperoctahedral group B_d: permutes the coordinates and flips their signs; hidden units of an
 * odd nonlinearity.
 *
 * One axis:  R^d is one irrep ("vector"): the tensor as it lies.
 * Two axes:  with D the diagonal and mu its mean,
 *     trivial        sqrt(d) mu
 *     diagonal       D - mu, dimension d - 1
 *     symmetric      (x + x')/2 off the diagonal, dimension d (d - 1) / 2
 *     antisymmetric  (x - x')/2, the same
 * The sign characters {i, j} are permuted transitively; their stabiliser swaps i and j with sign +1
 * on the one and -1 on the other, so the two are irreducible and differ. */
#include <math.h>

#include "groups/generators.h"
#include "groups/group.h"

enum { TRIVIAL, VECTOR, DIAGONAL, SYMMETRIC, ANTISYMMETRIC };

static int irreps(const symo_group *self, size_t d, symo_irrep *out) {
  size_t half = d * (d - 1) / 2;
  out[TRIVIAL] = (symo_irrep){.name = "trivial", .dim = 1, .count = 1};
  out[VECTOR] = (symo_irrep){.name = "vector", .dim = d, .count = 1, .ambient = 1, .frame = {d}};
  out[DIAGONAL] =
      (symo_irrep){.name = "diagonal", .dim = d - 1, .count = 1, .ambient = 1, .frame = {d}};
  out[SYMMETRIC] =
      (symo_irrep){.name = "symmetric", .dim = half, .count = 1, .ambient = 2, .frame = {d, d}};
  out[ANTISYMMETRIC] =
      (symo_irrep){.name = "antisymmetric", .dim = half, .count = 1, .ambient = 2, .frame = {d, d}};
  return 5;
}

static int components(const symo_group *self, size_t d, int order, symo_component *out) {
  if (order == 1) {
    out[0] = (symo_component){VECTOR, 1};
    return 1;
  }
  out[0] = (symo_component){TRIVIAL, 1};
  if (d == 1) return 1;
  out[1] = (symo_component){DIAGONAL, 1};
  out[2] = (symo_component){SYMMETRIC, 1};
  out[3] = (symo_component){ANTISYMMETRIC, 1};
  return 4;
}

static void analyze(const symo_group *self, int order, int irrep, symo_nd x, symo_nd red,
                    size_t first, symo_nd out) {
  if (irrep == TRIVIAL) {
    symo_nd_copy(sqrt((double)x.n[0]), red, out);
  } else if (irrep == DIAGONAL) {
    symo_nd to = symo_nd_pick(out, 1, 0);
    symo_nd_copy(1, symo_nd_slice(symo_nd_diag(x, 0, 1), 0, first, to.n[0]), to);
    symo_nd_axpy(-1, symo_nd_stretch(red, 0, to.n[0]), to);
  } else {
    symo_pair_offdiagonal(irrep == SYMMETRIC ? 1 : -1, x, first, out);
  }
}

static void synthesize(const symo_group *self, int order, int irrep, symo_nd x, symo_nd work,
                       symo_nd out) {
  if (order == 1)
    symo_nd_axpy(1, symo_nd_pick(x, 1, 0), out);
  else if (irrep == TRIVIAL)
    symo_pair_spread(1 / sqrt((double)out.n[0]), 0, symo_nd_pick(x, 0, 0), out);
  else if (irrep == DIAGONAL)
    symo_nd_axpy(1, symo_nd_pick(x, 1, 0), symo_nd_diag(out, 0, 1));
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
  double on = irrep == TRIVIAL ? 1 / n : irrep == DIAGONAL ? (n - 1) / n : 0;
  double off = irrep == TRIVIAL || irrep == DIAGONAL ? 0 : 0.5;
  symo_pair_spread(on, off, symo_nd_pick(m, 0, 0), out);
}

static symo_status element_sample(const symo_group *self, size_t dim, symo_rng *rng, double *g,
                                  void *work) {
  symo_monomial_sample(dim, rng, true, true, g);
  return SYMO_OK;
}

static symo_status generators(const symo_group *self, size_t dim, generator_set *out) {
  symo_status status = symo_monomial_add_symmetric(dim, out);
  return status == SYMO_OK ? symo_monomial_add_flip(dim, 0, out) : status;
}

const symo_group symo_group_signed_permutation = {
    .name = "signed-permutation",
    .summary = "the hyperoctahedral group B_d: permutes the d coordinates and flips their signs",
    .irreps_text = "one, of dimension d",
    .average = "(x'y/d) I",
    .exact = "hidden units of an odd nonlinearity (tanh), biases included",
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
    .element_size = symo_monomial_size,
    .element_identity = symo_monomial_identity,
    .element_sample = element_sample,
    .generators = generators,
    .act = symo_monomial_act,
};
