/* Layouts from C calls: names, orders, sizes, freezing, flat vectors. */
#include <stdio.h>
#include <stdlib.h>

#include "groups/plan/layout.h"
#include "tests/support/world.h"

static symo_layout *fresh(symo_context *context) {
  symo_layout *layout;
  cr_ok(context, symo_layout_create(context, &layout));
  return layout;
}

static void finish(symo_context *context, symo_layout *layout) {
  symo_layout_destroy(layout);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(layout, dtypes) {
  cr_assert_eq(symo_dtype_size(SYMO_F32), 4);
  cr_assert_eq(symo_dtype_size(SYMO_F64), 8);
  cr_assert_eq(symo_dtype_size(SYMO_ANY), 0);
  cr_assert_eq(symo_dtype_size((symo_dtype)9), 0);
  cr_assert_str_eq(symo_dtype_name(SYMO_F32), "f32");
  cr_assert_str_eq(symo_dtype_name(SYMO_F64), "f64");
  cr_assert_str_eq(symo_dtype_name(SYMO_ANY), "any");
}

Test(layout, starts_empty) {
  symo_context *context = symo_test_context();
  symo_layout *layout = fresh(context);
  size_t index = 77;
  cr_assert_eq(symo_layout_num_spaces(layout), 0);
  cr_assert_eq(symo_layout_num_tensors(layout), 0);
  cr_assert_eq(symo_layout_num_parameters(layout), 0);
  cr_assert_eq(symo_layout_dtype(layout), SYMO_ANY);
  cr_assert_not(symo_layout_find_space(layout, "h", &index));
  cr_assert_not(symo_layout_find_tensor(layout, "w", &index));
  cr_assert_eq(index, 77);
  symo_plan *plan = NULL;
  cr_fails(context, SYMO_E_ARGUMENT, "no tensors", symo_plan_create(layout, NULL, &plan));
  cr_assert_null(plan);
  cr_fails(context, SYMO_E_ARGUMENT, "NULL", symo_layout_create(context, NULL));
  finish(context, layout);
}

/* Orders 0 to 8; sizes, offsets, flat vectors. */
Test(layout, tensors_of_every_order) {
  symo_context *context = symo_test_context();
  symo_layout *layout = fresh(context);
  const char *axes[9];
  char name[8];
  float flat[600];
  void *data[9];
  const void *reading[9];
  cr_ok(context, symo_layout_add_space(layout, "i", 2, symo_group_find("identity")));
  size_t offset = 0;
  for (size_t order = 0; order <= 8; order++) {
    snprintf(name, sizeof name, "t%zu", order);
    axes[order] = "i";
    cr_ok(context, symo_layout_add_tensor(layout, name, order, axes));
    cr_assert_eq(symo_layout_tensor_order(layout, order), order);
    cr_assert_eq(symo_layout_tensor_size(layout, order), (size_t)1 << order);
    cr_assert_eq(symo_layout_tensor_offset(layout, order), offset);
    offset += (size_t)1 << order;
  }
  cr_assert_eq(symo_layout_num_parameters(layout), 511);
  symo_layout_split(layout, SYMO_F32, flat, data);
  symo_layout_split_const(layout, SYMO_F32, flat, reading);
  for (size_t t = 0; t <= 8; t++) {
    cr_assert(data[t] == flat + symo_layout_tensor_offset(layout, t));
    cr_assert(reading[t] == data[t]);
  }
  cr_fails(context, SYMO_E_UNSUPPORTED, "t9 has 9 axes",
           symo_layout_add_tensor(layout, "t9", 9, axes));
  cr_assert_eq(symo_layout_num_tensors(layout), 9);
  /* Eight axes that four groups share, two by two. */
  symo_layout *mixed;
  symo_plan *plan;
  cr_ok(context, symo_layout_parse(context,
                                   "a: permutation 2; b: signed-permutation 2; c: sign-flip 2;"
                                   "d: orthogonal 2; w[a,b,c,d,d,c,b,a]",
                                   &mixed));
  cr_ok(context, symo_plan_create(mixed, NULL, &plan));
  size_t total = 0;
  for (size_t l = 0; l < symo_plan_num_labels(plan); l++) {
    symo_label_info info = symo_plan_label(plan, l);
    total += info.dim * info.count * info.multiplicity;
  }
  cr_assert_eq(total, 256);
  symo_plan_destroy(plan);
  symo_layout_destroy(mixed);
  finish(context, layout);
}

Test(layout, names) {
  symo_context *context = symo_test_context();
  symo_layout *layout = fresh(context);
  const symo_group *group = symo_group_find("permutation");
  const char *const axes[] = {"h", "h*"}, *const unknown[] = {"h", "k"};
  static const char *const bad[] = {"", "a b", "a:b", "a[b", "a,b", "a*", "a;b", "a\n", "\xc3\xa9"};
  size_t index;
  cr_ok(context, symo_layout_add_space(layout, "h", 3, group));
  cr_ok(context,
        symo_layout_add_tensor(layout, "h", 2, axes)); /* tensors have names of their own */
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
    cr_fails(context, SYMO_E_NAME, "not a name", symo_layout_add_space(layout, bad[k], 3, group));
    cr_fails(context, SYMO_E_NAME, "not a name", symo_layout_add_tensor(layout, bad[k], 2, axes));
  }
  cr_fails(context, SYMO_E_ARGUMENT, "is NULL", symo_layout_add_space(layout, NULL, 3, group));
  cr_fails(context, SYMO_E_ARGUMENT, "is NULL", symo_layout_add_tensor(layout, NULL, 2, axes));
  cr_fails(context, SYMO_E_NAME, "defined twice", symo_layout_add_space(layout, "h", 3, group));
  cr_fails(context, SYMO_E_NAME, "defined twice", symo_layout_add_tensor(layout, "h", 2, axes));
  cr_fails(context, SYMO_E_ARGUMENT, "the group is NULL",
           symo_layout_add_space(layout, "k", 3, NULL));
  cr_fails(context, SYMO_E_ARGUMENT, "dimension 0", symo_layout_add_space(layout, "k", 0, group));
  cr_fails(context, SYMO_E_NAME, "axis 1 of tensor w names space k, which the layout does not have",
           symo_layout_add_tensor(layout, "w", 2, unknown));
  cr_fails(context, SYMO_E_ARGUMENT, "axis 0 of 1 is NULL",
           symo_layout_add_tensor(layout, "w", 1, NULL));
  cr_assert_eq(symo_layout_add_space(NULL, "h", 3, group), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_layout_add_tensor(NULL, "h", 2, axes), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_layout_set_dtype(NULL, SYMO_F32), SYMO_E_ARGUMENT);
  cr_assert(symo_layout_find_space(layout, "h", &index) && index == 0);
  cr_assert(symo_layout_find_tensor(layout, "h", &index) && index == 0);
  cr_assert(symo_layout_axis_dual(layout, 0, 1) && !symo_layout_axis_dual(layout, 0, 0));
  cr_assert_eq(symo_layout_num_spaces(layout), 1);
  cr_assert_eq(symo_layout_num_tensors(layout), 1);
  finish(context, layout);
}

Test(layout, a_space_on_five_axes_is_refused_unless_trivial) {
  symo_context *context = symo_test_context();
  symo_layout *layout = fresh(context);
  const char *const axes[] = {"h", "i", "h", "i", "h", "h", "h"};
  cr_ok(context, symo_layout_add_space(layout, "i", 2, symo_group_find("identity")));
  for (size_t g = 1; g < symo_group_count(); g++) {
    char name[4] = "h0", tensor[4] = "w0";
    if (symo_group_has_parameters(symo_group_at(g))) continue;
    name[1] = tensor[1] = (char)('0' + g);
    const char *mine[7];
    cr_ok(context, symo_layout_add_space(layout, name, 2, symo_group_at(g)));
    for (int a = 0; a < 7; a++) mine[a] = axes[a][0] == 'h' ? name : axes[a];
    cr_fails(context, SYMO_E_UNSUPPORTED, "5 axes",
             symo_layout_add_tensor(layout, tensor, 7, mine));
    cr_ok(context, symo_layout_add_tensor(layout, tensor, 6, mine));
  }
  finish(context, layout);
}

Test(layout, sizes_that_overflow) {
  symo_context *context = symo_test_context();
  symo_layout *layout = fresh(context);
  const char *const axes[] = {"h", "h", "h", "h", "h", "h", "h", "h"};
  const symo_group *group = symo_group_find("identity");
  cr_fails(context, SYMO_E_SIZE, "dimension", symo_layout_add_space(layout, "h", SIZE_MAX, group));
  cr_fails(context, SYMO_E_SIZE, "dimension",
           symo_layout_add_space(layout, "h", (size_t)1 << 31, group));
  cr_ok(context, symo_layout_add_space(layout, "h", 2147483647, group));
  for (size_t order = 2; order <= 8; order++)
    cr_fails(context, SYMO_E_SIZE, "w", symo_layout_add_tensor(layout, "w", order, axes));
  cr_ok(context, symo_layout_add_tensor(layout, "b", 1, axes));
  cr_assert_eq(symo_layout_num_parameters(layout), 2147483647);
  /* Many tensors that fit alone, but not together. */
  symo_layout *many = fresh(context);
  symo_status status = SYMO_OK;
  cr_ok(context, symo_layout_add_space(many, "h", 500000000, group));
  int made = 0;
  for (; made < 200 && status == SYMO_OK; made++) {
    char name[16];
    snprintf(name, sizeof name, "t%d", made);
    status = symo_layout_add_tensor(many, name, 2, axes);
  }
  cr_assert_eq(status, SYMO_E_SIZE);
  cr_assert(made >= 1 && made < 200);
  symo_layout_destroy(many);
  finish(context, layout);
}

/* Multiplicities beyond what BLAS can count are refused by the plan. */
Test(layout, plans_that_are_too_large) {
  symo_world w;
  symo_world_open(&w, 141);
  symo_plan *plan = NULL;
  symo_world_parse(&w, "h: identity 100000; w[h,h]");
  cr_fails(w.context, SYMO_E_SIZE, "too large", symo_plan_create(w.layout, NULL, &plan));
  cr_assert_null(plan);
  /* Fine as a plan, too much as a matrix: memory is the answer, with how much. */
  symo_world_parse(&w, "h: identity 2000000000; w[h]");
  cr_ok(w.context, symo_plan_create(w.layout, NULL, &plan));
  symo_hessian *h = NULL;
  symo_status status = symo_hessian_identity(plan, 1, &h);
  cr_assert(status == SYMO_E_MEMORY || status == SYMO_E_SIZE, "%s", symo_status_name(status));
  cr_assert(strstr(symo_context_detail(w.context), "choose") != NULL, "%s",
            symo_context_detail(w.context));
  cr_assert_null(h);
  symo_plan_destroy(plan);
  symo_world_parse(&w, "h: orthogonal 100000; b[h]");
  symo_element *g = NULL;
  cr_fails(w.context, SYMO_E_SIZE, "space h", symo_element_create(w.layout, &g));
  cr_assert_null(g);
  symo_world_close(&w);
}

Test(layout, is_frozen_by_a_plan) {
  symo_context *context = symo_test_context();
  symo_layout *layout = fresh(context);
  symo_plan *plan;
  const char *const axes[] = {"h"};
  const symo_group *group = symo_group_find("permutation");
  cr_ok(context, symo_layout_add_space(layout, "h", 3, group));
  cr_ok(context, symo_layout_add_tensor(layout, "b", 1, axes));
  cr_fails(context, SYMO_E_DTYPE, "dtype", symo_layout_set_dtype(layout, (symo_dtype)5));
  cr_ok(context, symo_layout_set_dtype(layout, SYMO_F32));
  cr_ok(context, symo_plan_create(layout, NULL, &plan));
  cr_assert_eq(symo_plan_dtype(plan), SYMO_F32);
  for (int after = 0; after < 2; after++) {
    cr_fails(context, SYMO_E_UNSUPPORTED, "in use by a plan",
             symo_layout_add_space(layout, "k", 3, group));
    cr_fails(context, SYMO_E_UNSUPPORTED, "in use by a plan",
             symo_layout_add_tensor(layout, "c", 1, axes));
    cr_fails(context, SYMO_E_UNSUPPORTED, "in use by a plan",
             symo_layout_set_dtype(layout, SYMO_F64));
    if (after == 0) symo_plan_destroy(plan); /* and stays so */
  }
  finish(context, layout);
}

Test(layout, equality) {
  static const char *const texts[] = {"h: permutation 3; i: identity 2; w[h,i] b[h]",
                                      "h: permutation 4; i: identity 2; w[h,i] b[h]",
                                      "h: sign-flip 3; i: identity 2; w[h,i] b[h]",
                                      "k: permutation 3; i: identity 2; w[k,i] b[k]",
                                      "h: permutation 3; i: identity 2; w[i,h] b[h]",
                                      "h: permutation 3; i: identity 2; w[h,i] c[h]",
                                      "h: permutation 3; i: identity 2; w[h,i]",
                                      "h: permutation 3; i: identity 2; w[h,i*] b[h]",
                                      "h: permutation 3; i: identity 2; w[h,i,i] b[h]"};
  enum { TEXTS = sizeof texts / sizeof *texts };
  symo_context *context = symo_test_context();
  symo_layout *layouts[TEXTS], *twin;
  for (int i = 0; i < TEXTS; i++) cr_ok(context, symo_layout_parse(context, texts[i], &layouts[i]));
  cr_ok(context, symo_layout_parse(context, texts[0], &twin));
  cr_assert(symo_layout_equal(layouts[0], twin));
  for (int i = 0; i < TEXTS; i++)
    for (int j = 0; j < TEXTS; j++)
      cr_assert_eq(symo_layout_equal(layouts[i], layouts[j]), i == j, "%s | %s", texts[i],
                   texts[j]);
  for (int i = 0; i < TEXTS; i++) symo_layout_destroy(layouts[i]);
  finish(context, twin);
}
