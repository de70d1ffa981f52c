/* Elements of the group of a layout, and their action, one axis after the other. */
#include <symo/element.h>

#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "groups/forms/scaling.h"
#include "groups/plan/balance.h"

struct symo_element {
  symo_layout *layout;
  double **g; /* [num_spaces] */
};

symo_status symo_element_create(symo_layout *layout, symo_element **out) {
  if (layout == NULL) return SYMO_E_ARGUMENT;
  if (out == NULL) return symo_fail_null(layout->context, "element_create", "out");
  symo_status status;
  symo_element *e = symo_calloc(1, sizeof *e);
  if (e == NULL) return symo_fail_memory(layout->context, "element");
  e->layout = symo_layout_retain(layout);
  e->g = symo_calloc(layout->num_spaces + 1, sizeof *e->g);
  if (e->g == NULL) SYMO_TRY(symo_fail_memory(layout->context, "element"));
  for (size_t i = 0; i < layout->num_spaces; i++) {
    const layout_space *s = &layout->spaces[i];
    size_t size = s->group->element_size(s->group, s->dim);
    if (size > 2147483647)
      SYMO_TRY(symo_fail(layout->context, SYMO_E_SIZE,
                         "element: space %s: an element of %s on dimension %zu takes %.0f GiB "
                         "(use a smaller dimension)",
                         s->name, s->group->name, s->dim, (double)size * 8 / 1073741824.0));
    e->g[i] = symo_malloc(size * sizeof(double));
    if (e->g[i] == NULL) SYMO_TRY(symo_fail_memory(layout->context, "element"));
    s->group->element_identity(s->group, s->dim, e->g[i]);
  }
  *out = e;
  return SYMO_OK;
fail:
  symo_element_destroy(e);
  return status;
}

void symo_element_destroy(symo_element *e) {
  if (e == NULL) return;
  for (size_t i = 0; e->g != NULL && i < e->layout->num_spaces; i++) symo_free(e->g[i]);
  symo_free(e->g);
  symo_layout_destroy(e->layout);
  symo_free(e);
}

/* Spaces [first, end). */
static symo_status sample(symo_element *e, size_t first, size_t end, symo_rng *rng) {
  const symo_layout *layout = e->layout;
  size_t most = 0;
  for (size_t i = first; i < end; i++) {
    const layout_space *s = &layout->spaces[i];
    size_t bytes = s->group->sample_work == NULL ? 0 : s->group->sample_work(s->group, s->dim);
    most = bytes > most ? bytes : most;
  }
  void *work = symo_malloc(most);
  if (work == NULL) return symo_fail_memory(layout->context, "element");
  symo_status status = SYMO_OK;
  for (size_t i = first; i < end && status == SYMO_OK; i++) {
    const layout_space *s = &layout->spaces[i];
    status = s->group->element_sample(s->group, s->dim, rng, e->g[i], work);
    if (status != SYMO_OK)
      symo_fail(layout->context, status, "element: space %s: sampling %s failed (%s)", s->name,
                s->group->name, symo_strerror(status));
  }
  symo_free(work);
  return status;
}

symo_status symo_element_sample(symo_element *e, symo_rng *rng) {
  if (e == NULL) return SYMO_E_ARGUMENT;
  if (rng == NULL) return symo_fail_null(e->layout->context, "element_sample", "rng");
  return sample(e, 0, e->layout->num_spaces, rng);
}

symo_status symo_element_sample_space(symo_element *e, size_t space, symo_rng *rng) {
  if (e == NULL) return SYMO_E_ARGUMENT;
  if (rng == NULL) return symo_fail_null(e->layout->context, "element_sample_space", "rng");
  if (space >= e->layout->num_spaces)
    return symo_fail_index(e->layout->context, "element_sample_space", "space", space, "layout",
                           e->layout->num_spaces);
  return sample(e, space, space + 1, rng);
}

void symo_element_reset(symo_element *e) {
  for (size_t i = 0; e != NULL && i < e->layout->num_spaces; i++) {
    const layout_space *s = &e->layout->spaces[i];
    s->group->element_identity(s->group, s->dim, e->g[i]);
  }
}

/* Acts on the axes of one tensor; a and b are dense buffers of its size. */
static void act_on_tensor(const symo_element *e, size_t tensor, bool inverse, bool dual, symo_nd x,
                          symo_nd y, void *a, void *b, void *work) {
  const layout_tensor *t = &e->layout->tensors[tensor];
  size_t moved = 0, done = 0;
  for (size_t axis = 0; axis < t->order; axis++)
    moved += e->layout->spaces[t->space[axis]].group != &symo_group_identity;
  if (moved == 0) symo_nd_copy(1, x, y);
  for (size_t axis = 0; axis < t->order; axis++) {
    const layout_space *s = &e->layout->spaces[t->space[axis]];
    if (s->group == &symo_group_identity) continue;
    done++;
    symo_nd to =
        done == moved ? y : symo_nd_dense(y.dtype, done % 2 ? a : b, (int)t->order, t->dim);
    s->group->act(s->group, s->dim, e->g[t->space[axis]], inverse, dual != t->dual[axis],
                  symo_nd_move(x, (int)axis, 0), symo_nd_move(to, (int)axis, 0), work);
    x = to;
  }
}

static symo_status act(const symo_element *e, const char *name, bool inverse, bool dual,
                       symo_const_vector x, symo_vector y) {
  if (e == NULL) return SYMO_E_ARGUMENT;
  const symo_layout *layout = e->layout;
  const symo_dtype dtype = x.dtype;
  char which[32];
  snprintf(which, sizeof which, "%s: x", name);
  symo_status status = symo_layout_check_arrays(layout, SYMO_ANY, x, which);
  which[strlen(which) - 1] = 'y';
  if (status == SYMO_OK)
    status = symo_layout_check_arrays(layout, dtype, symo_vector_const(y), which);
  if (status == SYMO_OK) status = symo_layout_check_apart(layout, name, x, "x", y, "y", NULL);
  if (status != SYMO_OK) return status;
  size_t largest = 0, widest = 0;
  for (size_t i = 0; i < layout->num_tensors; i++)
    if (layout->tensors[i].order > 1 && layout->tensors[i].size > largest)
      largest = layout->tensors[i].size;
  for (size_t i = 0; i < layout->num_spaces; i++) {
    size_t size =
        layout->spaces[i].group->element_size(layout->spaces[i].group, layout->spaces[i].dim);
    widest = size > widest ? size : widest;
  }
  size_t item = symo_dtype_size(dtype);
  char *buffers = symo_malloc((2 * largest + widest) * item);
  if (buffers == NULL) return symo_fail_memory(layout->context, "element");
  for (size_t i = 0; i < layout->num_tensors; i++)
    act_on_tensor(e, i, inverse, dual, symo_layout_view(layout, dtype, x, i),
                  symo_layout_view(layout, dtype, symo_vector_const(y), i), buffers,
                  buffers + largest * item, buffers + 2 * largest * item);
  symo_free(buffers);
  return SYMO_OK;
}

symo_status symo_element_act(const symo_element *e, symo_const_vector x, symo_vector y) {
  return act(e, "act", false, false, x, y);
}

symo_status symo_element_act_inverse(const symo_element *e, symo_const_vector x, symo_vector y) {
  return act(e, "act_inverse", true, false, x, y);
}

symo_status symo_element_act_dual(const symo_element *e, symo_const_vector x, symo_vector y) {
  return act(e, "act_dual", false, true, x, y);
}

symo_status symo_element_act_dual_inverse(const symo_element *e, symo_const_vector x,
                                          symo_vector y) {
  return act(e, "act_dual_inverse", true, true, x, y);
}

symo_status symo_element_balance(symo_element *e, symo_const_vector theta) {
  if (e == NULL) return SYMO_E_ARGUMENT;
  const symo_layout *layout = e->layout;
  symo_status status = symo_layout_check_vector(layout, SYMO_ANY, theta, "balance: theta");
  if (status != SYMO_OK) return status;
  size_t units = 0;
  for (size_t i = 0; i < layout->num_spaces; i++)
    if (symo_scaling_spec(layout->spaces[i].group) != NULL) units += layout->spaces[i].dim;
  double *scales = symo_malloc((units > 0 ? units : 1) * sizeof *scales), *c = scales;
  if (scales == NULL) return symo_fail_memory(layout->context, "balance");
  status = symo_balance(layout, theta.dtype, theta, scales);
  for (size_t i = 0; status == SYMO_OK && i < layout->num_spaces; i++) {
    const layout_space *s = &layout->spaces[i];
    if (symo_scaling_spec(s->group) == NULL) continue;
    symo_scaling_set(s->dim, c, e->g[i]);
    c += s->dim;
  }
  symo_free(scales);
  return status;
}
