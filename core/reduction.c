/* Sums over processes, bucket by bucket (reduction.h).
 *
 * A bucket is a list of pieces of the vector, each with the process that adds it: its owner, or,
 * where the sum is for all, the process whose turn it is when the bucket is cut into equal blocks.
 * What goes to one process lies together.  The room of a bucket that is on its way holds what it
 * sends, then what the process adds: a block from each process, its own among them. */
#include "core/reduction.h"

#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"

enum {
  MOST_BYTES = 1 << 20,  /* of a bucket */
  LEAST_BYTES = 1 << 12, /* the same */
  ALL_BYTES = 1 << 30    /* of what has come, all buckets that are on their way */
};

size_t symo_reduction_bucket(int size) {
  const size_t bytes = (size_t)ALL_BYTES / ((size_t)size * SYMO_COMM_SLOTS);
  return bytes > MOST_BYTES ? MOST_BYTES : bytes < LEAST_BYTES ? LEAST_BYTES : bytes;
}

/* at: of its first number among those that the bucket sends. */
typedef struct piece {
  size_t first, count, at;
  int owner;
} piece;

typedef struct bucket {
  size_t first_piece, num_pieces, numbers, last_part; /* last_part: all up to it must be there */
} bucket;

typedef enum phase { FREE, TERMS, SUMS } phase;

typedef struct slot {
  phase phase;
  size_t bucket;
  char *sent, *come; /* the room */
  size_t *counts;    /* bytes: send, send_at, receive, receive_at, each [size] */
} slot;

struct symo_reduction {
  const symo_comm *comm;
  symo_dtype dtype;
  bool owned;
  size_t num_parts, num_pieces, num_buckets;
  piece *pieces;
  bucket *buckets;
  slot slots[SYMO_COMM_SLOTS];
  char *room;
  size_t *numbers; /* of the slots */
  /* of the sum at hand */
  void *x;
  double scale;
  bool ended;
  size_t there, begun, over; /* parts that are there; buckets that were sent, and are done */
  symo_reduction_counts counts;
};

/* ---- buckets ---- */

/* Adds numbers to the bucket at the end, which is not full; arrays NULL: only counts. */
static void add_piece(symo_reduction *r, bucket *b, size_t first, size_t count, int owner) {
  piece *last = b->num_pieces > 0 && r->pieces != NULL ? &r->pieces[r->num_pieces - 1] : NULL;
  b->numbers += count;
  if (last != NULL && last->owner == owner && last->first + last->count == first) {
    last->count += count;
    return;
  }
  if (r->pieces != NULL)
    r->pieces[r->num_pieces] = (piece){.first = first, .count = count, .owner = owner};
  r->num_pieces++, b->num_pieces++;
}

static void close_bucket(symo_reduction *r, bucket *b, size_t part) {
  if (b->numbers == 0) return;
  b->last_part = part;
  if (r->buckets != NULL) r->buckets[r->num_buckets] = *b;
  r->num_buckets++;
  *b = (bucket){.first_piece = r->num_pieces};
}

/* Run twice: the first time it counts, by the same steps but that it joins nothing. */
static void cut(symo_reduction *r, const symo_reduction_part *parts, size_t most) {
  bucket b = {0};
  r->num_pieces = r->num_buckets = 0;
  for (size_t p = 0; p < r->num_parts; p++) {
    for (size_t done = 0, n; done < parts[p].count; done += n) {
      const size_t left = parts[p].count - done, room = most - b.numbers;
      n = left < room ? left : room;
      add_piece(r, &b, parts[p].first + done, n, r->owned ? parts[p].owner : 0);
      if (b.numbers == most) close_bucket(r, &b, p);
    }
  }
  close_bucket(r, &b, r->num_parts > 0 ? r->num_parts - 1 : 0);
}

/* Without owners: cuts the pieces of bucket b, of `from`, where the part of a process ends. */
static void give_turns(symo_reduction *r, const piece *from, bucket *b) {
  const size_t size = (size_t)r->comm->size, first_piece = r->num_pieces;
  size_t at = 0, first, end, rank = 0;
  symo_comm_part(b->numbers, size, rank, &first, &end);
  for (size_t i = 0; i < b->num_pieces; i++) {
    piece left = from[b->first_piece + i];
    while (left.count > 0) {
      while (at == end) symo_comm_part(b->numbers, size, ++rank, &first, &end);
      piece *out = &r->pieces[r->num_pieces++];
      *out = left, out->owner = (int)rank;
      out->count = left.count < end - at ? left.count : end - at;
      left.first += out->count, left.count -= out->count;
      at += out->count;
    }
  }
  b->first_piece = first_piece, b->num_pieces = r->num_pieces - first_piece;
}

static symo_status take_turns(symo_context *context, symo_reduction *r) {
  const size_t cuts = r->num_buckets * (size_t)r->comm->size;
  piece *from = r->pieces;
  r->pieces = symo_calloc(r->num_pieces + cuts, sizeof *r->pieces);
  if (r->pieces == NULL) {
    r->pieces = from;
    return symo_fail_memory(context, "reduction");
  }
  r->num_pieces = 0;
  for (size_t i = 0; i < r->num_buckets; i++) give_turns(r, from, &r->buckets[i]);
  symo_free(from);
  return SYMO_OK;
}

/* Where pieces lie among what is sent: those of one process together, in order. */
static void place(const symo_reduction *r, const bucket *b) {
  size_t at = 0;
  for (int owner = 0; owner < r->comm->size; owner++)
    for (size_t i = b->first_piece; i < b->first_piece + b->num_pieces; i++) {
      if (r->pieces[i].owner != owner) continue;
      r->pieces[i].at = at;
      at += r->pieces[i].count;
    }
}

/* Numbers of a bucket that this process adds. */
static size_t own_numbers(const symo_reduction *r, const bucket *b) {
  size_t own = 0;
  for (size_t i = b->first_piece; i < b->first_piece + b->num_pieces; i++)
    if (r->pieces[i].owner == r->comm->rank) own += r->pieces[i].count;
  return own;
}

static symo_status take_room(symo_context *context, symo_reduction *r) {
  const size_t item = symo_dtype_size(r->dtype), size = (size_t)r->comm->size;
  size_t sent = 0, own = 0;
  for (size_t i = 0; i < r->num_buckets; i++) {
    const size_t numbers = own_numbers(r, &r->buckets[i]);
    sent = r->buckets[i].numbers > sent ? r->buckets[i].numbers : sent;
    own = numbers > own ? numbers : own;
  }
  const size_t sent_bytes = symo_padded(sent * item), come_bytes = symo_padded(size * own * item);
  r->room = symo_malloc(SYMO_COMM_SLOTS * (sent_bytes + come_bytes) + 1);
  r->numbers = symo_calloc(SYMO_COMM_SLOTS * 4 * size, sizeof *r->numbers);
  if (r->room == NULL || r->numbers == NULL) return symo_fail_memory(context, "reduction");
  for (size_t s = 0; s < SYMO_COMM_SLOTS; s++)
    r->slots[s] = (slot){.sent = r->room + s * (sent_bytes + come_bytes),
                         .come = r->room + s * (sent_bytes + come_bytes) + sent_bytes,
                         .counts = r->numbers + 4 * s * size};
  return SYMO_OK;
}

symo_status symo_reduction_create(symo_context *context, const symo_comm *comm, symo_dtype dtype,
                                  size_t num_parts, const symo_reduction_part *parts, bool owned,
                                  size_t bucket_bytes, symo_reduction **out) {
  const size_t most = bucket_bytes / symo_dtype_size(dtype);
  symo_reduction *r = symo_calloc(1, sizeof *r);
  symo_status status = SYMO_OK;
  if (r == NULL) return symo_fail_memory(context, "reduction");
  r->comm = comm, r->dtype = dtype, r->owned = owned, r->num_parts = num_parts;
  cut(r, parts, most > 0 ? most : 1);
  r->pieces = symo_calloc(r->num_pieces + 1, sizeof *r->pieces);
  r->buckets = symo_calloc(r->num_buckets + 1, sizeof *r->buckets);
  if (r->pieces == NULL || r->buckets == NULL) SYMO_TRY(symo_fail_memory(context, "reduction"));
  cut(r, parts, most > 0 ? most : 1);
  if (!owned) SYMO_TRY(take_turns(context, r));
  for (size_t i = 0; i < r->num_buckets; i++) place(r, &r->buckets[i]);
  SYMO_TRY(take_room(context, r));
  *out = r;
  return SYMO_OK;
fail:
  symo_reduction_destroy(r);
  return status;
}

void symo_reduction_destroy(symo_reduction *r) {
  if (r == NULL) return;
  symo_free(r->pieces);
  symo_free(r->buckets);
  symo_free(r->room);
  symo_free(r->numbers);
  symo_free(r);
}

/* ---- a bucket on its way ---- */

static void copy_piece(const symo_reduction *r, const piece *p, char *room, size_t at, bool out) {
  const size_t item = symo_dtype_size(r->dtype);
  void *there = symo_at(r->dtype, r->x, (ptrdiff_t)p->first), *here = room + at * item;
  memcpy(out ? there : here, out ? here : there, p->count * item);
}

/* This process's numbers of bucket b between x and a block of them. */
static void copy_own(const symo_reduction *r, const bucket *b, char *block, bool out) {
  size_t at = 0;
  for (size_t i = b->first_piece; i < b->first_piece + b->num_pieces; i++) {
    if (r->pieces[i].owner != r->comm->rank) continue;
    copy_piece(r, &r->pieces[i], block, at, out);
    at += r->pieces[i].count;
  }
}

/* Bytes that go to each process, and where they lie. */
static void count_terms(const symo_reduction *r, const bucket *b, const slot *s) {
  const size_t item = symo_dtype_size(r->dtype), size = (size_t)r->comm->size;
  const size_t own = own_numbers(r, b) * item;
  memset(s->counts, 0, 4 * size * sizeof *s->counts);
  for (size_t i = b->first_piece; i < b->first_piece + b->num_pieces; i++)
    s->counts[r->pieces[i].owner] += r->pieces[i].count * item;
  for (size_t p = 0; p < size; p++) {
    if (p > 0) s->counts[size + p] = s->counts[size + p - 1] + s->counts[p - 1];
    s->counts[2 * size + p] = own;
    s->counts[3 * size + p] = p * own;
  }
}

static void send(symo_reduction *r, slot *s, const void *from, void *to) {
  const size_t size = (size_t)r->comm->size, rank = (size_t)r->comm->rank;
  s->counts[rank] = s->counts[2 * size + rank] = 0; /* what is here stays here */
  for (size_t p = 0; p < size; p++) r->counts.bytes += (double)s->counts[p];
  const symo_comm_parcel parcel = {.from = from,
                                   .to = to,
                                   .send = s->counts,
                                   .send_at = s->counts + size,
                                   .receive = s->counts + 2 * size,
                                   .receive_at = s->counts + 3 * size,
                                   .tag = 2 * s->bucket + (s->phase == SUMS)};
  r->comm->begin(r->comm->self, (int)(s - r->slots), &parcel);
}

static void send_terms(symo_reduction *r, slot *s) {
  const bucket *b = &r->buckets[s->bucket];
  const size_t own = own_numbers(r, b) * symo_dtype_size(r->dtype);
  for (size_t i = b->first_piece; i < b->first_piece + b->num_pieces; i++)
    if (r->pieces[i].owner != r->comm->rank)
      copy_piece(r, &r->pieces[i], s->sent, r->pieces[i].at, false);
  copy_own(r, b, s->come + (size_t)r->comm->rank * own, false);
  count_terms(r, b, s);
  s->phase = TERMS;
  send(r, s, s->sent, s->come);
}

/* The sums go to all; those of the others come to where their terms lay. */
static void send_sums(symo_reduction *r, slot *s) {
  const size_t size = (size_t)r->comm->size;
  count_terms(r, &r->buckets[s->bucket], s);
  for (size_t p = 0; p < size; p++) {
    const size_t count = s->counts[p], at = s->counts[size + p];
    s->counts[p] = s->counts[2 * size + p], s->counts[size + p] = 0;
    s->counts[2 * size + p] = count, s->counts[3 * size + p] = at;
  }
  s->phase = SUMS;
  send(r, s, s->come, s->sent);
}

/* The terms have come: into the first block, in the order of the processes. */
static void add_terms(symo_reduction *r, const slot *s) {
  const bucket *b = &r->buckets[s->bucket];
  const size_t own = own_numbers(r, b), item = symo_dtype_size(r->dtype);
  for (size_t p = 1; p < (size_t)r->comm->size; p++)
    symo_axpy(r->dtype, own, 1.0, s->come + p * own * item, s->come);
  if (r->scale != 1.0) symo_scal(r->dtype, own, r->scale, s->come);
  copy_own(r, b, s->come, true);
}

static void take_sums(const symo_reduction *r, const slot *s) {
  const bucket *b = &r->buckets[s->bucket];
  for (size_t i = b->first_piece; i < b->first_piece + b->num_pieces; i++)
    if (r->pieces[i].owner != r->comm->rank)
      copy_piece(r, &r->pieces[i], s->sent, r->pieces[i].at, true);
}

/* Takes a bucket as far as it can go now; wait: to its end. */
static void go_on(symo_reduction *r, slot *s, bool wait) {
  const int number = (int)(s - r->slots);
  while (s->phase != FREE && r->comm->done(r->comm->self, number, wait)) {
    if (s->phase == TERMS) {
      add_terms(r, s);
      if (!r->owned) {
        send_sums(r, s);
        continue;
      }
    } else {
      take_sums(r, s);
    }
    s->phase = FREE;
    r->over++;
    r->counts.done_early += !r->ended;
  }
}

static slot *find_free(symo_reduction *r) {
  for (size_t s = 0; s < SYMO_COMM_SLOTS; s++)
    if (r->slots[s].phase == FREE) return &r->slots[s];
  return NULL;
}

/* Sends, in order, what is there and finds room. */
static void send_ready(symo_reduction *r) {
  for (slot *s; r->begun < r->num_buckets && r->buckets[r->begun].last_part < r->there;) {
    if ((s = find_free(r)) == NULL) return;
    s->bucket = r->begun++;
    r->counts.early += !r->ended;
    send_terms(r, s);
  }
}

void symo_reduction_begin(symo_reduction *r, void *x, double scale) {
  r->x = x, r->scale = scale;
  r->ended = false;
  r->there = r->begun = r->over = 0;
  r->counts.buckets += r->num_buckets;
}

void symo_reduction_ready(symo_reduction *r, size_t parts) {
  r->there = parts > r->there ? parts : r->there;
  for (size_t s = 0; s < SYMO_COMM_SLOTS; s++) go_on(r, &r->slots[s], false);
  send_ready(r);
}

void symo_reduction_end(symo_reduction *r) {
  symo_reduction_ready(r, r->there);
  r->ended = true;
  r->there = r->num_parts;
  while (r->over < r->num_buckets) {
    send_ready(r);
    slot *first = NULL; /* that was sent first: all others let it come */
    for (size_t s = 0; s < SYMO_COMM_SLOTS; s++) {
      if (r->slots[s].phase != FREE) go_on(r, &r->slots[s], false);
      if (r->slots[s].phase != FREE && (first == NULL || r->slots[s].bucket < first->bucket))
        first = &r->slots[s];
    }
    send_ready(r);
    if (first != NULL) go_on(r, first, true);
  }
}

symo_reduction_counts symo_reduction_get_counts(const symo_reduction *r) {
  return r != NULL ? r->counts : (symo_reduction_counts){0};
}
