/* Parameters from files in either form.  The form shows in c_attn, which is never square. */
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "core/text.h"
#include "experiments/gpt/config.h"
#include "experiments/gpt/names.h"
#include "io/optim_state.h"

typedef struct reader {
  symo_context *context;
  const char *path;
  symo_safetensors *file;
  const gpt_weights_options *options;
  gpt_weights *out;
  size_t positions; /* of the file */
} reader;

void gpt_weights_drop(gpt_weights *weights) {
  symo_free(weights->theta);
  symo_free(weights->tokenizer);
  *weights = (gpt_weights){0};
}

/* ---- entries ---- */

/* State of an optimizer, and buffers with the causal mask. */
static bool is_ignored(const char *name) {
  size_t block;
  if (strncmp(name, "state:", 6) == 0) return true;
  const char *rest = gpt_block_name(gpt_plain_name(name), &block);
  return rest != NULL && (strcmp(rest, "attn.bias") == 0 || strcmp(rest, "attn.masked_bias") == 0);
}

/* *out NULL where there is none.  SYMO_E_NAME where it is there under two names. */
static symo_status find(const reader *r, const char *plain, const symo_safetensors_entry **out) {
  *out = NULL;
  for (size_t i = 0; i < symo_safetensors_count(r->file); i++) {
    const symo_safetensors_entry *entry = symo_safetensors_at(r->file, i);
    if (is_ignored(entry->name) || strcmp(gpt_plain_name(entry->name), plain) != 0) continue;
    if (*out != NULL)
      return symo_fail(r->context, SYMO_E_NAME,
                       "%s: tensors %s and %s are the same one (leave one out)", r->path,
                       symo_quoted((*out)->name).text, symo_quoted(entry->name).text);
    *out = entry;
  }
  return SYMO_OK;
}

static symo_status need(const reader *r, const char *plain, size_t rank,
                        const symo_safetensors_entry **out) {
  symo_status status = find(r, plain, out);
  if (status == SYMO_OK && *out == NULL)
    status = symo_fail(r->context, SYMO_E_NAME,
                       "%s: tensor transformer.%s is missing (is it a GPT-2, in nanoGPT's or "
                       "Hugging Face's names?)",
                       r->path, plain);
  if (status == SYMO_OK && (*out)->order != rank)
    status = symo_fail(r->context, SYMO_E_SHAPE,
                       "%s: tensor %s: has shape %s (it must have %zu "
                       "%s)",
                       r->path, symo_quoted((*out)->name).text,
                       symo_quoted_shape((*out)->order, (*out)->shape).text, rank,
                       symo_plural(rank, "axis", "axes"));
  return status;
}

/* ---- sizes ---- */

/* Layers and biases by the names; the dtype by the types. */
static void survey(const reader *r, symo_gpt_spec *spec, bool *wide) {
  for (size_t i = 0; i < symo_safetensors_count(r->file); i++) {
    const symo_safetensors_entry *entry = symo_safetensors_at(r->file, i);
    const char *name = gpt_plain_name(entry->name);
    size_t block;
    if (is_ignored(entry->name)) continue;
    if (gpt_block_name(name, &block) != NULL && block >= spec->layers) spec->layers = block + 1;
    const size_t length = strlen(name);
    if (length > 5 && strcmp(name + length - 5, ".bias") == 0) spec->bias = true;
    *wide = *wide || entry->type == SYMO_SCALAR_F64;
  }
}

static symo_status take_form(const reader *r, symo_gpt_spec *spec) {
  const symo_safetensors_entry *attn, *fc;
  const size_t c = spec->width;
  symo_status status = need(r, "h.0.attn.c_attn.weight", 2, &attn);
  if (status == SYMO_OK) status = need(r, "h.0.mlp.c_fc.weight", 2, &fc);
  if (status != SYMO_OK) return status;
  if (attn->shape[0] / 3 == c && attn->shape[0] % 3 == 0 && attn->shape[1] == c)
    r->out->form = GPT_NANOGPT;
  else if (attn->shape[0] == c && attn->shape[1] / 3 == c && attn->shape[1] % 3 == 0)
    r->out->form = GPT_HUGGING_FACE;
  else
    return symo_fail(r->context, SYMO_E_SHAPE,
                     "%s: tensor %s: has shape %s, where width %zu asks for [%zu, %zu] or its "
                     "transpose (is it a GPT-2?)",
                     r->path, symo_quoted(attn->name).text, symo_quoted_shape(2, attn->shape).text,
                     c, 3 * c, c);
  spec->hidden = fc->shape[r->out->form == GPT_NANOGPT ? 0 : 1];
  if (spec->hidden == 4 * c) spec->hidden = 0;
  return SYMO_OK;
}

static symo_status take_heads(const reader *r, const gpt_config *config, symo_gpt_spec *spec) {
  spec->heads = config->heads > 0 ? config->heads : r->options->heads;
  if (spec->heads > 0) return SYMO_OK;
  if (spec->width % 64 != 0)
    return symo_fail(r->context, SYMO_E_ARGUMENT,
                     "%s: does not say how many heads there are, and width %zu is no multiple of "
                     "64 (give --n-head)",
                     r->path, spec->width);
  spec->heads = spec->width / 64;
  snprintf(r->out->remark, sizeof r->out->remark,
           "the file does not say how many heads there are: %zu, for 64 features each",
           spec->heads);
  return SYMO_OK;
}

static symo_status take_block(reader *r, symo_gpt_spec *spec) {
  r->positions = spec->block;
  if (r->options->block == 0) return SYMO_OK;
  if (r->options->block > spec->block)
    return symo_fail(r->context, SYMO_E_SHAPE,
                     "%s: has %zu %s, not %zu (use a block size of at most %zu)", r->path,
                     spec->block, symo_plural(spec->block, "position", "positions"),
                     r->options->block, spec->block);
  spec->block = r->options->block;
  return SYMO_OK;
}

static symo_status take_sizes(reader *r) {
  symo_gpt_spec spec = symo_gpt_spec_default();
  symo_net_spec *net = NULL;
  gpt_config config;
  const symo_safetensors_entry *wte, *wpe, *head;
  bool wide = false;
  symo_status status = SYMO_OK;
  SYMO_TRY(need(r, "wte.weight", 2, &wte));
  SYMO_TRY(need(r, "wpe.weight", 2, &wpe));
  SYMO_TRY(find(r, "lm_head.weight", &head));
  spec.vocabulary = wte->shape[0], spec.width = wte->shape[1], spec.block = wpe->shape[0];
  spec.layers = 0, spec.bias = false, spec.tied = head == NULL;
  survey(r, &spec, &wide);
  spec.dtype = r->options->dtype != SYMO_ANY ? r->options->dtype : wide ? SYMO_F64 : SYMO_F32;
  if (spec.vocabulary == 0) {
    status = symo_fail(r->context, SYMO_E_SHAPE, "%s: tensor %s: has no rows (one for each token)",
                       r->path, symo_quoted(wte->name).text);
    goto fail;
  }
  SYMO_TRY(take_form(r, &spec));
  SYMO_TRY(gpt_config_read(r->context, r->path, r->file, &config));
  SYMO_TRY(take_heads(r, &config, &spec));
  SYMO_TRY(take_block(r, &spec));
  spec.activation = r->out->form == GPT_NANOGPT ? SYMO_ACT_GELU : SYMO_ACT_GELU_TANH;
  if (config.activation >= 0) spec.activation = (symo_activation)config.activation;
  net = symo_calloc(1, sizeof *net);
  status =
      net != NULL ? symo_gpt_to_net(r->context, &spec, net) : symo_fail_memory(r->context, r->path);
  if (status != SYMO_OK && net != NULL)
    status = symo_fail_within(r->context, status, "%s", r->path);
  r->out->spec = spec, r->out->dropout = config.dropout;
fail:
  symo_free(net);
  return status;
}

/* ---- reading ---- */

static bool is_transposed(const reader *r, const gpt_part *part) {
  return part->transposed && r->out->form == GPT_HUGGING_FACE;
}

static bool is_positions(const gpt_part *part) { return strcmp(part->name, "wpe.weight") == 0; }

/* All that is needed is there, of the right shape and of real numbers. */
static symo_status check_parts(const reader *r) {
  const symo_gpt_spec *spec = &r->out->spec;
  const symo_safetensors_entry *entry;
  gpt_part part = {0};
  symo_status status = SYMO_OK;
  while (status == SYMO_OK && gpt_part_next(spec, &part)) {
    const bool swap = is_transposed(r, &part);
    size_t shape[2] = {part.shape[swap ? 1 : 0], part.shape[swap ? 0 : 1]};
    if (part.absent) continue;
    if (is_positions(&part)) shape[0] = r->positions;
    status = need(r, part.name, part.rank, &entry);
    if (status == SYMO_OK)
      status = symo_safetensors_expect_shape(r->file, entry, part.rank, shape, NULL);
    if (status == SYMO_OK && !symo_scalar_is_real(entry->type))
      status = symo_fail(r->context, SYMO_E_DTYPE,
                         "%s: tensor %s: has type %s (use F64, F32, F16 or BF16)", r->path,
                         symo_quoted(entry->name).text, symo_scalar_name(entry->type));
  }
  r->out->count = part.end;
  return status;
}

/* Every entry is one of a part. */
static symo_status check_entries(const reader *r) {
  const symo_gpt_spec *spec = &r->out->spec;
  for (size_t i = 0; i < symo_safetensors_count(r->file); i++) {
    const symo_safetensors_entry *entry = symo_safetensors_at(r->file, i);
    gpt_part part = {0};
    bool known = is_ignored(entry->name);
    while (!known && gpt_part_next(spec, &part))
      known = !part.absent && strcmp(part.name, gpt_plain_name(entry->name)) == 0;
    if (!known)
      return symo_fail(r->context, SYMO_E_NAME,
                       "%s: tensor %s: a GPT-2 has no such tensor (leave it out)", r->path,
                       symo_quoted(entry->name).text);
  }
  return SYMO_OK;
}

static void transpose(symo_dtype dtype, size_t rows, size_t columns, const void *from, void *to) {
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) {
      if (dtype == SYMO_F32)
        ((float *)to)[i * columns + j] = ((const float *)from)[j * rows + i];
      else
        ((double *)to)[i * columns + j] = ((const double *)from)[j * rows + i];
    }
}

static symo_status read_part(const reader *r, const gpt_part *part) {
  const symo_dtype dtype = r->out->spec.dtype;
  const size_t size = symo_dtype_size(dtype);
  const symo_safetensors_entry *entry;
  char *to = (char *)r->out->theta + part->offset * size;
  symo_status status = need(r, part->name, part->rank, &entry);
  if (status != SYMO_OK) return status;
  if (!is_transposed(r, part) && entry->count == part->size)
    return symo_safetensors_read(r->file, entry, dtype, to);
  void *buffer = symo_calloc(entry->count, size);
  if (buffer == NULL) return symo_fail_memory(r->context, r->path);
  status = symo_safetensors_read(r->file, entry, dtype, buffer);
  if (status == SYMO_OK && is_transposed(r, part))
    transpose(dtype, part->shape[0], part->shape[1], buffer, to);
  else if (status == SYMO_OK)
    memcpy(to, buffer, part->size * size); /* the first positions */
  symo_free(buffer);
  return status;
}

/* A head that is the embedding over again is tied. */
static void tie(gpt_weights *out) {
  const size_t size = symo_dtype_size(out->spec.dtype);
  const size_t table = out->spec.vocabulary * out->spec.width;
  if (out->spec.tied ||
      memcmp(out->theta, (char *)out->theta + (out->count - table) * size, table * size) != 0)
    return;
  out->spec.tied = true;
  out->count -= table;
}

static symo_status read_all(reader *r) {
  gpt_weights *out = r->out;
  gpt_part part = {0};
  symo_status status = SYMO_OK;
  SYMO_TRY(take_sizes(r));
  SYMO_TRY(check_parts(r));
  SYMO_TRY(check_entries(r));
  out->theta = symo_calloc(out->count, symo_dtype_size(out->spec.dtype));
  if (out->theta == NULL) return symo_fail_memory(r->context, r->path);
  while (gpt_part_next(&out->spec, &part))
    if (!part.absent) SYMO_TRY(read_part(r, &part));
  tie(out);
  const char *tokenizer = symo_safetensors_metadata(r->file, "tokenizer");
  if (tokenizer != NULL) {
    out->tokenizer = symo_strdup(tokenizer);
    if (out->tokenizer == NULL) status = symo_fail_memory(r->context, r->path);
  }
fail:
  return status;
}

symo_status gpt_weights_read(symo_context *context, const char *path,
                             const gpt_weights_options *options, gpt_weights *out) {
  gpt_weights made = {0};
  reader r = {.context = context, .path = path, .options = options, .out = &made};
  symo_status status = symo_checkpoint_open(context, path, &r.file);
  if (status == SYMO_OK) status = read_all(&r);
  symo_safetensors_close(r.file);
  if (status == SYMO_OK)
    *out = made;
  else
    gpt_weights_drop(&made);
  return status;
}

/* ---- for a network that is there ---- */

static symo_status compare(symo_context *context, const char *path, const symo_gpt_spec *file,
                           const symo_gpt_spec *spec) {
  const size_t hidden[2] = {file->hidden > 0 ? file->hidden : 4 * file->width,
                            spec->hidden > 0 ? spec->hidden : 4 * spec->width};
  const struct {
    const char *what;
    size_t file, spec;
  } rows[] = {{"vocabulary", file->vocabulary, spec->vocabulary},
              {"width", file->width, spec->width},
              {"heads", file->heads, spec->heads},
              {"blocks", file->layers, spec->layers},
              {"hidden units", hidden[0], hidden[1]},
              {"biases (0 or 1)", file->bias, spec->bias},
              {"heads of their own (0 or 1)", !file->tied, !spec->tied}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const bool own = i == sizeof rows / sizeof *rows - 1;
    if (rows[i].file == rows[i].spec || (own && file->tied)) continue;
    return symo_fail(context, SYMO_E_SHAPE, "%s: %s: %zu, and the network has %zu (make it alike)",
                     path, rows[i].what, rows[i].file, rows[i].spec);
  }
  return SYMO_OK;
}

symo_status gpt_weights_load(symo_context *context, const char *path, const symo_gpt_spec *spec,
                             void *theta) {
  const gpt_weights_options options = {spec->heads, spec->block, spec->dtype};
  const size_t size = symo_dtype_size(spec->dtype);
  const size_t table = spec->vocabulary * spec->width * size;
  gpt_weights weights = {0};
  symo_status status = gpt_weights_read(context, path, &options, &weights);
  if (status == SYMO_OK) status = compare(context, path, &weights.spec, spec);
  if (status == SYMO_OK) {
    memcpy(theta, weights.theta, weights.count * size);
    if (weights.spec.tied && !spec->tied)
      memcpy((char *)theta + weights.count * size, weights.theta, table);
  }
  gpt_weights_drop(&weights);
  return status;
}
