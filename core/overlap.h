#ifndef SYMO_CORE_OVERLAP_H
#define SYMO_CORE_OVERLAP_H

#include <stdint.h>

#include "core/nd.h"

/* The bytes of a view: from the first to behind the last. */
typedef struct symo_span {
  uintptr_t first, end;
} symo_span;

symo_span symo_nd_span(const symo_nd *x);

/* True if the views share a byte.  The test is exact, so interleaved views, such as two columns of
 * one matrix, do not overlap.  If the strides are so irregular that the exact test would take too
 * long, the result is true. */
bool symo_nd_overlap(const symo_nd *a, const symo_nd *b);

/* True if no two entries of the view share memory.  Sufficient condition: sorted by size, each
 * stride is at least the extent that the smaller ones reach. */
bool symo_nd_is_apart(const symo_nd *x);

#endif
