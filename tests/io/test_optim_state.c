/* States of optimizers as files: the same bits come back and steps go on from them as if nothing
 * had been; files that were cut or changed, or belong to something else, are refused. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/error.h"
#include "io/optim_state.h"
#include "tests/support/files.h"
#include "tests/support/stepping.h"
#include "tests/support/testing.h"

#include <symo/io.h>

static symo_context *context;
static void setup(void) { context = symo_test_context(); }
static void teardown(void) {
  symo_context_destroy(context);
  if (symo_alloc_live_blocks() != 0) abort(); /* cr_assert does not count here */
}
TestSuite(io_optim_state, .init = setup, .fini = teardown);

#define SPACES "in: identity 4; h: signed-permutation 3; out: identity 2; "
static const char *const mlp = SPACES "w1[h,in] b1[h] w2[out,h*] b2[out]";
enum { PARAMETERS = 23, TENSORS = 4 };

/* ---- running ---- */

typedef struct world {
  symo_optim *optim;
  symo_optim_state *state;
  double params[PARAMETERS]; /* or floats, in the same place */
  symo_rng *rng;
  symo_dtype dtype;
  symo_layout *layout;
} world;

static symo_optim *make_optim(const char *layout_text, const char *name, symo_dtype dtype,
                              size_t count, const char *const *settings, symo_layout **layout) {
  symo_optim *optim = NULL;
  symo_optim_spec *spec = NULL;
  cr_ok(context, symo_layout_parse(context, layout_text, layout));
  cr_ok(context, symo_optim_spec_open(context, name, count, settings, &spec));
  spec->dtype = dtype;
  cr_ok(context, symo_optim_create(*layout, spec, &optim));
  symo_optim_spec_destroy(spec);
  return optim;
}

static void start(world *w, const char *name, symo_dtype dtype, uint64_t seed) {
  double x[PARAMETERS];
  *w = (world){.dtype = dtype, .rng = symo_test_rng(context, seed)};
  w->optim = make_optim(mlp, name, dtype, 0, NULL, &w->layout);
  cr_assert_eq(symo_layout_num_parameters(w->layout), PARAMETERS);
  cr_ok(context, symo_optim_state_create(w->optim, &w->state));
  symo_test_randn(w->rng, x, PARAMETERS);
  symo_test_pack(dtype, x, w->params, PARAMETERS);
}

static void finish(world *w) {
  symo_optim_state_destroy(w->state);
  symo_optim_destroy(w->optim);
  symo_layout_destroy(w->layout);
  symo_rng_destroy(w->rng);
}

static void step(symo_optim_state *state, const world *w, const double *gradient, void *params) {
  double g[PARAMETERS];
  const void *grad[TENSORS];
  void *to[TENSORS];
  symo_test_pack(w->dtype, gradient, g, PARAMETERS);
  symo_layout_split_const(w->layout, w->dtype, g, grad);
  symo_layout_split(w->layout, w->dtype, params, to);
  cr_ok(context, symo_optim_step(state, symo_const_vector_of(w->dtype, grad),
                                 symo_vector_of(w->dtype, to), NULL));
}

static void steps(world *w, size_t count) {
  double g[PARAMETERS];
  for (size_t i = 0; i < count; ++i) {
    symo_test_randn(w->rng, g, PARAMETERS);
    step(w->state, w, g, w->params);
  }
}

static size_t bytes_of(const symo_state_entry *entry) {
  size_t bytes = symo_dtype_size(entry->dtype);
  for (size_t i = 0; i < entry->order; ++i) bytes *= entry->shape[i];
  return bytes;
}

static void expect_equal(symo_optim_state *a, symo_optim_state *b) {
  cr_assert_eq(symo_optim_state_num_entries(a), symo_optim_state_num_entries(b));
  for (size_t i = 0; i < symo_optim_state_num_entries(a); ++i) {
    symo_state_entry x = symo_optim_state_entry(a, i), y = symo_optim_state_entry(b, i);
    cr_assert_str_eq(x.name, y.name);
    cr_assert(bytes_of(&x) == bytes_of(&y) && memcmp(x.data, y.data, bytes_of(&x)) == 0, "%s",
              x.name);
  }
}

/* ---- there and back ---- */

Test(io_optim_state, every_preset_goes_on_as_if_nothing_had_been) {
  for (size_t i = 0; i < 2 * symo_method_num_presets(); ++i) {
    const char *name = symo_method_preset_name(i / 2), *path = symo_test_path("s");
    symo_optim_state *back = NULL;
    double params[PARAMETERS], g[PARAMETERS];
    world w;
    if (symo_test_preset_asks(name)) continue;
    start(&w, name, i % 2 ? SYMO_F32 : SYMO_F64, i);
    steps(&w, 3);
    cr_ok(context, symo_optim_state_write(w.state, path));
    cr_ok(context, symo_optim_state_read(w.optim, path, 0, NULL, &back));
    expect_equal(w.state, back);
    memcpy(params, w.params, sizeof params);
    for (int k = 0; k < 3; ++k) {
      symo_test_randn(w.rng, g, PARAMETERS);
      step(w.state, &w, g, w.params);
      step(back, &w, g, params);
    }
    cr_assert(memcmp(params, w.params, PARAMETERS * symo_dtype_size(w.dtype)) == 0, "%s", name);
    expect_equal(w.state, back);
    symo_optim_state_destroy(back);
    finish(&w);
  }
}

/* Any bits at all, and the same bytes when written twice, also from another process's plan. */
Test(io_optim_state, any_bits_and_the_same_bytes) {
  world w, other;
  symo_optim_state *back = NULL;
  start(&w, "adamw", SYMO_F64, 1);
  start(&other, "adamw", SYMO_F64, 1);
  symo_state_entry entry = symo_optim_state_entry(w.state, 1);
  static const uint64_t bits[] = {0x8000000000000000u, 1, 0x7ff0000000000000u, 0x7ff8000000001234u};
  cr_assert(bytes_of(&entry) >= sizeof bits);
  memcpy(entry.data, bits, sizeof bits);
  cr_ok(context, symo_optim_state_write(w.state, symo_test_path("a")));
  cr_ok(context, symo_optim_state_read(other.optim, symo_test_path("a"), 0, NULL, &back));
  expect_equal(w.state, back);
  cr_ok(context, symo_optim_state_write(back, symo_test_path("b")));
  size_t n, m;
  unsigned char *one = symo_test_slurp(symo_test_path("a"), &n);
  unsigned char *two = symo_test_slurp(symo_test_path("b"), &m);
  cr_assert(n == m && memcmp(one, two, n) == 0);
  free(one);
  free(two);
  symo_optim_state_destroy(back);
  finish(&w);
  finish(&other);
}

/* ---- damage ---- */

Test(io_optim_state, every_changed_byte_is_found) {
  world w;
  symo_optim_state *back = NULL;
  const char *path = symo_test_path("changed");
  size_t size;
  start(&w, "sgd", SYMO_F32, 2);
  steps(&w, 2);
  cr_ok(context, symo_optim_state_write(w.state, symo_test_path("s")));
  unsigned char *bytes = symo_test_slurp(symo_test_path("s"), &size);
  for (size_t i = 0; i < size; ++i) {
    bytes[i] ^= (unsigned char)(1u << i % 8);
    symo_test_write(path, bytes, size);
    symo_status status = symo_optim_state_read(w.optim, path, 0, NULL, &back);
    cr_assert(status < 0 && back == NULL, "byte %zu: %s", i, symo_status_name(status));
    bytes[i] ^= (unsigned char)(1u << i % 8);
  }
  for (size_t n = 0; n < size; n += n + 100 < size ? 13 : 1) {
    symo_test_write(path, bytes, n);
    cr_fails(context, SYMO_E_FORMAT, "changed",
             symo_optim_state_read(w.optim, path, 0, NULL, &back));
  }
  bytes[size - 1] ^= 4;
  symo_test_write(path, bytes, size);
  cr_fails(context, SYMO_E_FORMAT, "the checksum is ",
           symo_optim_state_read(w.optim, path, 0, NULL, &back));
  free(bytes);
  finish(&w);
}

enum { NUM_TEXTS = 6, MOST = 16 };

/* A state's file with one text replaced (NULL: left out) and the first `keep` entries. */
static void forge(const char *from, const char *to, const char *key, const char *value, size_t keep,
                  const char *without) {
  static const char *const keys[NUM_TEXTS] = {"format", "version", "dtype",
                                              "layout", "spec",    "checksum"};
  symo_safetensors *file = NULL;
  symo_safetensors_text texts[NUM_TEXTS];
  symo_safetensors_item items[MOST];
  double numbers[MOST][64];
  size_t num_texts = 0, count = 0;
  cr_ok(context, symo_safetensors_open(context, from, &file));
  for (size_t i = 0; i < NUM_TEXTS; ++i) {
    bool changed = strcmp(keys[i], key) == 0;
    if (changed && value == NULL) continue;
    texts[num_texts++] = (symo_safetensors_text){
        keys[i], changed ? value : symo_safetensors_metadata(file, keys[i])};
  }
  for (size_t i = 0; i < symo_safetensors_count(file) && count < keep; ++i) {
    const symo_safetensors_entry *entry = symo_safetensors_at(file, i);
    if (without != NULL && strstr(entry->name, without) != NULL) continue;
    cr_assert(count < MOST && entry->count <= 64);
    cr_ok(context, symo_safetensors_read_raw(file, entry, numbers[count]));
    items[count] =
        (symo_safetensors_item){entry->name, entry->type, entry->order, {0}, numbers[count]};
    memcpy(items[count++].shape, entry->shape, sizeof entry->shape);
  }
  cr_ok(context, symo_safetensors_write(context, to, num_texts, texts, count, items));
  symo_safetensors_close(file);
}

Test(io_optim_state, files_that_say_something_else) {
  static const struct {
    const char *key, *value, *detail;
    symo_status status;
    size_t keep;
  } rows[] = {
      {"format", "symo-hessian", "not the state of an optimizer", SYMO_E_FORMAT, MOST},
      {"format", NULL, "not the state of an optimizer", SYMO_E_FORMAT, MOST},
      {"version", "2", "metadata version is \"2\" (must be \"1\"", SYMO_E_FORMAT, MOST},
      {"version", NULL, "metadata version is missing", SYMO_E_FORMAT, MOST},
      {"dtype", "f32", "holds f32, but the optimizer computes in f64", SYMO_E_DTYPE, MOST},
      {"dtype", NULL, "metadata dtype is missing", SYMO_E_FORMAT, MOST},
      {"layout", NULL, "metadata layout is missing", SYMO_E_FORMAT, MOST},
      {"layout", "{", "metadata layout: line 1", SYMO_E_FORMAT, MOST},
      {"layout", "[]", "another layout", SYMO_E_SHAPE, MOST},
      {"layout", "{\"spaces\": [], \"tensors\": {}}", "another layout", SYMO_E_SHAPE, MOST},
      {"spec", NULL, "metadata spec is missing", SYMO_E_FORMAT, MOST},
      {"spec", "{}", "metadata spec: preset: is missing", SYMO_E_FORMAT, MOST},
      {"spec", "{\"preset\": \"muon\"}", "with 2 rules, and this one has 1", SYMO_E_ARGUMENT, MOST},
      {"checksum", NULL, "metadata checksum is missing", SYMO_E_FORMAT, MOST},
      {"checksum", "0000000000000000", "the checksum is ", SYMO_E_FORMAT, MOST},
      {"", NULL, "no entry state:", SYMO_E_FORMAT, 2},
  };
  world w;
  symo_optim_state *back = NULL;
  start(&w, "adam", SYMO_F64, 3);
  cr_ok(context, symo_optim_state_write(w.state, symo_test_path("s")));
  for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
    const char *path = symo_test_path("forged");
    forge(symo_test_path("s"), path, rows[i].key, rows[i].value, rows[i].keep, NULL);
    cr_fails(context, rows[i].status, rows[i].detail,
             symo_optim_state_read(w.optim, path, 0, NULL, &back));
    const char *detail = symo_context_detail(context);
    cr_assert(strncmp(detail, path, strlen(path)) == 0, "%s", detail);
    cr_assert(detail[strlen(detail) - 1] == ')' && back == NULL, "%s", detail);
  }
  /* Unchanged it is good. */
  forge(symo_test_path("s"), symo_test_path("forged"), "", NULL, MOST, NULL);
  cr_ok(context, symo_optim_state_read(w.optim, symo_test_path("forged"), 0, NULL, &back));
  symo_optim_state_destroy(back);
  finish(&w);
}

/* Files from before momentum and roots had powers of two: these are 1. */
Test(io_optim_state, powers_of_two_may_be_missing) {
  static const char *const names[] = {".exponents", ".root-units", ".counters"};
  world w;
  start(&w, "symo-published", SYMO_F64, 3);
  cr_ok(context, symo_optim_state_write(w.state, symo_test_path("s")));
  for (int k = 0; k < 3; k++) {
    symo_optim_state *back = NULL;
    char sum[17] = "";
    const char *at;
    forge(symo_test_path("s"), symo_test_path("old"), "", NULL, MOST, names[k]);
    symo_status status = symo_optim_state_read(w.optim, symo_test_path("old"), 0, NULL, &back);
    if (k == 0 && status == SYMO_OK) { /* nothing of that name was there */
      symo_optim_state_destroy(back);
      continue;
    }
    cr_assert(status == SYMO_E_FORMAT);
    at = strstr(symo_context_detail(context), "the checksum is ");
    cr_assert((at == NULL) == (k == 2)); /* of counters the reader does not do without */
    if (at == NULL) continue;
    memcpy(sum, at + strlen("the checksum is "), 16);
    forge(symo_test_path("s"), symo_test_path("old"), "checksum", sum, MOST, names[k]);
    cr_ok(context, symo_optim_state_read(w.optim, symo_test_path("old"), 0, NULL, &back));
    symo_optim_state_destroy(back);
  }
  finish(&w);
}

Test(io_optim_state, refuses_null_and_missing_files) {
  world w;
  symo_optim_state *back = NULL;
  start(&w, "sgd", SYMO_F64, 3);
  cr_assert(symo_optim_state_write(NULL, "x") == SYMO_E_ARGUMENT);
  cr_fails(context, SYMO_E_ARGUMENT, "NULL", symo_optim_state_write(w.state, NULL));
  cr_assert(symo_optim_state_read(NULL, "x", 0, NULL, &back) == SYMO_E_ARGUMENT);
  cr_fails(context, SYMO_E_ARGUMENT, "NULL", symo_optim_state_read(w.optim, NULL, 0, NULL, &back));
  cr_fails(context, SYMO_E_ARGUMENT, "NULL", symo_optim_state_read(w.optim, "x", 1, NULL, &back));
  cr_fails(context, SYMO_E_ARGUMENT, "NULL", symo_optim_state_read(w.optim, "x", 0, NULL, NULL));
  cr_fails(context, SYMO_E_IO, "none",
           symo_optim_state_read(w.optim, symo_test_path("none"), 0, NULL, &back));
  cr_fails(context, SYMO_E_IO, "none/s", symo_optim_state_write(w.state, symo_test_path("none/s")));
  finish(&w);
}

/* ---- another layout, another spec ---- */

Test(io_optim_state, what_differs_in_the_layout_is_named) {
  static const struct {
    const char *layout, *detail;
  } rows[] = {
      {SPACES "w1[h,in] b1[h] w2[out,h*] c[out]", "where tensor c stands here, it has b2"},
      {"in: identity 4; h: permutation 3; out: identity 2; w1[h,in] b1[h] w2[out,h*] b2[out]",
       "space h has another dimension or group"},
      {"in: identity 5; h: signed-permutation 3; out: identity 2; w1[h,in] b1[h] w2[out,h*] "
       "b2[out]",
       "space in has another dimension"},
      {SPACES "w1[h,in] b1[h] w2[out,h] b2[out]", "tensor w2 has other axes"},
      {SPACES "w1[h,in] b1[h] w2[out,h*]", "tensor b2 is only there"},
      {SPACES "w1[h,in] b1[h] w2[out,h*] b2[out] e[h]", "tensor e is only here"},
      {"h: signed-permutation 3; in: identity 4; out: identity 2; w1[h,in] b1[h] w2[out,h*] "
       "b2[out]",
       "where space h stands here, it has in"},
      {SPACES "z: identity 1; w1[h,in] b1[h] w2[out,h*] b2[out]", "space z is only here"},
  };
  world w;
  start(&w, "sgd", SYMO_F64, 4);
  cr_ok(context, symo_optim_state_write(w.state, symo_test_path("s")));
  for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
    symo_layout *layout = NULL;
    symo_optim *optim = make_optim(rows[i].layout, "sgd", SYMO_F64, 0, NULL, &layout);
    symo_optim_state *back = NULL;
    cr_fails(context, SYMO_E_SHAPE, rows[i].detail,
             symo_optim_state_read(optim, symo_test_path("s"), 0, NULL, &back));
    symo_optim_destroy(optim);
    symo_layout_destroy(layout);
  }
  finish(&w);
}

Test(io_optim_state, options_may_differ_where_that_was_asked_for) {
  static const char *const settings[] = {"lr=0.25", "weight_decay=0.5"};
  static const char *const free_keys[] = {"lr", "weight_decay", "graft"};
  world w;
  symo_layout *layout = NULL;
  symo_optim_state *back = NULL;
  start(&w, "adamw", SYMO_F64, 5);
  steps(&w, 2);
  cr_ok(context, symo_optim_state_write(w.state, symo_test_path("s")));
  symo_optim *optim = make_optim(mlp, "adamw", SYMO_F64, 2, settings, &layout);
  cr_fails(context, SYMO_E_ARGUMENT, "rule 0: lr is 0.001 there, but 0.25 here",
           symo_optim_state_read(optim, symo_test_path("s"), 0, NULL, &back));
  cr_fails(context, SYMO_E_ARGUMENT, "rule 0: weight_decay is 0.01 there, but 0.5 here",
           symo_optim_state_read(optim, symo_test_path("s"), 1, free_keys, &back));
  cr_ok(context, symo_optim_state_read(optim, symo_test_path("s"), 2, free_keys, &back));
  expect_equal(w.state, back);
  symo_optim_state_destroy(back);
  symo_optim_destroy(optim);
  symo_layout_destroy(layout);
  /* What the entries mean may not. */
  static const char *const graft = "graft=adam";
  optim = make_optim(mlp, "sgd", SYMO_F64, 1, &graft, &layout);
  symo_optim_destroy(w.optim); /* the state keeps it */
  w.optim = NULL;
  cr_fails(context, SYMO_E_ARGUMENT, "rule 0: curvature is diagonal there, but none here",
           symo_optim_state_read(optim, symo_test_path("s"), 3, free_keys, &back));
  symo_optim_destroy(optim);
  symo_layout_destroy(layout);
  /* Threads, budget and NaN policy do not matter. */
  static const char *const others[] = {"threads=2", "nan=stop", "budget_memory=1GiB"};
  optim = make_optim(mlp, "adamw", SYMO_F64, 3, others, &layout);
  cr_ok(context, symo_optim_state_read(optim, symo_test_path("s"), 0, NULL, &back));
  symo_optim_state_destroy(back);
  symo_optim_destroy(optim);
  symo_layout_destroy(layout);
  /* Another number type does. */
  optim = make_optim(mlp, "adamw", SYMO_F32, 0, NULL, &layout);
  cr_fails(context, SYMO_E_DTYPE, "holds f64, but the optimizer computes in f32",
           symo_optim_state_read(optim, symo_test_path("s"), 0, NULL, &back));
  symo_optim_destroy(optim);
  symo_layout_destroy(layout);
  finish(&w);
}

Test(io_optim_state, rules_for_other_tensors) {
  static const char *const texts[] = {
      "{\"rules\": [{\"match\": \"w*\", \"preset\": \"sgd\"}, {\"preset\": \"adam\"}]}",
      "{\"rules\": [{\"match\": \"b*\", \"preset\": \"sgd\"}, {\"preset\": \"adam\"}]}"};
  symo_optim *optim[2] = {NULL};
  symo_layout *layout[2] = {NULL};
  symo_optim_state *state = NULL, *back = NULL;
  for (int i = 0; i < 2; ++i) {
    symo_test_write(symo_test_path("spec.json"), texts[i], strlen(texts[i]));
    optim[i] = make_optim(mlp, symo_test_path("spec.json"), SYMO_F64, 0, NULL, &layout[i]);
  }
  cr_ok(context, symo_optim_state_create(optim[0], &state));
  cr_ok(context, symo_optim_state_write(state, symo_test_path("s")));
  cr_fails(context, SYMO_E_ARGUMENT, "rule 0 is for other tensors there: match \"w*\"",
           symo_optim_state_read(optim[1], symo_test_path("s"), 0, NULL, &back));
  symo_optim_state_destroy(state);
  for (int i = 0; i < 2; ++i) {
    symo_optim_destroy(optim[i]);
    symo_layout_destroy(layout[i]);
  }
}

/* ---- checkpoints ---- */

Test(io_optim_state, checkpoints_hold_more) {
  world w;
  symo_optim_state *back = NULL;
  symo_safetensors *file = NULL;
  const char *path = symo_test_path("c");
  const symo_safetensors_text texts[] = {{"zeit", "12"}, {"a", ""}};
  double theta[PARAMETERS];
  start(&w, "muon", SYMO_F64, 6);
  steps(&w, 2);
  const symo_safetensors_item items[] = {
      {"theta", SYMO_SCALAR_F64, 1, {PARAMETERS}, w.params},
      {"empty", SYMO_SCALAR_I64, 2, {3, 0}, NULL},
      {"flag", SYMO_SCALAR_U8, 0, {0}, "x"},
  };
  cr_ok(context, symo_checkpoint_write(w.state, path, 2, texts, 3, items));
  cr_ok(context, symo_checkpoint_read(w.optim, path, 0, NULL, &file, &back));
  expect_equal(w.state, back);
  cr_assert_str_eq(symo_safetensors_metadata(file, "zeit"), "12");
  cr_ok(context,
        symo_safetensors_read(file, symo_safetensors_find(file, "theta"), SYMO_F64, theta));
  cr_assert(memcmp(theta, w.params, sizeof theta) == 0);
  symo_optim_state_destroy(back);
  symo_safetensors_close(file);
  /* Alone it is more than the state. */
  back = NULL;
  cr_fails(context, SYMO_E_FORMAT, "entry theta: the optimizer has no such thing",
           symo_optim_state_read(w.optim, path, 0, NULL, &back));
  /* Without the optimizer. */
  cr_ok(context, symo_checkpoint_open(context, path, &file));
  cr_assert(symo_safetensors_find(file, "theta") != NULL);
  symo_safetensors_close(file);
  /* Damage in what is not the state's is found as well. */
  size_t size;
  unsigned char *bytes = symo_test_slurp(path, &size);
  bytes[size - 1] ^= 1;
  symo_test_write(path, bytes, size);
  free(bytes);
  file = NULL;
  cr_fails(context, SYMO_E_FORMAT, "the checksum is",
           symo_checkpoint_read(w.optim, path, 0, NULL, &file, &back));
  cr_fails(context, SYMO_E_FORMAT, "the checksum is", symo_checkpoint_open(context, path, &file));
  cr_assert(file == NULL && back == NULL);
  finish(&w);
}

/* Parameters under the names of the layout, as checkpoints of training have them, are left aside. */
Test(io_optim_state, checkpoints_are_states_with_parameters) {
  world w;
  symo_optim_state *back = NULL;
  const char *path = symo_test_path("c"), *name = NULL;
  start(&w, "muon", SYMO_F64, 6);
  steps(&w, 2);
  name = symo_layout_tensor_name(w.layout, 0);
  const symo_safetensors_item item = {name, SYMO_SCALAR_F64, 1, {PARAMETERS}, w.params};
  cr_ok(context, symo_checkpoint_write(w.state, path, 0, NULL, 1, &item));
  cr_ok(context, symo_optim_state_read(w.optim, path, 0, NULL, &back));
  expect_equal(w.state, back);
  symo_optim_state_destroy(back);
  finish(&w);
}

Test(io_optim_state, names_of_the_state_are_taken) {
  world w;
  symo_optim_state *back = NULL;
  symo_safetensors *file = NULL;
  const char *path = symo_test_path("c");
  const symo_safetensors_text text = {"spec", "{}"};
  const double x = 1;
  symo_safetensors_item item = {"state:counters", SYMO_SCALAR_F64, 0, {0}, &x};
  start(&w, "sgd", SYMO_F64, 6);
  cr_fails(context, SYMO_E_ARGUMENT, "two entries named",
           symo_checkpoint_write(w.state, path, 1, &text, 0, NULL));
  cr_fails(context, SYMO_E_ARGUMENT, "two entries named",
           symo_checkpoint_write(w.state, path, 0, NULL, 1, &item));
  cr_assert_eq(symo_test_count_files(), 0);
  item.name = "state:more";
  cr_ok(context, symo_checkpoint_write(w.state, path, 0, NULL, 1, &item));
  cr_fails(context, SYMO_E_FORMAT, "entry state:more: the optimizer has no such thing",
           symo_checkpoint_read(w.optim, path, 0, NULL, &file, &back));
  finish(&w);
}

/* ---- memory ---- */

static symo_status write_and_read(void *self) {
  world *w = self;
  symo_optim_state *back = NULL;
  symo_status status = symo_optim_state_write(w->state, symo_test_path("m"));
  if (status == SYMO_OK)
    status = symo_optim_state_read(w->optim, symo_test_path("m"), 0, NULL, &back);
  symo_optim_state_destroy(back);
  return status;
}

Test(io_optim_state, out_of_memory) {
  world w;
  start(&w, "muon", SYMO_F64, 7);
  cr_assert(symo_test_allocations(write_and_read, &w) >= 20);
  cr_assert_eq(symo_test_count_files(), 1);
  finish(&w);
}
