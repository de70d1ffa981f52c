/* Structured Hessians as files: the same bits come back, and files that are none are refused. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/error.h"
#include "groups/plan/layout.h"
#include "hessian/hessian.h"
#include "io/safetensors.h"
#include "tests/support/files.h"
#include "tests/support/testing.h"

static symo_context *context;
static void setup(void) { context = symo_test_context(); }
static void teardown(void) {
  symo_context_destroy(context);
  if (symo_alloc_live_blocks() != 0) abort(); /* cr_assert does not count here */
}
TestSuite(io_hessian, .init = setup, .fini = teardown);

static const char *const mlp = "in: identity 3; h: signed-permutation 4; out: identity 2;"
                               " w1[h,in] b1[h] w2[out,h*] b2[out]";
static const char *const other = "a: permutation 3; b: orthogonal 2; c: sign-flip 5;"
                                 " u[a,a] v[a,b] w[c,b] x[b,b] y[c] s[]";

/* Random symmetric M for every label. */
static symo_hessian *make_hessian(const char *layout_text, symo_plan_spec spec, const char *name,
                                  uint64_t seed) {
  symo_layout *layout = NULL;
  symo_plan *plan = NULL;
  symo_hessian *hessian = NULL;
  symo_rng *rng = symo_test_rng(context, seed);
  cr_ok(context, symo_layout_parse(context, layout_text, &layout));
  cr_ok(context, symo_plan_create(layout, &spec, &plan));
  cr_ok(context, symo_hessian_create(plan, name, &hessian));
  for (size_t l = 0; l < symo_plan_num_labels(plan); ++l) {
    symo_label_info label = symo_plan_label(plan, l);
    size_t n = label.multiplicity;
    if (label.dropped) continue;
    for (size_t c = 0; c < label.count; ++c)
      for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j <= i; ++j) {
          double x = symo_rng_normal(rng);
          symo_put(symo_plan_dtype(plan), hessian->m[l], (c * n + i) * n + j, x);
          symo_put(symo_plan_dtype(plan), hessian->m[l], (c * n + j) * n + i, x);
        }
  }
  symo_rng_destroy(rng);
  symo_plan_destroy(plan);
  symo_layout_destroy(layout);
  return hessian;
}

static void expect_equal(const symo_hessian *a, const symo_hessian *b) {
  const symo_plan *p = symo_hessian_plan(a), *q = symo_hessian_plan(b);
  cr_assert(symo_plan_equal(p, q) && symo_plan_num_labels(p) == symo_plan_num_labels(q));
  cr_assert(symo_layout_equal(symo_plan_layout(p), symo_plan_layout(q)));
  cr_assert(symo_plan_dtype(p) == symo_plan_dtype(q));
  cr_assert(symo_plan_coupling(p) == symo_plan_coupling(q));
  cr_assert(symo_plan_centered(p) == symo_plan_centered(q));
  cr_assert_str_eq(symo_hessian_name(a), symo_hessian_name(b));
  for (size_t l = 0; l < symo_plan_num_labels(p); ++l) {
    symo_label_info label = symo_plan_label(p, l);
    const void *x = symo_hessian_blocks(a, l), *y = symo_hessian_blocks(b, l);
    cr_assert((x == NULL) == label.dropped && (y == NULL) == label.dropped);
    size_t bytes =
        label.count * label.multiplicity * label.multiplicity * symo_dtype_size(symo_plan_dtype(p));
    cr_assert(label.dropped || memcmp(x, y, bytes) == 0, "%s", label.name);
  }
}

Test(io_hessian, comes_back_bit_for_bit) {
  for (int i = 0; i < 16; ++i) {
    symo_plan_spec spec = {i & 1 ? SYMO_F32 : SYMO_F64, i & 2 ? SYMO_BLOCKED : SYMO_COUPLED,
                           (i & 4) != 0};
    symo_hessian *hessian =
        make_hessian(i & 8 ? mlp : other, spec, i & 1 ? "h-pd" : "", (uint64_t)i);
    symo_hessian *back = NULL;
    const char *path = symo_test_path("h.safetensors");
    cr_ok(context, symo_hessian_write(hessian, path));
    cr_ok(context, symo_hessian_read(context, path, &back));
    expect_equal(hessian, back);
    symo_hessian_destroy(hessian);
    symo_hessian_destroy(back);
  }
}

/* Extreme numbers and signed zeros are kept, and writing twice gives the same file. */
Test(io_hessian, extremes_and_repeated_writing) {
  static const double extremes[] = {-0.0, 5e-324, 1.7976931348623157e308, -1e-300, 0x1p-1022};
  symo_hessian *hessian = make_hessian(mlp, symo_plan_spec_default(), "covariance", 5);
  symo_hessian *back = NULL;
  for (size_t k = 0; k < 5; ++k) {
    size_t n = symo_plan_label(symo_hessian_plan(hessian), 0).multiplicity, at = k % n;
    ((double *)hessian->m[0])[at * n + at] = extremes[k];
    cr_ok(context, symo_hessian_write(hessian, symo_test_path("a")));
    cr_ok(context, symo_hessian_read(context, symo_test_path("a"), &back));
    expect_equal(hessian, back);
    cr_ok(context, symo_hessian_write(back, symo_test_path("b")));
    size_t n1, n2;
    unsigned char *one = symo_test_slurp(symo_test_path("a"), &n1);
    unsigned char *two = symo_test_slurp(symo_test_path("b"), &n2);
    cr_assert(n1 == n2 && memcmp(one, two, n1) == 0);
    free(one);
    free(two);
    symo_hessian_destroy(back);
  }
  symo_hessian_destroy(hessian);
}

/* What the library computes can be written and read: estimates, powers, sums. */
Test(io_hessian, results_of_operations_come_back) {
  symo_layout *layout = NULL;
  symo_plan *plan = NULL;
  symo_rng *rng = symo_test_rng(context, 8);
  cr_ok(context, symo_layout_parse(context, mlp, &layout));
  size_t count = symo_layout_num_parameters(layout);
  double *g = malloc(count * sizeof *g);
  symo_test_randn(rng, g, count);
  cr_ok(context, symo_plan_create(layout, NULL, &plan));
  const void *data[4];
  symo_layout_split_const(layout, SYMO_F64, g, data);
  symo_const_vector grad = symo_const_vector_of(SYMO_F64, data);
  symo_hessian *made[6] = {NULL}, *back = NULL;
  symo_estimate_spec spec = symo_estimate_spec_default();
  cr_ok(context, symo_estimate(plan, &spec, 1, &grad, NULL, &made[0]));
  cr_ok(context, symo_hessian_sqrt(made[0], 0.1, &made[1]));
  cr_ok(context, symo_hessian_power(made[0], -0.3, 0.2, &made[2]));
  cr_ok(context, symo_hessian_add(0.3, made[1], -1.7, made[2], &made[3]));
  cr_ok(context, symo_hessian_abs(made[3], &made[4]));
  cr_ok(context, symo_hessian_identity(plan, 0.1, &made[5]));
  for (size_t i = 0; i < 6; ++i) {
    cr_ok(context, symo_hessian_write(made[i], symo_test_path("h")));
    cr_ok(context, symo_hessian_read(context, symo_test_path("h"), &back));
    expect_equal(made[i], back);
    symo_hessian_destroy(back);
    symo_hessian_destroy(made[i]);
  }
  free(g);
  symo_plan_destroy(plan);
  symo_layout_destroy(layout);
  symo_rng_destroy(rng);
}

/* ---- files that are none ---- */

enum { NUM_TEXTS = 7, MOST = 16 };

/* A Hessian file taken apart, to be changed and written again. */
typedef struct parts {
  symo_safetensors *file;
  symo_safetensors_text texts[NUM_TEXTS];
  symo_safetensors_item items[MOST];
  double numbers[MOST][64];
  size_t count;
} parts;

static const char *const keys[NUM_TEXTS] = {"format",   "version",  "name",  "dtype",
                                            "coupling", "centered", "layout"};

static void take_apart(parts *p) {
  symo_hessian *hessian = make_hessian(mlp, symo_plan_spec_default(), "h-g", 2);
  cr_ok(context, symo_hessian_write(hessian, symo_test_path("whole")));
  symo_hessian_destroy(hessian);
  cr_ok(context, symo_safetensors_open(context, symo_test_path("whole"), &p->file));
  for (size_t i = 0; i < NUM_TEXTS; ++i)
    p->texts[i] = (symo_safetensors_text){keys[i], symo_safetensors_metadata(p->file, keys[i])};
  p->count = symo_safetensors_count(p->file);
  for (size_t i = 0; i < p->count; ++i) {
    const symo_safetensors_entry *entry = symo_safetensors_at(p->file, i);
    cr_assert(i < MOST && entry->count <= 64);
    cr_ok(context, symo_safetensors_read(p->file, entry, SYMO_F64, p->numbers[i]));
    p->items[i] = (symo_safetensors_item){
        .name = entry->name, .type = entry->type, .order = entry->order, .data = p->numbers[i]};
    memcpy(p->items[i].shape, entry->shape, sizeof entry->shape);
  }
}

/* Puts the parts together and expects a refusal; then gives them back as they were. */
static void refused(parts *p, symo_status expected, const char *detail) {
  symo_hessian *hessian = NULL;
  const char *path = symo_test_path("h");
  cr_ok(context, symo_safetensors_write(context, path, NUM_TEXTS, p->texts, p->count, p->items));
  cr_fails(context, expected, detail, symo_hessian_read(context, path, &hessian));
  cr_assert(hessian == NULL);
  cr_assert(strncmp(symo_context_detail(context), path, strlen(path)) == 0);
  symo_safetensors_close(p->file);
  take_apart(p);
}

Test(io_hessian, refuses_other_metadata) {
  parts p;
  take_apart(&p);
  p.texts[0].value = "checkpoint";
  refused(&p, SYMO_E_FORMAT, "h: not a structured Hessian");
  p.texts[0].key = "formal";
  refused(&p, SYMO_E_FORMAT, "h: not a structured Hessian");
  p.texts[1].value = "2";
  refused(&p, SYMO_E_FORMAT, "metadata version is \"2\" (must be \"1\")");
  p.texts[2].key = "title";
  refused(&p, SYMO_E_FORMAT, "metadata name is missing");
  p.texts[2].value = "a name that is much longer than any of ours";
  refused(&p, SYMO_E_FORMAT, "metadata name is missing or longer than 31");
  p.texts[3].value = "f16";
  refused(&p, SYMO_E_FORMAT, "metadata dtype is \"f16\" (must be \"f32\" or \"f64\")");
  p.texts[4].value = "";
  refused(&p, SYMO_E_FORMAT, "metadata coupling is \"\" (must be \"coupled\" or \"blocked\")");
  p.texts[5].value = "yes";
  refused(&p, SYMO_E_FORMAT, "metadata centered is \"yes\"");
  p.texts[6].key = "plan";
  refused(&p, SYMO_E_FORMAT, "metadata layout is missing");
  p.texts[6].value = "{\"spaces\": 3}";
  refused(&p, SYMO_E_FORMAT, "h: metadata layout: spaces: must be an object");
  p.texts[6].value = "{";
  refused(&p, SYMO_E_FORMAT, "h: metadata layout: line 1, column ");
  symo_safetensors_close(p.file);
}

Test(io_hessian, refuses_entries_that_are_not_its_labels) {
  parts p;
  take_apart(&p);
  cr_assert(p.count >= 2);
  --p.count;
  refused(&p, SYMO_E_FORMAT, ", which its layout calls for");
  p.items[1].name = "other";
  refused(&p, SYMO_E_FORMAT, ", which its layout calls for");
  p.items[p.count] = (symo_safetensors_item){.name = "more", .data = p.numbers[0]};
  ++p.count;
  refused(&p, SYMO_E_FORMAT, "entries, but its layout calls for");
  p.items[0].order = 2;
  p.items[0].shape[0] = p.items[0].shape[1];
  refused(&p, SYMO_E_SHAPE, "[count, m, m] is wanted");
  p.texts[3].value = "f32";
  refused(&p, SYMO_E_FORMAT, "type F64, but dtype is f32");
  p.texts[5].value = "true";
  refused(&p, SYMO_E_FORMAT, "entries, but its layout calls for");
  p.texts[4].value = "blocked";
  refused(&p, SYMO_E_FORMAT, ", which its layout calls for");
  symo_safetensors_close(p.file);
}

Test(io_hessian, refuses_numbers_that_cannot_be) {
  parts p;
  take_apart(&p);
  size_t n = p.items[0].shape[1];
  cr_assert(n >= 2);
  p.numbers[0][1] += 1.0;
  refused(&p, SYMO_E_FORMAT, "[0, 1, 0] is not [0, 0, 1]");
  p.numbers[0][0] = (double)NAN;
  refused(&p, SYMO_E_NONFINITE, "holds NaN or infinity");
  p.numbers[0][n + 1] = (double)INFINITY;
  refused(&p, SYMO_E_NONFINITE, "holds NaN or infinity");
  symo_safetensors_close(p.file);
}

/* A layout of huge spaces costs nothing before the entries are compared with it. */
Test(io_hessian, a_huge_layout_takes_no_memory) {
  parts p;
  take_apart(&p);
  p.texts[6].value = "{\"spaces\": {\"h\": {\"dim\": 2000000000, \"group\": \"identity\"}},"
                     " \"tensors\": [{\"name\": \"w\", \"axes\": [\"h\"]}]}";
  const char *path = symo_test_path("h");
  symo_hessian *hessian = NULL;
  cr_ok(context, symo_safetensors_write(context, path, NUM_TEXTS, p.texts, p.count, p.items));
  symo_alloc_reset_peak();
  cr_assert(symo_hessian_read(context, path, &hessian) < 0 && hessian == NULL);
  cr_assert(symo_alloc_peak_bytes() < 1000000);
  symo_safetensors_close(p.file);
}

Test(io_hessian, refuses_wrong_arguments) {
  symo_hessian *hessian = NULL;
  cr_fails(context, SYMO_E_ARGUMENT, "NULL", symo_hessian_read(context, NULL, &hessian));
  cr_fails(context, SYMO_E_IO, "none: cannot open",
           symo_hessian_read(context, symo_test_path("none"), &hessian));
  cr_assert(symo_hessian_write(NULL, "x") == SYMO_E_ARGUMENT);
  hessian = make_hessian(mlp, symo_plan_spec_default(), "", 1);
  cr_fails(context, SYMO_E_ARGUMENT, "NULL", symo_hessian_write(hessian, NULL));
  cr_fails(context, SYMO_E_IO, "cannot make a file beside it",
           symo_hessian_write(hessian, symo_test_path("no/h")));
  symo_hessian_destroy(hessian);
}

/* ---- failures ---- */

static symo_status write_and_read(void *self) {
  symo_hessian *back = NULL;
  symo_status status = symo_hessian_write(self, symo_test_path("h"));
  if (status == SYMO_OK) status = symo_hessian_read(context, symo_test_path("h"), &back);
  symo_hessian_destroy(back);
  return status;
}

Test(io_hessian, survives_failing_allocations) {
  symo_hessian *hessian = make_hessian(mlp, symo_plan_spec_default(), "h-star", 6);
  cr_assert(symo_test_allocations(write_and_read, hessian) > 20);
  cr_assert(symo_test_count_files() == 1);
  symo_hessian_destroy(hessian);
}

Test(io_hessian, survives_random_changes) {
  symo_rng *rng = symo_test_rng(context, 4);
  symo_hessian *hessian = make_hessian(mlp, symo_plan_spec_default(), "h-g", 6);
  cr_ok(context, symo_hessian_write(hessian, symo_test_path("h")));
  symo_hessian_destroy(hessian);
  size_t size;
  unsigned char *bytes = symo_test_slurp(symo_test_path("h"), &size), *changed = malloc(size);
  uint64_t header;
  memcpy(&header, bytes, 8);
  for (int round = 0; round < 3000; ++round) {
    memcpy(changed, bytes, size);
    for (uint64_t k = 1 + symo_rng_below(rng, 2); k > 0; --k) {
      size_t at = (size_t)symo_rng_below(rng, 8 + header);
      /* A digit, a letter or any byte in the place of another. */
      if (changed[at] >= '0' && changed[at] <= '9')
        changed[at] = (unsigned char)('0' + symo_rng_below(rng, 10));
      else if (symo_rng_below(rng, 2))
        changed[at] = (unsigned char)('a' + symo_rng_below(rng, 26));
      else
        changed[at] = (unsigned char)symo_rng_below(rng, 256);
    }
    symo_test_write(symo_test_path("h"), changed, size);
    symo_hessian *back = NULL;
    symo_status status = symo_hessian_read(context, symo_test_path("h"), &back);
    cr_assert(status <= 0 && (status == SYMO_OK) == (back != NULL));
    symo_hessian_destroy(back);
  }
  free(bytes);
  free(changed);
  symo_rng_destroy(rng);
}
