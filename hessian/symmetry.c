/* Measures whether the group of a layout is a symmetry of a loss.
 *
 * If L(rho theta) = L(theta) for all theta, the chain rule gives rho' grad L(rho theta) =
 * grad L(theta).  So the gradient at rho theta is p = rho^-T grad L(theta), which is rho grad
 * L(theta) for orthogonal groups.  We compute both sides for random elements; the defect is their
 * difference relative to the prediction.
 *
 * Check value: the loss sum_i theta_i^2 + e theta_1 at theta = (1, 1), with the sign of theta_1
 * flipped.  The gradient (2 + e, 2) predicts (-2 - e, 2), but the true one is (-2 + e, 2).  So the
 * gradient defect is 2 e / |(2 + e, 2)|, and the loss defect is 2 e / (2 + e). */
#include <symo/symmetry.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <symo/element.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"
#include "groups/plan/layout.h"
#include "hessian/problem.h"

/* If the drawn element is neutral (as every other permutation of two), it is drawn again, at most
 * this often. */
enum { DRAWS = 64 };

/* The distance of the nearby point, the ratio below which its values are the denominators, and the
 * smallest relative norm of a part of a gradient that is its own denominator. */
static const double nearby_step = 0.1, nearby_ratio = 1e-3;
static const double smallest_part[] = {[SYMO_F32] = 1e-2, [SYMO_F64] = 1e-6};
static const double exact_bound[] = {[SYMO_F32] = 1e-4, [SYMO_F64] = 1e-9};

/* A group without a defect is tried again at weights with at least these root mean squares, at
 * which networks are not linear. */
static const double telling[] = {0.3, 3};
enum { TELLING = sizeof telling / sizeof telling[0], TELLING_ELEMENTS = 2 };

/* Sums in another order differ by more than one last digit.  So a defect must exceed this many
 * times the effect of a change in the last digit. */
static const double above_rounding = 300;

typedef struct vector {
  void *flat;  /* [size] */
  void **data; /* [num_tensors] */
} vector;

enum { NEAR, NEAR_GRADIENT, GRADIENT, MOVED, GRADIENT_MOVED, PREDICTED, VECTORS };

typedef struct work {
  const symo_problem *problem;
  symo_layout *layout;
  symo_context *context;
  symo_dtype dtype;
  symo_rng *rng;
  symo_element *element;
  vector v[VECTORS];
  const void *theta;
  const void **theta_data;
  void *flat, **pointers;
  double *scratch; /* [num_tensors] */
  double loss, loss_scale, gradient;
  bool loss_nearby, gradient_nearby;
} work;

symo_symmetry_spec symo_symmetry_spec_default(void) {
  return (symo_symmetry_spec){.samples = 8, .exact = 0, .approximate = 0.3};
}

const char *symo_symmetry_verdict_name(symo_symmetry_verdict verdict) {
  static const char *const names[] = {"exact", "approximate", "cannot tell", "wrong"};
  return (size_t)verdict < sizeof names / sizeof names[0] ? names[verdict] : "unknown";
}

void symo_symmetry_destroy(symo_symmetry_report *report) { symo_free(report); }

static symo_vector out_of(const work *w, const vector *v) {
  return symo_vector_of(w->dtype, v->data);
}
static symo_const_vector in_of(const work *w, const vector *v) {
  return symo_const_vector_of(w->dtype, (const void *const *)v->data);
}

static const char *name_of(const symo_problem *problem) {
  return problem->name == NULL ? "the problem" : problem->name;
}

/* ---- what is asked for ---- */

static symo_status check(const symo_problem *problem, const symo_layout *layout,
                         const symo_symmetry_spec *spec) {
  symo_context *context = layout->context;
  if (problem->gradient == NULL)
    return symo_fail(context, SYMO_E_UNSUPPORTED,
                     "symmetry: %s has no gradient (fill the gradient slot)", name_of(problem));
  if (symo_dtype_size(problem->dtype) == 0)
    return symo_fail(context, SYMO_E_DTYPE, "symmetry: %s has no dtype (f32 or f64)",
                     name_of(problem));
  if (problem->size != layout->parameters)
    return symo_fail(context, SYMO_E_SHAPE,
                     "symmetry: %s has %zu %s, the layout %zu (the layout must list its "
                     "tensors, all of them)",
                     name_of(problem), problem->size,
                     symo_plural(problem->size, "parameter", "parameters"), layout->parameters);
  if (spec->samples == 0 || spec->samples > SYMO_SYMMETRY_MAX_SAMPLES)
    return symo_fail(context, SYMO_E_ARGUMENT, "symmetry: %zu %s (take from 1 to %d)",
                     spec->samples, symo_plural(spec->samples, "sample", "samples"),
                     SYMO_SYMMETRY_MAX_SAMPLES);
  if (!(spec->exact >= 0 && spec->approximate >= 0 && isfinite(spec->exact) &&
        isfinite(spec->approximate)))
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "symmetry: the bounds are %g and %g (take finite ones, not below 0)",
                     spec->exact, spec->approximate);
  return SYMO_OK;
}

static bool is_trivial(const symo_layout *layout, size_t space) {
  return layout->spaces[space].group == &symo_group_identity;
}

static size_t count_rows(const symo_layout *layout) {
  size_t n = 0;
  for (size_t i = 0; i < layout->num_spaces; i++) n += !is_trivial(layout, i);
  return n == 0 ? 0 : n + 1;
}

/* One block: the report, its rows, the defects of the tensors in each row. */
static symo_status new_report(const symo_layout *layout, size_t rows, symo_symmetry_report **out,
                              symo_symmetry_row **row, double **tensors) {
  size_t per_row, bytes;
  if (!symo_mul_size(layout->num_tensors + 1, sizeof(double), &per_row) ||
      !symo_mul_size(rows, sizeof **row + per_row, &bytes))
    return symo_fail_memory(layout->context, "symmetry");
  symo_symmetry_report *r = symo_calloc(1, sizeof *r + bytes);
  if (r == NULL) return symo_fail_memory(layout->context, "symmetry");
  *row = (symo_symmetry_row *)(r + 1);
  *tensors = (double *)(*row + rows);
  r->num_rows = rows;
  r->rows = *row;
  r->num_tensors = layout->num_tensors;
  r->loss = r->gradient = (double)NAN;
  for (size_t i = 0, space = 0; i < rows; i++) {
    while (i + 1 < rows && is_trivial(layout, space)) space++;
    (*row)[i].space = i + 1 < rows ? space++ : SYMO_SYMMETRY_JOINT;
    (*row)[i].tensors = *tensors + i * layout->num_tensors;
  }
  *out = r;
  return SYMO_OK;
}

/* ---- numbers ---- */

static double norm(const work *w, const vector *v) {
  return symo_nrm2(w->dtype, w->layout->parameters, v->flat);
}

static bool differs(const work *w, const void *a, const void *b) {
  for (size_t i = 0; i < w->layout->parameters; i++)
    if (symo_get(w->dtype, a, i) != symo_get(w->dtype, b, i)) return true;
  return false;
}

/* For messages, the space that the element is from. */
static const char *space_name(const work *w, size_t space) {
  return space == SYMO_SYMMETRY_JOINT ? "all spaces together" : w->layout->spaces[space].name;
}

/* Loss and gradient at rho theta, or at theta itself (space NULL), all finite. */
static symo_status evaluate(work *w, const void *theta, const size_t *space, double *loss,
                            vector *gradient) {
  const symo_problem *p = w->problem;
  const problem_call call = {w->context, "symmetry", p, theta};
  symo_status status = symo_problem_call_gradient(&call, loss, gradient->flat);
  if (status != SYMO_OK) return status;
  char where[2 * SYMO_MAX_NAME] = "theta";
  const char *advice = "check theta and the data";
  if (space != NULL) {
    (void)snprintf(where, sizeof where, "rho theta, for an element of %s%s",
                   *space == SYMO_SYMMETRY_JOINT ? "" : "space ", space_name(w, *space));
    advice = "the group leaves where the loss is defined, or theta is too large";
  }
  if (!isfinite(*loss))
    return symo_fail(w->context, SYMO_E_NONFINITE, "symmetry: the loss of %s is %s at %s (%s)",
                     name_of(p), isnan(*loss) ? "NaN" : "infinite", where, advice);
  for (size_t t = 0; t < w->layout->num_tensors; t++)
    if (!symo_all_finite(w->dtype, w->layout->tensors[t].size, gradient->data[t]))
      return symo_fail(w->context, SYMO_E_NONFINITE,
                       "symmetry: the gradient of %s holds NaN or infinity in tensor %s at %s (%s)",
                       name_of(p), w->layout->tensors[t].name, where, advice);
  return SYMO_OK;
}

/* ---- theta, and what lies near it ---- */

static double rms_of(const work *w, size_t n, const void *x) {
  return n > 0 ? symo_nrm2(w->dtype, n, x) / sqrt((double)n) : 0;
}

/* Of all parameters; 1 if they are zero. */
static double size_of(const work *w) {
  double all = rms_of(w, w->layout->parameters, w->theta);
  return all > 0 ? all : 1;
}

/* v[NEAR] = keep theta + factor r z, z normal, r the root mean square of the tensor. */
static void step_aside(work *w, double keep, double factor) {
  double all = size_of(w);
  for (size_t t = 0; t < w->layout->num_tensors; t++) {
    size_t n = w->layout->tensors[t].size;
    const void *from = w->theta_data[t];
    double rms = rms_of(w, n, from);
    if (!(rms > 0)) rms = all;
    for (size_t i = 0; i < n; i++)
      symo_put(w->dtype, w->v[NEAR].data[t], i,
               keep * symo_get(w->dtype, from, i) + factor * rms * symo_rng_normal(w->rng));
  }
}

static symo_status begin(work *w) {
  const symo_problem *p = w->problem;
  symo_status status = evaluate(w, w->theta, NULL, &w->loss, &w->v[GRADIENT]);
  if (status != SYMO_OK) return status;
  step_aside(w, 1, nearby_step);
  double near_loss = 0;
  const problem_call call = {w->context, "symmetry", p, w->v[NEAR].flat};
  status = symo_problem_call_gradient(&call, &near_loss, w->v[NEAR_GRADIENT].flat);
  if (status != SYMO_OK) return status;
  w->gradient = norm(w, &w->v[GRADIENT]);
  w->loss_scale = fabs(w->loss);
  double near_gradient = norm(w, &w->v[NEAR_GRADIENT]);
  /* A loss that is not defined there is measured at theta, where it is. */
  w->loss_nearby = isfinite(near_loss) && w->loss_scale < nearby_ratio * fabs(near_loss);
  w->gradient_nearby = isfinite(near_gradient) && w->gradient < nearby_ratio * near_gradient;
  if (w->loss_nearby) w->loss_scale = fabs(near_loss);
  if (!(w->gradient > 0) && !w->gradient_nearby)
    return symo_fail(w->context, SYMO_E_NUMERIC,
                     "symmetry: the gradient of %s is zero at theta and near it, so nothing can be "
                     "measured (take another theta)",
                     name_of(p));
  return SYMO_OK;
}

/* ---- one row ---- */

static symo_status act(const work *w, const void *const *from, const vector *to) {
  return symo_element_act(w->element, symo_const_vector_of(w->dtype, from), out_of(w, to));
}

/* An element that moves theta, and v[MOVED] = rho theta; *found false if all are neutral. */
static symo_status draw(work *w, size_t space, bool *found) {
  symo_status status = SYMO_OK;
  bool moves = false;
  *found = false;
  for (int k = 0; k < DRAWS; k++) {
    status = space == SYMO_SYMMETRY_JOINT ? symo_element_sample(w->element, w->rng)
                                          : symo_element_sample_space(w->element, space, w->rng);
    if (status == SYMO_OK) status = act(w, w->theta_data, &w->v[MOVED]);
    if (status != SYMO_OK) return status;
    *found = differs(w, w->v[MOVED].flat, w->theta);
    if (*found) return SYMO_OK;
    if (moves) continue;
    status = act(w, (const void *const *)w->v[NEAR].data, &w->v[MOVED]);
    if (status != SYMO_OK) return status;
    moves = differs(w, w->v[MOVED].flat, w->v[NEAR].flat);
  }
  if (!moves) return SYMO_OK;
  return symo_fail(w->context, SYMO_E_NUMERIC,
                   "symmetry: the group of %s%s does not move theta, though it moves others, so "
                   "nothing can be measured (take another theta, a random one)",
                   space == SYMO_SYMMETRY_JOINT ? "" : "space ", space_name(w, space));
}

/* part / whole, which may both be zero. */
static double ratio(double part, double whole) {
  double defect = part == 0 ? 0 : part / whole;
  return isnan(defect) ? INFINITY : defect;
}

/* Whether the group of the space, or of any, acts on the tensor. */
static bool acts_on(const symo_layout *layout, size_t space, size_t tensor) {
  const layout_tensor *t = &layout->tensors[tensor];
  for (size_t axis = 0; axis < t->order; axis++)
    if (space == SYMO_SYMMETRY_JOINT ? !is_trivial(layout, t->space[axis])
                                     : t->space[axis] == space)
      return true;
  return false;
}

/* v[GRADIENT_MOVED] against v[PREDICTED], divided by norms of v[by]. */
static void compare(work *w, const vector *by, symo_symmetry_row *row, double *tensors) {
  size_t worst = 0;
  double least = smallest_part[w->dtype] * norm(w, by), moved = 0, largest = 0;
  symo_axpy(w->dtype, w->layout->parameters, -1, w->v[PREDICTED].flat, w->v[GRADIENT_MOVED].flat);
  for (size_t t = 0; t < w->layout->num_tensors; t++) {
    size_t size = w->layout->tensors[t].size;
    double own = symo_nrm2(w->dtype, size, by->data[t]);
    double off = symo_nrm2(w->dtype, size, w->v[GRADIENT_MOVED].data[t]);
    tensors[t] = fmax(tensors[t], ratio(off, fmax(own, least)));
    if (acts_on(w->layout, row->space, t)) moved = hypot(moved, own);
    if (!(off > largest)) continue;
    largest = off;
    worst = t;
  }
  double defect = ratio(norm(w, &w->v[GRADIENT_MOVED]), fmax(moved, least));
  if (defect < row->gradient) return;
  row->gradient = defect;
  row->tensor = worst;
}

static symo_status measure(work *w, symo_symmetry_row *row, double *tensors) {
  bool found = false;
  double loss = 0;
  vector *moved = &w->v[MOVED], *predicted = &w->v[PREDICTED];
  symo_status status = draw(w, row->space, &found);
  if (status != SYMO_OK || !found) return status;
  status = evaluate(w, moved->flat, &row->space, &loss, &w->v[GRADIENT_MOVED]);
  if (status == SYMO_OK)
    status = symo_element_act_dual(w->element, in_of(w, &w->v[GRADIENT]), out_of(w, predicted));
  if (status == SYMO_OK && w->gradient_nearby)
    status = symo_element_act_dual(w->element, in_of(w, &w->v[NEAR_GRADIENT]), out_of(w, moved));
  if (status != SYMO_OK) return status;
  row->loss = fmax(row->loss, ratio(fabs(loss - w->loss), w->loss_scale));
  compare(w, w->gradient_nearby ? moved : predicted, row, tensors);
  row->elements++;
  return SYMO_OK;
}

static void judge(const symo_symmetry_report *report, symo_symmetry_row *row) {
  row->defect = fmax(row->loss, row->gradient);
  row->verdict = row->defect <= report->exact         ? SYMO_SYMMETRY_EXACT
                 : row->defect <= report->approximate ? SYMO_SYMMETRY_APPROXIMATE
                                                      : SYMO_SYMMETRY_WRONG;
}

/* ---- could a defect have been seen? ---- */

static bool unseen(const symo_symmetry_row *row) {
  return row->verdict == SYMO_SYMMETRY_EXACT && row->elements > 0;
}

/* The smallest weights that show a defect are kept. */
static bool seen(const symo_symmetry_report *report, const symo_symmetry_row *row) {
  return row->elsewhere > sqrt(report->exact);
}

/* What rounding does to the row's gradient at v[NEAR]: that of parameters moved by their last
 * digits.  Deep networks with large weights make much of little. */
static symo_status rounding(work *w, size_t space, double *noise) {
  const double eps = w->dtype == SYMO_F32 ? FLT_EPSILON : DBL_EPSILON;
  symo_symmetry_row row = {.space = space};
  double loss = 0;
  for (size_t i = 0; i < w->layout->parameters; i++)
    symo_put(w->dtype, w->v[MOVED].flat, i,
             symo_get(w->dtype, w->theta, i) * (1 + eps * symo_rng_normal(w->rng)));
  symo_status status = evaluate(w, w->v[MOVED].flat, &space, &loss, &w->v[GRADIENT_MOVED]);
  if (status != SYMO_OK) return status;
  memcpy(w->v[PREDICTED].flat, w->v[GRADIENT].flat,
         w->layout->parameters * symo_dtype_size(w->dtype));
  compare(w, &w->v[PREDICTED], &row, w->scratch);
  *noise = fmax(row.gradient, ratio(fabs(loss - w->loss), w->loss_scale));
  return SYMO_OK;
}

/* Rows without a defect, again at v[NEAR], which takes theta's place; what is not finite there says
 * nothing. */
static symo_status try_again(work *w, double size, const symo_symmetry_report *report,
                             symo_symmetry_row *rows) {
  symo_status status = evaluate(w, w->v[NEAR].flat, NULL, &w->loss, &w->v[GRADIENT]);
  if (status != SYMO_OK) return status == SYMO_E_NONFINITE ? SYMO_OK : status;
  w->loss_scale = fabs(w->loss);
  for (size_t i = 0; i < report->num_rows; i++) {
    symo_symmetry_row probe = {.space = rows[i].space};
    if (!unseen(&rows[i])) continue;
    symo_element_reset(w->element);
    double noise = 0;
    status = rounding(w, rows[i].space, &noise);
    for (size_t k = 0; k < TELLING_ELEMENTS && status == SYMO_OK; k++)
      status = measure(w, &probe, w->scratch);
    if (status != SYMO_OK && status != SYMO_E_NONFINITE) return status;
    double defect = fmax(probe.loss, probe.gradient);
    if (!isfinite(defect) || !(defect > above_rounding * noise)) continue;
    if (defect <= rows[i].elsewhere || seen(report, &rows[i])) continue;
    rows[i].elsewhere = defect;
    rows[i].elsewhere_size = size;
  }
  return SYMO_OK;
}

/* At random weights: trained ones, made larger, would saturate. */
static symo_status measure_elsewhere(work *w, const symo_symmetry_report *report,
                                     symo_symmetry_row *rows) {
  double size = size_of(w);
  const void *theta = w->theta, **theta_data = w->theta_data;
  bool any = false;
  symo_status status = SYMO_OK;
  for (size_t i = 0; i < report->num_rows; i++) any = any || unseen(&rows[i]);
  w->gradient_nearby = false;
  for (size_t k = 0; any && k < TELLING && status == SYMO_OK; k++) {
    double larger = fmax(telling[k], size);
    step_aside(w, 0, larger / size);
    w->theta = w->v[NEAR].flat;
    w->theta_data = (const void **)w->v[NEAR].data;
    status = try_again(w, larger, report, rows);
    w->theta = theta;
    w->theta_data = theta_data;
  }
  for (size_t i = 0; i < report->num_rows; i++)
    if (unseen(&rows[i]) && seen(report, &rows[i])) rows[i].verdict = SYMO_SYMMETRY_UNCERTAIN;
  return status;
}

/* ---- the whole ---- */

static symo_status open_work(work *w) {
  size_t item = symo_dtype_size(w->dtype), tensors = w->layout->num_tensors, bytes;
  if (!symo_mul_size(VECTORS * item, w->layout->parameters, &bytes))
    return symo_fail_memory(w->context, "symmetry");
  w->flat = symo_malloc(bytes);
  w->pointers = symo_calloc(VECTORS * tensors + 1, sizeof *w->pointers);
  w->theta_data = symo_calloc(tensors + 1, sizeof *w->theta_data);
  w->scratch = symo_calloc(tensors + 1, sizeof *w->scratch);
  if (w->flat == NULL || w->pointers == NULL || w->theta_data == NULL || w->scratch == NULL)
    return symo_fail_memory(w->context, "symmetry");
  symo_layout_split_const(w->layout, w->dtype, w->theta, w->theta_data);
  for (size_t i = 0; i < VECTORS; i++) {
    w->v[i].flat = symo_at(w->dtype, w->flat, (ptrdiff_t)(i * w->layout->parameters));
    w->v[i].data = w->pointers + i * tensors;
    symo_layout_split(w->layout, w->dtype, w->v[i].flat, w->v[i].data);
  }
  return symo_element_create(w->layout, &w->element);
}

static symo_status run(work *w, size_t samples, symo_symmetry_report *report,
                       symo_symmetry_row *rows, double *tensors) {
  symo_status status = SYMO_OK;
  SYMO_TRY(open_work(w));
  SYMO_TRY(symo_layout_check_vector(
      w->layout, w->dtype, symo_const_vector_of(w->dtype, w->theta_data), "symmetry: theta"));
  SYMO_TRY(begin(w));
  report->loss = w->loss;
  report->gradient = w->gradient;
  report->loss_nearby = w->loss_nearby;
  report->gradient_nearby = w->gradient_nearby;
  for (size_t i = 0; i < report->num_rows; i++) {
    symo_element_reset(w->element);
    for (size_t k = 0; k < samples && rows[i].elements == k; k++)
      SYMO_TRY(measure(w, &rows[i], tensors + i * report->num_tensors));
    judge(report, &rows[i]);
  }
  SYMO_TRY(measure_elsewhere(w, report, rows));
  for (size_t i = 0; i < report->num_rows; i++)
    if (rows[i].verdict > report->verdict) report->verdict = rows[i].verdict;
fail:
  symo_element_destroy(w->element);
  symo_free(w->flat);
  symo_free(w->pointers);
  symo_free(w->theta_data);
  symo_free(w->scratch);
  return status;
}

symo_status symo_symmetry_measure(const symo_problem *problem, symo_layout *layout,
                                  const void *theta, symo_rng *rng, const symo_symmetry_spec *spec,
                                  symo_symmetry_report **out) {
  if (layout == NULL) return SYMO_E_ARGUMENT;
  if (problem == NULL || theta == NULL || rng == NULL || out == NULL)
    return symo_fail_null(layout->context, "symmetry",
                          problem == NULL ? "problem"
                          : theta == NULL ? "theta"
                          : rng == NULL   ? "rng"
                                          : "out");
  symo_symmetry_spec how = spec != NULL ? *spec : symo_symmetry_spec_default();
  symo_status status = check(problem, layout, &how);
  if (status != SYMO_OK) return status;
  symo_symmetry_report *report = NULL;
  symo_symmetry_row *rows = NULL;
  double *tensors = NULL;
  status = new_report(layout, count_rows(layout), &report, &rows, &tensors);
  if (status != SYMO_OK) return status;
  report->exact = how.exact > 0 ? how.exact : exact_bound[problem->dtype];
  report->approximate = how.approximate;
  work w = {.problem = problem,
            .layout = layout,
            .context = layout->context,
            .dtype = problem->dtype,
            .rng = rng,
            .theta = theta};
  if (report->num_rows > 0) status = run(&w, how.samples, report, rows, tensors);
  if (status == SYMO_OK)
    *out = report;
  else
    symo_symmetry_destroy(report);
  return status;
}
