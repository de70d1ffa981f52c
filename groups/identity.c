/* The trivial group: R^d is d copies of the trivial irrep, every axis counts as multiplicity, and
 * the average of x y' is x y' itself. */
#include "groups/group.h"

static int irreps(size_t dim, symo_irrep *out) {
  (void)dim;
  out[0] = (symo_irrep){.name = "trivial", .dim = 1, .count = 1};
  return 1;
}

/* On two axes the layout treats the two as two spaces, so order is always 1. */
static int components(size_t dim, int order, symo_component *out) {
  (void)order;
  out[0] = (symo_component){.irrep = 0, .copies = dim};
  return 1;
}

static bool view(int order, int irrep, symo_nd x, symo_nd *out) {
  (void)order;
  (void)irrep;
  *out = x;
  return true;
}

static void synthesize(int order, int irrep, symo_nd x, symo_nd out) {
  (void)order;
  (void)irrep;
  symo_nd_axpy(1, x, out);
}

static void diagonal(int order, int irrep, symo_nd m, symo_nd out) {
  (void)order;
  (void)irrep;
  symo_nd_axpy(1, m, out);
}

static size_t element_size(size_t dim) {
  (void)dim;
  return 0;
}

static void element_identity(size_t dim, double *g) {
  (void)dim;
  (void)g;
}

static symo_status element_sample(size_t dim, symo_rng *rng, double *g, void *work) {
  (void)dim;
  (void)rng;
  (void)g;
  (void)work;
  return SYMO_OK;
}

static void act(size_t dim, const double *g, bool inverse, symo_nd x, symo_nd out, void *work) {
  (void)dim;
  (void)g;
  (void)inverse;
  (void)work;
  symo_nd_copy(1, x, out);
}

const symo_group symo_group_identity = {
    .name = "identity",
    .summary = "the trivial group: nothing is averaged",
    .irreps_text = "d copies of the trivial irrep",
    .average = "x y'",
    .exact = "inputs, outputs, embeddings, anything",
    .irreps = irreps,
    .components = components,
    .view = view,
    .synthesize = synthesize,
    .diagonal = diagonal,
    .element_size = element_size,
    .element_identity = element_identity,
    .element_sample = element_sample,
    .act = act,
};
