/* Groups on the heap: made from a spec, counted, compared. */
#include "groups/instance.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/context.h"
#include "core/error.h"

static symo_status refuse(symo_context *context, const char *group, const char *what) {
  return symo_fail(context, SYMO_E_ARGUMENT, "group %s: %s", group, what);
}

static void drop(group_instance *g) {
  for (size_t i = 0; i < g->spec.num_parts && g->spec.parts != NULL; i++)
    symo_group_destroy((symo_group *)(uintptr_t)g->spec.parts[i].group);
  symo_free((void *)(uintptr_t)g->spec.parts);
  symo_free((void *)(uintptr_t)g->spec.keep);
  symo_free((void *)(uintptr_t)g->spec.generators.permutations);
  symo_free((void *)(uintptr_t)g->spec.generators.matrices);
  symo_free((void *)(uintptr_t)g->spec.generators.lie);
  symo_generator_set_destroy(g->set);
  while (g->found != NULL) {
    group_instance *next = g->found->next;
    symo_group_destroy(&g->found->group);
    g->found = next;
  }
  if (g->finish != NULL) g->finish(g);
  pthread_mutex_destroy(&g->lock);
  symo_free(g);
}

bool symo_group_is_instance(const symo_group *group) {
  for (size_t i = 0; i < symo_group_count(); i++)
    if (symo_group_at(i) == group) return false;
  return true;
}

const symo_group *symo_group_retain(const symo_group *group) {
  if (symo_group_is_instance(group))
    atomic_fetch_add(&((group_instance *)(uintptr_t)group)->references, 1);
  return group;
}

void symo_group_destroy(symo_group *group) {
  if (group == NULL || !symo_group_is_instance(group)) return;
  group_instance *g = (group_instance *)(void *)group;
  if (atomic_fetch_sub(&g->references, 1) == 1) drop(g);
}

symo_status symo_group_instance_create(symo_context *context, const symo_group *table, size_t size,
                                       size_t dim, group_instance **out) {
  group_instance *g = symo_calloc(1, size);
  if (g == NULL) return symo_fail_memory(context, "group");
  g->group = *table;
  g->dim = dim;
  atomic_init(&g->references, 1);
  if (pthread_mutex_init(&g->lock, NULL) != 0) {
    symo_free(g);
    return symo_fail(context, SYMO_E_MEMORY, "group %s: no lock to be had", table->name);
  }
  *out = g;
  return SYMO_OK;
}

/* *to := a copy of `count` items, NULL for none. */
static bool copy(const void *from, size_t count, size_t size, const void **to) {
  size_t bytes;
  *to = NULL;
  if (count == 0) return true;
  if (from == NULL || !symo_mul_size(count, size, &bytes)) return false;
  void *made = symo_malloc(bytes);
  if (made == NULL) return false;
  memcpy(made, from, bytes);
  *to = made;
  return true;
}

static bool copy_spec(const symo_group_spec *from, symo_group_spec *to) {
  const symo_generators *g = &from->generators;
  size_t d = g->dim;
  symo_generators *t = &to->generators;
  *to = *from;
  to->parts = NULL;
  to->keep = NULL;
  *t = (symo_generators){.dim = d,
                         .num_permutations = g->num_permutations,
                         .num_matrices = g->num_matrices,
                         .num_lie = g->num_lie};
  if (!copy(from->parts, from->num_parts, sizeof *from->parts, (const void **)&to->parts))
    return false;
  for (size_t i = 0; i < from->num_parts; i++) symo_group_retain(to->parts[i].group);
  return copy(from->keep, from->num_keep, sizeof *from->keep, (const void **)&to->keep) &&
         copy(g->permutations, g->num_permutations, d * sizeof(size_t),
              (const void **)&t->permutations) &&
         copy(g->matrices, g->num_matrices, d * d * sizeof(double), (const void **)&t->matrices) &&
         copy(g->lie, g->num_lie, d * d * sizeof(double), (const void **)&t->lie);
}

symo_status symo_group_instance_from_spec(symo_context *context, const symo_group *row,
                                          const symo_group_spec *spec, size_t size, size_t dim,
                                          group_instance **out) {
  group_instance *g;
  symo_status status = symo_group_instance_create(context, row, size, dim, &g);
  if (status != SYMO_OK) return status;
  g->has_spec = true;
  if (!copy_spec(spec, &g->spec)) {
    drop(g);
    return symo_fail_memory(context, "group");
  }
  g->spec.group = row->name;
  g->spec.dim = dim;
  *out = g;
  return SYMO_OK;
}

/* ---- the public side ---- */

symo_group_spec symo_group_spec_default(const char *group) {
  symo_group_spec spec = {.group = group, .window = 1};
  const symo_group *row = symo_group_find(group);
  for (const group_parameter *p = row == NULL ? NULL : row->parameters; p && p->name; p++)
    if (p->kind == GROUP_REAL) *symo_group_real(p, &spec) = p->fallback;
  return spec;
}

bool symo_group_has_parameters(const symo_group *group) {
  return group != NULL && group->create != NULL && !symo_group_is_instance(group);
}

size_t symo_group_dim(const symo_group *group) {
  return group != NULL && symo_group_is_instance(group) ? symo_group_instance(group)->dim : 0;
}

const symo_group_spec *symo_group_get_spec(const symo_group *group) {
  if (group == NULL) return NULL;
  const group_instance *g = symo_group_instance(group);
  return symo_group_is_instance(group) && g->has_spec ? &g->spec : NULL;
}

symo_status symo_group_create(symo_context *context, const symo_group_spec *spec,
                              symo_group **out) {
  if (spec == NULL || out == NULL || spec->group == NULL)
    return symo_fail_null(context, "group_create",
                          spec == NULL  ? "spec"
                          : out == NULL ? "out"
                                        : "spec->group, the name,");
  const symo_group *row = symo_group_find(spec->group);
  if (row == NULL)
    return symo_fail(context, SYMO_E_NAME, "group %.60s: there is none%s (see `symo groups`)",
                     spec->group, symo_group_suggestion(context, spec->group).text);
  if (row->create == NULL)
    return refuse(context, row->name, "takes no parameters (use symo_group_find)");
  return row->create(context, row, spec, out);
}

symo_status symo_group_add_generators(const symo_group *group, size_t dim, generator_set *out) {
  if (group->generators == NULL || symo_group_has_parameters(group))
    return symo_fail(out->context, SYMO_E_UNSUPPORTED,
                     "group %s: no generators are known (give them, or use it on fewer axes)",
                     group->name);
  return group->generators(group, dim, out);
}

/* The set of a group on R^dim. */
static symo_status gather(symo_context *context, const symo_group *group, size_t dim,
                          generator_set **out) {
  size_t own = symo_group_dim(group);
  if (dim == 0 || (own != 0 && own != dim))
    return symo_fail(context, SYMO_E_SHAPE, "group %s: dimension %zu (it acts on %zu)", group->name,
                     dim, own == 0 ? 1 : own);
  symo_status status = symo_generator_set_create(context, dim, out);
  if (status != SYMO_OK) return status;
  status = symo_group_add_generators(group, dim, *out);
  if (status != SYMO_OK) symo_generator_set_destroy(*out);
  return status;
}

symo_status symo_group_generators(symo_context *context, const symo_group *group, size_t dim,
                                  symo_generators **out) {
  if (group == NULL || out == NULL)
    return symo_fail_null(context, "group_generators", group == NULL ? "group" : "out");
  generator_set *set;
  symo_status status = gather(context, group, dim, &set);
  if (status != SYMO_OK) return status;
  status = symo_generator_set_export(set, out);
  symo_generator_set_destroy(set);
  return status;
}

symo_status symo_group_order(symo_context *context, const symo_group *group, size_t dim, size_t cap,
                             size_t *out) {
  if (group == NULL || out == NULL)
    return symo_fail_null(context, "group_order", group == NULL ? "group" : "out");
  generator_set *set;
  symo_status status = gather(context, group, dim, &set);
  if (status != SYMO_OK) return status;
  status = symo_enumerate_count(set, cap, out);
  symo_generator_set_destroy(set);
  return status;
}

/* ---- equality ---- */

static bool same_bytes(const void *a, const void *b, size_t count, size_t size) {
  return count == 0 || memcmp(a, b, count * size) == 0;
}

static bool same_generators(const symo_generators *a, const symo_generators *b) {
  size_t d = a->dim;
  return d == b->dim && a->num_permutations == b->num_permutations &&
         a->num_matrices == b->num_matrices && a->num_lie == b->num_lie &&
         same_bytes(a->permutations, b->permutations, a->num_permutations, d * sizeof(size_t)) &&
         same_bytes(a->matrices, b->matrices, a->num_matrices, d * d * sizeof(double)) &&
         same_bytes(a->lie, b->lie, a->num_lie, d * d * sizeof(double));
}

static bool same_parts(const symo_group_spec *x, const symo_group_spec *y) {
  if (x->num_parts != y->num_parts) return false;
  for (size_t i = 0; i < x->num_parts; i++)
    if (x->parts[i].dim != y->parts[i].dim ||
        !symo_group_equal(x->parts[i].group, y->parts[i].group))
      return false;
  return true;
}

static bool same_parameter(const group_parameter *p, const symo_group_spec *x,
                           const symo_group_spec *y) {
  symo_group_spec *a = (symo_group_spec *)(uintptr_t)x, *b = (symo_group_spec *)(uintptr_t)y;
  switch (p->kind) {
  case GROUP_REAL: {
    double u = *symo_group_real(p, a), v = *symo_group_real(p, b);
    return !(u < v) && !(u > v);
  }
  case GROUP_FLAG: return *symo_group_flag(p, a) == *symo_group_flag(p, b);
  case GROUP_SIZE: return *symo_group_size(p, a) == *symo_group_size(p, b);
  case GROUP_PART:
  case GROUP_PARTS: return same_parts(x, y);
  case GROUP_KEEP:
    return x->num_keep == y->num_keep && same_bytes(x->keep, y->keep, x->num_keep, sizeof *x->keep);
  case GROUP_GENERATORS: return same_generators(&x->generators, &y->generators);
  case GROUP_ALSO: return true;
  }
  return false;
}

bool symo_group_equal(const symo_group *a, const symo_group *b) {
  if (a == b) return true;
  const symo_group_spec *x = symo_group_get_spec(a), *y = symo_group_get_spec(b);
  if (x == NULL || y == NULL || strcmp(x->group, y->group) != 0) return false;
  if (x->dim != y->dim) return false;
  for (const group_parameter *p = a->parameters; p->name != NULL; p++)
    if (!same_parameter(p, x, y)) return false;
  return true;
}

/* ---- groups that a context knows by name ---- */

const symo_group *symo_context_find_group(const symo_context *context, const char *name) {
  const symo_group *group;
  if (context == NULL || name == NULL) return NULL;
  for (size_t i = 0; (group = symo_context_attached(context, i)) != NULL; i++)
    if (strcmp(group->name, name) == 0) return group;
  return NULL;
}

symo_quote symo_group_suggestion(const symo_context *context, const char *name) {
  enum { MOST = 128 };
  const char *known[MOST];
  const symo_group *group;
  size_t count = 0;
  for (size_t i = 0; (group = symo_group_at(i)) != NULL && count < MOST; i++)
    known[count++] = group->name;
  for (size_t i = 0; context != NULL && (group = symo_context_attached(context, i)) != NULL; i++)
    if (count < MOST) known[count++] = group->name;
  return symo_did_you_mean(name, count, known);
}

static void release(void *group) { symo_group_destroy(group); }

symo_status symo_context_add_group(symo_context *context, const symo_group *group) {
  if (group == NULL) return symo_fail_null(context, "context_add_group", "group");
  if (context == NULL) return SYMO_E_ARGUMENT;
  if (symo_group_find(group->name) != NULL || symo_context_find_group(context, group->name) != NULL)
    return symo_fail(context, SYMO_E_NAME, "group %s: the name is taken (choose another)",
                     group->name);
  symo_status status =
      symo_context_attach(context, (void *)(uintptr_t)symo_group_retain(group), release);
  if (status != SYMO_OK) symo_group_destroy((symo_group *)(uintptr_t)group);
  return status;
}
