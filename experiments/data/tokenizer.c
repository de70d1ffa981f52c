/* Tokenizers: characters and numbers here, byte pairs in bpe.c. */
#include "experiments/data/tokenizer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "core/text.h"
#include "experiments/data/bpe.h"
#include "experiments/data/unicode.h"
#include "io/json.h"

enum { POINTS = 0x110000, PAGE = 256, PAGES = POINTS / PAGE };
#define NONE UINT32_MAX

/* Characters: point[i] as UTF-8 in text[i].  Code points lie in pages of 256: code point c, if page[c
 * / 256] is not 0, has the number number[256 (page[c / 256] - 1) + c % 256], or NONE; so a tokenizer
 * takes the room of the pages that it uses, not that of the largest code point.  Numbers: label[i] is
 * i with a blank behind. */
struct gpt_tokenizer {
  size_t size;
  char (*label)[12]; /* [size]; NULL: no numbers */
  uint32_t *point;   /* [size]; NULL: no characters */
  char (*text)[4];
  uint16_t *page; /* [PAGES] */
  uint32_t *number;
  gpt_bpe bpe;
  char *vocab, *merges;
};

void gpt_tokenizer_destroy(gpt_tokenizer *tokenizer) {
  if (tokenizer == NULL) return;
  symo_free(tokenizer->label);
  symo_free(tokenizer->point);
  symo_free(tokenizer->text);
  symo_free(tokenizer->page);
  symo_free(tokenizer->number);
  gpt_bpe_drop(&tokenizer->bpe);
  symo_free(tokenizer->vocab);
  symo_free(tokenizer->merges);
  symo_free(tokenizer);
}

size_t gpt_tokenizer_size(const gpt_tokenizer *tokenizer) { return tokenizer->size; }
bool gpt_tokenizer_is_bytes(const gpt_tokenizer *tokenizer) {
  return tokenizer->point == NULL && tokenizer->label == NULL;
}

const char *gpt_tokenizer_decode(const gpt_tokenizer *tokenizer, uint32_t id, size_t *length) {
  *length = 0;
  if (id >= tokenizer->size) return NULL;
  if (tokenizer->label != NULL) {
    *length = strlen(tokenizer->label[id]);
    return tokenizer->label[id];
  }
  if (tokenizer->point != NULL) {
    gpt_utf8_read(tokenizer->text[id], 4, length);
    return tokenizer->text[id];
  }
  const gpt_bpe *bpe = &tokenizer->bpe;
  *length = bpe->start[id + 1] - bpe->start[id];
  return bpe->pool + bpe->start[id];
}

/* ---- characters ---- */

/* point: [size] ascending, taken over also after a failure. */
static symo_status of_points(symo_context *context, const char *where, size_t size, uint32_t *point,
                             gpt_tokenizer **out) {
  uint16_t pages = 0;
  gpt_tokenizer *made = symo_calloc(1, sizeof *made);
  if (made == NULL) {
    symo_free(point);
    return symo_fail_memory(context, where);
  }
  made->size = size, made->point = point;
  made->text = symo_calloc(size, sizeof *made->text);
  made->page = symo_calloc(PAGES, sizeof *made->page);
  if (made->text == NULL || made->page == NULL) goto memory;
  for (size_t i = 0; i < size; i++)
    if (made->page[point[i] / PAGE] == 0) made->page[point[i] / PAGE] = ++pages;
  made->number = symo_malloc(pages * PAGE * sizeof *made->number);
  if (made->number == NULL) goto memory;
  memset(made->number, 0xff, pages * PAGE * sizeof *made->number);
  for (uint32_t i = 0; i < size; i++) {
    const size_t page = made->page[point[i] / PAGE] - (size_t)1;
    gpt_utf8_write(point[i], made->text[i]);
    made->number[PAGE * page + point[i] % PAGE] = i;
  }
  *out = made;
  return SYMO_OK;
memory:
  gpt_tokenizer_destroy(made);
  return symo_fail_memory(context, where);
}

static symo_status fail_utf8(symo_context *context, const char *where, const char *text,
                             size_t at) {
  return symo_fail(context, SYMO_E_FORMAT,
                   "%s: byte %zu (0x%02x) is not UTF-8 (convert the text, or use byte pairs: a "
                   "vocabulary and merges)",
                   where, at, (unsigned)(unsigned char)text[at]);
}

symo_status gpt_tokenizer_create_characters(symo_context *context, const char *where,
                                            const char *text, size_t length, gpt_tokenizer **out) {
  uint16_t page[PAGES] = {0}, pages = 0; /* as in a tokenizer */
  size_t count = 0, n = 0, size;
  if (length == 0) return symo_fail(context, SYMO_E_ARGUMENT, "%s: is empty (give a text)", where);
  for (size_t at = 0; at < length; at += size) {
    const uint32_t c = gpt_utf8_read(text + at, length - at, &size);
    if (size == 0) return fail_utf8(context, where, text, at);
    if (page[c / PAGE] == 0) page[c / PAGE] = ++pages;
  }
  unsigned char *seen = symo_calloc(pages, PAGE);
  if (seen == NULL) return symo_fail_memory(context, where);
  for (size_t at = 0; at < length; at += size) {
    const uint32_t c = gpt_utf8_read(text + at, length - at, &size);
    unsigned char *this = &seen[PAGE * (page[c / PAGE] - (size_t)1) + c % PAGE];
    count += !*this;
    *this = 1;
  }
  uint32_t *point = symo_calloc(count, sizeof *point);
  for (uint32_t c = 0; c < POINTS && point != NULL && n < count; c++) {
    if (page[c / PAGE] == 0)
      c |= PAGE - 1;
    else if (seen[PAGE * (page[c / PAGE] - (size_t)1) + c % PAGE])
      point[n++] = c;
  }
  symo_free(seen);
  if (point == NULL) return symo_fail_memory(context, where);
  return of_points(context, where, count, point, out);
}

/* Line and column of a place, for people. */
static void place(const char *text, size_t at, size_t *line, size_t *column) {
  *line = *column = 1;
  for (size_t i = 0; i < at; i++) {
    if (text[i] == '\n')
      ++*line, *column = 1;
    else
      *column += ((unsigned char)text[i] & 0xc0) != 0x80;
  }
}

static symo_status fail_unknown(symo_context *context, const char *where, const char *text,
                                size_t at, size_t size, uint32_t c) {
  size_t line, column;
  char shown[8] = "";
  place(text, at, &line, &column);
  if (c >= 0x20 && c != 0x7f && (c < 0x80 || c >= 0xa0))
    snprintf(shown, sizeof shown, "%.*s ", (int)size, text + at);
  return symo_fail(context, SYMO_E_NAME,
                   "%s: line %zu, column %zu: the character %s(U+%04" PRIX32
                   ") is not in the vocabulary (leave it out, or train on text that has it)",
                   where, line, column, shown, c);
}

static symo_status encode_characters(symo_context *context, const gpt_tokenizer *tokenizer,
                                     const char *where, const char *text, size_t length,
                                     uint32_t *ids, size_t *count) {
  size_t n = 0, size;
  for (size_t at = 0; at < length; at += size) {
    const uint32_t c = gpt_utf8_read(text + at, length - at, &size);
    if (size == 0) return fail_utf8(context, where, text, at);
    const size_t page = tokenizer->page[c / PAGE];
    const uint32_t id = page > 0 ? tokenizer->number[PAGE * (page - 1) + c % PAGE] : NONE;
    if (id == NONE) return fail_unknown(context, where, text, at, size, c);
    ids[n++] = id;
  }
  *count = n;
  return SYMO_OK;
}

/* ---- numbers ---- */

enum { MOST_NUMBERS = 1 << 24 };

symo_status gpt_tokenizer_create_numbers(symo_context *context, const char *where, size_t size,
                                         gpt_tokenizer **out) {
  if (size == 0 || size > MOST_NUMBERS)
    return symo_fail(context, SYMO_E_SIZE, "%s: %zu different tokens (1 to %d are possible)", where,
                     size, MOST_NUMBERS);
  gpt_tokenizer *made = symo_calloc(1, sizeof *made);
  char(*label)[12] = symo_malloc(size * sizeof *label);
  if (made == NULL || label == NULL) {
    symo_free(made);
    symo_free(label);
    return symo_fail_memory(context, where);
  }
  for (size_t i = 0; i < size; i++) snprintf(label[i], sizeof *label, "%u ", (unsigned)i);
  made->size = size, made->label = label;
  *out = made;
  return SYMO_OK;
}

/* Numbers with blanks between them. */
static symo_status encode_numbers(symo_context *context, const gpt_tokenizer *tokenizer,
                                  const char *where, const char *text, size_t length,
                                  uint32_t **out, size_t *count) {
  uint32_t *ids = symo_malloc((length / 2 + 1) * sizeof *ids);
  size_t n = 0;
  if (ids == NULL) return symo_fail_memory(context, where);
  for (size_t at = 0; at < length;) {
    if (strchr(" \n\t", text[at]) != NULL) {
      at++;
      continue;
    }
    size_t digits = 0, value = 0;
    for (; at + digits < length && text[at + digits] >= '0' && text[at + digits] <= '9'; digits++)
      if (value < tokenizer->size) value = 10 * value + (size_t)(text[at + digits] - '0');
    const bool ends = at + digits == length || strchr(" \n\t", text[at + digits]) != NULL;
    if (digits == 0 || !ends || value >= tokenizer->size) {
      symo_free(ids);
      return symo_fail(context, SYMO_E_NAME,
                       "%s: byte %zu: the tokens of this network are numbers from 0 to %zu, and no "
                       "text is known for them (give such numbers, or a shard .bin)",
                       where, at, tokenizer->size - 1);
    }
    ids[n++] = (uint32_t)value;
    at += digits;
  }
  *out = ids, *count = n;
  return SYMO_OK;
}

symo_status gpt_tokenizer_encode(symo_context *context, const gpt_tokenizer *tokenizer,
                                 const char *where, const char *text, size_t length, uint32_t **out,
                                 size_t *count) {
  size_t characters = 0;
  if (tokenizer->label != NULL)
    return encode_numbers(context, tokenizer, where, text, length, out, count);
  if (tokenizer->point == NULL)
    return gpt_bpe_encode(context, &tokenizer->bpe, where, text, length, out, count);
  for (size_t i = 0; i < length; i++) characters += ((unsigned char)text[i] & 0xc0) != 0x80;
  uint32_t *ids = symo_calloc(characters + 1, sizeof *ids);
  if (ids == NULL) return symo_fail_memory(context, where);
  const symo_status status = encode_characters(context, tokenizer, where, text, length, ids, count);
  if (status == SYMO_OK)
    *out = ids;
  else
    symo_free(ids);
  return status;
}

/* ---- byte pairs ---- */

symo_status gpt_tokenizer_create_bpe(symo_context *context, const char *vocab, const char *merges,
                                     gpt_tokenizer **out) {
  gpt_tokenizer *made = symo_calloc(1, sizeof *made);
  symo_status status = SYMO_OK;
  if (made == NULL) return symo_fail_memory(context, vocab);
  made->vocab = symo_strdup(vocab);
  made->merges = symo_strdup(merges);
  if (made->vocab == NULL || made->merges == NULL) {
    status = symo_fail_memory(context, vocab);
    goto fail;
  }
  SYMO_TRY(gpt_bpe_load(context, vocab, merges, &made->bpe));
  made->size = made->bpe.size;
  *out = made;
  return SYMO_OK;
fail:
  gpt_tokenizer_destroy(made);
  return status;
}

/* ---- JSON ---- */

symo_status gpt_tokenizer_to_json(symo_context *context, const gpt_tokenizer *tokenizer,
                                  char **json) {
  symo_text text = {0};
  if (tokenizer->label != NULL) {
    symo_text_add(&text, "{\"tokens\": \"numbers\", \"size\": %zu}", tokenizer->size);
  } else if (tokenizer->point != NULL) {
    symo_text_add(&text, "{\"tokens\": \"characters\", \"code_points\": [");
    for (size_t i = 0; i < tokenizer->size; i++)
      symo_text_add(&text, "%s%" PRIu32, i > 0 ? ", " : "", tokenizer->point[i]);
    symo_text_add(&text, "]}");
  } else {
    symo_text_add(&text, "{\"tokens\": \"byte-pairs\", \"vocab\": ");
    symo_json_add_string(&text, tokenizer->vocab);
    symo_text_add(&text, ", \"merges\": ");
    symo_json_add_string(&text, tokenizer->merges);
    symo_text_add(&text, ", \"size\": %zu, \"checksum\": \"%016" PRIx64 "\"}", tokenizer->size,
                  tokenizer->bpe.checksum);
  }
  return symo_text_finish(&text, context, json);
}

static symo_status read_points(symo_context *context, const char *where, json_t *object,
                               gpt_tokenizer **out) {
  static const char *const keys[] = {"tokens", "code_points"};
  json_t *list = json_object_get(object, "code_points");
  symo_status status = symo_json_check_keys(context, where, "", object, 2, keys);
  if (status == SYMO_OK)
    status = symo_json_expect(context, where, "code_points", list, JSON_ARRAY,
                              "a list of ascending numbers");
  if (status != SYMO_OK) return status;
  const size_t size = json_array_size(list);
  uint32_t *point = symo_calloc(size + 1, sizeof *point);
  if (point == NULL) return symo_fail_memory(context, where);
  json_int_t last = -1;
  for (size_t i = 0; i < size; i++) {
    const json_t *value = json_array_get(list, i);
    const json_int_t c = json_is_integer(value) ? json_integer_value(value) : -1;
    char utf8[4];
    if (c <= last || c >= POINTS || gpt_utf8_write((uint32_t)c, utf8) == 0) {
      symo_free(point);
      return symo_fail(context, SYMO_E_FORMAT,
                       "%s: code_points[%zu]: is no Unicode code point above the one before (write "
                       "numbers, ascending)",
                       where, i);
    }
    point[i] = (uint32_t)c;
    last = c;
  }
  if (size > 0) return of_points(context, where, size, point, out);
  symo_free(point);
  return symo_fail(context, SYMO_E_FORMAT, "%s: code_points: is empty (name one at least)", where);
}

static symo_status read_numbers(symo_context *context, const char *where, json_t *object,
                                gpt_tokenizer **out) {
  static const char *const keys[] = {"tokens", "size"};
  const json_t *size = json_object_get(object, "size");
  symo_status status = symo_json_check_keys(context, where, "", object, 2, keys);
  if (status != SYMO_OK) return status;
  const json_int_t value = json_is_integer(size) ? json_integer_value(size) : 0;
  if (value < 1 || value > MOST_NUMBERS)
    return symo_fail(context, SYMO_E_FORMAT, "%s: size: must be a number from 1 to %d", where,
                     MOST_NUMBERS);
  return gpt_tokenizer_create_numbers(context, where, (size_t)value, out);
}

static symo_status read_pairs(symo_context *context, const char *where, json_t *object,
                              gpt_tokenizer **out) {
  static const char *const keys[] = {"tokens", "vocab", "merges", "size", "checksum"};
  static const char *const texts[] = {"vocab", "merges", "checksum"};
  char sum[17];
  gpt_tokenizer *made = NULL;
  symo_status status = symo_json_check_keys(context, where, "", object, 5, keys);
  for (size_t i = 0; i < 3 && status == SYMO_OK; i++)
    status = symo_json_expect(context, where, texts[i], json_object_get(object, texts[i]),
                              JSON_STRING, "a text");
  if (status != SYMO_OK) return status;
  status = gpt_tokenizer_create_bpe(context, json_string_value(json_object_get(object, "vocab")),
                                    json_string_value(json_object_get(object, "merges")), &made);
  if (status != SYMO_OK)
    return symo_fail_within(context, status, "%s: the vocabulary and merges that it was made with",
                            where);
  snprintf(sum, sizeof sum, "%016" PRIx64, made->bpe.checksum);
  if (strcmp(sum, json_string_value(json_object_get(object, "checksum"))) == 0) {
    *out = made;
    return SYMO_OK;
  }
  status = symo_fail(context, SYMO_E_FORMAT,
                     "%s: %s and %s are not those that it was made with (give the right ones)",
                     where, made->vocab, made->merges);
  gpt_tokenizer_destroy(made);
  return status;
}

symo_status gpt_tokenizer_from_json(symo_context *context, const char *where, const char *json,
                                    gpt_tokenizer **out) {
  json_t *object = NULL;
  symo_status status = SYMO_OK;
  SYMO_TRY(symo_json_parse(context, where, json, strlen(json), &object));
  SYMO_TRY(symo_json_expect(context, where, "", object, JSON_OBJECT, "{\"tokens\": ..}"));
  const char *kind = json_string_value(json_object_get(object, "tokens"));
  if (kind != NULL && strcmp(kind, "characters") == 0)
    status = read_points(context, where, object, out);
  else if (kind != NULL && strcmp(kind, "byte-pairs") == 0)
    status = read_pairs(context, where, object, out);
  else if (kind != NULL && strcmp(kind, "numbers") == 0)
    status = read_numbers(context, where, object, out);
  else
    status = symo_fail(context, SYMO_E_FORMAT,
                       "%s: tokens: must be \"characters\", \"byte-pairs\" or \"numbers\" (is it a "
                       "tokenizer of symo?)",
                       where);
fail:
  json_decref(object);
  return status;
}
