/* Elements of the group of a layout: balancing scales, sampling, and the action on tensors, one
 * axis after the other. */
#include <symo/element.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "groups/forms/scaling.h"
#include "groups/numeric/isotypic.h"
#include "groups/plan/layout.h"

/* ---- balance ----
 *
 * The balanced point is the point on the orbit of theta under positive scales at which the incoming
 * and the outgoing weights of every unit have equal norms.
 *
 * With x_k = log c_k, the squared norm of rho(c) theta is f(x) = sum_i theta_i^2 exp(2 e_i . x),
 * where e_i are the exponents of the scales at entry i.  f is convex.  At its minimum, for each
 * unit, the sum of e_i theta_i^2 exp(2 e_i . x) is zero.  If the exponents are +-1, this says that
 * incoming and outgoing norms are equal.  We minimise over one unit at a time, c = sqrt(|out| /
 * |in|).  For one tensor w[h, h*] this is Osborne's (1960) algorithm to balance a matrix.  If no
 * tensor couples two units, one sweep over the units is exact.
 *
 * Check: a unit with one incoming weight 4 and one outgoing weight 1 has c = 1/2; both become 2. */

enum { MAX_SWEEPS = 1000, STEPS = 400, MOST = SYMO_MAX_REPEAT };

static const double least_change = 1e-12;

typedef struct balance {
  const symo_layout *layout;
  double **weight; /* [num_tensors] current squares of the entries; NULL if no scale acts on it */
} balance;

/* The entries of a tensor with one index on one axis: [outer][inner] entries, of which the first is
 * at `start`; `step` is the stride of the outer index. */
typedef struct slice {
  const layout_tensor *tensor;
  size_t axis, unit, outer, inner, step, start;
  bool alone; /* no other axis has the space */
} slice;

static slice slice_of(const layout_tensor *t, size_t axis, size_t unit) {
  slice s = {.tensor = t, .axis = axis, .unit = unit, .outer = 1, .inner = 1, .alone = true};
  for (size_t a = 0; a < axis; a++) s.outer *= t->dim[a];
  for (size_t a = axis + 1; a < t->order; a++) s.inner *= t->dim[a];
  s.step = s.inner * t->dim[axis];
  s.start = unit * s.inner;
  for (size_t a = 0; a < t->order; a++)
    s.alone = s.alone && (a == axis || t->space[a] != t->space[axis]);
  return s;
}

/* The exponent of the unit's scale at an entry of its slice.  0 if the slice of an earlier axis
 * contains the same entry, so that each entry counts once. */
static int exponent_at(const slice *s, size_t entry) {
  const layout_tensor *t = s->tensor;
  int e = 0;
  if (s->alone) return t->dual[s->axis] ? -1 : 1;
  for (size_t a = t->order; a-- > 0; entry /= t->dim[a]) {
    if (t->space[a] != t->space[s->axis] || entry % t->dim[a] != s->unit) continue;
    if (a < s->axis) return 0;
    e += t->dual[a] ? -1 : 1;
  }
  return e;
}

/* Adds the squares with exponent e to sum[e + MOST]; if sum is NULL, multiplies them by
 * by[e + MOST]. */
static void visit(double *weight, const slice *s, double *sum, const double *by) {
  for (size_t o = 0; o < s->outer; o++)
    for (size_t i = 0; i < s->inner; i++) {
      size_t at = o * s->step + s->start + i;
      int e = exponent_at(s, at);
      if (sum != NULL)
        sum[e + MOST] += weight[at];
      else if (e != 0)
        weight[at] *= by[e + MOST];
    }
}

static void visit_unit(const balance *b, size_t space, size_t unit, double *sum, const double *by) {
  for (size_t t = 0; t < b->layout->num_tensors; t++)
    for (size_t a = 0; a < b->layout->tensors[t].order; a++)
      if (b->layout->tensors[t].space[a] == space) {
        slice s = slice_of(&b->layout->tensors[t], a, unit);
        visit(b->weight[t], &s, sum, by);
      }
}

/* The root x of  sum_{e>0} e S_e exp(2 e x) = sum_{e<0} |e| S_e exp(2 e x) .  As a function of x,
 * the logarithm of the quotient of the two sides has a slope of at most `slope`, and exactly that
 * slope if each side has one exponent.  So each step moves towards the root without passing it. */
static double best_step(const double *sum) {
  double x = 0;
  int up = 0, down = 0;
  for (int e = 1; e <= MOST; e++) {
    if (sum[MOST + e] > 0) up = e;
    if (sum[MOST - e] > 0) down = e;
  }
  if (up == 0 || down == 0) return 0;
  double slope = 2 * (up + down);
  for (int i = 0; i < STEPS; i++) {
    double in = 0, out = 0;
    for (int e = 1; e <= MOST; e++) {
      in += e * sum[MOST + e] * exp(2 * e * x);
      out += e * sum[MOST - e] * exp(-2 * e * x);
    }
    double step = (log(out) - log(in)) / slope;
    x += step;
    if (!(fabs(step) > DBL_EPSILON)) break;
  }
  return x;
}

/* One sweep over the units of a space.  Returns the largest change of a logarithm. */
static double sweep(const balance *b, size_t space, double *x) {
  double most = 0;
  for (size_t k = 0; k < b->layout->spaces[space].dim; k++) {
    double sum[2 * MOST + 1] = {0}, by[2 * MOST + 1];
    visit_unit(b, space, k, sum, NULL);
    double step = best_step(sum);
    if (step == 0) continue;
    for (int e = -MOST; e <= MOST; e++) by[e + MOST] = exp(2 * e * step);
    visit_unit(b, space, k, NULL, by);
    x[k] += step;
    most = fmax(most, fabs(step));
  }
  return most;
}

static bool is_scaling(const symo_layout *layout, size_t space) {
  return symo_scaling_spec(layout->spaces[space].group) != NULL;
}

static bool is_touched(const symo_layout *layout, size_t tensor) {
  const layout_tensor *t = &layout->tensors[tensor];
  for (size_t a = 0; a < t->order; a++)
    if (is_scaling(layout, t->space[a])) return true;
  return false;
}

/* Stores the squares of theta, divided by the largest of them, dense and row-major. */
static symo_status create_weights(balance *b, symo_dtype dtype, symo_const_vector theta,
                                  void **block) {
  const symo_layout *layout = b->layout;
  size_t numbers = 0, used = 0;
  double largest = 0;
  for (size_t t = 0; t < layout->num_tensors; t++) {
    if (!is_touched(layout, t)) continue;
    numbers += layout->tensors[t].size;
    largest = fmax(largest, symo_nd_max_abs(symo_layout_view(layout, dtype, theta, t)));
  }
  size_t pointers = layout->num_tensors * sizeof *b->weight, widest = symo_dtype_size(dtype);
  size_t head = symo_padded(pointers);
  char *store = symo_malloc(head + numbers * (sizeof(double) + widest));
  if (store == NULL) return symo_fail_memory(layout->context, "balance");
  b->weight = (double **)(void *)store;
  double *at = (double *)(void *)(store + head);
  void *copy = at + numbers;
  for (size_t t = 0; t < layout->num_tensors; t++) {
    const layout_tensor *own = &layout->tensors[t];
    b->weight[t] = NULL;
    if (!is_touched(layout, t)) continue;
    b->weight[t] = at + used;
    symo_nd_copy(1, symo_layout_view(layout, dtype, theta, t),
                 symo_nd_dense(dtype, copy, (int)own->order, own->dim));
    for (size_t i = 0; i < own->size; i++) {
      double x = largest > 0 ? symo_get(dtype, copy, i) / largest : 0;
      b->weight[t][i] = x * x;
    }
    used += own->size;
  }
  *block = store;
  return SYMO_OK;
}

/* The scales c that balance theta: [dim] for every scaling space, in the order of the spaces.
 * SYMO_NO_CONVERGENCE after 1000 sweeps. */
static symo_status find_scales(const symo_layout *layout, symo_dtype dtype, symo_const_vector theta,
                               double *c) {
  balance b = {.layout = layout};
  void *block = NULL;
  double change = INFINITY;
  size_t units = 0;
  symo_status status = create_weights(&b, dtype, theta, &block);
  if (status != SYMO_OK) return status;
  for (size_t s = 0; s < layout->num_spaces; s++)
    if (is_scaling(layout, s)) units += layout->spaces[s].dim;
  for (size_t k = 0; k < units; k++) c[k] = 0;
  for (int i = 0; i < MAX_SWEEPS && change > least_change; i++) {
    double *x = c;
    change = 0;
    for (size_t s = 0; s < layout->num_spaces; s++) {
      if (!is_scaling(layout, s)) continue;
      change = fmax(change, sweep(&b, s, x));
      x += layout->spaces[s].dim;
    }
  }
  symo_free(block);
  for (size_t k = 0; k < units; k++) c[k] = exp(c[k]);
  if (change > least_change)
    return symo_fail(layout->context, SYMO_NO_CONVERGENCE,
                     "balance: scales still change by %.3g after %d sweeps (there may be no "
                     "balanced frame: look for units that only feed forward in a recurrent tensor)",
                     change, MAX_SWEEPS);
  return SYMO_OK;
}

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
  status = find_scales(layout, theta.dtype, theta, scales);
  for (size_t i = 0; status == SYMO_OK && i < layout->num_spaces; i++) {
    const layout_space *s = &layout->spaces[i];
    if (symo_scaling_spec(s->group) == NULL) continue;
    symo_scaling_set(s->dim, c, e->g[i]);
    c += s->dim;
  }
  symo_free(scales);
  return status;
}
