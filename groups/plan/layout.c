/* Layouts: spaces and tensors, built up, then frozen. */
#include "groups/plan/layout.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/context.h"
#include "core/error.h"
#include "core/names.h"
#include "core/text.h"
#include "groups/numeric/isotypic.h"

symo_status symo_layout_create(symo_context *context, symo_layout **out) {
  if (out == NULL) return symo_fail_null(context, "layout_create", "out");
  symo_layout *layout = symo_calloc(1, sizeof *layout);
  if (layout == NULL) return symo_fail_memory(context, "layout");
  symo_status status = symo_context_share(context, &layout->context);
  if (status != SYMO_OK) {
    symo_free(layout);
    return status;
  }
  layout->dtype = SYMO_ANY;
  atomic_init(&layout->references, 1);
  if (pthread_mutex_init(&layout->lock, NULL) != 0) {
    symo_context_destroy(layout->context);
    symo_free(layout);
    return symo_fail(context, SYMO_E_MEMORY, "layout: no lock to be had");
  }
  *out = layout;
  return SYMO_OK;
}

bool symo_layout_moves(const symo_layout *layout, size_t tensor) {
  const layout_tensor *t = &layout->tensors[tensor];
  for (size_t a = 0; a < t->order; a++)
    if (layout->spaces[t->space[a]].group != &symo_group_identity) return true;
  return false;
}

symo_layout *symo_layout_retain(symo_layout *layout) {
  layout->frozen = true;
  atomic_fetch_add(&layout->references, 1);
  return layout;
}

void symo_layout_destroy(symo_layout *layout) {
  if (layout == NULL || atomic_fetch_sub(&layout->references, 1) > 1) return;
  for (size_t i = 0; i < layout->num_spaces; i++) {
    symo_free(layout->spaces[i].name);
    symo_group_destroy((symo_group *)(uintptr_t)layout->spaces[i].group);
    symo_group_destroy((symo_group *)(uintptr_t)layout->spaces[i].resolved);
  }
  pthread_mutex_destroy(&layout->lock);
  for (size_t i = 0; i < layout->num_tensors; i++) symo_free(layout->tensors[i].name);
  symo_free(layout->spaces);
  symo_free(layout->tensors);
  symo_context_destroy(layout->context);
  symo_free(layout);
}

const char *symo_layout_detail(const symo_layout *layout) {
  return layout == NULL ? "" : symo_context_detail(layout->context);
}

static symo_status check_new(const symo_layout *layout, const char *kind, const char *name,
                             bool taken) {
  symo_context *context = layout->context;
  if (layout->frozen)
    return symo_fail(context, SYMO_E_UNSUPPORTED,
                     "layout: %s %s: the layout is in use by a plan (add before making plans)",
                     kind, name == NULL ? "" : name);
  if (name == NULL)
    return symo_fail(context, SYMO_E_ARGUMENT, "layout: the name of a %s is NULL (pass one)", kind);
  if (!symo_is_name(name))
    return symo_fail(context, SYMO_E_NAME,
                     "layout: %s \"%.40s\": not a name (letters, digits, '_', '.', '-', '/', "
                     "at most %d)",
                     kind, name, SYMO_MAX_NAME);
  if (taken)
    return symo_fail(context, SYMO_E_NAME, "layout: %s %s: defined twice (rename one)", kind, name);
  return SYMO_OK;
}

/* Doubles an array that is full. */
static symo_status make_room(symo_context *context, void **array, size_t *room, size_t used,
                             size_t size) {
  if (used < *room) return SYMO_OK;
  size_t wanted = *room == 0 ? 8 : 2 * *room;
  void *grown = symo_calloc(wanted, size);
  if (grown == NULL) return symo_fail_memory(context, "layout");
  if (used > 0) memcpy(grown, *array, used * size);
  symo_free(*array);
  *array = grown;
  *room = wanted;
  return SYMO_OK;
}

symo_status symo_layout_add_space(symo_layout *layout, const char *name, size_t dim,
                                  const symo_group *group) {
  if (layout == NULL) return SYMO_E_ARGUMENT;
  size_t found;
  symo_status status =
      check_new(layout, "space", name, name && symo_layout_find_space(layout, name, &found));
  if (status != SYMO_OK) return status;
  if (group == NULL)
    return symo_fail(layout->context, SYMO_E_ARGUMENT,
                     "layout: space %s: the group is NULL (a lookup gives that for an unknown "
                     "name; see `symo groups`)",
                     name);
  if (symo_group_has_parameters(group))
    return symo_fail(layout->context, SYMO_E_ARGUMENT,
                     "layout: space %s: the group %s has parameters (give them; in C, "
                     "symo_group_create)",
                     name, group->name);
  size_t own = symo_group_dim(group);
  if (own != 0 && dim != own)
    return symo_fail(layout->context, SYMO_E_SHAPE,
                     "layout: space %s: dimension %zu, but its group %s acts on %zu", name, dim,
                     group->name, own);
  if (dim == 0 || dim > 2147483647)
    return symo_fail(layout->context, dim == 0 ? SYMO_E_ARGUMENT : SYMO_E_SIZE,
                     "layout: space %s: dimension %zu (must be 1 to 2147483647)", name, dim);
  status = make_room(layout->context, (void **)&layout->spaces, &layout->space_room,
                     layout->num_spaces, sizeof *layout->spaces);
  if (status != SYMO_OK) return status;
  char *copy = symo_strdup(name);
  if (copy == NULL) return symo_fail_memory(layout->context, "layout");
  layout->spaces[layout->num_spaces++] =
      (layout_space){.name = copy, .dim = dim, .group = symo_group_retain(group)};
  return SYMO_OK;
}

/* Reads one axis "name" or "name*" into axis a of the tensor. */
static symo_quote suggest_space(const symo_layout *layout, const char *name) {
  symo_suggestion s = {.name = name};
  for (size_t i = 0; i < layout->num_spaces; i++)
    symo_suggestion_offer(&s, layout->spaces[i].name, strlen(layout->spaces[i].name));
  return symo_suggestion_text(&s);
}

static symo_status set_axis(const symo_layout *layout, layout_tensor *t, const char *tensor,
                            size_t a, const char *axis) {
  char name[SYMO_MAX_NAME + 1];
  size_t length = strlen(axis);
  bool dual = length > 0 && axis[length - 1] == '*';
  if (dual) length--;
  bool fits = length > 0 && length <= SYMO_MAX_NAME;
  if (fits) {
    memcpy(name, axis, length);
    name[length] = 0;
  }
  if (!fits || !symo_layout_find_space(layout, name, &t->space[a]))
    return symo_fail(layout->context, SYMO_E_NAME,
                     "layout: axis %zu of tensor %s names space %.60s, which the layout does not "
                     "have%s (add it)",
                     a, tensor, axis, suggest_space(layout, fits ? name : "").text);
  t->dual[a] = dual;
  t->dim[a] = layout->spaces[t->space[a]].dim;
  return SYMO_OK;
}

static size_t repeats(const layout_tensor *t, size_t space) {
  size_t times = 0;
  for (size_t a = 0; a < t->order; a++) times += t->space[a] == space;
  return times;
}

static symo_status check_repeats(const symo_layout *layout, const layout_tensor *t,
                                 const char *tensor) {
  for (size_t a = 0; a < t->order; a++) {
    const layout_space *space = &layout->spaces[t->space[a]];
    size_t times = repeats(t, t->space[a]);
    if (times > SYMO_MAX_REPEAT && space->group != &symo_group_identity)
      return symo_fail(layout->context, SYMO_E_UNSUPPORTED,
                       "layout: tensor %s: space %s stands on %zu %s, at most %d are supported "
                       "for the group %s (name the others after an identity space)",
                       tensor, space->name, times, symo_plural(times, "axis", "axes"),
                       SYMO_MAX_REPEAT, space->group->name);
  }
  return SYMO_OK;
}

symo_status symo_layout_resolve(symo_layout *layout) {
  symo_status status = SYMO_OK;
  pthread_mutex_lock(&layout->lock);
  for (size_t i = 0; i < layout->num_spaces && status == SYMO_OK; i++) {
    layout_space *s = &layout->spaces[i];
    unsigned orders = 0;
    for (size_t t = 0; t < layout->num_tensors; t++) {
      size_t times = repeats(&layout->tensors[t], i);
      if (times > 0) orders |= 1U << (times < 31 ? times : 31);
    }
    if (s->resolved != NULL) continue;
    if (orders == 0) {
      s->resolved = &symo_group_identity; /* on no tensor: nothing to know */
      continue;
    }
    status = symo_group_resolve(layout->context, s->group, s->dim, orders, &s->resolved);
    if (status != SYMO_OK) symo_fail_within(layout->context, status, "space %s", s->name);
  }
  pthread_mutex_unlock(&layout->lock);
  return status;
}

symo_status symo_layout_add_tensor(symo_layout *layout, const char *name, size_t order,
                                   const char *const *axes) {
  if (layout == NULL) return SYMO_E_ARGUMENT;
  size_t found;
  symo_status status =
      check_new(layout, "tensor", name, name && symo_layout_find_tensor(layout, name, &found));
  if (status != SYMO_OK) return status;
  if (order > SYMO_MAX_ORDER)
    return symo_fail(layout->context, SYMO_E_UNSUPPORTED,
                     "layout: tensor %s has %zu %s (at most %d)", name, order,
                     symo_plural(order, "axis", "axes"), SYMO_MAX_ORDER);
  layout_tensor t = {.order = order, .size = 1, .offset = layout->parameters};
  for (size_t a = 0; a < order; a++) {
    if (axes == NULL || axes[a] == NULL)
      return symo_fail(layout->context, SYMO_E_ARGUMENT,
                       "layout: tensor %s: axis %zu of %zu is NULL (pass the name of a space)",
                       name, a, order);
    status = set_axis(layout, &t, name, a, axes[a]);
    if (status != SYMO_OK) return status;
    if (!symo_mul_size(t.size, t.dim[a], &t.size) || t.size > PTRDIFF_MAX / 16)
      return symo_fail(layout->context, SYMO_E_SIZE, "layout: tensor %s is too large to address",
                       name);
  }
  status = check_repeats(layout, &t, name);
  if (status != SYMO_OK) return status;
  if (layout->parameters > PTRDIFF_MAX / 16 - t.size)
    return symo_fail(layout->context, SYMO_E_SIZE, "layout: with tensor %s too many parameters",
                     name);
  status = make_room(layout->context, (void **)&layout->tensors, &layout->tensor_room,
                     layout->num_tensors, sizeof *layout->tensors);
  if (status != SYMO_OK) return status;
  t.name = symo_strdup(name);
  if (t.name == NULL) return symo_fail_memory(layout->context, "layout");
  layout->tensors[layout->num_tensors++] = t;
  layout->parameters += t.size;
  return SYMO_OK;
}

symo_status symo_layout_set_dtype(symo_layout *layout, symo_dtype dtype) {
  if (layout == NULL) return SYMO_E_ARGUMENT;
  if (dtype != SYMO_ANY && symo_dtype_size(dtype) == 0)
    return symo_fail(layout->context, SYMO_E_DTYPE, "layout: dtype %d (must be f32 or f64)",
                     (int)dtype);
  if (layout->frozen)
    return symo_fail(layout->context, SYMO_E_UNSUPPORTED,
                     "layout: dtype: the layout is in use by a plan (set it before making plans)");
  layout->dtype = dtype;
  return SYMO_OK;
}

symo_dtype symo_layout_dtype(const symo_layout *layout) {
  return layout == NULL ? SYMO_ANY : layout->dtype;
}
size_t symo_layout_num_spaces(const symo_layout *layout) {
  return layout == NULL ? 0 : layout->num_spaces;
}
size_t symo_layout_num_tensors(const symo_layout *layout) {
  return layout == NULL ? 0 : layout->num_tensors;
}
size_t symo_layout_num_parameters(const symo_layout *layout) {
  return layout == NULL ? 0 : layout->parameters;
}

/* What is asked of, or NULL after the detail was written. */
static const layout_space *space_at(const symo_layout *layout, const char *where, size_t space) {
  if (layout != NULL && space < layout->num_spaces) return &layout->spaces[space];
  if (layout != NULL)
    symo_fail_index(layout->context, where, "space", space, "layout", layout->num_spaces);
  return NULL;
}

static const layout_tensor *tensor_at(const symo_layout *layout, const char *where, size_t tensor) {
  if (layout != NULL && tensor < layout->num_tensors) return &layout->tensors[tensor];
  if (layout != NULL)
    symo_fail_index(layout->context, where, "tensor", tensor, "layout", layout->num_tensors);
  return NULL;
}

/* The tensor, if it has the axis. */
static const layout_tensor *axis_at(const symo_layout *layout, const char *where, size_t tensor,
                                    size_t axis) {
  const layout_tensor *t = tensor_at(layout, where, tensor);
  if (t == NULL || axis < t->order) return t;
  symo_fail_index(layout->context, where, "axis", axis, "tensor", t->order);
  return NULL;
}

const char *symo_layout_space_name(const symo_layout *layout, size_t space) {
  const layout_space *s = space_at(layout, "layout_space_name", space);
  return s == NULL ? NULL : s->name;
}
size_t symo_layout_space_dim(const symo_layout *layout, size_t space) {
  const layout_space *s = space_at(layout, "layout_space_dim", space);
  return s == NULL ? 0 : s->dim;
}
const symo_group *symo_layout_space_group(const symo_layout *layout, size_t space) {
  const layout_space *s = space_at(layout, "layout_space_group", space);
  return s == NULL ? NULL : s->group;
}
const char *symo_layout_tensor_name(const symo_layout *layout, size_t tensor) {
  const layout_tensor *t = tensor_at(layout, "layout_tensor_name", tensor);
  return t == NULL ? NULL : t->name;
}
size_t symo_layout_tensor_order(const symo_layout *layout, size_t tensor) {
  const layout_tensor *t = tensor_at(layout, "layout_tensor_order", tensor);
  return t == NULL ? 0 : t->order;
}
size_t symo_layout_tensor_size(const symo_layout *layout, size_t tensor) {
  const layout_tensor *t = tensor_at(layout, "layout_tensor_size", tensor);
  return t == NULL ? 0 : t->size;
}
size_t symo_layout_tensor_offset(const symo_layout *layout, size_t tensor) {
  const layout_tensor *t = tensor_at(layout, "layout_tensor_offset", tensor);
  return t == NULL ? SYMO_NONE : t->offset;
}

size_t symo_layout_axis_space(const symo_layout *layout, size_t tensor, size_t axis) {
  const layout_tensor *t = axis_at(layout, "layout_axis_space", tensor, axis);
  return t == NULL ? SYMO_NONE : t->space[axis];
}
size_t symo_layout_axis_dim(const symo_layout *layout, size_t tensor, size_t axis) {
  const layout_tensor *t = axis_at(layout, "layout_axis_dim", tensor, axis);
  return t == NULL ? 0 : t->dim[axis];
}
bool symo_layout_axis_dual(const symo_layout *layout, size_t tensor, size_t axis) {
  const layout_tensor *t = axis_at(layout, "layout_axis_dual", tensor, axis);
  return t != NULL && t->dual[axis];
}

bool symo_layout_find_space(const symo_layout *layout, const char *name, size_t *index) {
  for (size_t i = 0; layout != NULL && name != NULL && i < layout->num_spaces; i++)
    if (strcmp(layout->spaces[i].name, name) == 0) {
      if (index != NULL) *index = i;
      return true;
    }
  return false;
}

bool symo_layout_find_tensor(const symo_layout *layout, const char *name, size_t *index) {
  for (size_t i = 0; layout != NULL && name != NULL && i < layout->num_tensors; i++)
    if (strcmp(layout->tensors[i].name, name) == 0) {
      if (index != NULL) *index = i;
      return true;
    }
  return false;
}

bool symo_layout_equal(const symo_layout *a, const symo_layout *b) {
  if (a == b) return true;
  if (a->num_spaces != b->num_spaces || a->num_tensors != b->num_tensors) return false;
  for (size_t i = 0; i < a->num_spaces; i++) {
    const layout_space *x = &a->spaces[i], *y = &b->spaces[i];
    if (strcmp(x->name, y->name) != 0 || x->dim != y->dim || !symo_group_equal(x->group, y->group))
      return false;
  }
  for (size_t i = 0; i < a->num_tensors; i++) {
    const layout_tensor *x = &a->tensors[i], *y = &b->tensors[i];
    if (strcmp(x->name, y->name) != 0 || x->order != y->order) return false;
    for (size_t k = 0; k < x->order; k++)
      if (x->space[k] != y->space[k] || x->dual[k] != y->dual[k]) return false;
  }
  return true;
}
