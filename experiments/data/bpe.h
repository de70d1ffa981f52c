#ifndef SYMO_EXPERIMENTS_DATA_BPE_H
#define SYMO_EXPERIMENTS_DATA_BPE_H

#include <stddef.h>
#include <stdint.h>
#include <symo/symo.h>

/* Byte pair encoding (Sennrich et al. 2016) as GPT-2 has it (Radford et al. 2019).  In its files a
 * byte is written as a visible character: 33 to 126, 161 to 172 and 174 to 255 as the code point of
 * that number, the others in their order as U+0100, U+0101, ..: a space is U+0120. */

typedef struct gpt_bpe_merge {
  uint32_t left, right, rank, whole; /* left and right give whole; rank UINT32_MAX: no entry */
} gpt_bpe_merge;

/* The bytes of token i are pool[start[i]] .. pool[start[i + 1] - 1]. */
typedef struct gpt_bpe {
  size_t size;
  char *pool;
  size_t *start; /* [size + 1] */
  uint32_t byte[256];
  gpt_bpe_merge *merge; /* [room]: open addressing by left and right */
  size_t room;          /* a power of two */
  uint64_t checksum;    /* of both files */
} gpt_bpe;

/* out: {0}; after a failure too it is to be dropped. */
symo_status gpt_bpe_load(symo_context *context, const char *vocab, const char *merges,
                         gpt_bpe *out);
void gpt_bpe_drop(gpt_bpe *bpe);

/* The entry of a pair; or the empty one, of rank UINT32_MAX, where it would stand. */
gpt_bpe_merge *gpt_bpe_slot(const gpt_bpe *bpe, uint32_t left, uint32_t right);

/* Of all words of a text: *ids (symo_free). */
symo_status gpt_bpe_encode(symo_context *context, const gpt_bpe *bpe, const char *where,
                           const char *text, size_t length, uint32_t **ids, size_t *count);

/* Where the word that begins at text[at] (at < length) ends.  Words are what
 *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * finds from left to right.  A byte that is not UTF-8 counts as neither letter, number nor
 * space. */
size_t gpt_word_end(const char *text, size_t length, size_t at);

#endif
