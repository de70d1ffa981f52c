#ifndef SYMO_EXPERIMENTS_GPT_WEIGHTS_H
#define SYMO_EXPERIMENTS_GPT_WEIGHTS_H

#include "io/safetensors.h"
#include "net/gpt.h"

/* Parameters of transformers in files, safetensors in one of two forms:
 *   nanoGPT       transformer.wte.weight, transformer.h.0.attn.c_attn.weight [3 c, c] (query, key and
 *                 value below each other, as in the flat vector of net/gpt.h), ..;
 *                 lm_head.weight, which may be missing where it is the token embedding
 *   Hugging Face  of GPT-2: the same names without "transformer."; c_attn [c, 3 c], c_proj, c_fc
 *                 transposed; always with biases
 * Metadata: "config", nanoGPT's model_args as JSON, and "tied" and "activation" (as
 * symo_activation_name); "tokenizer" (experiments/data/tokenizer.h); "format": "pt". */
typedef enum gpt_form { GPT_NANOGPT, GPT_HUGGING_FACE } gpt_form;

enum { GPT_NAME = 64 };

/* nanoGPT's tensors, each a stretch of the flat vector, in its order: name, shape [rank], and where
 * it begins.  A tied head is none.  false: there are not so many; all sizes must be known. */
bool gpt_file_tensors(const symo_gpt_spec *spec, size_t index, char name[GPT_NAME], size_t *rank,
                      size_t shape[2], size_t *offset);

/* The text for "config" (symo_free). */
symo_status gpt_config_text(symo_context *context, const symo_gpt_spec *spec, char **out);

/* The text of Hugging Face's config.json for GPT2LMHeadModel (symo_free). */
symo_status gpt_hugging_face_config(symo_context *context, const symo_gpt_spec *spec, char **out);

typedef struct gpt_weights_options {
  size_t heads;     /* where the file does not say; 0: width / 64 */
  size_t block;     /* keeps the first positions, as many; 0: all */
  symo_dtype dtype; /* SYMO_ANY: f64 where an entry is, else f32 */
} gpt_weights_options;

typedef struct gpt_weights {
  symo_gpt_spec spec;
  gpt_form form;
  size_t count;
  void *theta;      /* [count] of spec.dtype */
  double dropout;   /* of the training, where the file says so, else 0; that of spec is 0 */
  char *tokenizer;  /* JSON; NULL: the file has none */
  char remark[160]; /* what was guessed; "": nothing */
} gpt_weights;

/* Reads either form, also with "_orig_mod." before the names, and checkpoints of symo train, whose
 * checksum is checked.  Sizes are taken from shapes; heads and activation from the metadata
 * ("config", or "n_head" and "activation" by themselves), or else from the config.json beside the
 * file, or guessed.  SYMO_E_NAME for tensors that are missing
 * or not known, SYMO_E_SHAPE, SYMO_E_FORMAT, SYMO_E_IO, SYMO_E_ARGUMENT for heads that cannot
 * be. */
symo_status gpt_weights_read(symo_context *context, const char *path,
                             const gpt_weights_options *options, gpt_weights *out);
void gpt_weights_drop(gpt_weights *weights); /* {0} is accepted */

/* Parameters of a file for a network: theta is filled.  The file may have more positions, and a
 * tied head where the network has its own.  SYMO_E_SHAPE with what differs. */
symo_status gpt_weights_load(symo_context *context, const char *path, const symo_gpt_spec *spec,
                             void *theta);

/* The head is written in nanoGPT's form even if tied, as its loader wants it; biases in Hugging
 * Face's even if there are none, as zeros. */
symo_status gpt_weights_write(symo_context *context, const char *path, gpt_form form,
                              const symo_gpt_spec *spec, const void *theta, const char *tokenizer);

#endif
