#ifndef SYMO_TESTS_SUPPORT_RANKS_H
#define SYMO_TESTS_SUPPORT_RANKS_H

#include "core/comm.h"

/* Calls task(comm, arg) at the same time in `size` threads that stand for processes (core/comm.h):
 * each has a table of its own, with its number. */
enum { TEST_MOST_RANKS = 8 };
void symo_test_ranks(int size, void (*task)(const symo_comm *comm, void *arg), void *arg);

/* The same with a clock of its own for each of them, which nothing but work and waiting moves: an
 * exchange takes `latency`, from when the last has come to it; a parcel that and `byte` for each of
 * its bytes, and a process sends one after the other.  A parcel that is asked for without waiting has not come.  So figures
 * are those of every run. */
void symo_test_ranks_slow(int size, double latency, double byte,
                          void (*task)(const symo_comm *comm, void *arg), void *arg);
void symo_test_work(const symo_comm *comm, double time);
double symo_test_waited(const symo_comm *comm); /* for exchanges, so far */

#endif
