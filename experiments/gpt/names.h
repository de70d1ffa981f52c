#ifndef SYMO_EXPERIMENTS_GPT_NAMES_H
#define SYMO_EXPERIMENTS_GPT_NAMES_H

#include "experiments/gpt/weights.h"

/* One of nanoGPT's tensors; name without "transformer.".  All of a model with biases and a head of
 * its own come, whatever the spec says of these. */
typedef struct gpt_part {
  char name[GPT_NAME];
  size_t rank, shape[2], size;
  size_t offset;     /* in the flat vector; of a tied head that of wte.weight */
  bool absent;       /* not in the flat vector: a bias of a model without, a tied head */
  bool bias, head;   /* lm_head.weight */
  bool transposed;   /* in Hugging Face's form */
  size_t index, end; /* which comes next, and where it begins */
} gpt_part;

/* From {0} on through all of them; false behind the last. */
bool gpt_part_next(const symo_gpt_spec *spec, gpt_part *part);

/* A name in a file without what may stand before it. */
const char *gpt_plain_name(const char *name);

/* The number of the block in "h.12.rest", and the rest; NULL where it is none. */
const char *gpt_block_name(const char *name, size_t *block);

#endif
