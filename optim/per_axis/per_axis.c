/* One covariance for each axis of each tensor, and steps by the product of their roots (Gupta,
 * Koren, Singer 2018, arXiv 1802.09568).
 *
 * For axis k of a gradient G let mat_k(G) be the matrix of its slices along k.  Factors are sums
 * (or averages, or without memory the only term) of mat_k(G) mat_k(G)', and the direction u goes to
 *
 *     u x_1 (L_1 + eps I)^{-alpha/(2q)} .. x_q (L_q + eps I)^{-alpha/(2q)}
 *
 * with q the number of axes that have a factor: L^{-1/4} u R^{-1/4} for a matrix and alpha = 1.
 * Axes longer than max_dim have none and do not count in q, so that all tensors keep one degree in
 * u.  In the terms of docs/mathematics.md, factor k is the orbit average with the identity on axis
 * k and orthogonal groups on the others; `mean` divides by their dimension as there.
 *
 * With basis "adam" the eigenvectors of the factors are a basis for second moments:
 * basis.c.
 *
 * Check value: G = s u v' with unit u, v, no memory, eps 0, alpha 1: u v'. */
#include "optim/per_axis/per_axis.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "optim/damping/damping.h"

/* ---- which axes have factors ---- */

static size_t order_of(const symo_layout *layout, size_t tensor) {
  size_t order = layout->tensors[tensor].order;
  return order > 0 ? order : 1;
}

static size_t dim_of(const symo_layout *layout, size_t tensor, size_t axis) {
  return layout->tensors[tensor].order > 0 ? layout->tensors[tensor].dim[axis] : 1;
}

static bool has_factor(const symo_method *method, const symo_layout *layout, size_t tensor,
                       size_t axis) {
  size_t dim = dim_of(layout, tensor, axis);
  bool basis = method->basis == SYMO_BASIS_ADAM;
  if (basis && order_of(layout, tensor) < 2) return false;
  return dim <= SYMO_EIGH_MAX && (method->max_dim == 0 || dim <= method->max_dim);
}

static size_t factors_of(const symo_method *method, const symo_layout *layout, size_t tensor) {
  size_t number = 0;
  for (size_t k = 0; k < order_of(layout, tensor); k++)
    number += has_factor(method, layout, tensor, k);
  return number;
}

static const char *refuse_solver(const symo_method *method, const symo_layout *layout) {
  if (method->solver->chooses) return NULL;
  const symo_solver *solver = method->solver;
  if (solver->root == NULL)
    return "the solver takes no roots of factors (auto, eigh and coupled-newton do)";
  const char *reason = NULL;
  for (size_t t = 0; t < layout->num_tensors && reason == NULL && solver->refuse != NULL; t++)
    reason = solver->refuse(-method->alpha / 2 / (double)factors_of(method, layout, t));
  return reason;
}

static const char *refuse(const symo_method *method, const symo_layout *layout) {
  if (!(method->alpha >= 0 && method->alpha <= 2)) return "alpha must be in [0, 2]";
  if (!(method->beta2 >= 0 && method->beta2 <= 1)) return "beta2 must be in [0, 1]";
  if (method->centered)
    return "per-axis factors have no part that a group leaves alone (set centered to false)";
  if (method->basis == SYMO_BASIS_COLUMN)
    return "second moments of columns go with orbit curvature (set basis to adam or none)";
  if (method->basis == SYMO_BASIS_ADAM) return symo_axis_basis_refuse(method);
  if (method->alpha == 0) return NULL;
  if (method->skip_tolerance > 0)
    return "per-axis roots are kept without their eigenbasis (set skip_tolerance to 0, or basis to "
           "adam)";
  if (method->beta2 == 0 && method->momentum > 0 && method->source == SYMO_SOURCE_GRADIENT)
    return "without memory the factors are those of the direction itself (set source to momentum, "
           "or beta2 above 0)";
  for (size_t t = 0; t < layout->num_tensors; t++)
    if (factors_of(method, layout, t) == 0)
      return "every axis of a tensor is longer than max_dim (raise it, or give the tensor a rule "
             "of "
             "its own, adamw say)";
  return refuse_solver(method, layout);
}

/* ---- creation ---- */

static symo_status set_axis(per_axis *p, int threads, size_t tensor, size_t axis, size_t number) {
  axis_factor *a = &p->axes[p->num_axes++];
  size_t dim = dim_of(p->layout, tensor, axis), bytes;
  *a = (axis_factor){.tensor = tensor, .axis = (int)axis, .dim = dim, .weight = 1};
  if (p->method.mean) a->weight = (double)dim / (double)p->tensors[tensor].size;
  a->power = -p->method.alpha / 2 / (double)number;
  a->factor = a->root = -1;
  if (!symo_mul_size(dim, dim * 8, &bytes))
    return symo_fail(p->context, SYMO_E_SIZE, "per-axis: axis of %zu is too long (set max_dim)",
                     dim);
  if (p->basis || p->method.beta2 > 0) {
    a->factor = (int)p->num_entries++;
    a->root = (int)p->num_entries++;
  }
  if (p->basis) return SYMO_OK;
  a->solver = p->method.solver->chooses ? symo_solver_auto_root(p->dtype, a->power, dim, threads)
                                        : p->method.solver;
  return SYMO_OK;
}

static symo_status set_tensors(per_axis *p, int threads) {
  symo_status status = SYMO_OK;
  size_t axes = 0;
  p->num_tensors = p->layout->num_tensors;
  for (size_t t = 0; t < p->num_tensors; t++) axes += factors_of(&p->method, p->layout, t);
  p->tensors = symo_calloc(p->num_tensors, sizeof *p->tensors);
  p->axes = symo_calloc(axes + 1, sizeof *p->axes);
  if (p->tensors == NULL || p->axes == NULL) return symo_fail_memory(p->context, "per-axis");
  bool memory = p->basis || p->method.beta2 > 0;
  p->units = memory ? (int)p->num_entries++ : -1;
  p->root_units = memory && !p->basis ? (int)p->num_entries++ : -1;
  p->progress = p->basis ? (int)p->num_entries++ : -1;
  for (size_t t = 0; t < p->num_tensors; t++) {
    axis_tensor *tensor = &p->tensors[t];
    *tensor = (axis_tensor){.size = p->layout->tensors[t].size, .first = p->num_axes};
    tensor->num = factors_of(&p->method, p->layout, t);
    tensor->moment = p->basis ? (int)p->num_entries++ : -1;
    tensor->second = p->basis ? (int)p->num_entries++ : -1;
    if (tensor->size > p->largest) p->largest = tensor->size;
    for (size_t k = 0; k < order_of(p->layout, t); k++)
      if (has_factor(&p->method, p->layout, t, k))
        SYMO_TRY(set_axis(p, threads, t, k, tensor->num));
  }
fail:
  return status;
}

static size_t pointer_bytes(const per_axis *p) {
  return symo_padded((p->num_axes + 1) * sizeof(void *));
}

axis_head symo_axis_head(const per_axis *p, void *work) {
  return (axis_head){work, (symo_status *)(void *)((char *)work + pointer_bytes(p))};
}

static size_t root_bytes(const per_axis *p, const axis_factor *a) {
  if (p->basis) return symo_axis_basis_work(p, a);
  return symo_axis_square_bytes(p, a) + symo_padded(a->solver->root_work(p->dtype, a->dim));
}

static size_t work_of(const per_axis *p) {
  size_t roots = 0, own = 0;
  for (size_t i = 0; i < p->num_axes; i++) {
    size_t bytes = root_bytes(p, &p->axes[i]);
    roots = bytes > roots ? bytes : roots;
  }
  for (size_t t = 0; t < p->num_tensors && p->method.beta2 == 0; t++) {
    size_t bytes = symo_axis_roots_bytes(p, t);
    own = bytes > own ? bytes : own;
  }
  return p->head + 3 * symo_axis_tensor_bytes(p) + roots + own;
}

/* Insertion: tensors are few. */
static symo_status set_order(per_axis *p) {
  p->order = symo_calloc(p->layout->num_tensors, sizeof *p->order);
  double *flops = symo_calloc(p->layout->num_tensors, sizeof *flops);
  if (p->order == NULL || flops == NULL) {
    symo_free(flops);
    return symo_fail_memory(p->context, "per-axis");
  }
  for (size_t i = 0; i < p->num_axes; i++) {
    const axis_factor *a = &p->axes[i];
    double n = (double)a->dim, size = (double)p->tensors[a->tensor].size;
    flops[a->tensor] += n * size + (p->method.beta2 == 0 || p->basis ? n * n * n : 0);
  }
  for (size_t t = 0; t < p->layout->num_tensors; t++) {
    size_t at = t;
    for (; at > 0 && flops[p->order[at - 1]] < flops[t]; at--) p->order[at] = p->order[at - 1];
    p->order[at] = t;
  }
  symo_free(flops);
  return SYMO_OK;
}

static void destroy(void *self) {
  per_axis *p = self;
  if (p == NULL) return;
  symo_layout_destroy(p->layout);
  symo_free(p->tensors);
  symo_free(p->axes);
  symo_free(p->order);
  symo_free(p);
}

static symo_status create(const curvature_task *task, void **self) {
  symo_status status = SYMO_OK;
  per_axis *p = symo_calloc(1, sizeof *p);
  if (p == NULL) return symo_fail_memory(task->context, "per-axis");
  p->context = task->context;
  p->layout = symo_layout_retain(task->layout);
  p->method = *task->method;
  p->dtype = task->dtype;
  p->units = p->root_units = -1;
  p->relative = task->method->damping->relative;
  p->basis = task->method->basis == SYMO_BASIS_ADAM;
  if (p->method.alpha > 0 || p->basis) SYMO_TRY(set_tensors(p, task->threads));
  p->head = pointer_bytes(p) + symo_padded(p->layout->num_tensors * sizeof(symo_status));
  p->work = work_of(p);
  SYMO_TRY(set_order(p));
  *self = p;
  return SYMO_OK;
fail:
  destroy(p);
  return status;
}

/* ---- state ---- */

static size_t num_entries(const void *self) { return ((const per_axis *)self)->num_entries; }
static size_t work_bytes(const void *self) { return ((const per_axis *)self)->work; }

static size_t num_roots(const void *self) {
  const per_axis *p = self;
  return p->basis || p->method.beta2 > 0 ? p->num_axes : 0;
}

static symo_state_entry entry(const void *self, size_t index) {
  const per_axis *p = self;
  symo_state_entry e = {.dtype = p->dtype};
  if (p->basis && (int)index == p->progress) {
    e = (symo_state_entry){"progress", SYMO_F64, 1, {p->num_axes + 1}, NULL};
    return e;
  }
  if (p->units >= 0 && (int)index == p->units)
    return (symo_state_entry){"units", SYMO_F64, 1, {p->num_tensors}, NULL};
  if (p->root_units >= 0 && (int)index == p->root_units)
    return (symo_state_entry){"root-units", SYMO_F64, 1, {p->num_axes}, NULL};
  for (size_t t = 0; t < p->num_tensors; t++) {
    const axis_tensor *tensor = &p->tensors[t];
    const layout_tensor *lt = &p->layout->tensors[t];
    if (tensor->moment != (int)index && tensor->second != (int)index) continue;
    snprintf(e.name, sizeof e.name, "%s/%s", lt->name,
             tensor->moment == (int)index ? "moment" : "second");
    e.order = lt->order;
    for (size_t k = 0; k < lt->order; k++) e.shape[k] = lt->dim[k];
    return e;
  }
  for (size_t i = 0; i < p->num_axes; i++) {
    const axis_factor *a = &p->axes[i];
    if (a->factor != (int)index && a->root != (int)index) continue;
    snprintf(e.name, sizeof e.name, "%s/axis-%d/%s", p->layout->tensors[a->tensor].name, a->axis,
             a->factor == (int)index ? "factor"
             : p->basis              ? "basis"
                                     : "root");
    e.order = 2;
    e.shape[0] = e.shape[1] = a->dim;
    break;
  }
  return e;
}

static size_t parts(const void *self, size_t *part) {
  return symo_curvature_each(((const per_axis *)self)->layout, part);
}

static bool key(const void *self, size_t entry, size_t index, char key[CURVATURE_KEY]) {
  const per_axis *p = self;
  const bool of_tensors = p->units >= 0 && entry == (size_t)p->units;
  const bool progress = p->basis && entry == (size_t)p->progress;
  const bool of_axes = p->root_units >= 0 && entry == (size_t)p->root_units;
  if (!of_tensors && !progress && !of_axes && entry != SYMO_NONE) return false;
  key[0] = '\0';
  if (of_tensors) {
    snprintf(key, CURVATURE_KEY, "%s", p->layout->tensors[index].name);
  } else if (!progress || index > 0) {
    const axis_factor *a = &p->axes[index - (progress ? 1 : 0)];
    snprintf(key, CURVATURE_KEY, "%s/axis-%d", p->layout->tensors[a->tensor].name, a->axis);
  }
  return true;
}

/* ---- what it says of itself ---- */

static double accumulate_flops(const void *self) {
  const per_axis *p = self;
  double flops = 0;
  for (size_t i = 0; i < p->num_axes; i++)
    flops += (double)p->tensors[p->axes[i].tensor].size * (double)(p->axes[i].dim + 1);
  return flops;
}

static double refresh_flops(const void *self, size_t root) {
  const per_axis *p = self;
  const axis_factor *a = &p->axes[root];
  double n = (double)a->dim;
  /* A product, a QR decomposition, and the moments turned. */
  if (p->basis) return (2 + 8.0 / 3 + 2) * n * n * n + 2 * n * (double)p->tensors[a->tensor].size;
  return a->solver->root_flops == NULL
             ? 0
             : a->solver->root_flops(a->dim, symo_solver_steps(&p->method));
}

static double apply_flops(const void *self) {
  const per_axis *p = self;
  double flops = 0;
  for (size_t i = 0; i < p->num_axes; i++) {
    double once = 2 * (double)p->axes[i].dim * (double)p->tensors[p->axes[i].tensor].size;
    flops += p->basis ? 2.5 * once : once;
    if (!p->basis && p->method.beta2 == 0) flops += once / 2 + refresh_flops(p, i);
  }
  for (size_t t = 0; t < p->num_tensors && p->basis; t++) flops += 10 * (double)p->tensors[t].size;
  return flops;
}

static symo_status describe(const void *self, char **text) {
  const per_axis *p = self;
  const char *how = p->method.solver->chooses ? " (auto)" : "";
  symo_text out = {0};
  if (p->num_axes == 0)
    symo_text_add(&out, p->basis ? "no axis has a factor: second moments as they are\n"
                                 : "alpha 0: directions as they are\n");
  for (size_t i = 0; i < p->num_axes; i++) {
    const axis_factor *a = &p->axes[i];
    symo_text_add(&out, "%s axis %d: %zu x %zu ", p->layout->tensors[a->tensor].name, a->axis,
                  a->dim, a->dim);
    if (p->basis)
      symo_text_add(&out, "eigenbasis by power iteration and QR");
    else
      symo_text_add(&out, "power %.4g by %s%s", a->power, a->solver->name, how);
    symo_text_add(&out, ", %.4g Mflop\n", 1e-6 * refresh_flops(p, i));
  }
  return symo_text_finish(&out, p->context, text);
}

static bool keeps_roots(const symo_method *method) { return true; }

const symo_curvature symo_curvature_per_axis = {
    .name = "per-axis",
    .for_matrices = true,
    .own_momentum = true,
    .takes_max_dim = true,
    .keeps_roots = keeps_roots,
    .summary = "one covariance for each axis of each tensor (Shampoo, SOAP)",
    .refuse = refuse,
    .create = create,
    .destroy = destroy,
    .num_entries = num_entries,
    .entry = entry,
    .work_bytes = work_bytes,
    .accumulate = symo_axis_accumulate_all,
    .num_roots = num_roots,
    .parts = parts,
    .key = key,
    .refresh = symo_axis_refresh,
    .apply = symo_axis_apply,
    .describe = describe,
    .accumulate_flops = accumulate_flops,
    .refresh_flops = refresh_flops,
    .apply_flops = apply_flops,
};
