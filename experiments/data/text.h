#ifndef SYMO_EXPERIMENTS_DATA_TEXT_H
#define SYMO_EXPERIMENTS_DATA_TEXT_H

#include <stddef.h>
#include <symo/symo.h>

#include "experiments/data/data.h"
#include "experiments/data/tokenizer.h"

/* A text to train on, or tokens that somebody else has made of one (shards.h). */
typedef struct gpt_text {
  char *bytes; /* [length], a NUL behind; NULL: there are tokens */
  size_t length;
  uint32_t *ids;      /* [count] tokens; NULL: there is a text */
  size_t count, held; /* held: the first that is held back; count: the files do not say */
  char what[512];     /* what it is, for the user: "FILE (1115394 bytes)" */
} gpt_text;

/* The files, gunzipped where they are gzipped, one behind the other, each without a byte order mark
 * and with LF for CR LF and CR, as Python and so nanoGPT read texts.  kept: as symo_data_options
 * has it, or NULL.  A folder stands for its .txt, .md, .c and .h files, those of its folders too,
 * in the order of their paths; hidden files and folders, folders named `build`, and links are left
 * out.  A folder with files .bin that have `train` in their names stands for these, and for those with
 * `val`, which are held back.  Files .bin are shards of tokens; texts and shards do not go together.
 * count 0: tinyshakespeare.txt, where symo_data_find_user finds it.
 * SYMO_E_IO, SYMO_E_ARGUMENT for an empty text, SYMO_E_SIZE. */
symo_status gpt_text_read(symo_context *context, size_t count, const char *const *files,
                          symo_data_kept *kept, gpt_text *out);
void gpt_text_drop(gpt_text *text); /* {0} is accepted */

/* A text as it is read, in place: the byte order mark goes, CR LF and CR become LF; *length
 * changes, and a NUL stands behind.  SYMO_E_FORMAT for UTF-16. */
symo_status gpt_text_clean(symo_context *context, const char *path, char *text, size_t *length);

/* Where the part for validation begins: behind the first 90 % of the characters, as in nanoGPT; of
 * the bytes where the text is not UTF-8. */
size_t gpt_text_split(const char *text, size_t length);

/* Where what is held back begins: as shards say, else as above; of shards that do not say it the
 * last tenth. */
size_t gpt_text_held(const gpt_text *text);
size_t gpt_text_size(const gpt_text *text); /* length or count */

/* The tokens of a text that brings none along: its characters; of shards, their numbers. */
symo_status gpt_text_tokenizer(symo_context *context, const gpt_text *text, gpt_tokenizer **out);

/* The part [from, to) as tokens, *ids (symo_free): [count].  As gpt_tokenizer_encode; SYMO_E_NAME
 * for a shard with a token that the tokenizer does not have. */
symo_status gpt_text_encode(symo_context *context, const gpt_text *text, size_t from, size_t to,
                            const gpt_tokenizer *tokenizer, uint32_t **ids, size_t *count);

#endif
