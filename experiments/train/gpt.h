#ifndef SYMO_EXPERIMENTS_TRAIN_GPT_H
#define SYMO_EXPERIMENTS_TRAIN_GPT_H

#include "experiments/data/tokenizer.h"
#include "experiments/gpt/weights.h"
#include "experiments/train/option.h"
#include "net/gpt.h"

/* The parts of the task gpt. */

/* train_task.options. */
extern const train_option train_gpt_options[];

/* The network of a spec. */
symo_status train_gpt_spec(symo_context *context, const train_spec *spec, size_t vocabulary,
                           symo_gpt_spec *gpt);

/* A text as tokens: [0] what is trained on (all of it where spec->whole), [1] what is held back. */
typedef struct train_gpt_text {
  gpt_tokenizer *tokens;
  uint32_t *ids[2]; /* [count] */
  size_t count[2];
  char what[512], checksum[SYMO_DATA_CHECKSUM];
} train_gpt_text;

/* Tokens are those of spec->checkpoint where that is set; else of kept, JSON, where that is not
 * NULL. */
symo_status train_gpt_text_read(symo_context *context, const train_spec *spec, const char *kept,
                                train_gpt_text *out);
void train_gpt_text_drop(train_gpt_text *text); /* {0} is accepted */

/* Names and texts for checkpoints, into *model. */
symo_status train_gpt_file(symo_context *context, const symo_gpt_spec *gpt,
                           const gpt_tokenizer *tokens, train_model *model);

/* Of spec->gpt.init_from: tokens, and JSON (symo_free) or NULL. */
symo_status train_gpt_start(symo_context *context, const train_spec *spec, size_t *vocabulary,
                            char **tokenizer);

/* Sizes, biases, activation, type and vocabulary of the weights in a file, into spec.  heads: where
 * the file does not say; 0: guessed, with a remark.  *tokens: whether it has a tokenizer. */
symo_status train_gpt_sizes(symo_context *context, const char *path, size_t heads, train_spec *spec,
                            bool *tokens, char remark[160]);

#endif
