#ifndef SYMO_CORE_COMM_H
#define SYMO_CORE_COMM_H

#include <stdbool.h>
#include <stddef.h>
#include <symo/context.h>
#include <symo/types.h>

/* Processes that work on one problem together, numbered from 0, and what they exchange.  All of
 * them call the same functions in the same order with the same sizes.  NULL stands for a process by
 * itself, for which nothing here does anything.
 *
 * The library starts no processes: whoever did fills the table (cli/ranks_mpi.c).  No slot fails;
 * one that cannot do its part ends all processes. */
typedef struct symo_comm_piece {
  int owner;
  size_t bytes;
  void *data;
} symo_comm_piece;

/* What goes from every process to every other: send[r] bytes from send_at[r] on to process r,
 * receive[r] from it; nothing to itself.  All arrays are [size], and stay until it has come. */
typedef struct symo_comm_parcel {
  const void *from;
  void *to;
  const size_t *send, *send_at, *receive, *receive_at;
  size_t
      tag; /* of those on their way at the same time each has its own, the same in all processes */
} symo_comm_parcel;

enum { SYMO_COMM_SLOTS = 4 }; /* parcels on their way at once */

typedef struct symo_comm {
  int rank, size;
  void *self, *room; /* room: symo_comm_room bytes, of the table's owner */
  /* Block r of `from` goes to process r, block r of `to` comes from it. */
  void (*trade)(void *self, size_t bytes, const void *from, void *to);
  /* Block r of `all` goes from process r to all others. */
  void (*collect)(void *self, size_t bytes, void *all);
  /* Each piece goes from its owner to all others. */
  void (*spread)(void *self, size_t count, const symo_comm_piece *pieces);
  /* From one process to another; nothing to do for the others. */
  void (*move)(void *self, int from, int to, size_t bytes, const void *source, void *target);
  /* Sends a parcel as number `slot` and does not wait; `done`: whether it has come and gone, at the
   * latest where `wait`.  Processes need not begin parcels in one order, nor at one time. */
  void (*begin)(void *self, int slot, const symo_comm_parcel *parcel);
  bool (*done)(void *self, int slot, bool wait);
} symo_comm;

static inline int symo_comm_size(const symo_comm *comm) { return comm != NULL ? comm->size : 1; }
static inline int symo_comm_rank(const symo_comm *comm) { return comm != NULL ? comm->rank : 0; }

/* Bytes of the room of a table for that many processes. */
size_t symo_comm_room(int size);

/* x [n] := the sum of the x of all processes, added in the order of their numbers: the same bits in
 * all of them, and every time. */
void symo_comm_sum(const symo_comm *comm, symo_dtype dtype, size_t n, void *x);

/* The same for one process alone, with half of the bytes: x is as it was in the others. */
void symo_comm_sum_to(const symo_comm *comm, int owner, symo_dtype dtype, size_t n, void *x);

/* The same bytes in all processes: those of `owner`. */
void symo_comm_share(const symo_comm *comm, int owner, size_t bytes, void *data);
void symo_comm_spread(const symo_comm *comm, size_t count, const symo_comm_piece *pieces);

/* Sends a parcel of any size, whose tag is not looked at, and waits for it.  Processes that have
 * nothing for each other may leave it out. */
void symo_comm_pass(const symo_comm *comm, const symo_comm_parcel *parcel);

/* x [n], n up to SYMO_COMM_FEW: the largest of all processes, NaN where all have NaN. */
enum { SYMO_COMM_FEW = 16 };
void symo_comm_most(const symo_comm *comm, size_t n, double *x);

/* The number of the first process whose flag is set; -1: that of none. */
int symo_comm_first(const symo_comm *comm, bool flag);

/* The code of the first process whose code is not 0; 0 where all are.  Before processes wait for
 * each other: what stops one stops all. */
int symo_comm_agree(const symo_comm *comm, int code);

/* Items [*first, *end) of `count` are those of number `index` of `parts`: contiguous, in order, and
 * their numbers differ by one at most. */
void symo_comm_part(size_t count, size_t parts, size_t index, size_t *first, size_t *end);

#endif
