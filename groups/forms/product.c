/* The direct product G1 x G2 x .. on R^{d1} (x) R^{d2} (x) .., laid out as one axis, the last index
 * fastest.  (Tensors whose axes are kept apart need no product: distinct spaces have independent
 * groups anyway, in closed form.) */
#include <stdint.h>

#include "core/alloc.h"
#include "groups/instance.h"

static symo_status create(symo_context *context, const symo_group *row, const symo_group_spec *spec,
                          symo_group **out) {
  return symo_generated_combine(context, row, spec, true, out);
}

static size_t dim_of(const symo_group_spec *spec) {
  size_t dim = 1;
  for (size_t i = 0; i < spec->num_parts; i++)
    if (!symo_mul_size(dim, spec->parts[i].dim, &dim)) return SIZE_MAX;
  return dim;
}

static const group_parameter parameters[] = {{.name = "factors", .kind = GROUP_PARTS},
                                             {.name = NULL}};

const symo_group symo_group_product = {
    .name = "product",
    .summary = "G1 x G2 x .. on the tensor product of their spaces, laid out as one axis",
    .irreps_text = "products of those of the factors; found numerically",
    .average = "the projection onto the commutant",
    .exact = "an axis of several indices, each with its own symmetry",
    .element_size = symo_matrix_size,
    .sample_work = symo_generated_sample_work,
    .element_identity = symo_matrix_identity,
    .element_sample = symo_generated_sample,
    .generators = symo_generated_add,
    .act = symo_matrix_act,
    .create = create,
    .parameters = parameters,
    .example = "product(cyclic 5, permutation 3)",
    .dim_of = dim_of,
};
