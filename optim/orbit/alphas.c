/* Powers of labels: one for all or, with alpha auto, of every tensor what curvature along the singular
 * directions of its gradient said (optim/alphas.c).
 *
 * The state has the average of what was measured of each tensor, and the alpha of its steps, the
 * nearest multiple of alpha_step, both 0 where nothing was; and, where the solver needs one, the
 * polynomial fitted to that alpha, so that a run that is taken up has the same bits wherever it is.
 *
 * Check: measured 1.26 and then 1.5, memory .5, step .1: averages 1.26 and 1.38, steps of 1.3 and
 * 1.4. */
#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "optim/orbit/orbit.h"

enum { AVERAGE, IN_USE, NUMBERS }; /* of a row of `alphas` */
enum { FILTER_NUMBERS = 4 + 2 * SYMO_FILTER_MOST + SYMO_FILTER_MOST + 2 }; /* .. of `filters` */

/* ---- fits ---- */

static bool fits(const orbit *o) {
  return o->method.cut > 0 && !o->method.solver->chooses && o->method.solver->fits;
}

/* How many filters go with an alpha. */
static int num_filters(const orbit *o) {
  if (!(o->method.cut > 0)) return 0;
  return o->method.cut_reference == SYMO_CUT_LARGEST ? 1 : SYMO_FILTER_RUNGS;
}

static symo_filter_shape shape_of(const orbit *o, double alpha, int rung) {
  const symo_method *m = &o->method;
  const double cut = num_filters(o) == 1 ? m->cut : symo_filter_rung_cut(rung);
  return (symo_filter_shape){alpha, cut, m->cut_order > 0 ? m->cut_order : alpha};
}

/* All but the polynomials, which are there. */
static void finish(const orbit *o, double alpha, orbit_power *p) {
  const symo_method *m = &o->method;
  const symo_solver *solver = m->solver->chooses ? &symo_solver_eigh : m->solver;
  p->alpha = alpha;
  p->power = -alpha / 2;
  p->number = 1;
  p->rungs = fits(o) ? num_filters(o) : 0;
  for (int i = 0; i < num_filters(o); i++) p->filter[i].shape = shape_of(o, alpha, i);
  const solver_options options = symo_orbit_options(o, p, 0, 0);
  if (solver->number != NULL && (m->cut > 0 || !m->solver->chooses))
    p->number = solver->number(&options, 1);
}

symo_status symo_orbit_fit(const orbit *o, double alpha, orbit_power *out) {
  const symo_method *m = &o->method;
  orbit_power p = {.alpha = alpha};
  for (int i = 0; i < num_filters(o) && fits(o); i++) {
    const symo_filter_shape shape = shape_of(o, alpha, i);
    symo_status status = symo_filter_fit(&shape, symo_solver_steps(m), 0, &p.filter[i]);
    if (status != SYMO_OK)
      return symo_fail(o->context, status,
                       "orbit: no filter fitted for alpha %g, cut %g with %d products (at most %d)",
                       alpha, shape.cut, symo_solver_steps(m), SYMO_FILTER_MOST);
  }
  finish(o, alpha, &p);
  *out = p;
  return SYMO_OK;
}

/* ---- the state ---- */

static size_t row_length(const orbit *o) { return FILTER_NUMBERS * (size_t)num_filters(o); }

void symo_orbit_add_alphas(orbit *o) {
  o->alphas = (int)o->num_entries++;
  if (fits(o)) o->filters = (int)o->num_entries++;
}

symo_state_entry symo_orbit_alpha_entry(const orbit *o, size_t index) {
  const bool alphas = (int)index == o->alphas;
  symo_state_entry e = {.dtype = SYMO_F64, .order = 2};
  strcpy(e.name, alphas ? "alphas" : "filters");
  e.shape[0] = o->plan->layout->num_tensors;
  e.shape[1] = alphas ? NUMBERS : row_length(o);
  return e;
}

static double *row_of(const orbit *o, void *const *state, size_t tensor) {
  return (double *)state[o->alphas] + tensor * NUMBERS;
}

/* A number that a checkpoint brought is an alpha, or nothing is known. */
static double in_use(const orbit *o, void *const *state, size_t tensor) {
  const double alpha = row_of(o, state, tensor)[IN_USE];
  return alpha > 0 && alpha <= 2 ? alpha : 0;
}

/* Between the filters of a power and their row. */
static void store(const orbit *o, const orbit_power *p, double *row) {
  for (int i = 0; i < num_filters(o); i++) {
    const symo_filter *f = &p->filter[i];
    *row++ = f->products, *row++ = f->slope, *row++ = f->offset, *row++ = f->error;
    memcpy(row, f->scale, sizeof f->scale), row += SYMO_FILTER_MOST;
    memcpy(row, f->shift, sizeof f->shift), row += SYMO_FILTER_MOST;
    memcpy(row, f->weight, sizeof f->weight), row += SYMO_FILTER_MOST + 2;
  }
}

static bool load(const orbit *o, const double *row, orbit_power *p) {
  for (int i = 0; i < num_filters(o); i++) {
    symo_filter *f = &p->filter[i];
    if (!(row[0] >= 1 && row[0] <= SYMO_FILTER_MOST)) return false;
    f->products = (int)*row++, f->slope = *row++, f->offset = *row++, f->error = *row++;
    memcpy(f->scale, row, sizeof f->scale), row += SYMO_FILTER_MOST;
    memcpy(f->shift, row, sizeof f->shift), row += SYMO_FILTER_MOST;
    memcpy(f->weight, row, sizeof f->weight), row += SYMO_FILTER_MOST + 2;
  }
  return true;
}

static double *filter_of(const orbit *o, void *const *state, size_t tensor) {
  return (double *)state[o->filters] + tensor * row_length(o);
}

const orbit_power *symo_orbit_power_of(const orbit *o, void *const *state, size_t tensor,
                                       orbit_power *room) {
  if (!o->measures) return &o->own;
  const double alpha = in_use(o, state, tensor);
  *room = (orbit_power){.alpha = alpha};
  if (alpha == 0 || (fits(o) && !load(o, filter_of(o, state, tensor), room))) return &o->own;
  finish(o, alpha, room);
  return room;
}

double symo_orbit_alpha(const void *self, void *const *state, size_t tensor, double *measured) {
  const orbit *o = self;
  orbit_power room;
  *measured = o->measures && in_use(o, state, tensor) > 0 ? row_of(o, state, tensor)[AVERAGE] : NAN;
  return symo_orbit_power_of(o, state, tensor, &room)->alpha;
}

/* ---- measurements ---- */

/* The nearest multiple, rounded as a short decimal is. */
static double on_grid(const symo_method *m, double x) {
  const double near = floor(x / m->alpha_step + 0.5) * m->alpha_step;
  return fmin(fmax(floor(1e6 * near + 0.5) / 1e6, m->alpha_min), m->alpha_max);
}

/* The row of a tensor of which `measured` is what was found. */
static void next_row(const symo_method *m, const double *row, double measured, double *next) {
  const double x = fmin(fmax(measured, m->alpha_min), m->alpha_max), before = row[AVERAGE];
  const bool first = !(row[IN_USE] > 0 && isfinite(before));
  next[AVERAGE] = first ? x : m->alpha_memory * before + (1 - m->alpha_memory) * x;
  next[IN_USE] = on_grid(m, next[AVERAGE]);
}

/* The polynomial of a new alpha: that of another tensor which has or had it, or a new one. */
static symo_status fit_row(const orbit *o, void *const *state, const double *next, double *filters,
                           size_t tensor) {
  const double alpha = next[tensor * NUMBERS + IN_USE];
  orbit_power p = o->own;
  bool found = alpha == p.alpha;
  if (alpha == in_use(o, state, tensor)) return SYMO_OK;
  for (size_t t = 0; t < o->plan->layout->num_tensors && !found; t++)
    found = in_use(o, state, t) == alpha && load(o, filter_of(o, state, t), &p);
  for (size_t t = 0; t < tensor && !found; t++)
    found = next[t * NUMBERS + IN_USE] == alpha && load(o, filters + t * row_length(o), &p);
  symo_status status = found ? SYMO_OK : symo_orbit_fit(o, alpha, &p);
  if (status == SYMO_OK) store(o, &p, filters + tensor * row_length(o));
  return status;
}

symo_status symo_orbit_take_alphas(const void *self, void *const *state, const double *measured) {
  const orbit *o = self;
  const size_t tensors = o->plan->layout->num_tensors;
  double *next = symo_calloc(tensors * (NUMBERS + row_length(o)), sizeof *next);
  symo_status status = SYMO_OK;
  if (next == NULL) return symo_fail_memory(o->context, "orbit");
  double *filters = next + tensors * NUMBERS;
  memcpy(next, state[o->alphas], tensors * NUMBERS * sizeof *next);
  if (fits(o)) memcpy(filters, state[o->filters], tensors * row_length(o) * sizeof *filters);
  for (size_t t = 0; t < tensors && status == SYMO_OK; t++) {
    if (isnan(measured[t])) continue;
    next_row(&o->method, row_of(o, state, t), measured[t], next + t * NUMBERS);
    if (fits(o)) status = fit_row(o, state, next, filters, t);
  }
  if (status == SYMO_OK) {
    memcpy(state[o->alphas], next, tensors * NUMBERS * sizeof *next);
    if (fits(o)) memcpy(state[o->filters], filters, tensors * row_length(o) * sizeof *filters);
  }
  symo_free(next);
  return status;
}
