/* Closed forms against brute force; see closed.h. */
#include "tests/support/closed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/linalg.h"
#include "groups/group.h"

void symo_closed_build(symo_world *w, size_t num, const symo_closed_space *spaces,
                       const char *tensors) {
  char name[2] = "a";
  symo_world_drop(w);
  snprintf(w->text, sizeof w->text, "%s on %zu: %s", symo_group_name(spaces[0].group),
           spaces[0].dim, tensors);
  cr_ok(w->context, symo_layout_create(w->context, &w->layout));
  for (size_t s = 0; s < num; s++)
    cr_ok(w->context,
          symo_layout_add_space(w->layout, spaces[s].name, spaces[s].dim, spaces[s].group));
  for (; *tensors != 0; name[0]++) {
    char letters[SYMO_MAX_ORDER][2] = {{0}};
    const char *axes[SYMO_MAX_ORDER];
    size_t order = 0;
    for (; *tensors != 0 && *tensors != ' '; tensors++, order++) {
      letters[order][0] = *tensors;
      axes[order] = letters[order];
    }
    if (*tensors == ' ') tensors++;
    cr_ok(w->context, symo_layout_add_tensor(w->layout, name, order, axes));
  }
  w->n = symo_layout_num_parameters(w->layout);
}

/* ---- brute force ---- */

static double *average(const symo_world *w, size_t num, const symo_closed_space *spaces,
                       const double *a) {
  double *out = malloc(w->n * w->n * sizeof *out);
  memcpy(out, a, w->n * w->n * sizeof *out);
  for (size_t s = 0; s < num; s++) {
    if (spaces[s].claim == NULL) continue;
    double *next = symo_claim_average(spaces[s].claim, w->layout, s, out);
    free(out);
    out = next;
  }
  return out;
}

static double *mean(const symo_world *w, size_t num, const symo_closed_space *spaces,
                    const double *x) {
  double *out = malloc(w->n * sizeof *out), *rho = malloc(w->n * w->n * sizeof *rho);
  double *image = malloc(w->n * sizeof *image), *next = malloc(w->n * sizeof *next);
  memcpy(out, x, w->n * sizeof *out);
  for (size_t s = 0; s < num; s++) {
    const symo_claim *c = spaces[s].claim;
    if (c == NULL) continue;
    memset(next, 0, w->n * sizeof *next);
    for (size_t k = 0; k < c->count; k++) {
      symo_claim_rho(w->layout, s, c->elements + k * c->dim * c->dim, rho);
      symo_dense_matvec(w->n, rho, out, image);
      for (size_t i = 0; i < w->n; i++) next[i] += image[i] / (double)c->count;
    }
    memcpy(out, next, w->n * sizeof *out);
  }
  free(rho);
  free(image);
  free(next);
  return out;
}

/* Irreps found from generators are as accurate as eps over the gaps where eigenvalues are cut, 1e-3
 * (groups/numeric/irreps_split.c), and found in float64. */
static double bound_of(size_t num, const symo_closed_space *spaces, symo_dtype dtype) {
  size_t dim = 1;
  for (size_t s = 0; s < num; s++)
    if (spaces[s].dim > dim) dim = spaces[s].dim;
  return symo_test_bound(SYMO_F64, dim, 1e3) +
         (dtype == SYMO_F32 ? symo_test_bound(dtype, dim, 1) : 0);
}

static void check_covariance(symo_world *w, size_t num, const symo_closed_space *spaces,
                             symo_dtype dtype, bool centered) {
  size_t n = w->n;
  symo_test_batch g = symo_test_batch_make(w->layout, dtype, w->rng, 2);
  symo_test_case how = {"covariance", dtype, centered, false, 0};
  double *found = symo_world_dense(w, &how, &g, NULL);
  double *m[2] = {mean(w, num, spaces, g.flat), mean(w, num, spaces, g.flat + n)};
  for (size_t i = 0; centered && i < 2 * n; i++) g.flat[i] -= m[i / n][i % n];
  double *gg = symo_dense_outer(n, 2, g.flat, g.flat), *wanted = average(w, num, spaces, gg);
  double scale = symo_dense_norm(n, gg), defect = 0;
  for (size_t i = 0; i < n * n; i++) defect = fmax(defect, fabs(found[i] - wanted[i]));
  cr_assert(symo_test_max(found, n * n) <= 1e6 * (scale + 1), "%s", w->text);
  cr_assert(defect <= bound_of(num, spaces, dtype) * (scale + 1e-6), "covariance: %s: %g", w->text,
            defect / scale);
  free(found);
  free(wanted);
  free(gg);
  free(m[0]);
  free(m[1]);
  symo_test_batch_free(&g);
}

static void check_mean(symo_world *w, size_t num, const symo_closed_space *spaces,
                       symo_dtype dtype) {
  symo_plan *plan = symo_world_plan(w, dtype, SYMO_COUPLED, false);
  symo_test_batch g = symo_test_batch_make(w->layout, dtype, w->rng, 2);
  double *wanted = mean(w, num, spaces, g.flat), *found = malloc(w->n * sizeof *found);
  cr_ok(w->context, symo_plan_mean(plan, g.in[0], symo_test_out(&g.vectors[1])));
  symo_test_vector_get(&g.vectors[1], found);
  for (size_t i = 0; i < w->n; i++) found[i] -= wanted[i];
  double defect = symo_test_max(found, w->n);
  cr_assert(defect <= bound_of(num, spaces, dtype), "mean: %s: %g", w->text, defect);
  free(found);
  free(wanted);
  symo_test_batch_free(&g);
  symo_plan_destroy(plan);
}

static void check_reynolds(symo_world *w, size_t num, const symo_closed_space *spaces) {
  size_t n = w->n;
  double *a = malloc(n * n * sizeof *a);
  symo_test_randn(w->rng, a, n * n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++) a[i * n + j] = a[j * n + i];
  symo_plan *plan = symo_world_plan(w, SYMO_F64, SYMO_COUPLED, false);
  symo_hessian *h;
  cr_ok(w->context, symo_reynolds(plan, a, &h));
  double *wanted = average(w, num, spaces, a), *found = symo_dense_of(h);
  double defect = symo_test_rel(found, wanted, n * n);
  cr_assert(defect <= bound_of(num, spaces, SYMO_F64), "reynolds: %s: %g", w->text, defect);
  free(a);
  free(found);
  free(wanted);
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
}

/* ---- without a list of elements ---- */

static void check_diagonal(symo_world *w, const char *estimator) {
  symo_test_batch g = symo_test_batch_make(w->layout, SYMO_F64, w->rng, 2);
  symo_test_case how = {estimator, SYMO_F64, false, false, 0};
  symo_plan *plan;
  symo_hessian *h = symo_world_estimate(w, &how, &g, NULL, &plan);
  double *dense = symo_dense_of(h), *found = malloc(w->n * sizeof *found);
  cr_ok(w->context, symo_hessian_diagonal(h, symo_test_out(&g.vectors[0])));
  symo_test_vector_get(&g.vectors[0], found);
  for (size_t i = 0; i < w->n; i++) found[i] -= dense[i * w->n + i];
  double defect = symo_test_max(found, w->n);
  cr_assert(defect <= 1e-12 * symo_dense_norm(w->n, dense), "diagonal of %s: %s: %g", estimator,
            w->text, defect);
  free(dense);
  free(found);
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
  symo_test_batch_free(&g);
}

static void check_complete(symo_world *w, symo_coupling coupling) {
  size_t total = 0;
  symo_plan *plan = symo_world_plan(w, SYMO_F64, coupling, false);
  for (size_t i = 0; i < symo_plan_num_labels(plan); i++) {
    symo_label_info l = symo_plan_label(plan, i);
    total += l.dim * l.count * l.multiplicity;
  }
  cr_assert_eq(total, w->n, "%s: dimensions add to %zu of %zu", w->text, total, w->n);
  symo_test_batch g = symo_test_batch_make(w->layout, SYMO_F64, w->rng, 2);
  symo_hessian *h;
  cr_ok(w->context, symo_hessian_identity(plan, 1, &h));
  cr_ok(w->context, symo_hessian_matvec(h, g.in[0], symo_test_out(&g.vectors[1])));
  symo_test_vector_get(&g.vectors[1], g.flat + w->n);
  double defect = symo_test_rel(g.flat + w->n, g.flat, w->n);
  cr_assert(defect <= 1e-13, "%s: not complete: %g", w->text, defect);
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
  symo_test_batch_free(&g);
}

/* A rho x = rho A x, rho' rho = 1, for samples. */
static void check_commutes(symo_world *w) {
  symo_test_case how = {"covariance", SYMO_F64, false, false, 0};
  symo_test_batch g = symo_test_batch_make(w->layout, SYMO_F64, w->rng, 1);
  symo_test_batch x = symo_test_batch_make(w->layout, SYMO_F64, w->rng, 5);
  symo_plan *plan;
  symo_element *e;
  symo_hessian *h = symo_world_estimate(w, &how, &g, NULL, &plan);
  symo_vector y[5];
  double *flat[5];
  for (int k = 0; k < 5; k++) {
    y[k] = symo_test_out(&x.vectors[k]);
    flat[k] = x.flat + (size_t)k * w->n;
  }
  cr_ok(w->context, symo_element_create(w->layout, &e));
  for (int sample = 0; sample < 3; sample++) {
    cr_ok(w->context, symo_element_sample(e, w->rng));
    cr_ok(w->context, symo_element_act(e, x.in[0], y[1]));
    cr_ok(w->context, symo_hessian_matvec(h, x.in[1], y[2]));
    cr_ok(w->context, symo_hessian_matvec(h, x.in[0], y[3]));
    cr_ok(w->context, symo_element_act(e, x.in[3], y[4]));
    for (int k = 2; k < 5; k++) symo_test_vector_get(&x.vectors[k], flat[k]);
    double defect = symo_test_rel(flat[2], flat[4], w->n);
    cr_assert(defect <= 1e-11, "%s: does not commute: %g", w->text, defect);
    cr_ok(w->context, symo_element_act_inverse(e, x.in[1], y[2]));
    symo_test_vector_get(&x.vectors[2], flat[2]);
    defect = symo_test_rel(flat[2], flat[0], w->n);
    cr_assert(defect <= 1e-13, "%s: inverse: %g", w->text, defect);
  }
  symo_element_destroy(e);
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
  symo_test_batch_free(&g);
  symo_test_batch_free(&x);
}

void symo_closed_check_samples(symo_world *w, size_t num, const symo_closed_space *spaces,
                               const char *tensors) {
  symo_closed_build(w, num, spaces, tensors);
  check_diagonal(w, "covariance");
  check_diagonal(w, "h-g-bd");
  check_complete(w, SYMO_COUPLED);
  check_complete(w, SYMO_BLOCKED);
  check_commutes(w);
}

void symo_closed_check(symo_world *w, size_t num, const symo_closed_space *spaces,
                       const char *tensors) {
  symo_closed_build(w, num, spaces, tensors);
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
    check_covariance(w, num, spaces, (symo_dtype)dtype, false);
    check_covariance(w, num, spaces, (symo_dtype)dtype, true);
    check_mean(w, num, spaces, (symo_dtype)dtype);
  }
  check_reynolds(w, num, spaces);
  symo_closed_check_samples(w, num, spaces, tensors);
}

/* ---- against numerical irreps ---- */

void symo_closed_check_custom(symo_world *w, size_t num, const symo_closed_space *spaces,
                              const char *tensors) {
  static const char *const names[] = {"covariance", "h-g", "h-pd", "h-star"};
  symo_generators *generators;
  symo_group_spec spec = symo_group_spec_default("custom");
  symo_closed_space custom[8];
  double *wanted[4];
  symo_closed_build(w, num, spaces, tensors);
  symo_test_batch g = symo_test_batch_make(w->layout, SYMO_F64, w->rng, 3);
  symo_test_batch p = symo_test_batch_make(w->layout, SYMO_F64, w->rng, 3);
  for (int k = 0; k < 4; k++) {
    symo_test_case how = {names[k], SYMO_F64, false, false, k > 1 ? 0.1 : 0};
    wanted[k] = symo_world_dense(w, &how, &g, k > 1 ? &p : NULL);
  }
  cr_ok(w->context, symo_group_generators(w->context, spaces[0].group, spaces[0].dim, &generators));
  spec.generators = *generators;
  memcpy(custom, spaces, num * sizeof *spaces);
  symo_group *group;
  cr_ok(w->context, symo_group_create(w->context, &spec, &group));
  custom[0].group = group;
  symo_closed_build(w, num, custom, tensors);
  for (int k = 0; k < 4; k++) {
    symo_test_case how = {names[k], SYMO_F64, false, false, k > 1 ? 0.1 : 0};
    double *found = symo_world_dense(w, &how, &g, k > 1 ? &p : NULL);
    double defect = symo_test_rel(found, wanted[k], w->n * w->n);
    cr_assert(defect <= 1e-9, "%s of %s: %s: %g", names[k], symo_group_name(spaces[0].group),
              w->text, defect);
    free(found);
    free(wanted[k]);
  }
  symo_free(generators);
  symo_group_destroy(group);
  symo_test_batch_free(&g);
  symo_test_batch_free(&p);
}

/* ---- cuts ---- */

enum { LANES = 3, MOST = 20000 };

static symo_nd coordinates(const symo_group *group, symo_dtype dtype, const symo_irrep *r,
                           size_t copies, int irrep, symo_nd x, size_t first, size_t n,
                           double *store) {
  size_t shape[SYMO_MAX_FRAME + 3], d = x.n[0];
  static double work[MOST];
  int axes = 0, order = x.nd - 1;
  symo_nd seen;
  if (r->family) shape[axes++] = r->count;
  for (int k = 0; k < r->ambient; k++) shape[axes++] = r->frame[k];
  bool cut = n > 0;
  if (cut) shape[0] = n;
  shape[axes++] = copies;
  shape[axes++] = LANES;
  symo_nd out = symo_nd_dense(dtype, store, axes, shape);
  cr_assert(symo_nd_size(&out) <= MOST);
  if (group->view != NULL && group->view(group, order, irrep, x, &seen)) {
    symo_nd_copy(1, cut ? symo_nd_slice(seen, 0, first, n) : seen, out);
    return out;
  }
  size_t room[2] = {group->reduced == NULL ? 0 : group->reduced(group, d, order), LANES};
  cr_assert(room[0] * LANES + 2 <= MOST);
  symo_nd red = symo_nd_dense(dtype, work, 2, room);
  if (group->reduce != NULL) {
    symo_nd_fill(0, red);
    group->reduce(group, order, x, red);
  }
  symo_nd_fill((double)NAN, out);
  symo_put(dtype, work, room[0] * LANES, 7); /* what lies behind is not theirs */
  group->analyze(group, order, irrep, x, red, first, out);
  cr_assert_float_eq(symo_get(dtype, work, room[0] * LANES), 7, 0);
  return out;
}

static void check_cut(const symo_world *w, const symo_group *group, const symo_irrep *r,
                      const symo_component *c, symo_nd x) {
  static double whole[MOST], part[MOST];
  size_t rows = r->family ? r->count : r->frame[0];
  symo_nd all = coordinates(group, x.dtype, r, c->copies, c->irrep, x, 0, 0, whole);
  for (size_t first = 0; first < rows; first++)
    for (size_t n = 1; first + n <= rows; n++) {
      symo_nd some = coordinates(group, x.dtype, r, c->copies, c->irrep, x, first, n, part);
      symo_nd_axpy(-1, symo_nd_slice(all, 0, first, n), some);
      cr_assert(symo_nd_max_abs(some) <= (x.dtype == SYMO_F32 ? 1e-5 : 1e-13),
                "%s on %zu, %s: rows %zu and %zu more", group->name, x.n[0], r->name, first, n);
    }
}

void symo_closed_check_cuts(symo_world *w, const symo_group *group, size_t dim, int order) {
  static double store[MOST];
  size_t room = group->max_irreps > 0 ? (size_t)group->max_irreps : SYMO_MAX_IRREPS;
  symo_irrep *irreps = calloc(room, sizeof *irreps);
  symo_component *parts = calloc(room, sizeof *parts);
  size_t shape[SYMO_MAX_ORDER];
  group->irreps(group, dim, irreps);
  int num = group->components(group, dim, order, parts);
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
    for (int k = 0; k <= order; k++) shape[k] = k == 0 ? LANES : dim;
    symo_nd x = symo_nd_dense((symo_dtype)dtype, store, order + 1, shape);
    size_t size = symo_nd_size(&x);
    cr_assert(size <= MOST);
    for (size_t i = 0; i < size; i++)
      symo_put((symo_dtype)dtype, store, i, symo_rng_normal(w->rng));
    x = symo_nd_move(x, 0, order); /* lanes last, but outermost in memory */
    for (int k = 0; k < num; k++)
      if (irreps[parts[k].irrep].family || irreps[parts[k].irrep].ambient > 0)
        check_cut(w, group, &irreps[parts[k].irrep], &parts[k], x);
  }
  free(irreps);
  free(parts);
}

/* ---- matrices ---- */

void symo_closed_matrix(symo_closed_kind kind, size_t d, double *out) {
  memset(out, 0, d * d * sizeof *out);
  for (size_t i = 0; i < d; i++) {
    size_t to = i;
    if (kind == SYMO_SHIFT) to = (i + 1) % d;
    if (kind == SYMO_REVERSAL) to = d - 1 - i;
    if (kind == SYMO_SWAP && i < 2 && d > 1) to = 1 - i;
    out[to * d + i] = kind == SYMO_FLIP && i == 0 ? -1 : 1;
  }
}

symo_claim symo_closed_elements(size_t d, size_t num, symo_closed_kind a, symo_closed_kind b,
                                symo_closed_kind c) {
  return symo_closed_group(d, num, (symo_closed_kind[]){a, b, c});
}

symo_claim symo_closed_group(size_t d, size_t num, const symo_closed_kind *kinds) {
  double *generators = malloc((num * d * d + 1) * sizeof *generators);
  for (size_t k = 0; k < num; k++) symo_closed_matrix(kinds[k], d, generators + k * d * d);
  symo_claim out = symo_claim_closure(d, num, generators);
  free(generators);
  return out;
}

/* Places q [d, d] at (row, column) of blocks. */
static void place(size_t d, size_t whole, const double *q, size_t row, size_t column, double *out) {
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++)
      out[(row * d + i) * whole + column * d + j] = q == NULL ? (i == j ? 1 : 0) : q[i * d + j];
}

symo_claim symo_closed_wreath(size_t copies, const symo_claim *k) {
  size_t d = k->dim, whole = copies * d, n = whole * whole, num = k->count + 2;
  double *generators = calloc(num * n, sizeof *generators);
  for (size_t g = 0; g < num; g++)
    for (size_t a = 0; a < copies; a++) {
      size_t swapped = a < 2 && copies > 1 ? 1 - a : a;
      size_t to = g < k->count ? a : g == k->count ? swapped : (a + 1) % copies;
      bool own = g < k->count && a == 0;
      place(d, whole, own ? k->elements + g * d * d : NULL, to, a, generators + g * n);
    }
  symo_claim out = symo_claim_closure(whole, num, generators);
  free(generators);
  return out;
}

symo_claim symo_closed_power(size_t copies, const symo_claim *k) {
  size_t d = k->dim, whole = copies * d, n = whole * whole, num = k->count * copies;
  double *generators = calloc(num * n, sizeof *generators);
  for (size_t g = 0; g < num; g++)
    for (size_t a = 0; a < copies; a++)
      place(d, whole, a == g % copies ? k->elements + g / copies * d * d : NULL, a, a,
            generators + g * n);
  symo_claim out = symo_claim_closure(whole, num, generators);
  free(generators);
  return out;
}

void symo_closed_check_copies(symo_world *w, const char *row, size_t copies, const symo_group *k,
                              symo_claim of_k, const char *tensors) {
  const bool exchanged = strcmp(row, "wreath") == 0;
  symo_claim all = exchanged ? symo_closed_wreath(copies, &of_k) : symo_closed_power(copies, &of_k);
  const symo_group_part part = {k, of_k.dim};
  symo_group_spec spec = symo_group_spec_default(row);
  symo_group *group = NULL;
  size_t elements = 1;
  for (size_t a = 1; a <= copies; a++) elements *= of_k.count * (exchanged ? a : 1);
  cr_assert_eq(all.count, elements);
  spec.copies = copies, spec.num_parts = 1, spec.parts = &part;
  cr_ok(w->context, symo_group_create(w->context, &spec, &group));
  symo_group_destroy((symo_group *)(uintptr_t)k);
  symo_claim_free(&of_k);
  symo_closed_space spaces[] = {{"h", all.dim, group, &all},
                                {"i", 2, symo_group_find("identity"), NULL},
                                {"j", 3, symo_group_find("identity"), NULL}};
  size_t order = 0;
  symo_closed_check(w, 3, spaces, tensors);
  symo_closed_check_custom(w, 3, spaces, tensors);
  if (strchr(tensors, 'h')[1] != 'h') symo_closed_check_cuts(w, group, all.dim, 1);
  cr_ok(w->context, symo_group_order(w->context, group, all.dim, 20000, &order));
  cr_assert_eq(order, all.count);
  symo_claim_free(&all);
  symo_group_destroy(group);
}
