#ifndef SYMO_EXPERIMENTS_GPT_CONFIG_H
#define SYMO_EXPERIMENTS_GPT_CONFIG_H

#include "experiments/gpt/weights.h"

/* What shapes do not say.  heads 0, activation -1: not found. */
typedef struct gpt_config {
  size_t heads;
  int activation; /* a symo_activation */
  double dropout; /* of the training; 0: not found */
} gpt_config;

/* From the metadata, else the config.json in the folder of the file, where there are any.
 * SYMO_E_FORMAT for what stands there and is wrong, SYMO_E_UNSUPPORTED for an activation or an
 * epsilon that symo does not have. */
symo_status gpt_config_read(symo_context *context, const char *path, const symo_safetensors *file,
                            gpt_config *out);

#endif
