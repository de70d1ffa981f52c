/* The dihedral group D_d: shifts of d positions on a ring, and its reversal, 2 d elements.
 *
 * R^d is the trivial irrep, an alternating one for even d, and the waves of groups/forms/cyclic.c:
 * the reversal i -> -i takes (a, b) to (a, -b) and leaves no quarter turn to commute with, so they
 * are of real type and dimension 2.  There are no closed forms here: plans find the irreps from the
 * two generators.  For d of 1 and 2 the reversal is a shift. */
#include "core/alloc.h"
#include "core/error.h"
#include "groups/generators.h"
#include "groups/group.h"

/* Where position i goes: shifted, or reversed and shifted. */
static size_t image_of(size_t d, size_t by, bool reversed, size_t i) {
  return ((reversed ? d - 1 - i : i) + by) % d;
}

static symo_status element_sample(const symo_group *self, size_t dim, symo_rng *rng, double *g,
                                  void *work) {
  size_t by = (size_t)symo_rng_below(rng, dim);
  bool reversed = symo_rng_below(rng, 2) == 1;
  symo_monomial_identity(self, dim, g);
  for (size_t i = 0; i < dim; i++) g[i] = (double)image_of(dim, by, reversed, i);
  return SYMO_OK;
}

static symo_status generators(const symo_group *self, size_t dim, generator_set *out) {
  if (dim < 2) return SYMO_OK;
  size_t *image = symo_malloc(dim * sizeof *image);
  if (image == NULL) return symo_fail_memory(out->context, "generators");
  for (size_t i = 0; i < dim; i++) image[i] = image_of(dim, 1, false, i);
  symo_status status = symo_generator_set_add_monomial(out, image, NULL);
  for (size_t i = 0; i < dim; i++) image[i] = image_of(dim, 0, true, i);
  if (status == SYMO_OK && dim > 2) status = symo_generator_set_add_monomial(out, image, NULL);
  symo_free(image);
  return status;
}

const symo_group symo_group_dihedral = {
    .name = "dihedral",
    .summary = "the dihedral group D_d: shifts the d coordinates round a ring, and reverses it",
    .irreps_text = "trivial (1), alternating (1, for even d), (d-1)/2 waves (2)",
    .average = "the symmetric circulant matrix with the means of (x_i y_{i+s} + x_{i+s} y_i) / 2",
    .exact = "positions under circular padding with kernels that are their own mirror image",
    .element_size = symo_monomial_size,
    .element_identity = symo_monomial_identity,
    .element_sample = element_sample,
    .generators = generators,
    .act = symo_monomial_act,
};
