/* Sums over processes.  A short vector goes to all of them, and each of them adds.  A long one is
 * cut into as many blocks as there are processes: each adds one block and gives the sum to the
 * others, so that every number goes out twice however many processes there are. */
#include "core/comm.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/linalg.h"

enum { ALL_BYTES = 1 << 22, LEAST_BYTES = 1 << 12 };

/* Of one process in the room, which holds two such blocks of each. */
static size_t block_bytes(int size) {
  const size_t bytes = ALL_BYTES / (size_t)size & ~(size_t)63;
  return bytes > LEAST_BYTES ? bytes : LEAST_BYTES;
}

size_t symo_comm_room(int size) { return 2 * (size_t)size * block_bytes(size); }

/* The sum of [size] blocks of n numbers, in order, into `out`, which is none of them. */
static void add_blocks(int size, symo_dtype dtype, size_t n, size_t stride, const void *blocks,
                       void *out) {
  memcpy(out, blocks, n * symo_dtype_size(dtype));
  for (int r = 1; r < size; r++)
    symo_axpy(dtype, n, 1.0, symo_at(dtype, blocks, (ptrdiff_t)((size_t)r * stride)), out);
}

static void sum_short(const symo_comm *comm, symo_dtype dtype, size_t n, void *x) {
  const size_t bytes = n * symo_dtype_size(dtype);
  memcpy((char *)comm->room + (size_t)comm->rank * bytes, x, bytes);
  comm->collect(comm->self, bytes, comm->room);
  add_blocks(comm->size, dtype, n, n, comm->room, x);
}

/* size * n numbers. */
static void sum_long(const symo_comm *comm, symo_dtype dtype, size_t n, void *x) {
  const size_t bytes = n * symo_dtype_size(dtype);
  comm->trade(comm->self, bytes, x, comm->room);
  add_blocks(comm->size, dtype, n, n, comm->room, (char *)x + (size_t)comm->rank * bytes);
  comm->collect(comm->self, bytes, x);
}

void symo_comm_sum(const symo_comm *comm, symo_dtype dtype, size_t n, void *x) {
  if (symo_comm_size(comm) == 1) return;
  const size_t item = symo_dtype_size(dtype), size = (size_t)comm->size;
  const size_t block = 2 * block_bytes(comm->size) / item;
  for (size_t at = 0, some; at < n; at += some) {
    const size_t left = (n - at) / size < block ? (n - at) / size : block;
    void *here = symo_at(dtype, x, (ptrdiff_t)at);
    if (left * item > LEAST_BYTES) {
      some = size * left;
      sum_long(comm, dtype, left, here);
    } else {
      some = n - at < block ? n - at : block;
      sum_short(comm, dtype, some, here);
    }
  }
}

enum { SUM_TO_TAG = 1, PASS_TAG = 2, PASS_BYTES = 1 << 30 };

/* n numbers, of which the owner gets the terms of all in its room. */
static void sum_block_to(const symo_comm *comm, int owner, symo_dtype dtype, size_t n, void *x,
                         size_t *counts) {
  const size_t bytes = n * symo_dtype_size(dtype), size = (size_t)comm->size;
  const bool ours = comm->rank == owner;
  for (size_t r = 0; r < size; r++) {
    const bool here = r == (size_t)comm->rank;
    counts[r] = !ours && r == (size_t)owner ? bytes : 0;
    counts[size + r] = 0;
    counts[2 * size + r] = ours && !here ? bytes : 0;
    counts[3 * size + r] = r * bytes;
  }
  if (ours) memcpy((char *)comm->room + (size_t)owner * bytes, x, bytes);
  const symo_comm_parcel parcel = {.from = x,
                                   .to = comm->room,
                                   .send = counts,
                                   .send_at = counts + size,
                                   .receive = counts + 2 * size,
                                   .receive_at = counts + 3 * size,
                                   .tag = SUM_TO_TAG};
  comm->begin(comm->self, 0, &parcel);
  (void)comm->done(comm->self, 0, true);
  if (ours) add_blocks(comm->size, dtype, n, n, comm->room, x);
}

/* The last of the room has the counts. */
void symo_comm_sum_to(const symo_comm *comm, int owner, symo_dtype dtype, size_t n, void *x) {
  if (symo_comm_size(comm) == 1) return;
  const size_t most = block_bytes(comm->size) / symo_dtype_size(dtype);
  char *counts = (char *)comm->room + symo_comm_room(comm->size) / 2;
  for (size_t at = 0, some; at < n; at += some) {
    some = n - at < most ? n - at : most;
    sum_block_to(comm, owner, dtype, some, symo_at(dtype, x, (ptrdiff_t)at),
                 (size_t *)(void *)counts);
  }
}

/* Of `all` bytes those from `at` on that go at once. */
static size_t some_of(size_t all, size_t at) {
  const size_t left = all > at ? all - at : 0;
  return left < PASS_BYTES ? left : PASS_BYTES;
}

/* Both ends of a way know how long it is, and so in how many pieces it goes. */
void symo_comm_pass(const symo_comm *comm, const symo_comm_parcel *parcel) {
  if (symo_comm_size(comm) == 1) return;
  const size_t size = (size_t)comm->size;
  size_t *counts = comm->room;
  const symo_comm_parcel now = {.from = parcel->from,
                                .to = parcel->to,
                                .send = counts,
                                .send_at = counts + size,
                                .receive = counts + 2 * size,
                                .receive_at = counts + 3 * size,
                                .tag = PASS_TAG};
  bool left = true;
  for (size_t at = 0; left; at += PASS_BYTES) {
    left = false;
    for (size_t r = 0; r < size; r++) {
      counts[r] = some_of(parcel->send[r], at);
      counts[size + r] = parcel->send_at[r] + at;
      counts[2 * size + r] = some_of(parcel->receive[r], at);
      counts[3 * size + r] = parcel->receive_at[r] + at;
      left = left || parcel->send[r] > at + PASS_BYTES || parcel->receive[r] > at + PASS_BYTES;
    }
    comm->begin(comm->self, 0, &now);
    (void)comm->done(comm->self, 0, true);
  }
}

void symo_comm_most(const symo_comm *comm, size_t n, double *x) {
  if (symo_comm_size(comm) == 1) return;
  double *all = comm->room;
  assert(n <= SYMO_COMM_FEW);
  memcpy(all + (size_t)comm->rank * n, x, n * sizeof *x);
  comm->collect(comm->self, n * sizeof *x, all);
  for (size_t i = 0; i < n; i++) x[i] = all[i];
  for (size_t r = 1; r < (size_t)comm->size; r++)
    for (size_t i = 0; i < n; i++) x[i] = fmax(x[i], all[r * n + i]);
}

void symo_comm_spread(const symo_comm *comm, size_t count, const symo_comm_piece *pieces) {
  if (symo_comm_size(comm) > 1) comm->spread(comm->self, count, pieces);
}

void symo_comm_share(const symo_comm *comm, int owner, size_t bytes, void *data) {
  const symo_comm_piece piece = {owner, bytes, data};
  symo_comm_spread(comm, 1, &piece);
}

int symo_comm_first(const symo_comm *comm, bool flag) {
  unsigned char *all = comm != NULL ? comm->room : NULL;
  if (symo_comm_size(comm) == 1) return flag ? 0 : -1;
  all[comm->rank] = flag ? 1 : 0;
  comm->collect(comm->self, 1, all);
  for (int r = 0; r < comm->size; r++)
    if (all[r] != 0) return r;
  return -1;
}

int symo_comm_agree(const symo_comm *comm, int code) {
  const int first = symo_comm_first(comm, code != 0);
  if (first >= 0) symo_comm_share(comm, first, sizeof code, &code);
  return code;
}

void symo_comm_part(size_t count, size_t parts, size_t index, size_t *first, size_t *end) {
  const size_t each = count / parts, more = count % parts;
  *first = index * each + (index < more ? index : more);
  *end = *first + each + (index < more ? 1 : 0);
}
