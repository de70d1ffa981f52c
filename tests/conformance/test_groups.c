/* What every row of the registry of groups must satisfy, on one axis and on several; rows with
 * parameters through an example of each. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/linalg.h"
#include "groups/instance.h"
#include "groups/numeric/blocks.h"
#include "groups/numeric/factored.h"
#include "groups/numeric/isotypic.h"
#include "groups/plan/group_text.h"
#include "tests/support/testing.h"

enum { LANES_A = 2, LANES_B = 3, LANES = LANES_A * LANES_B, MAX_DIM = 6, MAX_NUMBERS = 8192 };

/* One group on R^d, on `order` axes, in one number type. */
typedef struct kit {
  const symo_group *group; /* its elements .. */
  const symo_group *form;  /* .. and its irreps: the same, or found numerically */
  size_t d;
  int order;
  symo_dtype dtype;
  double tolerance;
  symo_rng *rng;
  double *g; /* an element */
  void *work;
  symo_irrep *irreps;
  symo_component *components;
  int num_irreps, num_components;
  char text[96];
} kit;

static const char *say(kit *k) {
  snprintf(k->text, sizeof k->text, "%s, d = %zu, %d axes, %s", k->group->name, k->d, k->order,
           symo_dtype_name(k->dtype));
  return k->text;
}

/* The quaternion group on R^4: multiplication by i and j from the left. */
static const double quaternions[2][16] = {{0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 0, -1, 0, 0, 1, 0},
                                          {0, 0, -1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, -1, 0, 0}};

/* The group of the row's own example, "wreath(4, orthogonal 16)". */
static const symo_group *from_notation(symo_context *context, const symo_group *row) {
  symo_group_use use;
  cr_assert(row->example != NULL, "%s has parameters, but no example", row->name);
  symo_notation r = {context, "example", row->example, row->example, row->example};
  cr_ok(context, symo_notation_group(&r, row->name, &use));
  return use.group;
}

/* An example of a row with parameters: for these rows a small one, else that of the row itself. */
static const symo_group *example(symo_context *context, const symo_group *row) {
  static const size_t keep[] = {0, 1};
  symo_group_spec spec = symo_group_spec_default(row->name);
  const symo_group_part two[] = {{symo_group_find("permutation"), 3},
                                 {symo_group_find("sign-flip"), 2}};
  const symo_group_part one[] = {{symo_group_find("signed-permutation"), 3}};
  bool pair = strcmp(row->name, "product") == 0 || strcmp(row->name, "sum") == 0;
  bool copies = strcmp(row->name, "wreath") == 0 || strcmp(row->name, "power") == 0;
  bool single = strcmp(row->name, "restriction") == 0 || copies;
  bool custom = strcmp(row->name, "custom") == 0, scaling = strcmp(row->name, "scaling") == 0;
  if (!(pair || single || custom || scaling)) return from_notation(context, row);
  if (pair || single) spec.parts = pair ? two : one;
  spec.num_parts = pair ? 2 : single ? 1 : 0;
  if (strcmp(row->name, "restriction") == 0) spec.keep = keep;
  spec.num_keep = spec.keep == NULL ? 0 : 2;
  if (copies) spec.copies = 2;
  if (custom)
    spec.generators = (symo_generators){.dim = 4, .num_matrices = 2, .matrices = quaternions[0]};
  symo_group *out;
  cr_ok(context, symo_group_create(context, &spec, &out));
  return out;
}

/* The forms that large spaces take, whatever closed forms there are: by factors, or blocks that are
 * permuted, where the group is that; else NULL. */
enum { BY_ITSELF, BY_FACTORS, BY_BLOCKS };

static const symo_group *form_of(symo_context *context, const symo_group *group, size_t d,
                                 int how) {
  generator_set *set;
  group_transform *transform = NULL;
  group_instance *made = NULL;
  cr_ok(context, symo_generator_set_create(context, d, &set));
  cr_ok(context, symo_group_add_generators(group, d, set));
  cr_ok(context, how == BY_FACTORS ? symo_factored_create(set, 1U << 2, INFINITY, 1, &transform)
                                   : symo_blocks_create(set, 1U << 2, &transform));
  symo_generator_set_destroy(set);
  if (transform == NULL) return NULL;
  cr_ok(context, symo_transform_group(context, group, transform, &made));
  return &made->group;
}

static void run_case(symo_context *context, const symo_group *group, size_t d, int order,
                     symo_dtype dtype, int how, symo_rng *rng, void (*check)(kit *k)) {
  kit k = {.group = group, .d = d, .order = order, .dtype = dtype, .rng = rng};
  k.tolerance = dtype == SYMO_F32 ? 1e-5 : 1e-13;
  if (how == BY_ITSELF)
    cr_ok(context, symo_group_resolve(context, group, d, 1U << order, &k.form));
  else
    k.form = form_of(context, group, d, how);
  if (k.form == NULL) return;
  if (k.form != group) k.tolerance *= 10; /* matrices, found by eigendecomposition */
  size_t room = k.form->max_irreps > 0 ? (size_t)k.form->max_irreps : SYMO_MAX_IRREPS;
  k.irreps = calloc(room, sizeof *k.irreps);
  k.components = calloc(room, sizeof *k.components);
  cr_assert(k.irreps != NULL && k.components != NULL);
  k.num_irreps = k.form->irreps(k.form, d, k.irreps);
  k.num_components = k.form->components(k.form, d, order, k.components);
  size_t work = symo_eigh_work(SYMO_F64, d) + d * d * sizeof(double);
  if (group->sample_work != NULL) work += group->sample_work(group, d);
  k.g = calloc(group->element_size(group, d) + 1, sizeof *k.g);
  k.work = malloc(work);
  cr_assert(k.g != NULL && k.work != NULL);
  say(&k);
  check(&k);
  free(k.g);
  free(k.work);
  free(k.irreps);
  free(k.components);
  symo_group_destroy((symo_group *)(uintptr_t)k.form);
}

/* Runs check on every group, dimension, order and number type. */
static void for_each_case(uint64_t seed, void (*check)(kit *k)) {
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, seed);
  for (size_t i = 0; i < symo_group_count(); i++) {
    const symo_group *row = symo_group_at(i);
    if (row->structure != NULL || strcmp(row->name, "scaling") == 0) continue; /* not orthogonal */
    bool identity = row == &symo_group_identity; /* the axes of which stand for themselves */
    const symo_group *group = symo_group_has_parameters(row) ? example(context, row) : row;
    size_t own = symo_group_dim(group);
    for (int order = 1; order <= (identity ? 1 : 3); order++)
      for (size_t d = own ? own : 1; d <= (own ? own : order == 3 ? 3 : MAX_DIM); d++)
        for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++)
          for (int how = BY_ITSELF; how <= (order == 2 ? BY_BLOCKS : BY_ITSELF); how++)
            if (own == 0 || order < 3)
              run_case(context, group, d, order, (symo_dtype)dtype, how, rng, check);
    symo_group_destroy((symo_group *)(uintptr_t)group);
  }
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* A tensor [d].. with two lane axes, of which one lies in front of all others in memory. */
typedef struct tensor {
  symo_nd view;
  double store[MAX_NUMBERS];
} tensor;

static void shape_tensor(const kit *k, tensor *x) {
  size_t n[6] = {LANES_B};
  for (int a = 1; a <= k->order; a++) n[a] = k->d;
  n[k->order + 1] = LANES_A;
  x->view = symo_nd_dense(k->dtype, x->store, k->order + 2, n);
  x->view = symo_nd_move(x->view, 0, k->order + 1);
}

static void random_tensor(const kit *k, tensor *x) {
  shape_tensor(k, x);
  for (size_t i = 0; i < symo_nd_size(&x->view); i++)
    symo_put(k->dtype, x->store, i, symo_rng_normal(k->rng));
}

static void zero_tensor(const kit *k, tensor *x) {
  shape_tensor(k, x);
  symo_nd_fill(0, x->view);
}

static size_t numbers(const tensor *x) { return symo_nd_size(&x->view); }

static double inner(const kit *k, size_t n, const void *x, const void *y) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += symo_get(k->dtype, x, i) * symo_get(k->dtype, y, i);
  return sum;
}

static double difference(const kit *k, size_t n, const void *x, const void *y) {
  double most = 0;
  for (size_t i = 0; i < n; i++) {
    double d = fabs(symo_get(k->dtype, x, i) - symo_get(k->dtype, y, i));
    if (!(d <= most)) most = isnan(d) ? (double)INFINITY : d;
  }
  return most;
}

/* Coordinates [rows.., copies, lanes..] of a component, dense, cut to [first, first + n) of the
 * first row axis; n 0: whole. */
typedef struct coordinates {
  symo_nd view;
  size_t rows, members, copies; /* rows of one member of the family */
  double store[MAX_NUMBERS];
} coordinates;

static void shape_coordinates(const kit *k, int component, size_t n, coordinates *out) {
  const symo_component *c = &k->components[component];
  const symo_irrep *r = &k->irreps[c->irrep];
  size_t shape[SYMO_ND_MAX];
  int axes = 0;
  out->rows = 1;
  out->members = r->family ? r->count : 1;
  out->copies = c->copies;
  if (r->family) shape[axes++] = r->count;
  for (int a = 0; a < r->ambient; a++) shape[axes++] = r->frame[a];
  if (axes > 0 && n > 0) shape[0] = n;
  for (int a = r->family ? 1 : 0; a < axes; a++) out->rows *= shape[a];
  if (r->family && n > 0) out->members = n;
  shape[axes++] = c->copies;
  shape[axes++] = LANES_A;
  shape[axes++] = LANES_B;
  out->view = symo_nd_dense(k->dtype, out->store, axes, shape);
  cr_assert(symo_nd_size(&out->view) <= MAX_NUMBERS);
}

static void analyze(const kit *k, int component, size_t first, size_t n, const tensor *x,
                    coordinates *out) {
  const symo_component *c = &k->components[component];
  const symo_irrep *r = &k->irreps[c->irrep];
  symo_nd seen;
  shape_coordinates(k, component, n, out);
  if (k->form->view != NULL && k->form->view(k->form, k->order, c->irrep, x->view, &seen)) {
    if (n > 0 && (r->family || r->ambient > 0)) seen = symo_nd_slice(seen, 0, first, n);
    symo_nd_copy(1, seen, out->view);
    return;
  }
  static double reduced[MAX_NUMBERS];
  size_t shape[3] = {0, LANES_A, LANES_B};
  if (k->form->reduced != NULL) shape[0] = k->form->reduced(k->form, k->d, k->order);
  symo_nd red = symo_nd_dense(k->dtype, reduced, 3, shape);
  if (k->form->reduce != NULL) {
    symo_nd_fill(0, red);
    k->form->reduce(k->form, k->order, x->view, red);
  }
  symo_nd_fill((double)NAN, out->view); /* all of it must be written */
  k->form->analyze(k->form, k->order, c->irrep, x->view, red, first, out->view);
}

static void add_synthesis(const kit *k, int component, const coordinates *x, tensor *out) {
  static double memory[MAX_NUMBERS];
  size_t shape[3] = {0, LANES_A, LANES_B};
  if (k->form->reduced != NULL) shape[0] = k->form->reduced(k->form, k->d, k->order);
  symo_nd work = symo_nd_dense(k->dtype, memory, 3, shape);
  cr_assert(symo_nd_size(&work) <= MAX_NUMBERS);
  k->form->synthesize(k->form, k->order, k->components[component].irrep, x->view, work, out->view);
}

static void synthesize(const kit *k, int component, const coordinates *x, tensor *out) {
  zero_tensor(k, out);
  add_synthesis(k, component, x, out);
}

static void act(const kit *k, bool inverse, const tensor *x, tensor *y) {
  static tensor from;
  from = *x;
  from.view.p = from.store;
  shape_tensor(k, y);
  for (int a = 0; a < k->order; a++) {
    k->group->act(k->group, k->d, k->g, inverse, false, symo_nd_move(from.view, a, 0),
                  symo_nd_move(y->view, a, 0), k->work);
    from = *y;
    from.view.p = from.store;
  }
}

/* ---- the checks ---- */

static void check_texts(kit *k) {
  cr_assert(k->group->name[0] && k->group->summary[0] && k->group->irreps_text[0]);
  cr_assert(k->group->average[0] && k->group->exact[0]);
  if (symo_group_dim(k->group) == 0)
    cr_assert(symo_group_find(symo_group_name(k->group)) == k->group);
  cr_assert_str_eq(symo_group_summary(k->group), k->group->summary);
  cr_assert_str_eq(symo_group_irreps(k->group), k->group->irreps_text);
  cr_assert_str_eq(symo_group_average(k->group), k->group->average);
  cr_assert_str_eq(symo_group_exact(k->group), k->group->exact);
}

Test(groups, every_row_describes_itself) {
  for_each_case(1, check_texts);
  cr_assert_null(symo_group_at(symo_group_count()));
  cr_assert_null(symo_group_find("monster"));
  cr_assert_null(symo_group_find(""));
  cr_assert_null(symo_group_find(NULL));
}

static void check_dimensions(kit *k) {
  size_t total = 0, wanted = 1;
  for (int a = 0; a < k->order; a++) wanted *= k->d;
  int room = k->form->max_irreps > 0 ? k->form->max_irreps : SYMO_MAX_IRREPS;
  cr_assert(k->num_irreps >= 1 && k->num_irreps <= room, "%s", k->text);
  cr_assert(k->num_components >= 1 && k->num_components <= room, "%s", k->text);
  cr_assert(k->irreps[0].dim == 1 && k->irreps[0].ambient == 0 && !k->irreps[0].family);
  for (int c = 0; c < k->num_components; c++) {
    const symo_irrep *r = &k->irreps[k->components[c].irrep];
    cr_assert(r->dim > 0 && r->count > 0 && k->components[c].copies > 0,
              "%s: component %d is empty", k->text, c);
    cr_assert(k->components[c].irrep < k->num_irreps);
    for (int b = 0; b < c; b++) cr_assert_neq(k->components[b].irrep, k->components[c].irrep);
    total += r->dim * r->count * k->components[c].copies;
  }
  cr_assert_eq(total, wanted, "%s: irreps add to %zu of %zu", k->text, total, wanted);
}

Test(groups, dimensions_add_up) { for_each_case(2, check_dimensions); }

static void check_coordinates(kit *k) {
  tensor x, y, back, sum;
  random_tensor(k, &x);
  random_tensor(k, &y);
  zero_tensor(k, &sum);
  for (int c = 0; c < k->num_components; c++) {
    static coordinates cx, cy, again;
    analyze(k, c, 0, 0, &x, &cx);
    analyze(k, c, 0, 0, &y, &cy);
    size_t n = symo_nd_size(&cx.view);
    synthesize(k, c, &cy, &back);
    double left = inner(k, n, cx.store, cy.store),
           right = inner(k, numbers(&x), x.store, back.store);
    cr_assert(fabs(left - right) <= 100 * k->tolerance, "%s: not the transpose: %g, %g", k->text,
              left, right);
    analyze(k, c, 0, 0, &back, &again);
    cr_assert(difference(k, n, again.store, cy.store) <= 10 * k->tolerance,
              "%s: not idempotent, component %d", k->text, c);
    synthesize(k, c, &cx, &back);
    symo_nd_axpy(1, back.view, sum.view);
  }
  cr_assert(difference(k, numbers(&x), sum.store, x.store) <= 10 * k->tolerance,
            "%s: coordinates are not complete", k->text);
}

Test(groups, analysis_and_synthesis_are_transposes) { for_each_case(3, check_coordinates); }

/* Synthesis adds to what is there. */
static void check_adds(kit *k) {
  tensor x, once, twice;
  random_tensor(k, &x);
  for (int c = 0; c < k->num_components; c++) {
    static coordinates cx;
    analyze(k, c, 0, 0, &x, &cx);
    synthesize(k, c, &cx, &once);
    synthesize(k, c, &cx, &twice);
    add_synthesis(k, c, &cx, &twice);
    symo_nd_axpy(-2, once.view, twice.view);
    zero_tensor(k, &once);
    cr_assert(difference(k, numbers(&x), twice.store, once.store) <= 10 * k->tolerance, "%s",
              k->text);
  }
}

Test(groups, synthesis_adds) { for_each_case(4, check_adds); }

/* Schur: inner products of columns (copies and lanes) do not change when the group acts. */
static void check_equivariance(kit *k) {
  tensor x, y;
  enum { ELEMENTS = 4 };
  for (int e = 0; e < ELEMENTS; e++) {
    random_tensor(k, &x);
    cr_assert(k->group->element_sample(k->group, k->d, k->rng, k->g, k->work) == SYMO_OK);
    act(k, false, &x, &y);
    for (int c = 0; c < k->num_components; c++) {
      static coordinates before, after;
      analyze(k, c, 0, 0, &x, &before);
      analyze(k, c, 0, 0, &y, &after);
      size_t columns = before.copies * LANES, member = before.rows * columns;
      for (size_t f = 0; f < before.members; f++)
        for (size_t a = 0; a < columns; a++)
          for (size_t b = 0; b <= a; b++) {
            double s = 0, t = 0;
            for (size_t r = 0; r < before.rows; r++) {
              size_t at = f * member + r * columns;
              s += symo_get(k->dtype, before.store, at + a) *
                   symo_get(k->dtype, before.store, at + b);
              t +=
                  symo_get(k->dtype, after.store, at + a) * symo_get(k->dtype, after.store, at + b);
            }
            cr_assert(fabs(s - t) <= 100 * k->tolerance, "%s: component %d: %g, %g", k->text, c, s,
                      t);
          }
    }
  }
}

Test(groups, coordinates_are_equivariant) { for_each_case(5, check_equivariance); }

/* The diagonal of sum m_c P_c, with P_c e_i read off the coordinates of unit tensors. */
static void check_diagonal(kit *k) {
  tensor unit, out, expected;
  for (int c = 0; c < k->num_components; c++) {
    static coordinates cu;
    const symo_irrep *r = &k->irreps[k->components[c].irrep];
    double m[MAX_NUMBERS];
    size_t shape[5], copies = k->components[c].copies, second = k->form->cross ? copies : 1;
    int axes = 0;
    if (r->family) shape[axes++] = r->count;
    shape[axes++] = copies;
    if (k->form->cross) shape[axes++] = copies;
    shape[axes++] = LANES_A;
    shape[axes++] = LANES_B;
    symo_nd weights = symo_nd_dense(k->dtype, m, axes, shape);
    for (size_t i = 0; i < symo_nd_size(&weights); i++)
      symo_put(k->dtype, m, i, symo_rng_normal(k->rng));
    zero_tensor(k, &out);
    zero_tensor(k, &expected);
    void *work = NULL;
    if (k->form->diagonal_work != NULL)
      work = malloc(k->form->diagonal_work(k->form, k->order, k->components[c].irrep));
    k->form->diagonal(k->form, k->order, k->components[c].irrep, weights, out.view, work);
    free(work);
    for (size_t i = 0; i < numbers(&out); i++) {
      zero_tensor(k, &unit);
      symo_put(k->dtype, unit.store, i, 1);
      analyze(k, c, 0, 0, &unit, &cu);
      double sum = 0;
      for (size_t j = 0; j < symo_nd_size(&cu.view); j++) {
        size_t lane = j % LANES, copy = j / LANES % copies;
        size_t member = j / (LANES * copies * cu.rows);
        double u = symo_get(k->dtype, cu.store, j);
        for (size_t e = 0; e < second; e++) {
          double v = k->form->cross ? symo_get(k->dtype, cu.store, j + (e - copy) * LANES) : u;
          size_t at = ((member * copies + copy) * second + e) * LANES + lane;
          sum += u * v * symo_get(k->dtype, m, at);
        }
      }
      symo_put(k->dtype, expected.store, i, sum);
    }
    cr_assert(difference(k, numbers(&out), out.store, expected.store) <= 20 * k->tolerance,
              "%s: component %d", k->text, c);
  }
}

Test(groups, diagonals_are_those_of_the_projectors) { for_each_case(6, check_diagonal); }

static void check_cut(kit *k) {
  tensor x;
  random_tensor(k, &x);
  for (int c = 0; c < k->num_components; c++) {
    static coordinates whole, part;
    const symo_irrep *r = &k->irreps[k->components[c].irrep];
    size_t rows = r->family ? r->count : r->frame[0];
    if (!r->family && r->ambient == 0) continue;
    analyze(k, c, 0, 0, &x, &whole);
    for (size_t first = 0; first < rows; first++)
      for (size_t n = 1; first + n <= rows; n++) {
        analyze(k, c, first, n, &x, &part);
        size_t one = symo_nd_size(&whole.view) / rows;
        cr_assert(difference(k, n * one, part.store,
                             symo_at(k->dtype, whole.store, (ptrdiff_t)(first * one))) <=
                      k->tolerance,
                  "%s: component %d, rows [%zu, %zu + %zu)", k->text, c, first, first, n);
      }
  }
}

Test(groups, cuts_are_rows_of_the_whole) { for_each_case(7, check_cut); }

static void check_elements(kit *k) {
  tensor x, y, back;
  random_tensor(k, &x);
  k->group->element_identity(k->group, k->d, k->g);
  act(k, false, &x, &y);
  cr_assert(difference(k, numbers(&x), x.store, y.store) == 0, "%s: the neutral element", k->text);
  for (int e = 0; e < 5; e++) {
    cr_assert(k->group->element_sample(k->group, k->d, k->rng, k->g, k->work) == SYMO_OK);
    act(k, false, &x, &y);
    double before = inner(k, numbers(&x), x.store, x.store);
    double after = inner(k, numbers(&y), y.store, y.store);
    cr_assert(fabs(before - after) <= 20 * k->tolerance * before, "%s: |gx| is not |x|", k->text);
    act(k, true, &y, &back);
    cr_assert(difference(k, numbers(&x), x.store, back.store) <= 20 * k->tolerance, "%s: inverse",
              k->text);
    act(k, true, &x, &y);
    act(k, false, &y, &back);
    cr_assert(difference(k, numbers(&x), x.store, back.store) <= 20 * k->tolerance, "%s: inverse",
              k->text);
  }
}

Test(groups, elements_are_orthogonal_and_invert) { for_each_case(8, check_elements); }
