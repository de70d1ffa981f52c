/* Parameters into files, in either form. */
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "experiments/gpt/names.h"

/* What is written is kept until the end: names, and copies of what does not lie in theta as it is
 * to lie in the file. */
typedef struct writer {
  symo_context *context;
  const char *path;
  const symo_gpt_spec *spec;
  gpt_form form;
  const char *theta;
  size_t count;
  symo_safetensors_item *items;
  char (*names)[GPT_NAME + 16];
  void **copies;
} writer;

static size_t parts_of(const symo_gpt_spec *spec) {
  gpt_part part = {0};
  size_t count = 0;
  while (gpt_part_next(spec, &part)) count++;
  return count;
}

static bool is_written(const writer *w, const gpt_part *part) {
  if (part->head && part->absent) return w->form == GPT_NANOGPT;
  return !part->absent || w->form == GPT_HUGGING_FACE;
}

static symo_status add(writer *w, const gpt_part *part) {
  const symo_dtype dtype = w->spec->dtype;
  const size_t size = symo_dtype_size(dtype), n = w->count++;
  const bool swap = part->transposed && w->form == GPT_HUGGING_FACE;
  const bool plain = part->head || w->form == GPT_HUGGING_FACE;
  const char *from = w->theta + part->offset * size;
  snprintf(w->names[n], sizeof w->names[n], "%s%s", plain ? "" : "transformer.", part->name);
  w->items[n] = (symo_safetensors_item){.name = w->names[n],
                                        .type = symo_scalar_of(dtype),
                                        .order = part->rank,
                                        .shape = {part->shape[swap], part->shape[!swap]},
                                        .data = from};
  if (!swap && !(part->bias && part->absent)) return SYMO_OK;
  char *copy = w->copies[n] = symo_calloc(part->size, size);
  if (copy == NULL) return symo_fail_memory(w->context, w->path);
  w->items[n].data = copy;
  if (!swap) return SYMO_OK; /* zeros */
  const size_t rows = part->shape[0], columns = part->shape[1];
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++)
      memcpy(copy + (j * rows + i) * size, from + (i * columns + j) * size, size);
  return SYMO_OK;
}

symo_status gpt_weights_write(symo_context *context, const char *path, gpt_form form,
                              const symo_gpt_spec *spec, const void *theta, const char *tokenizer) {
  writer w = {context, path, spec, form, theta, 0, NULL, NULL, NULL};
  const size_t most = parts_of(spec);
  symo_gpt_spec described = *spec;
  gpt_part part = {0};
  char *config = NULL;
  symo_status status = SYMO_OK;
  if (form == GPT_HUGGING_FACE) described.bias = true;
  w.items = symo_calloc(most, sizeof *w.items);
  w.names = symo_calloc(most, sizeof *w.names);
  w.copies = symo_calloc(most, sizeof *w.copies);
  if (w.items == NULL || w.names == NULL || w.copies == NULL) {
    status = symo_fail_memory(context, path);
    goto fail;
  }
  while (gpt_part_next(spec, &part))
    if (is_written(&w, &part)) SYMO_TRY(add(&w, &part));
  SYMO_TRY(gpt_config_text(context, &described, &config));
  const symo_safetensors_text texts[] = {
      {"config", config}, {"format", "pt"}, {"tokenizer", tokenizer}};
  SYMO_TRY(
      symo_safetensors_write(context, path, tokenizer != NULL ? 3 : 2, texts, w.count, w.items));
fail:
  for (size_t i = 0; i < most && w.copies != NULL; i++) symo_free(w.copies[i]);
  symo_free(w.items);
  symo_free(w.names);
  symo_free(w.copies);
  symo_free(config);
  return status;
}
