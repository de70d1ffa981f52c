/* The short notation of layouts: what it reads, what it writes, and what it refuses, with the
 * place. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/world.h"

/* Written again it is the text, and read again it is the layout. */
static void check_round_trip(symo_world *w) {
  char *again;
  symo_layout *copy;
  cr_ok(w->context, symo_layout_parse(w->context, w->text, &copy));
  cr_ok(w->context, symo_layout_to_text(copy, &again));
  cr_assert_str_eq(again, w->text);
  cr_assert_eq(symo_layout_num_spaces(copy), symo_layout_num_spaces(w->layout));
  cr_assert_eq(symo_layout_num_tensors(copy), symo_layout_num_tensors(w->layout));
  cr_assert_eq(symo_layout_num_parameters(copy), symo_layout_num_parameters(w->layout));
  for (size_t s = 0; s < symo_layout_num_spaces(copy); s++) {
    cr_assert_str_eq(symo_layout_space_name(copy, s), symo_layout_space_name(w->layout, s));
    cr_assert_eq(symo_layout_space_dim(copy, s), symo_layout_space_dim(w->layout, s));
    cr_assert(symo_layout_space_group(copy, s) == symo_layout_space_group(w->layout, s));
  }
  for (size_t t = 0; t < symo_layout_num_tensors(copy); t++) {
    cr_assert_str_eq(symo_layout_tensor_name(copy, t), symo_layout_tensor_name(w->layout, t));
    cr_assert_eq(symo_layout_tensor_order(copy, t), symo_layout_tensor_order(w->layout, t));
    for (size_t a = 0; a < symo_layout_tensor_order(copy, t); a++) {
      cr_assert_eq(symo_layout_axis_space(copy, t, a), symo_layout_axis_space(w->layout, t, a));
      cr_assert_eq(symo_layout_axis_dual(copy, t, a), symo_layout_axis_dual(w->layout, t, a));
    }
  }
  symo_free(again);
  symo_layout_destroy(copy);
}

Test(layout_text, round_trips) {
  symo_world w;
  symo_world_open(&w, 131);
  for (int k = 0; k < 100; k++) {
    symo_world_random(&w, SYMO_TEST_ALL, 0, 500);
    check_round_trip(&w);
  }
  symo_world_parse(&w, "a: orthogonal 3; b: identity 2; w[a*,b] v[b*,a,b] s[]");
  check_round_trip(&w);
  cr_assert_str_eq(w.text, "a: orthogonal 3; b: identity 2; w[a*,b] v[b*,a,b] s[]");
  symo_world_close(&w);
}

Test(layout_text, reads_a_network) {
  symo_world w;
  symo_world_open(&w, 132);
  symo_world_parse(&w, "in: identity 20; h: signed-permutation 64; out: identity 5; "
                       "w1[h,in] b1[h] w2[out,h] b2[out]");
  cr_assert_eq(symo_layout_num_spaces(w.layout), 3);
  cr_assert_eq(symo_layout_num_tensors(w.layout), 4);
  cr_assert_eq(symo_layout_num_parameters(w.layout), 64 * 20 + 64 + 5 * 64 + 5);
  cr_assert_str_eq(symo_layout_space_name(w.layout, 1), "h");
  cr_assert_eq(symo_layout_space_dim(w.layout, 1), 64);
  cr_assert_str_eq(symo_group_name(symo_layout_space_group(w.layout, 1)), "signed-permutation");
  cr_assert_str_eq(symo_layout_tensor_name(w.layout, 2), "w2");
  cr_assert_eq(symo_layout_tensor_offset(w.layout, 2), 64 * 20 + 64);
  cr_assert_eq(symo_layout_tensor_size(w.layout, 2), 5 * 64);
  cr_assert_eq(symo_layout_axis_space(w.layout, 2, 0), 2);
  cr_assert_eq(symo_layout_axis_dim(w.layout, 2, 1), 64);
  cr_assert_not(symo_layout_axis_dual(w.layout, 2, 1));
  symo_world_close(&w);
}

Test(layout_text, white_space_and_separators_are_free) {
  static const char *const texts[] = {"h:identity 3;w[h,h]s[]", "h: identity 3 w[h,h] s[]",
                                      "\n;; h :\tidentity  3 ;;\n w [ h , h ] ;\n s[ ] ; ",
                                      "h: identity 3; w[h,h]; s[];"};
  symo_world w;
  symo_world_open(&w, 133);
  for (int k = 0; k < 4; k++) {
    symo_world_parse(&w, texts[k]);
    cr_assert_str_eq(w.text, "h: identity 3; w[h,h] s[]");
  }
  symo_world_parse(&w, "a_b.c-d/e9: identity 1; T.0/w-1_x[a_b.c-d/e9]"); /* all letters of names */
  check_round_trip(&w);
  symo_world_close(&w);
}

static const struct {
  const char *text;
  symo_status status;
  const char *detail;
} wrong[] = {
    {"", SYMO_E_FORMAT, "no tensors"},
    {" ; ;", SYMO_E_FORMAT, "no tensors"},
    {"h: identity 3", SYMO_E_FORMAT, "no tensors"},
    {"h", SYMO_E_FORMAT, "character 2: expected ':'"},
    {"h identity 3", SYMO_E_FORMAT, "character 3: expected ':'"},
    {"h: 3", SYMO_E_NAME, "unknown group 3"},
    {"h: ; w[]", SYMO_E_FORMAT, "character 4: expected the name of a group"},
    {"h:", SYMO_E_FORMAT, "character 3: expected the name of a group at \"the end\""},
    {"h: identity", SYMO_E_FORMAT, "character 12: expected a dimension"},
    {"h: identity x", SYMO_E_FORMAT, "character 13: expected a dimension"},
    {"h: identity -3", SYMO_E_FORMAT, "character 13: expected a dimension"},
    {"h: identity 3.5 w[h]", SYMO_E_FORMAT, "character 13: expected a whole number"},
    {"h: identity 3x w[h]", SYMO_E_FORMAT, "character 13: expected a whole number"},
    {"h: identity 0 w[h]", SYMO_E_ARGUMENT, "space h: dimension 0"},
    {"h: identity 99999999999999999999999999 w[h]", SYMO_E_SIZE, "space h: dimension"},
    {"h: identity 2147483648 w[h]", SYMO_E_SIZE, "space h: dimension 2147483648"},
    {"h: icosahedral 3 w[h]", SYMO_E_NAME, "space h: unknown group icosahedral"},
    {"h: Identity 3 w[h]", SYMO_E_NAME, "unknown group Identity"},
    {"h: identity 3 w[h", SYMO_E_FORMAT, "character 18: expected ',' or ']'"},
    {"h: identity 3 w[h h]", SYMO_E_FORMAT, "character 19: expected ',' or ']'"},
    {"h: identity 3 w[h;h]", SYMO_E_FORMAT, "character 18: expected ',' or ']'"},
    {"h: identity 3 w[h,]", SYMO_E_FORMAT, "character 19: expected the name of a space"},
    {"h: identity 3 w[h, ]", SYMO_E_FORMAT, "character 20: expected the name of a space"},
    {"h: identity 3 w[,h]", SYMO_E_FORMAT, "character 17: expected the name of a space"},
    {"h: identity 3 w[", SYMO_E_FORMAT, "character 17: expected the name of a space"},
    {"h: identity 3 w]", SYMO_E_FORMAT, "character 16: expected ':'"},
    {"h: identity 3 [h]", SYMO_E_FORMAT, "character 15: expected a name"},
    {"h: identity 3 w[h] !", SYMO_E_FORMAT, "character 20: expected a name at \"!\""},
    {"h: identity 3 w[h] \xc3\xa9[h]", SYMO_E_FORMAT, "character 20: expected a name"},
    {"h: identity 3 w[h,g]", SYMO_E_NAME, "axis 1 of tensor w names space g"},
    {"w[h] h: identity 3", SYMO_E_NAME, "axis 0 of tensor w names space h"},
    {"h: identity 3 w[*]", SYMO_E_NAME, "axis 0 of tensor w names space *"},
    {"h: identity 3 w[h**]", SYMO_E_NAME, "axis 0 of tensor w names space h**"},
    {"h: identity 3 w[h*h]", SYMO_E_NAME, "axis 0 of tensor w names space h*h"},
    {"h: identity 3 h: identity 3 w[h]", SYMO_E_NAME, "space h: defined twice"},
    {"h: identity 3 w[h] w[h]", SYMO_E_NAME, "tensor w: defined twice"},
    {"h: permutation 3 w[h,h,h,h,h]", SYMO_E_UNSUPPORTED, "space h stands on 5 axes"},
    {"h: permutation 3 i: identity 2 w[h,i,h,h,h,i,h*]", SYMO_E_UNSUPPORTED, "5 axes"},
    {"h: identity 2 w[h,h,h,h,h,h,h,h,h]", SYMO_E_UNSUPPORTED, "more than 8 axes"},
    {"h: identity 2000000000 w[h,h,h]", SYMO_E_SIZE, "tensor w is too large"},
    {"h: identity 2000000000 w[h,h] v[h,h]", SYMO_E_SIZE, "too"},
};

Test(layout_text, errors_say_where) {
  symo_context *context = symo_test_context();
  for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
    symo_layout *layout = NULL;
    symo_status status = symo_layout_parse(context, wrong[k].text, &layout);
    cr_assert(status == wrong[k].status, "\"%s\": %s: %s", wrong[k].text, symo_status_name(status),
              symo_context_detail(context));
    cr_assert(strstr(symo_context_detail(context), wrong[k].detail) != NULL, "\"%s\": %s",
              wrong[k].text, symo_context_detail(context));
    cr_assert_null(layout);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- groups with parameters ---- */

static const struct {
  const char *text, *written; /* NULL: as read */
  size_t dim;
} parameters[] = {
    {"h: scaling(1.5, signs, permute) 4; w[h]", NULL, 4},
    {"h: scaling(0.1) 4; w[h]", NULL, 4},
    {"h: scaling 4; w[h]", "h: scaling(1) 4; w[h]", 4},
    {"h: scaling(permute , 1e-2,signs) 4; w[h]", "h: scaling(0.01, signs, permute) 4; w[h]", 4},
    {"h: wreath(4, orthogonal 16); w[h,h]", NULL, 64},
    {"h:wreath( 4 ,orthogonal 16 )64 w[h]", "h: wreath(4, orthogonal 16); w[h]", 64},
    {"h: product(cyclic 5, permutation 3); w[h]", NULL, 15},
    {"h: product(cyclic 5); w[h]", NULL, 5},
    {"h: sum(permutation 5, orthogonal 3, sign-flip 1) 9; w[h]",
     "h: sum(permutation 5, orthogonal 3, sign-flip 1); w[h]", 9},
    {"h: restriction(permutation 4, keep 1); w[h]", NULL, 4},
    {"h: restriction(sign-flip 3, keep 0 2); w[h]", NULL, 3},
    {"h: restriction(permutation 4, keep); w[h]", NULL, 4},
    {"h: sum(wreath(2, product(cyclic 3, cyclic 2)), restriction(permutation 4, keep 0)); w[h]",
     NULL, 16},
    {"h: sum(cyclic 2) 7[h]", "h: sum(cyclic 2); 7[h]", 2},
    {"h: sum(cyclic 2) 2 7[h]", "h: sum(cyclic 2); 7[h]", 2},
    {"h: sum(cyclic 2) 3: identity 4 w[3]", "h: sum(cyclic 2); 3: identity 4; w[3]", 2},
    {"h: sum(cyclic 2) 2x[h]", "h: sum(cyclic 2); 2x[h]", 2},
};

Test(layout_text, reads_and_writes_parameters) {
  symo_context *context = symo_test_context();
  for (size_t k = 0; k < sizeof parameters / sizeof *parameters; k++) {
    const char *wanted = parameters[k].written ? parameters[k].written : parameters[k].text;
    symo_layout *layout = NULL;
    char *text = NULL;
    symo_status status = symo_layout_parse(context, parameters[k].text, &layout);
    cr_assert(status == SYMO_OK, "\"%s\": %s", parameters[k].text, symo_context_detail(context));
    cr_assert_eq(symo_layout_space_dim(layout, 0), parameters[k].dim);
    cr_ok(context, symo_layout_to_text(layout, &text));
    cr_assert_str_eq(text, wanted);
    symo_free(text);
    symo_layout_destroy(layout);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(layout_text, parameters_arrive) {
  symo_world w;
  symo_world_open(&w, 134);
  symo_world_parse(&w, "s: scaling(0.3, signs) 4; h: wreath(3, orthogonal 2); "
                       "r: restriction(sum(permutation 3, sign-flip 2), keep 3 0); w[s,h,r]");
  const symo_group_spec *s = symo_group_get_spec(symo_layout_space_group(w.layout, 0));
  const symo_group_spec *h = symo_group_get_spec(symo_layout_space_group(w.layout, 1));
  const symo_group_spec *r = symo_group_get_spec(symo_layout_space_group(w.layout, 2));
  cr_assert(s->window == 0.3 && s->signs && !s->permute);
  cr_assert(h->copies == 3 && h->num_parts == 1 && h->parts[0].dim == 2);
  cr_assert(h->parts[0].group == symo_group_find("orthogonal"));
  cr_assert(r->num_keep == 2 && r->keep[0] == 3 && r->keep[1] == 0 && r->parts[0].dim == 5);
  cr_assert_str_eq(symo_group_get_spec(r->parts[0].group)->group, "sum");
  symo_world_close(&w);
}

static const struct {
  const char *text;
  symo_status status;
  const char *detail;
} wrong_parameters[] = {
    {"h: scaling w[h]", SYMO_E_FORMAT, "character 12: expected a dimension"},
    {"h: scaling(1) w[h]", SYMO_E_FORMAT, "character 15: expected a dimension"},
    {"h: scaling() 4 w[h]", SYMO_E_FORMAT, "character 12: expected the window"},
    {"h: scaling(1, 2) 4 w[h]", SYMO_E_FORMAT, "character 15: expected the window"},
    {"h: scaling(signs, signs) 4 w[h]", SYMO_E_FORMAT, "character 19: expected the window"},
    {"h: scaling(nan) 4 w[h]", SYMO_E_FORMAT, "character 12: expected the window"},
    {"h: scaling(0x1) 4 w[h]", SYMO_E_FORMAT, "character 12: expected the window"},
    {"h: scaling(1 4 w[h]", SYMO_E_FORMAT, "character 14: expected ',' or ')'"},
    {"h: scaling(1) 0 w[h]", SYMO_E_ARGUMENT, "space h: dimension 0"},
    {"h: scaling(1) 2147483648 w[h]", SYMO_E_SIZE, "space h: scaling: dimension 2147483648"},
    {"h: scaling(-1) 4 w[h]", SYMO_E_ARGUMENT, "space h: "},
    {"h: wreath w[h]", SYMO_E_FORMAT, "character 11: expected '(' and parameters"},
    {"h: wreath(orthogonal 2) w[h]", SYMO_E_FORMAT, "character 11: expected the number of copies"},
    {"h: wreath(2) w[h]", SYMO_E_FORMAT, "character 12: expected ',' and a group"},
    {"h: wreath(2, orthogonal) w[h]", SYMO_E_FORMAT, "character 24: expected a dimension"},
    {"h: wreath(2, orthogonal 0) w[h]", SYMO_E_ARGUMENT, "space h: dimension 0"},
    {"h: wreath(0, orthogonal 2) w[h]", SYMO_E_ARGUMENT, "space h: wreath of 0 copies"},
    {"h: wreath(2, orthogonal 2, cyclic 2) w[h]", SYMO_E_FORMAT,
     "character 26: expected ',' or ')'"},
    {"h: wreath(2, orthogonal 2) 5 w[h]", SYMO_E_SHAPE,
     "space h: wreath: dimension 5, but the parameters give 4"},
    {"h: wreath(2000000000, orthogonal 2) w[h]", SYMO_E_SIZE, "the dimension is above 2147483647"},
    {"h: sum(orthogonal 2147483647, orthogonal 1) w[h]", SYMO_E_SIZE, "above 2147483647"},
    {"h: sum(identity 2147483646, identity 1) w[h]", SYMO_E_SIZE, "dimension 2147483647 (at most"},
    {"h: product(icosahedral 3) w[h]", SYMO_E_NAME, "space h: unknown group icosahedral"},
    {"h: product() w[h]", SYMO_E_FORMAT, "character 12: expected the name of a group"},
    {"h: restriction(cyclic 3) w[h]", SYMO_E_FORMAT, "expected ', keep'"},
    {"h: restriction(cyclic 3, leave 0) w[h]", SYMO_E_FORMAT, "expected ', keep'"},
    {"h: restriction(cyclic 3, keep x) w[h]", SYMO_E_FORMAT, "character 31: expected ',' or ')'"},
    {"h: restriction(cyclic 3, keep 9) w[h]", SYMO_E_ARGUMENT, "space h: group restriction"},
    {"h: custom 3 w[h]", SYMO_E_UNSUPPORTED, "space h: custom groups have no short notation"},
    {"h: permutation(3) w[h]", SYMO_E_FORMAT, "character 15: expected a dimension"},
    {"h: sum(sum(sum(sum(sum(sum(sum(sum(sum(cyclic 2))))))))) w[h]", SYMO_E_UNSUPPORTED,
     "groups within groups more than 8 deep"},
};

Test(layout_text, refuses_wrong_parameters) {
  symo_context *context = symo_test_context();
  for (size_t k = 0; k < sizeof wrong_parameters / sizeof *wrong_parameters; k++) {
    const char *text = wrong_parameters[k].text;
    symo_layout *layout = NULL;
    symo_status status = symo_layout_parse(context, text, &layout);
    cr_assert(status == wrong_parameters[k].status, "\"%s\": %s: %s", text,
              symo_status_name(status), symo_context_detail(context));
    cr_assert(strstr(symo_context_detail(context), wrong_parameters[k].detail) != NULL,
              "\"%s\": %s", text, symo_context_detail(context));
    cr_assert_null(layout);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(layout_text, custom_groups_are_not_written) {
  symo_context *context = symo_test_context();
  static const size_t image[] = {1, 0};
  const char *axes[] = {"h"};
  symo_group_spec spec = symo_group_spec_default("custom"), sum = symo_group_spec_default("sum");
  symo_group *group = NULL, *outer = NULL;
  spec.generators = (symo_generators){.dim = 2, .num_permutations = 1, .permutations = image};
  cr_ok(context, symo_group_create(context, &spec, &group));
  const symo_group_part part = {group, 2};
  sum.num_parts = 1;
  sum.parts = &part;
  cr_ok(context, symo_group_create(context, &sum, &outer));
  const symo_group *const groups[] = {group, outer};
  for (int k = 0; k < 2; k++) {
    symo_layout *layout = NULL;
    char *text = NULL;
    cr_ok(context, symo_layout_create(context, &layout));
    cr_ok(context, symo_layout_add_space(layout, "h", 2, groups[k]));
    cr_ok(context, symo_layout_add_tensor(layout, "w", 1, axes));
    cr_fails(context, SYMO_E_UNSUPPORTED,
             "layout: space h: custom groups have no short notation (write JSON)",
             symo_layout_to_text(layout, &text));
    cr_assert_null(text);
    symo_layout_destroy(layout);
  }
  symo_group_destroy(group);
  symo_group_destroy(outer);
  symo_context_destroy(context);
  cr_no_leaks();
}

static symo_status parse_again(void *self) {
  symo_layout *layout = NULL;
  char *text = NULL;
  symo_status status = symo_layout_parse(
      self, "h: sum(restriction(permutation 4, keep 0), product(permutation 2, cyclic 3)); w[h]",
      &layout);
  if (status == SYMO_OK) status = symo_layout_to_text(layout, &text);
  symo_free(text);
  symo_layout_destroy(layout);
  return status;
}

Test(layout_text, survives_failing_allocations) {
  symo_context *context = symo_test_context();
  cr_assert(symo_test_allocations(parse_again, context) > 15);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(layout_text, refuses_null) {
  symo_context *context = symo_test_context();
  symo_layout *layout = NULL;
  char *text = NULL;
  cr_fails(context, SYMO_E_ARGUMENT, "NULL", symo_layout_parse(context, NULL, &layout));
  cr_fails(context, SYMO_E_ARGUMENT, "NULL",
           symo_layout_parse(context, "h: identity 1 w[h]", NULL));
  cr_assert_eq(symo_layout_parse(NULL, "w", &layout), SYMO_E_FORMAT);
  cr_assert_null(layout);
  cr_ok(context, symo_layout_parse(context, "s[]", &layout));
  cr_assert_eq(symo_layout_to_text(layout, NULL), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_layout_to_text(NULL, &text), SYMO_E_ARGUMENT);
  symo_layout_destroy(layout);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* Names of the greatest length, and one letter more. */
Test(layout_text, long_names) {
  symo_context *context = symo_test_context();
  for (size_t length = SYMO_MAX_NAME; length <= SYMO_MAX_NAME + 1; length++) {
    char name[SYMO_MAX_NAME + 2], text[1000];
    symo_layout *layout = NULL;
    memset(name, 'n', length);
    name[length] = 0;
    snprintf(text, sizeof text, "%s: identity 2; %s[%s,%s*]", name, name, name, name);
    symo_status status = symo_layout_parse(context, text, &layout);
    if (length == SYMO_MAX_NAME) {
      cr_assert(status == SYMO_OK, "%s", symo_context_detail(context));
      symo_layout_destroy(layout);
    } else {
      cr_assert_eq(status, SYMO_E_FORMAT);
    }
  }
  symo_context_destroy(context);
  cr_no_leaks();
}
