/* The names of nanoGPT's tensors (its model.py), which are Hugging Face's of GPT-2, too. */
#include "experiments/gpt/names.h"

#include <stdio.h>
#include <string.h>

#include "core/number.h"
#include "core/text.h"

typedef enum size_of { ONE, WIDTH, THREE, HIDDEN, VOCABULARY, BLOCK } size_of; /* ONE: no axis */

typedef struct row {
  const char *name;
  size_of rows, columns;
  bool matrix;
} row;

static const row before[] = {{"wte.weight", VOCABULARY, WIDTH, false},
                             {"wpe.weight", BLOCK, WIDTH, false}};
static const row block[] = {
    {"ln_1.weight", WIDTH, ONE, false},         {"ln_1.bias", WIDTH, ONE, false},
    {"attn.c_attn.weight", THREE, WIDTH, true}, {"attn.c_attn.bias", THREE, ONE, false},
    {"attn.c_proj.weight", WIDTH, WIDTH, true}, {"attn.c_proj.bias", WIDTH, ONE, false},
    {"ln_2.weight", WIDTH, ONE, false},         {"ln_2.bias", WIDTH, ONE, false},
    {"mlp.c_fc.weight", HIDDEN, WIDTH, true},   {"mlp.c_fc.bias", HIDDEN, ONE, false},
    {"mlp.c_proj.weight", WIDTH, HIDDEN, true}, {"mlp.c_proj.bias", WIDTH, ONE, false}};
static const row behind[] = {{"ln_f.weight", WIDTH, ONE, false},
                             {"ln_f.bias", WIDTH, ONE, false},
                             {"lm_head.weight", VOCABULARY, WIDTH, false}};
enum {
  BEFORE = sizeof before / sizeof *before,
  ROWS = sizeof block / sizeof *block,
  BEHIND = sizeof behind / sizeof *behind
};

static size_t size_of_axis(const symo_gpt_spec *spec, size_of what) {
  switch (what) {
  case ONE: return 1;
  case WIDTH: return spec->width;
  case THREE: return 3 * spec->width;
  case HIDDEN: return spec->hidden > 0 ? spec->hidden : 4 * spec->width;
  case VOCABULARY: return spec->vocabulary;
  case BLOCK: return spec->block;
  }
  return 0;
}

/* The row of a part, with its name written. */
static const row *row_at(const symo_gpt_spec *spec, size_t index, char name[GPT_NAME]) {
  const size_t inner = ROWS * spec->layers;
  const row *r = NULL;
  if (index < BEFORE)
    r = &before[index];
  else if (index < BEFORE + inner)
    r = &block[(index - BEFORE) % ROWS];
  else if (index < BEFORE + inner + BEHIND)
    r = &behind[index - BEFORE - inner];
  if (r == NULL) return NULL;
  if (index < BEFORE || index >= BEFORE + inner)
    snprintf(name, GPT_NAME, "%s", r->name);
  else
    snprintf(name, GPT_NAME, "h.%zu.%s", (index - BEFORE) / ROWS, r->name);
  return r;
}

bool gpt_part_next(const symo_gpt_spec *spec, gpt_part *part) {
  const row *r = row_at(spec, part->index, part->name);
  if (r == NULL) return false;
  part->index++;
  part->rank = r->columns == ONE ? 1 : 2;
  part->shape[0] = size_of_axis(spec, r->rows);
  part->shape[1] = size_of_axis(spec, r->columns);
  part->size = part->shape[0] * part->shape[1];
  part->head = r == &behind[BEHIND - 1];
  part->bias = strcmp(strrchr(r->name, '.'), ".bias") == 0;
  part->transposed = r->matrix;
  part->absent = (part->bias && !spec->bias) || (part->head && spec->tied);
  part->offset = part->head && spec->tied ? 0 : part->end;
  if (!part->absent) part->end += part->size;
  return true;
}

bool gpt_file_tensors(const symo_gpt_spec *spec, size_t index, char name[GPT_NAME], size_t *rank,
                      size_t shape[2], size_t *offset) {
  gpt_part part = {0};
  while (gpt_part_next(spec, &part)) {
    if (part.absent || index-- > 0) continue;
    snprintf(name, GPT_NAME, "%s%.50s", part.head ? "" : "transformer.", part.name);
    *rank = part.rank, *offset = part.offset;
    shape[0] = part.shape[0], shape[1] = part.shape[1];
    return true;
  }
  return false;
}

symo_status gpt_config_text(symo_context *context, const symo_gpt_spec *spec, char **out) {
  symo_text text = {0};
  symo_text_add(&text,
                "{\"n_layer\": %zu, \"n_head\": %zu, \"n_embd\": %zu, \"block_size\": %zu, "
                "\"bias\": %s, \"vocab_size\": %zu, \"dropout\": %s, \"tied\": %s, "
                "\"activation\": \"%s\"}",
                spec->layers, spec->heads, spec->width, spec->block, spec->bias ? "true" : "false",
                spec->vocabulary, symo_decimal_of(spec->dropout).text,
                spec->tied ? "true" : "false", symo_activation_name(spec->activation));
  return symo_text_finish(&text, context, out);
}

/* Their name of an activation. */
static const char *hugging_face_activation(symo_activation activation) {
  return activation == SYMO_ACT_GELU_TANH ? "gelu_new" : symo_activation_name(activation);
}

/* Tokens that begin and end a text are those of GPT-2's byte pairs, where the vocabulary has
 * them. */
symo_status gpt_hugging_face_config(symo_context *context, const symo_gpt_spec *spec, char **out) {
  enum { END_OF_TEXT = 50256 };
  symo_text text = {0};
  char inner[32] = "null", end[32] = "null";
  const symo_decimal dropout = symo_decimal_of(spec->dropout);
  if (spec->hidden > 0) snprintf(inner, sizeof inner, "%zu", spec->hidden);
  if (spec->vocabulary > END_OF_TEXT) snprintf(end, sizeof end, "%d", END_OF_TEXT);
  symo_text_add(&text,
                "{\n  \"architectures\": [\"GPT2LMHeadModel\"],\n  \"model_type\": \"gpt2\",\n"
                "  \"vocab_size\": %zu,\n  \"n_positions\": %zu,\n  \"n_embd\": %zu,\n"
                "  \"n_layer\": %zu,\n  \"n_head\": %zu,\n  \"n_inner\": %s,\n"
                "  \"activation_function\": \"%s\",\n  \"layer_norm_epsilon\": 1e-05,\n",
                spec->vocabulary, spec->block, spec->width, spec->layers, spec->heads, inner,
                hugging_face_activation(spec->activation));
  symo_text_add(&text,
                "  \"resid_pdrop\": %s,\n  \"embd_pdrop\": %s,\n  \"attn_pdrop\": %s,\n"
                "  \"initializer_range\": 0.02,\n  \"bos_token_id\": %s,\n"
                "  \"eos_token_id\": %s,\n  \"tie_word_embeddings\": %s,\n"
                "  \"torch_dtype\": \"%s\"\n}\n",
                dropout.text, dropout.text, dropout.text, end, end, spec->tied ? "true" : "false",
                spec->dtype == SYMO_F64 ? "float64" : "float32");
  return symo_text_finish(&text, context, out);
}

/* ---- names in files ---- */

const char *gpt_plain_name(const char *name) {
  static const char *const prefixes[] = {"_orig_mod.", "transformer."};
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
    if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) name += strlen(prefixes[i]);
  return name;
}

const char *gpt_block_name(const char *name, size_t *number) {
  const char *end;
  uint64_t value;
  if (strncmp(name, "h.", 2) != 0) return NULL;
  if (!symo_whole_read(name + 2, &end, 999999, &value) || *end != '.') return NULL;
  *number = (size_t)value;
  return end + 1;
}
