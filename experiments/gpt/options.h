#ifndef SYMO_EXPERIMENTS_GPT_OPTIONS_H
#define SYMO_EXPERIMENTS_GPT_OPTIONS_H

#include "cli/cli.h"

/* Options of the commands that read a transformer from a file. */

#define GPT_CHECKPOINT_ROW                                                                         \
  {                                                                                                \
    .name = "checkpoint", .arg = "FILE", .kind = CLI_STRING, .required = true,                     \
    .help = "A checkpoint of symo train gpt, or any GPT-2 with nanoGPT's or Hugging Face's names"  \
  }

#define GPT_HEADS_ROW                                                                              \
  {                                                                                                \
    .name = "n-head", .arg = "N", .kind = CLI_INT, .min = 1, .max = 1 << 20,                       \
    .help =                                                                                        \
        "Attention heads, if the file does not say how many; default: one for every 64 features"   \
  }

#endif
