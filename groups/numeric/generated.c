/* What groups that are known by their generators alone have in common. */
#include <stdint.h>

#include "core/alloc.h"
#include "core/error.h"
#include "groups/instance.h"
#include "groups/numeric/isotypic.h"

size_t symo_generated_sample_work(const symo_group *self, size_t dim) {
  return symo_random_element_work(symo_group_instance(self)->set);
}

symo_status symo_generated_sample(const symo_group *self, size_t dim, symo_rng *rng, double *g,
                                  void *work) {
  symo_random_element(symo_group_instance(self)->set, rng, g, work);
  return SYMO_OK;
}

symo_status symo_generated_add(const symo_group *self, size_t dim, generator_set *out) {
  return symo_generator_set_embed_sum(out, symo_group_instance(self)->set, 0);
}

size_t symo_group_dim_of_parts(const symo_group_spec *spec) {
  size_t dim = 0;
  for (size_t i = 0; i < spec->num_parts; i++) {
    if (spec->parts[i].dim > SIZE_MAX - dim) return SIZE_MAX;
    dim += spec->parts[i].dim;
  }
  return dim;
}

symo_status symo_group_check_parts(symo_context *context, const symo_group_spec *spec) {
  if (spec->num_parts == 0 || spec->parts == NULL)
    return symo_fail(context, SYMO_E_ARGUMENT, "group %s: no parts (give groups and dimensions)",
                     spec->group);
  for (size_t i = 0; i < spec->num_parts; i++) {
    const symo_group_part *p = &spec->parts[i];
    if (p->group == NULL || symo_group_has_parameters(p->group))
      return symo_fail(context, SYMO_E_ARGUMENT,
                       "group %s: part %zu: %s (use one of the registry, or made of it by "
                       "symo_group_create)",
                       spec->group, i, p->group == NULL ? "the group is NULL" : p->group->name);
    size_t own = symo_group_dim(p->group);
    if (p->dim == 0 || (own != 0 && own != p->dim))
      return symo_fail(context, SYMO_E_SHAPE,
                       "group %s: part %zu: %s on dimension %zu, but it "
                       "acts on %zu",
                       spec->group, i, p->group->name, p->dim, own == 0 ? 1 : own);
    if (p->group->generators == NULL)
      return symo_fail(context, SYMO_E_UNSUPPORTED,
                       "group %s: part %zu: %s has no generators (use another group there)",
                       spec->group, i, p->group->name);
  }
  return SYMO_OK;
}

symo_status symo_generated_create(symo_context *context, const symo_group *row,
                                  const symo_group_spec *spec, generator_set *set,
                                  symo_group **out) {
  group_instance *g;
  symo_status status = SYMO_OK;
  if (spec->dim != 0 && spec->dim != set->dim)
    status = symo_fail(context, SYMO_E_SHAPE,
                       "group %s: dim is %zu, but the parameters make %zu (leave one out)",
                       row->name, spec->dim, set->dim);
  if (status == SYMO_OK)
    status = symo_group_instance_from_spec(context, row, spec, sizeof *g, set->dim, &g);
  if (status != SYMO_OK) {
    symo_generator_set_destroy(set);
    return status;
  }
  g->set = set;
  set->context = NULL; /* a group may outlive the context that it was made with */
  *out = &g->group;
  return SYMO_OK;
}

symo_status symo_generated_combine(symo_context *context, const symo_group *row,
                                   const symo_group_spec *spec, bool product, symo_group **out) {
  size_t dim = product ? 1 : 0, done = dim;
  generator_set *set = NULL, *part = NULL;
  symo_status status;
  SYMO_TRY(symo_group_check_parts(context, spec));
  for (size_t i = 0; i < spec->num_parts; i++) {
    size_t d = spec->parts[i].dim;
    bool fits = product ? symo_mul_size(dim, d, &dim) : d <= 2147483647 - dim;
    if (!product) dim += d;
    if (!fits || dim > 2147483647)
      SYMO_TRY(
          symo_fail(context, SYMO_E_SIZE, "group %s: the dimension passes 2147483647", row->name));
  }
  SYMO_TRY(symo_generator_set_create(context, dim, &set));
  for (size_t i = 0; i < spec->num_parts; i++) {
    const symo_group_part *p = &spec->parts[i];
    SYMO_TRY(symo_generator_set_create(context, p->dim, &part));
    SYMO_TRY(symo_group_add_generators(p->group, p->dim, part));
    SYMO_TRY(product ? symo_generator_set_embed_product(set, part, done, dim / done / p->dim)
                     : symo_generator_set_embed_sum(set, part, done));
    symo_generator_set_destroy(part);
    part = NULL;
    done = product ? done * p->dim : done + p->dim;
  }
  return symo_generated_create(context, row, spec, set, out);
fail:
  symo_generator_set_destroy(part);
  symo_generator_set_destroy(set);
  return status;
}
