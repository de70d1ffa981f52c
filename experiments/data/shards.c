/* Shards of tokens. */
#include "experiments/data/shards.h"

#include <stdint.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "experiments/data/reader.h"

enum { HEADER = 1024 };
static const uint32_t magic_16 = 20240520, magic_32 = 20240801;

static const char *base_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash != NULL ? slash + 1 : path;
}

bool symo_shard_is(const char *path) {
  const size_t length = strlen(path);
  return length > 4 && strcmp(path + length - 4, ".bin") == 0;
}

bool symo_shard_is_held(const char *path) { return strstr(base_of(path), "val") != NULL; }

static uint32_t number(const unsigned char *bytes, size_t width) {
  uint32_t value = 0;
  for (size_t i = width; i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

/* Where the tokens begin, how wide they are and how many. */
typedef struct shard {
  size_t from, width, count;
} shard;

static symo_status open_shard(symo_context *context, const char *path, const unsigned char *bytes,
                              size_t size, shard *out) {
  const uint32_t magic = size >= HEADER ? number(bytes, 4) : 0;
  *out = (shard){.width = 2, .count = size / 2};
  if (magic == magic_16 || magic == magic_32) {
    const uint32_t version = number(bytes + 4, 4), known = magic == magic_16 ? 1 : 7;
    if (version != known)
      return symo_fail(context, SYMO_E_FORMAT,
                       "%s: tokens of llm.c, version %u (known is version %u: write it anew)", path,
                       (unsigned)version, (unsigned)known);
    *out = (shard){HEADER, magic == magic_16 ? 2 : 4, number(bytes + 8, 4)};
  }
  if (out->from + out->width * out->count != size)
    return symo_fail(context, SYMO_E_FORMAT,
                     "%s: %zu bytes are no %s of %zu bytes each (is it whole, and of nanoGPT or "
                     "llm.c?)",
                     path, size - out->from,
                     out->from > 0 ? "count of tokens as it says," : "tokens", out->width);
  if (out->count == 0)
    return symo_fail(context, SYMO_E_ARGUMENT, "%s: is empty (give tokens)", path);
  return SYMO_OK;
}

static symo_status reserve(symo_context *context, const char *path, size_t more, size_t *room,
                           gpt_text *text) {
  if (more > SIZE_MAX / 16 - text->count)
    return symo_fail(context, SYMO_E_SIZE, "%s: too many tokens (take fewer files)", path);
  if (text->count + more <= *room) return SYMO_OK;
  const size_t larger = text->count + more + *room;
  uint32_t *moved = symo_malloc(larger * sizeof *moved);
  if (moved == NULL) return symo_fail_memory(context, path);
  if (text->count > 0) memcpy(moved, text->ids, text->count * sizeof *moved);
  symo_free(text->ids);
  text->ids = moved, *room = larger;
  return SYMO_OK;
}

symo_status symo_shard_add(symo_context *context, const char *path, symo_data_kept *kept,
                           size_t *room, gpt_text *text) {
  unsigned char *bytes = NULL;
  size_t size = 0;
  shard s = {0};
  symo_status status = SYMO_OK;
  SYMO_TRY(symo_data_slurp(context, path, kept, &bytes, &size));
  SYMO_TRY(open_shard(context, path, bytes, size, &s));
  SYMO_TRY(reserve(context, path, s.count, room, text));
  for (size_t i = 0; i < s.count; i++)
    text->ids[text->count + i] = number(bytes + s.from + i * s.width, s.width);
  text->count += s.count;
fail:
  symo_free(bytes);
  return status;
}
