/* Parameters by tensor name beside the state of the optimizer, in one file under one checksum. */
#include "experiments/train/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "io/json.h"
#include "io/optim_state.h"

static symo_status spec_text(symo_context *context, const train_spec *spec, char **out) {
  json_t *object = train_spec_to_json(spec);
  char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
  json_decref(object);
  *out = text;
  return text != NULL ? SYMO_OK : symo_fail_memory(context, "checkpoint");
}

/* What checkpoints hold of theta, by name. */
static size_t num_items(const train_model *model) {
  return model->num_items > 0 ? model->num_items : symo_layout_num_tensors(model->layout);
}

static train_item item_at(const train_model *model, size_t index) {
  const symo_layout *layout = model->layout;
  train_item item = {.order = 0};
  if (model->num_items > 0) return model->items[index];
  item.name = symo_layout_tensor_name(layout, index);
  item.order = symo_layout_tensor_order(layout, index);
  item.offset = symo_layout_tensor_offset(layout, index);
  for (size_t a = 0; a < item.order; a++) item.shape[a] = symo_layout_axis_dim(layout, index, a);
  return item;
}

static symo_status write_all(const train_model *model, const char *path, symo_optim_state *state,
                             const void *theta, size_t num_texts,
                             const symo_safetensors_text *texts) {
  const size_t count = num_items(model);
  const symo_dtype dtype = model->problem.dtype;
  symo_safetensors_item *items = symo_calloc(count, sizeof *items);
  if (items == NULL) return symo_fail_memory(NULL, "checkpoint");
  for (size_t t = 0; t < count; t++) {
    const train_item item = item_at(model, t);
    items[t] = (symo_safetensors_item){.name = item.name,
                                       .type = symo_number_of(dtype),
                                       .order = item.order,
                                       .data = symo_at(dtype, theta, (ptrdiff_t)item.offset)};
    memcpy(items[t].shape, item.shape, sizeof item.shape);
  }
  symo_status status = symo_checkpoint_write(state, path, num_texts, texts, count, items);
  symo_free(items);
  return status;
}

symo_status train_checkpoint_write(const train_spec *spec, const char *path, uint64_t step,
                                   const train_model *model, symo_optim_state *state,
                                   const void *theta) {
  enum { OWN = 3 };
  char step_text[32], *run = NULL;
  symo_safetensors_text *texts = symo_calloc(OWN + model->num_texts, sizeof *texts);
  symo_status status = SYMO_OK;
  if (texts == NULL) return symo_fail_memory(NULL, "checkpoint");
  SYMO_TRY(spec_text(NULL, spec, &run));
  snprintf(step_text, sizeof step_text, "%llu", (unsigned long long)step);
  texts[0] = (symo_safetensors_text){"run", run};
  texts[1] = (symo_safetensors_text){"net", model->net};
  texts[2] = (symo_safetensors_text){"step", step_text};
  for (size_t i = 0; i < model->num_texts; i++)
    texts[OWN + i] = (symo_safetensors_text){model->texts[i][0], model->texts[i][1]};
  SYMO_TRY(write_all(model, path, state, theta, OWN + model->num_texts, texts));
fail:
  free(run);
  symo_free(texts);
  return status;
}

/* ---- reading ---- */

static symo_status read_items(symo_context *context, const char *path, symo_safetensors *file,
                              const train_model *model, void *theta) {
  const symo_dtype dtype = model->problem.dtype;
  symo_status status = SYMO_OK;
  for (size_t t = 0; t < num_items(model) && status == SYMO_OK; t++) {
    const train_item item = item_at(model, t);
    const symo_safetensors_entry *entry = symo_safetensors_find(file, item.name);
    void *place = symo_at(dtype, theta, (ptrdiff_t)item.offset);
    if (entry == NULL)
      status = symo_fail(context, SYMO_E_NAME, "%s: no tensor %s (is it of another network?)", path,
                         item.name);
    if (status == SYMO_OK)
      status = symo_safetensors_expect_shape(file, entry, item.order, item.shape, NULL);
    if (status == SYMO_OK) status = symo_safetensors_read(file, entry, dtype, place);
  }
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
  SYMO_TRY(read_items(context, path, file, model, theta));
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
                                        const train_model *model, void *theta) {
  symo_safetensors *file = NULL;
  symo_status status = symo_checkpoint_open(context, path, &file);
  if (status == SYMO_OK) status = read_items(context, path, file, model, theta);
  symo_safetensors_close(file);
  return status;
}
