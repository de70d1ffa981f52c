#ifndef SYMO_TESTS_SUPPORT_RANKS_H
#define SYMO_TESTS_SUPPORT_RANKS_H

#include "core/comm.h"

/* Calls task(comm, arg) at the same time in `size` threads that stand for processes (core/comm.h):
 * each has a table of its own, with its number. */
enum { TEST_MOST_RANKS = 8 };
void symo_test_ranks(int size, void (*task)(const symo_comm *comm, void *arg), void *arg);

#endif
