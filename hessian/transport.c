/* Transport: a structured matrix for other dimensions of its spaces.
 *
 * For S_d, B_d and O(d), the irreps in tensor powers of R^d and their multiplicities do not depend
 * on d once d is at least twice the number of axes (representation stability: Church and Farb,
 * Representation theory and homological stability, Adv. Math. 245, 2013, for S_d).  The coordinates
 * of groups/forms/ have the same meaning for all these d, so the algebra of matrices that commute
 * with the group is the same: M -> M maps products to products, and with them all powers.  Only the
 * dimensions of the irreps differ.
 *
 * Check: S_d on one axis, M_trivial = a, M_standard = b is the matrix a J/d + b (I - J/d), for
 * every d >= 2. */
#include "hessian/hessian.h"

#include <assert.h>
#include <string.h>

#include "core/error.h"
#include "core/text.h"

#define SAME_TENSORS "(list the spaces and tensors of the matrix in the same order)"

static void lower(size_t a, size_t b, size_t *least) {
  size_t smaller = a < b ? a : b;
  if (a != b && smaller < *least) *least = smaller;
}

/* True if the labels of two groups, on R^m and on R^n, correspond when both are large enough.  Lowers
 * *least to the smallest of the sizes that change. */
static bool correspond(const symo_group *a, size_t m, const symo_group *b, size_t n,
                       size_t *least) {
  if (m == n && symo_group_equal(a, b)) return true;
  if (a->structure != NULL && symo_group_equal(a, b)) a = b = a->structure(a);
  if (strcmp(a->name, b->name) != 0 || !a->stable || !b->stable) return false;
  const symo_group_spec *x = symo_group_get_spec(a), *y = symo_group_get_spec(b);
  if (x == NULL) { /* a row of the registry */
    lower(m, n, least);
    return true;
  }
  assert(x->num_parts == 1 && y->num_parts == 1);
  lower(x->copies, y->copies, least);
  return correspond(x->parts[0].group, x->parts[0].dim, y->parts[0].group, y->parts[0].dim, least);
}

/* The tensor on most axes of which a space stands, and their number. */
static size_t most_axes(const symo_layout *layout, size_t space, size_t *tensor) {
  size_t most = 0;
  for (size_t t = 0; t < layout->num_tensors; t++) {
    size_t axes = 0;
    for (size_t a = 0; a < layout->tensors[t].order; a++)
      axes += layout->tensors[t].space[a] == space;
    if (axes > most) {
      most = axes;
      *tensor = t;
    }
  }
  return most;
}

static symo_status check_space(const symo_hessian *h, const symo_layout *layout, size_t space) {
  const layout_space *x = &h->plan->layout->spaces[space], *y = &layout->spaces[space];
  size_t least = SIZE_MAX, tensor = 0, axes = most_axes(layout, space, &tensor);
  if (strcmp(x->name, y->name) != 0)
    return symo_fail(h->context, SYMO_E_SHAPE,
                     "transport: space %zu is %s, in the matrix %s " SAME_TENSORS, space, y->name,
                     x->name);
  if (!correspond(x->group, x->dim, y->group, y->dim, &least)) {
    if (strcmp(x->group->name, y->group->name) != 0)
      return symo_fail(
          h->context, SYMO_E_SHAPE,
          "transport: space %s has the group %s, in the matrix %s (use the same group)", y->name,
          y->group->name, x->group->name);
    if (x->dim == y->dim || x->group->structure != NULL)
      return symo_fail(h->context, SYMO_E_SHAPE,
                       "transport: space %s: the parameters of its group %s are not those in the "
                       "matrix (use the same group)",
                       y->name, y->group->name);
    return symo_fail(h->context, SYMO_E_UNSUPPORTED,
                     "transport: space %s has dimension %zu, in the matrix %zu, and its group %s "
                     "has other labels there (keep the dimension and the group)",
                     y->name, y->dim, x->dim, y->group->name);
  }
  if (least == SIZE_MAX || axes == 0) return SYMO_OK;
  const symo_group *group = y->group->structure != NULL ? y->group->structure(y->group) : y->group;
  if (axes > (size_t)group->max_axes)
    return symo_fail(h->context, SYMO_E_UNSUPPORTED,
                     "transport: space %s stands on %zu axes of tensor %s, where the irreps of %s "
                     "are found numerically and do not correspond (keep dimension %zu)",
                     y->name, axes, layout->tensors[tensor].name, group->name, x->dim);
  if (least < 2 * axes)
    return symo_fail(
        h->context, SYMO_E_UNSUPPORTED,
        "transport: space %s: size %zu is too small: it stands on %zu %s of tensor %s, "
        "and labels are the same from size %zu on (use larger dimensions)",
        y->name, least, axes, symo_plural(axes, "axis", "axes"), layout->tensors[tensor].name,
        2 * axes);
  return SYMO_OK;
}

static symo_status check_tensor(const symo_hessian *h, const symo_layout *layout, size_t tensor) {
  const symo_layout *own = h->plan->layout;
  const layout_tensor *x = &own->tensors[tensor], *y = &layout->tensors[tensor];
  if (strcmp(x->name, y->name) != 0)
    return symo_fail(h->context, SYMO_E_SHAPE,
                     "transport: tensor %zu is %s, in the matrix %s " SAME_TENSORS, tensor, y->name,
                     x->name);
  if (x->order != y->order)
    return symo_fail(h->context, SYMO_E_SHAPE,
                     "transport: tensor %s has %zu %s, in the matrix %zu (give it the same axes)",
                     y->name, y->order, symo_plural(y->order, "axis", "axes"), x->order);
  for (size_t a = 0; a < x->order; a++)
    if (x->space[a] != y->space[a] || x->dual[a] != y->dual[a])
      return symo_fail(h->context, SYMO_E_SHAPE,
                       "transport: axis %zu of tensor %s is %s%s, in the matrix %s%s (give it the "
                       "same axes)",
                       a, y->name, layout->spaces[y->space[a]].name, y->dual[a] ? "*" : "",
                       own->spaces[x->space[a]].name, x->dual[a] ? "*" : "");
  return SYMO_OK;
}

static symo_status check(const symo_hessian *h, const symo_layout *layout) {
  const symo_layout *own = h->plan->layout;
  if (layout->num_spaces != own->num_spaces || layout->num_tensors != own->num_tensors)
    return symo_fail(h->context, SYMO_E_SHAPE,
                     "transport: %zu %s and %zu %s, in the matrix %zu and %zu " SAME_TENSORS,
                     layout->num_spaces, symo_plural(layout->num_spaces, "space", "spaces"),
                     layout->num_tensors, symo_plural(layout->num_tensors, "tensor", "tensors"),
                     own->num_spaces, own->num_tensors);
  symo_status status = SYMO_OK;
  for (size_t t = 0; t < own->num_tensors && status == SYMO_OK; t++)
    status = check_tensor(h, layout, t);
  for (size_t s = 0; s < own->num_spaces && status == SYMO_OK; s++)
    status = check_space(h, layout, s);
  if (status == SYMO_OK && layout->dtype != SYMO_ANY && layout->dtype != h->plan->dtype)
    status =
        symo_fail(h->context, SYMO_E_DTYPE,
                  "transport: the layout asks for %s, and the matrix is in %s (leave the dtype "
                  "out of the layout)",
                  symo_dtype_name(layout->dtype), symo_dtype_name(h->plan->dtype));
  return status;
}

/* Labels of corresponding layouts come in the same order. */
static void copy_blocks(const symo_hessian *from, const symo_hessian *to) {
  assert(from->plan->num_labels == to->plan->num_labels);
  for (size_t i = 0; i < to->plan->num_labels; i++) {
    const plan_label *x = &from->plan->labels[i], *y = &to->plan->labels[i];
    assert(strcmp(x->name, y->name) == 0 && x->m == y->m && x->count == y->count);
    if (y->dropped) continue;
    memcpy(to->m[i], from->m[i], y->count * y->m * y->m * symo_dtype_size(to->plan->dtype));
  }
}

symo_status symo_hessian_transport(const symo_hessian *h, symo_layout *layout, symo_hessian **out) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  if (layout == NULL || out == NULL)
    return symo_fail_null(h->context, "transport", layout == NULL ? "layout" : "out");
  symo_plan *plan = NULL;
  symo_plan_spec spec = {h->plan->dtype, h->plan->coupling, h->plan->centered};
  symo_status status = check(h, layout);
  if (status != SYMO_OK) return status;
  status = symo_plan_create(layout, &spec, &plan);
  if (status == SYMO_OK) status = symo_hessian_create(plan, h->name, out);
  if (status == SYMO_OK)
    copy_blocks(h, *out);
  else if (h->context != layout->context)
    symo_fail(h->context, status, "%s", symo_context_detail(layout->context));
  symo_plan_destroy(plan);
  return status;
}
