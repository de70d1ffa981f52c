/* The balanced frame: the point on the orbit of theta under positive scales where every unit has
 * incoming and outgoing weights of equal norm.
 *
 * With x_k = log c_k the squared norm of rho(c) theta, f(x) = sum_i theta_i^2 exp(2 e_i . x), is
 * convex, and f is least where for every unit the sum of e_i theta_i^2 exp(2 e_i . x) is zero: for
 * exponents of +-1, where the incoming norm is the outgoing one.  The minimum is found one unit
 * after the other, c = sqrt(|out| / |in|), as Osborne (1960) balances matrices, which is the case of
 * one tensor w[h, h*].  Units that share no tensor do not disturb each other: one sweep is then
 * exact.
 *
 * Check: one weight of 4 in and one of 1 out give c = 1/2, and 2 and 2. */
#include "groups/plan/balance.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "groups/forms/scaling.h"
#include "groups/numeric/isotypic.h"

enum { MAX_SWEEPS = 1000, STEPS = 400, MOST = SYMO_MAX_REPEAT };

static const double least_change = 1e-12;

typedef struct balance {
  const symo_layout *layout;
  double **weight; /* [num_tensors] current squares of the entries; NULL where nothing scales */
} balance;

/* One axis of a tensor at one index: entries [outer][inner], `step` apart, from `start`. */
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

/* The exponent of the unit at an entry of its slice; 0 also where an earlier axis has counted it. */
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

/* Adds the squares by exponent to sum[e + MOST], or (sum NULL) multiplies them by by[e + MOST]. */
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

/* The root x of  sum_{e>0} e S_e exp(2 e x) = sum_{e<0} |e| S_e exp(2 e x) .  The logarithm of the
 * quotient of the sides rises with a slope of at most `slope`, and with just that if there is one
 * exponent on each side. */
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

/* One sweep over the units of a space; the largest change of a logarithm. */
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

/* The squares of theta over the largest of them, dense and row-major. */
static symo_status take_weights(balance *b, symo_dtype dtype, symo_const_vector theta,
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

symo_status symo_balance(const symo_layout *layout, symo_dtype dtype, symo_const_vector theta,
                         double *c) {
  balance b = {.layout = layout};
  void *block = NULL;
  double change = INFINITY;
  size_t units = 0;
  symo_status status = take_weights(&b, dtype, theta, &block);
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
