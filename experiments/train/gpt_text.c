/* Texts to tokens. */
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "experiments/data/text.h"
#include "experiments/models/network_weights.h"
#include "experiments/train/gpt.h"

void train_gpt_text_drop(train_gpt_text *text) {
  gpt_tokenizer_destroy(text->tokens);
  symo_free(text->ids[0]);
  symo_free(text->ids[1]);
  *text = (train_gpt_text){0};
}

/* spec->data: one file a line. */
static symo_status read_files(symo_context *context, const train_spec *spec, gpt_text *out) {
  char lines[TRAIN_SETTINGS];
  const char *files[TRAIN_SETTINGS / 2];
  size_t count = 0;
  memcpy(lines, spec->data, sizeof lines);
  for (char *p = lines; *p != '\0' && count < sizeof files / sizeof *files;) {
    files[count++] = p;
    p += strcspn(p, "\n");
    if (*p == '\n') *p++ = '\0';
  }
  return gpt_text_read(context, count, files, NULL, out);
}

/* The one that a checkpoint was trained with. */
static symo_status kept_tokens(symo_context *context, const char *path, gpt_tokenizer **out) {
  char *json = NULL;
  symo_status status = network_file_text(context, path, "tokenizer", &json);
  if (status != SYMO_OK) return status;
  status = json != NULL
               ? gpt_tokenizer_from_json(context, path, json, out)
               : symo_fail(context, SYMO_E_FORMAT,
                           "%s: no tokenizer in its metadata (is it of symo train gpt?)", path);
  symo_free(json);
  return status;
}

static symo_status make_tokens(symo_context *context, const train_spec *spec, const char *kept,
                               const gpt_text *text, gpt_tokenizer **out) {
  const bool vocab = spec->gpt.vocab[0] != '\0', merges = spec->gpt.merges[0] != '\0';
  if (spec->checkpoint[0] != '\0') return kept_tokens(context, spec->checkpoint, out);
  if (vocab != merges)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "%s: without the other file (give --vocab and "
                     "--merges, or neither)",
                     vocab ? "vocab" : "merges");
  if (vocab) return gpt_tokenizer_create_bpe(context, spec->gpt.vocab, spec->gpt.merges, out);
  if (kept != NULL) return gpt_tokenizer_from_json(context, spec->gpt.init_from, kept, out);
  return gpt_text_tokenizer(context, text, out);
}

symo_status train_gpt_text_read(symo_context *context, const train_spec *spec, const char *kept,
                                train_gpt_text *out) {
  gpt_text text = {0};
  symo_status status = SYMO_OK;
  SYMO_TRY(read_files(context, spec, &text));
  const symo_data_bytes tokens = {text.ids, text.count * sizeof *text.ids};
  const symo_data_bytes bytes = {text.bytes, text.length};
  symo_data_checksum(1, text.ids != NULL ? &tokens : &bytes, out->checksum);
  SYMO_TRY(train_check_data(context, spec->expected, text.what, out->checksum));
  SYMO_TRY(make_tokens(context, spec, kept, &text, &out->tokens));
  const size_t size = gpt_text_size(&text), split = spec->whole ? size : gpt_text_held(&text);
  SYMO_TRY(gpt_text_encode(context, &text, 0, split, out->tokens, &out->ids[0], &out->count[0]));
  if (!spec->whole)
    SYMO_TRY(
        gpt_text_encode(context, &text, split, size, out->tokens, &out->ids[1], &out->count[1]));
  snprintf(out->what, sizeof out->what, "%s", text.what);
fail:
  gpt_text_drop(&text);
  if (status != SYMO_OK) train_gpt_text_drop(out);
  return status;
}
