/* Parameters by tensor name beside the state of the optimizer, in one file under one checksum. */
#include "experiments/train/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "io/json.h"
#include "io/optim_state.h"

static symo_status spec_text(symo_context *context, const train_spec *spec, char **out) {
  json_t *object = train_spec_to_json(spec);
  char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
  json_decref(object);
  *out = text;
  return text != NULL ? SYMO_OK : symo_fail_memory(context, "checkpoint");
}

symo_status train_checkpoint_write(const train_spec *spec, const char *path, uint64_t step,
                                   const train_model *model, symo_optim_state *state,
                                   const void *theta) {
  const size_t count = symo_layout_num_tensors(model->layout);
  const symo_dtype dtype = model->problem.dtype;
  char step_text[32], *run = NULL;
  symo_safetensors_item *items = symo_calloc(count, sizeof *items);
  const void **data = symo_calloc(count, sizeof *data);
  symo_status status = SYMO_OK;
  if (items == NULL || data == NULL) {
    status = symo_fail_memory(NULL, "checkpoint");
    goto fail;
  }
  SYMO_TRY(spec_text(NULL, spec, &run));
  symo_layout_split_const(model->layout, dtype, theta, data);
  for (size_t t = 0; t < count; t++) {
    items[t] = (symo_safetensors_item){.name = symo_layout_tensor_name(model->layout, t),
                                       .type = symo_number_of(dtype),
                                       .order = symo_layout_tensor_order(model->layout, t),
                                       .data = data[t]};
    for (size_t a = 0; a < items[t].order; a++)
      items[t].shape[a] = symo_layout_axis_dim(model->layout, t, a);
  }
  snprintf(step_text, sizeof step_text, "%llu", (unsigned long long)step);
  const symo_safetensors_text texts[] = {{"run", run}, {"net", model->net}, {"step", step_text}};
  SYMO_TRY(symo_checkpoint_write(state, path, 3, texts, count, items));
fail:
  free(run);
  symo_free(items);
  symo_free(data);
  return status;
}

/* ---- reading ---- */

static symo_status read_items(symo_context *context, const char *path, symo_safetensors *file,
                              const symo_layout *layout, symo_dtype dtype, void *theta) {
  const size_t count = symo_layout_num_tensors(layout);
  void **data = symo_calloc(count, sizeof *data);
  symo_status status = SYMO_OK;
  if (data == NULL) return symo_fail_memory(context, path);
  symo_layout_split(layout, dtype, theta, data);
  for (size_t t = 0; t < count && status == SYMO_OK; t++) {
    const char *name = symo_layout_tensor_name(layout, t);
    const symo_safetensors_entry *entry = symo_safetensors_find(file, name);
    size_t shape[SYMO_MAX_ORDER];
    for (size_t a = 0; a < symo_layout_tensor_order(layout, t); a++)
      shape[a] = symo_layout_axis_dim(layout, t, a);
    if (entry == NULL)
      status = symo_fail(context, SYMO_E_NAME, "%s: no tensor %s (is it of another network?)", path,
                         name);
    if (status == SYMO_OK)
      status = symo_safetensors_expect_shape(file, entry, symo_layout_tensor_order(layout, t),
                                             shape, NULL);
    if (status == SYMO_OK) status = symo_safetensors_read(file, entry, dtype, data[t]);
  }
  symo_free(data);
  return status;
}

static symo_status read_step(symo_context *context, const char *path, const symo_safetensors *file,
                             uint64_t *step) {
  const char *text = symo_safetensors_metadata(file, "step");
  char *end = NULL;
  errno = 0;
  const unsigned long long value = text != NULL ? strtoull(text, &end, 10) : 0;
  if (text == NULL || end == text || *end != '\0' || errno != 0)
    return symo_fail(context, SYMO_E_FORMAT, "%s: no step in its metadata (is it of symo train?)",
                     path);
  *step = value;
  return SYMO_OK;
}

symo_status train_checkpoint_read(symo_context *context, const char *path, const train_model *model,
                                  symo_optim *optim, symo_optim_state **state, void *theta,
                                  uint64_t *step) {
  static const char *const may_differ[] = {"total_steps"}; /* a run made longer */
  symo_safetensors *file = NULL;
  symo_optim_state *read = NULL;
  symo_status status = SYMO_OK;
  SYMO_TRY(symo_checkpoint_read(optim, path, 1, may_differ, &file, &read));
  SYMO_TRY(read_step(context, path, file, step));
  SYMO_TRY(read_items(context, path, file, model->layout, model->problem.dtype, theta));
  *state = read;
  read = NULL;
fail:
  symo_safetensors_close(file);
  symo_optim_state_destroy(read);
  return status;
}

symo_status train_checkpoint_spec(symo_context *context, const char *path, train_spec *out,
                                  char net[TRAIN_TEXT], uint64_t *step) {
  symo_safetensors *file = NULL;
  json_t *object = NULL;
  symo_status status = SYMO_OK;
  SYMO_TRY(symo_checkpoint_open(context, path, &file));
  const char *text = symo_safetensors_metadata(file, "run");
  if (text == NULL) {
    status = symo_fail(context, SYMO_E_FORMAT,
                       "%s: no run in its metadata (give a checkpoint of symo train)", path);
    goto fail;
  }
  SYMO_TRY(symo_json_parse(context, path, text, strlen(text), &object));
  SYMO_TRY(train_spec_from_json(context, path, object, out));
  SYMO_TRY(read_step(context, path, file, step));
  text = symo_safetensors_metadata(file, "net");
  snprintf(net, TRAIN_TEXT, "%s", text != NULL ? text : "");
fail:
  json_decref(object);
  symo_safetensors_close(file);
  return status;
}

symo_status train_checkpoint_parameters(symo_context *context, const char *path,
                                        const symo_layout *layout, symo_dtype dtype, void *theta) {
  symo_safetensors *file = NULL;
  symo_status status = symo_checkpoint_open(context, path, &file);
  if (status == SYMO_OK) status = read_items(context, path, file, layout, dtype, theta);
  symo_safetensors_close(file);
  return status;
}
