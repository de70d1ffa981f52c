/* Parameters by tensor name beside the state of the optimizer, in one file under one checksum. */
#include "experiments/train/checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/names.h"
#include "core/number.h"
#include "io/json.h"
#include "io/optim_spec.h"
#include "io/optim_state.h"
#include "net/net.h"

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

/* [num_items] */
static symo_safetensors_item *list_items(const train_model *model, const void *theta) {
  const size_t count = num_items(model);
  const symo_dtype dtype = model->problem.dtype;
  symo_safetensors_item *items = symo_calloc(count, sizeof *items);
  for (size_t t = 0; items != NULL && t < count; t++) {
    const train_item item = item_at(model, t);
    items[t] = (symo_safetensors_item){.name = item.name,
                                       .type = symo_scalar_of(dtype),
                                       .order = item.order,
                                       .data = symo_at(dtype, theta, (ptrdiff_t)item.offset)};
    memcpy(items[t].shape, item.shape, sizeof item.shape);
  }
  return items;
}

/* ---- writing ---- */

/* Texts of all files of a run, with room for two more behind them. */
typedef struct text_list {
  char step[32], loss[32], best_step[32], *run;
  size_t count;
  symo_safetensors_text *texts;
} text_list;

static void add_text(text_list *list, const char *key, const char *value) {
  list->texts[list->count++] = (symo_safetensors_text){key, value};
}

static void drop_texts(text_list *list) {
  free(list->run);
  symo_free(list->texts);
}

static symo_status list_texts(symo_context *context, const train_spec *spec,
                              const train_model *model, uint64_t step, text_list *list) {
  enum { OWN = 6 };
  list->texts = symo_calloc(OWN + model->num_texts, sizeof *list->texts);
  if (list->texts == NULL) return symo_fail_memory(context, "checkpoint");
  symo_status status = spec_text(context, spec, &list->run);
  if (status != SYMO_OK) return status;
  snprintf(list->step, sizeof list->step, "%llu", (unsigned long long)step);
  add_text(list, "run", list->run);
  add_text(list, "net", model->net);
  add_text(list, "step", list->step);
  if (model->checksum[0] != '\0') add_text(list, "data", model->checksum);
  for (size_t i = 0; i < model->num_texts; i++)
    add_text(list, model->texts[i][0], model->texts[i][1]);
  return SYMO_OK;
}

symo_status train_checkpoint_write(const train_spec *spec, const char *path, uint64_t step,
                                   const train_best *best, const train_model *model,
                                   symo_optim_state *state, const void *theta) {
  text_list list = {.count = 0};
  symo_safetensors_item *items = list_items(model, theta);
  symo_status status = items != NULL ? list_texts(NULL, spec, model, step, &list)
                                     : symo_fail_memory(NULL, "checkpoint");
  if (status == SYMO_OK && !isnan(best->loss)) {
    snprintf(list.loss, sizeof list.loss, "%s", symo_decimal_of(best->loss).text);
    snprintf(list.best_step, sizeof list.best_step, "%llu", (unsigned long long)best->step);
    add_text(&list, "best_val_loss", list.loss);
    add_text(&list, "best_step", list.best_step);
  }
  if (status == SYMO_OK)
    status = symo_checkpoint_write(state, path, list.count, list.texts, num_items(model), items);
  drop_texts(&list);
  symo_free(items);
  return status;
}

symo_status train_best_write(symo_context *context, const train_spec *spec, const char *path,
                             const train_best *best, const train_model *model, const void *theta) {
  text_list list = {.count = 0};
  symo_safetensors_item *items = list_items(model, theta);
  symo_status status = items != NULL ? list_texts(context, spec, model, best->step, &list)
                                     : symo_fail_memory(context, "best weights");
  if (status == SYMO_OK) {
    snprintf(list.loss, sizeof list.loss, "%s", symo_decimal_of(best->loss).text);
    add_text(&list, "val_loss", list.loss);
    status = symo_checked_write(context, path, list.count, list.texts, num_items(model), items);
  }
  drop_texts(&list);
  symo_free(items);
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

static symo_status read_count(symo_context *context, const char *path, const symo_safetensors *file,
                              const char *key, uint64_t *out) {
  const char *text = symo_safetensors_metadata(file, key);
  if (text == NULL || !symo_whole_read(text, NULL, UINT64_MAX, out))
    return symo_fail(context, SYMO_E_FORMAT, "%s: no %s in its metadata (is it of symo train?)",
                     path, key);
  return SYMO_OK;
}

static symo_status read_best(symo_context *context, const char *path, const symo_safetensors *file,
                             train_best *best) {
  const char *text = symo_safetensors_metadata(file, "best_val_loss");
  *best = (train_best){.loss = NAN};
  if (text == NULL) return SYMO_OK;
  if (!symo_decimal_read(text, NULL, &best->loss))
    return symo_fail(context, SYMO_E_FORMAT,
                     "%s: best_val_loss in its metadata is not a number: \"%s\" (is it of symo "
                     "train?)",
                     path, symo_quoted(text).text);
  return read_count(context, path, file, "best_step", &best->step);
}

static symo_status read_was(symo_context *context, const char *path, const symo_safetensors *file,
                            symo_optim_spec **was) {
  const char *text = symo_safetensors_metadata(file, "spec");
  return symo_optim_spec_parse(context, path, text != NULL ? text : "",
                               text != NULL ? strlen(text) : 0, was);
}

symo_status train_checkpoint_read(symo_context *context, const char *path, const train_model *model,
                                  symo_optim *optim, symo_optim_state **state, void *theta,
                                  uint64_t *step, train_best *best, symo_optim_spec **was) {
  const size_t count = symo_method_num_options();
  const char **may_differ = symo_calloc(count, sizeof *may_differ);
  symo_safetensors *file = NULL;
  symo_optim_state *read = NULL;
  symo_status status = may_differ != NULL ? SYMO_OK : symo_fail_memory(context, path);
  SYMO_TRY(status);
  for (size_t i = 0; i < count; i++) may_differ[i] = symo_method_option(i)->key;
  SYMO_TRY(symo_checkpoint_read(optim, path, count, may_differ, &file, &read));
  SYMO_TRY(read_count(context, path, file, "step", step));
  SYMO_TRY(read_best(context, path, file, best));
  SYMO_TRY(read_items(context, path, file, model, theta));
  SYMO_TRY(read_was(context, path, file, was));
  *state = read;
  read = NULL;
fail:
  symo_free(may_differ);
  symo_safetensors_close(file);
  symo_optim_state_destroy(read);
  return status;
}

symo_status train_checkpoint_text(symo_context *context, const char *path, const char *key,
                                  char **out) {
  symo_safetensors *file = NULL;
  symo_status status = symo_safetensors_open(context, path, &file);
  if (status != SYMO_OK) return status;
  const char *text = symo_safetensors_metadata(file, key);
  *out = text != NULL ? symo_strdup(text) : NULL;
  if (text != NULL && *out == NULL) status = symo_fail_memory(context, path);
  symo_safetensors_close(file);
  return status;
}

/* Weights may have more rows than there are tokens in the text, or in the tokenizer. */
symo_status train_checkpoint_use(symo_context *context, const char *path, train_spec *spec) {
  symo_net_spec *net = NULL;
  char *text = NULL;
  symo_status status = train_checkpoint_text(context, path, "net", &text);
  if (status != SYMO_OK) return status;
  net = symo_calloc(1, sizeof *net);
  if (net == NULL) {
    status = symo_fail_memory(context, path);
  } else {
    *net = symo_net_spec_default();
    snprintf(spec->checkpoint, sizeof spec->checkpoint, "%s", path);
    snprintf(spec->kept, sizeof spec->kept, "%s", path);
    if (text != NULL && symo_net_parse(context, text, net) == SYMO_OK)
      spec->gpt.vocabulary = symo_net_vocabulary(net);
  }
  symo_free(net);
  symo_free(text);
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
  SYMO_TRY(read_count(context, path, file, "step", step));
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
