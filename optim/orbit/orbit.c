/* Covariances averaged over the group of a layout, and steps by their roots.
 *
 * For the coordinates X [count][n, m] of a direction u in a label, the average of rho u u' rho'
 * over the group is, member by member,
 *
 *     C = X'X / n      (method.mean; else X'X, the constant of Muon and Shampoo)
 *
 * and the step is X (C + eps I)^{-alpha/2}: docs/mathematics.md, sections 2, 4 and 8.
 *
 * With memory (beta2 > 0) C is a sum or an average over steps, kept in the state with its root.
 * Without, C is that of the direction at hand: then X f(X'X) = f(XX') X, the smaller side is
 * enough, and nothing is kept (apply.c).  Labels whose C is one number have neither roots nor
 * solver.
 *
 * Centred: label 0 has no covariance, and the pseudo-inverse would never move it.  Its part of u is
 * multiplied by (c + eps)^{-alpha/2} instead, c the mean eigenvalue of all other C: a step that the
 * group moves as it should, of the same degree in u as the others, and which they outweigh.
 *
 * Check value: one matrix, orthogonal group on its first axis, identity on its second, no memory,
 * mean false, alpha 1: the polar factor U V' of u. */
#include "optim/orbit/division.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "optim/damping/damping.h"
#include "optim/method.h"
#include "optim/solver/scaled.h"

double symo_orbit_damping(const orbit *o, const curvature_step *step, double trace, size_t m) {
  return o->relative ? step->damping * trace / (double)m : step->damping;
}

double symo_orbit_correction(const orbit *o, const curvature_step *step) {
  double beta = o->method.beta2;
  if (!o->method.correction || beta >= 1 || step->updates == 0) return 1;
  return 1 / (1 - pow(beta, (double)step->updates));
}

solver_options symo_orbit_options(const orbit *o, const orbit_power *power, double eps,
                                  double edge) {
  return (solver_options){.dtype = o->dtype,
                          .eps = eps,
                          .power = power->power,
                          .steps = symo_solver_steps(&o->method),
                          .tolerance = o->method.solver_tolerance,
                          .filter = o->method.cut > 0 ? power->filter : NULL,
                          .bend = {o->method.cut_reference, o->method.cut, edge}};
}

/* ---- what is refused ---- */

static bool moved_by_a_group(const symo_layout *layout) {
  for (size_t t = 0; t < layout->num_tensors; t++)
    if (symo_layout_moves(layout, t)) return true;
  return false;
}

static const char *refuse_solver(const symo_method *method) {
  bool memory = method->beta2 > 0;
  if (memory && method->skip_tolerance > 0) {
    if (!method->solver->chooses && !method->solver->eigenbasis)
      return "skip_tolerance looks at the eigenbasis of the last root, which only eigh gives (set "
             "solver to eigh, or skip_tolerance to 0)";
    return NULL;
  }
  if (method->solver->chooses) return NULL;
  const symo_solver *solver = method->solver;
  if (solver->root == NULL && solver->polar == NULL)
    return "the solver takes no roots of covariances (cg is for hessian and ggn; auto and eigh are "
           "for these)";
  if (memory && solver->root == NULL)
    return "the solver only makes polar factors, and covariances with memory need roots (set beta2 "
           "to 0, or solver to eigh)";
  if (solver->refuse == NULL || !symo_method_measures(method))
    return solver->refuse == NULL ? NULL : solver->refuse(-method->alpha / 2);
  const double alphas[] = {method->alpha_initial, method->alpha_min, method->alpha_max};
  const char *reason = NULL;
  for (int i = 0; i < 3 && reason == NULL; i++) reason = solver->refuse(-alphas[i] / 2);
  return reason;
}

static const char *refuse(const symo_method *method, const symo_layout *layout) {
  if (!(method->alpha >= 0 && method->alpha <= 2) && !symo_method_measures(method))
    return "alpha must be in [0, 2]";
  if (!(method->beta2 >= 0 && method->beta2 <= 1)) return "beta2 must be in [0, 1]";
  for (size_t i = 0; i < layout->num_spaces; i++)
    if (layout->spaces[i].group->structure != NULL)
      return "scalings have moments for estimates of curvature, not for steps (give the space its "
             "signs and permutations as a group, or another curvature)";
  if (symo_orbit_basis_of(method) != ORBIT_BASIS_NONE) {
    const char *reason = symo_orbit_basis_refuse(method);
    if (reason != NULL) return reason;
  }
  if (method->estimator != SYMO_STEP_H_G) {
    const char *reason = symo_orbit_estimated_refuse(method);
    if (reason != NULL) return reason;
  }
  if (method->alpha == 0) return NULL;
  if (method->beta2 == 0 && method->momentum > 0 && method->source == SYMO_SOURCE_GRADIENT)
    return "without memory the covariance is that of the direction itself (set source to momentum, "
           "or beta2 above 0)";
  if (method->centered && !moved_by_a_group(layout))
    return "centred covariances of tensors that no group moves are zero (set centered to false)";
  return refuse_solver(method);
}

/* ---- creation ---- */

/* The side of the matrix whose root is taken, and the solver for it. */
static const symo_solver *choose_solver(const orbit *o, const orbit_label *l) {
  if (!o->method.solver->chooses) return o->method.solver;
  if (o->estimated) return &symo_solver_eigh;
  if (o->method.cut > 0 || o->measures) return &symo_solver_eigh;
  if (l->way == ORBIT_POLAR)
    return symo_solver_auto_polar(o->dtype, o->own.power, l->label->ambient, l->label->m,
                                  o->threads);
  if (o->method.skip_tolerance > 0 || o->moments != ORBIT_BASIS_NONE) return &symo_solver_eigh;
  return symo_solver_auto_root(o->dtype, o->own.power, l->label->m, o->threads);
}

/* Its entries, of which numbers of the whole rule are in every process. */
static void add_entries(orbit *o, orbit_label *l) {
  const bool memory = o->method.beta2 > 0 && l->way != ORBIT_DROPPED;
  l->covariance = l->root = l->basis = l->moments = l->progress = ORBIT_NO_ENTRY;
  if (memory && o->units == ORBIT_NO_ENTRY) o->units = (int)o->num_entries++;
  if (memory && l->here) l->covariance = (int)o->num_entries++;
  if (l->way != ORBIT_ROOTS) return;
  if (o->root_units == ORBIT_NO_ENTRY) o->root_units = (int)o->num_entries++;
  if (o->estimated && o->fixed == ORBIT_NO_ENTRY) o->fixed = (int)o->num_entries++;
  if (o->estimated) o->num_roots = 1;
  if (!l->here) return;
  if (!o->estimated) o->num_roots++;
  if (o->moments != ORBIT_BASIS_NONE) {
    l->basis = (int)o->num_entries++;
    l->moments = (int)o->num_entries++;
    l->progress = (int)o->num_entries++;
    return;
  }
  l->root = (int)o->num_entries++;
  if (o->method.skip_tolerance > 0) l->basis = (int)o->num_entries++;
}

static symo_status set_label(orbit *o, orbit_label *l) {
  const plan_label *label = l->label;
  bool memory = o->method.beta2 > 0;
  /* One number needs no basis, but its rows may still have second moments. */
  bool entries = o->moments == ORBIT_BASIS_ADAM && label->ambient > 1;
  if (label->dropped)
    l->way = ORBIT_DROPPED;
  else if (memory)
    l->way = label->m == 1 && !entries && !o->estimated ? ORBIT_NUMBERS : ORBIT_ROOTS;
  else
    l->way = label->m == 1 || label->ambient == 1 ? ORBIT_NORMS : ORBIT_POLAR;
  if (l->way == ORBIT_ROOTS || l->way == ORBIT_POLAR) {
    size_t small = memory || label->m < label->ambient ? label->m : label->ambient, bytes;
    if (small > SYMO_EIGH_MAX || !symo_mul_size(label->m * 8, label->m * label->count, &bytes))
      return symo_fail(o->context, SYMO_E_SIZE,
                       "orbit: label %s: a root of order %zu, and they end at %d (choose groups "
                       "with smaller multiplicities; see `symo layout`)",
                       label->name, small, SYMO_EIGH_MAX);
    l->solver = choose_solver(o, l);
  }
  add_entries(o, l);
  return SYMO_OK;
}

static symo_status set_labels(orbit *o, const curvature_task *task) {
  symo_status status = SYMO_OK;
  bool any = false;
  o->labels = symo_calloc(o->plan->num_labels, sizeof *o->labels);
  if (o->labels == NULL) return symo_fail_memory(o->context, "orbit");
  o->num_labels = o->plan->num_labels;
  for (size_t i = 0; i < o->num_labels; i++) {
    o->labels[i].label = &o->plan->labels[i];
    o->labels[i].here = true;
  }
  if (task->division != NULL) SYMO_TRY(symo_orbit_divide(o, task->division));
  for (size_t i = 0; i < o->num_labels; i++) {
    orbit_label *l = &o->labels[i];
    SYMO_TRY(set_label(o, l));
    size_t need = symo_orbit_apply_work(o, l), roots = symo_orbit_refresh_work(o, l);
    if (l->covariance != ORBIT_NO_ENTRY) {
      size_t gram = symo_orbit_gram_work(o, l);
      need = gram > need ? gram : need;
    }
    need = roots > need ? roots : need;
    o->work = need > o->work ? need : o->work;
    any = any || l->way != ORBIT_DROPPED;
  }
  if (o->estimated) {
    size_t need = symo_orbit_estimate_work(o);
    o->work = need > o->work ? need : o->work;
  }
  o->head = symo_orbit_apply_head(o);
  o->work += o->head;
  SYMO_TRY(symo_orbit_make_parts(o));
  if (!any && !task->share)
    status = symo_fail(o->context, SYMO_E_UNSUPPORTED,
                       "orbit: no group moves any of the tensors, and centred covariances are zero "
                       "(set centered to false)");
fail:
  return status;
}

static void destroy(void *self) {
  orbit *o = self;
  if (o == NULL) return;
  symo_plan_destroy((symo_plan *)(uintptr_t)o->plan); /* the reference that create took */
  symo_free(o->labels);
  symo_free(o->part_end);
  symo_free(o->part_label);
  symo_orbit_division_destroy(o->division);
  symo_free(o);
}

static symo_status create(const curvature_task *task, symo_coupling coupling, void **self) {
  symo_status status;
  symo_plan *plan = NULL;
  orbit *o = symo_calloc(1, sizeof *o);
  if (o == NULL) return symo_fail_memory(task->context, "orbit");
  o->context = task->context;
  o->units = o->root_units = o->fixed = o->alphas = o->filters = ORBIT_NO_ENTRY;
  o->estimated = task->method->estimator != SYMO_STEP_H_G;
  o->method = *task->method;
  o->measures = symo_method_measures(&o->method);
  if (o->measures) o->method.alpha = o->method.alpha_initial;
  o->dtype = task->dtype;
  o->threads = task->threads;
  o->moments = symo_orbit_basis_of(task->method);
  o->relative = task->method->damping->relative || task->method->damping->largest;
  SYMO_TRY(symo_orbit_fit(o, o->method.alpha, &o->own));
  symo_plan_spec spec = {
      .dtype = task->dtype, .coupling = coupling, .centered = task->method->centered};
  /* Steps have room for all coordinates of a label anyway. */
  symo_layout *layout = task->division != NULL ? task->division->layout : task->layout;
  SYMO_TRY(symo_plan_create_panel(layout, &spec, SIZE_MAX, &plan));
  o->plan = plan;
  if (o->method.alpha > 0) SYMO_TRY(set_labels(o, task));
  if (o->measures) symo_orbit_add_alphas(o);
  *self = o;
  return SYMO_OK;
fail:
  destroy(o);
  return status;
}

/* ---- what it says of itself ---- */

static size_t num_entries(const void *self) { return ((const orbit *)self)->num_entries; }
static size_t num_roots(const void *self) { return ((const orbit *)self)->num_roots; }
static size_t work_bytes(const void *self) { return ((const orbit *)self)->work; }

symo_state_entry symo_orbit_entry(const void *self, size_t index) {
  const orbit *o = self;
  symo_state_entry e = {.dtype = o->dtype};
  if (o->units == (int)index)
    return (symo_state_entry){"units", SYMO_F64, 1, {o->num_labels}, NULL};
  if (o->root_units == (int)index)
    return (symo_state_entry){"root-units", SYMO_F64, 1, {o->num_labels}, NULL};
  if (o->alphas == (int)index || o->filters == (int)index) return symo_orbit_alpha_entry(o, index);
  if (o->fixed == (int)index) return (symo_state_entry){"fixed", SYMO_F64, 1, {1}, NULL};
  for (size_t i = 0; i < o->num_labels; i++) {
    const orbit_label *l = &o->labels[i];
    const char *what = l->covariance == (int)index ? "covariance"
                       : l->root == (int)index     ? "root"
                       : l->basis == (int)index    ? "basis"
                       : l->moments == (int)index  ? "moments"
                       : l->progress == (int)index ? "progress"
                                                   : NULL;
    if (what == NULL) continue;
    size_t length = strlen(l->label->name);
    if (length + 12 > sizeof e.name)
      length = (size_t)snprintf(e.name, sizeof e.name, "label-%zu", i);
    else
      memcpy(e.name, l->label->name, length + 1);
    snprintf(e.name + length, sizeof e.name - length, "/%s", what);
    e.order = l->way == ORBIT_NUMBERS ? 1 : 3;
    e.shape[0] = l->label->count;
    e.shape[1] = e.shape[2] = l->label->m;
    if (l->moments == (int)index && o->moments == ORBIT_BASIS_COLUMN) e.order = 2;
    if (l->moments == (int)index && o->moments == ORBIT_BASIS_ADAM) e.shape[1] = l->label->ambient;
    if (l->progress == (int)index) {
      e.dtype = SYMO_F64;
      e.order = 1;
      e.shape[0] = ORBIT_PROGRESS + l->label->count;
    }
    break;
  }
  return e;
}

const orbit_label *symo_orbit_label_of_root(const orbit *o, size_t root) {
  for (size_t i = 0; i < o->num_labels; i++) {
    const orbit_label *l = &o->labels[i];
    if ((o->estimated ? l->way == ORBIT_ROOTS : symo_orbit_keeps_root(l)) && root-- == 0) return l;
  }
  return NULL;
}

static bool key(const void *self, size_t entry, size_t index, char key[CURVATURE_KEY]) {
  const orbit *o = self;
  const bool alphas = entry == (size_t)o->alphas || entry == (size_t)o->filters;
  const bool units = o->units >= 0 && entry == (size_t)o->units;
  const bool root_units = o->root_units >= 0 && entry == (size_t)o->root_units;
  if (o->measures && entry != SYMO_NONE && alphas) { /* a row for each tensor */
    const size_t rows = symo_orbit_alpha_entry(o, entry).shape[1];
    snprintf(key, CURVATURE_KEY, "%s", o->plan->layout->tensors[index / rows].name);
    return true;
  }
  if (o->fixed >= 0 && entry == (size_t)o->fixed) { /* the same in all processes */
    key[0] = '\0';
    return true;
  }
  if (!units && !root_units && entry != SYMO_NONE) return false;
  const orbit_label *l =
      entry == SYMO_NONE ? symo_orbit_label_of_root(o, index) : &o->labels[index];
  assert(l != NULL); /* `index` is below the number of roots */
  /* Another process has the number. */
  if (entry != SYMO_NONE && !l->here) return false;
  snprintf(key, CURVATURE_KEY, "%s", l->label->name);
  return true;
}

static void describe_filter(const orbit *o, symo_text *out) {
  static const char *const of[] = {"", " of the median", " of the edge of noise"};
  const symo_filter *f = o->own.filter;
  const int rungs = o->own.rungs;
  if (!(o->method.cut > 0) || (rungs == 0 && o->method.cut_reference == SYMO_CUT_LARGEST)) return;
  symo_text_add(out, "cut %g%s", o->method.cut, of[o->method.cut_reference]);
  if (rungs == 1)
    symo_text_add(out, " by a polynomial of %d products, error %.2g", f->products, f->error);
  if (rungs > 1)
    symo_text_add(out,
                  " by %d polynomials of %d products for cuts from %g to %g of the 4-norm, errors "
                  "%.2g to %.2g",
                  rungs, f->products, f->shape.cut, f[rungs - 1].shape.cut, f->error,
                  f[rungs - 1].error);
  symo_text_add(out, "\n");
}

static symo_status describe(const void *self, char **text) {
  const orbit *o = self;
  const char *how = o->method.solver->chooses ? " (auto)" : "";
  symo_text out = {0};
  if (o->num_labels == 0) symo_text_add(&out, "alpha 0: directions as they are\n");
  if (o->estimated)
    symo_text_add(&out, "the estimate %s, of all labels together\n",
                  o->method.estimator == SYMO_STEP_H_PD ? "h-pd" : "h-star");
  describe_filter(o, &out);
  for (size_t i = 0; i < o->num_labels; i++) {
    const orbit_label *l = &o->labels[i];
    size_t count = l->label->count, rows = l->label->ambient, m = l->label->m;
    symo_text_add(&out, "%s: ", l->label->name);
    if (count > 1) symo_text_add(&out, "%zu times ", count);
    if (l->way == ORBIT_DROPPED)
      symo_text_add(&out, "%zu x %zu by the mean of the others\n", rows, m);
    else if (l->way == ORBIT_NORMS)
      symo_text_add(&out, "%zu x %zu by its norm\n", rows, m);
    else if (l->way == ORBIT_NUMBERS)
      symo_text_add(&out, "one number\n");
    else if (l->way == ORBIT_POLAR)
      symo_text_add(&out, "%zu x %zu from the smaller side by %s%s, %.4g Mflop\n", rows, m,
                    l->solver->name, how, 1e-6 * symo_orbit_polar_flops(o, l));
    else if (orbit_in_basis(l))
      symo_text_add(&out,
                    "%zu x %zu eigenbasis by %s%s, %.4g Mflop, %zu x %zu second moments in it by "
                    "%s\n",
                    m, m, l->solver->name, how, 1e-6 * symo_orbit_root_flops(o, l),
                    o->moments == ORBIT_BASIS_COLUMN ? (size_t)1 : rows, m,
                    o->moments == ORBIT_BASIS_COLUMN ? "column" : "entry");
    else
      symo_text_add(&out, "%zu x %zu root by %s%s, %.4g Mflop\n", m, m, l->solver->name, how,
                    1e-6 * symo_orbit_root_flops(o, l));
  }
  return symo_text_finish(&out, o->context, text);
}

/* ---- the two rows: labels coupled across tensors, or every tensor by itself ---- */

static symo_status create_coupled(const curvature_task *task, void **self) {
  return create(task, SYMO_COUPLED, self);
}

static symo_status create_blocked(const curvature_task *task, void **self) {
  return create(task, SYMO_BLOCKED, self);
}

/* What both rows share; they differ in the coupling of their plan. */
static bool keeps_roots(const symo_method *method) { return method->beta2 > 0; }

#define ORBIT_ROW                                                                                  \
  .takes_cut = true, .takes_estimator = true, .keeps_roots = keeps_roots, .refuse = refuse,        \
  .destroy = destroy, .num_entries = num_entries, .entry = symo_orbit_entry,                       \
  .work_bytes = work_bytes, .accumulate = symo_orbit_accumulate, .num_roots = num_roots,           \
  .parts = symo_orbit_parts, .key = key, .refresh = symo_orbit_refresh, .apply = symo_orbit_apply, \
  .describe = describe, .accumulate_flops = symo_orbit_accumulate_flops,                           \
  .refresh_flops = symo_orbit_refresh_flops, .apply_flops = symo_orbit_apply_flops

const symo_curvature symo_curvature_orbit = {
    ORBIT_ROW,
    .couples = true,
    .create = create_coupled,
    .num_units = symo_orbit_num_units,
    .unit = symo_orbit_unit_cost,
    .unit_in = symo_orbit_unit_in,
    .name = "orbit",
    .summary = "averages of u u' over the group, coupled across tensors",
};

const symo_curvature symo_curvature_orbit_blocked = {
    ORBIT_ROW,
    .create = create_blocked,
    .take_alphas = symo_orbit_take_alphas,
    .alpha = symo_orbit_alpha,
    .name = "orbit-blocked",
    .summary = "averages of u u' over the group, every tensor by itself",
};
