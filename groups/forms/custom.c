/* A group given by generators: permutations, orthogonal matrices, antisymmetric matrices of a Lie
 * algebra.  Nothing else is known of it; irreps are found numerically (groups/numeric/isotypic.c).
 */
#include "core/alloc.h"
#include "core/error.h"
#include "groups/instance.h"
#include "groups/numeric/isotypic.h"

static symo_status create(symo_context *context, const symo_group *row, const symo_group_spec *spec,
                          symo_group **out) {
  generator_set *set;
  if (spec->generators.dim > SYMO_ISOTYPIC_MAX)
    return symo_fail(context, SYMO_E_SIZE,
                     "group custom: dimension %zu (numerical decompositions end at %d)",
                     spec->generators.dim, SYMO_ISOTYPIC_MAX);
  symo_status status = symo_generator_set_create(context, spec->generators.dim, &set);
  if (status != SYMO_OK) return status;
  status = symo_generator_set_add(set, &spec->generators, "group custom");
  if (status != SYMO_OK) {
    symo_generator_set_destroy(set);
    return status;
  }
  return symo_generated_create(context, row, spec, set, out);
}

static size_t dim_of(const symo_group_spec *spec) { return spec->generators.dim; }

static const group_parameter parameters[] = {{.name = "generators", .kind = GROUP_GENERATORS},
                                             {.name = "lie_generators", .kind = GROUP_ALSO},
                                             {.name = "generators_file", .kind = GROUP_ALSO},
                                             {.name = NULL}};

const symo_group symo_group_custom = {
    .name = "custom",
    .summary = "what given permutations, orthogonal and antisymmetric matrices generate",
    .irreps_text = "found numerically",
    .average = "the projection onto the commutant",
    .exact = "networks that its generators leave as they are (symo verify --net measures it)",
    .element_size = symo_matrix_size,
    .sample_work = symo_generated_sample_work,
    .element_identity = symo_matrix_identity,
    .element_sample = symo_generated_sample,
    .generators = symo_generated_add,
    .act = symo_matrix_act,
    .create = create,
    .parameters = parameters,
    .dim_of = dim_of,
};
