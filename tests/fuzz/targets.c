/* Targets: layouts, optimizers, files of numbers.  See targets.h. */
#include "tests/fuzz/targets.h"

#include <stdlib.h>
#include <string.h>
#include <symo/symo.h>
#include <unistd.h>

#include "core/context.h"
#include "io/npy.h"
#include "io/optim_state.h"
#include "io/safetensors.h"

enum { MOST_PARAMETERS = 48, MOST_NUMBERS = 1 << 16 };

/* ---- layouts ---- */

/* Plans of small layouts, with an estimate. */
static void try_plan(symo_context *context, symo_layout *layout) {
  symo_plan *plan = NULL;
  symo_hessian *h = NULL;
  double flat[MOST_PARAMETERS];
  const void *data[MOST_PARAMETERS];
  const size_t n = symo_layout_num_parameters(layout);
  if (n == 0 || n > MOST_PARAMETERS || symo_layout_num_tensors(layout) > MOST_PARAMETERS) return;
  symo_status status = symo_plan_create(layout, NULL, &plan);
  fuzz_detail(context, status);
  if (status != SYMO_OK) return;
  for (size_t i = 0; i < n; i++) flat[i] = (double)i - 3;
  if (symo_plan_dtype(plan) == SYMO_F64) {
    FUZZ_CHECK(symo_layout_split_const(layout, SYMO_F64, flat, data) == SYMO_OK);
    const symo_const_vector gradient = symo_const_vector_of(SYMO_F64, data);
    status = symo_estimate(plan, NULL, 1, &gradient, NULL, &h);
    fuzz_detail(context, status);
  }
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
}

static void try_layout(symo_context *context, symo_layout *layout) {
  char *once = NULL, *twice = NULL;
  symo_layout *again = NULL;
  symo_status status = symo_layout_to_json(layout, &once);
  fuzz_detail(context, status);
  if (status == SYMO_OK) {
    FUZZ_CHECK(symo_layout_from_json(context, once, &again) == SYMO_OK);
    FUZZ_CHECK(symo_layout_to_json(again, &twice) == SYMO_OK);
    FUZZ_CHECK(strcmp(once, twice) == 0);
  }
  symo_layout_destroy(again);
  symo_free(once);
  symo_free(twice);
  once = twice = NULL;
  if (symo_layout_to_text(layout, &once) == SYMO_OK) {
    FUZZ_CHECK(symo_layout_parse(context, once, &again) == SYMO_OK);
    FUZZ_CHECK(symo_layout_to_text(again, &twice) == SYMO_OK);
    FUZZ_CHECK(strcmp(once, twice) == 0);
    symo_layout_destroy(again);
  }
  symo_free(once);
  symo_free(twice);
  try_plan(context, layout);
}

#define LAYOUT_TARGET(name, read)                                                                  \
  void fuzz_##name(const uint8_t *data, size_t size) {                                             \
    symo_context *context = fuzz_context();                                                        \
    symo_layout *layout = NULL;                                                                    \
    char *text = fuzz_text(data, size);                                                            \
    symo_status status = read(context, text, &layout);                                             \
    fuzz_detail(context, status);                                                                  \
    FUZZ_CHECK((layout != NULL) == (status == SYMO_OK));                                           \
    if (layout != NULL) try_layout(context, layout);                                               \
    symo_layout_destroy(layout);                                                                   \
    free(text);                                                                                    \
    fuzz_end(context);                                                                             \
  }
LAYOUT_TARGET(layout_json, symo_layout_from_json)
LAYOUT_TARGET(layout_text, symo_layout_parse)

/* ---- optimizers ---- */

static void try_spec(symo_context *context, symo_optim_spec *spec, bool make) {
  char *once = NULL, *twice = NULL;
  symo_optim_spec *again = NULL;
  FUZZ_CHECK(symo_optim_spec_to_json(context, spec, &once) == SYMO_OK);
  FUZZ_CHECK(symo_optim_spec_from_json(context, once, &again) == SYMO_OK);
  FUZZ_CHECK(symo_optim_spec_to_json(context, again, &twice) == SYMO_OK);
  FUZZ_CHECK(strcmp(once, twice) == 0);
  const bool slow = strstr(once, "\"shaped\"") != NULL; /* fits of filters take their time */
  symo_optim_spec_destroy(again);
  symo_free(once);
  symo_free(twice);
  if (!make || slow) return;
  symo_layout *layout = fuzz_layout(context);
  symo_optim *optim = NULL;
  spec->threads = 1;
  fuzz_detail(context, symo_optim_create(layout, spec, &optim));
  symo_optim_destroy(optim);
  symo_layout_destroy(layout);
}

void fuzz_optim_json(const uint8_t *data, size_t size) {
  symo_context *context = fuzz_context();
  symo_optim_spec *spec = NULL;
  char *text = fuzz_text(data, size);
  fuzz_detail(context, symo_optim_spec_from_json(context, text, &spec));
  if (spec != NULL) try_spec(context, spec, size % 8 == 0);
  symo_optim_spec_destroy(spec);
  free(text);
  fuzz_end(context);
}

/* A preset and settings, one a line. */
void fuzz_optim_settings(const uint8_t *data, size_t size) {
  enum { MOST = 8 };
  symo_context *context = fuzz_context();
  symo_optim_spec *spec = NULL;
  const char *settings[MOST];
  size_t count = 0;
  char *text = fuzz_text(data, size), *name = text;
  for (char *at = strchr(text, '\n'); at != NULL && count < MOST; at = strchr(at, '\n')) {
    *at++ = '\0';
    settings[count++] = at;
  }
  if (access(name, F_OK) != 0) /* no file of that name */
    fuzz_detail(context, symo_optim_spec_open(context, name, count, settings, &spec));
  if (spec != NULL) try_spec(context, spec, size % 8 == 0);
  symo_optim_spec_destroy(spec);
  free(text);
  fuzz_end(context);
}

/* ---- files of numbers ---- */

static void read_entries(symo_context *context, const symo_safetensors *file) {
  static double numbers[MOST_NUMBERS];
  for (size_t i = 0; i < symo_safetensors_count(file); i++) {
    const symo_safetensors_entry *entry = symo_safetensors_at(file, i);
    FUZZ_CHECK(symo_safetensors_find(file, entry->name) == entry);
    if (entry->count > MOST_NUMBERS) continue;
    fuzz_detail(context, symo_safetensors_read(file, entry, SYMO_F64, numbers));
    fuzz_detail(context, symo_safetensors_read(file, entry, SYMO_F32, numbers));
  }
}

void fuzz_safetensors(const uint8_t *data, size_t size) {
  symo_context *context = fuzz_context();
  symo_safetensors *file = NULL;
  void *flat = NULL;
  const char *path = fuzz_file("file", data, size);
  fuzz_detail(context, symo_safetensors_open(context, path, &file));
  if (file != NULL) {
    read_entries(context, file);
    symo_safetensors_close(file);
    file = NULL; /* one that is refused is refused by all that read it */
    fuzz_detail(context, symo_checkpoint_open(context, path, &file));
    symo_safetensors_close(file);
    symo_layout *layout = fuzz_layout(context);
    fuzz_detail(context, symo_tensors_read(layout, path, SYMO_ANY, NULL, &flat));
    symo_layout_destroy(layout);
    symo_free(flat);
  }
  fuzz_end(context);
}

void fuzz_hessian_file(const uint8_t *data, size_t size) {
  symo_context *context = fuzz_context();
  symo_hessian *h = NULL;
  char *text = NULL;
  fuzz_detail(context, symo_hessian_read(context, fuzz_file("file", data, size), &h));
  if (h != NULL) {
    FUZZ_CHECK(symo_hessian_describe(h, &text) == SYMO_OK);
    symo_free(text);
  }
  symo_hessian_destroy(h);
  fuzz_end(context);
}

/* The optimizer is the same for all inputs. */
static symo_optim *optimizer(symo_context **context) {
  static symo_context *kept;
  static symo_optim *optim;
  symo_optim_spec *spec = NULL;
  *context = kept;
  if (optim != NULL) return optim;
  *context = kept = fuzz_context();
  symo_layout *layout = fuzz_layout(kept);
  FUZZ_CHECK(symo_optim_spec_open(kept, "shampoo", 0, NULL, &spec) == SYMO_OK);
  FUZZ_CHECK(symo_optim_create(layout, spec, &optim) == SYMO_OK);
  symo_optim_spec_destroy(spec);
  symo_layout_destroy(layout);
  fuzz_keep();
  return optim;
}

void fuzz_optim_state(const uint8_t *data, size_t size) {
  static const char *const may_differ[] = {"lr"};
  symo_optim_state *read = NULL;
  symo_context *context;
  symo_optim *optim = optimizer(&context);
  const size_t failures = symo_context_failures(context);
  const char *path = fuzz_file("file", data, size);
  symo_status status = symo_optim_state_read(optim, path, 1, may_differ, &read);
  fuzz_detail(context, status);
  FUZZ_CHECK(status == SYMO_OK || symo_context_failures(context) > failures);
  symo_optim_state_destroy(read);
  fuzz_end(NULL);
}

void fuzz_npy(const uint8_t *data, size_t size) {
  symo_context *context = fuzz_context();
  symo_npy array = {.order = 0};
  symo_status status = symo_npy_read(context, fuzz_file("file", data, size), &array);
  fuzz_detail(context, status);
  if (status == SYMO_OK) {
    size_t count = 1;
    for (size_t i = 0; i < array.order; i++) count *= array.shape[i];
    FUZZ_CHECK(count == array.count && count * symo_scalar_size(array.type) <= size);
    symo_free(array.data);
  }
  fuzz_end(context);
}
