/* Encoding by byte pairs.  A word is its bytes; of the neighbouring pairs in the list of merges the
 * one that stands first there is put together, of equal ones the leftmost, until there is none.
 * Pairs wait in a heap and are looked at again when they come up, so that a word of n bytes takes
 * n log n; words that were met before are copied from where they were met. */
#include "experiments/data/bpe.h"

#include <stdbool.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/text.h"

#define NONE UINT32_MAX

void gpt_bpe_drop(gpt_bpe *bpe) {
  symo_free(bpe->pool);
  symo_free(bpe->start);
  symo_free(bpe->merge);
  *bpe = (gpt_bpe){0};
}

gpt_bpe_merge *gpt_bpe_slot(const gpt_bpe *bpe, uint32_t left, uint32_t right) {
  const uint64_t key = ((uint64_t)left << 32 | right) * SYMO_GOLDEN;
  for (size_t at = (size_t)(key >> 32);; at++) {
    gpt_bpe_merge *merge = &bpe->merge[at & (bpe->room - 1)];
    if (merge->rank == NONE || (merge->left == left && merge->right == right)) return merge;
  }
}

/* ---- one word ---- */

typedef struct waiting {
  const gpt_bpe_merge *merge;
  uint32_t at;
} waiting;

/* Arrays for words of up to `room` bytes; a part of the word that was put to another has id
 * NONE. */
typedef struct workspace {
  size_t room;
  uint32_t *id, *before, *behind;
  waiting *heap; /* [2 room]: all pairs at the start, and two for each merge, which takes one out */
  size_t waits;
} workspace;

static void workspace_drop(workspace *work) {
  symo_free(work->id);
  symo_free(work->before);
  symo_free(work->behind);
  symo_free(work->heap);
  *work = (workspace){0};
}

static bool workspace_fit(workspace *work, size_t length) {
  if (work->room > 0 && length <= work->room) return true;
  size_t room = work->room > 0 ? work->room : 256;
  while (room < length) room *= 2;
  workspace_drop(work);
  work->id = symo_calloc(room, sizeof *work->id);
  work->before = symo_calloc(room, sizeof *work->before);
  work->behind = symo_calloc(room, sizeof *work->behind);
  work->heap = symo_calloc(room, 2 * sizeof *work->heap);
  work->room = room;
  return work->id != NULL && work->before != NULL && work->behind != NULL && work->heap != NULL;
}

static bool sooner(const waiting *a, const waiting *b) {
  return a->merge->rank != b->merge->rank ? a->merge->rank < b->merge->rank : a->at < b->at;
}

static void push(workspace *work, const gpt_bpe *bpe, uint32_t at) {
  const gpt_bpe_merge *merge = gpt_bpe_slot(bpe, work->id[at], work->id[work->behind[at]]);
  if (merge->rank == NONE) return;
  const waiting new = {merge, at};
  size_t i = work->waits++;
  for (; i > 0 && sooner(&new, &work->heap[(i - 1) / 2]); i = (i - 1) / 2)
    work->heap[i] = work->heap[(i - 1) / 2];
  work->heap[i] = new;
}

static waiting pop(workspace *work) {
  const waiting first = work->heap[0], last = work->heap[--work->waits];
  size_t i = 0;
  for (size_t child; (child = 2 * i + 1) < work->waits; i = child) {
    if (child + 1 < work->waits && sooner(&work->heap[child + 1], &work->heap[child])) child++;
    if (!sooner(&work->heap[child], &last)) break;
    work->heap[i] = work->heap[child];
  }
  work->heap[i] = last;
  return first;
}

static void merge_all(workspace *work, const gpt_bpe *bpe) {
  while (work->waits > 0) {
    const waiting next = pop(work);
    const uint32_t left = next.at, right = work->behind[left];
    /* Since it came into the heap either part may have gone to another pair. */
    if (right == NONE || work->id[left] != next.merge->left || work->id[right] != next.merge->right)
      continue;
    work->id[left] = next.merge->whole;
    work->id[right] = NONE;
    work->behind[left] = work->behind[right];
    if (work->behind[left] != NONE) work->before[work->behind[left]] = left;
    if (work->before[left] != NONE) push(work, bpe, work->before[left]);
    if (work->behind[left] != NONE) push(work, bpe, left);
  }
}

/* ids: room for a token a byte.  Returns how many there are. */
static size_t encode_word(workspace *work, const gpt_bpe *bpe, const char *word, size_t length,
                          uint32_t *ids) {
  size_t count = 0;
  const uint32_t n = (uint32_t)length;
  work->waits = 0;
  for (uint32_t i = 0; i < n; i++) {
    work->id[i] = bpe->byte[(unsigned char)word[i]];
    work->before[i] = i > 0 ? i - 1 : NONE;
    work->behind[i] = i + 1 < n ? i + 1 : NONE;
  }
  for (uint32_t i = 0; i + 1 < n; i++) push(work, bpe, i);
  merge_all(work, bpe);
  for (uint32_t i = 0; i != NONE; i = work->behind[i]) ids[count++] = work->id[i];
  return count;
}

/* ---- a text ---- */

/* Words met, by their hash: where the tokens of one lie. */
typedef struct met {
  const char *word; /* NULL: no entry */
  size_t length, first, count;
} met;

typedef struct memory {
  met *entry; /* [room], a power of two, at most half full */
  size_t room, used;
} memory;

static uint64_t hash(const char *word, size_t length) {
  const uint64_t h = symo_hash_bytes(word, length);
  return h ^ h >> 29;
}

static met *memory_at(met *entry, size_t room, const char *word, size_t length) {
  for (size_t at = (size_t)hash(word, length);; at++) {
    met *e = &entry[at & (room - 1)];
    if (e->word == NULL || (e->length == length && memcmp(e->word, word, length) == 0)) return e;
  }
}

static bool memory_grow(memory *m) {
  const size_t room = m->room > 0 ? 2 * m->room : 64;
  met *larger = symo_calloc(room, sizeof *larger);
  if (larger == NULL) return false;
  for (size_t i = 0; i < m->room; i++)
    if (m->entry[i].word != NULL)
      *memory_at(larger, room, m->entry[i].word, m->entry[i].length) = m->entry[i];
  symo_free(m->entry);
  m->entry = larger, m->room = room;
  return true;
}

static bool ids_fit(uint32_t **ids, size_t *room, size_t used, size_t more) {
  if (more <= *room - used) return true;
  size_t larger = *room > 0 ? *room : 1024;
  while (larger - used < more) larger *= 2;
  uint32_t *moved = symo_calloc(larger, sizeof *moved);
  if (moved == NULL) return false;
  if (used > 0) memcpy(moved, *ids, used * sizeof *moved);
  symo_free(*ids);
  *ids = moved, *room = larger;
  return true;
}

symo_status gpt_bpe_encode(symo_context *context, const gpt_bpe *bpe, const char *where,
                           const char *text, size_t length, uint32_t **out, size_t *count) {
  workspace work = {0};
  memory met_words = {0};
  uint32_t *ids = NULL;
  size_t room = 0, used = 0, end;
  symo_status status = SYMO_OK;
  if (length >= NONE)
    return symo_fail(context, SYMO_E_SIZE, "%s: %zu %s (give texts of less than 4 GiB)", where,
                     length, symo_plural(length, "byte", "bytes"));
  if (!ids_fit(&ids, &room, 0, 1)) goto memory;
  for (size_t at = 0; at < length; at = end) {
    end = gpt_word_end(text, length, at);
    if (2 * met_words.used >= met_words.room && !memory_grow(&met_words)) goto memory;
    met *e = memory_at(met_words.entry, met_words.room, text + at, end - at);
    const size_t most = e->word != NULL ? e->count : end - at;
    if (!ids_fit(&ids, &room, used, most) || !workspace_fit(&work, end - at)) goto memory;
    if (e->word == NULL) {
      const size_t n = encode_word(&work, bpe, text + at, end - at, ids + used);
      *e = (met){text + at, end - at, used, n};
      met_words.used++;
    } else {
      memcpy(ids + used, ids + e->first, e->count * sizeof *ids);
    }
    used += e->count;
  }
  *out = ids, *count = used;
  goto done;
memory:
  status = symo_fail_memory(context, where);
  symo_free(ids);
done:
  workspace_drop(&work);
  symo_free(met_words.entry);
  return status;
}
