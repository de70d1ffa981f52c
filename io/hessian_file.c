/* Structured Hessians as safetensors files: the layout and the spec of the plan are texts in the
 * metadata, the M of each label that is not dropped one entry [count, m, m].  The labels are not
 * believed: they are made anew from the layout, and the entries must be those. */
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/names.h"
#include "core/text.h"
#include "groups/plan/layout.h"
#include "hessian/hessian.h"
#include "hessian/lowrank.h"
#include "io/layout_json.h"
#include "io/safetensors.h"

#include <symo/io.h>

/* Low rank plus symmetry is the same file with two entries more, and a format of its own. */
static const char *const format = "symo-hessian", *const lowrank_format = "symo-lowrank",
                         *const version = "1";
static const char *const values_entry = "#values", *const vectors_entry = "#vectors";
static const char *const couplings[] = {[SYMO_COUPLED] = "coupled", [SYMO_BLOCKED] = "blocked"};

enum { NUM_TEXTS = 7 };

/* ---- writing ---- */

/* items: room for all labels; returns how many were filled in. */
static size_t list_blocks(const symo_hessian *hessian, symo_safetensors_item *items) {
  const symo_plan *plan = symo_hessian_plan(hessian);
  size_t count = 0;
  for (size_t l = 0; l < symo_plan_num_labels(plan); ++l) {
    symo_label_info label = symo_plan_label(plan, l);
    if (label.dropped) continue;
    items[count++] = (symo_safetensors_item){
        .name = label.name,
        .type = symo_scalar_of(symo_plan_dtype(plan)),
        .order = 3,
        .shape = {label.count, label.multiplicity, label.multiplicity},
        .data = symo_hessian_blocks(hessian, l),
    };
  }
  return count;
}

static symo_status write_file(const symo_hessian *hessian, const symo_lowrank *lowrank,
                              const char *path) {
  const symo_plan *plan = symo_hessian_plan(hessian);
  const symo_layout *layout = symo_plan_layout(plan);
  symo_context *context = layout->context;
  symo_status status = SYMO_OK;
  char *json = NULL;
  symo_safetensors_item *items = symo_calloc(symo_plan_num_labels(plan) + 2, sizeof *items);
  if (items == NULL) SYMO_TRY(symo_fail_memory(context, path));
  SYMO_TRY(symo_layout_to_json(layout, &json));
  const symo_safetensors_text texts[NUM_TEXTS] = {
      {"format", lowrank == NULL ? format : lowrank_format},
      {"version", version},
      {"name", symo_hessian_name(hessian)},
      {"dtype", symo_dtype_name(symo_plan_dtype(plan))},
      {"coupling", couplings[symo_plan_coupling(plan)]},
      {"centered", symo_plan_centered(plan) ? "true" : "false"},
      {"layout", json},
  };
  size_t count = list_blocks(hessian, items);
  if (lowrank != NULL) {
    const size_t k = symo_lowrank_rank(lowrank), p = symo_layout_num_parameters(layout);
    items[count++] = (symo_safetensors_item){.name = values_entry,
                                             .type = symo_scalar_of(SYMO_F64),
                                             .order = 1,
                                             .shape = {k},
                                             .data = symo_lowrank_values(lowrank)};
    items[count++] = (symo_safetensors_item){.name = vectors_entry,
                                             .type = symo_scalar_of(symo_plan_dtype(plan)),
                                             .order = 2,
                                             .shape = {k, p},
                                             .data = symo_lowrank_vectors(lowrank)};
  }
  status = symo_safetensors_write(context, path, NUM_TEXTS, texts, count, items);
fail:
  symo_free(json);
  symo_free(items);
  return status;
}

symo_status symo_hessian_write(const symo_hessian *hessian, const char *path) {
  if (hessian == NULL) return SYMO_E_ARGUMENT;
  if (path == NULL) return symo_fail_null(hessian->context, "hessian_write", "path");
  return write_file(hessian, NULL, path);
}

symo_status symo_lowrank_write(const symo_lowrank *h, const char *path) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  if (path == NULL) return symo_fail_null(h->context, "lowrank_write", "path");
  return write_file(h->rest, h, path);
}

/* ---- reading ---- */

/* The index of the metadata text `key` among `count` values. */
static symo_status read_choice(symo_context *context, const char *path,
                               const symo_safetensors *file, const char *key, size_t count,
                               const char *const *values, size_t *out) {
  const char *text = symo_safetensors_metadata(file, key);
  for (size_t i = 0; i < count && text != NULL; ++i)
    if (strcmp(text, values[i]) == 0) {
      *out = i;
      return SYMO_OK;
    }
  return symo_fail(context, SYMO_E_FORMAT, "%s: metadata %s is \"%s\" (must be \"%s\"%s%s%s)", path,
                   key, text == NULL ? "" : symo_quoted(text).text, values[0],
                   count > 1 ? " or \"" : "", count > 1 ? values[1] : "", count > 1 ? "\"" : "");
}

static symo_status read_spec(symo_context *context, const char *path, const symo_safetensors *file,
                             const char *wanted, symo_plan_spec *spec) {
  static const char *const dtypes[] = {"f32", "f64"}, *const truths[] = {"false", "true"};
  const char *text = symo_safetensors_metadata(file, "format");
  size_t choice = 0;
  symo_status status;
  if (text == NULL || strcmp(text, wanted) != 0)
    return symo_fail(context, SYMO_E_FORMAT,
                     wanted == format
                         ? "%s: not a structured Hessian (make one with `symo estimate --out`)"
                         : "%s: not low rank plus symmetry (make one with symo_lowrank_write)",
                     path);
  SYMO_TRY(read_choice(context, path, file, "version", 1, &version, &choice));
  SYMO_TRY(read_choice(context, path, file, "dtype", 2, dtypes, &choice));
  spec->dtype = choice == 0 ? SYMO_F32 : SYMO_F64;
  SYMO_TRY(read_choice(context, path, file, "coupling", 2, couplings, &choice));
  spec->coupling = (symo_coupling)choice;
  SYMO_TRY(read_choice(context, path, file, "centered", 2, truths, &choice));
  spec->centered = choice == 1;
  return SYMO_OK;
fail:
  return status;
}

static symo_status read_plan(symo_context *context, const char *path, const symo_safetensors *file,
                             const char *wanted, symo_plan **out) {
  symo_plan_spec spec = symo_plan_spec_default();
  symo_layout *layout = NULL;
  symo_text where = {0};
  symo_status status;
  SYMO_TRY(read_spec(context, path, file, wanted, &spec));
  const char *json = symo_safetensors_metadata(file, "layout");
  if (json == NULL)
    return symo_fail(context, SYMO_E_FORMAT, "%s: metadata layout is missing (make it again)",
                     path);
  symo_text_add(&where, "%s: metadata layout", path);
  if (where.failed) SYMO_TRY(symo_fail_memory(context, path));
  SYMO_TRY(symo_layout_parse_json(context, where.text, json, strlen(json), &layout));
  status = symo_plan_create(layout, &spec, out);
  if (status != SYMO_OK) symo_fail_within(context, status, "%s", path);
fail:
  symo_layout_destroy(layout);
  symo_free(where.text);
  return status;
}

/* M is symmetric to the last bit, as every one that was written is. */
static symo_status check_symmetric(symo_context *context, const char *path,
                                   const symo_label_info *label, symo_dtype dtype, const char *m) {
  size_t n = label->multiplicity, size = symo_dtype_size(dtype);
  for (size_t c = 0; c < label->count; ++c, m += n * n * size)
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < i; ++j)
        if (memcmp(m + (i * n + j) * size, m + (j * n + i) * size, size) != 0)
          return symo_fail(context, SYMO_E_FORMAT,
                           "%s: entry %s: [%zu, %zu, %zu] is not [%zu, %zu, %zu] (take the mean of "
                           "the matrix and its transpose)",
                           path, label->name, c, i, j, c, j, i);
  return SYMO_OK;
}

/* The entries are those of the labels, and `expected` others. */
static symo_status check_labels(symo_context *context, const char *path,
                                const symo_safetensors *file, const symo_plan *plan,
                                size_t expected) {
  for (size_t l = 0; l < symo_plan_num_labels(plan); ++l) {
    symo_label_info label = symo_plan_label(plan, l);
    const size_t shape[] = {label.count, label.multiplicity, label.multiplicity};
    if (label.dropped) continue;
    const symo_safetensors_entry *entry = symo_safetensors_find(file, label.name);
    if (entry == NULL)
      return symo_fail(context, SYMO_E_FORMAT,
                       "%s: no entry %s, which its layout calls for (make it again)", path,
                       label.name);
    symo_status status = symo_safetensors_expect_shape(file, entry, 3, shape, "[count, m, m]");
    if (status != SYMO_OK) return status;
    if (entry->type != symo_scalar_of(symo_plan_dtype(plan)))
      return symo_fail(context, SYMO_E_FORMAT,
                       "%s: entry %s: type %s, but dtype is %s (make it again)", path, label.name,
                       symo_scalar_name(entry->type), symo_dtype_name(symo_plan_dtype(plan)));
    ++expected;
  }
  if (symo_safetensors_count(file) == expected) return SYMO_OK;
  return symo_fail(context, SYMO_E_FORMAT,
                   "%s: %zu %s, but its layout calls for %zu (make it again)", path,
                   symo_safetensors_count(file),
                   symo_plural(symo_safetensors_count(file), "entry", "entries"), expected);
}

/* Reads the M of every label straight to where they stay, and looks at them. */
static symo_status read_blocks(symo_context *context, const char *path,
                               const symo_safetensors *file, symo_hessian *hessian) {
  const symo_plan *plan = symo_hessian_plan(hessian);
  symo_dtype dtype = symo_plan_dtype(plan);
  for (size_t l = 0; l < symo_plan_num_labels(plan); ++l) {
    symo_label_info label = symo_plan_label(plan, l);
    if (label.dropped) continue;
    const symo_safetensors_entry *entry = symo_safetensors_find(file, label.name);
    symo_status status = symo_safetensors_read_raw(file, entry, hessian->m[l]);
    if (status != SYMO_OK) return status;
    if (!symo_all_finite(dtype, entry->count, hessian->m[l]))
      return symo_fail(context, SYMO_E_NONFINITE,
                       "%s: entry %s holds NaN or infinity (make the estimate again)", path,
                       label.name);
    status = check_symmetric(context, path, &label, dtype, hessian->m[l]);
    if (status != SYMO_OK) return status;
  }
  return SYMO_OK;
}

/* The structured part of a file of the `wanted` format, which has `others` entries more. */
static symo_status read_structured(symo_context *context, const char *path,
                                   const symo_safetensors *file, const char *wanted, size_t others,
                                   symo_hessian **out) {
  symo_plan *plan = NULL;
  symo_hessian *hessian = NULL;
  symo_status status;
  SYMO_TRY(read_plan(context, path, file, wanted, &plan));
  SYMO_TRY(check_labels(context, path, file, plan, others));
  const char *name = symo_safetensors_metadata(file, "name");
  if (name == NULL || strlen(name) >= sizeof hessian->name)
    SYMO_TRY(symo_fail(context, SYMO_E_FORMAT,
                       "%s: metadata name is missing or longer than %zu characters (make it again)",
                       path, sizeof hessian->name - 1));
  /* What is taken here is as much as lies in the file. */
  SYMO_TRY(symo_hessian_create(plan, name, &hessian));
  SYMO_TRY(read_blocks(context, path, file, hessian));
  status = symo_hessian_check_structure(hessian, path);
  if (status == SYMO_E_ARGUMENT) status = SYMO_E_FORMAT;
  SYMO_TRY(status);
  *out = hessian;
  hessian = NULL;
fail:
  symo_hessian_destroy(hessian);
  symo_plan_destroy(plan);
  return status;
}

symo_status symo_hessian_read(symo_context *context, const char *path, symo_hessian **out) {
  if (path == NULL || out == NULL)
    return symo_fail_null(context, "hessian_read", path == NULL ? "path" : "out");
  symo_safetensors *file = NULL;
  symo_status status;
  SYMO_TRY(symo_safetensors_open(context, path, &file));
  status = read_structured(context, path, file, format, 0, out);
fail:
  symo_safetensors_close(file);
  return status;
}

/* The entries of the eigenpairs, whose shapes and types are those of the layout. */
static symo_status find_pairs(symo_context *context, const char *path, const symo_safetensors *file,
                              const symo_safetensors_entry *pairs[2]) {
  static const char *const axes[] = {"[k]", "[k, parameters]"};
  for (size_t i = 0; i < 2; ++i) {
    const char *name = i == 0 ? values_entry : vectors_entry;
    pairs[i] = symo_safetensors_find(file, name);
    if (pairs[i] == NULL)
      return symo_fail(context, SYMO_E_FORMAT, "%s: no entry %s (make it again)", path, name);
    if (pairs[i]->order != i + 1)
      return symo_fail(context, SYMO_E_FORMAT, "%s: entry %s: order %zu, not %s (make it again)",
                       path, name, pairs[i]->order, axes[i]);
  }
  return SYMO_OK;
}

static symo_status read_pairs(symo_context *context, const char *path, const symo_safetensors *file,
                              const symo_hessian *rest, symo_lowrank **out) {
  const symo_safetensors_entry *pairs[2] = {NULL, NULL};
  const symo_dtype dtype = symo_plan_dtype(rest->plan);
  const size_t p = symo_layout_num_parameters(rest->plan->layout);
  double *values = NULL;
  void *vectors = NULL;
  symo_status status;
  SYMO_TRY(find_pairs(context, path, file, pairs));
  const size_t k = pairs[0]->shape[0], shape[] = {k, p};
  SYMO_TRY(symo_safetensors_expect_shape(file, pairs[1], 2, shape, "[k, parameters]"));
  if (pairs[0]->type != symo_scalar_of(SYMO_F64) || pairs[1]->type != symo_scalar_of(dtype))
    SYMO_TRY(symo_fail(context, SYMO_E_FORMAT,
                       "%s: entries %s and %s: types %s and %s, not F64 and that of the rest (make "
                       "it again)",
                       path, values_entry, vectors_entry, symo_scalar_name(pairs[0]->type),
                       symo_scalar_name(pairs[1]->type)));
  values = symo_malloc(pairs[0]->count * sizeof *values + 1);
  vectors = symo_malloc(pairs[1]->count * symo_dtype_size(dtype) + 1);
  if (values == NULL || vectors == NULL) SYMO_TRY(symo_fail_memory(context, path));
  SYMO_TRY(symo_safetensors_read_raw(file, pairs[0], values));
  SYMO_TRY(symo_safetensors_read_raw(file, pairs[1], vectors));
  status = symo_lowrank_create(rest, k, values, vectors, out);
  if (status != SYMO_OK) symo_fail_within(context, status, "%s", path);
  if (status == SYMO_E_ARGUMENT || status == SYMO_E_SIZE) status = SYMO_E_FORMAT;
fail:
  symo_free(values);
  symo_free(vectors);
  return status;
}

symo_status symo_lowrank_read(symo_context *context, const char *path, symo_lowrank **out) {
  if (path == NULL || out == NULL)
    return symo_fail_null(context, "lowrank_read", path == NULL ? "path" : "out");
  symo_safetensors *file = NULL;
  symo_hessian *rest = NULL;
  symo_status status;
  SYMO_TRY(symo_safetensors_open(context, path, &file));
  SYMO_TRY(read_structured(context, path, file, lowrank_format, 2, &rest));
  status = read_pairs(context, path, file, rest, out);
fail:
  symo_hessian_destroy(rest);
  symo_safetensors_close(file);
  return status;
}

symo_status symo_hessian_file_is_lowrank(symo_context *context, const char *path, bool *out) {
  if (path == NULL || out == NULL)
    return symo_fail_null(context, "hessian_file_is_lowrank", path == NULL ? "path" : "out");
  symo_safetensors *file = NULL;
  symo_status status = symo_safetensors_open(context, path, &file);
  if (status != SYMO_OK) return status;
  const char *text = symo_safetensors_metadata(file, "format");
  *out = text != NULL && strcmp(text, lowrank_format) == 0;
  symo_safetensors_close(file);
  return SYMO_OK;
}
