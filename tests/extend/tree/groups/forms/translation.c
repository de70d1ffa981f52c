/* Shifts of d positions on a ring by multiples of a step: a subgroup of the cyclic group C_d, known
 * by its generator alone. */
#include "core/alloc.h"
#include "core/error.h"
#include "groups/instance.h"

static const group_parameter parameters[] = {{.name = "step",
                                              .kind = GROUP_SIZE,
                                              .offset = offsetof(symo_group_spec, sizes[0]),
                                              .least = 1,
                                              .what = "step of the shifts",
                                              .advice = "positions, for example 2"},
                                             {.name = NULL}};

static symo_status create(symo_context *context, const symo_group *row, const symo_group_spec *spec,
                          symo_group **out) {
  size_t d = spec->dim, step = spec->sizes[0];
  if (d == 0 || step == 0)
    return symo_fail(context, SYMO_E_ARGUMENT, "group translation: dim %zu, step %zu (give both)",
                     d, step);
  generator_set *set = NULL;
  symo_status status = symo_generator_set_create(context, d, &set);
  if (status != SYMO_OK) return status;
  size_t *image = symo_calloc(d, sizeof *image);
  status = image == NULL ? symo_fail_memory(context, "group translation") : SYMO_OK;
  for (size_t i = 0; image != NULL && i < d; i++) image[i] = (i + step % d) % d;
  if (status == SYMO_OK) status = symo_generator_set_add_monomial(set, image, NULL);
  symo_free(image);
  if (status == SYMO_OK) return symo_generated_create(context, row, spec, set, out);
  symo_generator_set_destroy(set);
  return status;
}

const symo_group symo_group_translation = {
    .name = "translation",
    .summary = "shifts the d coordinates round a ring by multiples of a step",
    .irreps_text = "found numerically",
    .average = "the projection onto the commutant",
    .exact = "positions under circular padding and a stride",
    .element_size = symo_matrix_size,
    .sample_work = symo_generated_sample_work,
    .element_identity = symo_matrix_identity,
    .element_sample = symo_generated_sample,
    .generators = symo_generated_add,
    .act = symo_matrix_act,
    .create = create,
    .parameters = parameters,
    .example = "translation(2) 6",
};
