#ifndef SYMO_EXPERIMENTS_DATA_TOKENIZER_H
#define SYMO_EXPERIMENTS_DATA_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <symo/symo.h>

/* Text as numbers 0 .. size - 1, and back.  Three kinds:
 *   characters   the distinct Unicode code points of a text, ascending
 *   bytes pairs  GPT-2's: words cut as its regular expression does, and in each the pairs that stand
 *                first in a list of merges put together.  Takes any bytes
 *   numbers      of shards whose text nobody knows: a text of them is "12 0 7"
 * A tokenizer does not change: several threads may use one. */
typedef struct gpt_tokenizer gpt_tokenizer;

/* where: the file that failures name.  SYMO_E_FORMAT with the place of what is not UTF-8,
 * SYMO_E_ARGUMENT for an empty text. */
symo_status gpt_tokenizer_create_characters(symo_context *context, const char *where,
                                            const char *text, size_t length, gpt_tokenizer **out);

/* GPT-2's files: vocab.json, an object from tokens to their numbers, and merges.txt, a pair of
 * tokens a line, which stand for bytes as bpe.h says.  SYMO_E_FORMAT with the entry or line at
 * fault. */
symo_status gpt_tokenizer_create_bpe(symo_context *context, const char *vocab, const char *merges,
                                     gpt_tokenizer **out);

/* SYMO_E_SIZE above 2^24. */
symo_status gpt_tokenizer_create_numbers(symo_context *context, const char *where, size_t size,
                                         gpt_tokenizer **out);

/* As kept in checkpoints: {"tokens": "characters", "code_points": [10, 32, ..]},
 * {"tokens": "numbers", "size": n}, or
 * {"tokens": "byte-pairs", "vocab": PATH, "merges": PATH, "size": n, "checksum": ".."}, which reads
 * the files again: SYMO_E_IO where they are not there, SYMO_E_FORMAT where they are others.  json
 * (symo_free) is one line. */
symo_status gpt_tokenizer_to_json(symo_context *context, const gpt_tokenizer *tokenizer,
                                  char **json);
symo_status gpt_tokenizer_from_json(symo_context *context, const char *where, const char *json,
                                    gpt_tokenizer **out);

void gpt_tokenizer_destroy(gpt_tokenizer *tokenizer); /* NULL is accepted */

size_t gpt_tokenizer_size(const gpt_tokenizer *tokenizer);
bool gpt_tokenizer_is_bytes(const gpt_tokenizer *tokenizer); /* byte pairs */

/* *ids (symo_free): [count].  SYMO_E_NAME with the first character that the tokenizer does not have
 * and its place, or what is no number of a token; SYMO_E_FORMAT for what is not UTF-8 (characters
 * only). */
symo_status gpt_tokenizer_encode(symo_context *context, const gpt_tokenizer *tokenizer,
                                 const char *where, const char *text, size_t length, uint32_t **ids,
                                 size_t *count);

/* The bytes of a token, no NUL behind; of byte pairs not always whole characters.  NULL from size
 * on. */
const char *gpt_tokenizer_decode(const gpt_tokenizer *tokenizer, uint32_t id, size_t *length);

#endif
