/* Bad arguments, one at a time: contexts, random numbers, groups, layouts. */
#include "tests/interface/stage.h"

#include <math.h>
#include <string.h>

Test(interface, contexts_and_random_numbers) {
  stage s;
  stage_open(&s);
  SILENT(symo_context_create, NULL);
  GIVES(symo_context_detail, NULL, NULL, [0] == 0, NULL);
  SILENT(symo_set_threads, 0);
  SILENT(symo_set_threads, -3);
  REFUSED(symo_rng_create, SYMO_E_ARGUMENT, "rng_create: ", "out is NULL", s.context, 1, NULL);
  SILENT(symo_rng_create, NULL, 1, NULL);
  const uint64_t none = symo_rng_below(NULL, 3);
  cr_assert(none == 0 && isnan(symo_rng_uniform(NULL)) && isnan(symo_rng_normal(NULL)));
  GIVES(symo_rng_below, NULL, NULL, == 0, s.rng, 0);
  GIVES(symo_rng_uniform, NULL, NULL, != 0, NULL);
  GIVES(symo_rng_normal, NULL, NULL, != 0, NULL);
  REFUSED(symo_context_add_group, SYMO_E_ARGUMENT, "context_add_group: ", "group is NULL",
          s.context, NULL);
  SILENT(symo_context_add_group, NULL, symo_group_find("cyclic"));
  REFUSED(symo_context_add_group, SYMO_E_NAME, "group cyclic: ", "taken", s.context,
          symo_group_find("cyclic"));
  GIVES(symo_context_find_group, NULL, NULL, == NULL, NULL, "cyclic");
  GIVES(symo_context_find_group, NULL, NULL, == NULL, s.context, NULL);
  GIVES(symo_context_find_group, NULL, NULL, == NULL, s.context, "no such group");
  GIVES(symo_dtype_size, NULL, NULL, == 0, (symo_dtype)17);
  GIVES(symo_dtype_name, NULL, NULL, != NULL, (symo_dtype)17);
  GIVES(symo_strerror, NULL, NULL, != NULL, (symo_status)99);
  GIVES(symo_status_name, NULL, NULL, != NULL, (symo_status)99);
  NOTHING_FAILS(symo_context_destroy);
  NOTHING_FAILS(symo_rng_destroy);
  NOTHING_FAILS(symo_get_threads);
  NOTHING_FAILS(symo_free);
  NOTHING_FAILS(symo_version);
  NOTHING_FAILS(symo_build_info);
  stage_close(&s);
}

/* Beyond 32 bits a generator of 32 bits is drawn from twice. */
Test(interface, whole_numbers_below_any_bound) {
  symo_rng *rng;
  cr_assert(symo_rng_create(NULL, 5, &rng) == SYMO_OK);
  const uint64_t bounds[] = {1,         2, 1ull << 31, UINT32_MAX, 1ull << 32, (1ull << 63) + 1,
                             UINT64_MAX};
  for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++) {
    double mean = 0;
    for (int i = 0; i < 1000; i++) {
      uint64_t x = symo_rng_below(rng, bounds[b]);
      cr_assert(x < bounds[b]);
      mean += (double)x / (double)bounds[b] / 1000;
    }
    /* 1000 uniform numbers: the standard error of the mean is 0.0092. */
    cr_assert(b < 2 || fabs(mean - 0.5) <= 5 * 0.0092, "%g", mean);
  }
  symo_rng_destroy(rng);
  cr_no_leaks();
}

Test(interface, groups) {
  stage s;
  stage_open(&s);
  const symo_group *cyclic = symo_group_find("cyclic"), *scaling = symo_group_find("scaling");
  GIVES(symo_group_at, NULL, NULL, == NULL, symo_group_count());
  GIVES(symo_group_find, NULL, NULL, == NULL, NULL);
  GIVES(symo_group_find, NULL, NULL, == NULL, "cyclics");
  GIVES(symo_group_name, NULL, NULL, [0] == 0, NULL);
  GIVES(symo_group_summary, NULL, NULL, [0] == 0, NULL);
  GIVES(symo_group_irreps, NULL, NULL, [0] == 0, NULL);
  GIVES(symo_group_average, NULL, NULL, [0] == 0, NULL);
  GIVES(symo_group_exact, NULL, NULL, [0] == 0, NULL);
  GIVES(symo_group_has_parameters, NULL, NULL, == false, NULL);
  GIVES(symo_group_dim, NULL, NULL, == 0, NULL);
  GIVES(symo_group_get_spec, NULL, NULL, == NULL, NULL);
  GIVES(symo_group_get_spec, NULL, NULL, == NULL, cyclic);
  symo_group_spec spec = symo_group_spec_default(NULL);
  REFUSED(symo_group_create, SYMO_E_ARGUMENT, "group_create: ", "spec is NULL", s.context, NULL,
          &s.out.group);
  REFUSED(symo_group_create, SYMO_E_ARGUMENT, "group_create: ", "name", s.context, &spec,
          &s.out.group);
  spec = symo_group_spec_default("scaling");
  REFUSED(symo_group_create, SYMO_E_ARGUMENT, "group_create: ", "out is NULL", s.context, &spec,
          NULL);
  spec.window = (double)NAN;
  REFUSED(symo_group_create, SYMO_E_ARGUMENT, "group scaling: ", "window", s.context, &spec,
          &s.out.group);
  spec = symo_group_spec_default("cyclic");
  REFUSED(symo_group_create, SYMO_E_ARGUMENT, "group cyclic: ", "no parameters", s.context, &spec,
          &s.out.group);
  spec = symo_group_spec_default("cyclics");
  REFUSED(symo_group_create, SYMO_E_NAME, "group cyclics: ", "none", s.context, &spec,
          &s.out.group);
  symo_group_part part = {NULL, 3};
  spec = symo_group_spec_default("sum");
  REFUSED(symo_group_create, SYMO_E_ARGUMENT, "group sum: ", "no parts", s.context, &spec,
          &s.out.group);
  spec.num_parts = 1;
  REFUSED(symo_group_create, SYMO_E_ARGUMENT, "group sum: ", "no parts", s.context, &spec,
          &s.out.group);
  spec.parts = &part;
  REFUSED(symo_group_create, SYMO_E_ARGUMENT, "group sum: part 0: ", "group is NULL", s.context,
          &spec, &s.out.group);
  part.group = scaling;
  REFUSED(symo_group_create, SYMO_E_ARGUMENT, "group sum: part 0: ", "scaling", s.context, &spec,
          &s.out.group);
  part = (symo_group_part){cyclic, 0};
  REFUSED(symo_group_create, SYMO_E_SHAPE, "group sum: part 0: ", "dimension 0", s.context, &spec,
          &s.out.group);
  part.dim = 3;
  spec.group = "restriction";
  spec.num_keep = 1;
  REFUSED(symo_group_create, SYMO_E_ARGUMENT, "group", "keep", s.context, &spec, &s.out.group);
  const size_t keep = 7;
  spec.keep = &keep;
  REFUSED(symo_group_create, SYMO_E_ARGUMENT, "group", "7", s.context, &spec, &s.out.group);
  spec = symo_group_spec_default("wreath");
  REFUSED(symo_group_create, SYMO_E_ARGUMENT, "group wreath: ", "0 copies", s.context, &spec,
          &s.out.group);
  spec = symo_group_spec_default("custom");
  spec.generators = (symo_generators){.dim = 2, .num_matrices = 1};
  REFUSED(symo_group_create, SYMO_E_ARGUMENT, "group custom", "NULL", s.context, &spec,
          &s.out.group);
  spec.generators.dim = 0;
  REFUSED(symo_group_create, SYMO_E_ARGUMENT, "generators: ", "dimension is 0", s.context, &spec,
          &s.out.group);
  REFUSED(symo_group_generators, SYMO_E_ARGUMENT, "group_generators: ", "group is NULL", s.context,
          NULL, 3, &s.out.generators);
  REFUSED(symo_group_generators, SYMO_E_ARGUMENT, "group_generators: ", "out is NULL", s.context,
          cyclic, 3, NULL);
  REFUSED(symo_group_generators, SYMO_E_SHAPE, "group cyclic: ", "dimension 0", s.context, cyclic,
          0, &s.out.generators);
  REFUSED(symo_group_generators, SYMO_E_UNSUPPORTED, "group scaling: ", "no generators", s.context,
          scaling, 3, &s.out.generators);
  REFUSED(symo_group_order, SYMO_E_ARGUMENT, "group_order: ", "group is NULL", s.context, NULL, 3,
          10, &s.out.count);
  REFUSED(symo_group_order, SYMO_E_ARGUMENT, "group_order: ", "out is NULL", s.context, cyclic, 3,
          10, NULL);
  REFUSED(symo_group_order, SYMO_E_SHAPE, "group cyclic: ", "dimension 0", s.context, cyclic, 0, 10,
          &s.out.count);
  REFUSED(symo_group_order, SYMO_E_SIZE, "", "more than 2", s.context, cyclic, 3, 2, &s.out.count);
  symo_group_ops ops = {.size = sizeof ops};
  REFUSED(symo_group_from_ops, SYMO_E_ARGUMENT, "group_from_ops: ", "ops is NULL", s.context, NULL,
          &s.out.group);
  REFUSED(symo_group_from_ops, SYMO_E_ARGUMENT, "group_from_ops: ", "out is NULL", s.context, &ops,
          NULL);
  REFUSED(symo_group_from_ops, SYMO_E_ARGUMENT, "group table", "name", s.context, &ops,
          &s.out.group);
  ops.size = 8;
  REFUSED(symo_group_from_ops, SYMO_E_ARGUMENT, "group table: ", "size", s.context, &ops,
          &s.out.group);
  NOTHING_FAILS(symo_group_count);
  NOTHING_FAILS(symo_group_destroy);
  NOTHING_FAILS(symo_group_spec_default);
  stage_close(&s);
}

Test(interface, layouts_being_made) {
  stage s;
  stage_open(&s);
  const symo_group *group = symo_group_find("permutation");
  const char *const axes[] = {"h", NULL}, *const unknown[] = {"k"};
  REFUSED(symo_layout_create, SYMO_E_ARGUMENT, "layout_create: ", "out is NULL", s.context, NULL);
  REFUSED(symo_layout_parse, SYMO_E_ARGUMENT, "layout_parse: ", "text is NULL", s.context, NULL,
          &s.out.layout);
  REFUSED(symo_layout_parse, SYMO_E_ARGUMENT, "layout_parse: ", "out is NULL", s.context, "s[]",
          NULL);
  REFUSED(symo_layout_parse, SYMO_E_FORMAT, "layout text: ", "no tensors", s.context, "",
          &s.out.layout);
  SILENT(symo_layout_add_space, NULL, "k", 3, group);
  REFUSED(symo_layout_add_space, SYMO_E_ARGUMENT, "layout: ", "name of a space is NULL", s.open,
          NULL, 3, group);
  REFUSED(symo_layout_add_space, SYMO_E_NAME, "layout: space \"a b\"", "not a name", s.open, "a b",
          3, group);
  REFUSED(symo_layout_add_space, SYMO_E_NAME, "layout: space h: ", "twice", s.open, "h", 3, group);
  REFUSED(symo_layout_add_space, SYMO_E_ARGUMENT, "layout: space k: ", "dimension 0", s.open, "k",
          0, group);
  REFUSED(symo_layout_add_space, SYMO_E_SIZE, "layout: space k: ", "dimension", s.open, "k",
          (size_t)-1, group);
  REFUSED(symo_layout_add_space, SYMO_E_ARGUMENT, "layout: space k: ", "group is NULL", s.open, "k",
          3, symo_group_find("permutations"));
  REFUSED(symo_layout_add_space, SYMO_E_ARGUMENT, "layout: space k: ", "has parameters", s.open,
          "k", 3, symo_group_find("scaling"));
  REFUSED(symo_layout_add_space, SYMO_E_UNSUPPORTED, "layout: space k: ", "in use", s.layout, "k",
          3, group);
  SILENT(symo_layout_add_tensor, NULL, "v", 1, axes);
  REFUSED(symo_layout_add_tensor, SYMO_E_ARGUMENT, "layout: ", "name of a tensor is NULL", s.open,
          NULL, 1, axes);
  REFUSED(symo_layout_add_tensor, SYMO_E_NAME, "layout: tensor b: ", "twice", s.open, "b", 1, axes);
  REFUSED(symo_layout_add_tensor, SYMO_E_ARGUMENT, "layout: tensor v: ", "axis 0 of 1 is NULL",
          s.open, "v", 1, NULL);
  REFUSED(symo_layout_add_tensor, SYMO_E_ARGUMENT, "layout: tensor v: ", "axis 1 of 2 is NULL",
          s.open, "v", 2, axes);
  REFUSED(symo_layout_add_tensor, SYMO_E_NAME, "layout: axis 0 of tensor v", "space k", s.open, "v",
          1, unknown);
  REFUSED(symo_layout_add_tensor, SYMO_E_UNSUPPORTED, "layout: tensor v ", "9 axes", s.open, "v", 9,
          axes);
  REFUSED(symo_layout_add_tensor, SYMO_E_UNSUPPORTED, "layout: tensor v: ", "in use", s.layout, "v",
          1, axes);
  SILENT(symo_layout_set_dtype, NULL, SYMO_F32);
  REFUSED(symo_layout_set_dtype, SYMO_E_DTYPE, "layout: ", "dtype 17", s.open, (symo_dtype)17);
  REFUSED(symo_layout_set_dtype, SYMO_E_UNSUPPORTED, "layout: dtype: ", "in use", s.layout,
          SYMO_F32);
  NOTHING_FAILS(symo_layout_destroy);
  stage_close(&s);
}

Test(interface, layouts_being_read) {
  stage s;
  stage_open(&s);
  const symo_layout *l = s.layout;
  GIVES(symo_layout_dtype, NULL, NULL, == SYMO_ANY, NULL);
  GIVES(symo_layout_detail, NULL, NULL, [0] == 0, NULL);
  GIVES(symo_layout_num_spaces, NULL, NULL, == 0, NULL);
  GIVES(symo_layout_num_tensors, NULL, NULL, == 0, NULL);
  GIVES(symo_layout_num_parameters, NULL, NULL, == 0, NULL);
  GIVES(symo_layout_space_name, NULL, NULL, == NULL, NULL, 0);
  GIVES(symo_layout_space_name, "layout_space_name: ", "no space 2", == NULL, l, 2);
  GIVES(symo_layout_space_dim, NULL, NULL, == 0, NULL, 0);
  GIVES(symo_layout_space_dim, "layout_space_dim: ", "no space 2", == 0, l, 2);
  GIVES(symo_layout_space_group, NULL, NULL, == NULL, NULL, 0);
  GIVES(symo_layout_space_group, "layout_space_group: ", "no space 2", == NULL, l, 2);
  GIVES(symo_layout_tensor_name, NULL, NULL, == NULL, NULL, 0);
  GIVES(symo_layout_tensor_name, "layout_tensor_name: ", "no tensor 2", == NULL, l, 2);
  GIVES(symo_layout_tensor_order, NULL, NULL, == 0, NULL, 0);
  GIVES(symo_layout_tensor_order, "layout_tensor_order: ", "no tensor 2", == 0, l, 2);
  GIVES(symo_layout_tensor_size, NULL, NULL, == 0, NULL, 0);
  GIVES(symo_layout_tensor_size, "layout_tensor_size: ", "no tensor 2", == 0, l, 2);
  GIVES(symo_layout_tensor_offset, NULL, NULL, == SYMO_NONE, NULL, 0);
  GIVES(symo_layout_tensor_offset, "layout_tensor_offset: ", "no tensor 2", == SYMO_NONE, l, 2);
  GIVES(symo_layout_axis_space, NULL, NULL, == SYMO_NONE, NULL, 0, 0);
  GIVES(symo_layout_axis_space, "layout_axis_space: ", "no tensor 2", == SYMO_NONE, l, 2, 0);
  GIVES(symo_layout_axis_space, "layout_axis_space: ", "no axis 1", == SYMO_NONE, l, 1, 1);
  GIVES(symo_layout_axis_dim, NULL, NULL, == 0, NULL, 0, 0);
  GIVES(symo_layout_axis_dim, "layout_axis_dim: ", "no tensor 2", == 0, l, 2, 0);
  GIVES(symo_layout_axis_dim, "layout_axis_dim: ", "no axis 1", == 0, l, 1, 1);
  GIVES(symo_layout_axis_dual, NULL, NULL, == false, NULL, 0, 0);
  GIVES(symo_layout_axis_dual, "layout_axis_dual: ", "no tensor 2", == false, l, 2, 0);
  GIVES(symo_layout_axis_dual, "layout_axis_dual: ", "no axis 1", == false, l, 1, 1);
  GIVES(symo_layout_find_space, NULL, NULL, == false, NULL, "h", &s.out.count);
  GIVES(symo_layout_find_space, NULL, NULL, == false, l, NULL, &s.out.count);
  GIVES(symo_layout_find_space, NULL, NULL, == false, l, "k", &s.out.count);
  GIVES(symo_layout_find_space, NULL, NULL, == true, l, "h", NULL);
  GIVES(symo_layout_find_tensor, NULL, NULL, == false, NULL, "w", &s.out.count);
  GIVES(symo_layout_find_tensor, NULL, NULL, == false, l, NULL, &s.out.count);
  GIVES(symo_layout_find_tensor, NULL, NULL, == false, l, "v", &s.out.count);
  GIVES(symo_layout_find_tensor, NULL, NULL, == true, l, "w", NULL);
  SILENT(symo_layout_to_text, NULL, &s.out.text);
  REFUSED(symo_layout_to_text, SYMO_E_ARGUMENT, "layout_to_text: ", "out is NULL", l, NULL);
  SILENT(symo_layout_split, NULL, SYMO_F64, s.x, s.out.data);
  REFUSED(symo_layout_split, SYMO_E_ARGUMENT, "layout_split: ", "number type", l, SYMO_ANY, s.x,
          s.out.data);
  REFUSED(symo_layout_split, SYMO_E_ARGUMENT, "layout_split: ", "flat is NULL", l, SYMO_F64, NULL,
          s.out.data);
  REFUSED(symo_layout_split, SYMO_E_ARGUMENT, "layout_split: ", "data is NULL", l, SYMO_F64, s.x,
          NULL);
  SILENT(symo_layout_split_const, NULL, SYMO_F64, s.x, s.out.const_data);
  REFUSED(symo_layout_split_const, SYMO_E_ARGUMENT, "layout_split_const: ", "number type", l,
          SYMO_ANY, s.x, s.out.const_data);
  REFUSED(symo_layout_split_const, SYMO_E_ARGUMENT, "layout_split_const: ", "flat is NULL", l,
          SYMO_F64, NULL, s.out.const_data);
  REFUSED(symo_layout_split_const, SYMO_E_ARGUMENT, "layout_split_const: ", "data is NULL", l,
          SYMO_F64, s.x, NULL);
  stage_close(&s);
}
