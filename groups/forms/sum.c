/* The direct product G1 x G2 x .. on the direct sum R^{d1} + R^{d2} + ..: a space made of parts,
 * one after the other, each with its own group. */
#include "groups/instance.h"

static symo_status create(symo_context *context, const symo_group *row, const symo_group_spec *spec,
                          symo_group **out) {
  return symo_generated_combine(context, row, spec, false, out);
}

static const group_parameter parameters[] = {{.name = "parts", .kind = GROUP_PARTS},
                                             {.name = NULL}};

const symo_group symo_group_sum = {
    .name = "sum",
    .summary = "G1 x G2 x .. on the direct sum of their spaces: an axis made of parts",
    .irreps_text = "those of the parts; found numerically",
    .average = "the projection onto the commutant",
    .exact = "axes that hold several groups of units side by side",
    .element_size = symo_matrix_size,
    .sample_work = symo_generated_sample_work,
    .element_identity = symo_matrix_identity,
    .element_sample = symo_generated_sample,
    .generators = symo_generated_add,
    .act = symo_matrix_act,
    .create = create,
    .parameters = parameters,
    .example = "sum(permutation 5, orthogonal 3)",
    .dim_of = symo_group_dim_of_parts,
};
