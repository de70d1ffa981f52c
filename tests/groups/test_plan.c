/* Plans: labels, pieces, costs, texts; and Gram matrices that need more than one panel. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "groups/plan/plan.h"
#include "tests/support/world.h"

typedef struct wanted_label {
  const char *name;
  size_t dim, count, multiplicity;
  const char *pieces; /* "w1:3 b1:1" */
} wanted_label;

static void check_labels(symo_world *w, symo_coupling coupling, const wanted_label *e, size_t n) {
  symo_plan *plan = symo_world_plan(w, SYMO_F64, coupling, false);
  cr_assert_eq(symo_plan_num_labels(plan), n, "%zu labels: %s", symo_plan_num_labels(plan),
               w->text);
  for (size_t l = 0; l < n; l++) {
    symo_label_info info = symo_plan_label(plan, l);
    char pieces[200] = "";
    size_t used = 0, column = 0;
    cr_assert_str_eq(info.name, e[l].name);
    cr_assert(info.dim == e[l].dim && info.count == e[l].count, "%s: %zu, %zu", info.name, info.dim,
              info.count);
    cr_assert_eq(info.multiplicity, e[l].multiplicity, "%s: %zu", info.name, info.multiplicity);
    cr_assert_not(info.dropped);
    for (size_t p = 0; p < info.num_tensors; p++) {
      symo_piece_info piece = symo_plan_piece(plan, l, p);
      cr_assert_eq(piece.column, column);
      column += piece.width;
      used += (size_t)snprintf(pieces + used, sizeof pieces - used, "%s%s:%zu", p ? " " : "",
                               symo_layout_tensor_name(w->layout, piece.tensor), piece.width);
    }
    cr_assert_eq(column, info.multiplicity);
    cr_assert_str_eq(pieces, e[l].pieces);
  }
  symo_plan_destroy(plan);
}

static const char mlp[] = "in: identity 3; h1: %s 4; h2: %s 5; out: identity 2;"
                          "w1[h1,in] b1[h1] w2[h2,h1] b2[h2] w3[out,h2] b3[out]";

static void parse_mlp(symo_world *w, const char *group) {
  char text[256];
  snprintf(text, sizeof text, mlp, group, group);
  symo_world_parse(w, text);
}

Test(plan, labels_of_a_network) {
  static const wanted_label coupled[] = {{"trivial", 1, 1, 2, "b3:2"},
                                         {"h1:vector", 4, 1, 4, "w1:3 b1:1"},
                                         {"h1:vector,h2:vector", 20, 1, 1, "w2:1"},
                                         {"h2:vector", 5, 1, 3, "b2:1 w3:2"}};
  static const wanted_label blocked[] = {
      {"b3/trivial", 1, 1, 2, "b3:2"},   {"w1/h1:vector", 4, 1, 3, "w1:3"},
      {"b1/h1:vector", 4, 1, 1, "b1:1"}, {"w2/h1:vector,h2:vector", 20, 1, 1, "w2:1"},
      {"b2/h2:vector", 5, 1, 1, "b2:1"}, {"w3/h2:vector", 5, 1, 2, "w3:2"}};
  static const wanted_label relu[] = {{"trivial", 1, 1, 10, "w1:3 b1:1 w2:1 b2:1 w3:2 b3:2"},
                                      {"h1:standard", 3, 1, 5, "w1:3 b1:1 w2:1"},
                                      {"h2:standard", 4, 1, 4, "w2:1 b2:1 w3:2"},
                                      {"h1:standard,h2:standard", 12, 1, 1, "w2:1"}};
  static const wanted_label flips[] = {{"trivial", 1, 1, 2, "b3:2"},
                                       {"h1:character", 1, 4, 4, "w1:3 b1:1"},
                                       {"h1:character,h2:character", 1, 20, 1, "w2:1"},
                                       {"h2:character", 1, 5, 3, "b2:1 w3:2"}};
  symo_world w;
  symo_world_open(&w, 151);
  parse_mlp(&w, "signed-permutation");
  check_labels(&w, SYMO_COUPLED, coupled, 4);
  check_labels(&w, SYMO_BLOCKED, blocked, 6);
  parse_mlp(&w, "orthogonal");
  check_labels(&w, SYMO_COUPLED, coupled, 4);
  parse_mlp(&w, "sign-flip");
  check_labels(&w, SYMO_COUPLED, flips, 4);
  parse_mlp(&w, "permutation");
  symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
  cr_assert_eq(symo_plan_num_labels(plan), 4);
  for (size_t l = 0; l < 4; l++) { /* in whatever order, but trivial first */
    symo_label_info info = symo_plan_label(plan, l);
    bool found = false;
    for (int e = 0; e < 4; e++)
      found = found || (strcmp(info.name, relu[e].name) == 0 && info.dim == relu[e].dim &&
                        info.multiplicity == relu[e].multiplicity);
    cr_assert(found, "%s: %zu x %zu", info.name, info.dim, info.multiplicity);
    cr_assert(l > 0 || strcmp(info.name, "trivial") == 0);
  }
  symo_plan_destroy(plan);
  symo_world_close(&w);
}

/* S_d on both axes: two trivial pieces, three standard ones that couple with the bias. */
Test(plan, labels_of_a_recurrent_network) {
  static const wanted_label perm[] = {{"trivial", 1, 1, 3, "w:2 b:1"},
                                      {"h:standard", 4, 1, 4, "w:3 b:1"},
                                      {"h:symmetric", 5, 1, 1, "w:1"},
                                      {"h:antisymmetric", 6, 1, 1, "w:1"}};
  static const wanted_label full[] = {{"trivial", 1, 1, 1, "w:1"},
                                      {"h:diagonal", 4, 1, 1, "w:1"},
                                      {"h:symmetric", 10, 1, 1, "w:1"},
                                      {"h:antisymmetric", 10, 1, 1, "w:1"},
                                      {"h:vector", 5, 1, 1, "b:1"}};
  static const wanted_label rotation[] = {{"trivial", 1, 1, 1, "w:1"},
                                          {"h:symmetric", 14, 1, 1, "w:1"},
                                          {"h:antisymmetric", 10, 1, 1, "w:1"},
                                          {"h:vector", 5, 1, 1, "b:1"}};
  symo_world w;
  symo_world_open(&w, 152);
  symo_world_parse(&w, "h: permutation 5; w[h,h] b[h]");
  check_labels(&w, SYMO_COUPLED, perm, 4);
  symo_world_parse(&w, "h: signed-permutation 5; w[h,h] b[h]");
  check_labels(&w, SYMO_COUPLED, full, 5);
  symo_world_parse(&w, "h: orthogonal 5; w[h,h] b[h]");
  check_labels(&w, SYMO_COUPLED, rotation, 4);
  symo_world_close(&w);
}

Test(plan, cost_and_text) {
  symo_world w;
  symo_world_open(&w, 153);
  parse_mlp(&w, "signed-permutation");
  for (int centered = 0; centered < 2; centered++) {
    symo_plan *plan = symo_world_plan(&w, SYMO_F32, SYMO_COUPLED, centered);
    symo_plan_cost cost = symo_plan_cost_of(plan);
    char *text;
    double n = (double)w.n, trivial = centered ? 0 : 1;
    cr_assert(cost.parameters == n && cost.dense_numbers == n * (n + 1) / 2);
    cr_assert(cost.stored_numbers == 3 * trivial + 10 + 1 + 6);
    cr_assert(cost.held_numbers == 4 * trivial + 16 + 1 + 9);
    cr_assert(cost.workspace_bytes > 0 && cost.gram_flops > 0 && cost.root_flops > 0);
    cr_ok(w.context, symo_plan_describe(plan, &text));
    static const char *const wanted[] = {"h1:vector,h2:vector", "w1:3 b1:1", "f32", "coupled",
                                         "trivial"};
    for (int k = 0; k < 5; k++) cr_assert(strstr(text, wanted[k]) != NULL, "%s", text);
    cr_assert_eq(strstr(text, "dropped") != NULL, centered);
    cr_assert_eq(symo_plan_centered(plan), centered);
    cr_assert_eq(symo_plan_coupling(plan), SYMO_COUPLED);
    cr_assert(symo_plan_layout(plan) == w.layout);
    symo_free(text);
    symo_plan_destroy(plan);
  }
  symo_world_close(&w);
}

/* Labels of one space name its algebra, those of several the product. */
Test(plan, types_are_named) {
  static const double by_i_and_j[2][16] = {{0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 0, -1, 0, 0, 1, 0},
                                           {0, 0, -1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, -1, 0, 0}};
  static const char *const axes[] = {"q", "c", "e"};
  static const struct {
    size_t first, order;
    const char *type;
  } tensors[] = {{0, 1, " 1 quaternionic "},
                 {1, 1, " 1 complex "},
                 {0, 2, " 1 H x C "},
                 {1, 2, " 1 C x C "},
                 {0, 3, " 1 H x C x C "}};
  symo_context *context = symo_test_context();
  symo_group_spec spec = symo_group_spec_default("custom");
  spec.generators = (symo_generators){.dim = 4, .num_matrices = 2, .matrices = by_i_and_j[0]};
  symo_group *q8;
  cr_ok(context, symo_group_create(context, &spec, &q8));
  for (size_t k = 0; k < sizeof tensors / sizeof *tensors; k++) {
    symo_layout *layout;
    symo_plan *plan;
    char *text;
    cr_ok(context, symo_layout_create(context, &layout));
    cr_ok(context, symo_layout_add_space(layout, "q", 4, q8));
    cr_ok(context, symo_layout_add_space(layout, "c", 3, symo_group_find("cyclic")));
    cr_ok(context, symo_layout_add_space(layout, "e", 5, symo_group_find("cyclic")));
    cr_ok(context, symo_layout_add_tensor(layout, "w", tensors[k].order, axes + tensors[k].first));
    cr_ok(context, symo_plan_create(layout, NULL, &plan));
    cr_ok(context, symo_plan_describe(plan, &text));
    cr_assert_not_null(strstr(text, tensors[k].type), "no \"%s\" in\n%s", tensors[k].type, text);
    symo_free(text);
    symo_plan_destroy(plan);
    symo_layout_destroy(layout);
  }
  symo_group_destroy(q8);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* Work space never exceeds what the plan says, nor memory what is held and worked with. */
Test(plan, work_space_is_as_announced) {
  symo_world w;
  symo_world_open(&w, 154);
  for (int k = 0; k < 20; k++) {
    symo_world_random(&w, SYMO_TEST_ALL, 0, 300);
    for (size_t e = 0; e < symo_estimator_count(); e++) {
      const symo_estimator *estimator = symo_estimator_at(e);
      symo_plan *plan = symo_world_plan(&w, SYMO_F64, symo_estimator_coupling(estimator), false);
      symo_test_batch x = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 2);
      symo_estimate_spec spec = {estimator, 0, false};
      symo_plan_cost cost = symo_plan_cost_of(plan);
      symo_hessian *h;
      symo_alloc_reset_peak();
      double before = (double)symo_alloc_live_bytes();
      cr_ok(w.context, symo_estimate(plan, &spec, 1, x.in, x.in + 1, &h));
      double peak = (double)symo_alloc_peak_bytes() - before;
      double room = 8 * cost.held_numbers + cost.workspace_bytes + 2048;
      cr_assert(peak <= room, "%s: %g bytes of %g: %s", symo_estimator_name(estimator), peak, room,
                w.text);
      symo_hessian_destroy(h);
      symo_test_batch_free(&x);
      symo_plan_destroy(plan);
    }
  }
  symo_world_close(&w);
}

static void add(symo_layout *layout, const char *prefix, int layer, const char *name,
                const char *one, const char *two) {
  char full[32], first[32], second[32];
  const char *const axes[] = {first, second};
  snprintf(full, sizeof full, layer < 0 ? "%s%s" : "%s%s.%d", prefix, name, layer);
  snprintf(first, sizeof first, one[0] == 'e' || layer < 0 ? "%s" : "%s%d", one, layer);
  if (two) snprintf(second, sizeof second, two[0] == 'e' || layer < 0 ? "%s" : "%s%d", two, layer);
  cr_assert_eq(symo_layout_add_tensor(layout, full, two ? 2 : 1, axes), SYMO_OK);
}

/* A language model of 124 million parameters: planned without any of them being allocated. */
Test(plan, of_a_language_model) {
  symo_context *context = symo_test_context();
  symo_layout *layout;
  symo_plan *plan;
  const symo_group *permutation = symo_group_find("permutation");
  cr_ok(context, symo_layout_create(context, &layout));
  cr_ok(context, symo_layout_add_space(layout, "e", 768, symo_group_find("identity")));
  cr_ok(context, symo_layout_add_space(layout, "v", 50257, permutation));
  cr_ok(context, symo_layout_add_space(layout, "t", 1024, permutation));
  add(layout, "wte", -1, "", "v", "e");
  add(layout, "wpe", -1, "", "t", "e");
  for (int layer = 0; layer < 12; layer++) {
    char name[16];
    static const struct {
      const char *name, *group;
      size_t dim;
    } spaces[] = {
        {"a", "signed-permutation", 2304}, {"k", "orthogonal", 768}, {"f", "permutation", 3072}};
    for (int s = 0; s < 3; s++) {
      snprintf(name, sizeof name, "%s%d", spaces[s].name, layer);
      cr_ok(context,
            symo_layout_add_space(layout, name, spaces[s].dim, symo_group_find(spaces[s].group)));
    }
    add(layout, "ln1", layer, "w", "e", NULL);
    add(layout, "ln1", layer, "b", "e", NULL);
    add(layout, "attn", layer, "w", "a", "e");
    add(layout, "attn", layer, "b", "a", NULL);
    add(layout, "proj", layer, "w", "e", "k");
    add(layout, "proj", layer, "b", "e", NULL);
    add(layout, "ln2", layer, "w", "e", NULL);
    add(layout, "ln2", layer, "b", "e", NULL);
    add(layout, "fc", layer, "w", "f", "e");
    add(layout, "fc", layer, "b", "f", NULL);
    add(layout, "fcproj", layer, "w", "e", "f");
    add(layout, "fcproj", layer, "b", "e", NULL);
  }
  add(layout, "lnf", -1, "w", "e", NULL);
  add(layout, "lnf", -1, "b", "e", NULL);
  cr_assert_eq(symo_layout_num_tensors(layout), 148);
  cr_assert_eq(symo_layout_num_parameters(layout), 124439808);
  symo_alloc_reset_peak();
  symo_plan_spec spec = {SYMO_F32, SYMO_COUPLED, true};
  cr_ok(context, symo_plan_create(layout, &spec, &plan));
  symo_plan_cost cost = symo_plan_cost_of(plan);
  double stored = 0, p = 124439808;
  for (size_t l = 0; l < symo_plan_num_labels(plan); l++) {
    symo_label_info info = symo_plan_label(plan, l);
    double m = (double)info.multiplicity;
    if (!info.dropped) stored += (double)info.count * m * (m + 1) / 2;
  }
  cr_assert(cost.parameters == p && cost.dense_numbers == p * (p + 1) / 2);
  cr_assert(cost.stored_numbers == stored && stored < 0.5 * p, "%g", stored);
  cr_assert(symo_alloc_peak_bytes() < (size_t)16 << 20, "%zu bytes", symo_alloc_peak_bytes());
  char *text;
  cr_ok(context, symo_plan_describe(plan, &text));
  cr_assert(strstr(text, "f11:standard") != NULL && strstr(text, "124 M") != NULL, "%.300s", text);
  symo_free(text);
  symo_plan_destroy(plan);
  symo_layout_destroy(layout);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- panels -----------------------------------------------------------------------------------
 */

/* The lower triangles of X'X (or X'Y + Y'X) from coordinates gathered at once. */
static void check_gram(symo_world *w, const symo_plan *plan, size_t index, bool two, double scale,
                       const symo_test_vector *x, const symo_test_vector *y) {
  const plan_label *l = &plan->labels[index];
  symo_dtype t = plan->dtype;
  size_t all = l->num_rows > 0 ? l->row[0] : 1, numbers = symo_label_rows(l) * l->m, m = l->m;
  size_t blocks = l->count * m * m, item = symo_dtype_size(t);
  arena scratch = {.base = symo_malloc(symo_gather_scratch(plan, l, all))};
  char *px = symo_malloc(numbers * item), *py = symo_malloc(numbers * item);
  char *c = symo_malloc(blocks * item), *expected = symo_malloc(blocks * item);
  void *work = symo_malloc(symo_gram_work(plan, l, two));
  for (size_t i = 0; i < blocks; i++) symo_put(t, c, i, 0.5), symo_put(t, expected, i, 0.5);
  symo_label_gather(plan, l, symo_test_in(x), 0, all, px, &scratch);
  symo_label_gather(plan, l, symo_test_in(y), 0, all, py, &scratch);
  for (size_t k = 0; k < l->count; k++) {
    ptrdiff_t at = (ptrdiff_t)(k * l->ambient * m);
    symo_mat a = symo_mat_dense(symo_at(t, px, at), l->ambient, m);
    symo_mat b = symo_mat_dense(symo_at(t, two ? py : px, at), l->ambient, m);
    symo_mat out = symo_mat_dense(symo_at(t, expected, (ptrdiff_t)(k * m * m)), m, m);
    symo_gemm(t, 3 * scale * scale, symo_mat_t(a), b, 2, out);
    if (two) symo_gemm(t, 3 * scale * scale, symo_mat_t(b), a, 1, out);
  }
  symo_label_gram(plan, l, 3, scale, symo_test_in(x), two ? scale : 1,
                  two ? symo_test_in(y) : (symo_const_vector){0}, 2, c, work);
  double most = 0, off = 0;
  for (size_t i = 0; i < blocks; i++) {
    if (i % m > i / m % m) continue;
    most = fmax(most, fabs(symo_get(t, expected, i)));
    off = fmax(off, fabs(symo_get(t, expected, i) - symo_get(t, c, i)));
  }
  cr_assert(off <= (t == SYMO_F32 ? 1e-4 : 1e-11) * most, "%s: off by %g of %g: %s", l->name, off,
            most, w->text);
  symo_free(scratch.base);
  symo_free(px);
  symo_free(py);
  symo_free(c);
  symo_free(expected);
  symo_free(work);
}

Test(plan, gram_matrices_of_many_panels) {
  static const char *const texts[] = {
      "h: permutation 700; i: identity 30; w[h,i] v[i,h] b[h] r[h,h]",
      "h: signed-permutation 300; i: identity 3; r[h,i,h] b[h]",
      "h: orthogonal 280; i: identity 2; r[h,h,i] w[h,i]",
      "h: sign-flip 300; i: identity 2; r[h,h,i] w[i,h] b[h]",
      "h: permutation 40; f: sign-flip 30; i: identity 4; w[i,f,h] v[h,f] u[f,h,f]",
      "h: permutation 40; k: orthogonal 40; i: identity 30; w[h,i,k] v[k,h]"};
  symo_world w;
  symo_world_open(&w, 155);
  for (int k = 0; k < 6; k++) {
    symo_world_parse(&w, texts[k]);
    for (int option = 0; option < 4; option++) {
      symo_dtype dtype = option & 1 ? SYMO_F32 : SYMO_F64;
      symo_plan *plan = symo_world_plan(&w, dtype, SYMO_COUPLED, false);
      symo_test_vector x = symo_test_vector_make(w.layout, dtype, option & 2 ? w.rng : NULL);
      symo_test_vector y = symo_test_vector_make(w.layout, dtype, option & 2 ? w.rng : NULL);
      double *flat = symo_dense_new(1, w.n);
      symo_test_randn(w.rng, flat, w.n);
      symo_test_vector_set(&x, flat);
      symo_test_randn(w.rng, flat, w.n);
      symo_test_vector_set(&y, flat);
      for (size_t l = 0; l < symo_plan_num_labels(plan); l++)
        for (int way = 0; way < 4; way++)
          check_gram(&w, plan, l, way & 1, way & 2 ? 0.5 : 1, &x, &y);
      free(flat);
      symo_test_vector_free(&x);
      symo_test_vector_free(&y);
      symo_plan_destroy(plan);
    }
  }
  symo_world_close(&w);
}

/* BLAS counts rows in 32 bits, and columns: 46340^2 = 2147395600 rows, or 2147483647 columns, fit. */
Test(plan, labels_with_too_many_rows_are_refused) {
  static const struct {
    const char *text, *refused; /* the label, or NULL */
  } cases[] = {{"a: orthogonal 46340; b: permutation 46340; w[a,b]", NULL},
               {"a: orthogonal 46340; b: permutation 46341; w[a,b]", NULL},
               {"a: orthogonal 46341; b: permutation 46341; w[a,b]", "a:vector,b:standard"},
               {"a: orthogonal 50000; b: permutation 50000; w[a,b]", "a:vector,b:standard"},
               {"a: permutation 3; i: identity 2147483647; w[a,i]", NULL},
               {"a: permutation 3; i: identity 2147483646; w[a,i] b[a]", NULL},
               {"a: permutation 3; i: identity 2147483647; w[a,i] b[a]", "trivial"}};
  symo_world w;
  symo_world_open(&w, 156);
  for (int k = 0; k < 7; k++) {
    symo_plan *plan = NULL;
    symo_world_parse(&w, cases[k].text);
    if (cases[k].refused == NULL) {
      cr_ok(w.context, symo_plan_create(w.layout, NULL, &plan));
      symo_plan_destroy(plan);
    } else {
      cr_fails(w.context, SYMO_E_SIZE, cases[k].refused, symo_plan_create(w.layout, NULL, &plan));
      cr_assert_null(plan);
    }
    symo_world_drop(&w);
  }
  symo_world_close(&w);
}
