/* GPT-2's vocab.json and merges.txt. */
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/names.h"
#include "core/text.h"
#include "experiments/data/bpe.h"
#include "experiments/data/unicode.h"
#include "io/checksum.h"
#include "io/file.h"
#include "io/json.h"

enum { LIMIT = 1 << 28, MOST = 1 << 26, POINTS = 0x144 }; /* 0x144: the last byte is U+0143 */

/* byte_of: the byte that a code point stands for, or -1. */
typedef struct loader {
  symo_context *context;
  const char *vocab, *merges;
  gpt_bpe *bpe;
  int byte_of[POINTS];
  uint32_t *index; /* [room] tokens by the hash of their bytes; UINT32_MAX: none */
  size_t room;
} loader;

static void fill_bytes(int byte_of[POINTS]) {
  int hidden = 0x100;
  for (int i = 0; i < POINTS; i++) byte_of[i] = -1;
  for (int b = 0; b < 256; b++) {
    const int seen = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    byte_of[seen ? b : hidden++] = b;
  }
}

/* The bytes that `written` stands for, at most as many as it has; SIZE_MAX where one of its
 * characters is no byte. */
static size_t bytes_of(const loader *load, const char *written, size_t length, char *bytes) {
  size_t n = 0, size;
  for (size_t at = 0; at < length; at += size) {
    const uint32_t point = gpt_utf8_read(written + at, length - at, &size);
    if (size == 0 || point >= POINTS || load->byte_of[point] < 0) return SIZE_MAX;
    bytes[n++] = (char)load->byte_of[point];
  }
  return n;
}

static const char *token(const gpt_bpe *bpe, uint32_t id, size_t *length) {
  *length = bpe->start[id + 1] - bpe->start[id];
  return bpe->pool + bpe->start[id];
}

/* Where the token of these bytes stands in the index, or may be put. */
static uint32_t *find(const loader *load, const char *bytes, size_t length) {
  const uint64_t h = symo_hash_bytes(bytes, length);
  for (size_t at = (size_t)(h ^ h >> 29);; at++) {
    uint32_t *slot = &load->index[at & (load->room - 1)];
    size_t other;
    if (*slot == UINT32_MAX) return slot;
    const char *there = token(load->bpe, *slot, &other);
    if (other == length && memcmp(there, bytes, length) == 0) return slot;
  }
}

static size_t power_above(size_t n) {
  size_t power = 16;
  while (power < n) power *= 2;
  return power;
}

/* ---- vocab.json ---- */

/* written[id] from the object: the numbers 0 .. size - 1, each once. */
static symo_status number_tokens(const loader *load, json_t *object, const char **written) {
  const size_t size = load->bpe->size;
  const char *key;
  json_t *value;
  json_object_foreach(object, key, value) {
    const json_int_t id = json_is_integer(value) ? json_integer_value(value) : -1;
    if (id < 0 || (uint64_t)id >= size)
      return symo_fail(load->context, SYMO_E_FORMAT,
                       "%s: entry \"%s\": must have a number from 0 to %zu, as there are %zu "
                       "%s (is it GPT-2's vocab.json?)",
                       load->vocab, symo_quoted(key).text, size - 1, size,
                       symo_plural(size, "entry", "entries"));
    if (written[id] != NULL)
      return symo_fail(load->context, SYMO_E_FORMAT,
                       "%s: entries \"%s\" and \"%s\" both have number %lld (number them from 0 "
                       "on)",
                       load->vocab, symo_quoted(written[id]).text, symo_quoted(key).text,
                       (long long)id);
    written[id] = key;
  }
  return SYMO_OK;
}

static symo_status put_tokens(loader *load, const char *const *written) {
  gpt_bpe *bpe = load->bpe;
  size_t bytes = 0;
  for (size_t id = 0; id < bpe->size; id++) bytes += strlen(written[id]);
  load->room = power_above(2 * bpe->size);
  bpe->pool = symo_malloc(bytes);
  bpe->start = symo_calloc(bpe->size + 1, sizeof *bpe->start);
  load->index = symo_malloc(load->room * sizeof *load->index);
  if (bpe->pool == NULL || bpe->start == NULL || load->index == NULL)
    return symo_fail_memory(load->context, load->vocab);
  memset(load->index, 0xff, load->room * sizeof *load->index);
  for (uint32_t id = 0; id < bpe->size; id++) {
    char *at = bpe->pool + bpe->start[id];
    const size_t length = bytes_of(load, written[id], strlen(written[id]), at);
    if (length == SIZE_MAX || length == 0)
      return symo_fail(load->context, SYMO_E_FORMAT,
                       "%s: entry \"%s\": %s (write bytes as GPT-2 does, a space as U+0120)",
                       load->vocab, symo_quoted(written[id]).text,
                       length == 0 ? "is empty" : "has a character that stands for no byte");
    bpe->start[id + 1] = bpe->start[id] + length;
    *find(load, at, length) = id; /* different texts are different bytes */
  }
  for (int b = 0; b < 256; b++) {
    const char byte = (char)b;
    bpe->byte[b] = *find(load, &byte, 1);
    if (bpe->byte[b] == UINT32_MAX)
      return symo_fail(load->context, SYMO_E_FORMAT,
                       "%s: there is no token for byte 0x%02x (all 256 must be there)", load->vocab,
                       (unsigned)b);
  }
  return SYMO_OK;
}

static symo_status read_vocab(loader *load, const char *text, size_t length) {
  json_t *object = NULL;
  const char **written = NULL;
  symo_status status = SYMO_OK;
  SYMO_TRY(symo_json_parse(load->context, load->vocab, text, length, &object));
  SYMO_TRY(symo_json_expect(load->context, load->vocab, "", object, JSON_OBJECT,
                            "give GPT-2's vocab.json"));
  load->bpe->size = json_object_size(object);
  if (load->bpe->size < 256 || load->bpe->size > MOST) {
    status =
        symo_fail(load->context, SYMO_E_FORMAT, "%s: has %zu %s (give one for each byte and more)",
                  load->vocab, load->bpe->size, symo_plural(load->bpe->size, "entry", "entries"));
    goto fail;
  }
  written = symo_calloc(load->bpe->size, sizeof *written);
  if (written == NULL) {
    status = symo_fail_memory(load->context, load->vocab);
    goto fail;
  }
  SYMO_TRY(number_tokens(load, object, written));
  SYMO_TRY(put_tokens(load, written));
fail:
  symo_free(written);
  json_decref(object);
  return status;
}

/* ---- merges.txt ---- */

static symo_status fail_line(const loader *load, size_t line, const char *what,
                             const char *advice) {
  return symo_fail(load->context, SYMO_E_FORMAT, "%s:%zu: %s (%s)", load->merges, line, what,
                   advice);
}

static symo_status put_merge(const loader *load, size_t line, uint32_t rank, const char *text,
                             size_t length, char *bytes) {
  const char *space = memchr(text, ' ', length);
  if (space == NULL || space == text || space + 1 == text + length ||
      memchr(space + 1, ' ', (size_t)(text + length - space - 1)) != NULL)
    return fail_line(load, line, "is not two tokens with a space between", "is it merges.txt?");
  const size_t first = (size_t)(space - text);
  const size_t left = bytes_of(load, text, first, bytes);
  const size_t right =
      left == SIZE_MAX ? left : bytes_of(load, space + 1, length - first - 1, bytes + left);
  if (right == SIZE_MAX)
    return fail_line(load, line, "has a character that stands for no byte",
                     "write bytes as GPT-2 does");
  const uint32_t a = *find(load, bytes, left), b = *find(load, bytes + left, right),
                 whole = *find(load, bytes, left + right);
  if (a == UINT32_MAX || b == UINT32_MAX || whole == UINT32_MAX)
    return fail_line(load, line, "the two tokens and both together must be in the vocabulary",
                     "give the merges that belong to it");
  gpt_bpe_merge *slot = gpt_bpe_slot(load->bpe, a, b);
  if (slot->rank != UINT32_MAX)
    return fail_line(load, line, "the pair was there before", "give each once");
  *slot = (gpt_bpe_merge){a, b, rank, whole};
  return SYMO_OK;
}

static symo_status read_merges(loader *load, const char *text, size_t length) {
  size_t lines = 1, line = 0;
  uint32_t rank = 0;
  symo_status status = symo_file_skip_mark(load->context, load->merges, &text, &length);
  if (status != SYMO_OK) return status;
  for (size_t i = 0; i < length; i++) lines += text[i] == '\n';
  load->bpe->room = power_above(2 * lines);
  load->bpe->merge = symo_malloc(load->bpe->room * sizeof *load->bpe->merge);
  char *bytes = symo_malloc(length + 1);
  if (load->bpe->merge == NULL || bytes == NULL) {
    symo_free(bytes);
    return symo_fail_memory(load->context, load->merges);
  }
  memset(load->bpe->merge, 0xff, load->bpe->room * sizeof *load->bpe->merge);
  for (const char *at = text, *end = text + length; at < end && status == SYMO_OK; line++) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    const char *next = stop != NULL ? stop + 1 : end;
    if (stop == NULL) stop = end;
    if (stop > at && stop[-1] == '\r') stop--;
    const size_t n = (size_t)(stop - at);
    const int skip = n == 0 || (line == 0 && n >= 8 && memcmp(at, "#version", 8) == 0);
    if (!skip) status = put_merge(load, line + 1, rank++, at, n, bytes);
    at = next;
  }
  symo_free(bytes);
  return status;
}

symo_status gpt_bpe_load(symo_context *context, const char *vocab, const char *merges,
                         gpt_bpe *out) {
  loader load = {.context = context, .vocab = vocab, .merges = merges, .bpe = out};
  symo_checksum *sum = NULL;
  char *text = NULL, *pairs = NULL;
  size_t length, more;
  symo_status status = SYMO_OK;
  fill_bytes(load.byte_of);
  SYMO_TRY(symo_file_read_all(context, vocab, LIMIT, &text, &length));
  SYMO_TRY(symo_file_read_all(context, merges, LIMIT, &pairs, &more));
  sum = symo_malloc(sizeof *sum);
  if (sum == NULL) {
    status = symo_fail_memory(context, vocab);
    goto fail;
  }
  symo_checksum_start(sum);
  symo_checksum_add(sum, text, length);
  symo_checksum_add(sum, pairs, more);
  out->checksum = symo_checksum_value(sum);
  SYMO_TRY(read_vocab(&load, text, length));
  SYMO_TRY(read_merges(&load, pairs, more));
fail:
  symo_free(sum);
  symo_free(text);
  symo_free(pairs);
  symo_free(load.index);
  return status;
}
