/* What checkpoints of gpt hold beside the state, nanoGPT's tensors and texts about them; and what
 * weights to start from say. */
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "experiments/train/gpt.h"

/* Items and, behind them, their names in one block.  nanoGPT's loader wants a tied head too. */
static symo_status make_items(symo_context *context, const symo_gpt_spec *gpt, train_model *model) {
  char name[GPT_NAME];
  size_t shape[2], count = 0, rank, offset;
  while (gpt_file_tensors(gpt, count, name, &rank, shape, &offset)) count++;
  train_item *items = symo_calloc(count + 1, sizeof *items + GPT_NAME);
  if (items == NULL) return symo_fail_memory(context, "checkpoint");
  char *names = (char *)(items + count + 1);
  for (size_t t = 0; t < count; t++) {
    (void)gpt_file_tensors(gpt, t, names + t * GPT_NAME, &items[t].order, items[t].shape,
                           &items[t].offset);
    items[t].name = names + t * GPT_NAME;
  }
  model->items = items, model->num_items = count;
  if (!gpt->tied) return SYMO_OK;
  items[count] = items[0];
  items[count].name = strcpy(names + count * GPT_NAME, "lm_head.weight");
  model->num_items++;
  return SYMO_OK;
}

/* Takes the text. */
static symo_status add_text(symo_context *context, const char *key, char *text,
                            train_model *model) {
  char **pair = model->texts[model->num_texts++];
  pair[0] = symo_strdup(key);
  pair[1] = text;
  return pair[0] != NULL ? SYMO_OK : symo_fail_memory(context, "checkpoint");
}

symo_status train_gpt_file(symo_context *context, const symo_gpt_spec *gpt,
                           const gpt_tokenizer *tokens, train_model *model) {
  char *tokenizer = NULL, *config = NULL;
  symo_status status = make_items(context, gpt, model);
  if (status != SYMO_OK) return status;
  model->texts = symo_calloc(2, sizeof *model->texts);
  if (model->texts == NULL) return symo_fail_memory(context, "checkpoint");
  status = gpt_tokenizer_to_json(context, tokens, &tokenizer);
  if (status == SYMO_OK) status = add_text(context, "tokenizer", tokenizer, model);
  if (status == SYMO_OK) status = gpt_config_text(context, gpt, &config);
  if (status == SYMO_OK) status = add_text(context, "config", config, model);
  return status;
}

symo_status train_gpt_start(symo_context *context, const train_spec *spec, size_t *vocabulary,
                            char **tokenizer) {
  const gpt_weights_options options = {.heads = spec->gpt.heads};
  gpt_weights weights = {0};
  symo_status status = gpt_weights_read(context, spec->gpt.init_from, &options, &weights);
  if (status != SYMO_OK) return status;
  *vocabulary = weights.spec.vocabulary;
  *tokenizer = weights.tokenizer;
  weights.tokenizer = NULL;
  gpt_weights_drop(&weights);
  return SYMO_OK;
}

symo_status train_gpt_sizes(symo_context *context, const char *path, size_t heads, train_spec *spec,
                            bool *tokens, char remark[160]) {
  const gpt_weights_options options = {.heads = heads};
  gpt_weights weights = {0};
  symo_status status = gpt_weights_read(context, path, &options, &weights);
  if (status != SYMO_OK) return status;
  const symo_gpt_spec *file = &weights.spec;
  spec->gpt.layers = file->layers, spec->gpt.heads = file->heads, spec->gpt.width = file->width;
  spec->gpt.block = file->block, spec->gpt.tied = file->tied, spec->bias = file->bias;
  spec->gpt.vocabulary = file->vocabulary;
  snprintf(spec->act, sizeof spec->act, "%s", symo_activation_name(file->activation));
  snprintf(spec->dtype, sizeof spec->dtype, "%s", symo_dtype_name(file->dtype));
  *tokens = weights.tokenizer != NULL;
  memcpy(remark, weights.remark, sizeof weights.remark);
  gpt_weights_drop(&weights);
  return SYMO_OK;
}
