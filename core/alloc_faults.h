#ifndef SYMO_CORE_ALLOC_FAULTS_H
#define SYMO_CORE_ALLOC_FAULTS_H

#include <stddef.h>

/* For tests, beside symo_alloc_fail_after: the next n allocations succeed, the one after them fails,
 * and all later ones succeed; n < 0 turns that off. */
void symo_alloc_fail_once(long n);
size_t symo_alloc_refused(void); /* allocations that failed since one of the two was called */

#endif
