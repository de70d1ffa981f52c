#ifndef SYMO_EXPERIMENTS_DATA_UNICODE_H
#define SYMO_EXPERIMENTS_DATA_UNICODE_H

#include <stddef.h>
#include <stdint.h>

/* What tokenizers need to know of Unicode: UTF-8 (RFC 3629), and which code points are letters
 * (categories L*), numbers (N*) and white space (the property White_Space). */

typedef enum gpt_unicode_class { GPT_OTHER, GPT_LETTER, GPT_NUMBER, GPT_SPACE } gpt_unicode_class;

gpt_unicode_class gpt_unicode_class_of(uint32_t point);

/* The code point at text[0 .. left), left >= 1, and its bytes in *size; or *size 0 where there is
 * no well-formed one: continuation bytes by themselves, forms too long, surrogates, beyond
 * U+10FFFF, cut off. */
uint32_t gpt_utf8_read(const char *text, size_t left, size_t *size);

/* Writes 1 to 4 bytes and says how many; 0 for what is no code point. */
size_t gpt_utf8_write(uint32_t point, char out[4]);

/* The table, ascending (unicode_table.c). */
typedef struct gpt_unicode_range {
  uint32_t first, last;
  gpt_unicode_class kind;
} gpt_unicode_range;
extern const gpt_unicode_range gpt_unicode_ranges[];
extern const size_t gpt_unicode_count;

#endif
