/* The trivial group: R^d is d copies of the trivial irrep, every axis counts as multiplicity, and
 * the average of x y' is x y' itself. */
#include "groups/generators.h"
#include "groups/group.h"

static int irreps(const symo_group *self, size_t dim, symo_irrep *out) {
  out[0] = (symo_irrep){.name = "trivial", .dim = 1, .count = 1};
  return 1;
}

/* On two axes the layout treats the two as two spaces, so order is always 1. */
static int components(const symo_group *self, size_t dim, int order, symo_component *out) {
  out[0] = (symo_component){.irrep = 0, .copies = dim};
  return 1;
}

static bool view(const symo_group *self, int order, int irrep, symo_nd x, symo_nd *out) {
  *out = x;
  return true;
}

static void synthesize(const symo_group *self, int order, int irrep, symo_nd x, symo_nd work,
                       symo_nd out) {
  symo_nd_axpy(1, x, out);
}

static void diagonal(const symo_group *self, int order, int irrep, symo_nd m, symo_nd out,
                     void *work) {
  symo_nd_axpy(1, m, out);
}

static size_t element_size(const symo_group *self, size_t dim) { return 0; }

static void element_identity(const symo_group *self, size_t dim, double *g) {}

static symo_status element_sample(const symo_group *self, size_t dim, symo_rng *rng, double *g,
                                  void *work) {
  return SYMO_OK;
}

static void act(const symo_group *self, size_t dim, const double *g, bool inverse, bool dual,
                symo_nd x, symo_nd out, void *work) {
  symo_nd_copy(1, x, out);
}

static symo_status generators(const symo_group *self, size_t dim, generator_set *out) {
  return SYMO_OK;
}

const symo_group symo_group_identity = {
    .name = "identity",
    .summary = "the trivial group: nothing is averaged",
    .irreps_text = "d copies of the trivial irrep",
    .average = "x y'",
    .exact = "inputs, outputs, embeddings, anything",
    .max_axes = 2,
    .irreps = irreps,
    .components = components,
    .view = view,
    .synthesize = synthesize,
    .diagonal = diagonal,
    .element_size = element_size,
    .element_identity = element_identity,
    .element_sample = element_sample,
    .generators = generators,
    .act = act,
};
