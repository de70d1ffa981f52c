#ifndef SYMO_CORE_REDUCTION_H
#define SYMO_CORE_REDUCTION_H

#include "core/comm.h"

/* A sum over processes that goes on while its terms are made: of a gradient, while backward works
 * on the layers before.
 *
 * The vector is cut into buckets, in the order in which its numbers will be there.  A bucket is sent
 * as soon as all of its numbers are: of each number the term goes to one process, which adds the
 * terms in the order of the processes.  So the bits are those of symo_comm_sum, wherever buckets end
 * and whenever they are sent.
 *
 * With owners the sum stays in the process that owns the number, which is half of what a sum for all
 * takes; the numbers of other processes are as they were.  Without, each process adds a part of
 * every bucket and sends the sums to the others. */
typedef struct symo_reduction symo_reduction;

/* `count` numbers from `first` on, of a vector; owner: see above. */
typedef struct symo_reduction_part {
  size_t first, count;
  int owner;
} symo_reduction_part;

/* Bytes of a bucket for that many processes: 1 MiB, and less where all that are on their way at once
 * would take more than 1 GiB, but 4 KiB at least. */
size_t symo_reduction_bucket(int size);

/* parts: in the order in which they will be there, without overlap.  owned: the sum is for the owner
 * of a part alone, else for all.  comm is borrowed.  SYMO_E_MEMORY. */
symo_status symo_reduction_create(symo_context *context, const symo_comm *comm, symo_dtype dtype,
                                  size_t num_parts, const symo_reduction_part *parts, bool owned,
                                  size_t bucket_bytes, symo_reduction **out);
void symo_reduction_destroy(symo_reduction *r); /* NULL is accepted */

/* One sum: x becomes scale times the sum.  `ready` says that the first `parts` parts are there, and
 * sees to those that are on their way; `end` says so of all parts and waits for them.  From the
 * thread that may exchange (the first).  x must not be touched where it is ready. */
void symo_reduction_begin(symo_reduction *r, void *x, double scale);
void symo_reduction_ready(symo_reduction *r, size_t parts);
void symo_reduction_end(symo_reduction *r);

/* Of all sums so far: buckets; those that were sent before `end`, and had come by then; bytes that
 * this process has sent. */
typedef struct symo_reduction_counts {
  size_t buckets, early, done_early;
  double bytes;
} symo_reduction_counts;
symo_reduction_counts symo_reduction_get_counts(const symo_reduction *r);

#endif
