/* The subgroup that some of the generators of a group generate. */
#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "groups/instance.h"

static symo_status create(symo_context *context, const symo_group *row, const symo_group_spec *spec,
                          symo_group **out) {
  generator_set *all = NULL, *set = NULL;
  symo_status status = symo_group_check_parts(context, spec);
  if (status != SYMO_OK) return status;
  if (spec->num_parts != 1)
    return symo_fail(context, SYMO_E_ARGUMENT, "group restriction: %zu %s (give one)",
                     spec->num_parts, symo_plural(spec->num_parts, "group", "groups"));
  SYMO_TRY(symo_generator_set_create(context, spec->parts[0].dim, &all));
  SYMO_TRY(symo_generator_set_create(context, spec->parts[0].dim, &set));
  SYMO_TRY(symo_group_add_generators(spec->parts[0].group, spec->parts[0].dim, all));
  SYMO_TRY(symo_generator_set_keep(all, spec->num_keep, spec->keep, set));
  symo_generator_set_destroy(all);
  return symo_generated_create(context, row, spec, set, out);
fail:
  symo_generator_set_destroy(all);
  symo_generator_set_destroy(set);
  return status;
}

static const group_parameter parameters[] = {
    {.name = "of", .kind = GROUP_PART}, {.name = "generators", .kind = GROUP_KEEP}, {.name = NULL}};

const symo_group symo_group_restriction = {
    .name = "restriction",
    .summary = "the subgroup that some generators of another group generate",
    .irreps_text = "found numerically",
    .average = "the projection onto the commutant",
    .exact = "wherever the larger group is",
    .element_size = symo_matrix_size,
    .sample_work = symo_generated_sample_work,
    .element_identity = symo_matrix_identity,
    .element_sample = symo_generated_sample,
    .generators = symo_generated_add,
    .act = symo_matrix_act,
    .create = create,
    .parameters = parameters,
    .example = "restriction(permutation 6, keep 1)",
    .dim_of = symo_group_dim_of_parts,
};
