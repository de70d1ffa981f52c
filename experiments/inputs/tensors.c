/* Layouts, vectors and Hessians from files, for the commands. */
#include "experiments/inputs/tensors.h"

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "io/stack.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int cli_open_layout(cli *c, symo_layout **out) {
  symo_status status = symo_layout_open(cli_context(c), cli_str(c, "layout"), out);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}

int cli_read_hessian(cli *c, symo_hessian **out) {
  symo_status status = symo_hessian_read(cli_context(c), cli_str(c, "hessian"), out);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}

/* ---- vectors ---- */

static int split(cli *c, const symo_layout *layout, const char *where, cli_vector *v) {
  size_t bytes = 0;
  if (symo_mul_size(symo_layout_num_tensors(layout), sizeof *v->data, &bytes))
    v->data = symo_malloc(bytes);
  if (!v->data) return cli_fail_status(c, symo_fail_memory(cli_context(c), where));
  symo_layout_split_const(layout, v->dtype, v->flat, v->data);
  return CLI_DONE;
}

static int check_finite(cli *c, const symo_layout *layout, const char *path, const cli_vector *v) {
  for (size_t t = 0; t < symo_layout_num_tensors(layout); t++) {
    size_t size = symo_layout_tensor_size(layout, t), at = 0;
    if (symo_all_finite(v->dtype, size, v->data[t])) continue;
    while (at + 1 < size && isfinite(symo_get(v->dtype, v->data[t], at))) at++;
    return cli_fail(c, CLI_DATA,
                    "%s: tensor %s holds %s at entry %zu (only finite numbers can be used)", path,
                    symo_layout_tensor_name(layout, t),
                    isnan(symo_get(v->dtype, v->data[t], at)) ? "NaN" : "infinity", at);
  }
  return CLI_DONE;
}

int cli_read_vector(cli *c, const symo_layout *layout, const char *path, symo_dtype dtype,
                    cli_vector *out) {
  cli_vector v = {0};
  symo_status status = symo_tensors_read(layout, path, dtype, &v.dtype, &v.flat);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  int code = split(c, layout, path, &v);
  if (code == CLI_DONE) code = check_finite(c, layout, path, &v);
  if (code == CLI_DONE)
    *out = v;
  else
    cli_drop_vector(&v);
  return code;
}

int cli_count_vectors(cli *c, const symo_layout *layout, const char *path, size_t *count) {
  symo_status status = symo_stack_count(layout, path, count);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}

int cli_read_vectors(cli *c, const symo_layout *layout, const char *path, symo_dtype dtype,
                     size_t count, cli_vector *out) {
  void *all = NULL;
  symo_dtype found = SYMO_ANY;
  symo_status status = symo_stack_read(layout, path, dtype, count, &found, &all);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  const size_t bytes = symo_layout_num_parameters(layout) * symo_dtype_size(found);
  int code = CLI_DONE;
  for (size_t i = 0; i < count && code == CLI_DONE; i++) {
    code = cli_new_vector(c, layout, found, &out[i]);
    if (code != CLI_DONE) break;
    memcpy(out[i].flat, (char *)all + i * bytes, bytes);
    code = check_finite(c, layout, path, &out[i]);
  }
  for (size_t i = 0; i < count && code != CLI_DONE; i++) cli_drop_vector(&out[i]);
  symo_free(all);
  return code;
}

int cli_new_vector(cli *c, const symo_layout *layout, symo_dtype dtype, cli_vector *out) {
  cli_vector v = {.dtype = dtype};
  v.flat = symo_calloc(symo_layout_num_parameters(layout), symo_dtype_size(dtype));
  if (!v.flat) return cli_fail_status(c, symo_fail_memory(cli_context(c), "vector"));
  int code = split(c, layout, "vector", &v);
  if (code == CLI_DONE)
    *out = v;
  else
    cli_drop_vector(&v);
  return code;
}

void cli_drop_vector(cli_vector *v) {
  symo_free(v->flat);
  symo_free(v->data);
  *v = (cli_vector){0};
}

symo_const_vector cli_const_vector(const cli_vector *v) {
  return symo_const_vector_of(v->dtype, v->data);
}

/* The memory is ours: only the table of pointers says const. */
symo_vector cli_mutable_vector(const cli_vector *v) {
  return symo_vector_of(v->dtype, (void *const *)v->data);
}

/* ---- printing ---- */

json_t *cli_count(double value) {
  bool whole = value == floor(value) && fabs(value) <= 9007199254740992.0;
  return whole ? json_integer((json_int_t)value) : cli_number(value);
}

json_t *cli_labels_json(cli *c, const symo_plan *plan) {
  const symo_layout *layout = symo_plan_layout(plan);
  json_t *labels = json_array();
  for (size_t l = 0; l < symo_plan_num_labels(plan); l++) {
    symo_label_info info = symo_plan_label(plan, l);
    json_t *label = json_object(), *tensors = json_array();
    for (size_t i = 0; i < info.num_tensors; i++) {
      size_t tensor = symo_plan_piece(plan, l, i).tensor;
      cli_push(c, tensors, json_string(symo_layout_tensor_name(layout, tensor)));
    }
    cli_set(c, label, "name", json_string(info.name));
    cli_set(c, label, "dim", cli_count((double)info.dim));
    cli_set(c, label, "type", cli_count((double)info.type));
    cli_set(c, label, "count", cli_count((double)info.count));
    cli_set(c, label, "multiplicity", cli_count((double)info.multiplicity));
    cli_set(c, label, "tensors", tensors);
    cli_set(c, label, "views", json_boolean(info.views));
    cli_set(c, label, "dropped", json_boolean(info.dropped));
    cli_push(c, labels, label);
  }
  return labels;
}

cli_bytes cli_format_bytes(double bytes) {
  static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB", "EB"};
  size_t unit = 0;
  while (bytes >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) bytes /= 1000, unit++;
  cli_bytes out;
  (void)snprintf(out.text, sizeof out.text, "%.3g %s", bytes, units[unit]);
  return out;
}

/* ---- what the group does not move ---- */

static double square(const symo_layout *layout, symo_dtype dtype, const void *const *data) {
  double sum = 0;
  for (size_t t = 0; t < symo_layout_num_tensors(layout); t++) {
    double norm = symo_nrm2(dtype, symo_layout_tensor_size(layout, t), data[t]);
    sum += norm * norm;
  }
  return sum;
}

symo_status cli_trivial_part(cli *c, const symo_plan *plan, size_t count,
                             const symo_const_vector *x, cli_trivial *out) {
  const symo_layout *layout = symo_plan_layout(plan);
  symo_dtype dtype = symo_plan_dtype(plan);
  size_t tensors = symo_layout_num_tensors(layout), parameters = symo_layout_num_parameters(layout);
  void *flat = symo_malloc(parameters * symo_dtype_size(dtype) + 1),
       **data = symo_calloc(tensors + 1, sizeof *data);
  double part = 0, whole = 0, trivial = 0;
  symo_status status = SYMO_OK;
  if (flat == NULL || data == NULL) {
    status = symo_fail_memory(cli_context(c), "label 0");
    goto fail;
  }
  symo_layout_split(layout, dtype, flat, data);
  for (size_t i = 0; i < count; i++) {
    SYMO_TRY(symo_plan_mean(plan, x[i], symo_vector_of(dtype, data)));
    part += square(layout, dtype, (const void *const *)data);
    whole += square(layout, dtype, x[i].data);
  }
  for (size_t l = 0; l < symo_plan_num_labels(plan); l++) {
    symo_label_info info = symo_plan_label(plan, l);
    const char *slash = strrchr(info.name, '/'); /* "trivial", or "w1/trivial" */
    if (strcmp(slash != NULL ? slash + 1 : info.name, "trivial") == 0)
      trivial += (double)info.multiplicity;
  }
  *out = (cli_trivial){part / whole, trivial / (double)parameters};
fail:
  symo_free(flat);
  symo_free(data);
  return status;
}

bool cli_trivial_dominates(cli_trivial part) {
  const double most_share = 0.1, most_parameters = 0.5;
  return part.share > most_share && part.parameters < most_parameters;
}
